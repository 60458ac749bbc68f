"""Calibration of binary probabilities: monotone maps of a logit, fitted on outcomes a model has not seen.

Only what turns scores into calibrated probabilities belongs here; how reliable they are is judged in evaluation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]

MIN_SLOPE = 0.05
"""A calibrator never turns the order of two states round, nor makes all of them equal."""


@dataclass(frozen=True)
class Platt:
    """``sigmoid(slope * logit + offset)`` with a positive slope (Platt 1999, without his label smoothing)."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, logit: Array) -> Array:
        """Calibrated logits for logits of any shape."""
        return self.slope * logit + self.offset


def fit_platt(logit: Array, outcome: Array) -> Platt:
    """The calibrator with the least log loss.

    Args:
        logit: predictions for rows the model was not fitted on, shape (rows,).
        outcome: 0 or 1, shape (rows,).
    """

    def loss(parameters: Array) -> tuple[float, Array]:
        scaled = parameters[0] * logit + parameters[1]
        residual = sigmoid(scaled) - outcome
        return log_loss(outcome, scaled), np.array([np.mean(residual * logit), np.mean(residual)])

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, bounds=[(MIN_SLOPE, None), (None, None)], method="L-BFGS-B")
    return Platt(float(found.x[0]), float(found.x[1]))


def sigmoid(logit: Array) -> Array:
    """Probability of a logit, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * logit))


def log_loss(outcome: Array, logit: Array) -> float:
    """Mean negative log likelihood of 0/1 outcomes under logits, in nats."""
    return float(np.mean(np.logaddexp(0.0, logit) - outcome * logit))
