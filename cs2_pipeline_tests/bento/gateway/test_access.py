"""Who may ask without a credential: a newcomer on the same machine, and nobody else."""

import hashlib
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Request
from starlette.testclient import TestClient

from bento.gateway.access import Access, Caller, Scope, allow, on_this_machine
from bento.gateway.http import errors
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, HERE


def asking(tmp_path, *, client=HERE, base_url="http://127.0.0.1:8080", scope=Scope.FORECAST, **settings):
    app = FastAPI()
    errors.install(app)
    app.state.access = Access(Settings(home=tmp_path, **settings))

    @app.get("/who")
    async def who(caller: Annotated[Caller, Depends(allow(scope))]) -> str:
        return caller.name

    return TestClient(app, client=client, base_url=base_url)


def test_on_this_machine_and_with_nothing_configured_no_key_is_needed(tmp_path):
    assert asking(tmp_path).get("/who").json() == "local"
    assert asking(tmp_path, client=("::1", 1), base_url="http://[::1]:8080").get("/who").status_code == 200


def test_from_elsewhere_a_key_is_always_needed(tmp_path):
    answer = asking(tmp_path, client=ELSEWHERE).get("/who")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "cs2 keys create" in answer.json()["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"Forwarded": "for=203.0.113.7"},
        {"Via": "1.1 proxy"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "rebound.example"},
    ],
)
def test_who_comes_through_a_proxy_or_another_page_is_not_on_this_machine(tmp_path, headers):
    assert asking(tmp_path).get("/who", headers=headers).status_code == 401


def test_a_page_of_the_gateway_itself_is_on_this_machine(tmp_path):
    assert asking(tmp_path).get("/who", headers={"Origin": "http://localhost:8080"}).status_code == 200


def test_a_configured_key_is_then_needed_on_this_machine_too(tmp_path):
    keys = hashlib.sha256(b"opensesame").hexdigest()
    client = asking(tmp_path, api_keys=keys)
    assert client.get("/who").status_code == 401
    assert client.get("/who", headers={"X-API-Key": "opensesame"}).status_code == 200
    assert client.get("/who", headers={"Authorization": "Bearer opensesame"}).status_code == 200
    assert client.get("/who", headers={"X-API-Key": "guess"}).status_code == 401


def test_administration_needs_more_than_being_here(tmp_path):
    client = asking(tmp_path, scope=Scope.ADMIN, admin_token="sesame")
    assert client.get("/who").status_code == 403
    assert client.get("/who", headers={"Authorization": "Bearer sesame"}).json() == "admin-token"


def test_a_key_that_asks_too_often_is_told_when_to_come_back(tmp_path):
    client = asking(tmp_path, api_keys=hashlib.sha256(b"k").hexdigest(), api_key_rate=0.001)
    assert client.get("/who", headers={"X-API-Key": "k"}).status_code == 200
    refused = client.get("/who", headers={"X-API-Key": "k"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 900


def test_a_request_without_an_address_is_from_nowhere():
    request = Request({"type": "http", "headers": [(b"host", b"localhost")], "client": None})
    assert not on_this_machine(request)
