"""The laws of a forecast: a lawful price passes, and each way to break one is found, counted and shown."""

import math

import numpy as np
import pytest

from cs2_pipeline.evaluation import match_laws
from cs2_pipeline.evaluation.match_laws import READ, check, more_than_a_coin
from cs2_pipeline.models.match.price import Step, outputs
from cs2_pipeline.stats.intervals import Interval

SWAP = "exchanging the sides gives exactly 1 - p"
SURER = "more certain input never widens the interval"
AHEAD = "more advantage never lowers the price"
LONGER = "a longer series never lowers the better side's price"
NOTHING = np.empty((0, 3), np.float32)


def lawful(rows):
    """The price of the side ahead; that of the other is its complement in float32, as a graph gives it."""
    ahead = rows[:, 0] >= 0
    found = outputs(Step(), np.abs(rows))
    other = {"probability": "probability", "low": "high", "high": "low"}
    return {name: np.where(ahead, found[name], np.float32(1) - found[other[name]]) for name in found}


def broken(predict, **asked):
    return {law.name: law for law in check(predict, **asked) if not law.holds}


def favouring(by, when=lambda rows: np.full(len(rows), True)):
    """The lawful price, in some rows changed by a number."""

    def predict(rows):
        found = lawful(rows)
        return found | {
            "probability": np.where(when(rows), found["probability"] + np.float32(by), found["probability"])
        }

    return predict


def test_a_lawful_price_keeps_all_four_on_15000_rows_and_the_real_ones():
    real = np.array([[0.3, 0.1, 3], [-2.0, 0.5, 1]], np.float32)
    laws = check(lawful, features=real)
    assert [law.name for law in laws] == [SWAP, SURER, AHEAD, LONGER]
    assert all(law.holds and law.violations == 0 and law.worst == 0 and law.example is None for law in laws)
    assert {law.checked for law in laws} == {15_002}
    assert laws[0].sentence == f"{SWAP}: 0 of 15,002 cases break it."
    assert check(lawful, rows=7)[0].checked == 7


def test_rows_are_drawn_over_both_sides_all_lengths_and_the_same_for_a_seed():
    asked = []

    def predict(rows):
        asked.append(rows)
        return lawful(rows)

    for seed in (1, 1, 2):
        check(predict, seed=seed, rows=2_000)
    one, same, other = asked[0], asked[len(asked) // 3], asked[2 * len(asked) // 3]
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    latent, variance, best_of = one.T
    assert (latent.mean(), latent.std()) == pytest.approx((0, 1.5), abs=0.15)
    assert (variance.min() >= 0, variance.mean()) == (True, pytest.approx(0.3, abs=0.04))
    assert set(best_of) == {1, 3, 5}


def test_one_bit_in_favour_of_the_first_side_breaks_the_exchange_and_is_shown():
    real = np.array([[0.0, 0.0, 1]], np.float32)
    found = broken(favouring(0.25, lambda rows: rows[:, 0] == 0), rows=100, features=real)
    assert found[SWAP].violations == 1
    assert found[SWAP].worst == pytest.approx(0.5)
    assert found[SWAP].example == {"latent": 0.0, "variance": 0.0, "best_of": 1.0}
    assert "1 of 101 cases break it" in found[SWAP].sentence
    assert SWAP in broken(favouring(1e-7), rows=100)


@pytest.mark.parametrize(("fall", "breaks"), [(2e-6, True), (5e-7, False)])
def test_a_price_that_falls_where_the_advantage_rises_is_found_beyond_rounding(fall, breaks):
    def falling(rows):
        price = np.where(rows[:, 0] > 1.2, 0.5 - fall, 0.5).astype(np.float32)
        return {"probability": price, "low": price, "high": price}

    found = broken(falling, rows=2_000)
    assert (AHEAD in found) == breaks
    if not breaks:
        (law,) = (law for law in check(falling, rows=2_000) if law.name == AHEAD)
        assert (law.violations, law.worst, law.example) == (0, 0.0, None)
    else:
        assert found[AHEAD].worst == pytest.approx(fall, rel=0.05)
        assert 0 < found[AHEAD].violations < 500
        assert found[AHEAD].example["latent"] <= 1.2


def test_a_price_that_falls_with_the_length_of_a_series_is_found_for_either_side():
    def fading(side):
        return favouring(-0.3 * side, lambda rows: (rows[:, 2] == 5) & (np.sign(rows[:, 0]) == side))

    for side in (1, -1):
        found = broken(fading(side), rows=2_000)[LONGER]
        assert np.sign(found.example["latent"]) == side
        assert found.example["best_of"] == 3, "the length before two maps more"


def test_an_interval_that_narrows_as_less_is_known_is_found():
    def backwards(rows):
        turned = rows.copy()
        turned[:, 1] = 2 - np.minimum(rows[:, 1], 2)
        return lawful(turned)

    found = broken(backwards, rows=500)
    assert list(found) == [SURER]
    assert 0 < found[SURER].violations <= 500
    assert 0 < found[SURER].worst <= 1


def test_an_interval_that_widens_by_little_is_found_wherever_it_does():
    """It is .3 wide and narrower by a tenth of the variance: surer input is always a little wider."""

    def predict(rows):
        half = (0.15 - 0.05 * np.minimum(rows[:, 1], 1)).astype(np.float32)
        price = np.full(len(rows), 0.5, np.float32)
        return {"probability": price, "low": price - half, "high": price + half}

    found = broken(predict, rows=500)
    assert list(found) == [SURER]
    assert found[SURER].violations > 480
    assert found[SURER].worst < 0.1


def test_what_is_no_number_breaks_every_law():
    def nothing(rows):
        return {name: np.full(len(rows), np.nan) for name in ("probability", "low", "high")}

    found = broken(nothing, rows=50)
    assert list(found) == [SWAP, SURER, AHEAD, LONGER]
    assert all(law.violations == 50 for law in found.values())


def test_a_version_is_asked_by_the_names_of_what_it_reads():
    class Asked:
        def predict(self, rows, names):
            return {"rows": rows, "names": names}

    assert match_laws.whole(Asked())(NOTHING) == {"rows": NOTHING, "names": READ}


@pytest.mark.parametrize(("high", "holds"), [(math.log(2) - 1e-9, True), (math.log(2), False), (0.75, False)])
def test_a_forecast_says_more_than_a_coin_where_its_log_loss_is_surely_below_a_coins(high, holds):
    law = more_than_a_coin(Interval(0.6, 0.5, high))
    assert (law.holds, law.violations, law.checked) == (holds, int(not holds), 1)
    assert law.worst == pytest.approx(max(high - math.log(2), 0))
    assert "a coin's 0.6931" in law.sentence
    assert "0.6000 [0.5000" in law.sentence
