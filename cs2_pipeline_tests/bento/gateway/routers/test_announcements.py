"""Announcements over HTTP: in pages, and as a stream that goes on where it broke off."""

import asyncio
import json
from contextlib import closing
from types import SimpleNamespace

import pytest

from bento.gateway.routers import announcements as router
from cs2_pipeline.records import announcements
from cs2_pipeline.records.announcements import FORECASTS, MODELS
from cs2_pipeline.records.database import RecordsError, open_records
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway


@pytest.fixture
def records(tmp_path):
    """Records with five announcements."""
    with closing(open_records(Settings(home=tmp_path))) as made:
        for number in range(1, 6):
            promote(made, number)
        yield made


def promote(records, number):
    what = {"type": "model_promoted", "name": "match_forecaster", "version": str(number)}
    assert announcements.note(records, MODELS, f"match_forecaster:{number}", what)


def test_they_are_listed_oldest_first_page_after_page(tmp_path, records):
    with open_gateway(tmp_path) as gateway:
        pages_of(gateway)


def pages_of(gateway):
    def listed(**query):
        return gateway.get("/api/v1/announcements", params={"channel": MODELS, **query}).json()

    assert [one["version"] for one in listed()["items"]] == list("12345")
    assert [one["id"] for one in listed()["items"]] == [f"ml_models:{number}" for number in range(1, 6)]
    first = listed(limit=2)
    second = listed(limit=2, after=first["next"])
    third = listed(limit=2, after=second["next"])
    pages = [[one["version"] for one in page["items"]] for page in (first, second, third)]
    assert pages == [["1", "2"], ["3", "4"], ["5"]] and third["next"] is None
    assert gateway.get("/api/v1/announcements", params={"channel": FORECASTS}).json()["items"] == []
    for wrong in ({"channel": "all"}, {}, {"channel": MODELS, "after": "x"}):
        assert gateway.get("/api/v1/announcements", params=wrong).status_code == 422


def test_a_stranger_reads_none(tmp_path):
    with open_gateway(tmp_path, client=ELSEWHERE) as client:
        for path in ("", "/stream"):
            assert client.get(f"/api/v1/announcements{path}", params={"channel": MODELS}).status_code == 401


@pytest.fixture
def looks(monkeypatch):
    """The seconds between looks, which take none."""
    waits = []

    async def at_once(seconds):
        waits.append(seconds)
        await asyncio.sleep(0)

    # The module's own alone: the gateway's other tasks keep their pace.
    monkeypatch.setattr(router, "asyncio", SimpleNamespace(sleep=at_once, to_thread=asyncio.to_thread))
    return waits


def streamed(records, count, meanwhile=None, **asked):
    """The first parts of a stream, as text, and its headers."""
    request = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(records=records)))

    async def read():
        response = await router.stream(request, None, MODELS, **asked)
        parts = []
        async for part in response.body_iterator:
            parts.append(part.decode())
            if meanwhile and len(parts) == 1:
                meanwhile()
            if len(parts) == count:
                break
        return parts, response.headers

    return asyncio.run(read())


def versions(parts):
    return [json.loads(part.split("data: ")[1])["version"] for part in parts]


@pytest.mark.parametrize(
    ("asked", "told"),
    [({"after_seq": 3}, "45"), ({"after_seq": 0}, "12345"), ({"last_event_id": "ml_models:4"}, "5"),
     ({"last_event_id": "ml_models:4", "after_seq": 0}, "5"), ({"last_event_id": "forecast_events:4", "after_seq": 3},
                                                               "45"),
     ({"last_event_id": f"ml_models:{'9' * 19}", "after_seq": 4}, "5"), ({"last_event_id": "ml_models:²",
                                                                          "after_seq": 4}, "5")],
)  # fmt: skip
def test_a_stream_begins_behind_what_was_read_last(records, looks, asked, told):
    given = {"after_seq": None, "last_event_id": None} | asked
    (hello, *parts), headers = streamed(records, 1 + len(told), **given)
    assert hello == ": connected\n\n"
    assert versions(parts) == list(told)
    assert parts[-1].startswith("id: ml_models:5\nevent: model_promoted\ndata: {") and parts[-1].endswith("}\n\n")
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert headers["content-type"].startswith("text/event-stream")


def test_a_stream_that_is_told_nothing_begins_now(records, looks):
    (_, part), _ = streamed(records, 2, lambda: promote(records, 6), after_seq=None, last_event_id=None)
    assert versions([part]) == ["6"]


def test_silence_is_filled_every_thirty_looks_half_a_second_apart(records, looks):
    parts, _ = streamed(records, 3, after_seq=5, last_event_id=None)
    assert parts[1:] == [": still here\n\n"] * 2
    assert len(looks) == 59 and set(looks) == {0.5}


def test_more_than_one_group_comes_without_a_pause(records, looks, monkeypatch):
    monkeypatch.setattr(router, "GROUP", 2)
    parts, _ = streamed(records, 6, after_seq=0, last_event_id=None)
    assert versions(parts[1:]) == list("12345") and looks == []


def test_while_the_records_are_away_a_stream_waits_and_misses_nothing(records, looks, monkeypatch):
    after, failing = announcements.after, [True, True]

    def sometimes(*arguments):
        if failing:
            failing.pop()
            raise RecordsError("the database is away")
        return after(*arguments)

    monkeypatch.setattr(router.announcements, "after", sometimes)
    parts, _ = streamed(records, 3, after_seq=3, last_event_id=None)
    assert versions(parts[1:]) == ["4", "5"] and len(looks) == 2
