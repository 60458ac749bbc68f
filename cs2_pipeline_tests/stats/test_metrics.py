import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from cs2_pipeline.stats import metrics
from cs2_pipeline.stats import metrics as metrics_module
from cs2_pipeline.stats.intervals import GroupBootstrap
from cs2_pipeline.stats.metrics import binary_metrics, tier_metrics


def binary_sample(seed, *, matches=40, rounds=20, snapshots=1, shrink=1.0):
    """Outcomes, predictions, matches and true probabilities; snapshots of a round share its outcome."""
    rng = np.random.default_rng(seed)
    truth = rng.beta(1.5, 1.5, matches * rounds)
    outcome = (rng.random(truth.size) < truth).astype(int)
    truth, outcome = np.repeat(truth, snapshots), np.repeat(outcome, snapshots)
    match = np.repeat(np.arange(matches), rounds * snapshots)
    return outcome, 0.5 + (truth - 0.5) * shrink, match, truth


def tier_sample(seed, players=600):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet([2, 3, 2, 1], players)
    tier = (scores.cumsum(axis=1) < rng.random(players)[:, None]).sum(axis=1)
    return tier, scores, np.arange(players)


def test_binary_metrics_agree_with_scikit_learn():
    y, p, match, _ = binary_sample(0)
    p = np.round(p, 2)  # with ties
    found = binary_metrics(y, p, match, resamples=10)
    assert found["log_loss"].value == pytest.approx(sk.log_loss(y, p), rel=1e-12)
    assert found["brier"].value == pytest.approx(sk.brier_score_loss(y, p), rel=1e-12)
    assert found["auc"].value == pytest.approx(sk.roc_auc_score(y, p), rel=1e-12)
    assert found["accuracy"].value == pytest.approx(sk.accuracy_score(y, p >= 0.5), rel=1e-12)


def test_tier_metrics_agree_with_scikit_learn():
    tier, scores, player = tier_sample(0)
    found = tier_metrics(tier, scores, player, resamples=10)
    likeliest = scores.argmax(axis=1)
    assert found["log_loss"].value == pytest.approx(sk.log_loss(tier, scores), rel=1e-12)
    assert found["auc"].value == pytest.approx(sk.roc_auc_score(tier, scores, multi_class="ovr"), rel=1e-12)
    assert found["accuracy"].value == pytest.approx(sk.accuracy_score(tier, likeliest), rel=1e-12)
    assert found["qwk"].value == pytest.approx(sk.cohen_kappa_score(tier, likeliest, weights="quadratic"), rel=1e-12)
    assert found["mae"].value == pytest.approx(sk.mean_absolute_error(tier, likeliest), rel=1e-12)
    assert found["brier"].value == pytest.approx(((scores - np.eye(4)[tier]) ** 2).sum(axis=1).mean(), rel=1e-12)


def test_calibration_error_follows_its_formula():
    # Two bins of 20 rows: 0.2 predicted and 0.5 seen, 0.8 predicted and 0.75 seen.
    p = np.repeat([0.2, 0.8], 20)
    y = np.r_[np.tile([0, 1], 10), np.tile([1, 1, 1, 0], 5)]
    assert metrics.ece(y, p) == pytest.approx(0.5 * 0.3 + 0.5 * 0.05)
    assert binary_metrics(y, p, np.arange(40), resamples=10)["ece"].value == pytest.approx(0.175)


def test_calibration_error_agrees_with_scikit_learns_quantile_bins():
    from sklearn.calibration import calibration_curve

    y, p, _, _ = binary_sample(1, matches=150)
    seen, predicted = calibration_curve(y, p, n_bins=metrics.ECE_BINS, strategy="quantile")
    assert metrics.ece(y, p) == pytest.approx(np.abs(seen - predicted).mean(), abs=1e-4)


@given(
    score=hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(0, 1)),
    most=st.integers(1, 20),
)
@settings(max_examples=100, deadline=None)
def test_bins_follow_the_scores_order_and_never_part_equal_scores(score, most):
    bins, count = metrics.equal_mass_bins(score, most)
    order = np.argsort(score, kind="stable")
    assert count <= most
    assert (np.diff(bins[order]) >= 0).all()
    assert sorted(set(bins.tolist())) == list(range(count))
    for value in np.unique(score):
        assert len(set(bins[score == value].tolist())) == 1


def test_adaptive_bins_hold_as_many_rows_each():
    bins, count = metrics.ece_bins(np.random.default_rng(0).beta(0.3, 0.3, 3_000))
    assert count == metrics.ECE_BINS
    assert np.ptp(np.bincount(bins)) <= 1


def test_the_order_of_rows_changes_nothing():
    y, p, match, _ = binary_sample(2)
    order = np.random.default_rng(0).permutation(y.size)
    for (name, one), other in zip(
        binary_metrics(y, p, match).items(), binary_metrics(y[order], p[order], match[order]).values(), strict=True
    ):
        assert [one.value, one.low, one.high] == pytest.approx([other.value, other.low, other.high]), name


@pytest.mark.parametrize("shrink", [1.0, 0.8])
def test_intervals_cover_the_truth_as_often_as_they_say(shrink):
    y, p, match, truth = binary_sample(99, matches=20_000, shrink=shrink)
    true = {name: figure.value for name, figure in binary_metrics(y, p, match, resamples=2).items()}
    true["ece"] = np.abs(p - truth).mean()
    repetitions, hits = 125, dict.fromkeys(true, 0)
    for seed in range(repetitions):
        y, p, match, _ = binary_sample(seed, snapshots=3, shrink=shrink)
        for name, found in binary_metrics(y, p, match, seed=seed, resamples=300).items():
            hits[name] += found.low <= true[name] <= found.high
    # The interval of the calibration error is on the safe side.
    for name, hit in hits.items():
        assert 0.90 <= hit / repetitions <= (1.0 if name == "ece" else 0.985), (name, hit / repetitions)


def test_intervals_of_tiers_cover_the_truth():
    tier, scores, player = tier_sample(12345, players=50_000)
    true = {name: figure.value for name, figure in tier_metrics(tier, scores, player, resamples=1).items()}
    repetitions, hits = 60, dict.fromkeys(("log_loss", "auc", "qwk", "mae"), 0)
    for seed in range(repetitions):
        found = tier_metrics(*tier_sample(seed, players=150), seed=seed, resamples=200)
        for name in hits:
            hits[name] += found[name].low <= true[name] <= found[name].high
    assert min(hits.values()) / repetitions >= 0.88


@pytest.mark.parametrize(("measured", "sample"), [(binary_metrics, binary_sample), (tier_metrics, tier_sample)])
def test_intervals_are_those_of_seed_0_and_1000_resamples_unless_others_are_given(measured, sample):
    rows = sample(1)[:3]
    assert measured(*rows) == measured(*rows, seed=0, resamples=1000)
    assert (
        measured(*rows, resamples=20) == measured(*rows, seed=0, resamples=20) != measured(*rows, seed=1, resamples=20)
    )


def test_the_floor_is_the_calibration_error_of_a_perfectly_calibrated_model():
    samples = [binary_sample(seed, snapshots=4) for seed in range(60)]
    shown = np.mean([metrics.ece(y, p) for y, p, _, _ in samples])
    expected = np.mean([metrics.ece_floor(y, p, match).value for y, p, match, _ in samples])
    assert expected == pytest.approx(shown, rel=0.08)


def test_the_floor_is_higher_where_snapshots_share_their_outcome():
    y, p, match, _ = binary_sample(0)
    shared = metrics.ece_floor(np.repeat(y, 5), np.repeat(p, 5), np.repeat(match, 5)).value
    assert shared > 1.3 * metrics.ece_floor(*binary_sample(0, rounds=100)[:3]).value


def test_a_tier_that_nobody_reached_is_left_out_of_the_auc():
    rng = np.random.default_rng(0)
    tier, scores = rng.integers(0, 3, 200), rng.dirichlet([1, 1, 1, 1], 200)
    found = tier_metrics(tier, scores, np.arange(200), resamples=50)["auc"]
    expected = np.mean([sk.roc_auc_score(tier == number, scores[:, number]) for number in range(3)])
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high


def test_one_outcome_only_leaves_the_auc_undefined_and_the_rest_in_place():
    found = binary_metrics([1, 1, 1], [0.5, 0.6, 0.7], [1, 2, 3], resamples=20)
    assert np.isnan(found["auc"].value)
    assert found["log_loss"].low <= found["log_loss"].value <= found["log_loss"].high


def test_being_surely_wrong_costs_much_but_not_infinitely_much():
    assert np.isfinite(metrics.log_losses([1, 0], [0.0, 1.0])).all()
    assert metrics.log_losses([1], [0.0])[0] > 30


@pytest.mark.parametrize(
    ("outcome", "probability", "groups", "message"),
    [
        ([0, 2], [0.5, 0.5], [1, 2], "an outcome is 0 or 1; 1 of 2 rows break it, the first is row 1: 2"),
        ([0, 1], [0.5, np.nan], [1, 2], "a probability is a number from 0 to 1; .* row 1: nan"),
        ([0, 1], [0.5, 1.5], [1, 2], "row 1: 1.5"),
        ([0, 1], [0.5], [1, 2], "one outcome, probability and group a row"),
        ([], [], [], "no rows"),
    ],
)
def test_input_that_means_nothing_is_refused_with_its_row(outcome, probability, groups, message):
    with pytest.raises(ValueError, match=message):
        binary_metrics(outcome, probability, groups)


@pytest.mark.parametrize(
    ("tier", "scores", "message"),
    [
        ([4], [[0.25] * 4], "a tier is a number from 0 to 3; .* row 0: 4"),
        ([0], [[0.9, 0.9, 0.1, 0.1]], "the scores of a row add up to 1; .* row 0: 2"),
        ([0], [[np.nan, 0.5, 0.25, 0.25]], "a score is a number from 0 to 1"),
        ([0, 1], [[0.25] * 4], "one tier, one row of scores"),
    ],
)
def test_tiers_and_scores_that_mean_nothing_are_refused(tier, scores, message):
    with pytest.raises(ValueError, match=message):
        tier_metrics(tier, scores, np.arange(len(tier)))


def test_the_spread_of_a_calibrated_models_error_is_not_lost_with_the_mean_of_few_groups():
    """Five groups in one bin: without n / (n - 1) the simulated squares would be a fifth too small."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(5), 4)
    outcome, probability = rng.integers(0, 2, 20).astype(float), rng.uniform(0.2, 0.8, 20)
    draws = metrics_module._calibrated_ece_draws(outcome, probability, GroupBootstrap(groups, resamples=0), 1, 40_000)
    deviation = probability - outcome
    sums = np.bincount(groups, deviation - deviation.mean())
    assert (draws**2).mean() * 20**2 == pytest.approx((sums**2).sum() * 5 / 4, rel=0.03)


def test_an_even_chance_counts_as_said_of_what_happened():
    found = binary_metrics(np.array([1, 0, 1, 1]), np.array([0.5, 0.5, 0.5, 0.4]), np.arange(4))
    assert found["accuracy"].value == 0.5


def test_log_loss_of_logits_is_that_of_their_probabilities_and_finite_for_any():
    logit, outcome = np.array([-2.0, 0.0, 0.5, 3.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    assert metrics.logit_log_loss(outcome, logit) == pytest.approx(sk.log_loss(outcome, 1 / (1 + np.exp(-logit))))
    assert metrics.logit_log_loss(np.array([0.0]), np.array([800.0])) == 800
    assert metrics.logit_log_loss(np.array([1.0]), np.array([800.0])) == 0


def test_losses_of_single_rows_are_the_logarithm_of_what_was_given_to_what_happened():
    assert metrics.log_losses([1, 0, 1], [0.25, 0.25, 1.0]) == pytest.approx(-np.log([0.25, 0.75, 1.0]), abs=1e-12)
    scores = [[0.1, 0.2, 0.7], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    assert metrics.tier_log_losses([1, 0, 2], scores) == pytest.approx(-np.log([0.2, 0.5, 1.0]), abs=1e-12)
    certain = [metrics.log_losses([1], [1.0])[0], metrics.tier_log_losses([0], [[1.0, 0.0]])[0]]
    assert certain == [-np.log(1 - np.finfo(float).eps)] * 2, "as near to 1 as a number can be"
    wrong = [*metrics.log_losses([1, 0], [0.0, 1.0]), *metrics.tier_log_losses([2], [[0.5, 0.5, 0.0]])]
    assert wrong == pytest.approx([-np.log(np.finfo(float).eps)] * 3)


def test_the_top_label_is_the_likeliest_tier_with_its_probability():
    correct, confidence = metrics.top_label([2, 0, 0], [[0.1, 0.2, 0.7], [0.3, 0.6, 0.1], [0.4, 0.4, 0.2]])
    assert (correct.tolist(), confidence.tolist()) == ([1, 0, 1], [0.7, 0.6, 0.4])


def test_ties_count_half_in_the_auc_and_one_outcome_alone_has_none():
    assert metrics.auc([0, 1, 0, 1], [0.1, 0.1, 0.2, 0.3]) == (0.5 + 1 + 0 + 1) / 4
    assert metrics.auc([0, 1], [0.5, 0.5]) == 0.5
    assert metrics.auc([0, 1], [0.9, 0.1]) == 0
    assert np.isnan(metrics.auc([1, 1], [0.1, 0.2]))


@pytest.mark.parametrize(("rows", "bins"), [(1, 1), (20, 1), (39, 1), (40, 2), (199, 9), (200, 10), (5_000, 10)])
def test_a_bin_of_the_calibration_error_holds_20_rows_and_there_are_ten_at_most(rows, bins):
    assert metrics.ece_bins(np.arange(rows) / rows)[1] == bins


def test_bins_end_at_the_quantiles_with_equal_scores_together():
    bins, count = metrics.equal_mass_bins([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 3)
    assert (bins.tolist(), count) == ([0, 0, 1, 1, 2, 2], 3)
    bins, count = metrics.equal_mass_bins([0.9, 0.1, 0.9, 0.9], 4)
    assert (bins.tolist(), count) == ([1, 0, 1, 1], 2)
    assert metrics.equal_mass_bins([0.5, 0.5], 10)[1] == 1


def test_scores_may_miss_one_by_a_ten_thousandth_and_are_put_right():
    """Float32 scores add up to 1 but for rounding; the metrics take them as shares of their sum."""
    near = np.array([[0.25, 0.25, 0.25, 0.25 + 0.9e-4], [1.0, 0.0, 0.0, 0.0]])
    tier, scores = metrics.checked_tiers([3, 0], near, [1, 2])
    assert scores.sum(axis=1) == pytest.approx([1, 1], abs=1e-15)
    assert scores[0, 3] == pytest.approx(0.25009 / 1.00009)
    assert (tier.tolist(), tier.dtype) == ([3, 0], np.intp)
    with pytest.raises(ValueError, match="the scores of a row add up to 1; 1 of 2 rows break it, the first is row 0"):
        metrics.checked_tiers([3, 0], near + np.array([[0.2e-4], [0]]) * [0, 0, 0, 1], [1, 2])
    with pytest.raises(ValueError, match="a tier is a number from 0 to 3"):
        metrics.checked_tiers([-1, 0], near, [1, 2])
    with pytest.raises(ValueError, match="a score is a number from 0 to 1"):
        metrics.checked_tiers([0], [[1.5, -0.5, 0.0, 0.0]], [1])


@pytest.mark.parametrize(
    ("tier", "scores", "groups"),
    [
        ([0, 1], [0.5, 0.5], [1, 2]),
        ([0], [[0.5, 0.5]], [1, 2]),
        ([[0]], [[0.5, 0.5]], [1]),
        ([], np.zeros((1, 2)), [1]),
    ],
)
def test_tiers_scores_and_groups_must_have_one_row_each(tier, scores, groups):
    with pytest.raises(ValueError, match="one tier, one row of scores and one group a row"):
        metrics.checked_tiers(tier, scores, groups)


def test_all_metrics_of_tiers_that_are_always_right_are_as_good_as_can_be():
    tier = np.arange(40) % 4
    found = tier_metrics(tier, np.eye(4)[tier], np.arange(40), resamples=10)
    values = {name: round(figure.value, 9) for name, figure in found.items()}
    assert values == {"log_loss": 0, "brier": 0, "auc": 1, "accuracy": 1, "ece": 0, "qwk": 1, "mae": 0}


def test_one_tier_only_has_neither_auc_nor_kappa():
    found = tier_metrics([1] * 5, [[0.2, 0.6, 0.2]] * 5, np.arange(5), resamples=10)
    assert [name for name, figure in found.items() if np.isnan(figure.value)] == ["auc", "qwk"]


def test_a_floor_is_that_of_seed_0_and_a_thousand_draws_unless_others_are_given():
    y, p, match, _ = binary_sample(0, matches=10)
    found = metrics.ece_floor(y, p, match)
    assert found == metrics.ece_floor(y, p, match, seed=0, draws=1000)
    assert found != metrics.ece_floor(y, p, match, seed=1)
    assert found.low < found.value < found.high


def drawn(figure, groups):
    """The interval of a figure worked out on each of twenty resamples, from the number of times each row is in it."""
    bootstrap = GroupBootstrap(groups, seed=0, resamples=20)
    return bootstrap.interval(np.array([figure(weights[bootstrap.codes]) for weights in bootstrap.weights]))


def ends(interval):
    return pytest.approx((interval.value, interval.low, interval.high))


def test_resamples_have_the_auc_that_scikit_learn_gives_their_rows():
    y, p, match, _ = binary_sample(4, matches=12, rounds=6)
    p = np.round(p, 1)
    found = binary_metrics(y, p, match, resamples=20)["auc"]
    assert (found.value, found.low, found.high) == ends(
        drawn(lambda rows: sk.roc_auc_score(y, p, sample_weight=rows), match)
    )


def test_resamples_have_the_kappa_and_the_mean_auc_that_scikit_learn_gives_their_rows():
    tier, scores, _ = tier_sample(4, players=60)
    player = np.arange(60) // 5
    found = tier_metrics(tier, scores, player, resamples=20)

    def kappa(rows):
        return sk.cohen_kappa_score(tier, scores.argmax(axis=1), weights="quadratic", sample_weight=rows)

    def auc(rows):
        return np.mean([sk.roc_auc_score(tier == one, scores[:, one], sample_weight=rows) for one in range(4)])

    for name, figure in (("qwk", kappa), ("auc", auc)):
        assert (found[name].value, found[name].low, found[name].high) == ends(drawn(figure, player)), name


def test_the_calibration_error_of_a_calibrated_model_may_be_none_at_all_and_of_another_is_surely_some():
    y, p, match, _ = binary_sample(0)
    found = binary_metrics(y, p, match, resamples=50)["ece"]
    assert found.low == 0 < found.value < found.high
    wrong = binary_metrics(y, 1 - p, match, resamples=50)["ece"]
    assert 0.1 < wrong.low < wrong.value < wrong.high


def test_a_model_always_wrong_by_two_tiers_agrees_less_than_chance():
    tier = np.repeat([0, 2], 20)
    found = tier_metrics(tier, np.eye(3)[2 - tier], np.arange(40), resamples=10)
    assert (found["qwk"].value, found["mae"].value, found["accuracy"].value) == (pytest.approx(-1), 2, 0)
    assert found["brier"].value == 2


def test_certainty_is_a_probability_too():
    found = binary_metrics([0, 1, 1], [0.0, 1.0, 0.0], [1, 2, 3], resamples=10)
    assert found["accuracy"].value == pytest.approx(2 / 3)
    assert found["log_loss"].value == pytest.approx(-np.log(np.finfo(float).eps) / 3)


def test_the_range_of_the_floor_holds_95_of_100_calibrated_models():
    y, p, match, _ = binary_sample(0, matches=12)
    draws = metrics._calibrated_ece_draws(y, p, GroupBootstrap(match, resamples=0), 7, 200)
    found = metrics.ece_floor(y, p, match, seed=7, draws=200)
    assert (found.value, found.low, found.high) == (draws.mean(), *np.quantile(draws, [0.025, 0.975]))


def test_the_calibration_error_s_interval_reaches_down_by_chance_and_up_by_the_reflected_resamples():
    y, p, match, _ = binary_sample(5, matches=12)
    p = 1 - p
    bins, count = metrics.ece_bins(p)
    plain = drawn(lambda rows: np.abs(np.bincount(bins, rows * (p - y), count)).sum() / rows.sum(), match)
    chance = np.quantile(metrics._calibrated_ece_draws(y, p, GroupBootstrap(match), 0, 1000), 0.975)
    found = binary_metrics(y, p, match, resamples=20)["ece"]
    assert (found.value, found.low, found.high) == pytest.approx(
        (plain.value, plain.value - chance, 2 * plain.value - plain.low)
    )
