"""MLflow's loader of a registered version: `mlflow.pyfunc.load_model` answers as the prediction service does.

Nothing is unpickled: the version's folder holds the artifact, and this module, which MLflow imports by name, makes a
predictor of it. Needs this package and what the service needs of it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.predictors import predictor
from cs2_pipeline.artifact.spec import Values, serving_of
from cs2_pipeline.game.contradictions import broken


class Served:
    """A version as a function of a table of requests."""

    def __init__(self, folder: Path) -> None:
        artifact = Artifact.load(folder)
        self._serving = serving_of(catalog.spec_of(artifact.name))
        unnamed = ModelVersion(artifact.name, "loaded by MLflow", "", "", "", "", "", artifact.digest, {}, {})
        self._predictor = predictor(unnamed, artifact)

    def predict(self, requests: Any, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:  # noqa: ARG002
        """An answer for each request, as the service words it in snake_case, but for the version's number.

        Args:
            requests: a DataFrame, or a list of dicts, with the request's fields as columns; NaN, None or no column
                where an optional one is not given.
            params: MLflow's; there are none.

        Raises:
            ValueError: a column is unknown or missing, or a request cannot be; the message says which.
        """
        rows = requests if isinstance(requests, list) else requests.to_dict("records")
        values = [self._values(number, row) for number, row in enumerate(rows)]
        answers = zip(values, self._predictor.many(values), strict=True) if values else ()
        return [self._predictor.answer(asked, one) for asked, one in answers]

    def _values(self, number: int, row: Mapping[str, Any]) -> Values:
        known = {field.name: field for field in self._serving.fields}
        values: Values = dict.fromkeys(known)
        wrong = [f"{name}: unknown field" for name in row if name not in known and name not in self._serving.ids]
        for name, field in known.items():
            given = row.get(name)
            if given is None or given != given:  # noqa: PLR0124  NaN
                wrong += [f"{name}: missing"] if field.required else []
            elif field.text:
                values[name] = str(given)
            elif isinstance(given, str | bytes):
                wrong.append(f"{name}: must be a number, not {given[:50]!r}")
            elif not field.low <= given <= field.high:
                wrong.append(f"{name}: must be from {field.low:g} to {field.high:g}, not {given:g}")
            elif field.integer and given != int(given):
                wrong.append(f"{name}: must be a whole number, not {given:g}")
            else:
                values[name] = int(given) if field.integer else float(given)
        wrong += [f"{name}: {why}" for name, why in ([] if wrong else broken(self._serving.rules(values)))]
        if wrong:
            raise ValueError(f"request {number}: {'; '.join(wrong)}")
        return values


def _load_pyfunc(path: str) -> Served:
    """MLflow's hook: the version in a folder."""
    return Served(Path(path))
