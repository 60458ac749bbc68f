"""Calibration: what a blend of logits promises."""

import numpy as np

from cs2_pipeline.models.calibration import MIN_SLOPE, fit_blend, sigmoid
from cs2_pipeline.stats.metrics import logit_log_loss

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.normal(0, 1.5, 20_000)
OUTCOME = (RANDOM.random(len(TRUTH)) < sigmoid(TRUTH)).astype(float)


def test_an_overconfident_model_is_brought_back_to_its_truth() -> None:
    blend = fit_blend((2 * TRUTH + 1,), OUTCOME)
    np.testing.assert_allclose(sigmoid(blend(2 * TRUTH + 1)), sigmoid(TRUTH), atol=0.02)


def test_a_model_that_is_always_wrong_is_flattened_but_never_turned_round() -> None:
    assert fit_blend((-TRUTH,), OUTCOME).weights == (MIN_SLOPE,)


def test_two_models_with_independent_errors_are_better_together() -> None:
    one, other = (TRUTH + RANDOM.normal(0, 1, len(TRUTH)) for _ in range(2))
    both = logit_log_loss(OUTCOME, fit_blend((one, other), OUTCOME)(one, other))
    assert both < min(logit_log_loss(OUTCOME, fit_blend((single,), OUTCOME)(single)) for single in (one, other)) - 0.005


def test_log_loss_and_probability_stay_finite_for_any_logit() -> None:
    extreme = np.array([-1e4, 1e4])
    np.testing.assert_array_equal(sigmoid(extreme), [0.0, 1.0])
    assert logit_log_loss(np.array([1.0, 0.0]), extreme) == 1e4
