"""Money and equipment: what teams buy and what a round pays. Arrays over many rounds at once.

A team decides together and shares: gear that survived is divided, money is pooled, and all five carry
equipment of the same value. Arrays are in side order: axis 1 is (CT, T), axis 2 the five players. Money and
equipment are multiples of 50 dollars.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.demodb.simulator.model import FREE_EQUIPMENT, GameModel
from cs2_pipeline.game import rules

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bits = NDArray[np.bool_]

PISTOL, ECO, FORCE, FULL = range(4)
UNIT: Final = 50
ARMOR_VALUE: Final = 850
"""Equipment per player from which everybody wears armour: the free pistol and a vest."""
HELMET_VALUE: Final = 1_800
_MAX_LOSSES: Final = 10


@dataclass(frozen=True)
class Buy:
    """What the teams bought.

    Attributes:
        kind: PISTOL, ECO, FORCE or FULL, shape (rounds, 2).
        equipment: value per player, shape (rounds, 2).
        spent: dollars of each player, shape (rounds, 2, 5).
    """

    kind: Ints
    equipment: Ints
    spent: Ints


def decide(model: GameModel, money: Ints, kept: Ints, round_number: int, *, desperate: Bits, uniform: Floats) -> Buy:
    """The buys before a round.

    Args:
        model: the game.
        money: of each player, shape (rounds, 2, 5).
        kept: value of the gear a team still owns, free pistols included, shape (rounds, 2).
        round_number: from 1.
        desperate: teams that lose the match with this round, shape (rounds, 2).
        uniform: numbers in (0, 1), shape (rounds, 2, 2): whether to force, how much to spend.
    """
    team_money = money.sum(axis=2)
    wealth = (team_money + kept) / rules.TEAM_SIZE
    floor = kept / rules.TEAM_SIZE
    taste = uniform[:, :, 1]
    if rules.is_pistol_round(round_number):
        kind = np.full(kept.shape, PISTOL)
    else:
        last_of_half = rules.resets_economy(round_number + 1)
        forces = (uniform[:, :, 0] < model.force_probability) & (wealth >= model.force_buy) | desperate | last_of_half
        kind = np.where(wealth >= model.full_buy, FULL, np.where(forces, FORCE, ECO))
    target = np.select(
        [kind == PISTOL, kind == ECO, kind == FORCE],
        [FREE_EQUIPMENT + 500 + 300 * taste, floor + 500 * taste, floor + (wealth - floor) * (0.75 + 0.25 * taste)],
        np.minimum(wealth, np.array(model.full_cap) - 300 * taste),
    )
    equipment = np.floor(np.minimum(target, wealth) / UNIT).astype(np.int64) * UNIT
    # Gear that survived cannot be sold: what does not divide evenly by five is rounded up, at a small cost.
    equipment = np.maximum(equipment, np.ceil(floor / UNIT).astype(np.int64) * UNIT)
    return Buy(kind, equipment, _share(money, rules.TEAM_SIZE * equipment - kept))


def _share(money: Ints, cost: Ints) -> Ints:
    """Divide a team's cost over its players, in proportion to their money and in whole units."""
    team_money = np.maximum(money.sum(axis=2), 1)
    spent = money * cost[:, :, None] // team_money[:, :, None] // UNIT * UNIT
    for _ in range(rules.TEAM_SIZE):
        owed = cost - spent.sum(axis=2)
        richest = (money - spent).argmax(axis=2)[:, :, None]
        part = np.take_along_axis(spent, richest, axis=2) + np.where(owed > 0, UNIT, 0)[:, :, None]
        np.put_along_axis(spent, richest, part, axis=2)
    return np.asarray(spent)


def rewards(model: GameModel, ct_won: Bits, by_bomb: Bits, planted: Bits, losses: Ints) -> Ints:
    """What a round pays each player of a side, kill rewards aside, shape (rounds, 2).

    Args:
        model: the game.
        ct_won: who won.
        by_bomb: whether the round ended by explosion or defusal.
        planted: whether the bomb went down.
        losses: each side's losses in a row, this round counted, shape (rounds, 2).
    """
    table = np.array([0] + [rules.loss_reward(n) + model.loss_reward_change for n in range(1, _MAX_LOSSES)])
    won = np.stack([ct_won, ~ct_won], axis=1)
    win = np.where(by_bomb, model.win_reward_by_bomb, model.win_reward)[:, None]
    pay = np.where(won, win, table[np.minimum(losses, _MAX_LOSSES - 1)])
    pay[:, 1] += np.where(planted & ct_won, model.plant_bonus, 0)
    return pay
