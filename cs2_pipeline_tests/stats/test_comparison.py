import numpy as np
import pytest

from cs2_pipeline.stats.comparison import paired
from cs2_pipeline.stats.intervals import GroupBootstrap


def test_a_small_but_steady_improvement_is_seen_where_separate_intervals_overlap():
    rng = np.random.default_rng(0)
    match = np.repeat(np.arange(40), 25)
    hard = np.repeat(rng.normal(0.5, 0.1, 40), 25) + rng.normal(0, 0.1, match.size)
    found = paired(hard - 0.005 + rng.normal(0, 0.005, match.size), hard, match)
    bootstrap = GroupBootstrap(match)
    alone = bootstrap.interval(bootstrap.means(hard)[:, 0])
    assert found.high < 0
    assert found.value == pytest.approx(-0.005, abs=0.001)
    assert alone.high - alone.low > 0.02


def test_a_model_against_itself_differs_by_exactly_nothing():
    loss = np.random.default_rng(0).random(50)
    found = paired(loss, loss, np.arange(50))
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_who_is_better_turns_the_sign():
    rng = np.random.default_rng(0)
    first, second, match = rng.random(60), rng.random(60), np.arange(60)
    one, other = paired(first, second, match), paired(second, first, match)
    assert one.value == pytest.approx(-other.value)


def test_losses_of_different_rows_are_not_compared():
    with pytest.raises(ValueError, match="the same rows"):
        paired([0.1, 0.2], [0.1], [1, 2])
