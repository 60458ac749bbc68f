"""What goes out: each once by its key, in order, and to each listener from where it was."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from cs2_pipeline.records import announcements, ledger, settlements
from cs2_pipeline.records.announcements import FORECASTS, LEDGER_HEADS, MODELS
from cs2_pipeline.records.ledger import Draft
from cs2_pipeline.records.settlements import WON, Verdict

AT = datetime(2026, 1, 18, 12, tzinfo=UTC)


def bodies(found):
    return [json.loads(one.body) for one in found]


def test_what_happened_is_announced_once_by_its_key_on_its_own_channel(records):
    assert announcements.note(records, MODELS, "model:1", {"version": "1"})
    assert not announcements.note(records, MODELS, "model:1", {"version": "another"})
    assert announcements.note(records, LEDGER_HEADS, "head:1", {"seq": 5})
    (promoted,) = announcements.after(records, MODELS, 0, 9)
    assert promoted.id == f"{MODELS}:{promoted.seq}"
    (body,) = bodies([promoted])
    assert (body["id"], body["channel"], body["version"]) == (promoted.id, MODELS, "1")
    assert [body["seq"] for body in bodies(announcements.after(records, LEDGER_HEADS, 0, 9))] == [5]


def test_announcements_behind_a_place_come_in_order_and_no_more_than_asked_for(records):
    for number in range(5):
        announcements.note(records, MODELS, f"model:{number}", {"version": number})
    whole = announcements.after(records, MODELS, 0, 9)
    assert [body["version"] for body in bodies(whole)] == [0, 1, 2, 3, 4]
    assert announcements.after(records, MODELS, whole[1].seq, 2) == whole[2:4]
    assert announcements.after(records, MODELS, whole[4].seq, 9) == []


def test_forecasts_and_their_settlements_are_announced_as_the_ledger_has_them(records):
    said = {
        "id": "f1", "team1_id": "a", "team2_id": "b", "probability": 0.6, "interval": [0.5, 0.7], "model_version": "3",
        "model_name": "match_forecaster", "asked": {"map_ids": ["de_nuke"], "best_of": 3}, "latent": 0.4,
    }  # fmt: skip
    with records.writing() as connection:
        ledger.append(connection, [Draft("series", said, id="f1", at=AT)])
    settlements.record(records, [Verdict("f1", WON, "m1", "the map that was played next")])
    given, settled = bodies(announcements.after(records, FORECASTS, 0, 9))
    assert given | {"at": None} == {
        "id": f"{FORECASTS}:1", "channel": FORECASTS, "at": None, "type": "forecast_given", "forecast_id": "f1",
        "kind": "series", "map_ids": ["de_nuke"], "best_of": 3, "team1_id": "a", "team2_id": "b", "probability": 0.6,
        "interval": [0.5, 0.7], "model_name": "match_forecaster", "model_version": "3",
    }  # fmt: skip
    assert given["at"].startswith("2026-01-18T12:00:00")
    assert (settled["type"], settled["forecast_id"]) == ("forecast_settled", "f1")
    assert (settled["status"], settled["revision"], settled["result_id"]) == (WON, 1, "m1")
    assert [one.seq for one in announcements.after(records, FORECASTS, 1, 9)] == [2]


def test_a_listener_begins_with_what_comes_after_it_and_goes_on_where_it_was(records):
    announcements.note(records, MODELS, "model:1", {})
    start = announcements.position(records, "hook", MODELS)
    assert start == announcements.newest(records, MODELS)
    announcements.note(records, MODELS, "model:2", {})
    assert announcements.position(records, "hook", MODELS) == start, "it has not been told yet"
    (second,) = announcements.after(records, MODELS, start, 9)
    announcements.advance(records, "hook", MODELS, second.seq)
    assert announcements.position(records, "hook", MODELS) == second.seq
    announcements.advance(records, "hook", MODELS, start)
    assert announcements.position(records, "hook", MODELS) == second.seq, "it never goes back"
    assert announcements.position(records, "hook", FORECASTS) == 0
    assert announcements.position(records, "another", MODELS) == second.seq


def at_once(what, count=6):
    """Call ``what()`` in so many threads that begin together; the results."""
    ready = threading.Barrier(count)

    def one(_):
        ready.wait()
        return what()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def test_what_several_note_at_once_is_new_to_one_of_them(records):
    assert sum(at_once(lambda: announcements.note(records, MODELS, "model:1", {}))) == 1
    assert len(announcements.after(records, MODELS, 0, 9)) == 1


def test_a_listener_that_several_gateways_see_first_at_once_begins_at_one_place(records):
    announcements.note(records, MODELS, "model:1", {})
    start = announcements.newest(records, MODELS)
    assert at_once(lambda: announcements.position(records, "hook", MODELS)) == [start] * 6
