"""What the clock leaves of a network's price, and the seconds that CT still need."""

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
