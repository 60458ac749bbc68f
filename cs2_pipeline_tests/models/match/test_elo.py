"""Elo's rating: 400 points for a factor of ten, a step of 32, the same gain and loss for everybody on a side."""

import math

import pytest

from cs2_pipeline.models.match.contest import Contest, LineUp
from cs2_pipeline.models.match.elo import expected

POINT = math.log(10) / 400
"""Log odds of one point."""
ONE, TWO = LineUp(tuple("abcde")), LineUp(tuple("vwxyz"))


def test_equals_are_even_and_the_winner_of_an_even_contest_gains_16_and_the_loser_loses_them():
    even, after = expected([Contest(1, ONE, TWO), Contest(2, ONE, TWO)], [True, True])
    assert even == 0
    assert after == pytest.approx(32 * POINT)
    assert expected([Contest(1, ONE, TWO), Contest(2, ONE, TWO)], [False, True])[1] == pytest.approx(-32 * POINT)


def test_a_side_is_the_mean_of_those_known_to_play_and_newcomers_begin_at_nothing():
    mixed = LineUp(("a", "b", "m", "n", "o"))
    found = expected([Contest(1, ONE, TWO), Contest(2, mixed, LineUp(()))], [True, True])
    assert found[1] == pytest.approx(16 * 2 / 5 * POINT)


def test_who_was_expected_to_win_gains_less():
    contests = [Contest(day, ONE, TWO) for day in range(3)]
    _, second, third = expected(contests, [True, True, True])
    chance = 1 / (1 + 10 ** (-32 / 400))
    assert third - second == pytest.approx(2 * 32 * (1 - chance) * POINT)


def test_every_contest_has_its_outcome():
    with pytest.raises(ValueError, match="shorter"):
        expected([Contest(1, ONE, TWO)], [])
