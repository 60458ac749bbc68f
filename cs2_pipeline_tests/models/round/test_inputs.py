"""What the clock leaves of a network's price, and the seconds that CT still need."""

import numpy as np
import pytest

from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.models.calibration import sigmoid
from cs2_pipeline.models.round.inputs import InputMaker, network_reach, settle, settled_logits

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
