"""From values to a prediction: features, model, and the states that need no model.

A predictor belongs to one model version, so a prediction and the version that made it cannot come apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bento.predictions.http.requests import Values
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import Artifact, ArtifactError, ModelVersion
from cs2_pipeline.game.features import PLAYER_FEATURES, ROUND_FEATURES, player_features, round_features
from cs2_pipeline.game.maps import map_index
from cs2_pipeline.game.player import complete
from cs2_pipeline.game.state import ROUND_FIELDS, decided_winner

DIGITS: Final = 6
"""Decimals of an answered probability. An open round's stays inside (0, 1) when rounded."""
_LEAST, _MOST = 10.0**-DIGITS, 1 - 10.0**-DIGITS

_DECIDED: Final = {"CT": (1.0, 1.0, 1.0), "T": (0.0, 0.0, 0.0)}

_NUMBER_NAMES: Final = tuple(field.name for field in ROUND_FIELDS if not field.text)
_NUMBERS: Final = itemgetter(*_NUMBER_NAMES)

Odds = tuple[float, float, float]
"""P(CT wins) and its interval's bounds."""


@dataclass(frozen=True)
class Skill:
    """A player's tier: scores in the order of `TIERS`, or the reason why there are none."""

    scores: tuple[float, ...] | None
    reason: str | None = None


class RoundPredictor:
    """P(CT wins) by one version of the round model."""

    def __init__(self, version: ModelVersion, artifact: Artifact) -> None:
        self.version = version
        self._columns = artifact.columns(ROUND_FEATURES)
        self._run = artifact.session.run

    def one(self, values: Values) -> Odds:
        """The odds of one state."""
        winner = decided_winner(values["ct_alive"], values["t_alive"], values["bomb_planted"], values["time_remaining"])
        if winner is not None:
            return _DECIDED[winner]
        values["map_index"] = map_index(values["map_name"])
        row = np.array([round_features(values)], dtype=np.float32)[:, self._columns]
        probability, low, high = (output.item() for output in self._run(_ROUND_OUTPUTS, {"features": row}))
        if not isfinite(probability + low + high):
            raise ArithmeticError(f"{self.version.name} {self.version.version} gave no number for {values}")
        return _rounded(probability), _rounded(low), _rounded(high)

    def many(self, states: Sequence[Values]) -> list[Odds]:
        """The odds of many states, in their order."""
        numbers = np.array([_NUMBERS(values) for values in states], dtype=float)  # None becomes NaN
        table: dict[str, NDArray[Any]] = dict(zip(_NUMBER_NAMES, numbers.T, strict=True))
        table["map_index"] = np.array([map_index(values["map_name"]) for values in states])
        rows = np.column_stack(round_features(table)).astype(np.float32)[:, self._columns]
        outputs = self._run(_ROUND_OUTPUTS, {"features": rows})
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


class PlayerClassifier:
    """Skill tiers by one version of the player model."""

    def __init__(self, version: ModelVersion, artifact: Artifact) -> None:
        self.version = version
        self._columns = artifact.columns(PLAYER_FEATURES)
        self._run = artifact.session.run
        self._min_rounds = float(artifact.manifest.get("min_rounds", 0))

    def one(self, values: Values) -> Skill:
        """The tier of one player."""
        return self.many([values])[0]

    def many(self, players: Sequence[Values]) -> list[Skill]:
        """The tiers of many players, in their order."""
        known = np.array([player_features(complete(values)) for values in players], dtype=np.float32)
        rows = known[:, self._columns]
        (scores,) = self._run(_PLAYER_OUTPUTS, {"features": rows})
        if not np.isfinite(scores).all():
            raise ArithmeticError(f"{self.version.name} {self.version.version} gave no number for a player")
        return [
            self._too_few(values["total_rounds"])
            if values["total_rounds"] < self._min_rounds
            else Skill(tuple(round(score, DIGITS) for score in row))
            for values, row in zip(players, scores.tolist(), strict=True)
        ]

    def _too_few(self, rounds: int) -> Skill:
        return Skill(None, f"not enough rounds yet: {rounds} of the {self._min_rounds:g} a judgement needs")


Predictor = RoundPredictor | PlayerClassifier

_ROUND_OUTPUTS: Final = ["probability", "low", "high"]
_PLAYER_OUTPUTS: Final = ["scores"]


def predictor(version: ModelVersion, artifact: Artifact) -> Predictor:
    """A predictor for a version, warmed up.

    Raises:
        ArtifactError: the model reads features or gives outputs that this service does not know.
    """
    if version.name == catalog.ROUND.name:
        _expect_outputs(artifact, _ROUND_OUTPUTS)
        made: Predictor = RoundPredictor(version, artifact)
        made.many([dict(_EVEN_ROUND), dict(_EVEN_ROUND)])
        made.one(dict(_EVEN_ROUND))
    elif version.name == catalog.PLAYER.name:
        _expect_outputs(artifact, _PLAYER_OUTPUTS)
        made = PlayerClassifier(version, artifact)
        if made.one(dict.fromkeys(PLAYER_FEATURES, 1.0) | {"total_rounds": 1e6}).scores is None:
            raise ArtifactError(f"{version.name} {version.version}: asks for more rounds than anybody has played")
    else:
        raise ArtifactError(f"{version.name}: the service has no endpoint for this model")
    return made


_EVEN_ROUND: Final[Values] = dict.fromkeys(field.name for field in ROUND_FIELDS) | {
    "ct_alive": 5, "t_alive": 5, "ct_equip_value": 25_000.0, "t_equip_value": 25_000.0, "ct_money": 10_000.0,
    "t_money": 10_000.0, "bomb_planted": 0, "time_remaining": 115.0, "ct_score": 6, "t_score": 6,
}  # fmt: skip


def _expect_outputs(artifact: Artifact, outputs: list[str]) -> None:
    given: Any = artifact.manifest.get("outputs")
    if sorted(given) != sorted(outputs):
        raise ArtifactError(f"{artifact.name}: gives the outputs {given}, not {outputs}")


def _rounded(probability: float) -> float:
    value = round(probability, DIGITS)
    return value if _LEAST < value < _MOST else _MOST if value > 0.5 else _LEAST
