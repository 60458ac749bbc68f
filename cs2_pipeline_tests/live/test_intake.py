"""The door: what is taken, what is a dead letter, whose match it is, and when there is too much at once."""

import json
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from cs2_pipeline.live import intake as door
from cs2_pipeline.live.intake import MAX_BACKLOG, MAX_PENDING, BusyError, Intake, Tenant, letter_of
from cs2_pipeline.live.log import FOREIGN, TOO_MANY
from cs2_pipeline.live.log.sqlite import SqliteLog
from cs2_pipeline_tests.live.made import play, uid

ANNA, OTTO = Tenant("key:anna", 1_000.0, 2), Tenant("key:otto", 1_000.0, 2)


@pytest.fixture
def log(tmp_path):
    made = SqliteLog(tmp_path / "log.sqlite")
    yield made
    made.close()


def bodies(match="one", count=3):
    return [json.dumps(event).encode() for event in play(match=match)[:count]]


def kept(log, match="one"):
    return len(log.kept(uid(match)))


def test_each_event_is_answered_in_its_place(log):
    one, two, three = bodies()
    wrong = json.dumps(json.loads(two) | {"source": ""}).encode()
    found = Intake(log).take([one, wrong, one, b"{", three])
    assert [(taken.duplicate, taken.error is not None, taken.forbidden) for taken in found] == [
        (False, False, False), (False, True, False), (True, False, False), (False, True, False), (False, False, False),
    ]  # fmt: skip
    assert [taken.event_id for taken in found] == [
        json.loads(one)["event_id"], json.loads(two)["event_id"], json.loads(one)["event_id"], "",
        json.loads(three)["event_id"],
    ]  # fmt: skip
    assert kept(log) == 2
    letter = log.dead_letter(found[1].letter)
    assert (letter.body, letter.match_id) == (wrong, uid("one")) and letter.reason.startswith("source: ")
    assert [taken.letter != "" for taken in found] == [False, True, False, True, False]


def test_a_dead_letter_sent_again_is_the_same_and_its_body_is_cut():
    error = door.EventError("source", "wrong", "e", "m")
    assert letter_of(b"x", error).id == letter_of(b"x", error).id != letter_of(b"y", error).id
    assert len(letter_of(b"x", error).id) == 24
    assert letter_of(b"x" * 70_000, error).body == b"x" * 65_536


def test_the_log_gets_one_spelling(log):
    told = json.loads(bodies()[0])
    told["eventId"] = told.pop("event_id")
    assert Intake(log).take([json.dumps(told).encode()])[0].error is None
    assert json.loads(log.kept(uid("one"))[0].body)["event_id"] == told["eventId"]


def test_a_match_is_its_first_senders_alone_and_another_keeps_nothing_there(log):
    intake = Intake(log)
    one, two, three = bodies()
    assert [taken.forbidden for taken in intake.take([one], ANNA)] == [False]
    spoiled = json.dumps(json.loads(three) | {"source": ""}).encode()
    foreign, unread = intake.take([two, spoiled], OTTO)
    assert foreign.forbidden and foreign.error.field == "match_id" and foreign.error.message == FOREIGN
    assert foreign.letter == "" and kept(log) == 1
    assert log.dead_letter(unread.letter).match_id == "", "it is no letter of another's match"
    mine = intake.take([two, spoiled], ANNA)[1]
    assert mine.letter == unread.letter, "the same bytes are the same letter"
    own = json.dumps(json.loads(three) | {"source": "", "seq_no": 9}).encode()
    assert log.dead_letter(intake.take([own], ANNA)[0].letter).match_id == uid("one")
    assert [taken.forbidden for taken in intake.take([three])] == [False], "administrators write to every match"


def test_a_tenant_begins_so_many_matches_a_day_and_goes_on_with_its_own(log):
    intake = Intake(log)
    for match in ("one", "two"):
        assert not intake.take(bodies(match)[:1], ANNA)[0].forbidden
    third = intake.take(bodies("three")[:1], ANNA)[0]
    assert third.forbidden and third.error.message == TOO_MANY
    assert not intake.take(bodies("one")[1:], ANNA)[0].forbidden
    assert kept(log, "three") == 0


def test_whose_a_match_is_is_asked_once_and_forgotten_after_many(log, monkeypatch):
    asked = []
    claim = log.claim
    monkeypatch.setattr(log, "claim", lambda matches, *who: (asked.append(set(matches)), claim(matches, *who))[1])
    monkeypatch.setattr(door, "_CLAIMS_REMEMBERED", 2)
    intake, many = Intake(log), Tenant("key:many", 1_000.0, 100)
    for match in ("one", "one", "two", "one", "three", "three", "one"):
        intake.take(bodies(match)[:1], many)
    assert asked == [{uid(match)} for match in ("one", "two", "three", "one")]


def test_a_tenant_that_sends_too_fast_is_told_how_long_to_wait(log):
    intake, slow = Intake(log), Tenant("key:slow", 1.0, 5)
    intake.take(bodies(count=5), slow)
    with pytest.raises(BusyError, match="1 events a second") as busy:
        intake.take(bodies(count=1), slow)
    assert 0 < busy.value.seconds <= 1
    assert intake.take(bodies(count=1))[0].duplicate, "others are not slowed down"


def test_so_many_may_be_on_their_way_and_not_one_more(log, monkeypatch):
    intake = Intake(log)
    intake._pending = MAX_PENDING - 3
    assert len(intake.take(bodies())) == 3
    assert intake._pending == MAX_PENDING - 3, "what was written is on its way no longer"
    intake._pending += 1
    with pytest.raises(BusyError, match="are being written") as busy:
        intake.take(bodies())
    assert busy.value.seconds == 1.0 and intake._pending == MAX_PENDING - 2
    intake._pending = 0
    monkeypatch.setattr(log, "append", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        intake.take(bodies())
    assert intake._pending == 0, "what failed is not on its way either"


def test_consumers_that_are_far_behind_are_waited_for(log, monkeypatch):
    behind = Counter({3: MAX_BACKLOG - 1, 7: 1})
    monkeypatch.setattr(log, "depth", lambda: dict(behind))
    assert len(Intake(log).take(bodies())) == 3
    behind[3] += 1
    intake = Intake(log)
    with pytest.raises(BusyError, match=f"{MAX_BACKLOG + 1} events wait to be priced") as busy:
        intake.take(bodies())
    assert busy.value.seconds == 2.0 and intake._pending == 0
    behind[3] = 0
    monkeypatch.setattr(door, "_BACKLOG_SEEN_FOR", 3_600.0)
    with pytest.raises(BusyError):
        intake.take(bodies())  # what was counted a moment ago still counts
    monkeypatch.setattr(door, "_BACKLOG_SEEN_FOR", -1.0)
    assert len(intake.take(bodies())) == 3


def sample(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_what_became_of_events_is_counted_by_type_and_source(log):
    def counted():
        accepted = {kind: sample("ingestion_events_total", type=kind, source="server", result="accepted")
                    for kind in ("match_start", "map_start", "unknown")}  # fmt: skip
        return {
            **accepted,
            "duplicate": sample("ingestion_events_total", type="match_start", source="server", result="duplicate"),
            "refused": sample("ingestion_events_total", type="unknown", source="unknown", result="refused"),
            "forbidden": sample("ingestion_events_total", type="unknown", source="unknown", result="forbidden"),
            "dead": sample("dead_letters_total", reason="invalid"),
            "requests": sample("ingestion_latency_seconds_count"),
        }

    before, intake = counted(), Intake(log)
    one, two, three = bodies()
    strange = json.dumps(json.loads(three) | {"type": "made up", "payload": {}}).encode()
    intake.take([one, two, strange, one, b"{", b"[]"], ANNA)
    intake.take([one, two], OTTO)
    assert {name: value - before[name] for name, value in counted().items()} == {
        "match_start": 1, "map_start": 1, "unknown": 1, "duplicate": 1, "refused": 2, "forbidden": 2, "dead": 2,
        "requests": 2,
    }  # fmt: skip
    assert sample("ingestion_latency_seconds_sum") >= 0


def test_what_is_promised_at_the_door_in_numbers():
    assert (MAX_PENDING, MAX_BACKLOG) == (20_000, 200_000)
    assert (door._BACKLOG_SEEN_FOR, door._CLAIMS_REMEMBERED) == (0.5, 50_000)


def test_what_is_taken_without_more_is_new_and_right():
    taken = door.Taken("e")
    assert (taken.duplicate, taken.error, taken.letter, taken.forbidden) == (False, None, "", False)


def test_how_long_taking_events_took_is_told(log, monkeypatch):
    clock = SimpleNamespace(perf_counter=iter([5.0, 7.5]).__next__, monotonic=time.monotonic, time=time.time)
    before, intake = sample("ingestion_latency_seconds_sum"), Intake(log)
    monkeypatch.setattr(door, "time", clock)
    intake.take(bodies())
    assert sample("ingestion_latency_seconds_sum") == pytest.approx(before + 2.5)


def test_what_waits_for_the_consumers_is_counted_at_once_and_then_each_half_second(log, monkeypatch):
    now, counted, depth = [1_000.0], [], log.depth
    monkeypatch.setattr(door, "time", SimpleNamespace(perf_counter=time.perf_counter, monotonic=lambda: now[0]))
    monkeypatch.setattr(log, "depth", lambda: (counted.append(now[0]), depth())[1])
    intake = Intake(log)
    for at in (1_000.0, 1_000.25, 1_000.5, 1_000.75, 1_001.25, 1_001.5):
        now[0] = at
        intake.take(bodies())
    assert counted == [1_000.0, 1_000.75, 1_001.5]
