import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.live.events import Event
from cs2_pipeline.live.fold import Fold, Moment
from cs2_pipeline.live.match import GAP_WAIT, Match
from cs2_pipeline.live.order import ordered
from cs2_pipeline_tests.live.made import Feed, play, read, uid


def straight(events: list[Event]) -> tuple[str, list[Moment]]:
    """The state's digest and all moments, of events all there at once."""
    fold = Fold(events[0].match_id)
    moments = [moment for event in ordered(events).events if (moment := fold.apply(event))]
    return fold.digest(), moments


def arriving(
    events: list[Event], batches: list[int] | None = None, gap_every: float = 0.01
) -> tuple[Match, list[Moment]]:
    """The match after the events arrived in this order, and the moments that stand at the end."""
    arrived: list[Event] = []
    match = Match(events[0].match_id, lambda: list(arrived))
    standing: list[Moment] = []
    now, at, known = 1000.0, 0, set()
    sizes = iter(batches or [])
    while at < len(events):
        size = next(sizes, 1)
        batch = [event for event in events[at : at + size] if event.event_id not in known]
        batch = list({event.event_id: event for event in batch}.values())
        known |= {event.event_id for event in batch}
        arrived += batch
        at, now = at + size, now + gap_every
        change = match.take(batch, now)
        standing = change.moments if change.recomputed else standing + change.moments
    change = match.release(now + GAP_WAIT)
    return match, change.moments if change.recomputed else standing + change.moments


def assert_same(events: list[Event], arrival: list[Event], **how: Any) -> Match:
    match, moments = arriving(arrival, **how)
    digest, expected = straight(events)
    assert match.fold.digest() == digest
    assert moments == expected
    assert match.waiting == 0
    return match


def test_events_in_order_are_applied_without_computing_anew() -> None:
    events = read(play(rounds=3))
    match = assert_same(events, events)
    assert match.recomputations == 0 and match.gaps == 0


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), data=st.data())
def test_repeats_and_any_order_give_the_same_state_and_moments(seed: int, data: st.DataObject) -> None:
    events = read(play(seed, rounds=2, maps=data.draw(st.integers(1, 2))))
    window = data.draw(st.sampled_from([0, 3, 20, 10_000]))
    chance = random.Random(seed)
    arrival = [*events, *(chance.choice(events) for _ in range(data.draw(st.integers(0, 30))))]
    arrival = [event for _, event in sorted(enumerate(arrival), key=lambda one: one[0] + chance.uniform(0, window))]
    sizes = [chance.randint(1, 40) for _ in events]
    assert_same(events, arrival, batches=sizes, gap_every=data.draw(st.sampled_from([0.0, 0.5, 5.0])))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), data=st.data())
def test_two_sources_at_once_with_clocks_an_hour_apart_give_one_state(seed: int, data: st.DataObject) -> None:
    rich = play(seed, rounds=3, source="server", clock=3600.0)
    poor = play(seed, rounds=3, source="demo", rich=False)
    broken_off = data.draw(st.integers(1, len(rich)))
    both = read(rich[:broken_off] + poor)
    chance = random.Random(seed)
    arrival = sorted(both, key=lambda event: event.ts_event % 3600 + chance.uniform(0, 3))
    assert_same(both, arrival, batches=[chance.randint(1, 9) for _ in both])


def test_the_more_complete_source_is_followed_and_the_other_finishes_what_it_broke_off() -> None:
    rich, poor = play(rounds=4, source="server", clock=3600.0), play(rounds=4, source="demo", rich=False)
    cut = next(number for number, event in enumerate(rich) if event["round_no"] == 2 and event["type"] == "kill")
    fold = Fold(rich[0]["match_id"])
    found = ordered(read(rich[:cut] + poor))
    for event in found.events:
        fold.apply(event)
    (of_map,) = fold.maps.values()
    assert list(found.followed.values()) == ["server"]
    assert of_map.phase == "over" and fold.over
    assert sorted(of_map.rounds) == [1, 2, 3, 4]
    assert sum(of_map.score.values()) == 4
    assert {event.source for event in found.events if event.round_no == 1 and event.type == "kill"} == {"server"}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), data=st.data())
def test_a_correction_gives_the_state_that_the_right_event_would_have_given(seed: int, data: st.DataObject) -> None:
    raw = play(seed, rounds=2)
    places = [n for n, event in enumerate(raw) if event["type"] in ("kill", "economy_update")]
    wrong = data.draw(st.sampled_from(places))
    void = data.draw(st.booleans())
    payload = raw[wrong]["payload"] | ({"weapon": "awp"} if raw[wrong]["type"] == "kill" else {"team_a_econ": 1_000})
    correction = raw[wrong] | {
        "event_id": uid("correction"), "type": "correction", "seq_no": raw[-1]["seq_no"] + 1,
        "ts_event": raw[-1]["ts_event"],
        "payload": {"event_id": raw[wrong]["event_id"], **({"void": True} if void else {"payload": payload})},
    }  # fmt: skip
    events = read([*raw, correction])
    arrival = list(events)
    random.Random(seed).shuffle(arrival)
    match = assert_same(events, arrival)
    right = [event for n, event in enumerate(raw) if n != wrong or not void]
    if not void:
        right[wrong] = raw[wrong] | {"payload": payload}
    assert match.fold.digest() == straight(read(right))[0]


def test_a_correction_of_nothing_is_a_problem_and_changes_nothing() -> None:
    feed = Feed()
    raw = play()
    correction = raw[-1] | {"event_id": uid("c"), "type": "correction", "seq_no": raw[-1]["seq_no"] + 1,
                            "payload": {"event_id": uid("nothing"), "void": True}}  # fmt: skip
    match = assert_same(read([*raw, correction]), read([*raw, correction]))
    assert match.fold.digest() == straight(read(raw))[0]
    assert uid("nothing") in match.problems[uid("c")]
    assert feed.events == []


def test_a_gap_waits_then_goes_on_and_says_so() -> None:
    events = read(play())
    arrived = events[:20] + events[21:]
    match = Match(events[0].match_id, lambda: arrived)
    before = match.take(events[:20], 0.0).moments
    assert match.take(events[21:], 0.0).moments == [] and match.waiting == len(events) - 21
    assert match.release(GAP_WAIT - 0.1).moments == []
    went_on = match.release(GAP_WAIT).moments
    assert match.gaps == 1 and match.waiting == 0
    assert [m.event_id for m in before + went_on] == [e.event_id for e in arrived]
    arrived.append(events[20])
    late = match.take([events[20]], GAP_WAIT)
    assert late.recomputed == "a late event" and match.recomputations == 1
    assert (match.fold.digest(), late.moments) == straight(events)


def test_a_source_that_numbers_anew_goes_on_where_it_was() -> None:
    raw = play(rounds=4)
    cut = next(number for number, event in enumerate(raw) if event["round_no"] == 3)
    anew = [event | {"seq_no": number + 1} for number, event in enumerate(raw[cut:])]
    events = read(raw[:cut] + anew)
    match = assert_same(events, events)
    assert match.fold.document()["maps"][0]["score"] == Fold_of(read(raw))["maps"][0]["score"]
    chance = random.Random(1)
    assert_same(events, sorted(events, key=lambda event: event.ts_event + chance.uniform(0, 6)))


def Fold_of(events: list[Event]) -> dict[str, Any]:  # noqa: N802
    fold = Fold(events[0].match_id)
    for event in ordered(events).events:
        fold.apply(event)
    return fold.document()


def test_a_match_that_starts_twice_counts_from_its_second_start() -> None:
    false_start = play(rounds=2, finish=False)
    feed = Feed()
    feed.events, feed.seq, feed.now = list(false_start), {feed.map: len(false_start)}, 1_768_740_000.0
    for event in play(5, rounds=3):
        feed.round = event["round_no"]
        feed.say(event["type"], **event["payload"])
    document = Fold_of(read(feed.events))
    alone = Fold_of(read(play(5, rounds=3)))
    for key in ("score", "rounds", "lines", "winner", "phase"):
        assert document["maps"][0][key] == alone["maps"][0][key]


def test_a_kill_of_a_dead_player_changes_nothing_and_is_counted() -> None:
    feed = Feed()
    feed.say("map_start", map_name="de_never_seen", map_number=1)
    feed.round = 1
    feed.say("round_start", team_a_score=0, team_b_score=0, team_a_side="CT", team_b_side="T")
    feed.say("freeze_time_ended")
    kill = {
        "killer_player_id": 1,
        "killer_team": "A",
        "victim_player_id": "Ünal",
        "weapon": "ak47",
        "is_headshot": True,
    }
    feed.say("kill", **kill)
    feed.say("kill", **kill)
    document = Fold_of(read(feed.events))
    assert document["ignored"] == {"kills: of a player already dead": 1}
    assert document["maps"][0]["lines"]["1"]["kills"] == 1
    assert document["maps"][0]["name"] == "de_never_seen"


@pytest.mark.parametrize("numbers", [[7, 6], [6, 7, 6]])
def test_rounds_out_of_their_order_are_followed_as_they_come(numbers: list[int]) -> None:
    feed = Feed()
    for number in numbers:
        feed.round = number
        feed.say("round_start", team_a_score=3, team_b_score=2, team_a_side="CT", team_b_side="T")
        feed.say("freeze_time_ended")
        feed.say("round_end", winner_team="A", win_reason="elimination", team_a_score=4, team_b_score=2)
    document = Fold_of(read(feed.events))["maps"][0]
    assert document["round_no"] == numbers[-1]
    assert document["score"] == {"A": 4, "B": 2}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.data())
def test_a_match_goes_on_from_its_document_as_if_nothing_had_happened(seed: int, data: st.DataObject) -> None:
    events = read(play(seed, rounds=3, maps=2))
    cut = data.draw(st.integers(1, len(events) - 1))
    match, _ = arriving(events[:cut])
    document = json.loads(json.dumps(match.to_document()))
    restored = Match.from_document(document, lambda: pytest.fail("there is no need to compute it anew"))
    on_the_map = {event.map_id for event in events[:cut]}
    same_map = [event for event in events[cut:] if event.map_id in on_the_map]
    change = restored.take(same_map, 0.0)
    digest, moments = straight(events[: cut + len(same_map)])
    assert restored.fold.digest() == digest
    assert change.moments == moments[cut:]


def test_a_document_that_does_not_give_its_state_is_refused() -> None:
    match, _ = arriving(read(play(rounds=1)))
    document = match.to_document()
    document["fold"]["version"] += 1
    with pytest.raises(ValueError, match="snapshot"):
        Match.from_document(document, list)
