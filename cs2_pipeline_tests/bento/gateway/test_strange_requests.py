"""Requests that a stranger may shape as he likes and no client of ours sends: refused or not found, never a failure."""

import base64

import pytest

from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway

JSON = {"content-type": "application/json"}
HUGE = base64.urlsafe_b64encode(str(10**30).encode()).decode().rstrip("=")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    home = tmp_path_factory.mktemp("strangers")
    Settings(home=home).data_docs_folder.mkdir(parents=True)
    with open_gateway(home) as client:
        yield client


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"/api/v1/forecasts?after={HUGE}", 422),
        (f"/api/v1/announcements?channel=ml_models&after={HUGE}", 422),
        ("/api/v1/forecasts?day=9999-12-31", 200),
        ("/matches?day=9999-12-31", 200),
        ("/data-docs/%00", 404),
        ("/data-docs/" + "a" * 300, 404),
        ("/static/stamp/" + "a" * 300, 404),
        ("/static/stamp/%00", 404),
        ("/what-if?ct_alive=nan&t_alive=inf", 200),
    ],
)
def test_an_address_that_nobody_means_is_no_failure(strangers, address, status):
    assert strangers.get(address).status_code == status


@pytest.mark.parametrize("path", ["/auth/login", "/auth/register"])
def test_a_password_that_is_no_text_is_refused(strangers, path):
    sent = b'{"username": "anna", "email": "a@example.org", "password": "\\ud800 and ten more"}'
    sent = sent if path.endswith("register") else sent.replace(b'"email": "a@example.org", ', b"")
    refused = strangers.post(path, content=sent, headers=JSON)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "password"
