import tracemalloc

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student_t

from cs2_pipeline.stats.intervals import GroupBootstrap, Interval, flatten


def interval_of_mean(values, groups, **options):
    bootstrap = GroupBootstrap(groups, **options)
    return bootstrap.interval(bootstrap.means(values)[:, 0])


def test_the_same_seed_gives_the_same_interval_and_another_seed_another_one():
    rng = np.random.default_rng(0)
    values, groups = rng.normal(size=500), np.repeat(np.arange(50), 10)
    assert interval_of_mean(values, groups, seed=3) == interval_of_mean(values, groups, seed=3)
    assert interval_of_mean(values, groups, seed=3) != interval_of_mean(values, groups, seed=4)


def test_the_value_is_that_of_the_sample_itself():
    values = np.array([1.0, 2.0, 6.0])
    assert interval_of_mean(values, [7, 7, 8]).value == pytest.approx(3.0)


def test_groups_may_be_named_by_anything_and_their_rows_need_not_lie_together():
    values = np.arange(12.0)
    by_number = interval_of_mean(values, [1, 2, 3] * 4)
    assert interval_of_mean(values, ["a", "b", "c"] * 4) == by_number


def test_rows_of_a_match_that_repeat_each_other_do_not_make_a_figure_surer():
    rng = np.random.default_rng(1)
    values = rng.normal(size=100)
    once = interval_of_mean(values, np.arange(100))
    tenfold = interval_of_mean(np.repeat(values, 10), np.repeat(np.arange(100), 10))
    assert tenfold.high - tenfold.low == pytest.approx(once.high - once.low)


def test_the_interval_of_a_mean_has_the_width_of_students_t():
    values = np.random.default_rng(2).normal(size=12)
    found = interval_of_mean(values, np.arange(12), resamples=20_000)
    half = 2.201 * values.std(ddof=1) / np.sqrt(12)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.1)


def test_intervals_by_match_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(3)
    repetitions, hits = 400, 0
    for seed in range(repetitions):
        match_effect = np.repeat(rng.exponential(size=30), 8)
        found = interval_of_mean(
            match_effect + rng.normal(size=240), np.repeat(np.arange(30), 8), seed=seed, resamples=300
        )
        hits += found.low <= 1.0 <= found.high
    assert 0.91 <= hits / repetitions <= 0.98


def test_a_single_match_gives_a_figure_but_no_measure_of_chance():
    assert interval_of_mean([1.0, 2.0], [5, 5]) == Interval(1.5, float("-inf"), float("inf"))


def test_a_figure_that_is_not_defined_has_no_interval():
    bootstrap = GroupBootstrap(np.arange(3), resamples=5)
    found = bootstrap.interval(np.full(6, np.nan))
    assert np.isnan([found.value, found.low, found.high]).all()


def test_an_empty_part_is_refused_with_its_reason():
    with pytest.raises(ValueError, match="no rows to resample"):
        GroupBootstrap([])


def test_sums_within_bins_agree_with_counting_by_hand():
    bootstrap = GroupBootstrap([0, 0, 1, 2], seed=1, resamples=50)
    found = bootstrap.bin_sums(np.array([0, 1, 1, 0]), 2, [1.0, 2.0, 3.0, 4.0])
    first, second, third = bootstrap.weights.T
    assert found == pytest.approx(np.column_stack([first * 1 + third * 4, first * 2 + second * 3]))


def test_figures_flatten_to_the_names_of_the_tracking_server():
    assert flatten({"auc": Interval(0.8, 0.7, 0.9)}, "test_") == {
        "test_auc": 0.8,
        "test_auc_low": 0.7,
        "test_auc_high": 0.9,
    }


def test_an_interval_reads_as_value_and_ends():
    assert str(Interval(0.51266, 0.5, 0.525)) == "0.5127 [0.5000, 0.5250]"
    assert f"{Interval(-0.1, -0.2, 0.0):+.1f}" == "-0.1 [-0.2, +0.0]"


@pytest.mark.parametrize(("groups", "level"), [(3, 0.95), (5, 0.99), (40, 0.95)])
def test_few_groups_widen_an_interval_by_students_t_and_by_n_over_n_less_one(groups, level):
    bootstrap = GroupBootstrap(np.arange(groups))
    draws = np.concatenate([[0.5], (np.arange(100_000) + 0.5) / 100_000])  # a quantile of them is its own share
    found = bootstrap.interval(draws, level=level)
    reach = student_t.ppf((1 + level) / 2, groups - 1) * np.sqrt(groups / (groups - 1))
    assert (found.low, found.high) == pytest.approx((norm.cdf(-reach), norm.cdf(reach)), abs=1e-4)
    assert bootstrap.interval(draws, level=level, groups=2).low < found.low


def test_a_statistic_that_no_resample_defines_has_no_interval_and_one_that_a_single_one_defines_has():
    bootstrap = GroupBootstrap([1, 2, 3], resamples=2)
    undefined = bootstrap.interval(np.array([0.5, np.nan, np.nan]))
    assert (undefined.value, np.isnan(undefined.low), np.isnan(undefined.high)) == (0.5, True, True)
    single = bootstrap.interval(np.array([0.5, 0.4, np.nan]))
    assert (single.low, single.high) == (0.4, 0.4)


def test_resamples_take_no_more_memory_than_they_need():
    tracemalloc.start()
    try:
        made = GroupBootstrap(np.arange(2000), resamples=1000)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1.2 * made.weights.nbytes


def test_a_bootstrap_draws_as_many_groups_as_there_are_a_thousand_times_after_the_sample_itself():
    bootstrap = GroupBootstrap(["b", "a", "b", "c"])
    assert (bootstrap.count, bootstrap.codes.tolist()) == (3, [1, 0, 1, 2])
    assert bootstrap.weights.shape == (1001, 3)
    assert bootstrap.weights[0].tolist() == [1, 1, 1]
    assert (bootstrap.weights.sum(axis=1) == 3).all()
    assert bootstrap.weights[1:].mean(axis=0) == pytest.approx([1, 1, 1], abs=0.1)
    assert (bootstrap.weights == GroupBootstrap(["b", "a", "b", "c"], seed=0, resamples=1000).weights).all()


def test_sums_and_means_are_of_the_rows_of_the_groups_drawn():
    bootstrap = GroupBootstrap([5, 5, 9], resamples=20)
    columns = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 80.0]])
    five, nine = bootstrap.weights.T
    assert bootstrap.group_sums(columns).tolist() == [[3, 30], [4, 80]]
    assert bootstrap.sums(columns) == pytest.approx(np.column_stack([five * 3 + nine * 4, five * 30 + nine * 80]))
    assert bootstrap.means(columns[:, 0])[:, 0] == pytest.approx((five * 3 + nine * 4) / (five * 2 + nine))


def test_an_interval_is_of_95_percent_and_its_words_have_four_decimals_unless_others_are_asked_for():
    bootstrap = GroupBootstrap(np.arange(30))
    draws = bootstrap.means(np.random.default_rng(0).normal(size=30))[:, 0]
    assert bootstrap.interval(draws) == bootstrap.interval(draws, level=0.95) != bootstrap.interval(draws, level=0.9)
    assert f"{Interval(0.51266, 0.5, 0.525)}" == str(Interval(0.51266, 0.5, 0.525)) == "0.5127 [0.5000, 0.5250]"
    assert flatten({"auc": Interval(0.8, 0.7, 0.9)}) == {"auc": 0.8, "auc_low": 0.7, "auc_high": 0.9}


def test_a_single_group_has_no_measure_of_chance_whatever_its_resamples_and_no_value_no_ends():
    alone = GroupBootstrap([1, 1], resamples=2)
    assert alone.interval(np.array([0.5, np.nan, np.nan])) == Interval(0.5, -np.inf, np.inf)
    assert np.isnan(alone.interval(np.array([np.nan, 0.5, 0.5])).low)
    several = GroupBootstrap([1, 2, 3], resamples=2)
    assert several.interval(np.array([0.5, 0.4, 0.6]), groups=1) == Interval(0.5, -np.inf, np.inf)
    assert np.isnan(several.interval(np.array([np.inf, 0.4, 0.6])).high)
