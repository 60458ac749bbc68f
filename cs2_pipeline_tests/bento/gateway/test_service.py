"""The gateway as a process: BentoML's worker with our application in it."""

import httpx
import pytest

from cs2_pipeline_tests.bento.gateway.process import SERVICE, gateway


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    home = tmp_path_factory.mktemp("gateway")
    environment = {"BENTOML_HOME": str(home / "bentoml"), "BENTOML_DO_NOT_TRACK": "True"}
    with (
        gateway(home, SERVICE, **environment) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=600) as client,
    ):
        yield client


def test_it_answers_in_front_of_bentomls_own_pages(process):
    assert process.get("/livez").json() == {"status": "alive"}
    assert process.get("/nothing").headers["content-type"] == "application/problem+json"
    assert process.get("/healthz").status_code == 200  # BentoML's
    assert "swagger" in process.get("/static_content/swagger-ui.css").text


def test_requests_are_counted_by_route_and_status(process):
    process.get("/wp-admin.php")
    text = process.get("/metrics").text
    assert 'api_requests_total{route="/livez",status="200"}' in text
    assert 'api_requests_total{route="unknown",status="404"}' in text
    assert "wp-admin" not in text
