"""Gradient-boosted trees for the round model: scikit-learn's histogram boosting under the game's laws.

Only their parameters and fit belong here. They are never served: they teach.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.models.round.inputs import SIGNS, hidden_share

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class BoostingParams:
    """Parameters of `HistGradientBoostingClassifier` that were chosen; see docs/round-model.md."""

    learning_rate: float = 0.1
    trees: int = 120
    leaves: int = 15
    rows_per_leaf: int = 100
    l2: float = 5.0
    feature_share: float = 0.5


@dataclass(frozen=True)
class RoundTrees:
    """Two boostings: one for states with the required inputs only, the other for all that say more.

    Each keeps the laws by itself, and what decides between them is only which inputs are missing.
    """

    informed: HistGradientBoostingClassifier
    required: HistGradientBoostingClassifier

    def logits(self, features: Matrix) -> NDArray[np.float64]:
        """Logits of P(CT), shape (rows,)."""
        found = np.empty(len(features))
        plain = hidden_share(features) == 1
        for rows, model in ((~plain, self.informed), (plain, self.required)):
            if rows.any():
                found[rows] = model.decision_function(_one_clock(features[rows])[:, : model.n_features_in_])
        return found


def fit(
    features: Matrix, outcome: NDArray[Any], *, params: BoostingParams, seed: int
) -> HistGradientBoostingClassifier:
    """Fit trees that never break a law: each split on a feature with a sign keeps it.

    Args:
        features: shape (rows, features): all of `ROUND_FEATURES`, or only those of the required fields; NaN is missing.
        outcome: 0 or 1, shape (rows,).
    """
    model = HistGradientBoostingClassifier(
        learning_rate=params.learning_rate,
        max_iter=params.trees,
        max_leaf_nodes=params.leaves,
        min_samples_leaf=params.rows_per_leaf,
        l2_regularization=params.l2,
        max_features=params.feature_share,
        monotonic_cst=[SIGNS.get(name, 0) for name in ROUND_FEATURES[: features.shape[1]]],
        early_stopping=False,
        random_state=seed,
    )
    shown = _one_clock(features)
    shown[:, np.isnan(shown).all(axis=0)] = 0  # a column of nothing but NaN is refused
    return model.fit(shown, outcome)


def _one_clock(features: Matrix) -> Matrix:
    """The same rows with the clock that does not run missing, not 0: one split then tells few seconds left."""
    changed = features.copy()
    planted = features[:, ROUND_FEATURES.index("bomb_planted")] > 0
    changed[planted, ROUND_FEATURES.index("round_time")] = np.nan
    changed[~planted, ROUND_FEATURES.index("bomb_time")] = np.nan
    return changed
