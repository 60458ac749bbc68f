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


def test_a_difference_is_the_mean_over_rows_by_1000_resamples_of_seed_0_at_95_percent_unless_others_are_given():
    rng = np.random.default_rng(0)
    first, second, match = rng.random(60), rng.random(60), np.repeat(np.arange(12), 5)
    found = paired(first, second, match)
    assert found.value == pytest.approx((first - second).mean())
    assert found == paired(first, second, match, seed=0, resamples=1000, level=0.95)
    assert found != paired(first, second, match, seed=1)
    narrower = paired(first, second, match, level=0.5)
    assert found.low < narrower.low < found.value < narrower.high < found.high


@pytest.mark.parametrize(
    ("candidate", "other", "groups"),
    [([0.1], [0.1, 0.2], [1, 2]), ([0.1, 0.2], [0.1, 0.2], [1]), ([[0.1, 0.2]], [[0.1, 0.2]], [1, 2])],
)
def test_losses_without_one_row_and_group_each_are_refused(candidate, other, groups):
    with pytest.raises(ValueError, match="both models' losses on the same rows"):
        paired(candidate, other, groups)
