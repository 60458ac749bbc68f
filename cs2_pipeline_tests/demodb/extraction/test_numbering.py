"""Which recorded rounds are live, and how they are numbered."""

import pandas as pd

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
