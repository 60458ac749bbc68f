"""From the door to history: prices of every event, whatever becomes of the consumer and in whatever order."""

import json
import random
import time
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from cs2_pipeline.live import board, metrics
from cs2_pipeline.live import consumer as consumers
from cs2_pipeline.live.fold import Fold
from cs2_pipeline.live.history import HistoryUnavailableError, queries
from cs2_pipeline.live.hub import Update
from cs2_pipeline.live.log import LogUnavailableError, Submitted, shard_of
from cs2_pipeline.live.pricing import prices
from cs2_pipeline.live.verify import verify
from cs2_pipeline_tests.live.conftest import Bench, promote
from cs2_pipeline_tests.live.made import Feed, play, uid

MATCH = uid("one")
LEASE = consumers.LEASE  # before the tests' patience makes it longer


@pytest.fixture(scope="module")
def straight(tmp_path_factory, champions):
    """State and prices of a match that arrived in order."""
    bench = Bench(tmp_path_factory.mktemp("straight"), champions)
    events = play(3, rounds=2)
    events.append(events[-1] | {"event_id": uid("x"), "seq_no": len(events) + 1, "type": "new_type", "payload": {}})
    bench.send(events)
    bench.consume()
    return events, bench.state(MATCH), bench.prices(MATCH)


def test_every_event_of_play_has_a_price_by_the_champion(straight) -> None:
    events, _, prices = straight
    assert set(prices) == {event["event_id"] for event in events[:-1]}
    in_round = [prices[event["event_id"]] for event in events if event["type"] in ("kill", "player_hurt")]
    assert all(0 <= low <= p <= high <= 1 for _, p, low, high, *_ in in_round)
    assert len({p for _, p, *_ in in_round}) >= 5
    assert prices[events[-2]["event_id"]][7] in (0.0, 1.0)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.integers(0, 10**6))
def test_repeats_disorder_and_dying_consumers_change_neither_state_nor_prices(
    straight, tmp_path_factory, champions, seed
):
    events, state, prices = straight
    chance = random.Random(seed)
    bench = Bench(tmp_path_factory.mktemp("shuffled"), champions)
    arrival = [*events[:-1], *chance.choices(events[:-1], k=20)]
    arrival = [event for _, event in sorted(enumerate(arrival), key=lambda one: one[0] + chance.uniform(0, 15))]
    while arrival:
        size = chance.randint(1, 40)
        bench.send(arrival[:size])
        arrival = arrival[size:]
        if chance.random() < 0.3:  # the old one and all it held is gone: with or without its last words
            (bench.consumer.close if chance.random() < 0.5 else bench.kill)()
            bench.consumer = bench.another()
        bench.consumer.step()
    bench.consumer.close()
    bench.consumer = bench.another()
    bench.send(events[-1:])  # takes the match over: no gap is waited for any more
    bench.consume()
    assert bench.state(MATCH) == state
    assert bench.prices(MATCH) == prices
    counted = bench.history.ask(queries.EVENTS_COUNTED)[0]
    assert counted == {"events": len(events), "different": len(events)}


def test_a_consumer_that_dies_between_history_and_log_repeats_nothing(bench) -> None:
    events = play(3, rounds=1)
    bench.send(events[:20])
    done, bench.log.done = bench.log.done, lambda positions: None
    bench.consume()
    bench.log.done = done
    before = bench.history.ask(queries.PRICES, match_id=MATCH, map_id="")
    bench.consumer.close()
    bench.consumer = bench.another()
    bench.consume()
    assert bench.history.ask(queries.PRICES, match_id=MATCH, map_id="") == before
    assert bench.history.ask(queries.EVENTS_COUNTED)[0]["events"] == 20


def test_the_log_keeps_the_events_that_the_row_of_a_match_lacks(bench, monkeypatch) -> None:
    monkeypatch.setattr("cs2_pipeline.live.consumer.ROWS", 3_600.0)
    events = play(3, rounds=1, finish=False)
    bench.send(events[:12])
    bench.consume()
    bench.send(events[12:13])
    bench.consumer.step()
    bench.consumer._flush()
    bench.consumer._write(0.0)
    bench.consumer._await_written()
    (row,) = bench.history.ask(queries.MATCH, match_id=MATCH)
    assert row["state_version"] == 12 and bench.history.ask(queries.EVENTS_COUNTED)[0]["events"] == 13
    assert sum(bench.log.depth().values()) == 1
    bench.kill()
    bench.consumer = bench.another()
    bench.consume()
    assert verify(MATCH, bench.history, bench.log).holds and bench.log.depth() == {}
    assert bench.history.ask(queries.EVENTS_COUNTED)[0] == {"events": 13, "different": 13}


def test_what_waits_for_a_gap_is_read_again_by_the_next_owner(bench) -> None:
    events = play(3, rounds=1)
    bench.send(events[:10] + events[11:])
    bench.consume()
    assert bench.consumer._matches[MATCH].match.waiting == len(events) - 11
    assert sum(bench.log.depth().values()) >= len(events) - 11
    bench.kill()
    bench.consumer = bench.another()
    bench.consume()
    assert verify(MATCH, bench.history, bench.log).holds and bench.log.depth() == {}


def test_a_correction_issues_prices_again_and_history_keeps_both(bench) -> None:
    events = play(3, rounds=2)
    bench.send(events)
    bench.consume()
    wrong = next(event for event in events if event["type"] == "kill")
    correction = wrong | {
        "event_id": uid("c"), "type": "correction", "seq_no": len(events) + 1,
        "payload": {"event_id": wrong["event_id"], "void": True},
    }  # fmt: skip
    before = bench.prices(MATCH)
    bench.send([correction])
    bench.consume()
    after = bench.prices(MATCH)
    place = events.index(wrong)
    assert wrong["event_id"] not in after
    assert all(after[event["event_id"]] == before[event["event_id"]] for event in events[:place])
    assert all(after[event["event_id"]][0] == before[event["event_id"]][0] - 1 for event in events[place + 1 :])
    rows = bench.history.ask(queries.PRICES, match_id=MATCH, map_id="")
    assert {row["event_id"] for row in rows if row["supersedes"]} == {event["event_id"] for event in events[place:]}
    notices = [update.data for update in bench.told if update.kind == "correction"]
    assert [notice["reason"] for notice in notices] == ["a correction"]
    assert notices[0]["prices_superseded"] == len(events) - place
    # The prices are those of a match in which it never happened.
    other = Bench(bench.folder / "other", bench.champions)
    other.send([event for event in events if event is not wrong])
    other.consume()
    other.consumer._matches[MATCH].match.recompute("all there")
    mine, theirs = bench.consumer._matches[MATCH], other.consumer._matches[MATCH]
    assert mine.match.fold.digest() == theirs.match.fold.digest()
    in_rounds = [event for event in events if event["type"] not in ("map_start", "round_end", "map_end", "match_end")]
    found = {number: [after[event["event_id"]][1] for event in in_rounds if event["round_no"] == number
                      and event is not wrong] for number in (1, 2)}  # fmt: skip
    assert mine.ranges == {(uid("one", 1), number): (min(of), max(of)) for number, of in found.items()}


def test_a_new_champion_prices_from_the_next_event_on(tmp_path) -> None:
    promote(tmp_path / "champions", "1")
    bench = Bench(tmp_path, tmp_path / "champions")
    events = play(3, rounds=1)
    bench.send(events[:12])
    bench.consume()
    promote(tmp_path / "champions", "2", bias=1.0)
    bench.consumer._champion._looked = 0.0
    bench.send(events[12:])
    bench.consume()
    rows = bench.history.ask(queries.PRICES, match_id=MATCH, map_id="")
    version = {row["event_id"]: row["model_version"] for row in rows}
    assert [version[event["event_id"]] for event in events] == ["1"] * 12 + ["2"] * (len(events) - 12)


def test_without_a_champion_state_and_history_go_on(tmp_path) -> None:
    bench = Bench(tmp_path, tmp_path / "none")
    events = play(3, rounds=1)
    bench.send(events)
    bench.consume()
    prices = bench.prices(MATCH)
    assert len(prices) == len(events)
    assert prices[events[3]["event_id"]][1] is None
    assert prices[events[-1]["event_id"]][7] in (0.0, 1.0)


def test_clocks_move_prices_between_events(bench) -> None:
    feed = Feed()
    feed.say("map_start", map_name="de_nuke", map_number=1)
    feed.round = 1
    feed.say("round_start", team_a_score=0, team_b_score=0, team_a_side="CT", team_b_side="T")
    feed.say("freeze_time_ended", 15.0)
    feed.say("economy_update", 80.0, team_a_econ=0, team_b_econ=0)
    bench.send(feed.events)
    bench.consume()
    bench.told.clear()
    bench.consumer._matches[MATCH].clocked = 0.0  # on a slow machine the clock has moved it already
    now = bench.consumer._matches[MATCH].updated
    for after in (0.6, 0.7, 1.2, 20.0, 20.2, 61.0):
        bench.consumer._pass_time(now + after)
    clock = [update.data["round"]["p_team_a_win"] for update in bench.told]
    # Not twice within half a second, nor when nothing was heard for a minute; 115 s after the freeze time CT has won.
    assert clock == [0.5, 0.5, 0.5]
    bench.consumer._pass_time(now + 35.5)
    assert bench.told[-1].data["trigger_event_type"] == "clock"
    assert bench.told[-1].data["round"]["p_team_a_win"] == 1.0
    assert len(bench.prices(MATCH)) == len(feed.events)


def test_two_consumers_share_the_shards_and_give_the_same(straight, tmp_path, champions) -> None:
    bench = Bench(tmp_path, champions)
    both = [bench.another(share=8), bench.another(share=8)]
    matches = [play(seed, match=f"m{seed}", rounds=1) for seed in range(6)]
    for position in range(max(map(len, matches))):
        bench.send([events[position] for events in matches if position < len(events)])
        for consumer in both:
            consumer.step()
    for consumer in both:
        consumer.catch_up()
    owned = [set(consumer._positions) for consumer in both]
    assert owned[0] | owned[1] == set(range(16)) and not owned[0] & owned[1]
    alone = Bench(tmp_path / "alone", champions)
    for events in matches:
        alone.send(events)
    alone.consume()
    for seed in range(6):
        assert bench.prices(uid(f"m{seed}")) == alone.prices(uid(f"m{seed}"))
        assert bench.state(uid(f"m{seed}")) == alone.state(uid(f"m{seed}"))


def test_one_poisoned_match_does_not_stop_the_others(bench, monkeypatch) -> None:
    apply = Fold.apply

    def poisoned(self, event):
        if self.match_id == uid("bad"):
            raise ZeroDivisionError("a defect")
        return apply(self, event)

    monkeypatch.setattr(Fold, "apply", poisoned)
    bench.send(play(1, match="bad", rounds=1) + play(1, match="good", rounds=1))
    bench.consume()
    assert bench.prices(uid("good")) and not bench.prices(uid("bad"))
    monkeypatch.setattr(Fold, "apply", apply)
    more = play(1, match="bad", rounds=2)[len(play(1, match="bad", rounds=1, finish=False)) :]
    bench.send(more)
    bench.consume()
    assert bench.prices(uid("bad"))


def test_rounds_of_a_false_start_leave_history_with_it(bench) -> None:
    feed = Feed()
    false_start = play(3, rounds=3, finish=False)
    feed.events, feed.seq, feed.now = list(false_start), {feed.map: len(false_start)}, feed.now + 4_000
    feed.say("map_start", map_name="de_nuke", map_number=1)
    bench.send(false_start)
    bench.consume()
    assert len(bench.history.ask(queries.ROUNDS, match_id=MATCH, map_id="")) == 3
    bench.send(feed.events[len(false_start) :])
    bench.consume()
    assert bench.history.ask(queries.ROUNDS, match_id=MATCH, map_id="") == []


@pytest.mark.parametrize("readable", [True, False])
def test_a_new_owner_goes_on_from_the_last_snapshot(straight, tmp_path, champions, monkeypatch, readable) -> None:
    events, state, prices = straight
    bench = Bench(tmp_path, champions)
    second_round = next(
        n for n, event in enumerate(events) if event["type"] == "round_start" and event["round_no"] == 2
    )
    for part in (events[: second_round + 4], events[second_round + 4 : second_round + 8]):
        bench.send(part)
        bench.consume()
    if not readable:  # as another version of the program wrote it
        bench.history._connection().execute("update snapshots set body = replace(body, 'de_mirage', 'de_nuke')")
    bench.consumer.close()
    applied, apply = [], Fold.apply
    monkeypatch.setattr(Fold, "apply", lambda self, event: (applied.append(event), apply(self, event))[1])
    bench.consumer = bench.another()
    bench.send(events[second_round + 8 :])
    bench.consume()
    since_snapshot = len(events) - (second_round + 4)  # it was taken once the first step was through
    assert len(applied) == (since_snapshot if readable else len(events))
    assert bench.state(MATCH) == state and bench.prices(MATCH) == prices
    rounds = bench.history.ask(queries.ROUNDS, match_id=MATCH, map_id="")
    assert [row["clutch_index"] is not None for row in rounds] == [True, True]
    assert not [row for row in bench.history.ask(queries.PRICES, match_id=MATCH, map_id="") if row["supersedes"]]


def test_many_matches_taken_over_at_once_are_written_in_portions(tmp_path, champions, monkeypatch) -> None:
    monkeypatch.setattr("cs2_pipeline.live.consumer.PORTION", 100)
    bench = Bench(tmp_path, champions)
    matches = [play(seed, match=f"m{seed}", rounds=2) for seed in range(6)]
    for events in matches:
        bench.send(events[:-1])
    bench.consume()
    written, write = [], bench.history.write
    bench.history.write = lambda batch: (written.append(batch), write(batch))
    bench.history._connection().execute("delete from snapshots")
    bench.consumer.close()
    bench.consumer = bench.another()
    for events in matches:
        bench.send(events[-1:])
    bench.consumer._size = 1_000
    bench.consumer.step()
    bench.consumer.catch_up()
    assert len(written) > 1 and sum(len(batch.events) for batch in written) == len(matches)
    assert bench.log.depth() == {}
    assert all(verify(events[0]["match_id"], bench.history, bench.log).holds for events in matches)


def test_a_step_takes_twice_as_much_while_it_is_quick_and_half_when_it_nears_the_lease(bench, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "LEASE", 6.0)
    of = bench.consumer
    sizes = []
    for took in (0.5, 0.6, 1.5, *[0.1] * 7, 1.51, 1.51, *[9.0] * 9):
        of._adapt(took)
        sizes.append(of._size)
    assert sizes[:3] == [128, 128, 128], "six tenths of a second to one and a half change nothing"
    assert sizes[3:10] == [256, 512, 1_024, 2_048, 4_000, 4_000, 4_000]
    assert sizes[10:] == [2_000, 1_000, 500, 250, 125, 64, 64, 64, 64, 64, 64]


def test_shards_are_shared_out_so_that_none_is_left(bench) -> None:
    assert bench.consumer._fair_share() == 16, "nobody else is there"
    for others, share in ((2, 8), (3, 6), (5, 4), (16, 1), (40, 1)):
        bench.log.consumers = lambda others=others: others
        assert bench.consumer._fair_share() == share
    assert bench.another(share=3)._fair_share() == 3


def test_who_lost_a_shard_writes_nothing_for_it(bench, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "LEASE", 0.0)
    bench.consumer.step()
    bench.consumer._still_own()
    bench.log.lease = lambda *_: set(range(15))
    with pytest.raises(LogUnavailableError, match=r"shards \[15\] have another owner"):
        bench.consumer._still_own()


@pytest.fixture
def in_round(bench):
    """A match in an open round, as its consumer holds it."""
    events = play(3, rounds=1, finish=False)
    start = next(n for n, event in enumerate(events) if event["type"] == "freeze_time_ended")
    bench.send(events[: start + 1])
    bench.consume()
    return bench.consumer._matches[MATCH]


@pytest.mark.parametrize(
    ("heard", "clocked", "runs"),
    [(0.5, 9.0, True), (0.49, 9.0, False), (9.0, 0.5, True), (9.0, 0.49, False), (60.0, 60.0, True),
     (60.1, 60.1, False)],
)  # fmt: skip
def test_the_clock_moves_a_price_each_half_second_while_the_match_is_heard_of(in_round, heard, clocked, runs) -> None:
    in_round.updated, in_round.clocked = 1_000.0 - heard, 1_000.0 - clocked
    assert consumers._runs(in_round, 1_000.0) is runs


def test_no_clock_runs_between_rounds_or_once_the_bomb_has_decided_one(in_round) -> None:
    in_round.updated, in_round.clocked = 999.0, 0.0
    open_round = in_round.moment
    assert consumers._runs(in_round, 1_000.0)
    decided = replace(open_round, round_winner="A")
    for moment in (None, replace(open_round, state=None), replace(open_round, phase="between"), decided):
        in_round.moment = moment
        assert not consumers._runs(in_round, 1_000.0)


def test_the_range_of_a_rounds_prices_begins_with_the_round(in_round) -> None:
    def note(p, trigger="kill", **change):
        price = SimpleNamespace(round_p=p)
        consumers._note(in_round, replace(in_round.moment, trigger=trigger, **change), price)
        return in_round.ranges.get((in_round.moment.map_id, 1))

    in_round.ranges = {}
    state = in_round.moment.state
    assert [note(p) for p in (0.5, 0.3, 0.8, 0.6)] == [(0.5, 0.5), (0.3, 0.5), (0.3, 0.8), (0.3, 0.8)]
    assert note(None) == (0.3, 0.8) == note(1.0, phase="between") == note(0.0, state=None)
    in_round.moment = replace(in_round.moment, phase="round", state=state)
    assert note(0.4, "round_start") == (0.4, 0.4)


@pytest.mark.parametrize(("finished", "after"), [(True, 900.0), (False, 3_600.0)])
def test_a_match_is_forgotten_a_while_after_its_last_event(bench, finished, after) -> None:
    bench.send(play(3, rounds=1, finish=finished))
    bench.consume()
    live = bench.consumer._matches[MATCH]
    for late, kept in ((0.0, True), (0.1, False)):
        bench.consumer._tidied = 0.0
        bench.consumer._tidy(live.updated + after + late)
        assert (MATCH in bench.consumer._matches) is kept


def test_what_is_too_old_is_looked_for_each_half_minute_and_the_log_trimmed_each_second(bench) -> None:
    done = []
    bench.log.trim = lambda: done.append("trim")
    bench.history.expire = lambda now: done.append("expire")
    bench.consumer._trimmed = bench.consumer._tidied = 1_000.0
    for now, expected in ((1_000.9, []), (1_001.0, ["trim"]), (1_029.9, ["trim"]), (1_030.0, ["expire"])):
        done.clear()
        bench.consumer._tidy(now)
        assert done == expected


def test_a_defect_in_a_step_forgets_what_may_not_have_been_written(bench) -> None:
    bench.send(play(3, rounds=1)[:12])
    bench.consumer.step()
    assert bench.consumer.matches == 1
    bench.consumer._size = 1_000
    bench.consumer._fail("the disk is full")
    assert (bench.consumer.matches, bench.consumer.complaint) == (0, "the disk is full")
    assert bench.consumer._positions == {} and bench.consumer._size == consumers.LEAST_BATCH
    bench.consume()
    assert bench.history.ask(queries.EVENTS_COUNTED)[0] == {"events": 12, "different": 12}


class Stop:
    """Ends a consumer's run after so many looks, and notes what it waited in between."""

    def __init__(self, looks) -> None:
        self.left, self.waits = looks, []

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0

    def wait(self, seconds) -> None:
        self.waits.append(seconds)


def test_a_consumer_works_on_whatever_fails_and_says_what_did(bench, monkeypatch) -> None:
    said, outcomes = [], [LogUnavailableError("the log is away"), ValueError("a defect"), 7, 3, 0]

    def step():
        said.append(bench.consumer.complaint)
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    idle, errors = [], sample("error_total", service="live")
    monkeypatch.setattr(bench.consumer, "step", step)
    monkeypatch.setattr(bench.log, "wait", idle.append)
    stop = Stop(5)
    bench.log.lease(bench.consumer.name, 16, 3_600.0)
    bench.consumer.run(stop)
    assert said == [None, "the log is away", "ValueError: a defect", None, None]
    assert stop.waits == [1.0, 1.0], "a second before the next try"
    assert idle == [consumers.IDLE], "only where nothing came"
    assert sample("error_total", service="live") == errors + 2
    assert bench.log.consumers() == 0, "its shards are given up"


def sample(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_events_that_cannot_be_read_are_dead_letters_and_the_others_go_on(bench) -> None:
    events = play(3, rounds=1)
    dead = sample("dead_letters_total", reason="not understood")
    broken = Submitted(uid("broken"), MATCH, b'{"event_id": 1}')
    bench.log.append([broken])
    bench.send(events)
    bench.consume()
    (letter,) = bench.log.dead_letters()
    assert (letter.id, letter.match_id, letter.body) == (uid("broken"), MATCH, b'{"event_id": 1}')
    assert letter.reason.startswith("event_id") and letter.at > 1e9
    assert sample("dead_letters_total", reason="not understood") == dead + 1
    assert len(bench.prices(MATCH)) == len(events) and bench.log.depth() == {}


def test_a_correction_that_cannot_be_carried_out_is_one_dead_letter(bench) -> None:
    events = play(3, rounds=1)
    lost = events[-1] | {"event_id": uid("c"), "type": "correction", "seq_no": len(events) + 1,
                         "payload": {"event_id": uid("nothing"), "void": True}}  # fmt: skip
    bench.send([*events, lost])
    bench.consume()
    again = events[-1] | {"event_id": uid("more"), "seq_no": len(events) + 2, "type": "timeout_start", "payload": {}}
    bench.send([again])
    bench.consume()
    (letter,) = bench.log.dead_letters()
    assert (letter.id, letter.match_id, letter.body) == (uid("c"), MATCH, b"")
    assert letter.reason == f"there is no event {uid('nothing')} in this match to correct"


def test_what_is_computed_kept_and_given_up_is_counted(bench) -> None:
    kept, gaps = sample("live_events_kept_total"), sample("live_gaps_total")
    anew = sample("live_recomputations_total", reason="a late event")
    events = play(3, rounds=1)
    bench.send(events[:8] + events[9:])
    bench.consume()
    live = bench.consumer._matches[MATCH]
    bench.consumer._pass_time(live.updated + 10.0)
    assert sample("live_gaps_total") == gaps + 1 and not live.match.waiting
    bench.consumer._flush()
    assert len(bench.prices(MATCH)) == len(events) - 1, "what waited is priced"
    bench.send([events[-1] | {"event_id": uid("beyond"), "seq_no": len(events) + 2}])
    bench.consume()
    bench.consumer._pass_time(time.time() + 10.0)
    assert sample("live_gaps_total") == gaps + 2
    bench.send(events[8:9])
    bench.consume()
    assert sample("live_recomputations_total", reason="a late event") == anew + 1
    assert sample("live_events_kept_total") == kept + len(events) + 1


def test_how_much_waits_and_how_many_matches_are_in_play_is_told(bench) -> None:
    bench.send(play(3, match="over", rounds=1) + play(4, match="open", rounds=1, finish=False))
    bench.consume()
    more = play(5, match="later", rounds=1)[:3]
    bench.send(more)
    for shard in range(16):
        metrics.DEPTH.labels(str(shard)).set(99)  # as it was a while ago
    bench.consumer._tidied = 0.0
    bench.consumer._tidy(time.time())
    assert sample("live_matches") == 1
    depths = {shard: sample("queue_depth", shard=str(shard)) for shard in range(16)}
    assert depths == {shard: 3.0 if shard == shard_of(uid("later")) else 0.0 for shard in range(16)}


def test_shards_of_another_are_forgotten_with_their_matches_and_others_stay(bench) -> None:
    matches = {shard_of(uid(f"m{n}")): f"m{n}" for n in range(9)}
    (lost, gone), (_, stays) = list(matches.items())[:2]
    bench.send(play(1, match=gone, rounds=1) + play(1, match=stays, rounds=1))
    bench.consume()
    lease = bench.log.lease
    bench.log.lease = lambda *how: lease(*how) - {lost}
    bench.consumer._leased = 0.0
    bench.consumer.step()
    assert set(bench.consumer._matches) == {uid(stays)} and lost not in bench.consumer._positions
    assert len(bench.consumer._positions) == 15
    bench.log.lease = lease
    bench.consumer._leased = 0.0
    bench.consumer.step()
    assert bench.consumer._positions[lost] == bench.log.position(lost), "it reads on from where history has it"


def test_a_lease_is_asked_for_again_after_a_third_of_it(bench, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "LEASE", 6.0)
    asked = []
    monkeypatch.setattr(bench.log, "lease", lambda name, share, seconds: (asked.append((share, seconds)), {1, 2})[1])
    for now in (100.0, 101.9, 102.0, 103.9, 104.1):
        bench.consumer._own(now)
    assert asked == [(16, 6.0)] * 3
    assert set(bench.consumer._positions) == {1, 2}
    monkeypatch.setattr(consumers, "time", SimpleNamespace(time=lambda: 106.0))
    bench.consumer._still_own()
    assert len(asked) == 3, "it was asked for a moment ago"


def test_a_withdrawn_price_names_the_one_that_stands_no_more() -> None:
    row = consumers._withdrawn("m", "e", "old", 5.0)
    assert (row.match_id, row.event_id, row.supersedes, row.ts_calc) == ("m", "e", "old", 5.0)
    assert (row.trigger, row.basis, row.model_version, row.map_id) == ("void", "void", "", "")
    assert (row.round_no, row.state_version) == (0, 0)
    assert {row.round_p, row.map_p, row.series_p, row.round_low, row.map_high} == {None}
    assert row.price_id != "old" and row == consumers._withdrawn("m", "e", "old", 5.0)


def test_an_event_is_kept_as_it_came_with_when_and_where(bench) -> None:
    events = play(3, rounds=1)[:4]
    bench.send(events)
    bench.consume()
    arrivals = {one.event_id: one for one in bench.log.read({shard_of(MATCH): ""}, 99)} | {
        one.event_id: one for one in bench.log.kept(MATCH)
    }
    rows = bench.history.ask(queries.EVENTS_PAGE, match_id=MATCH, since=0.0, count=99)
    assert [row["event_id"] for row in rows] == [event["event_id"] for event in events]
    for row, event in zip(rows, events, strict=True):
        assert (row["map_id"], row["round_no"], row["type"]) == (event["map_id"], event["round_no"], event["type"])
        assert (row["source"], row["seq_no"]) == ("server", event["seq_no"])
        assert json.loads(row["body"]) == event
        assert row["day"] == int(row["received"] // 86_400)
        if arrival := arrivals.get(row["event_id"]):
            assert (row["received"], row["position"]) == (arrival.received, arrival.position)


def test_who_takes_a_match_over_tells_nobody_that_it_was_corrected(bench) -> None:
    events = play(3, rounds=2)
    bench.send(events[:30])
    bench.consume()
    bench.history._connection().execute("delete from snapshots")
    bench.consumer.close()
    bench.told.clear()
    bench.consumer = bench.another()
    bench.send(events[30:32])
    bench.consume()
    assert [update.data["event_id"] for update in bench.told if update.kind == "event"] == [
        event["event_id"] for event in events[30:32]
    ]
    assert not [update for update in bench.told if update.kind == "correction"]
    assert len(bench.history.ask(queries.PRICES, match_id=MATCH, map_id="")) == 32, "no price was issued again"


def test_a_match_that_is_waited_for_writes_its_row_and_stays_behind(bench, monkeypatch) -> None:
    monkeypatch.setattr("cs2_pipeline.live.match.GAP_WAIT", 3_600.0)
    events = play(3, rounds=1)
    bench.send(events[:5] + events[6:8])
    bench.consume()
    live = bench.consumer._matches[MATCH]
    assert live.match.waiting == 2 and set(bench.consumer._behind) == {MATCH}
    (row,) = bench.history.ask(queries.MATCH, match_id=MATCH)
    assert row["state_version"] == 5 and row["arrived"] == 7
    bench.send(events[5:6])
    bench.consume()
    assert bench.consumer._behind == {} and bench.log.depth() == {}


def test_a_step_says_how_much_it_took_and_takes_a_share_of_each_shard(bench, monkeypatch) -> None:
    asked = []
    read = bench.log.read
    monkeypatch.setattr(bench.log, "read", lambda after, limit: (asked.append(limit), read(after, limit))[1])
    bench.send(play(3, rounds=1)[:9])
    assert [bench.consumer.step(), bench.consumer.step()] == [9, 0]
    assert asked[0] == consumers.LEAST_BATCH // 16
    bench.consumer._size = 3
    bench.consumer.step()
    assert asked[-1] == 1


def test_the_row_of_a_match_is_not_written_again_at_once(bench, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "ROWS", 3_600.0)
    events = play(3, rounds=1, finish=False)
    bench.send(events[:8])
    bench.consume()
    bench.send(events[8:10])
    bench.consumer._passed = 0.0
    bench.consumer.step()
    assert set(bench.consumer._behind) == {MATCH}, "its row lacks two events, and is young"
    bench.consumer._matches[MATCH].written -= 3_601.0
    bench.consumer._passed = 0.0
    bench.consumer.step()
    assert bench.consumer._behind == {}


def test_the_row_of_a_match_is_written_at_the_end_of_a_round_however_young_it_is(bench, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "ROWS", 3_600.0)
    events = play(3, rounds=2, finish=False)
    end = next(place for place, event in enumerate(events) if event["type"] == "round_end")
    bench.send(events[:end])
    bench.consume()
    bench.send(events[end : end + 1])
    bench.consumer.step()
    assert bench.consumer._behind == {}


def test_what_is_promised_of_a_consumer_in_numbers() -> None:
    """docs/live.md: a lease of six seconds, history written five times a second, rows and clocks twice."""
    assert (LEASE, consumers.WRITES, consumers.ROWS, consumers.CLOCK) == (6.0, 0.2, 0.5, 0.5)
    assert (consumers.PORTION, consumers.IDLE, consumers.PASSING) == (2_000, 0.05, 0.05)


class Now:
    """The consumer's clock, as a test sets it."""

    def __init__(self, monkeypatch, now=1_000.0) -> None:
        self.now = now
        monkeypatch.setattr(consumers, "time", self)

    def time(self) -> float:
        return self.now


def test_history_is_written_each_fifth_of_a_second_and_never_twice_at_once(bench, monkeypatch) -> None:
    assert consumers.WRITES == 0.2
    monkeypatch.setattr(consumers, "WRITES", 0.25)  # a number without a rounding of its own
    clock, written = Now(monkeypatch), []
    of = bench.consumer
    write = of._write
    monkeypatch.setattr(of, "_write", lambda now: (written.append(now), write(now)))
    for now in (1_000.0, 1_000.24, 1_000.25, 1_000.49):
        clock.now = now
        of.step()
    assert written == [1_000.0, 1_000.25]
    of._written = under_way = Future()
    clock.now = 1_001.0
    of.step()
    assert len(written) == 2
    under_way.set_result(None)
    of.step()
    assert written[2:] == [1_001.0] and of._written is None


def test_clocks_and_gaps_are_looked_at_each_twentieth_of_a_second_and_rows_half_a_second_old_written(
    bench, monkeypatch
) -> None:
    assert consumers.PASSING == 0.05
    monkeypatch.setattr(consumers, "PASSING", 0.125)
    clock, passed, rows = Now(monkeypatch), [], []
    monkeypatch.setattr(bench.consumer, "_pass_time", passed.append)
    monkeypatch.setattr(bench.consumer, "_write_rows", rows.append)
    for now in (1_000.0, 1_000.12, 1_000.125, 1_000.24, 1_000.25):
        clock.now = now
        bench.consumer.step()
    assert passed == [1_000.0, 1_000.125, 1_000.25]
    assert rows == [now - 0.5 for now in passed]


def test_a_step_measures_itself(bench, monkeypatch) -> None:
    times = iter([5.0, 7.5])
    took = []
    monkeypatch.setattr(consumers, "time", SimpleNamespace(time=lambda: next(times, 7.5)))
    monkeypatch.setattr(bench.consumer, "_own", lambda now: None)
    monkeypatch.setattr(bench.consumer, "_write", lambda now: None)
    monkeypatch.setattr(bench.consumer, "_adapt", took.append)
    bench.consumer.step()
    assert took == [2.5]


def test_a_consumer_that_cannot_say_its_last_words_gives_its_shards_up_all_the_same(bench, monkeypatch) -> None:
    bench.send(play(3, rounds=1)[:5])
    bench.consumer.step()
    assert bench.log.consumers() == 1
    monkeypatch.setattr(bench.history, "write", failing(HistoryUnavailableError("away")))
    bench.consumer.close()
    assert bench.log.consumers() == 0 and bench.consumer._writer._shutdown
    other = bench.another()
    other.step()
    monkeypatch.setattr(bench.log, "release", failing(LogUnavailableError("away")))
    other.close()  # its leases end by themselves


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


def test_what_a_failure_may_have_kept_from_history_is_read_again_from_where_history_is(bench, monkeypatch) -> None:
    events = play(3, rounds=1, finish=False)
    bench.send(events[:6])
    bench.consume()
    bench.send(events[6:9])
    write = bench.history.write
    monkeypatch.setattr(bench.history, "write", failing(HistoryUnavailableError("the disk is full")))
    bench.consumer._wrote = 0.0
    bench.consumer.step()
    with pytest.raises(HistoryUnavailableError, match="the disk is full"):
        bench.consumer.catch_up()
    bench.consumer._fail("the disk is full")
    assert not bench.consumer._unwritten and bench.consumer._behind == {} and bench.consumer._leased == 0.0
    bench.consumer._written = lost = Future()
    lost.set_exception(HistoryUnavailableError("the disk is full"))
    bench.consumer._fail("the disk is full")  # whatever was under way is read again as well
    assert bench.consumer._written is None
    monkeypatch.setattr(bench.history, "write", write)
    bench.consume()
    assert bench.history.ask(queries.EVENTS_COUNTED)[0] == {"events": 9, "different": 9}
    assert verify(MATCH, bench.history, bench.log).holds and bench.log.depth() == {}


def test_a_match_that_cannot_be_computed_is_a_failure_and_a_history_that_is_away_is_none_of_a_match(
    bench, monkeypatch
) -> None:
    errors = sample("error_total", service="live")
    bench.send(play(3, rounds=1)[:3])
    ask = bench.history.ask
    monkeypatch.setattr(bench.history, "ask", failing(HistoryUnavailableError("away")))
    with pytest.raises(HistoryUnavailableError):
        bench.consumer.step()
    assert sample("error_total", service="live") == errors
    bench.consumer._fail("away")
    assert sample("error_total", service="live") == errors + 1
    monkeypatch.setattr(bench.history, "ask", ask)
    monkeypatch.setattr(Fold, "apply", failing(ZeroDivisionError("a defect")))
    bench.consumer.step()
    assert sample("error_total", service="live") == errors + 2
    assert bench.consumer.matches == 0 and bench.consumer._behind == {}


def test_a_match_without_a_row_is_computed_anew_from_its_events_in_history(bench) -> None:
    events = play(3, rounds=1)
    bench.send(events[:9])
    bench.consume()
    for table in ("matches", "snapshots"):
        bench.history._connection().execute(f"delete from {table}")  # noqa: S608
    bench.consumer.close()
    anew = sample("live_recomputations_total", reason="taken over")
    bench.consumer = bench.another()
    bench.send(events[9:])
    bench.consume()
    assert sample("live_recomputations_total", reason="taken over") == anew + 1
    assert verify(MATCH, bench.history, bench.log).holds


def test_a_match_began_when_its_first_event_was_taken_whoever_follows_it(bench) -> None:
    events = play(3, rounds=1)
    bench.send(events[:4])
    bench.send(events[4:9])
    bench.consume()
    (row,) = bench.history.ask(queries.MATCH, match_id=MATCH)
    first, *_, last = bench.history.ask(queries.EVENTS_PAGE, match_id=MATCH, since=0.0, count=99)
    assert (row["began"], row["updated"]) == (first["received"], last["received"])
    bench.consumer.close()
    bench.consumer = bench.another()
    bench.send(events[9:])
    bench.consume()
    (again,) = bench.history.ask(queries.MATCH, match_id=MATCH)
    *_, last = bench.history.ask(queries.EVENTS_PAGE, match_id=MATCH, since=0.0, count=999)
    assert (again["began"], again["updated"]) == (row["began"], last["received"])
    assert (again["owner"], again["arrived"]) == ("", len(events))


def test_a_correction_is_told_with_the_price_that_stands_now(bench) -> None:
    events = play(3, rounds=1, finish=False)
    events[0]["payload"]["tournament"] = "Cup"
    bench.send(events)
    bench.consume()
    wrong = next(event for event in events if event["type"] == "kill")
    bench.told.clear()
    bench.send([wrong | {"event_id": uid("c"), "type": "correction", "seq_no": len(events) + 1,
                         "payload": {"event_id": wrong["event_id"], "void": True}}])  # fmt: skip
    bench.consume()
    (told,) = bench.told
    live = bench.consumer._matches[MATCH]
    assert (told.kind, told.match_id, told.tournament) == ("correction", MATCH, "Cup")
    last = bench.history.ask(
        "select * from prices where match_id = {match_id:String} and state_version = {version:UInt32}"
        " and supersedes <> '' and basis <> 'void'", match_id=MATCH, version=len(events) - 1,
    )  # fmt: skip
    assert told.data == {
        "match_id": MATCH, "reason": "a correction", "prices_superseded": len(events) - events.index(wrong),
        "state_version": len(events) - 1, "prediction": board.prediction(live.price),
    }  # fmt: skip
    assert told.data["prediction"]["price_id"] == last[0]["price_id"]
    assert told.data["prediction"]["event_id"] == events[-1]["event_id"]


def test_the_clocks_price_is_of_the_moment_and_kept_nowhere(in_round, bench) -> None:
    bench.told.clear()
    in_round.clocked = in_round.updated = 5_000.0
    in_round.match.fold.tournament = "Cup"
    before = (in_round.price, in_round.moment)
    bench.consumer._pass_time(5_010.0)
    (told,) = bench.told
    tracker = in_round.match.fold.maps[in_round.moment.map_id].tracker
    moment = replace(in_round.moment, trigger="clock", time=tracker.time + 10.0, state=tracker.state(tracker.time + 10))
    (expected,) = prices([moment], bench.consumer._champion.current(), 5_010.0)
    assert moment.state["time_remaining"] == 105.0
    assert told == Update("prediction", MATCH, "Cup", board.prediction(expected))
    assert (in_round.price, in_round.moment, in_round.clocked) == (*before, 5_010.0)
    bench.told.clear()
    in_round.updated, in_round.clocked = 5_020.0, 0.0  # its last event is younger than the clock's look
    consumer_now = 5_020.5
    bench.consumer._pass_time(consumer_now)
    assert bench.told[0].data["ts_calc"] == consumer_now


def test_events_from_durable_to_price_are_timed_once_each(bench, monkeypatch) -> None:
    def timed():
        return [sample(f"live_event_to_price_seconds_{what}") for what in ("count", "sum")]

    before = timed()
    bench.send(play(3, rounds=1)[:7])
    (received, *_) = {one.received for one in bench.log.kept(MATCH)}
    clock = Now(monkeypatch, received + 2.5)
    bench.consumer.step()
    assert timed() == [before[0] + 7, pytest.approx(before[1] + 7 * 2.5)]
    clock.now = received - 100.0  # another machine's clock is ahead
    bench.send(play(3, rounds=1)[7:8])
    bench.consumer.step()
    assert timed() == [before[0] + 8, pytest.approx(before[1] + 7 * 2.5)]


def test_subscribers_are_told_of_each_event_with_its_price_when_it_was_taken(bench) -> None:
    events = play(3, rounds=1)[:5]
    bench.send(events)
    bench.consume()
    received = {row["event_id"]: row["received"]
                for row in bench.history.ask(queries.EVENTS_PAGE, match_id=MATCH, since=0.0, count=9)}  # fmt: skip
    for kind in ("prediction", "event"):
        told = [update for update in bench.told if update.kind == kind and update.at]  # without those of the clock
        assert [(update.data["event_id"], update.at) for update in told] == [
            (event["event_id"], received[event["event_id"]]) for event in events
        ]
    assert [update.data["type"] for update in bench.told if update.kind == "lifecycle"] == ["match_start", "map_start"]


def test_a_snapshot_is_taken_when_something_ends_and_names_the_last_event(bench) -> None:
    events = play(3, rounds=2)
    kinds = [event["type"] for event in events]
    end = kinds.index("round_end")
    found = []
    for part in (events[:5], events[5:end], events[end : end + 1], events[end + 1 : -2], events[-2:-1], events[-1:]):
        bench.send(part)
        bench.consume()
        rows = bench.history.ask("select arrived, state_version, position, updated from snapshots")
        found.append([tuple(row.values()) for row in rows])
    _, *_, last = bench.history.ask(queries.EVENTS_PAGE, match_id=MATCH, since=0.0, count=999)
    at = {row["position"]: row for row in bench.history.ask(queries.EVENTS_PAGE, match_id=MATCH, since=0.0, count=999)}
    assert [[arrived for arrived, *_ in rows] for rows in found] == [
        [5], [5], [end + 1], [len(events) - 2], [len(events) - 1], [len(events)]
    ]  # fmt: skip
    for rows in found:
        ((arrived, version, position, updated),) = rows
        assert arrived == version == at[position]["seq_no"] and updated == at[position]["received"]
    assert found[-1][0][2] == last["position"]


def test_rows_of_finished_rounds_are_written_at_their_end(bench) -> None:
    events = play(3, rounds=2, finish=False)
    end = [place for place, event in enumerate(events) if event["type"] == "round_end"]
    counted = []
    for part in (events[: end[0]], events[end[0] : end[0] + 1], events[end[0] + 1 : end[1]], events[end[1] :]):
        bench.send(part)
        bench.consume()
        counted.append([row["round_no"] for row in bench.history.ask(queries.ROUNDS, match_id=MATCH, map_id="")])
    assert counted == [[], [1], [1], [1, 2]]
    live = bench.consumer._matches[MATCH]
    prices_of = {
        number: [price for _, price, *_ in (bench.prices(MATCH)[event["event_id"]] for event in events
                                            if event["round_no"] == number and event["type"] != "round_end")]
        for number in (1, 2)
    }  # fmt: skip
    assert live.ranges == {(uid("one", 1), number): (min(found), max(found)) for number, found in prices_of.items()}


def test_a_round_that_is_restored_leaves_history_until_it_is_played_again(bench) -> None:
    events = play(3, rounds=3, finish=False)
    feed = Feed()
    feed.events, feed.seq, feed.now, feed.round = [], {feed.map: len(events)}, feed.now + 4_000, 2
    back = feed.say("round_restored") | {"payload": {"round_no": 2}}
    bench.send(events)
    bench.consume()
    bench.send([back])
    bench.consume()
    assert [row["round_no"] for row in bench.history.ask(queries.ROUNDS, match_id=MATCH, map_id="")] == [1]


def test_an_idle_log_is_not_told_again_what_history_has(bench, monkeypatch) -> None:
    bench.send(play(3, rounds=1)[:5])
    bench.consume()
    told, written = [], []
    monkeypatch.setattr(bench.log, "done", told.append)
    monkeypatch.setattr(bench.history, "write", written.append)
    bench.consumer.catch_up()
    assert (told, written) == ([], [])


def test_too_much_that_waits_to_be_written_is_written_at_once(bench, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "PORTION", 4)
    kept = []
    write = bench.history.write
    monkeypatch.setattr(bench.history, "write", lambda batch: (kept.append((len(batch.events), len(batch.prices))),
                                                              write(batch))[1])  # fmt: skip
    bench.consumer._wrote = float("inf")  # nothing is written for its age
    for part in (play(3, rounds=1)[:3], play(3, rounds=1)[3:4]):
        bench.send(part)
        bench.consumer.step()
        bench.consumer._await_written()
    assert kept == [(4, 4)], "eight rows are too many, six are not"


def test_a_consumer_has_the_name_it_is_given_or_one_of_its_own(bench) -> None:
    assert bench.another(name="one").name == "one"
    assert bench.another().name != bench.another().name


def test_a_lease_is_renewed_before_writing_once_a_third_of_it_has_passed(bench, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "LEASE", 6.0)
    clock, asked = Now(monkeypatch), []
    monkeypatch.setattr(bench.log, "lease", lambda name, share, seconds: (asked.append((share, seconds)), {1})[1])
    bench.consumer._leased, bench.consumer._positions = 1_000.0, {1: ""}
    for now in (1_001.9, 1_002.0, 1_003.9, 1_004.0):
        clock.now = now
        bench.consumer._still_own()
    assert asked == [(16, 6.0)] * 2


def test_who_lost_a_shard_while_computing_tells_nobody_and_while_pricing_writes_nothing(bench, monkeypatch) -> None:
    calls = []

    def lost_at(number):
        def still_own():
            calls.append(number)
            if len(calls) == number:
                raise LogUnavailableError("lost")

        calls.clear()
        return still_own

    bench.send(play(3, rounds=1)[:5])
    write, written = bench.history.write, []
    monkeypatch.setattr(bench.history, "write", lambda batch: (written.append(batch), write(batch)))
    for number, told in ((1, 0), (2, 5)):
        bench.told.clear()
        bench.consumer._fail("again")
        monkeypatch.setattr(bench.consumer, "_still_own", lost_at(number))
        with pytest.raises(LogUnavailableError, match="lost"):
            bench.consumer.step()
        assert len([update for update in bench.told if update.kind == "event"]) == told and written == []


@pytest.mark.parametrize(("portion", "settled"), [(4, [2, 2, 2, 0]), (5, [3, 3, 0]), (100, [6])])
def test_matches_are_priced_in_portions_of_so_many_moments(bench, monkeypatch, portion, settled) -> None:
    monkeypatch.setattr(consumers, "PORTION", portion)
    sizes, settle = [], bench.consumer._settle
    monkeypatch.setattr(bench.consumer, "_settle", lambda changes, *how: (sizes.append(len(changes)),
                                                                        settle(changes, *how)))  # fmt: skip
    bench.send([event for number in range(6) for event in play(3, match=f"m{number}", rounds=1)[:2]])
    bench.consumer._size = 1_000
    bench.consumer.step()
    assert sizes == settled


def test_a_writing_that_failed_is_heard_of_at_the_next_one(bench) -> None:
    for action in (lambda: bench.consumer._write(0.0), bench.consumer._flush, bench.consumer.catch_up):
        bench.consumer._written = failed = Future()
        failed.set_exception(HistoryUnavailableError("the disk is full"))
        with pytest.raises(HistoryUnavailableError, match="the disk is full"):
            action()


def test_what_this_process_has_read_already_is_not_read_again(bench, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "parse", failing(AssertionError("read again")))
    bench.send(play(3, rounds=1)[:6])
    bench.consume()
    assert len(bench.prices(MATCH)) == 6


def test_a_new_owner_that_reads_again_what_a_snapshot_holds_computes_nothing_anew(bench) -> None:
    events = play(3, rounds=2)
    end = next(place for place, event in enumerate(events) if event["type"] == "round_end")
    done, bench.log.done = bench.log.done, lambda positions: None
    bench.send(events[: end + 1])
    bench.consume()
    bench.kill()
    bench.log.done = done
    before = {reason: sample("live_recomputations_total", reason=reason) for reason in ("resumed", "a late event")}
    bench.consumer = bench.another()
    bench.send(events[end + 1 : end + 3])
    bench.consume()
    assert sample("live_recomputations_total", reason="resumed") == before["resumed"] + 1
    assert sample("live_recomputations_total", reason="a late event") == before["a late event"]
    assert bench.consumer._matches[MATCH].match.arrived == end + 3
    assert verify(MATCH, bench.history, bench.log).holds


def test_a_price_is_withdrawn_once_and_a_match_without_events_has_none(bench) -> None:
    first = play(3, rounds=1)[0]

    def void(seq):
        return first | {"event_id": uid("c", seq), "type": "correction", "seq_no": seq,
                        "payload": {"event_id": first["event_id"], "void": True}}  # fmt: skip

    bench.send([first])
    bench.consume()
    bench.told.clear()
    bench.send([void(2)])
    bench.consume()
    (notice,) = bench.told
    assert (notice.data["prices_superseded"], notice.data["prediction"]) == (1, None)
    bench.send([void(3)])
    bench.consume()
    rows = bench.history.ask(queries.PRICES, match_id=MATCH, map_id="")
    assert [row["basis"] == "void" for row in rows].count(True) == 1 and len(rows) == 2
    assert rows[1]["supersedes"] == rows[0]["price_id"] and len(bench.told) == 1


def test_the_row_that_a_lost_match_lacks_is_the_next_owners_to_write(bench, monkeypatch) -> None:
    monkeypatch.setattr(consumers, "ROWS", 3_600.0)
    names = list({shard_of(uid(f"m{n}")): f"m{n}" for n in range(9)}.values())[:2]
    matches = [play(1, match=name, rounds=1, finish=False) for name in names]
    for part in (slice(6), slice(6, 7)):
        bench.send([event for events in matches for event in events[part]])
        bench.consumer.step()
    assert set(bench.consumer._behind) == set(map(uid, names))
    bench.consumer._drop(shard_of(uid(names[0])))
    assert set(bench.consumer._behind) == set(bench.consumer._matches) == {uid(names[1])}
