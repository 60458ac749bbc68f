"""Gradient-boosted trees for the round model: scikit-learn's histogram boosting under the game's laws.

Only their parameters and fit belong here; `onnx_export` writes them as a graph.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.models.round_inputs import SIGNS

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


def fit(
    features: Matrix, outcome: NDArray[Any], weight: NDArray[Any], *, params: BoostingParams, seed: int
) -> HistGradientBoostingClassifier:
    """Fit trees that never break a law: each split on a feature with a sign keeps it.

    Args:
        features: shape (rows, features), in the order of `ROUND_FEATURES`; NaN is missing.
        outcome: 0 or 1, shape (rows,).
        weight: what each row counts, shape (rows,).
    """
    model = HistGradientBoostingClassifier(
        learning_rate=params.learning_rate,
        max_iter=params.trees,
        max_leaf_nodes=params.leaves,
        min_samples_leaf=params.rows_per_leaf,
        l2_regularization=params.l2,
        max_features=params.feature_share,
        monotonic_cst=[SIGNS.get(name, 0) for name in ROUND_FEATURES],
        early_stopping=False,
        random_state=seed,
    )
    return model.fit(features, outcome, sample_weight=weight)


def logits(model: HistGradientBoostingClassifier, features: Matrix) -> NDArray[np.float64]:
    """Logits of P(CT), shape (rows,)."""
    return np.asarray(model.decision_function(features), np.float64)
