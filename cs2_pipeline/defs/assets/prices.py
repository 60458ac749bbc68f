"""The price of a state as the round model's champion tells it."""

from typing import Final

import pandas as pd

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.datasets import win_probability_added as added
from cs2_pipeline.evaluation.domain import state_features, states_of
from cs2_pipeline.game.features import ROUND_FEATURES

ROUND_MODEL: Final = next(spec for spec in catalog.MODELS if spec.extracted == "round_snapshots")


def price_by(artifact: Artifact) -> added.Price:
    """What a champion says of states."""

    def price(states: pd.DataFrame) -> added.Array:
        said = artifact.predict(state_features(states_of(states)), ROUND_FEATURES)["probability"]
        return said.astype("float64")

    return price
