"""A match from its events: the numbers of rounds and the score through restarts, halves and overtime."""

import json
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.game.events import Event, Kill, MatchStart, PlayerAtStart, RoundEnd, RoundStart
from cs2_pipeline.game.match_tracker import MatchTracker
from cs2_pipeline.game.rules import Side


def match_of(*events: Event) -> MatchTracker:
    match = MatchTracker()
    for event in events:
        match.apply(event)
    return match


def rounds(winners: str, start: float = 0.0) -> list[Event]:
    """Rounds without scores, won by the sides named: C or T."""
    events: list[Event] = []
    for number, winner in enumerate(winners):
        at = start + 100.0 * number
        side: Side = "CT" if winner == "C" else "T"
        events += [RoundStart(at), RoundEnd(at + 90, side)]
    return events


def test_rounds_are_numbered_and_counted_from_their_ends() -> None:
    match = match_of(*rounds("CCT"))
    assert (match.number, match.score) == (3, {"1": 2, "2": 1})
    assert [played.winner for played in match.played] == ["CT", "CT", "T"]


def test_the_score_goes_with_the_teams_when_they_change_sides() -> None:
    match = match_of(*rounds("C" * 12 + "T"), RoundStart(2_000.0))
    assert (match.ct_team, match.t_team, match.score) == ("2", "1", {"1": 13, "2": 0})
    assert (match.state()["ct_score"], match.state()["t_score"]) == (0, 13)


def test_overtime_goes_on_with_the_sides_at_which_regulation_ended() -> None:
    match = match_of(*rounds("C" * 12 + "C" * 12), RoundStart(9_000.0))
    assert (match.number, match.ct_team, match.score) == (25, "2", {"1": 12, "2": 12})
    later = match_of(*rounds("C" * 27), RoundStart(9_000.0))
    assert (later.number, later.ct_team) == (28, "1")


def test_warm_up_and_knife_rounds_do_not_count() -> None:
    match = match_of(
        RoundStart(0.0, phase="warm-up"), RoundEnd(10.0, "CT"), RoundStart(20.0, phase="knife"), RoundEnd(30.0, "T"),
        *rounds("C", 100.0),
    )  # fmt: skip
    assert (match.number, match.score, match.replayed) == (1, {"1": 1, "2": 0}, 0)


def test_a_restarted_match_begins_at_round_one() -> None:
    restarted = match_of(*rounds("CC"), RoundStart(500.0, 0, 0), RoundEnd(590.0, "T"))
    assert (restarted.number, restarted.score, restarted.replayed) == (1, {"1": 0, "2": 1}, 2)
    announced = match_of(*rounds("CC"), MatchStart(400.0), *rounds("T", 500.0))
    assert (announced.number, announced.score, announced.replayed) == (1, {"1": 0, "2": 1}, 2)


def test_a_round_played_again_replaces_the_one_before_it_and_all_after() -> None:
    match = match_of(*rounds("CTC"), RoundStart(500.0, 1, 0), RoundEnd(590.0, "CT"))
    assert [(played.number, played.winner) for played in match.played] == [(1, "CT"), (2, "CT")]
    assert (match.score, match.replayed) == ({"1": 2, "2": 0}, 2)


def test_a_round_that_never_ended_is_played_again_under_its_number() -> None:
    match = match_of(*rounds("C"), RoundStart(300.0), RoundStart(400.0), RoundEnd(450.0, "T"))
    assert (match.number, match.score) == (2, {"1": 1, "2": 1})


@pytest.mark.parametrize("end", [[], [RoundEnd(90.0)]])
def test_the_next_score_tells_who_won_where_the_end_did_not(end: list[Event]) -> None:
    match = match_of(RoundStart(0.0, 0, 0), *end, RoundStart(100.0, 0, 1))
    assert [(played.number, played.winner) for played in match.played] == [(1, "T")]
    assert match.score == {"1": 0, "2": 1}


def test_a_winner_nobody_told_makes_the_score_unknown_until_it_is_told() -> None:
    match = match_of(RoundStart(0.0), RoundEnd(90.0), RoundStart(100.0))
    assert (match.number, match.score, match.state()["ct_score"]) == (2, None, None)
    match.apply(RoundStart(200.0, 2, 1))
    assert (match.number, match.score) == (4, {"1": 2, "2": 1})


@pytest.mark.parametrize("half", [{"ct_score": 7}, {"t_score": 7}])
def test_the_score_of_one_side_alone_tells_no_score(half: dict[str, int]) -> None:
    match = match_of(*rounds("CT"), RoundStart(200.0, **half))
    assert (match.number, match.score) == (3, {"1": 1, "2": 1})


def test_teams_are_called_what_the_source_calls_them() -> None:
    match = match_of(
        RoundStart(0.0, 0, 0, ct_team="Ninjas", t_team="Wolves"), RoundEnd(90.0, "T"),
        RoundStart(100.0, 1, 0, ct_team="Wolves", t_team="Ninjas"), RoundEnd(190.0, "CT"),
    )  # fmt: skip
    assert match.score == {"Ninjas": 0, "Wolves": 2}
    assert [played.winning_team for played in match.played] == ["Wolves", "Wolves"]


def test_an_end_told_twice_counts_once() -> None:
    match = match_of(*rounds("C"), RoundEnd(91.0, "CT"))
    assert match.score == {"1": 1, "2": 0}
    assert match.tracker.ignored == {"round ends: second end of a round": 1}


def test_the_round_s_own_events_go_to_its_tracker() -> None:
    players = (PlayerAtStart("a", "CT"), PlayerAtStart("b", "T"))
    match = match_of(RoundStart(0.0, 0, 0, players, freeze_end=15.0), Kill(20.0, "b", "a"))
    assert (match.state()["ct_alive"], match.state()["t_alive"]) == (1, 0)


STARTS = st.builds(
    lambda scores, phase: RoundStart(0.0, *(scores or (None, None)), phase=phase),
    st.none() | st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.sampled_from(["live", "live", "live", "warm-up", "knife"]),
)
ENDS = st.builds(lambda winner: RoundEnd(0.0, winner), st.sampled_from(["CT", "T", None]))


@st.composite
def matches(draw: st.DrawFn) -> list[Event]:
    clock = count(step=10)
    drawn = draw(st.lists(st.one_of(STARTS, ENDS, st.just(MatchStart(0.0))), max_size=20))
    return [type(event)(**{name: getattr(event, name) for name in event.__slots__} | {"time": float(next(clock))})
            for event in drawn]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(events=matches())
def test_numbers_rise_and_the_score_is_the_one_before_the_round_plus_its_winner(events: list[Event]) -> None:
    match = MatchTracker()
    for event in events:
        match.apply(event)
        numbers = [played.number for played in match.played]
        assert numbers == sorted(set(numbers))
        if isinstance(event, RoundStart) and event.phase == "live" and match.score is not None:
            state = match.state()
            assert (state["ct_score"], state["t_score"]) == (match.score[match.ct_team], match.score[match.t_team])


@settings(max_examples=100, deadline=None)
@given(events=matches(), cut=st.integers(0, 20))
def test_a_match_put_down_as_json_goes_on_as_if_nothing_happened(events: list[Event], cut: int) -> None:
    resumed = MatchTracker.from_document(json.loads(json.dumps(match_of(*events[:cut]).to_document())))
    for event in events[cut:]:
        resumed.apply(event)
    assert resumed == match_of(*events)


def test_the_next_score_tells_who_won_a_round_without_an_end_after_others_that_had_one() -> None:
    match = match_of(RoundStart(0.0, 0, 0), RoundEnd(90.0, "CT"), RoundStart(100.0, 1, 0), RoundStart(200.0, 2, 0))
    assert [(played.number, played.winner) for played in match.played] == [(1, "CT"), (2, "CT")]
    lost = match_of(RoundStart(0.0, 0, 0), RoundEnd(90.0, "CT"), RoundStart(100.0, 1, 0), RoundStart(200.0, 1, 1))
    assert [(played.number, played.winner, played.winning_team) for played in lost.played] == [
        (1, "CT", "1"), (2, "T", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize("teams", [{"ct_team": "Wolves"}, {"t_team": "Wolves"}])
def test_one_team_named_alone_names_no_team(teams: dict[str, str]) -> None:
    assert match_of(RoundStart(0.0, 0, 0, **teams)).score == {"1": 0, "2": 0}


def test_a_score_that_skips_rounds_tells_nothing_of_the_one_before() -> None:
    match = match_of(RoundStart(0.0, 0, 0), RoundStart(100.0, 2, 0))
    assert (match.number, match.played, match.score) == (3, [], {"1": 2, "2": 0})


def test_a_round_whose_own_score_was_not_known_is_not_completed() -> None:
    match = match_of(RoundStart(0.0), RoundEnd(90.0), RoundStart(100.0), RoundStart(200.0, 1, 1))
    assert [(played.number, played.winner) for played in match.played] == [(1, None)]


def test_a_round_after_warm_up_completes_nothing() -> None:
    match = match_of(RoundStart(0.0, 0, 0), RoundStart(50.0, phase="warm-up"), RoundStart(100.0, 1, 0))
    assert (match.number, match.played) == (2, [])


def test_a_match_is_written_down_with_its_rounds_and_score() -> None:
    match = match_of(*rounds("CT"), RoundStart(300.0, phase="knife"))
    document = match.to_document()
    assert document.pop("tracker") == match.tracker.to_document()
    assert document == {
        "number": None, "ct_team": "1", "t_team": "2", "score": {"1": 1, "2": 1},
        "played": [
            {"number": 1, "winner": "CT", "ct_team": "1", "t_team": "2"},
            {"number": 2, "winner": "T", "ct_team": "1", "t_team": "2"},
        ],
        "replayed": 0,
    }  # fmt: skip
    assert MatchTracker.from_document(match.to_document()) == match
    unknown = match_of(RoundStart(0.0), RoundEnd(90.0))
    assert unknown.to_document()["score"] is None
    assert MatchTracker.from_document(unknown.to_document()) == unknown
    turned = match_of(RoundStart(0.0, 3, 5, ct_team="Wolves", t_team="Ninjas"))
    assert list(turned.to_document()["score"].items()) == [("Ninjas", 5), ("Wolves", 3)], "the same document each time"


def test_a_match_is_known_by_its_own_book_and_not_by_one_that_others_share() -> None:
    match = match_of(*rounds("C"))
    again = MatchTracker.from_document(match.to_document())
    again.apply(RoundStart(200.0))
    again.apply(RoundEnd(290.0, "CT"))
    assert (match.score, len(match.played)) == ({"1": 1, "2": 0}, 1)


def test_a_round_that_begins_before_the_last_event_is_none() -> None:
    match = match_of(*rounds("CT"))
    before = match.to_document()
    assert match.apply(RoundStart(50.0, 7, 7)) == "round starts: earlier than the event before"
    assert match.to_document() | {"tracker": None} == before | {"tracker": None}


@pytest.mark.parametrize("half", [{"ct_score": 7}, {"t_score": 7}])
def test_a_round_of_which_one_side_s_score_is_known_is_not_completed(half: dict[str, int]) -> None:
    match = match_of(RoundStart(0.0), RoundEnd(90.0), RoundStart(100.0, **half), RoundStart(200.0, 1, 1))
    assert (match.number, [(played.number, played.winner) for played in match.played]) == (3, [(1, None)])
