"""The order of a match's events: numberings, sources, corrections and maps, each at the edge of its rule."""

import json

import pytest

from cs2_pipeline.live.events import parse
from cs2_pipeline.live.order import RENUMBERED, in_numbering, ordered
from cs2_pipeline_tests.live.made import BEGAN, Feed, read, stamp, uid

START = {"team_a_score": 0, "team_b_score": 0, "team_a_side": "CT", "team_b_side": "T"}
END = {"winner_team": "A", "win_reason": "elimination", "team_a_score": 1, "team_b_score": 0}
KILL = {"killer_player_id": 1, "killer_team": "A", "victim_player_id": 2, "weapon": "awp", "is_headshot": False}


def event(seq, at=None, *, kind="new_type", source="server", map_name="map", round_no=1, name=None, **payload):
    """An event by its number; its time is its number unless it is told."""
    return parse(json.dumps({
        "event_id": uid(name or (source, map_name, seq, at, kind)), "match_id": uid("m"), "map_id": uid(map_name),
        "round_no": round_no, "ts_event": stamp(BEGAN + (seq if at is None else at)), "type": kind, "source": source,
        "seq_no": seq, "payload": payload,
    }).encode())  # fmt: skip


def numbers(found):
    return [[one.seq_no for one in numbering] for numbering in found]


def test_a_source_is_followed_by_its_numbers_not_by_its_clock():
    assert numbers(in_numbering([event(2, 5), event(1, 9), event(3, 1)])) == [[1, 2, 3]]
    assert in_numbering([]) == []


def test_a_number_that_comes_again_begins_a_new_numbering():
    assert numbers(in_numbering([event(1, 1), event(2, 2), event(1, 3), event(2, 4)])) == [[1, 2], [1, 2]]


@pytest.mark.parametrize(("behind", "numberings"), [(RENUMBERED, 1), (RENUMBERED + 1, 2)])
def test_a_number_far_below_the_highest_begins_a_new_numbering(behind, numberings):
    assert RENUMBERED == 1_000
    assert len(in_numbering([event(5_000, 1), event(4_999, 2), event(5_000 - behind, 3)])) == numberings


def test_after_a_new_numbering_the_highest_counts_anew():
    assert numbers(in_numbering([event(5_000, 1), event(1, 2), event(500, 3)])) == [[5_000], [1, 500]]


def test_of_equal_times_the_lower_number_comes_first():
    """Otherwise the order of arrival would decide whether a numbering ends."""
    told = [event(1_500, 1), event(1, 1)]
    assert numbers(in_numbering(told)) == numbers(in_numbering(told[::-1])) == [[1, 1_500]]


def test_repeats_count_once():
    one = event(1)
    assert ordered([one, one, event(2)]).events == [one, event(2)]


def correction(of, seq, at, *, void=False, payload=None):
    about = {"event_id": of.event_id, "void": True} if void else {"event_id": of.event_id, "payload": payload}
    return event(seq, at, kind="correction", **about)


def test_the_last_correction_counts_and_says_all_of_what_it_corrects():
    kill = event(1, kind="kill", **KILL)
    later = correction(kill, 2, 9, payload=KILL | {"weapon": "ak47"})
    earlier = correction(kill, 3, 5, payload=KILL | {"weapon": "knife"})
    for told in ([kill, later, earlier], [earlier, later, kill]):
        (found,) = ordered(told).events
        assert found.payload.weapon == "ak47"
    assert ordered([kill, correction(kill, 2, 5, void=True)]).events == []
    back = [correction(kill, 2, 5, void=True), correction(kill, 3, 6, payload=KILL | {"weapon": "ak47"})]
    assert [one.payload.weapon for one in ordered([kill, *back]).events] == ["ak47"], "it happened after all"


def test_a_correction_that_cannot_be_carried_out_says_why_and_changes_nothing():
    kill = event(1, kind="kill", **KILL)
    wrong, lost = correction(kill, 2, 5, payload={"weapon": "ak47"}), correction(event(9), 3, 6, void=True)
    found = ordered([kill, wrong, lost])
    assert found.events == [kill]
    assert "does not fit: payload." in found.problems[wrong.event_id]
    assert found.problems[lost.event_id] == f"there is no event {event(9).event_id} in this match to correct"


def test_twice_taken_back_is_taken_back():
    kill = event(1, kind="kill", **KILL)
    assert ordered([kill, correction(kill, 2, 5, void=True), correction(kill, 3, 6, void=True)]).problems == {}


def source(name, rounds, *, rich=False, ends=True, begins=True):
    """What a source tells of some rounds of one map; the last one broken off unless it `ends`."""
    feed = Feed(source=name)
    if begins:
        feed.say("map_start", map_name="de_nuke")
    for number in rounds:
        feed.round = number
        feed.say("round_start", **START)
        if rich:
            feed.say("freeze_time_ended")
        feed.say("kill", **KILL)
        if ends or number != rounds[-1]:
            feed.say("round_end", **END)
    return read(feed.events)


def told_by(found):
    return [(one.source, one.round_no) for one in found.events if one.type == "round_start"]


def test_the_source_that_tells_more_kinds_is_followed_and_of_equal_ones_the_first_by_name():
    found = ordered([*source("a", [1]), *source("z", [1], rich=True)])
    assert list(found.followed.values()) == ["z"] and told_by(found) == [("z", 1)]
    assert found.kinds[uid("one", 1), "z"] == {"freeze_time_ended", "kill"}
    assert list(ordered([*source("z", [1]), *source("a", [1])]).followed.values()) == ["a"]
    assert ordered(source("a", [1])).borrowed == set()


def test_rounds_that_it_lacks_come_from_the_other_in_their_place():
    found = ordered([*source("z", [2, 4], rich=True), *source("a", [1, 2, 3, 4, 5])])
    assert told_by(found) == [("a", 1), ("z", 2), ("a", 3), ("z", 4), ("a", 5)]
    assert found.borrowed == {(uid("one", 1), "a")}
    assert sum(one.type == "map_start" for one in found.events) == 1


@pytest.mark.parametrize(
    ("theirs", "finished_by"), [([1, 2, 3], "a"), ([1, 2], "z"), ([1], "z")], ids=["knows more", "as far", "less"]
)
def test_a_round_broken_off_is_taken_from_who_went_on(theirs, finished_by):
    found = ordered([*source("z", [1, 2], rich=True, ends=False), *source("a", theirs)])
    assert dict(map(reversed, told_by(found)))[2] == finished_by
    assert dict(map(reversed, told_by(found)))[1] == "z"


def test_a_round_that_ended_is_never_taken_from_another():
    assert told_by(ordered([*source("z", [1], rich=True), *source("a", [1, 2])])) == [("z", 1), ("a", 2)]


def test_the_beginning_and_the_end_come_from_whoever_tells_them():
    poor = Feed(source="a")
    poor.say("match_start", team_a_id=1, team_b_id=2)
    poor.say("map_start", map_name="de_nuke")
    poor.say("map_end")
    poor.say("match_end")
    found = ordered([*source("z", [1], rich=True, begins=False), *read(poor.events)])
    kinds = [one.type for one in found.events]
    assert kinds[:3] == ["match_start", "map_start", "round_start"] and kinds[-2:] == ["map_end", "match_end"]


@pytest.mark.parametrize("kind", ["new_type", "timeout_start"])
def test_what_else_another_source_tells_of_a_round_is_left(kind):
    poor = Feed(source="a")
    poor.round = 1
    poor.say("round_start", **START)
    poor.say(kind)
    poor.say("round_end", **END)
    followed = source("z", [1], rich=True)
    assert ordered([*followed, *read(poor.events)]).events == followed


def test_maps_go_by_their_number_and_without_one_by_when_they_were_heard_of_after_those_with_one():
    second, first = _map_start("second", 10, number=2), _map_start("first", 90, number=1)
    late, early = event(1, 70, map_name="late"), event(1, 5, map_name="early")
    order = [one.map_id for one in ordered([late, second, first, early]).events]
    assert order == [uid("first"), uid("second"), uid("early"), uid("late")]
    again = [_map_start("one", 10, number=9), _map_start("one", 20, number=1, seq=2), second]
    assert [one.map_id for one in ordered(again).events] == [uid("one"), uid("one"), uid("second")]


def _map_start(name, at, *, number, seq=1):
    body = {
        "event_id": uid(name, seq), "match_id": uid("m"), "map_id": uid(name), "round_no": 0, "source": "server",
        "ts_event": stamp(BEGAN + at), "type": "map_start", "seq_no": seq,
        "payload": {"map_name": "de_nuke", "map_number": number},
    }  # fmt: skip
    return parse(json.dumps(body).encode())


def test_of_three_sources_each_adds_what_those_before_it_lack() -> None:
    found = ordered([*source("z", [2], rich=True), *source("m", [2, 3]), *source("p", [1, 2, 3, 4])])
    assert told_by(found) == [("p", 1), ("z", 2), ("m", 3), ("p", 4)]
    assert found.borrowed == {(uid("one", 1), "m"), (uid("one", 1), "p")}
    assert list(found.followed.values()) == ["z"] and {name for _, name in found.kinds} == {"z", "m", "p"}


def test_a_borrowed_round_brings_no_second_beginning_or_end_of_the_map() -> None:
    other = Feed(source="a")
    other.round = 2
    other.say("round_start", **START)
    other.say("map_start", map_name="de_train")
    other.say("kill", **KILL)
    other.say("round_end", **END)
    other.say("map_end", winner_team="B")
    followed = [*source("z", [1], rich=True)]
    kinds = [(one.source, one.type) for one in ordered([*followed, *read(other.events)]).events]
    assert kinds == [("z", one.type) for one in followed] + [
        ("a", "round_start"), ("a", "kill"), ("a", "round_end"), ("a", "map_end")
    ]  # fmt: skip


def test_what_each_source_tells_is_counted_by_kinds_that_inform_alone() -> None:
    """However much else it tells: time-outs and types that nobody knows make no price."""
    chatty = Feed(source="a")
    chatty.round = 1
    for kind in ("timeout_start", "timeout_end", "new_type", "another_type"):
        chatty.say(kind)
    found = ordered([*read(chatty.events), *source("z", [1])])
    assert list(found.followed.values()) == ["z"] and found.kinds == {
        (uid("one", 1), "a"): set(), (uid("one", 1), "z"): {"kill"}
    }  # fmt: skip


def test_a_round_that_a_source_told_twice_is_not_completed_by_another() -> None:
    twice = source("z", [1, 2], rich=True)
    again = [one for one in twice if one.round_no == 1]
    found = ordered([*twice, *source("a", [1, 2, 3])])
    assert told_by(found) == [("z", 1), ("z", 2), ("a", 3)] and len(again) == 4


def test_corrections_are_carried_out_by_time_then_number_and_leave_other_events_alone() -> None:
    kill, other = event(1, kind="kill", **KILL), event(2)
    same_time = [
        correction(kill, seq, 5, payload=KILL | {"weapon": weapon}) for seq, weapon in ((4, "awp"), (3, "mp9"))
    ]
    for told in (same_time, same_time[::-1]):
        found = ordered([kill, other, *told])
        assert [one.seq_no for one in found.events] == [1, 2]
        assert found.events[0].payload.weapon == "awp", "of one time the higher number is the later"
        assert found.events[1] == other and found.problems == {}


def test_maps_of_one_number_go_by_when_they_were_heard_of_and_else_by_name() -> None:
    told = [_map_start("late", 50, number=1), _map_start("early", 10, number=1)]
    assert [one.map_id for one in ordered(told).events] == [uid("early"), uid("late")]
    tied = [_map_start(name, 10, number=1) for name in ("b", "a")]
    assert [one.map_id for one in ordered(tied).events] == sorted([uid("a"), uid("b")])
    unnumbered = [event(1, 0, map_name="x"), _map_start("y", 90, number=9)]
    assert [one.map_id for one in ordered(unnumbered).events] == [uid("y"), uid("x")], "nine maps come before"
