"""The rules of competitive Counter-Strike 2: how long a match and a round last, who stands where, who is paid what."""

from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.game import rules
from cs2_pipeline.game.rules import (
    is_match_point,
    is_overtime,
    is_pistol_round,
    loss_reward,
    resets_economy,
    sides_swapped,
    start_money,
)
from cs2_pipeline_tests.game.inputs import LAW

LAST_OF_REGULATION = 24
FOUR_OVERTIMES = range(1, LAST_OF_REGULATION + 4 * 6 + 1)
OVERTIMES = st.integers(0, 1_000)


def first_of_overtime(overtime):
    """The first round of an overtime; overtimes count from 0."""
    return LAST_OF_REGULATION + 6 * overtime + 1


def test_five_play_against_five_as_ct_and_t():
    assert rules.TEAM_SIZE == 5
    assert get_args(rules.Side) == ("CT", "T")


def test_a_match_is_mr12_and_the_first_to_thirteen_wins():
    assert (rules.REGULATION_HALF, rules.REGULATION_ROUNDS) == (12, 24)
    assert rules.ROUNDS_TO_WIN == 13


def test_overtime_is_mr3():
    assert rules.OVERTIME_HALF == 3


def test_nobody_can_have_won_when_regulation_ends_level():
    level = rules.REGULATION_ROUNDS // 2
    assert level == rules.ROUNDS_TO_WIN - 1


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ((11, 0), False), ((12, 0), True), ((4, 12), True), ((12, 12), False), ((13, 12), False), ((14, 12), False),
        ((15, 12), True), ((14, 15), True), ((15, 15), False), ((17, 15), False), ((15, 18), True),
    ],
)  # fmt: skip
def test_a_match_point_is_one_round_short_of_winning_the_period(score: tuple[int, int], expected: bool) -> None:
    assert is_match_point(*score) == expected
    assert is_match_point(*np.array([score]).T).tolist() == [expected]


def test_overtime_begins_with_round_twenty_five():
    assert [number for number in FOUR_OVERTIMES if is_overtime(number)] == list(range(25, 49))


def test_a_round_lasts_one_minute_fifty_five_after_fifteen_seconds_of_freeze():
    assert (rules.ROUND_TIME, rules.FREEZE_TIME) == (115, 15)


def test_the_bomb_ticks_forty_seconds_and_a_kit_halves_the_ten_of_a_defuse():
    assert (rules.BOMB_TIME, rules.DEFUSE_TIME, rules.DEFUSE_TIME_WITH_KIT) == (40, 10, 5)


def test_a_player_has_at_most_a_hundred_health_and_a_hundred_armor():
    assert (rules.FULL_HEALTH, rules.FULL_ARMOR) == (100, 100)


def test_sides_swap_after_round_twelve():
    assert [sides_swapped(number) for number in (1, 12, 13, 24)] == [False, False, True, True]


def test_the_first_overtime_begins_on_the_sides_of_the_second_half_and_swaps_after_three_rounds():
    assert [sides_swapped(number) for number in range(24, 31)] == [True] * 4 + [False] * 3


def test_the_second_overtime_begins_on_the_sides_the_first_ended_on():
    assert [sides_swapped(number) for number in range(30, 37)] == [False] * 4 + [True] * 3


def test_sides_change_only_at_half_time_and_in_the_middle_of_each_overtime():
    changes = [after for before, after in pairwise(FOUR_OVERTIMES) if sides_swapped(before) != sides_swapped(after)]
    assert changes == [13, 28, 34, 40, 46]


@LAW
@given(overtime=OVERTIMES)
def test_each_overtime_is_three_rounds_a_side_and_begins_where_the_one_before_ended(overtime):
    first = first_of_overtime(overtime)
    swapped = [sides_swapped(number) for number in range(first - 1, first + 6)]
    assert swapped == [swapped[0]] * 4 + [not swapped[0]] * 3


def test_pistol_rounds_are_the_first_and_the_thirteenth():
    assert [number for number in FOUR_OVERTIMES if is_pistol_round(number)] == [1, 13]


def test_everybody_starts_anew_in_pistol_rounds_and_in_each_half_of_an_overtime():
    assert [number for number in FOUR_OVERTIMES if resets_economy(number)] == [1, 13, 25, 28, 31, 34, 37, 40, 43, 46]


@LAW
@given(number=st.integers(2, 10_000))
def test_whoever_changes_sides_starts_anew(number):
    if sides_swapped(number) != sides_swapped(number - 1):
        assert resets_economy(number)


def test_regulation_starts_with_800_dollars_and_overtime_with_10_000():
    assert [start_money(number) for number in (1, 13, 24, 25, 28, 31)] == [800] * 3 + [10_000] * 3


def test_nobody_holds_more_than_16_000_dollars():
    assert rules.MAX_MONEY == 16_000


def test_a_win_pays_3250_and_one_by_bomb_or_defusal_3500():
    assert (rules.WIN_REWARD, rules.WIN_REWARD_BY_BOMB) == (3_250, 3_500)


def test_a_plant_that_did_not_win_pays_800():
    assert rules.PLANT_BONUS == 800


def test_losses_in_a_row_pay_1400_to_3400():
    assert [loss_reward(losses) for losses in range(1, 8)] == [1_400, 1_900, 2_400, 2_900, 3_400, 3_400, 3_400]


@LAW
@given(losses=st.integers(1, 1_000))
def test_one_more_loss_never_pays_less_and_winning_at_last_never_pays_less_than_the_first_losses(losses):
    assert loss_reward(losses) <= loss_reward(losses + 1) <= rules.MAX_LOSS_REWARD
    if losses < 4:
        assert loss_reward(losses) < rules.WIN_REWARD


@pytest.mark.parametrize("losses", [0, -1])
def test_losses_in_a_row_count_from_one(losses):
    with pytest.raises(ValueError, match=f"consecutive_losses counts from 1, got {losses}"):
        loss_reward(losses)


def test_who_kills_the_killer_within_five_seconds_trades():
    assert rules.TRADE_TIME == 5
