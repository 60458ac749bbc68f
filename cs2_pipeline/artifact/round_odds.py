"""P(CT wins) from states, by one version of the round model: features, graph, and the states that need no model.

Whoever prices a round (the prediction service, the live feed) does it here, so both give the same number.
"""

from collections.abc import Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.artifact.artifact import Artifact, ArtifactError
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.game.features import ROUND_FEATURES, round_features
from cs2_pipeline.game.maps import map_index
from cs2_pipeline.game.state import ROUND_FIELDS, decided_winner

Values = dict[str, Any]
"""Fields of a state by name, all of `game.state.ROUND_FIELDS`; optional ones may be None."""

DIGITS: Final = 6
"""Decimals of an answered probability. An open round's stays inside (0, 1) when rounded."""
_LEAST, _MOST = 10.0**-DIGITS, 1 - 10.0**-DIGITS

_DECIDED: Final = {"CT": (1.0, 1.0, 1.0), "T": (0.0, 0.0, 0.0)}

_NUMBER_NAMES: Final = tuple(field.name for field in ROUND_FIELDS if not field.text)
_NUMBERS: Final = itemgetter(*_NUMBER_NAMES)

Odds = tuple[float, float, float]
"""P(CT wins) and its interval's bounds."""


ROUND_OUTPUTS: Final = ["probability", "low", "high"]


class RoundPredictor:
    """P(CT wins) by one version of the round model."""

    def __init__(self, version: ModelVersion, artifact: Artifact) -> None:
        self.version = version
        self._columns = artifact.columns(ROUND_FEATURES)
        self._run = artifact.session.run

    @classmethod
    def ready(cls, version: ModelVersion, artifact: Artifact) -> Self:
        """A predictor that has answered already.

        Raises:
            ArtifactError: the model reads features or gives outputs that are not known here.
        """
        expect_outputs(artifact, ROUND_OUTPUTS)
        made = cls(version, artifact)
        made.many([dict(_EVEN_ROUND), dict(_EVEN_ROUND)])
        made.one(dict(_EVEN_ROUND))
        return made

    def one(self, values: Values) -> Odds:
        """The odds of one state."""
        winner = decided_winner(values["ct_alive"], values["t_alive"], values["bomb_planted"], values["time_remaining"])
        if winner is not None:
            return _DECIDED[winner]
        values["map_index"] = map_index(values["map_name"])
        row = np.array([round_features(values)], dtype=np.float32)[:, self._columns]
        probability, low, high = (output.item() for output in self._run(ROUND_OUTPUTS, {"features": row}))
        if not isfinite(probability + low + high):
            raise ArithmeticError(f"{self.version.name} {self.version.version} gave no number for {values}")
        return _rounded(probability), _rounded(low), _rounded(high)

    def many(self, states: Sequence[Values]) -> list[Odds]:
        """The odds of many states, in their order."""
        numbers = np.array([_NUMBERS(values) for values in states], dtype=float)  # None becomes NaN
        table: dict[str, NDArray[Any]] = dict(zip(_NUMBER_NAMES, numbers.T, strict=True))
        table["map_index"] = np.array([map_index(values["map_name"]) for values in states])
        rows = np.column_stack(round_features(table)).astype(np.float32)[:, self._columns]
        outputs = self._run(ROUND_OUTPUTS, {"features": rows})
        if not all(np.isfinite(output).all() for output in outputs):
            raise ArithmeticError(f"{self.version.name} {self.version.version} gave no number for a state")
        probability, low, high = (
            np.clip(np.round(output.astype(float), DIGITS), _LEAST, _MOST).tolist() for output in outputs
        )
        odds = list(zip(probability, low, high, strict=True))
        for number, values in enumerate(states):
            winner = decided_winner(
                values["ct_alive"], values["t_alive"], values["bomb_planted"], values["time_remaining"]
            )
            if winner is not None:
                odds[number] = _DECIDED[winner]
        return odds


def _rounded(probability: float) -> float:
    value = round(probability, DIGITS)
    return value if _LEAST < value < _MOST else _MOST if value > 0.5 else _LEAST


_EVEN_ROUND: Final[Values] = dict.fromkeys(field.name for field in ROUND_FIELDS) | {
    "ct_alive": 5, "t_alive": 5, "ct_equip_value": 25_000.0, "t_equip_value": 25_000.0, "ct_money": 10_000.0,
    "t_money": 10_000.0, "bomb_planted": 0, "time_remaining": 115.0, "ct_score": 6, "t_score": 6,
}  # fmt: skip


def expect_outputs(artifact: Artifact, outputs: list[str]) -> None:
    """Check that a model gives the outputs that are read here.

    Raises:
        ArtifactError: it gives others.
    """
    given: Any = artifact.manifest.get("outputs")
    if sorted(given) != sorted(outputs):
        raise ArtifactError(f"{artifact.name}: gives the outputs {given}, not {outputs}")
