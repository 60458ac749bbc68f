"""From values to a prediction: features, model, and the states that need no model.

A predictor belongs to one model version, so a prediction and the version that made it cannot come apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bento.predictions.http.requests import Values
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import Artifact, ArtifactError, ModelVersion
from cs2_pipeline.artifact.round_odds import DIGITS, RoundPredictor, expect_outputs
from cs2_pipeline.game.features import PLAYER_FEATURES, player_features
from cs2_pipeline.game.player import complete


@dataclass(frozen=True)
class Skill:
    """A player's tier: scores in the order of `TIERS`, or the reason why there are none."""

    scores: tuple[float, ...] | None
    reason: str | None = None


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

_PLAYER_OUTPUTS: Final = ["scores"]


def predictor(version: ModelVersion, artifact: Artifact) -> Predictor:
    """A predictor for a version, warmed up.

    Raises:
        ArtifactError: the model reads features or gives outputs that this service does not know.
    """
    if version.name == catalog.ROUND.name:
        return RoundPredictor.ready(version, artifact)
    if version.name == catalog.PLAYER.name:
        expect_outputs(artifact, _PLAYER_OUTPUTS)
        made = PlayerClassifier(version, artifact)
        if made.one(dict.fromkeys(PLAYER_FEATURES, 1.0) | {"total_rounds": 1e6}).scores is None:
            raise ArtifactError(f"{version.name} {version.version}: asks for more rounds than anybody has played")
        return made
    raise ArtifactError(f"{version.name}: the service has no endpoint for this model")
