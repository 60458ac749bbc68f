"""P(CT) of states as they are served: decided states first, the artifact's graph for all others.

Evaluation, the laws and the command line ask here, so that they judge what applications get.
"""

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.artifact.artifact import Artifact, Outputs
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.game.state import decided

_CT_ALIVE, _T_ALIVE, _PLANTED, _ROUND_TIME, _BOMB_TIME = (
    ROUND_FEATURES.index(name) for name in ("ct_alive", "t_alive", "bomb_planted", "round_time", "bomb_time")
)


def predict_states(artifact: Artifact, features: NDArray[np.float32]) -> Outputs:
    """Probability, low and high of states, float32 of shape (rows,) each.

    Args:
        artifact: a round model.
        features: float32 of shape (rows, features), as `game.features.round_features` orders them.
    """
    outputs = artifact.predict(features)
    outcomes = decided_outcomes(features)
    open_ = np.isnan(outcomes)
    return {name: np.where(open_, value, outcomes).astype(np.float32) for name, value in outputs.items()}


def decided_outcomes(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 where CT has won already, 0 where T has, NaN where the state is open (`game.state.decided`); shape (rows,)."""
    seconds = features[:, _ROUND_TIME] + features[:, _BOMB_TIME]
    ct_won, t_won = decided(features[:, _CT_ALIVE], features[:, _T_ALIVE], features[:, _PLANTED], seconds)
    return np.where(ct_won, 1.0, np.where(t_won, 0.0, np.nan))
