"""The rules of competitive Counter-Strike 2: match format, clocks and the money system.

Only facts of the game belong here, each as a named constant or a small function. Money is in dollars,
time in seconds. Source: the game's default competitive configuration (MR12).
"""

from typing import Any, Final, Literal

Side = Literal["CT", "T"]

TEAM_SIZE: Final = 5
REGULATION_HALF: Final = 12
"""Rounds in a half of regulation time (MR12)."""
REGULATION_ROUNDS: Final = 2 * REGULATION_HALF
ROUNDS_TO_WIN: Final = 13
OVERTIME_HALF: Final = 3
"""Rounds in a half of an overtime (MR3)."""

ROUND_TIME: Final = 115.0
BOMB_TIME: Final = 40.0
DEFUSE_TIME: Final = 10.0
DEFUSE_TIME_WITH_KIT: Final = 5.0
FREEZE_TIME: Final = 15.0

START_MONEY: Final = 800
OVERTIME_START_MONEY: Final = 10_000
MAX_MONEY: Final = 16_000
WIN_REWARD: Final = 3_250
WIN_REWARD_BY_BOMB: Final = 3_500
"""Paid to each winner when the round ended by explosion or defusal."""
LOSS_REWARD: Final = 1_400
LOSS_REWARD_STEP: Final = 500
MAX_LOSS_REWARD: Final = 3_400
PLANT_BONUS: Final = 800
"""Paid to each T of a side that planted and still lost."""

TRADE_TIME: Final = 5.0
"""The killer's death within so long of a kill is a trade. No rule of the game, but what its statistics agree on."""

FULL_HEALTH: Final = 100
FULL_ARMOR: Final = 100


def loss_reward(consecutive_losses: int) -> int:
    """Money each player of a losing side gets after its n-th loss in a row (n from 1)."""
    if consecutive_losses < 1:
        raise ValueError(f"consecutive_losses counts from 1, got {consecutive_losses}")
    return min(LOSS_REWARD + LOSS_REWARD_STEP * (consecutive_losses - 1), MAX_LOSS_REWARD)


def is_pistol_round(round_number: int) -> bool:
    """True for the first round of each regulation half; rounds count from 1."""
    return round_number in (1, REGULATION_HALF + 1)


def is_overtime(round_number: int) -> bool:
    """True for rounds after regulation time; rounds count from 1."""
    return round_number > REGULATION_ROUNDS


def sides_swapped(round_number: int) -> bool:
    """True when the team that began as CT plays this round as T; rounds count from 1.

    Sides change at half time and in the middle of each overtime. An overtime begins on the sides the
    teams held when the period before it ended.
    """
    if not is_overtime(round_number):
        return round_number > REGULATION_HALF
    halves = _overtime_rounds_before(round_number) // OVERTIME_HALF
    return halves % 4 in (0, 3)


def _overtime_rounds_before(round_number: int) -> int:
    return round_number - REGULATION_ROUNDS - 1


def is_match_point(ct_score: Any, t_score: Any) -> Any:
    """True where one side wins the match if it wins the round; scores before it, numbers or arrays."""
    return _is_one_short(ct_score, t_score) | _is_one_short(t_score, ct_score)


def _is_one_short(ours: Any, theirs: Any) -> Any:
    """Regulation time and every overtime end with the side first to win that has a round more than half of them."""
    return (ours > theirs) & (ours >= REGULATION_HALF) & ((ours - REGULATION_HALF) % OVERTIME_HALF == 0)


def resets_economy(round_number: int) -> bool:
    """True for rounds that everybody enters with the start money of the period; rounds count from 1."""
    if is_overtime(round_number):
        return _overtime_rounds_before(round_number) % OVERTIME_HALF == 0
    return is_pistol_round(round_number)


def start_money(round_number: int) -> int:
    """Money each player holds when a half of the given round's period begins."""
    return OVERTIME_START_MONEY if is_overtime(round_number) else START_MONEY
