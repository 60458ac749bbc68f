"""The last step: from an expected advantage and its variance to a price with its interval."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from cs2_pipeline.game.series import series_odds
from cs2_pipeline.models.match.price import Step


def logistic(value):
    return 1 / (1 + math.exp(-value))


PLAIN = Step()


def priced(latent, variance=0.0, best_of=1.0, step=PLAIN):
    found = step(*(np.array([value], dtype=np.float64) for value in (latent, variance, best_of)))
    return tuple(found[name].item() for name in ("probability", "low", "high"))


@pytest.mark.parametrize("latent", [-2.0, -0.1, 0.0, 0.7, 3.0])
def test_an_advantage_known_for_certain_is_the_log_odds_of_a_map(latent):
    assert priced(latent) == pytest.approx((logistic(latent),) * 3)


@pytest.mark.parametrize(("best_of", "maps"), [(1.0, 1), (1.9, 1), (2.0, 3), (3.0, 3), (3.9, 3), (4.0, 5), (5.0, 5)])
def test_a_series_has_the_exact_odds_of_its_maps(best_of, maps):
    assert priced(0.7, best_of=best_of)[0] == pytest.approx(series_odds(maps, [logistic(0.7)] * maps))


@pytest.mark.parametrize(("latent", "variance"), [(0.5, 0.3), (1.5, 1.0), (0.0, 2.0), (2.0, 0.1)])
def test_what_is_not_known_draws_the_price_to_the_mean_over_all_it_may_be(latent, variance):
    deviations = np.linspace(-6, 6, 2001)
    weights = norm.pdf(deviations)
    advantage = latent + math.sqrt(variance) * deviations
    mean = (weights / (1 + np.exp(-advantage))).sum() / weights.sum()
    assert priced(latent, variance)[0] == pytest.approx(mean, abs=0.006)


def test_the_interval_holds_nine_of_ten_advantages():
    _, low, high = priced(0.5, 0.25)
    reach = norm.ppf(0.95) * 0.5
    assert (low, high) == pytest.approx((logistic(0.5 - reach), logistic(0.5 + reach)), abs=1e-4)
    _, low, high = priced(0.5, 0.25, step=Step(widening=2.0))
    assert (low, high) == pytest.approx((logistic(0.5 - 2 * reach), logistic(0.5 + 2 * reach)), abs=1e-4)


def test_a_slope_stretches_the_advantage_and_its_deviation():
    assert priced(0.5, 0.25, step=Step(slope=2.0)) == pytest.approx(priced(1.0, 1.0))


@pytest.mark.parametrize(("latent", "variance", "best_of"), [(0.4, 0.2, 1.0), (2.0, 3.0, 3.0), (0.1, 0.0, 5.0)])
def test_exchanging_the_sides_gives_the_complement_exactly(latent, variance, best_of):
    probability, low, high = priced(latent, variance, best_of)
    assert priced(-latent, variance, best_of) == (1 - probability, 1 - high, 1 - low)
    assert low <= probability <= high


def test_the_price_lies_within_its_interval_however_little_is_known():
    for variance in (0.0, 0.5, 5.0, 500.0):
        probability, low, high = priced(0.01, variance)
        assert low <= probability <= high


def test_no_map_is_called_more_certain_than_one_in_ten_thousand():
    assert priced(100.0) == pytest.approx((logistic(9.0),) * 3)
    assert priced(-100.0)[0] == pytest.approx(logistic(-9.0))


def test_a_variance_below_nothing_is_none():
    assert priced(0.5, -1e-9) == priced(0.5, 0.0)
