"""What a training compares: one shape for the candidates of both models, so that reviewers read them alike."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Candidate:
    """A trained model of one kind.

    Attributes:
        name: its kind.
        params: what it was fitted with.
        log_loss: on matches (players) left out, with all inputs.
        log_loss_required: the same with the required inputs only.
        train_seconds: wall time of fitting and calibrating it.
        predict: float32 features (rows, features) -> P(CT) of shape (rows,), or scores of shape (rows, tiers).
    """

    name: str
    params: dict[str, Any]
    log_loss: float
    log_loss_required: float
    train_seconds: float
    predict: Callable[[NDArray[np.float32]], NDArray[np.float64]]
