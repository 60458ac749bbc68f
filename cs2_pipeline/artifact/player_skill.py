"""Skill tiers of players, and the reason where there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

import numpy as np

from cs2_pipeline.artifact.cache import Artifact, ArtifactError, ModelVersion
from cs2_pipeline.artifact.predictors import DIGITS, Predictor, Table
from cs2_pipeline.game.features import PLAYER_FEATURES, player_features
from cs2_pipeline.game.player import TIERS, complete


@dataclass(frozen=True)
class Skill:
    """A player's tier: scores in the order of `TIERS`, or the reason why there are none."""

    scores: tuple[float, ...] | None
    reason: str | None = None


class PlayerClassifier(Predictor[Skill]):
    """Skill tiers by one version of the player model."""

    def __init__(self, version: ModelVersion, artifact: Artifact) -> None:
        super().__init__(version, artifact)
        self._min_rounds = float(artifact.manifest.get("min_rounds", 0))

    def table(self, table: Table) -> list[Skill]:
        """The tiers of the players of a table."""
        columns = (values.tolist() for values in table.values())
        given = (zip(table, row, strict=True) for row in zip(*columns, strict=True))
        records = [complete({name: value for name, value in values if not isnan(value)}) for values in given]
        known = np.array([player_features(record) for record in records], dtype=np.float32)
        (scores,) = self._run(self._outputs, {"features": known[:, self._columns]})
        if not np.isfinite(scores).all():
            raise ArithmeticError(f"{self.version.name} {self.version.version} gave no number for a player")
        return [
            self._too_few(int(record["total_rounds"]))
            if record["total_rounds"] < self._min_rounds
            else Skill(tuple(round(score, DIGITS) for score in row))
            for record, row in zip(records, scores.tolist(), strict=True)
        ]

    def word(self, prediction: Skill) -> dict[str, Any]:
        """The likeliest tier with all scores, or the reason why there is none."""
        if prediction.scores is None:
            return {"skill_level": None, "confidence": None, "scores": None, "reason": prediction.reason}
        confidence = max(prediction.scores)
        level = TIERS[prediction.scores.index(confidence)]
        scores = dict(zip(TIERS, prediction.scores, strict=True))
        return {"skill_level": level, "confidence": confidence, "scores": scores}

    def row(self, prediction: Skill) -> dict[str, float | None]:
        """The score of each tier."""
        scores: Sequence[float | None] = prediction.scores or (None,) * len(TIERS)
        return {f"score_{tier.lower()}": score for tier, score in zip(TIERS, scores, strict=True)}

    def prove(self) -> None:
        """Classify somebody with more rounds than anybody has."""
        if self.one(dict.fromkeys(PLAYER_FEATURES, 1.0) | {"total_rounds": 1e6}).scores is None:
            raise ArtifactError(
                f"{self.version.name} {self.version.version}: asks for more rounds than anybody has played"
            )

    def _too_few(self, rounds: int) -> Skill:
        return Skill(None, f"not enough rounds yet: {rounds} of the {self._min_rounds:g} a judgement needs")
