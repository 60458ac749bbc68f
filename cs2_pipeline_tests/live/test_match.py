import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.live.events import Event
from cs2_pipeline.live.fold import Fold, Moment
from cs2_pipeline.live.match import GAP_WAIT, RESUMED, TAKEN_OVER, Change, Match
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


class Arrivals:
    """A match whose events arrive one by one; `why` says for each why all was computed anew."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self.match = Match(uid("one"), lambda: list(self.all))
        self.now = 1_000.0

    def why(self, *told: dict[str, Any]) -> list[str]:
        found = []
        for event in read(list(told)):
            self.all.append(event)
            change = self.match.take([event], self.now)
            found.append(change.recomputed)
            assert change.whole is bool(change.recomputed)
        assert self.match.arrived == len(self.all)
        return found


START = {"team_a_score": 0, "team_b_score": 0, "team_a_side": "CT", "team_b_side": "T"}


def opened(source: str = "server", clock: float = 0.0) -> tuple[Feed, list[dict[str, Any]]]:
    """A source that has told of a map and the beginning of its first round."""
    feed = Feed(source=source, clock=clock)
    begun = [feed.say("map_start", map_name="de_nuke", map_number=1)]
    feed.round = 1
    return feed, [*begun, feed.say("round_start", **START), feed.say("freeze_time_ended")]


def test_a_late_a_doubled_and_a_corrected_event_are_reasons_to_compute_anew() -> None:
    (feed, begun), of = opened(), Arrivals()
    assert of.why(*begun) == ["", "", ""] and of.match.followed == {uid("one", 1): "server"}
    lost, after, beyond = (feed.say("timeout_start") for _ in range(3))
    assert of.why(after) == [""] and of.match.waiting == 1
    assert of.why(after | {"event_id": uid("twin")}) == ["a number used twice"]
    assert of.match.waiting == 0 and of.why(beyond) == [""], "it goes on after the highest number"
    assert of.why(lost) == ["a late event"]
    correction = feed.say("correction", event_id=lost["event_id"], void=True)
    assert of.why(correction, feed.say("timeout_end")) == ["a correction", ""]
    assert of.match.recomputations == 3 and of.match.gaps == 0
    assert of.match.fold.digest() == straight(of.all)[0]


def test_a_correction_that_fits_nothing_is_told_whenever_it_comes() -> None:
    (feed, begun), of = opened(), Arrivals()
    assert of.why(feed.say("correction", event_id=uid("nothing"), void=True)) == ["a correction"]
    assert list(of.match.problems.values()) == [f"there is no event {uid('nothing')} in this match to correct"]
    of.why(*begun)
    assert of.match.fold.digest() == straight(of.all)[0]


def test_a_second_map_a_second_start_of_it_and_play_on_an_earlier_one_are_such_reasons() -> None:
    (feed, begun), of = opened(), Arrivals()
    of.why(*begun)
    first_map, feed.map, feed.round = feed.map, uid("one", 2), 0
    assert of.why(feed.say("map_start", map_name="de_train", map_number=2)) == ["a new map"]
    feed.round = 1
    assert of.why(feed.say("round_start", **START), feed.say("freeze_time_ended")) == ["", ""]
    assert of.why(feed.say("map_start", map_name="de_train", map_number=2)) == ["the number of a map"]
    feed.map = first_map
    assert of.why(feed.say("timeout_start")) == ["an event of an earlier map"]
    assert of.match.fold.digest() == straight(of.all)[0]


@pytest.mark.parametrize(("number", "waits"), [(0, 0), (1, 0), (2, 1)])
def test_the_first_event_of_a_source_has_the_number_nought_or_one_or_others_are_waited_for(number, waits) -> None:
    (_, (first, *_)), of = opened(), Arrivals()
    of.why(first | {"seq_no": number})
    assert of.match.waiting == waits
    assert len(of.match.release(1_000.0 + GAP_WAIT - 0.01).moments) == 0
    assert len(of.match.release(1_000.0 + GAP_WAIT).moments) == waits and of.match.gaps == waits


def test_a_gap_is_given_up_at_once_when_more_than_256_events_wait() -> None:
    (feed, begun), of = opened(), Arrivals()
    of.why(*begun)
    feed.say("timeout_start")
    of.why(*(feed.say("timeout_start") for _ in range(256)))
    assert (of.match.waiting, of.match.gaps, of.match.fold.version) == (256, 0, 3)
    of.why(feed.say("timeout_start"))
    assert (of.match.waiting, of.match.gaps, of.match.fold.version) == (0, 1, 260)


def test_each_gap_is_waited_for_on_its_own() -> None:
    (feed, begun), of = opened(), Arrivals()
    of.why(*begun)
    told = [feed.say("timeout_start") for _ in range(6)]
    of.why(told[1])
    of.now += 1.0
    of.why(told[4], told[2])
    assert of.match.waiting == 3
    assert [moment.version for moment in of.match.release(1_002.0).moments] == [4, 5]
    assert (of.match.waiting, of.match.gaps) == (1, 1)
    assert of.match.release(1_002.9).moments == []
    (moment,) = of.match.release(1_003.0).moments
    assert (moment.version, of.match.gaps, of.match.waiting) == (6, 2, 0)


def test_what_arrives_gives_up_gaps_that_are_old_enough() -> None:
    (feed, begun), of = opened(), Arrivals()
    of.why(*begun)
    told = [feed.say("timeout_start") for _ in range(4)]
    of.why(told[1])
    of.now += GAP_WAIT
    of.why(told[3])
    assert (of.match.fold.version, of.match.waiting, of.match.gaps) == (4, 1, 1)


def kill_of(feed: Feed, victim: int) -> dict[str, Any]:
    return feed.say("kill", killer_player_id=1, killer_team="A", victim_player_id=victim, weapon="awp",
                    is_headshot=False)  # fmt: skip


def test_another_source_matters_where_it_tells_a_new_kind_or_turns_and_else_changes_nothing() -> None:
    (feed, begun), of = opened(), Arrivals()
    other, begins = opened("another")
    of.why(*begun, kill_of(feed, 9))
    digest = of.match.fold.digest()
    assert of.why(*begins[:2]) == ["another source"] * 2
    assert of.why(other.say("timeout_start")) == [""], "it neither informs nor turns"
    assert of.why(kill_of(other, 9), kill_of(other, 8)) == ["another source", ""], "the second kill is of a known kind"
    assert of.match.followed == {uid("one", 1): "server"} and of.match.fold.digest() == digest
    assert of.why(feed.say("player_hurt", attacker_player_id=1, attacker_team="A", victim_player_id=8, victim_team="B",
                           damage=9, weapon="awp"), kill_of(feed, 8)) == ["another source", ""]  # fmt: skip
    equip = [other.say("player_equipment", player_id=1, player_team="A", money=5), other.say("freeze_time_ended")]
    assert of.why(*equip) == ["another source", "another source"]
    assert of.match.followed == {uid("one", 1): "another"}, "three kinds each: the first by name is followed"


def test_rounds_that_come_from_another_source_are_computed_anew_while_they_are_told() -> None:
    (feed, begun), of = opened(), Arrivals()
    other = Feed(source="zother", clock=100.0)
    of.why(*begun, feed.say("round_end", winner_team="A", win_reason="elimination", team_a_score=1, team_b_score=0))
    other.round = 2
    second = START | {"team_a_score": 1}
    assert of.why(other.say("round_start", **second)) == ["another source"]
    assert of.match.fold.maps[uid("one", 1)].round_no == 2, "the followed one has not told of it"
    assert of.why(kill_of(other, 9)) == ["another source"]
    assert of.why(kill_of(other, 8)) == ["a round of another source"]
    assert of.match.fold.maps[uid("one", 1)].rounds[2].kills == {"A": 2, "B": 0}
    feed.round = 1
    assert of.why(feed.say("timeout_start")) == ["a round of another source"], "the round under way is the other's"
    assert of.match.fold.digest() == straight(of.all)[0]
    feed.round = 2
    feed.now += 200.0
    assert of.why(feed.say("round_start", **second)) == ["another source"]
    assert of.why(feed.say("timeout_start"), kill_of(other, 7)) == ["", ""], "now it tells of that round itself"
    assert of.match.fold.maps[uid("one", 1)].rounds[2].kills == {"A": 0, "B": 0}


def test_a_match_as_a_document_says_all_and_none_while_events_wait() -> None:
    (feed, begun), of = opened(), Arrivals()
    of.why(*begun)
    map_id = uid("one", 1)
    assert of.match.to_document() == {
        "match_id": uid("one"), "fold": of.match.fold.document(), "digest": of.match.fold.digest(), "arrived": 3,
        "gaps": 0, "recomputations": 0, "problems": {}, "followed": {map_id: "server"},
        "source_now": {map_id: "server"}, "borrowed": [], "lines": [[map_id, "server", 4, ["freeze_time_ended"]]],
    }  # fmt: skip
    lost, after = feed.say("timeout_start"), feed.say("timeout_start")
    of.why(after)
    assert of.match.to_document() is None
    of.match.release(of.now + GAP_WAIT)
    of.why(lost)
    written = of.match.to_document()
    assert (written["gaps"], written["recomputations"], written["arrived"]) == (1, 1, 5)
    again = Match.from_document(json.loads(json.dumps(written)), list)
    assert again.to_document() == written and again.waiting == 0


def test_why_a_match_reports_moments_says_whether_they_are_all() -> None:
    assert [Change([], why).whole for why in ("", RESUMED, TAKEN_OVER, "a late event")] == [False, False, True, True]


def test_what_waited_is_applied_as_soon_as_what_was_missing_comes() -> None:
    (feed, begun), of = opened(), Arrivals()
    of.why(*begun)
    lost, *after = read([feed.say("timeout_start") for _ in range(4)])
    of.all += [*after, lost]
    assert of.match.take(after[::-1], 0.0).moments == [] and of.match.waiting == 3
    change = of.match.take([lost], 0.0)
    assert [moment.version for moment in change.moments] == [4, 5, 6, 7]
    assert (change.recomputed, of.match.waiting, of.match.gaps) == ("", 0, 0)
