"""From a request's values to a prediction and its wording, whatever the model.

Needs numpy and ONNX Runtime only. The prediction service, callers inside its process and MLflow's pyfunc flavour all
predict through these classes, so they give the same answers. A predictor belongs to one model version: a prediction
and the version that made it cannot come apart.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Self, TypeVar

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import Artifact, ArtifactError, ModelVersion
from cs2_pipeline.artifact.spec import IGNORED, Values, resolve, serving_of

DIGITS = 6
"""Decimals of an answered probability."""

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
        outputs = serving_of(self.spec).outputs
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

    @abstractmethod
    def one(self, values: Values) -> Prediction:
        """The prediction for one item."""

    @abstractmethod
    def many(self, items: Sequence[Values]) -> list[Prediction]:
        """The predictions for many items, in their order; the same as one by one."""

    @abstractmethod
    def word(self, prediction: Prediction) -> dict[str, Any]:
        """A prediction as it is answered, by snake_case name, without the model's version."""

    def answer(self, values: Values, prediction: Prediction) -> dict[str, Any]:
        """As `word`; and where values were given that the model ignores, their names as `IGNORED`."""
        worded = self.word(prediction)
        if self._ignored and (given := [name for name in self._ignored if values.get(name) is not None]):
            worded[IGNORED] = given
        return worded

    @abstractmethod
    def row(self, prediction: Prediction) -> dict[str, float | None]:
        """A prediction as the prediction log keeps it: a value for each of `Serving.logged`."""

    @abstractmethod
    def prove(self) -> None:
        """Predict something, so that the first request does not wait for what is done only once.

        Raises:
            ArtifactError: the model cannot answer anybody.
        """


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
