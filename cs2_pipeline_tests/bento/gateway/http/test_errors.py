"""Whatever goes wrong in the gateway is answered in one form, with what to do and nothing that is nobody's business."""

from contextlib import suppress
from typing import Annotated

import pytest
from fastapi import Body, FastAPI
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from bento.gateway.app import _Gateway
from bento.gateway.http import errors
from bento.http.problems import Problem
from cs2_pipeline.records.database import RecordsError, UnkeepableError
from cs2_pipeline.settings import Settings


def caused(status, problem):
    error = HTTPException(status, "in the body")
    error.__cause__ = problem
    return error


RAISED = {
    "problem": Problem(402, "too_poor", "No money", "earn some", headers=[(b"retry-after", b"9")]),
    "records": RecordsError("sqlite:////srv/secret.db is locked"),
    "unkeepable": UnkeepableError("a NUL in /srv/secret.db"),
    "defect": ZeroDivisionError("/srv/secret.db"),
    "while-reading": caused(400, Problem(413, "too_large", "The body is too large", "at most 9")),
    "teapot": HTTPException(418, "a teapot"),
    "unreadable": HTTPException(400, "There was an error parsing the body"),
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    app: FastAPI = _Gateway()
    app.state.settings = Settings(home=tmp_path_factory.mktemp("home"))
    errors.install(app)

    @app.get("/raise/{name}")
    async def failing(name: str):
        raise RAISED[name]

    @app.put("/raise/all")
    @app.post("/raise/all")
    async def all_of_them(items: Annotated[list[dict[str, list[int]]], Body()]):
        return items

    @app.post("/counted")
    async def counted(n: int, items: Annotated[list[int], Body()]):
        return items[:n]

    @app.get("/page", include_in_schema=False)
    async def page():
        return "a page"

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("name", "status", "kind", "detail"),
    [
        ("problem", 402, "too-poor", "earn some"),
        ("records", 503, "no-records", "try again"),
        ("unkeepable", 422, "bad-values", "one field is wrong"),
        ("defect", 500, "internal", "under the id "),
        ("while-reading", 413, "too-large", "at most 9"),
        ("teapot", 418, "refused", "a teapot"),
        ("unreadable", 400, "not-json", "cannot be read as JSON"),
    ],
)
def test_each_error_is_a_problem_document_that_tells_no_secret(client, name, status, kind, detail):
    answered = client.get(f"/raise/{name}")
    problem = answered.json()
    assert (answered.status_code, problem["status"]) == (status, status)
    assert problem["type"] == f"urn:cs2-pipeline:problem:{kind}"
    assert detail in problem["detail"]
    assert "secret" not in answered.text
    assert answered.headers["content-type"] == "application/problem+json"
    assert answered.headers.get("retry-after") == {"problem": "9", "records": "1"}.get(name)


def test_records_that_are_away_are_counted_and_logged(client, caplog):
    before = errors.metrics.ERRORS.labels("records")._value.get()
    client.get("/raise/records")
    client.get("/raise/unkeepable")
    identifier = client.get("/raise/defect").json()["detail"].rpartition(" ")[2]
    assert len(identifier) == 32 and f"(id {identifier})" in caplog.text
    assert errors.metrics.ERRORS.labels("records")._value.get() == before + 1
    assert "/srv/secret.db is locked" in caplog.text


def test_a_browser_gets_a_page(client):
    answered = client.get("/raise/problem", headers={"accept": "text/html"})
    assert answered.status_code == 402
    assert answered.headers["content-type"].startswith("text/html")
    assert "earn some" in answered.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/raise/anything", "GET"),
        ("DELETE", "/raise/all", "POST, PUT"),
        ("GET", "/raise", None),
        ("POST", "/page", "GET"),
    ],
)
def test_a_wrong_method_is_told_those_of_the_most_literal_path(client, method, path, allowed):
    answered = client.request(method, path)
    assert (answered.status_code, answered.headers.get("allow")) == (404 if allowed is None else 405, allowed)


def test_a_field_is_named_by_its_path(client):
    problem = client.post("/raise/all", json=[{"a": [1]}, {"b": [1, "x", "y"]}]).json()
    assert [one["field"] for one in problem["errors"]] == ["1.b[1]", "1.b[2]"]
    assert problem["detail"] == "2 fields are wrong"
    assert {one["message"] for one in problem["errors"]} == {
        "Input should be a valid integer, unable to parse string as an integer"
    }


def test_keys_that_are_no_names_are_told_as_they_came_and_what_is_not_there_is_missing(client):
    (wrong,) = client.post("/raise/all", json=[{"aB c": ["x"]}]).json()["errors"]
    assert wrong["field"] == "0.aB c[0]"
    assert client.post("/raise/all", content=b"", headers={"content-type": "application/json"}).json()["errors"] == [
        {"field": "body", "message": "is missing"}
    ]
    assert client.post("/counted", json=[1]).json()["errors"] == [{"field": "n", "message": "is missing"}]


@pytest.mark.parametrize(
    ("content", "declared", "status", "told"),
    [
        (b'{"a"', "application/json", 400, "at position "),
        (b"a=1", "application/x-www-form-urlencoded", 415, "application/x-www-form-urlencoded"),
        (b"[5]", " Application/JSON ; charset=utf-8", 422, "one field is wrong"),
        (b"null", "application/json", 422, "one field is wrong"),
        (b"", "application/json", 422, "one field is wrong"),
    ],
)
def test_a_body_that_cannot_be_read_is_told_apart_from_wrong_values(client, content, declared, status, told):
    answered = client.post("/raise/all", content=content, headers={"content-type": declared})
    assert answered.status_code == status, answered.text
    assert told in answered.json()["detail"]
    with suppress(KeyError):
        assert all(one["message"] and one["field"] for one in answered.json()["errors"])


def test_a_form_in_place_of_json_is_told_so_whatever_else_is_wrong(client):
    answered = client.post("/counted", content=b"a=1", headers={"content-type": "application/x-www-form-urlencoded"})
    assert (answered.status_code, answered.json()["type"]) == (415, "urn:cs2-pipeline:problem:wrong-media-type")


def test_where_a_body_stops_being_json_is_said(client):
    answered = client.post("/raise/all", content=b'[{"a"', headers={"content-type": "application/json"})
    assert answered.json()["detail"] == "Expecting ':' delimiter at position 5"
