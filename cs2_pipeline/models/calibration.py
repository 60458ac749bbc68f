"""Calibration of binary probabilities: monotone maps of a logit, fitted on outcomes a model has not seen.

Only what turns scores into calibrated probabilities belongs here; how reliable they are is judged in evaluation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from cs2_pipeline.stats.metrics import logit_log_loss

Array = NDArray[np.float64]

MIN_SLOPE = 0.05
"""A calibrator never turns the order of two states round, nor makes all of them equal."""


@dataclass(frozen=True)
class Blend:
    """``sigmoid(sum of weight * logit + offset)``: a calibrated weighted mean of one or several models.

    For one model it is Platt's calibration (1999), without his label smoothing.

    No weight is negative, so that what every model agrees on survives: where none of them falls, the blend does not.
    """

    weights: tuple[float, ...]
    offset: float

    def __call__(self, *logits: Array) -> Array:
        """Calibrated logits from one array for each weight, shape (rows,) each."""
        return np.asarray(np.column_stack(logits) @ np.array(self.weights) + self.offset)


def fit_blend(logits: tuple[Array, ...], outcome: Array) -> Blend:
    """The blend with the least log loss.

    Args:
        logits: predictions of each model for rows it was not fitted on, shape (rows,) each.
        outcome: 0 or 1, shape (rows,).
    """
    stacked = np.column_stack([*logits, np.ones(len(outcome))])

    def loss(parameters: Array) -> tuple[float, Array]:
        blended = stacked @ parameters
        return logit_log_loss(outcome, blended), (sigmoid(blended) - outcome) @ stacked / len(outcome)

    start = np.array([*[1 / len(logits)] * len(logits), 0.0])
    bounds = [*[(MIN_SLOPE, None)] * len(logits), (None, None)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return Blend(tuple(map(float, found.x[:-1])), float(found.x[-1]))


def sigmoid(logit: Array) -> Array:
    """Probability of a logit, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * logit))
