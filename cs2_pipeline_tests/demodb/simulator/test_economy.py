"""Simulated money: what a round pays by the game's rules, and buys that a team can afford."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.demodb.simulator import economy
from cs2_pipeline.demodb.simulator.economy import ECO, FORCE, FULL, PISTOL
from cs2_pipeline.demodb.simulator.model import FREE_EQUIPMENT, GameModel
from cs2_pipeline.game import rules

MODEL = GameModel()
PLAIN = 5 * FREE_EQUIPMENT
"""What a team owns of which nobody kept anything."""


def paid(*, ct_won, by_bomb=False, planted=False, losses=(1, 1)):
    flags = (np.array([flag]) for flag in (ct_won, by_bomb, planted))
    return economy.rewards(MODEL, *flags, np.array([losses]))[0].tolist()


@pytest.mark.parametrize(
    ("losses", "reward"), [(1, 1_400), (2, 1_900), (4, 2_900), (5, 3_400), (9, 3_400), (30, 3_400)]
)
def test_losers_get_more_for_each_loss_in_a_row_up_to_3400(losses, reward):
    assert paid(ct_won=True, losses=(0, losses)) == [3_250, reward]
    assert paid(ct_won=False, losses=(losses, 0)) == [reward, 3_250]


def test_a_round_won_by_the_bomb_pays_more_and_a_plant_consoles_t_alone():
    assert paid(ct_won=False, by_bomb=True, planted=True) == [1_400, 3_500]
    assert paid(ct_won=True, by_bomb=True, planted=True) == [3_500, 1_400 + 800]
    assert paid(ct_won=True, planted=True) == [3_250, 2_200]
    assert paid(ct_won=False, planted=True) == [1_400, 3_250]


def bought(money, *, number=3, kept=PLAIN, desperate=False, force=0.99, taste=0.5):
    """What CT buy with so much money each; T have as much."""
    uniform = np.array([[[force, taste]] * 2])
    return economy.decide(
        MODEL, np.full((1, 2, 5), money), np.full((1, 2), kept), number, desperate=np.full((1, 2), desperate),
        uniform=uniform,
    )  # fmt: skip


@pytest.mark.parametrize("number", [1, 13])
def test_the_first_round_of_a_half_is_a_pistol_round(number):
    found = bought(rules.START_MONEY, number=number)
    assert (found.kind == PISTOL).all()
    assert (found.equipment == (FREE_EQUIPMENT + 650) // 50 * 50).all()


def test_a_rich_team_buys_in_full_a_poor_one_saves_and_a_desperate_one_forces():
    enough = int(MODEL.full_buy - FREE_EQUIPMENT)
    assert (bought(enough).kind == FULL).all()
    assert (bought(enough - 1).kind == ECO).all()
    assert (bought(enough - 1, desperate=True).kind == FORCE).all()
    assert (bought(enough - 1, number=12).kind == FORCE).all(), "money is worth nothing after the last round of a half"
    assert (bought(16_000).equipment <= np.array(MODEL.full_cap)).all()


def test_a_team_forces_as_often_as_the_model_says_once_it_can_afford_that():
    least = int(MODEL.force_buy - FREE_EQUIPMENT)
    assert (bought(least, force=MODEL.force_probability - 0.01).kind == FORCE).all()
    assert (bought(least, force=MODEL.force_probability).kind == ECO).all()
    assert (bought(least - 1, force=MODEL.force_probability - 0.01).kind == ECO).all()


@settings(max_examples=60, deadline=None)
@given(
    money=st.lists(st.integers(0, 320).map(lambda units: 50 * units), min_size=10, max_size=10),
    kept=st.lists(st.integers(20, 600).map(lambda units: 50 * units), min_size=2, max_size=2),
    number=st.integers(1, 30), desperate=st.booleans(), force=st.floats(0, 1), taste=st.floats(0, 1),
)  # fmt: skip
def test_what_a_team_spends_is_what_its_equipment_gained_and_nobody_spends_more_than_they_have(
    *, money, kept, number, desperate, force, taste
):
    purse, owned = np.array(money).reshape(1, 2, 5), np.array([kept])
    found = economy.decide(
        MODEL, purse, owned, number, desperate=np.full((1, 2), desperate), uniform=np.array([[[force, taste]] * 2])
    )
    affordable = 5 * found.equipment <= purse.sum(axis=2) + owned
    assert (found.equipment % 50 == 0).all()
    assert (5 * found.equipment >= owned).all(), "gear that survived cannot be sold"
    spent = found.spent.sum(axis=2)
    assert (spent[affordable] >= (5 * found.equipment - owned)[affordable]).all()
    assert (spent[affordable] < (5 * found.equipment - owned)[affordable] + 50).all()
    assert (found.spent[affordable] <= purse[affordable]).all()
    assert (found.spent >= 0).all()
