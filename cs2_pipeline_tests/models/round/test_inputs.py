"""What the clock leaves of a network's price, and the seconds that CT still need."""

from itertools import pairwise

import numpy as np
import pytest

from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES, ROUND_FEATURES
from cs2_pipeline.models.calibration import sigmoid
from cs2_pipeline.models.round.inputs import (
    CONTEXT,
    GAIN,
    INPUTS,
    MONOTONE,
    InputMaker,
    hidden_share,
    mask,
    network_reach,
    settle,
    settled_logits,
)

COLUMN = {name: place for place, name in enumerate(ROUND_FEATURES)}
CLOCKS = np.array([[1, 0], [0.4, 0], [0.01, 0], [0.4, 0.6], [0.01, 0.99]], np.float32)
"""Time enough; two and a twentieth of a second on the bomb; the same on the round clock."""


def state(**known: float) -> np.ndarray:
    row = np.zeros((1, len(ROUND_FEATURES)), np.float32)
    for name, value in {"ct_alive": 2, "t_alive": 2, "bomb_planted": 1, "bomb_time": 30, **known}.items():
        row[0, COLUMN[name]] = value
    return row


@pytest.mark.parametrize("logit", [-12.0, -2.0, 0.0, 3.0, 12.0])
def test_settled_logits_are_those_of_the_settled_price(logit: float) -> None:
    logits = np.full((len(CLOCKS), 1), logit)
    expected = settle(sigmoid(logits[:, 0]), CLOCKS.astype(np.float64))
    np.testing.assert_allclose(sigmoid(settled_logits(logits, CLOCKS))[:, 0], expected, rtol=1e-6)


def test_a_reach_taught_to_the_network_is_the_one_meant_after_the_clock() -> None:
    logits, small = np.full((len(CLOCKS), 1), -0.7), 1e-4
    settled = settled_logits(logits, CLOCKS)
    reach = network_reach(settled, np.full_like(settled, small), CLOCKS)
    np.testing.assert_allclose(settled_logits(logits + reach, CLOCKS) - settled, small, rtol=1e-3)
    assert reach[0, 0] == pytest.approx(small)


def test_seconds_to_spare_on_the_bombs_clock_are_fewer_the_more_t_are_alive() -> None:
    make = InputMaker()
    changes = []
    for t_alive in (0, 1, 5):
        late, later = (make(state(bomb_time=seconds, t_alive=t_alive)).monotone[0] for seconds in (9, 6))
        assert (late >= later).all()
        changes.append(int((late > later).sum()))
    assert changes[0] > changes[1] > changes[2] > 0


FAIR = {
    "ct_alive": 3, "t_alive": 3, "ct_equip_value": 12_000, "t_equip_value": 11_000, "ct_money": 5_000, "t_money": 4_000,
    "bomb_planted": 0, "bomb_time": 0, "round_time": 60, "ct_score": 5, "t_score": 7, "map_index": 3, "ct_health": 200,
    "t_health": 210, "ct_armor": 150, "t_armor": 160, "ct_helmets": 2, "t_helmets": 1, "ct_defuse_kits": 1,
}  # fmt: skip
"""A state of which everything is known, away from every bend."""


@pytest.mark.parametrize(
    ("clock", "left", "settled"),
    [
        ({"round_time": 60}, 1, 0), ({"round_time": 5}, 1, 0), ({"round_time": 2}, 0.4, 0.6), ({"round_time": 0}, 0, 1),
        ({"round_time": 0, "bomb_planted": 1, "bomb_time": 30}, 1, 0),
        ({"round_time": 0, "bomb_planted": 1, "bomb_time": 2}, 0.4, 0),
        ({"round_time": 0, "bomb_planted": 1, "bomb_time": 0}, 0, 0),
    ],
)  # fmt: skip
def test_in_the_last_five_seconds_a_price_goes_to_the_decided_neighbours(clock, left, settled) -> None:
    made = InputMaker()(state(**FAIR | clock))
    assert made.clock[0] == pytest.approx([left, settled], abs=1e-6)
    assert settle(np.array([0.5]), made.clock)[0] == pytest.approx(0.5 * left + settled, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "favours", "by"),
    [
        ("ct_alive", 1, 1), ("t_alive", -1, 1), ("ct_equip_value", 1, 500), ("t_equip_value", -1, 500),
        ("ct_health", 1, 10), ("t_health", -1, 10),
    ],
)  # fmt: skip
def test_inputs_with_a_law_move_one_way_and_the_others_do_not_know_of_it(name, favours, by) -> None:
    before, after = (InputMaker()(state(**FAIR | {name: FAIR[name] + more})) for more in (0, by))
    moved = favours * (after.monotone - before.monotone)[0]
    assert moved.min() >= 0
    assert moved.max() > 0
    np.testing.assert_array_equal(before.context, after.context)


def test_more_time_on_the_bombs_clock_favours_ct_and_on_the_last_of_the_rounds_t() -> None:
    planted = FAIR | {"bomb_planted": 1, "round_time": 0, "bomb_time": 12}
    late = FAIR | {"round_time": 15}
    for known, name, favours in ((planted, "bomb_time", 1), (late, "round_time", -1)):
        before, after = (InputMaker()(state(**known | {name: known[name] + more})) for more in (0, 2))
        moved = favours * (after.monotone - before.monotone)[0]
        assert moved.min() >= 0
        assert moved.max() > 0


@pytest.mark.parametrize("name", [name for name in OPTIONAL_ROUND_FEATURES if name != "map_index"])
def test_a_missing_number_counts_as_the_middle_and_is_marked(name) -> None:
    middle = {"ct_health": 300, "t_health": 300, "ct_armor": 250, "t_armor": 250, "ct_defuse_kits": 1.5}
    known, missing = (InputMaker()(state(**FAIR | {name: value})) for value in (middle.get(name, 2.5), float("nan")))
    np.testing.assert_array_equal(known.monotone, missing.monotone)
    assert (known.context != missing.context).sum() == 1
    assert (missing.context - known.context).max() == 1


def test_every_input_lies_within_its_reach_whatever_is_asked() -> None:
    extreme = np.array([np.zeros(len(ROUND_FEATURES)), np.full(len(ROUND_FEATURES), 1e6)], np.float32)
    made = InputMaker()(extreme)
    assert made.monotone.shape[1] + made.context.shape[1] + made.clock.shape[1] == INPUTS
    assert (np.abs(made.monotone) <= GAIN[MONOTONE] / 2 + 1e-6).all()
    assert (np.abs(made.context) <= GAIN[CONTEXT] / 2 + 1e-6).all()
    assert ((made.clock >= 0) & (made.clock <= 1)).all()


def test_the_share_of_missing_inputs_counts_the_map_and_hiding_hides_all_or_those_named() -> None:
    rows = np.vstack([state(**FAIR), state(**FAIR | {"map_index": 0}), state(**FAIR | {"ct_health": float("nan")})])
    assert hidden_share(rows).tolist() == [0, 0.125, 0.125]
    hidden = mask(rows)
    assert hidden_share(hidden).tolist() == [1, 1, 1]
    required = [COLUMN[name] for name in ROUND_FEATURES if name not in OPTIONAL_ROUND_FEATURES]
    np.testing.assert_array_equal(hidden[:, required], rows[:, required])
    one = mask(rows[:1], ["ct_armor"])
    assert np.isnan(one[0, COLUMN["ct_armor"]]) and hidden_share(one).tolist() == [0.125]
    assert not np.isnan(rows[0]).any(), "the rows given are left as they are"


SHARES = slice(INPUTS - len(ROUND_FEATURES) - 5, INPUTS - len(ROUND_FEATURES))
"""Of all inputs those that compare both sides; the marks of what is missing follow."""


def whole(rows: np.ndarray) -> np.ndarray:
    """All inputs but the clock's, centred and with their gain, in the order in which the graph makes them."""
    made, found = InputMaker()(rows), np.zeros((len(rows), INPUTS))
    found[:, MONOTONE], found[:, CONTEXT] = made.monotone, made.context
    return found


def spans(name: str, low: float, high: float, step: float, **known: float) -> set[tuple[float, float, float]]:
    """Where each input that changes with one feature begins and ends to do so, and by how much it changes."""
    values = np.arange(low, high + step / 2, step)
    rows = np.repeat(state(**FAIR | known), len(values), axis=0)
    rows[:, COLUMN[name]] = values
    inputs = np.delete(whole(rows), np.r_[SHARES], axis=1)
    found = set()
    for column in inputs.T:
        if np.ptp(column) > 1e-5:
            begins = values[np.flatnonzero(np.abs(column - column[0]) < 1e-5)[-1]]
            ends = values[np.flatnonzero(np.abs(column - column[-1]) < 1e-5)[0]]
            middle = np.interp((begins + ends) / 2, values, column)
            assert middle == pytest.approx((column[0] + column[-1]) / 2, abs=1e-4), "straight in between"
            found.add((round(float(begins), 3), round(float(ends), 3), round(float(column[-1] - column[0]), 4)))
    return found


def bent(*points: float, by: float = 1.0) -> set[tuple[float, float, float]]:
    return {(*ends, by) for ends in pairwise(points)}


EQUIPMENT, MONEY, HEALTH = (
    (0, 2_000, 5_000, 10_000, 16_000, 22_000),
    (0, 1_000, 3_000, 8_000, 20_000),
    (0, 50, 120, 250, 400),
)


@pytest.mark.parametrize(
    ("name", "high", "step", "expected"),
    [
        ("ct_equip_value", 60_000, 1_000, bent(*EQUIPMENT) | {(0, 48_000, 5.3)}),
        ("t_equip_value", 60_000, 1_000, bent(*EQUIPMENT, by=-1) | {(0, 48_000, -5.3)}),
        ("ct_money", 60_000, 1_000, bent(*MONEY)),
        ("t_money", 60_000, 1_000, bent(*MONEY)),
        ("ct_health", 500, 10, bent(*HEALTH) | {(0, 500, 3.3)}),
        ("t_health", 500, 10, bent(*HEALTH, by=-1) | {(0, 500, -3.3)}),
        ("ct_alive", 5, 1, {(0, 5, 3.3)}),
        ("round_time", 115, 1, bent(0, 5, 10, 20, by=-1) | bent(20, 40, 70, 115) | {(20, 115, 1.8)}),
        ("ct_score", 50, 1, {(0, 1, 1), (0, 40, 5)}),
        ("t_score", 50, 1, {(0, 1, 1), (0, 40, 5)}),
        ("map_index", 10, 1, bent(*range(11))),
        ("ct_armor", 500, 50, {(0, 500, 3)}),
        ("t_armor", 500, 50, {(0, 500, 3)}),
        ("ct_helmets", 5, 1, {(0, 5, 2.5)}),
        ("t_helmets", 5, 1, {(0, 5, 2.5)}),
        ("ct_defuse_kits", 5, 1, {(0, 5, 3.3)}),
        ("bomb_planted", 1, 1, {(0, 1, 1)}),
    ],
)  # fmt: skip
def test_a_features_effect_may_bend_at_these_places_and_counts_so_much_at_first(name, high, step, expected) -> None:
    """How often each feature enters, from where to where, and with what gain."""
    assert spans(name, 0, high, step) == expected


@pytest.mark.parametrize(
    ("t_alive", "spare"),
    [
        (0, {(0, 10, 1), (5, 20, 1)}),
        (2, {(10, 20, 1), (20, 30, 1), (15, 30, 1)}),
        (3, {(15, 25, 1), (30, 40, 1), (20, 35, 1)}),
    ],
)
def test_the_bombs_clock_counts_from_what_a_defuse_and_a_fight_with_each_t_take(t_alive, spare) -> None:
    """A defuse takes 5 s; a fight 5 s or 10 s for each T alive."""
    found = spans("bomb_time", 0, 40, 0.5, t_alive=t_alive, bomb_planted=1, round_time=0)
    assert found == bent(0, 5, 7, 10, 20) | {(0, 40, 2)} | spare


def test_one_t_less_leaves_so_many_seconds_more_to_spare() -> None:
    found = spans("t_alive", 0, 5, 1, bomb_planted=1, bomb_time=25, round_time=0)
    assert {(begins, ends) for begins, ends, _ in found} >= {(0, 5)}
    assert {round(by, 4) for *_, by in found} == {-3.3, -1}


@pytest.mark.parametrize(
    ("place", "feature", "constant"),
    [(0, "alive", 0.25), (1, "equip_value", 500), (2, "health", 25), (3, "armor", 25), (4, "money", 500)],
)
def test_sides_are_compared_by_the_share_that_ct_has(place, feature, constant) -> None:
    random = np.random.default_rng(0)
    rows = np.repeat(state(**FAIR), 30, axis=0)
    ct, t = random.uniform(0, 5 if feature == "alive" else 400, (2, 30))
    rows[:, COLUMN[f"ct_{feature}"]], rows[:, COLUMN[f"t_{feature}"]] = ct, t
    share = (ct + constant) / (ct + t + 2 * constant)
    np.testing.assert_allclose(whole(rows)[:, SHARES][:, place], 4 * (share - 0.5), atol=1e-5)


@pytest.mark.parametrize("hidden", [0, 1, 4, 8])
def test_the_share_of_missing_inputs_is_of_all_eight_the_map_among_them(hidden: int) -> None:
    row = mask(state(**FAIR), OPTIONAL_ROUND_FEATURES[:hidden])
    assert len(OPTIONAL_ROUND_FEATURES) == 8
    assert hidden_share(row) == pytest.approx([hidden / 8])


def test_a_decided_price_has_logits_as_large_as_a_billionth_and_no_larger() -> None:
    """And a reach is never divided by nothing."""
    decided = np.array([[0, 0], [0, 1]], np.float32)
    found = settled_logits(np.zeros((2, 1)), decided)
    np.testing.assert_allclose(found[:, 0], [np.log(1e-9), -np.log(1e-9)], rtol=1e-6)
    assert np.isfinite(network_reach(found, np.ones((2, 1)), decided)).all()


def test_a_taught_reach_counts_a_price_no_more_certain_than_one_in_ten_thousand() -> None:
    sure = np.full((1, 1), 20.0)
    price = sigmoid(sure)
    clock = np.array([[1, 0]], np.float32)
    expected = price * (1 - price) / (1e-4 * (1 - 1e-4))
    np.testing.assert_allclose(network_reach(sure, np.ones((1, 1)), clock), expected, rtol=1e-6)
