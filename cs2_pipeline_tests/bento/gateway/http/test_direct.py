"""Direct routes answer what the framework would, and hand on whatever they do not understand as it came."""

import asyncio
import json

import pytest

from bento.gateway.http.direct import Direct
from bento.gateway.routers import forecasts
from cs2_pipeline.records import ledger
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway
from cs2_pipeline_tests.bento.gateway.routers.test_forecasts import OLD, SERIES, open_doors
from cs2_pipeline_tests.forecasting.league import players

JSON = {"content-type": "application/json"}
OLD_PATH, MAP_PATH, SERIES_PATH = (route.path for route in forecasts.DIRECT)
CAMEL = {"mapId": "de_mirage", "team1Id": "t1", "team2Id": "t2", "team1PlayerIds": players("t1"), "team2PlayerIds": []}


def text(document):
    return json.dumps(document).encode()


REQUESTS = [
    (OLD_PATH, text(OLD), JSON),
    (OLD_PATH, text(CAMEL), JSON),
    (OLD_PATH, text(OLD | {"map_id": "de_mirag"}), JSON),
    (OLD_PATH, text(OLD | {"team1_id": None}), JSON),
    (OLD_PATH, text(OLD | {"map": "de_mirage"}), JSON),
    (OLD_PATH, text(OLD), {"content-type": "application/json; charset=utf-8"}),
    (OLD_PATH, text(OLD), {"content-type": "text/plain"}),
    (OLD_PATH, text(OLD), {}),
    (OLD_PATH, text(OLD).decode().encode("utf-16"), JSON),
    (OLD_PATH, text(OLD)[:-1], JSON),
    (OLD_PATH, b"[" * 100_000, JSON),
    (OLD_PATH, b"\xff", JSON),
    (OLD_PATH, b"", JSON),
    (OLD_PATH, b"[]", JSON),
    (MAP_PATH, text({"team1_id": "t1", "team2_id": "t3"}), JSON | {"prefer": "spelling=camel"}),
    (MAP_PATH, text({"team1_id": "t1", "team2_id": "t3", "score": {"team1": 7, "team2": 5}}), JSON),
    (MAP_PATH, text({"team1_id": "t1", "team2_id": "t3", "score": {"team1": 13, "team2": 13}}), JSON),
    (MAP_PATH, text({"team1_id": "t1", "team2_id": "t3", "starts_at": 7}), JSON),
    (SERIES_PATH, text(SERIES), JSON),
    (SERIES_PATH, text(SERIES | {"best_of": 3.0, "market_odds": [1.6, 2.4]}), JSON),
    (SERIES_PATH, text(SERIES | {"best_of": 2}), JSON),
    (SERIES_PATH, text(SERIES).replace(b"3", b"NaN"), JSON),
    (SERIES_PATH + "?bestOf=1", text(SERIES), JSON),
]


def answers(folder, client=None):
    """What each request is answered with, and what of it the ledger holds; without what no two answers share."""
    folder.mkdir()
    found = []
    with open_gateway(folder, **({} if client is None else {"client": client})) as gateway:
        open_doors(gateway)
        for path, body, headers in REQUESTS:
            told = gateway.post(path, content=body, headers=headers)
            document = told.json()
            for name in ("id", "asked_at", "askedAt", "ledger"):
                document.pop(name, None)
            found.append(
                (told.status_code, told.headers["content-type"], told.headers.get("www-authenticate"), document)
            )
        written = [entry.content["asked"] for entry in ledger.entries(gateway.app.state.records)]
        counted = gateway.get("/metrics").text
    assert f'route="{OLD_PATH}",status="' in counted
    return found, written


@pytest.mark.parametrize("client", [None, ELSEWHERE])
def test_every_request_is_answered_and_written_down_as_by_the_framework(tmp_path, monkeypatch, client):
    direct = answers(tmp_path / "direct", client)
    monkeypatch.setattr(forecasts, "DIRECT", ())
    assert direct == answers(tmp_path / "framework", client)
    statuses = [status for status, *_ in direct[0]]
    assert set(statuses) == ({200, 400, 415, 422} if client is None else {401, 400})


def ask(app, *messages, path=SERIES_PATH, method="POST"):
    """The messages that come back."""
    coming, sent = list(messages), []

    async def receive():
        return coming.pop(0)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [(b"content-type", b"application/json")]}
    asyncio.run(app(scope, receive, send))
    return sent


def part(body, *, more=False):
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    "messages",
    [
        [part(text(SERIES)[:9], more=True), part(text(SERIES)[9:])],
        [part(b"no JSON")],
        [part(b"{}")],
        [{"type": "http.disconnect"}],
    ],
)
def test_what_is_no_plain_request_reaches_the_framework_as_it_came(messages):
    seen = []

    async def framework(scope, receive, _send):
        assert "route" not in scope
        while len(seen) < len(messages):
            seen.append(await receive())

    ask(Direct(framework, forecasts.DIRECT), *messages)
    assert seen == messages


def test_a_plain_request_does_not_reach_the_framework():
    async def framework(*_):
        raise AssertionError("it was handed on")

    async def anybody(_request):
        return "anybody"

    async def endpoint(request, body, caller):
        assert await request.body() == text(SERIES)
        return forecasts.Response(f"{body.best_of} {caller}")

    route = forecasts.DIRECT[-1]._replace(access=anybody, endpoint=endpoint)
    start, end = ask(Direct(framework, [route]), part(text(SERIES)))
    assert (start["status"], end["body"]) == (200, b"3 anybody")
