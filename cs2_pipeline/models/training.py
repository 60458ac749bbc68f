"""What fitting a model yields, the same for every model: candidates, the chosen one, the baseline and the artifact."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.artifact.artifact import Artifact

Matrix = NDArray[np.float32]
Progress = Callable[[str], None]
"""Told what is being done, a sentence at a time."""
Curve = list[tuple[int, float]]
"""A figure as fitting went on: pairs of step (epoch, match) and value."""
TRAIN_LOSS: Final = "train_loss"
LEFT_OUT_LOSS: Final = "left_out_log_loss"


class TrainingError(ValueError):
    """A dataset no model can be trained on; the message says what is wrong and what to do."""


def never_varied(features: Matrix, names: Sequence[str], optional: Collection[str]) -> dict[str, float]:
    """The optional features with one value alone, or none at all, in all rows: nothing can be learned of them.

    Args:
        features: the rows to learn from, shape (rows, features).
        names: of the features, in the order of the columns.
        optional: those that a model can do without.

    Returns:
        By name, the value; NaN for one that is missing throughout.
    """
    found = {}
    for column, name in enumerate(names):
        values = features[:, column]
        if name in optional and (np.isnan(values).all() or (values == values[0]).all()):
            found[name] = float(values[0])
    return found


@dataclass(frozen=True)
class Candidate:
    """A trained model of one kind.

    Attributes:
        name: its kind.
        params: what it was fitted with.
        log_loss: on matches (players) left out, with all inputs.
        log_loss_required: the same with the required inputs only.
        train_seconds: wall time of fitting and calibrating it.
        predict: float32 features (rows, features) -> probability of shape (rows,), or scores of shape (rows, classes).
        curves: `TRAIN_LOSS` and `LEFT_OUT_LOSS` while it was fitted; none for what is not fitted in steps.
    """

    name: str
    params: dict[str, Any]
    log_loss: float
    log_loss_required: float
    train_seconds: float
    predict: Callable[[Matrix], NDArray[np.float64]]
    curves: Mapping[str, Curve] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Training:
    """What one training yields.

    Attributes:
        candidates: all that were trained, the baseline among them, in the order of training.
        chosen: the one the artifact holds.
        baseline: what the model must beat; its name is how reports call it.
        artifact: the exported model, loaded from `folder`.
        folder: where it was written.
        train_seconds: wall time of the whole training.
        rows: how many rows it learned from.
        learned_since: start of the oldest match it learned from; None for that of the dataset.
    """

    candidates: tuple[Candidate, ...]
    chosen: Candidate
    baseline: Candidate
    artifact: Artifact
    folder: Path
    train_seconds: float
    rows: int
    learned_since: datetime | None = None

    @property
    def ignored_inputs(self) -> tuple[str, ...]:
        """Fields of a request that the model was trained without, because they never varied."""
        return self.artifact.ignored_inputs

    @property
    def curves(self) -> dict[str, Curve]:
        """The curves of all candidates, by name of the figure and of the candidate: ``train_loss/student network``."""
        return {f"{name}/{one.name}": curve for one in self.candidates for name, curve in one.curves.items()}


def mean_curves(of: Sequence[Mapping[str, Curve]]) -> dict[str, Curve]:
    """The mean of the curves of networks that were fitted for the same steps."""
    return {
        name: [(points[0][0], sum(value for _, value in points) / len(points)) for points in zip(*curves, strict=True)]
        for name in of[0]
        if (curves := [one[name] for one in of])
    }
