"""Small trees fitted to a table, and how well they predict rows of groups they have not seen."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.datasets.leakage.table import FOLDS, Floats
from cs2_pipeline.stats import metrics


class Classifier(Protocol):
    """What is used of scikit-learn's classifiers."""

    classes_: NDArray[Any]

    def fit(self, features: Floats, labels: NDArray[np.int64]) -> Any:
        """Learn from rows."""
        ...

    def predict_proba(self, features: Floats) -> Floats:
        """Scores of each label for every row."""
        ...


def held_out(
    model: Callable[[], Classifier], features: Floats, labels: NDArray[np.int64], groups: NDArray[np.int64], seed: int
) -> Floats:
    """Scores of each label for every row, by a model that saw no row of its group; shape (rows, labels)."""
    names, place = np.unique(groups, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(names.size) % FOLDS)[place]
    scores = np.zeros((labels.size, int(labels.max()) + 1))
    for number in range(FOLDS):
        seen, unseen = fold != number, fold == number
        fitted = model()
        fitted.fit(features[seen], labels[seen])
        scores[np.ix_(unseen, fitted.classes_)] = fitted.predict_proba(features[unseen])
    return scores


def auc(labels: NDArray[np.int64], scores: Floats) -> float:
    """Area under the ROC curve; for more than two labels the mean of one against the rest."""
    kinds = [kind for kind in range(scores.shape[1]) if 0 < (labels == kind).sum() < labels.size]
    values = [metrics.auc(labels == kind, scores[:, kind]) for kind in kinds]
    return float(np.mean(values)) if values else 0.5


def accuracy(labels: NDArray[np.int64], scores: Floats) -> float:
    """Share of rows whose likeliest label is theirs."""
    return float((scores.argmax(axis=1) == labels).mean())


def shallow_tree(leaves: int, seed: int) -> Callable[[], Classifier]:
    """A model that finds what one or a few features tell outright."""
    from sklearn.tree import DecisionTreeClassifier  # noqa: PLC0415  # slow to import, seldom needed

    return lambda: DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=20, random_state=seed)


def forest_model(seed: int) -> Callable[[], Classifier]:
    """A model that remembers rows: what leaks through neighbours shows in it."""
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415  # slow to import, seldom needed

    return lambda: RandomForestClassifier(20, min_samples_leaf=1, random_state=seed, n_jobs=1)
