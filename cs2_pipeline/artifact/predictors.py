"""From a request's values to a prediction and its wording, whatever the model.

Needs numpy and ONNX Runtime only. The prediction service, callers inside its process and MLflow's pyfunc flavour all
predict through these classes, so they give the same answers. A predictor belongs to one model version: a prediction
and the version that made it cannot come apart.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import Artifact, ArtifactError, ModelVersion
from cs2_pipeline.artifact.spec import IGNORED, Columns, Values, resolve, serving_of
from cs2_pipeline.game.state import Field

DIGITS = 6
"""Decimals of an answered probability."""

Table = Mapping[str, Any]
"""Columns as a model reads them: numbers as float64 arrays with NaN for None, texts as they are."""

Prediction = TypeVar("Prediction")


class Predictor(ABC, Generic[Prediction]):
    """Predictions of one version.

    Args:
        version: who predicts; its name leads to the model's entry.
        artifact: with what.

    Raises:
        ArtifactError: the model reads features or gives outputs that the entry does not know.
    """

    def __init__(self, version: ModelVersion, artifact: Artifact) -> None:
        self.version = version
        self.spec = catalog.spec_of(version.name)
        serving = serving_of(self.spec)
        outputs, self._fields = serving.outputs, serving.fields
        given: Any = artifact.manifest.get("outputs")
        if sorted(given) != sorted(outputs):
            raise ArtifactError(f"{artifact.name}: gives the outputs {given}, not {list(outputs)}")
        self._outputs = list(outputs)
        self._columns = artifact.columns(self.spec.features)
        self._run = artifact.session.run
        self._ignored = artifact.ignored_inputs

    @classmethod
    def ready(cls, version: ModelVersion, artifact: Artifact) -> Self:
        """A predictor that has answered already.

        Raises:
            ArtifactError: as above, or the model cannot answer anybody.
        """
        made = cls(version, artifact)
        made.prove()
        return made

    def one(self, values: Values) -> Prediction:
        """The prediction for one item."""
        return self.many([values])[0]

    def many(self, items: Sequence[Values]) -> list[Prediction]:
        """The predictions for many items, in their order; the same as one by one."""
        columns = {
            field.name: [values[field.name] if field.required else values.get(field.name) for values in items]
            for field in self._fields
        }
        return self.table(table_of(self._fields, columns))

    @abstractmethod
    def table(self, table: Table) -> list[Prediction]:
        """The predictions for the items of a table, in their order."""

    @abstractmethod
    def word(self, prediction: Prediction) -> dict[str, Any]:
        """A prediction as it is answered, by snake_case name, without the model's version."""

    def answer(self, values: Values, prediction: Prediction) -> dict[str, Any]:
        """As `word`; and where values were given that the model ignores, their names as `IGNORED`."""
        worded = self.word(prediction)
        if given := [name for name in self._ignored if values.get(name) is not None]:
            worded[IGNORED] = given
        return worded

    def answers(self, columns: Columns, predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
        """As `answer`, for the items of columns."""
        answers = [self.word(prediction) for prediction in predictions]
        for name in self._ignored:
            for worded, value in zip(answers, columns[name], strict=True):
                if value is not None:
                    worded.setdefault(IGNORED, []).append(name)
        return answers

    @abstractmethod
    def row(self, prediction: Prediction) -> dict[str, float | None]:
        """A prediction as the prediction log keeps it: a value for each of `Serving.logged`."""

    @abstractmethod
    def prove(self) -> None:
        """Predict something, so that the first request does not wait for what is done only once.

        Raises:
            ArtifactError: the model cannot answer anybody.
        """


def table_of(fields: Sequence[Field], columns: Columns) -> Table:
    """The table of a model's fields, of shape (items,) each."""
    return {field.name: columns[field.name] if field.text else _numbers(columns[field.name]) for field in fields}


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    if values.count(None) == len(values):
        return np.full(len(values), np.nan)
    return np.array(values, dtype=float)


def predictor(version: ModelVersion, artifact: Artifact) -> Predictor[Any]:
    """A predictor for a version, warmed up.

    Raises:
        ArtifactError: there are no endpoints for this model, or the artifact does not suit them.
    """
    try:
        path = serving_of(catalog.spec_of(version.name)).predictor
    except KeyError:
        raise ArtifactError(f"{version.name}: the service has no endpoint for this model") from None
    made: Predictor[Any] = resolve(path).ready(version, artifact)
    return made
