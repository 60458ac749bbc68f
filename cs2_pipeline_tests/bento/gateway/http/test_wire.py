"""Both spellings, pages, and errors of the gateway's conventions."""

from typing import Annotated

import pytest
from fastapi import FastAPI, Query, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from bento.gateway.app import _Gateway
from bento.gateway.http import errors, paging, wire
from bento.gateway.http.wire import Wire, answer, to_snake
from bento.http.problems import Problem
from cs2_pipeline.settings import Settings


class Inner(Wire):
    steam_id: str
    odds: dict[str, float]


class Body(Wire):
    map_name: str
    players: list[Inner]


@pytest.fixture
def client(tmp_path):
    app: FastAPI = _Gateway()
    app.state.settings = Settings(home=tmp_path, max_body_bytes=1000)
    errors.install(app)

    @app.post("/echo")
    async def echo(request: Request, body: Body):
        return await answer(request, body)

    @app.get("/ask")
    async def ask(request: Request, map_name: Annotated[str, Query()]):
        return await answer(request, Inner(steam_id=map_name, odds={}))

    @app.get("/defect")
    async def defect():
        raise ZeroDivisionError("the password is sesame")

    return TestClient(app, raise_server_exceptions=False)


SNAKE = {"map_name": "de_nuke", "players": [{"steam_id": "7", "odds": {"de_dust2": 0.5, "someKey": 1.0}}]}
CAMEL = {"mapName": "de_nuke", "players": [{"steamId": "7", "odds": {"de_dust2": 0.5, "someKey": 1.0}}]}


@pytest.mark.parametrize("body", [SNAKE, CAMEL])
def test_an_answer_is_spelt_as_the_request_and_keys_that_are_data_stay(client, body):
    assert client.post("/echo", json=body).json() == body


def test_a_query_in_camel_case_is_understood_and_answered_alike(client):
    assert client.get("/ask?mapName=de_nuke").json() == {"steamId": "de_nuke", "odds": {}}
    assert client.get("/ask?map_name=de_nuke").json() == {"steam_id": "de_nuke", "odds": {}}
    preferred = client.get("/ask?map_name=x", headers={"Prefer": "spelling=camel"})
    assert "steamId" in preferred.json()


@pytest.mark.parametrize(
    ("sent", "status", "field"),
    [
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, None),
        ({"content": b"\xff\xfe", "headers": {"content-type": "application/json"}}, 400, None),
        ({"content": b"a=1", "headers": {"content-type": "application/x-www-form-urlencoded"}}, 415, None),
        ({"content": b"x" * 2000, "headers": {"content-type": "application/json"}}, 413, None),
        ({"json": {"mapName": 5, "players": []}}, 422, "mapName"),
        ({"json": {"map_name": "x", "players": [{"steam_id": "7"}]}}, 422, "players[0].odds"),
        ({"json": {"map_name": "x", "players": [], "extra": 1}}, 422, "extra"),
    ],
)
def test_errors_are_problem_documents_naming_the_field_as_it_was_spelt(client, sent, status, field):
    answered = client.post("/echo", **sent)
    assert answered.status_code == status
    assert answered.headers["content-type"] == "application/problem+json"
    document = answered.json()
    assert document["status"] == status
    if field:
        assert field in [one["field"] for one in document["errors"]]


def test_a_number_that_is_none_is_refused(client):
    body = b'{"map_name": "x", "players": [{"steam_id": "7", "odds": {"a": NaN}}]}'
    assert client.post("/echo", content=body, headers={"content-type": "application/json"}).status_code in (400, 422)


def test_a_body_that_announces_no_length_is_still_limited(client):
    answered = client.post(
        "/echo", content=(b" " * 300 for _ in range(10)), headers={"content-type": "application/json"}
    )
    assert answered.status_code == 413


def test_a_defect_answers_with_an_id_and_tells_nothing(client):
    answered = client.get("/defect")
    assert answered.status_code == 500
    assert "sesame" not in answered.text
    assert "id " in answered.json()["detail"]


def test_wrong_path_and_wrong_method(client):
    assert client.get("/nothing").json()["status"] == 404
    refused = client.get("/echo")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


@given(st.lists(st.sampled_from(["map", "id", "team1", "win"]), min_size=1, max_size=4))
def test_snake_and_camel_are_each_others_inverse(words):
    from pydantic.alias_generators import to_camel

    name = "_".join(words)
    assert to_snake(to_camel(name)) == name


@given(st.one_of(st.integers(1 - 2**63, 2**63 - 1), st.text(), st.lists(st.text())))
def test_a_cursor_gives_back_its_position(position):
    assert paging.decode(paging.encode(position), (int, str, list)) == position


@pytest.mark.parametrize("cursor", ["", "%%%", "bm90anNvbg", paging.encode({"a": 1}), "é"])
def test_a_cursor_that_is_none_is_refused(cursor):
    with pytest.raises(Problem) as refused:
        paging.decode(cursor, (int, str))
    assert refused.value.status == 422


def test_a_page_ends_where_the_list_does():
    items = [1, 2, 3]
    assert paging.page(items, 3, lambda one: one).next is None
    assert paging.decode(paging.page([*items, 4], 3, lambda one: one).next, int) == 3


@pytest.mark.parametrize("at", [0, 1_768_737_600.25, -5, 1e300])
def test_a_cursor_of_a_time_and_an_id_reads_back(at):
    if abs(at) < 2**63:
        assert paging.decode_moment(paging.encode([at, "m"])) == (at, "m")
    assert paging.decode_moment(None) is None


@pytest.mark.parametrize(
    "position",
    [["m"], [1, "m", 2], ["x", "m"], [1, 2], [None, None], [[1], "m"], [10**30, "m"], [float("inf"), "m"],
     [float("nan"), "m"], [], 1, {"a": 1}],
)  # fmt: skip
def test_a_cursor_that_somebody_made_is_refused_and_fails_nothing(position):
    with pytest.raises(Problem) as refused:
        paging.decode_moment(paging.encode(position))
    assert refused.value.status == 422
    assert [one.field for one in refused.value.errors] == ["after"]


@pytest.mark.parametrize("cursor", [paging.encode(2**63), paging.encode(-(2**63)), paging.encode(True)])
def test_a_cursor_holds_a_number_that_databases_can_hold(cursor):
    with pytest.raises(Problem):
        paging.decode(cursor, int)
    assert paging.decode(paging.encode(2**63 - 1), int) == 2**63 - 1


def test_a_page_shows_as_many_as_the_limit_and_the_next_begins_behind_the_last_shown():
    shown = paging.page([1, 2, 3], 2, lambda one: one)
    assert (shown.items, paging.decode(shown.next, int)) == ([1, 2], 2)
    assert paging.page([1, 2], 2, lambda one: one).next is None and paging.page([], 2, lambda one: one).items == []


def test_models_are_respelled_wherever_they_stand_and_keys_that_are_data_never():
    inner = Inner(steam_id="7", odds={"de_dust2": 0.5})
    respelled = {"steamId": "7", "odds": {"de_dust2": 0.5}}
    assert wire.camel({"some_key": inner}) == {"some_key": respelled}
    assert wire.camel([inner, (inner,), "a_b", None, 7]) == [respelled, [respelled], "a_b", None, 7]
