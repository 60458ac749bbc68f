"""What only PostgreSQL refuses of what strangers send: a text with a NUL, one too long for its column."""

import pytest

from cs2_pipeline.records import accounts, keys
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway
from cs2_pipeline_tests.bento.gateway.routers.test_auth import ANNA
from cs2_pipeline_tests.demodb.conftest import new_postgres, postgres_server  # noqa: F401

PASSWORD = "x" * 12


@pytest.fixture
def on_postgres(tmp_path, postgres_server):  # noqa: F811
    with open_gateway(tmp_path, records_url=new_postgres(postgres_server)) as client:
        yield client


def test_a_value_that_the_records_cannot_hold_is_refused_and_no_failure(on_postgres):
    gateway = on_postgres
    refused = [
        gateway.get("/api/v1/forecasts?team=%00"),
        gateway.get("/api/v1/forecasts/%00"),
        gateway.post("/auth/login", json={"username": "a\0", "password": PASSWORD}),
        gateway.post("/auth/register", json={"username": "anna", "email": "a\0@example.org", "password": PASSWORD}),
        gateway.post("/auth/register", json={"username": "anna", "email": f"{'ß' * 300}@a.de", "password": PASSWORD}),
    ]
    assert [one.status_code for one in refused] == [422] * len(refused)
    assert "cannot be kept" in refused[0].json()["errors"][0]["message"]
    records = gateway.app.state.records
    assert gateway.post("/auth/register", json=ANNA).status_code == 202
    account = accounts.named(records, ANNA["username"]).id
    text, _ = keys.create(records, "a bot", ["live:write", "upload"], user_id=account)
    for path in ("/api/v1/webhooks/%00", "/api/v1/uploads/%00"):
        for method in ("GET", "DELETE"):
            assert gateway.request(method, path, headers={"X-API-Key": text}).status_code == 404
    assert gateway.get("/readyz").status_code == 200
