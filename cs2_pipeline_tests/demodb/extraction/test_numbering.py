"""Which recorded rounds are live, and how they are numbered."""

from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cs2_pipeline.demodb.extraction import numbering, reasons
from cs2_pipeline.demodb.extraction.reasons import Tally


def recorded(*rounds: tuple[int, int, int, str]) -> pd.DataFrame:
    """Rounds of one match: number as recorded, scores of CT and T, winner; ids follow their order."""
    frame = pd.DataFrame(rounds, columns=["round_number", "ct_score", "t_score", "winner_side"])
    return frame.assign(match_id=1, round_id=range(1, len(frame) + 1), start_tick=frame["round_number"] * 1_000)


NONE = pd.DataFrame({"match_id": [], "round_number": []}, dtype="int64")


def live(frame: pd.DataFrame, tally: Tally | None = None, knives: frozenset[int] = frozenset(), skipped=NONE):
    return numbering.live(frame, skipped, tally or Tally(), lambda asked: set(asked) & knives)


def test_numbers_that_agree_with_the_score_stay():
    found = live(recorded((1, 1, 0, "CT"), (2, 1, 1, "T"), (3, 2, 1, "CT")))
    assert found["round_number"].tolist() == [1, 2, 3]


def test_a_recording_that_begins_in_the_middle_is_numbered_by_its_score():
    found = live(recorded((1, 6, 4, "CT"), (2, 7, 4, "CT")))
    assert found["round_number"].tolist() == [10, 11]


def test_a_knife_round_and_false_starts_before_a_restart_are_left_out():
    tally = Tally()
    frame = recorded((2, 1, 0, "CT"), (3, 1, 0, "CT"), (4, 1, 1, "T"), (5, 0, 1, "T"), (6, 0, 2, "T"))
    found = live(frame, tally, frozenset({1}))
    assert found["round_id"].tolist() == [4, 5]
    assert found["round_number"].tolist() == [1, 2]
    assert tally.left_out == {reasons.KNIFE_ROUND: 1, reasons.BEFORE_RESTART: 2}


def test_a_knife_round_that_gave_no_point_is_recognised_by_its_kills():
    found = live(recorded((1, 0, 0, "CT"), (2, 1, 0, "CT"), (3, 2, 0, "CT")), knives=frozenset({1}))
    assert found["round_id"].tolist() == [2, 3]
    assert found["round_number"].tolist() == [1, 2]


def test_knives_alone_in_a_later_round_are_play():
    found = live(recorded((1, 1, 0, "CT"), (2, 2, 0, "CT"), (3, 3, 0, "CT")), knives=frozenset({2}))
    assert found["round_id"].tolist() == [1, 2, 3]


def test_a_score_set_back_to_the_middle_undoes_only_the_rounds_after_it():
    frame = recorded((1, 1, 0, "CT"), (2, 2, 0, "CT"), (3, 3, 0, "CT"), (4, 2, 1, "T"), (5, 2, 2, "T"))
    found = live(frame)
    assert found["round_id"].tolist() == [1, 2, 4, 5]
    assert found["round_number"].tolist() == [1, 2, 3, 4]


def test_one_odd_score_is_no_restart():
    frame = recorded((1, 1, 0, "CT"), (2, 2, 0, "CT"), (3, 0, 0, "CT"), (4, 4, 0, "CT"), (5, 5, 0, "CT"))
    assert live(frame)["round_id"].tolist() == [1, 2, 3, 4, 5]


def test_rounds_that_gave_no_point_do_not_count():
    frame = recorded((1, 1, 0, "CT"), (3, 1, 1, "T"), (4, 1, 2, "T"))
    skipped = pd.DataFrame({"match_id": [1], "round_number": [2]})
    assert live(frame, skipped=skipped)["round_number"].tolist() == [1, 2, 3]


def test_scores_written_before_the_point_get_the_winners_point():
    tally = Tally()
    winners = ["CT", "CT", "T", "CT", "T", "T"]
    rows = [(n + 1, winners[:n].count("CT"), winners[:n].count("T"), winner) for n, winner in enumerate(winners)]
    found = live(recorded(*rows), tally)
    assert found["ct_score"].tolist() == [1, 2, 2, 3, 3, 3]
    assert found["t_score"].tolist() == [0, 0, 1, 1, 2, 3]
    assert found["round_number"].tolist() == [1, 2, 3, 4, 5, 6]
    assert tally.mapped == {reasons.SCORE_BEFORE: 6}


def test_a_round_number_written_twice_counts_once_the_last():
    frame = recorded((1, 1, 0, "CT"), (2, 2, 0, "CT"), (2, 1, 1, "T"), (3, 1, 2, "T"))
    assert live(frame)["round_id"].tolist() == [1, 3, 4]


@pytest.mark.parametrize(("following", "kept"), [(2, [4, 5]), (3, [4, 5]), (4, [1, 2, 3, 4, 5])])
def test_after_a_restart_the_score_rises_by_a_point_or_two(following, kept):
    """Two, since a round may be missing; from three on the fallen score was the odd one."""
    frame = recorded((1, 1, 0, "CT"), (2, 2, 0, "CT"), (3, 3, 0, "CT"), (4, 1, 0, "CT"), (5, following, 0, "CT"))
    assert live(frame)["round_id"].tolist() == kept


def test_a_restart_in_the_last_round_of_a_recording_is_one():
    assert live(recorded((1, 1, 0, "CT"), (2, 2, 0, "CT"), (3, 1, 0, "CT")))["round_id"].tolist() == [3]


def test_a_last_score_of_a_server_that_was_reset_undoes_nothing():
    frame = recorded(*((n, n, 0, "CT") for n in range(1, 13)), (13, 0, 0, "CT"))
    found = live(frame)
    assert found["round_id"].tolist() == found["round_number"].tolist() == list(range(1, 14))


@settings(max_examples=25, deadline=None)
@given(
    winners=st.lists(st.sampled_from(["CT", "T"]), min_size=8, max_size=24),
    undone=st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), max_size=2),
    late=st.booleans(),
)
def test_whatever_was_undone_what_remains_is_the_match(winners, undone, late):
    """Also where the scores were written before the round's point, and however often a side wins in a row."""
    back = {at: to for at, to in undone if 2 < at < len(winners) - 2}
    valid, rows = [], []
    for number, winner in enumerate(winners, 1):
        if number in back:
            valid = valid[: back[number]]
        of = valid if late else [*valid, (number, winner)]
        rows.append((number, *(sum(side == one for _, one in of) for side in ("CT", "T")), winner))
        valid.append((number, winner))
    assume(len(valid) > 4 and any(one != other for (_, one), (_, other) in pairwise(valid)))  # else nothing can tell
    found = live(recorded(*rows))
    assert found["round_id"].tolist() == [number for number, _ in valid]
    assert found["round_number"].tolist() == list(range(1, len(valid) + 1))


def test_a_score_that_does_not_rise_undoes_the_round_before():
    frame = recorded((1, 1, 0, "CT"), (2, 2, 0, "CT"), (3, 2, 0, "CT"), (4, 3, 0, "CT"))
    assert live(frame)["round_id"].tolist() == [1, 3, 4]


def test_one_match_says_nothing_of_another():
    first = recorded((1, 1, 0, "CT"), (2, 2, 0, "CT"), (3, 3, 0, "CT"))
    second = recorded((1, 1, 0, "CT"), (2, 1, 1, "T")).assign(match_id=2, round_id=[11, 12])
    skipped = pd.DataFrame({"match_id": [1, 1], "round_number": [1, 2]})
    found = live(pd.concat([second, first], ignore_index=True), skipped=skipped.assign(match_id=9))
    assert found["round_id"].tolist() == [1, 2, 3, 11, 12]
    assert found["round_number"].tolist() == [1, 2, 3, 1, 2]


@pytest.mark.parametrize(("count", "noted"), [(3, False), (4, True)])
def test_three_rounds_in_which_the_score_came_late_tell_that_it_always_did(count, noted):
    winners = ["CT", "T", "CT", "T"][:count]
    rows = [(n + 1, winners[:n].count("CT"), winners[:n].count("T"), winner) for n, winner in enumerate(winners)]
    tally = Tally()
    found = live(recorded(*rows), tally)
    assert tally.mapped == ({reasons.SCORE_BEFORE: count} if noted else {})
    assert found["ct_score"].tolist()[-1] == (2 if count == 3 or noted else 1) - (count == 3)


def test_a_match_without_any_score_keeps_its_recorded_numbers():
    found = live(recorded((1, 0, 0, "CT"), (2, 0, 0, "T"), (3, 0, 0, "CT")))
    assert found["round_id"].tolist() == [1, 2, 3]
    assert found["round_number"].tolist() == [1, 2, 3]


def test_of_rounds_with_one_number_the_one_that_began_last_counts():
    frame = recorded((1, 1, 0, "CT"), (2, 2, 0, "CT"), (2, 1, 1, "T"), (3, 1, 2, "T"))
    frame["start_tick"] = [1_000, 2_500, 2_000, 3_000]
    tally = Tally()
    assert live(frame, tally)["round_id"].tolist() == [1, 2, 4]
    assert tally.left_out == {reasons.PLAYED_AGAIN: 1}
