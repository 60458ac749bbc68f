"""The proof that state and prices follow from the events, and what it counts when they do not."""

import json

from cs2_pipeline.live.intake import Intake
from cs2_pipeline.live.log.sqlite import SqliteLog
from cs2_pipeline.live.verify import Verdict, verify
from cs2_pipeline_tests.live.made import play, uid


def written(bench, **how):
    events = play(3, rounds=2, **how)
    bench.send(events)
    bench.consume()
    return events


def test_what_the_log_has_and_history_has_not_is_counted_as_waiting(bench) -> None:
    events = written(bench, finish=False)
    assert verify(uid("one"), bench.history, bench.log).waiting == 0
    later = [events[-1] | {"event_id": uid("later", n), "seq_no": len(events) + n} for n in (1, 2)]
    Intake(bench.log).take([json.dumps(event).encode() for event in later])
    found = verify(uid("one"), bench.history, bench.log)
    assert (found.waiting, found.events, found.holds) == (2, len(events), True)


def test_a_price_that_is_missing_or_of_no_event_differs(bench, tmp_path) -> None:
    events = written(bench)
    history, log = bench.history._connection(), SqliteLog(tmp_path / "empty.sqlite")
    history.execute("delete from prices where state_version = 5")
    found = verify(uid("one"), bench.history, log)
    assert (found.differing, found.prices, found.holds) == (1, len(events) - 1, False)
    history.execute(f"update prices set event_id = '{uid('nothing')}' where state_version = 6")  # noqa: S608
    assert verify(uid("one"), bench.history, log).differing == 3, "one more is missing, and one is of no event"
    log.close()


def test_a_price_that_was_withdrawn_is_no_fault(bench) -> None:
    events = written(bench)
    wrong = next(event for event in events if event["type"] == "kill")
    bench.send([wrong | {"event_id": uid("c"), "type": "correction", "seq_no": len(events) + 1,
                         "payload": {"event_id": wrong["event_id"], "void": True}}])  # fmt: skip
    bench.consume()
    found = verify(uid("one"), bench.history, bench.log)
    assert (found.holds, found.differing) == (True, 0)
    assert (found.events, found.prices) == (len(events) + 1, len(events))


def test_it_holds_where_all_three_states_are_one_and_no_price_differs() -> None:
    def verdict(kept="s", replayed="s", shuffled="s", differing=0):
        return Verdict("m", 9, kept, replayed, shuffled, 9, differing, 0)

    assert verdict().holds
    for other in ({"kept": "x"}, {"replayed": "x"}, {"shuffled": "x"}, {"differing": 1}):
        assert not verdict(**other).holds


def test_the_proof_is_the_same_each_time_and_in_any_order(bench) -> None:
    written(bench)
    first, again = (verify(uid("one"), bench.history, bench.log) for _ in range(2))
    assert first == again
    assert all(verify(uid("one"), bench.history, bench.log, seed=seed).holds for seed in range(5))


def test_a_match_of_which_an_event_was_lost_follows_from_those_that_came(bench) -> None:
    events = play(3, rounds=1)
    bench.send(events[:9] + events[10:])
    bench.consume()
    bench.consumer._pass_time(bench.consumer._matches[uid("one")].updated + 60.0)
    bench.consumer.catch_up()
    found = verify(uid("one"), bench.history, bench.log)
    assert (found.holds, found.events, found.prices, found.waiting) == (True, len(events) - 1, len(events) - 1, 0)


def test_a_type_that_nobody_knows_has_no_price_and_is_no_fault(bench) -> None:
    events = play(3, rounds=1)
    bench.send([*events, events[-1] | {"event_id": uid("x"), "seq_no": len(events) + 1, "type": "new", "payload": {}}])
    bench.consume()
    found = verify(uid("one"), bench.history, bench.log)
    assert (found.holds, found.events, found.prices) == (True, len(events) + 1, len(events))
