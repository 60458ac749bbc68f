"""The laws of betting: wealth against a true claim does not grow on average, and bounds hold at every look."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.evaluation import live_calibration
from cs2_pipeline.evaluation.live_calibration import Matches
from cs2_pipeline.stats import betting
from cs2_pipeline.stats.betting import Bets, log_wealth, lower_bound, together

PRICES = st.lists(st.floats(0.01, 0.99), min_size=1, max_size=5)


def outcomes(prices, calibrated_at):
    """Every way the rounds of a match can end, shape (ways, rounds), and the chance of each."""
    ways = np.array(list(product((0, 1), repeat=len(prices))))
    return ways, np.prod(np.where(ways == 1, calibrated_at, 1 - np.asarray(calibrated_at)), axis=1)


def bets_of(prices, won):
    """The alarm's bets on one match whose rounds were priced and ended so, one row for each way."""
    ranges = live_calibration.range_of(np.asarray(prices))
    surplus, visits = np.zeros((2, len(won), 5))
    for place, number in enumerate(ranges):
        surplus[:, number] += won[:, place] - prices[place]
        visits[:, number] += 1
    return live_calibration.bets(Matches(None, surplus, visits, np.zeros(len(won))))


@settings(max_examples=60, deadline=None)
@given(
    prices=PRICES,
    off=st.floats(-live_calibration.TOLERANCE, live_calibration.TOLERANCE),
    past=st.lists(st.floats(-1, 1), max_size=4),
    weeks=st.lists(st.integers(0, 3), min_size=5, max_size=5),
)
def test_no_match_makes_the_wealth_grow_on_average_while_prices_are_right_within_the_tolerance(
    prices, off, past, weeks
):
    won, chance = outcomes(prices, np.clip(np.asarray(prices) + off, 0, 1))
    following = bets_of(prices, won)
    former = np.outer(past, following.worst)
    weeks = np.cumsum(weeks)[: len(past) + 1]

    def wealth(payoffs):
        path = log_wealth(Bets(following.names, np.asarray(payoffs), following.worst), weeks[: len(payoffs)])
        return np.exp(together(path)[-1])

    before = wealth(former) if past else 1.0
    after = sum(p * wealth([*former, row]) for p, row in zip(chance, following.payoffs, strict=True))
    assert after <= before * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(prices=st.lists(st.floats(0.05, 0.95), min_size=1, max_size=8), weeks=st.lists(st.integers(0, 2), min_size=8))
def test_without_a_tolerance_the_wealth_of_a_fair_bet_is_on_average_what_was_staked(prices, weeks):
    won, chance = outcomes(prices, prices)
    payoffs = (won - np.asarray(prices)).T  # a claim for each way, all followed at once
    path = log_wealth(Bets(tuple(map(str, won)), payoffs, np.ones(len(won))), np.cumsum(weeks)[: len(prices)])
    assert chance @ np.exp(path[-1]) == pytest.approx(1, abs=1e-9)


def test_wealth_does_not_depend_on_the_order_of_matches_within_a_week():
    payoffs = np.random.default_rng(0).uniform(-1, 1, (20, 1))
    weeks = np.repeat([0, 3], 10)
    shuffled = np.concatenate([payoffs[9::-1], payoffs[:9:-1]])
    paths = [log_wealth(Bets(("a",), found, np.ones(1)), weeks) for found in (payoffs, shuffled)]
    assert paths[0][-1] == pytest.approx(paths[1][-1])


def test_one_match_at_a_time_and_all_at_once_give_the_same_wealth():
    payoffs = np.random.default_rng(0).uniform(-1, 1, (30, 2))
    weeks = np.sort(np.random.default_rng(1).integers(0, 5, 30))
    whole = log_wealth(Bets(("a", "b"), payoffs, np.ones(2)), weeks)
    for seen in (1, 7, 29):
        part = log_wealth(Bets(("a", "b"), payoffs[:seen], np.ones(2)), weeks[:seen])
        assert part == pytest.approx(whole[:seen])


def test_a_payoff_below_its_bound_is_refused_with_the_claim_named():
    with pytest.raises(ValueError, match="'second' is below"):
        Bets(("first", "second"), np.array([[-1.0, -1.2]]), np.ones(2))


def test_a_bound_lies_below_the_truth_at_all_of_many_looks_as_often_as_promised():
    rng, rate, missed = np.random.default_rng(0), 0.05, 0
    for _ in range(120):
        counts = rng.integers(0, 20, 400).astype(float)
        price = np.clip(0.5 + rng.normal(0, 0.15, 400), 0.05, 0.95)  # rounds of a match share what makes it differ
        total = rng.binomial(counts.astype(int), price) - 0.5 * counts
        bounds = [lower_bound(total[:seen], counts[:seen], depth=0.5, most=20, rate=rate) for seen in (5, 25, 100, 400)]
        missed += max(bounds) > 0
    assert missed / 120 <= rate


def test_a_bound_comes_near_the_truth_with_many_matches():
    rng = np.random.default_rng(0)
    loss = rng.uniform(0.3, 0.6, 4_000)
    low = lower_bound(loss, np.ones(4_000), depth=0, most=1, rate=0.025)
    assert 0.44 < low < 0.45
    assert lower_bound(loss[:1], np.ones(1), depth=0, most=1, rate=0.025) < 0.1


@settings(max_examples=25, deadline=None)
@given(
    matches=st.lists(st.tuples(st.floats(-0.5, 1.0), st.integers(1, 20)), min_size=1, max_size=30),
    shift=st.floats(-0.3, 0.3),
)
def test_a_bound_moves_with_what_it_bounds_and_lies_between_the_depth_and_the_mean(matches, shift):
    """Adding a constant to every mean adds it to the bound: the depth moves along, so the bets are the same."""
    mean, count = np.asarray([one for one, _ in matches]), np.asarray([float(many) for _, many in matches])
    low = lower_bound(mean * count, count, depth=0.5, most=20, rate=0.05)
    moved = lower_bound((mean + shift) * count, count, depth=0.5 - shift, most=20, rate=0.05)
    assert moved == pytest.approx(low + shift, abs=1e-6)
    assert -0.5 <= low <= (mean * count).sum() / count.sum()


@pytest.mark.parametrize("mean", [-0.3, 0.0, 0.4])
def test_a_bound_of_a_mean_that_never_varies_comes_near_it_from_below(mean):
    counts = np.full(3_000, 10.0)
    low = lower_bound(mean * counts, counts, depth=0.5, most=10, rate=0.05)
    assert mean - 0.03 < low < mean


def test_nothing_seen_bounds_nothing():
    with np.errstate(all="raise"):
        assert lower_bound(np.zeros(3), np.zeros(3), depth=0.8, most=24, rate=0.05) == -0.8
        assert lower_bound(np.zeros(3), np.ones(3), depth=0.0, most=1, rate=0.05) == 0, "as low as it can be"
    assert betting.FRACTIONS[-1] < 1


def test_a_change_is_found_near_the_match_with_which_payoffs_began_to_rise():
    rng = np.random.default_rng(0)
    calm, changed = rng.normal(-0.3, 0.5, 80), rng.normal(0.4, 0.5, 40)
    assert abs(betting.change(np.append(calm, changed)) - 80) <= 5
    assert betting.change(changed + 1.0) == 0
    assert betting.change(np.array([])) == 0


def test_ten_matches_that_pay_all_they_can_multiply_what_was_staked_as_its_four_fractions_do():
    paid = Bets(("a claim",), np.ones((10, 1)), np.ones(1))
    staked = np.mean([1.02**10, 1.1**10, 1.4**10, 1.9**10])
    # Half the money is staked from the first week on, the other half waits for later ones.
    wealth = np.exp(log_wealth(paid, np.zeros(10, dtype=int))[-1, 0])
    assert wealth == pytest.approx(staked / 2 + 1 / 2)


def test_wealth_is_what_each_week_s_share_of_the_money_made_by_each_fraction_on_average():
    """By its definition: of the money, 1 / ((n + 1)(n + 2)) waits for week n, and then stakes the same fraction."""
    payoffs, worst, weeks = (
        np.array([[0.5, -2.0], [-1.0, 1.0], [1.5, 3.0], [-0.25, 0.5]]),
        np.array([1.0, 2.0]),
        [0, 0, 2, 5],
    )

    def wealth(match, claim):
        waiting = 1 / (weeks[match] + 2)
        staked = 0.0
        for fraction, week in product((0.02, 0.1, 0.4, 0.9), range(weeks[match] + 1)):
            bet_on = [one for one in range(match + 1) if weeks[one] >= week]
            made = np.prod([1 + fraction * payoffs[one, claim] / worst[claim] for one in bet_on])
            staked += made / ((week + 1) * (week + 2)) / 4
        return waiting + staked

    found = np.exp(log_wealth(Bets(("a", "b"), payoffs, worst), np.array(weeks)))
    assert found == pytest.approx(np.array([[wealth(match, claim) for claim in (0, 1)] for match in range(4)]))
    assert found.shape == (4, 2)
    assert log_wealth(Bets(("a", "b"), payoffs[:0], worst), np.array([], dtype=int)).shape == (0, 2)


def test_claims_together_have_the_mean_of_their_wealths():
    assert np.exp(together(np.log([[1.0, 3.0], [0.5, 0.1]]))) == pytest.approx([2.0, 0.3])


@pytest.mark.parametrize(
    ("payoff", "worst", "taken"),
    [(-2.0 - 1e-10, 2.0, True), (-2.0 - 1e-8, 2.0, False), (0.0, 0.0, False), (1.0, -1.0, False), (5.0, 1e-9, True)],
)
def test_a_bound_is_positive_and_what_a_payoff_can_lose_but_for_rounding(payoff, worst, taken):
    payoffs, bounds = np.array([[0.0, 0.0], [0.0, payoff]]), np.array([1.0, worst])
    if taken:
        assert Bets(("first", "second"), payoffs, bounds).names == ("first", "second")
    else:
        with pytest.raises(ValueError, match="a payoff of 'second' is below the most that it can lose"):
            Bets(("first", "second"), payoffs, bounds)


@pytest.mark.parametrize(
    ("names", "bounds"), [(("a",), np.ones(2)), (("a", "b"), np.ones(1)), (("a", "b", "c"), np.ones(2))]
)
def test_bets_with_another_number_of_claims_than_payoffs_are_refused(names, bounds):
    with pytest.raises(ValueError, match=rf"{len(names)} claims, payoffs \(3, 2\), worst \({bounds.size},\)"):
        Bets(names, np.zeros((3, 2)), bounds)


@pytest.mark.parametrize(
    ("payoffs", "match"),
    [([], 0), ([-1.0], 0), ([1.0], 0), ([-1.0, 1.0], 1), ([-1.0, -1.0, 2.0], 2), ([-1.0, 3.0, -3.5, 1.0], 3),
     ([-1.0, 1.0, -1.0, 1.0], 1)],
)  # fmt: skip
def test_a_change_is_dated_to_the_match_after_the_first_lowest_point(payoffs, match):
    assert betting.change(np.array(payoffs)) == match


@pytest.mark.parametrize(("depth", "most", "rate"), [(0.5, 20, 0.05), (0.0, 24, 0.01), (0.8, 20, 0.2)])
def test_a_bound_is_where_betting_against_it_has_won_one_over_the_rate(depth, most, rate):
    rng = np.random.default_rng(1)
    count = rng.integers(1, 20, 300).astype(float)
    total = count * rng.uniform(0.1, 0.6, 300)
    low = lower_bound(total, count, depth=depth, most=most, rate=rate)
    stakes = (total - low * count) / (most * (depth + low))
    wealth = np.mean([np.prod(1 + fraction * stakes) for fraction in (0.02, 0.1, 0.4, 0.9)])
    assert wealth == pytest.approx(1 / rate, rel=1e-6)
    assert -depth < low < total.sum() / count.sum()


def test_matches_that_lost_all_they_could_bound_nothing_though_rounding_makes_it_a_little_more():
    count = np.array([5.0, 1, 19, 16, 1, 1, 3, 1, 10, 10, 14, 4, 18, 2, 17, 9, 19, 3, 9, 11])
    with np.errstate(all="raise"):
        assert lower_bound(-0.9 * count, count, depth=0.9, most=20, rate=0.05) == pytest.approx(-0.9)
