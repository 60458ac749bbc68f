"""Winners beside the ends of rounds: which of the two is believed."""

import pandas as pd
import pytest

from cs2_pipeline.demodb.extraction import reasons, winners
from cs2_pipeline.demodb.extraction.reasons import Tally

OTHER = {"CT": "T", "T": "CT"}


def recorded(*rounds: tuple[str | None, str | None]) -> pd.DataFrame:
    """Rounds of one match: winner's side and end reason."""
    frame = pd.DataFrame(rounds, columns=["winner_side", "end_reason"])
    return frame.assign(match_id=1, round_id=range(1, len(frame) + 1), winner=frame["winner_side"], started_at=None)


def match_of(right: int, wrong: int) -> pd.DataFrame:
    """A match in which CT win so many rounds by a defusal, and so many defusals count for T."""
    return recorded(*[("CT", "7")] * right, *[("T", "7")] * wrong)


@pytest.mark.parametrize(
    ("reason", "side"),
    [
        *[(reason, "T") for reason in ("1", "9", "TargetBombed", "TerroristWin", "CTSurrender", " 9 ")],
        *[(reason, "CT") for reason in ("7", "8", "12", "BombDefused", "CTWin", "TargetSaved", "TERRORISTSSURRENDER")],
    ],
)
def test_every_known_end_names_the_side_that_won(reason, side):
    tally = Tally()
    right, wrong = recorded((side, reason)), recorded((OTHER[side], reason))
    assert winners.agreeing(right, tally)["winner_side"].tolist() == [side]
    assert tally.left_out == {}
    assert winners.agreeing(wrong, tally).empty
    assert tally.left_out == {reasons.CONTRADICTED_WINNER: 1}


@pytest.mark.parametrize("reason", [None, "", "10", "16", "Elimination", "Unknown"])
def test_an_end_that_names_no_side_contradicts_nobody(reason):
    frame = recorded(("CT", reason), ("T", reason), (None, "7"))
    tally = Tally()
    pd.testing.assert_frame_equal(winners.agreeing(frame, tally), frame)
    assert (tally.left_out, tally.mapped) == ({}, {})


def test_from_nine_tenths_on_winners_are_exchanged_and_the_rest_is_refused():
    tally = Tally()
    found = winners.agreeing(match_of(1, 9), tally)
    assert found["winner_side"].tolist() == ["CT"] * 9
    assert tally.mapped == {reasons.WINNERS_EXCHANGED: 10}
    assert tally.left_out == {reasons.CONTRADICTED_WINNER: 1}


def test_rounds_whose_end_tells_nothing_are_exchanged_with_their_match():
    found = winners.agreeing(recorded(*[("T", "7")] * 5, ("T", None), ("CT", "Elimination")), Tally())
    assert found["winner_side"].tolist() == ["CT"] * 6 + ["T"]


def test_four_rounds_are_too_few_to_exchange_the_winners_of_a_match():
    tally = Tally()
    assert winners.agreeing(match_of(0, 4), tally).empty
    assert tally.left_out == {reasons.CONTRADICTED_WINNER: 4}


@pytest.mark.parametrize(("right", "wrong", "refused"), [(8, 2, 2), (7, 3, 0), (2, 8, 0), (2, 2, 2)])
def test_contradicted_winners_are_refused_while_they_are_few_and_doubted_when_many(right, wrong, refused):
    tally = Tally()
    found = winners.agreeing(match_of(right, wrong), tally)
    assert len(found) == right + wrong - refused
    assert found["winner_side"].value_counts().to_dict() == (
        {"CT": right, "T": wrong} if not refused else {"CT": right}
    )
    assert tally.mapped == ({} if refused else {reasons.WINNERS_DISAGREE: 1})


def test_each_match_is_judged_by_itself():
    both = pd.concat([match_of(6, 0), match_of(0, 6).assign(match_id=2)], ignore_index=True)
    tally = Tally()
    assert winners.agreeing(both, tally)["winner_side"].tolist() == ["CT"] * 12
    assert tally.mapped == {reasons.WINNERS_EXCHANGED: 6}
