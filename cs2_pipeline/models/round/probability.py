"""P(CT) of states as they are served: decided states first, the artifact's graph for all others.

Evaluation, the laws and the command line ask here, so that they judge what applications get.
"""

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.artifact.artifact import Artifact, Outputs
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.game.state import decided_winner

_CT_ALIVE, _T_ALIVE, _PLANTED, _ROUND_TIME, _BOMB_TIME = (
    ROUND_FEATURES.index(name) for name in ("ct_alive", "t_alive", "bomb_planted", "round_time", "bomb_time")
)
_WON: dict[str | None, float] = {"CT": 1.0, "T": 0.0, None: np.nan}


def predict_states(artifact: Artifact, features: NDArray[np.float32]) -> Outputs:
    """Probability, low and high of states, float32 of shape (rows,) each.

    Args:
        artifact: a round model.
        features: float32 of shape (rows, features), as `game.features.round_features` orders them.
    """
    outputs = artifact.predict(features)
    decided = decided_outcomes(features)
    open_ = np.isnan(decided)
    return {name: np.where(open_, value, decided).astype(np.float32) for name, value in outputs.items()}


def decided_outcomes(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 where CT has won already, 0 where T has, NaN where the state is open; shape (rows,).

    `game.state.decided_winner` is asked once for each distinct case, so that its rule stands in one place.
    """
    seconds = features[:, _ROUND_TIME] + features[:, _BOMB_TIME]
    cases = np.column_stack([features[:, _CT_ALIVE], features[:, _T_ALIVE], features[:, _PLANTED], seconds > 0])
    distinct, place = np.unique(cases, axis=0, return_inverse=True)
    winners = np.array([_WON[decided_winner(*(float(value) for value in case))] for case in distinct])
    return winners[place.reshape(-1)] if len(features) else np.empty(0)
