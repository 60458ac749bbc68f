"""The probability of an outcome, for a model without rules of its own: its features are its fields."""

from typing import Any

import numpy as np

from cs2_pipeline.artifact.cache import Artifact, ModelVersion
from cs2_pipeline.artifact.predictors import DIGITS, Predictor, Table
from cs2_pipeline.artifact.spec import serving_of


class Probability(Predictor[float]):
    """P(the label is 1); the first of `Serving.logged` is what it is called."""

    def __init__(self, version: ModelVersion, artifact: Artifact) -> None:
        super().__init__(version, artifact)
        self._features = self.spec.features
        self._name = serving_of(self.spec).logged[0]
        self._example = serving_of(self.spec).example

    def table(self, table: Table) -> list[float]:
        """The probabilities of the items of a table."""
        rows = np.column_stack([table[name] for name in self._features]).astype(np.float32)
        (found,) = self._run(self._outputs, {"features": rows[:, self._columns]})
        if not np.isfinite(found).all():
            raise ArithmeticError(f"{self.version.name} {self.version.version} gave no number")
        return [round(value, DIGITS) for value in found.tolist()]

    def word(self, prediction: float) -> dict[str, Any]:
        """The probability by its name."""
        return {self._name: prediction}

    def row(self, prediction: float) -> dict[str, float | None]:
        """The same."""
        return {self._name: prediction}

    def prove(self) -> None:
        """Predict the example."""
        self.one(dict.fromkeys(self._features) | dict(self._example))
