"""The limits before every route, at their edge: bytes of a body, its time, files, spellings, defects."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from bento.gateway.http import middleware
from bento.gateway.http.middleware import FILE_SECONDS, Counted, LimitedBody, SpelledQuery
from bento.gateway.http.wire import CAMEL_QUERY, STREAMED
from bento.http.problems import Problem

LIMIT = 10


def scope(method="POST", path="/x", *, query=b"", kind="http", **headers):
    told = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": kind, "method": method, "path": path, "headers": told, "query_string": query}


def parts(*bodies):
    """A body as it arrives, and then that the client is gone."""
    messages = [{"type": "http.request", "body": one, "more_body": True} for one in bodies]
    messages[-1]["more_body"] = False
    messages.append({"type": "http.disconnect"})
    return iter(messages)


def answer(app, asked, messages=None):
    """What is sent for a request, or the problem it ends with."""
    messages, sent = messages or parts(b""), []

    async def receive():
        found = next(messages)
        if callable(found):
            return await found()
        return found

    async def send(message):
        sent.append(message)

    asyncio.run(app(asked, receive, send))
    return sent


async def reading(asked, receive, send):
    """An application that reads all, even that the client is gone, and says what it read."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def limited(**files):
    return LimitedBody(reading, LIMIT, 600.0, {f"/{name}": size for name, size in files.items()})


@pytest.mark.parametrize("bodies", [[b"x" * 10], [b"x" * 4, b"x" * 6], [b""]])
def test_a_body_up_to_the_limit_is_read(bodies):
    assert answer(limited(), scope(), parts(*bodies))[-1]["body"] == b"".join(bodies)


@pytest.mark.parametrize("bodies", [[b"x" * 11], [b"x" * 10, b"x"], [b"x" * 5, b"", b"x" * 6]])
def test_a_byte_more_is_not(bodies):
    with pytest.raises(Problem) as refused:
        answer(limited(), scope(), parts(*bodies))
    assert refused.value.status == 413 and "at most 10 bytes" in refused.value.detail


@pytest.mark.parametrize(("length", "taken"), [("10", True), ("11", False), ("x", True), ("-5", True)])
def test_a_body_that_is_announced_too_large_is_not_begun(length, taken):
    asked = scope(content_length=length)
    if taken:
        assert answer(limited(), asked, parts(b"x"))[-1]["body"] == b"x"
    else:
        with pytest.raises(Problem):
            answer(limited(), asked, iter([]))


@pytest.mark.parametrize("asked", [scope("GET"), scope("HEAD"), scope(kind="websocket")])
def test_what_has_no_body_is_not_counted(asked):
    assert answer(limited(), asked, parts(b"x" * 11))[-1]["body"] == b"x" * 11


def test_a_file_has_a_limit_of_its_own_and_is_never_looked_into():
    asked = scope(path="/file")
    assert len(answer(limited(file=20), asked, parts(b"x" * 20))[-1]["body"]) == 20
    assert asked["state"][STREAMED] is True
    with pytest.raises(Problem):
        answer(limited(file=20), scope(path="/file"), parts(b"x" * 21))
    other = scope(path="/other")
    answer(limited(file=20), other, parts(b"x"))
    assert STREAMED not in other.get("state", {})


@pytest.fixture
def waits(monkeypatch):
    """How long each part of a body is waited for; the clock stands still but where a test moves it."""
    asked = []
    timeout = asyncio.timeout

    def noted(seconds):
        asked.append(seconds)
        return timeout(None)

    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(middleware, "asyncio", SimpleNamespace(timeout=noted))
    monkeypatch.setattr(middleware, "time", clock)
    return SimpleNamespace(asked=asked, clock=clock)


def later(waits, seconds, message):
    async def come():
        waits.clock.now += seconds
        return message

    return come


def part(body, *, more):
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_must_have_come_in_its_time_and_a_disconnect_is_waited_for_without_end(waits):
    app = LimitedBody(reading, LIMIT, 5.0)
    answer(app, scope(), iter([later(waits, 2.0, part(b"a", more=True)), later(waits, 4.0, part(b"b", more=True)),
                               part(b"c", more=False), {"type": "http.disconnect"}]))  # fmt: skip
    assert waits.asked == [5.0, 3.0, 0.0]


def test_a_file_may_take_an_hour_with_something_new_in_each_time(waits):
    app = LimitedBody(reading, LIMIT, 5.0, {"/file": LIMIT})
    hour = FILE_SECONDS - 4.0
    answer(app, scope(path="/file"), iter([later(waits, hour, part(b"a", more=True)), part(b"b", more=False),
                                           {"type": "http.disconnect"}]))  # fmt: skip
    assert FILE_SECONDS == 3_600 and waits.asked == [5.0, 4.0]


def test_a_body_that_does_not_come_is_told_so():
    async def never():
        await asyncio.Event().wait()

    with pytest.raises(Problem) as slow:
        answer(LimitedBody(reading, LIMIT, 0.01), scope(), iter([never]))
    assert slow.value.status == 408 and "0.01 seconds" in slow.value.detail


@pytest.mark.parametrize(
    ("query", "spelled"),
    [(b"mapName=de_nuke&x=", b"map_name=de_nuke&x="), (b"a=1&bestOf=3", b"a=1&best_of=3"), (b"map_name=aB", None),
     (b"x=mapName=1", None), (b"", None)],
)  # fmt: skip
def test_queries_are_spelled_as_the_routes_declare_them(query, spelled):
    asked = scope("GET", query=query)
    answer(SpelledQuery(reading), asked)
    assert asked["query_string"] == (query if spelled is None else spelled)
    assert asked.get("state", {}).get(CAMEL_QUERY, False) == (spelled is not None)


def counted(route, status):
    return REGISTRY.get_sample_value("api_requests_total", {"route": route, "status": status}) or 0.0


def test_requests_are_counted_by_route_and_status_and_guessed_paths_by_none():
    async def routed(asked, receive, send):
        asked["route"] = SimpleNamespace(path="/known/{id}")
        await reading(asked, receive, send)

    before = counted("/known/{id}", "200"), counted("unknown", "200")
    answer(Counted(routed), scope("GET", "/known/7"))
    answer(Counted(reading), scope("GET", "/guess"))
    assert (counted("/known/{id}", "200"), counted("unknown", "200")) == (before[0] + 1, before[1] + 1)


def test_a_problem_before_the_routes_and_a_defect_are_answered_and_counted():
    async def defect(*_):
        raise ZeroDivisionError("the password is sesame")

    sent = answer(Counted(defect), scope("GET"))
    assert sent[0]["status"] == 500
    problem = json.loads(sent[1]["body"])
    assert "sesame" not in problem["detail"] and problem["title"] == "The service failed"
    assert len(problem["detail"].rpartition(" ")[2]) == 32
    start, body = answer(Counted(limited()), scope(content_length="11"))
    assert start["status"] == 413 and (b"connection", b"close") in start["headers"]
    assert (b"content-length", b"%d" % len(body["body"])) in start["headers"]
    assert (b"content-type", b"application/problem+json") in start["headers"]


def test_who_left_without_an_answer_is_counted_as_gone():
    async def silent(*_):
        pass

    before = counted("unknown", "499")
    answer(Counted(silent), scope("GET"))
    assert counted("unknown", "499") == before + 1


def test_an_answer_that_breaks_off_is_counted_as_it_began_and_gets_no_second_one():
    async def half(_asked, _receive, send):
        await send({"type": "http.response.start", "status": 206, "headers": []})
        raise ZeroDivisionError

    before = counted("unknown", "206"), counted("unknown", "500")
    (start,) = answer(Counted(half), scope("GET"))
    assert start["status"] == 206
    assert (counted("unknown", "206"), counted("unknown", "500")) == (before[0] + 1, before[1])


def test_what_is_no_request_passes_uncounted_and_unlimited():
    seen = []

    async def app(asked, *_):
        seen.append(asked["type"])

    before = counted("unknown", "499")
    answer(Counted(SpelledQuery(LimitedBody(app, LIMIT, 600.0))), scope(kind="websocket", query=b"mapName=x"))
    assert seen == ["websocket"] and counted("unknown", "499") == before


def test_a_problem_that_leaves_the_connection_open_says_nothing_of_closing():
    async def refused(*_):
        raise Problem(422, "bad_values", "t", "d", headers=[(b"x", b"y")])

    start, _ = answer(Counted(refused), scope("GET"))
    assert (start["status"], (b"x", b"y") in start["headers"]) == (422, True)
    assert b"connection" not in dict(start["headers"])
