"""Training of the round model after a change of play: with the matches before it, or without them.

Old matches are many and tell of the former game, new ones are few and tell of the present one. Which serves better is
not known beforehand, so both are tried. Who is promoted is decided elsewhere, on matches that are read by neither.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.datasets.rounds import FORMER
from cs2_pipeline.evaluation.domain import state_features, states_of
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.models.round import predictor
from cs2_pipeline.models.round.predictor import RoundTraining
from cs2_pipeline.stats import metrics

ALL: Final = "all matches"
CHANGED: Final = "the matches since play changed"


def train(dataset: pd.DataFrame, *, seed: int, folder: Path, progress: Callable[[str], None]) -> RoundTraining:
    """The training; it says since when the matches are that it learned from.

    With a part `FORMER` in the dataset two models are trained, both without the validation part, whose matches are all
    of changed play; the one that is better on it is taken as it is. The test part is read by neither.

    Raises:
        TrainingError: the dataset cannot be trained on.
    """
    if not (dataset["part"] == FORMER).any():
        return predictor.train(dataset, seed=seed, folder=folder, progress=progress)
    judged, rest = dataset[dataset["part"] == "validate"], dataset[dataset["part"] != "validate"]
    histories = {ALL: rest, CHANGED: rest[rest["part"] != FORMER]}
    found: dict[str, tuple[RoundTraining, float]] = {}
    for name, rows in histories.items():
        progress(f"learning from {name}")
        training = predictor.train(rows, seed=seed, folder=folder / f"history{len(found)}", progress=progress)
        found[name] = training, _loss(training.artifact, judged)
        progress(f"learned from {name}: log loss {found[name][1]:.4f} on the validation part, which is of changed play")
    chosen = min(found, key=lambda name: found[name][1])
    progress(f"taken: the model of {chosen}")
    return replace(found[chosen][0], learned_since=_oldest(histories[chosen]))


def _loss(artifact: Artifact, rows: pd.DataFrame) -> float:
    answers = artifact.predict(state_features(states_of(rows)), ROUND_FEATURES)["probability"].astype(np.float64)
    return float(metrics.log_losses(rows["ct_wins"].to_numpy(), answers).mean())


def _oldest(dataset: pd.DataFrame) -> datetime:
    oldest: datetime = dataset["started_at"].min().to_pydatetime()
    return oldest
