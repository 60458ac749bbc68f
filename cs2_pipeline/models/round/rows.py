"""The rows that the round model learns from, and what of them each part of the training may see."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES, ROUND_FEATURES, round_features
from cs2_pipeline.game.state import REQUIRED_ROUND_FIELDS
from cs2_pipeline.models.round.inputs import LEAST, mask
from cs2_pipeline.models.training import TrainingError, never_varied
from cs2_pipeline.stats.metrics import logit_log_loss

FOLDS: Final = 5
NO_FOLD: Final = FOLDS
"""Left out by what learns from all matches."""
MIN_MATCHES: Final = 2 * FOLDS
FITTED_ROWS: Final = 100_000
"""Rows that one copy of a table for trees or baseline holds, drawn at random where there are more."""
WATCHED_ROWS: Final = 5_000
"""Judged rows that a network is asked about now and then while it is fitted, for its training curve."""
JUDGED_ROWS: Final = 100_000
"""Rows, spread evenly over the table, that candidates are judged, calibrated and taught on where there are more."""
PRIOR: Final = "prior"
"""Part of the matches of another game: learned from, never judged on (`datasets.rounds.PRIOR`)."""
EMPHASIS: Final = 5
"""How often a row of the game that the model is for counts where matches of another game are learned from too. On
matches left out 5 was better than 1; docs/real-matches.md."""

MOST: Final = float(np.log((1 - LEAST) / LEAST))
"""The logit that goes with `LEAST`."""

Matrix = NDArray[np.float32]
Array = NDArray[np.float64]


def feature_matrix(dataset: pd.DataFrame) -> Matrix:
    """Features of the rows of a round dataset, float32 of shape (rows, features)."""
    columns = round_features({name: dataset[name].to_numpy() for name in dataset.columns})
    rows = len(dataset)
    return np.column_stack([np.broadcast_to(np.asarray(column, np.float32), rows) for column in columns])


@dataclass(frozen=True)
class Rows:
    """The rows to learn from, as they are and with optional inputs hidden.

    Attributes:
        features, hidden: the two views.
        outcome: 1 where CT won.
        following: the row of the round's next moment, -1 where there is none.
        match: numbers of matches, from 0.
        fold: of each row; whole matches are in one.
        judged: numbers of the rows that candidates are judged and calibrated on: of the game that the model is for.
        taught: numbers of the rows that the student is taught on.
        unlearned: optional features that never vary in them; they are missing in both views.
    """

    features: Matrix
    hidden: Matrix
    outcome: Array
    following: NDArray[np.int64]
    match: NDArray[np.int64]
    fold: NDArray[np.int64]
    judged: NDArray[np.int64]
    taught: NDArray[np.int64]
    unlearned: tuple[str, ...]

    @property
    def matches(self) -> int:
        """How many there are."""
        return int(self.match.max()) + 1

    @classmethod
    def of(cls, dataset: pd.DataFrame, seed: int) -> "Rows":
        """The rows of a round dataset before its test part.

        Raises:
            TrainingError: a column is missing or has holes, too few matches, or only one side ever wins.
        """
        _require(dataset)
        rows = dataset[dataset["part"] != "test"]
        own = (rows["part"] != PRIOR).to_numpy()
        if not own.all():
            rows = pd.concat([rows, *[rows[own]] * (EMPHASIS - 1)])
        ids, match = np.unique(rows["match_id"].to_numpy(), return_inverse=True)
        if len(ids) < MIN_MATCHES:
            raise TrainingError(
                f"the round dataset has {len(ids)} matches before its test part; training needs {MIN_MATCHES}: "
                "extract more days or simulate more matches"
            )
        outcome = rows["ct_wins"].to_numpy().astype(np.float64)
        if outcome.min() == outcome.max():
            side = "CT" if outcome[0] else "T"
            raise TrainingError(f"{side} wins every round of the round dataset: check how its labels were read")
        fold = np.random.default_rng(seed).permutation(len(ids)) % FOLDS
        features = feature_matrix(rows)
        unlearned = tuple(never_varied(features, ROUND_FEATURES, OPTIONAL_ROUND_FEATURES))
        features = mask(features, unlearned)
        rounds = rows["round_id"].to_numpy()
        goes_on = np.append(rounds[:-1] == rounds[1:], False)
        following = np.where(goes_on, np.arange(1, len(rounds) + 1), -1)
        judged = np.flatnonzero(own)
        judged = judged[_spread(len(judged), JUDGED_ROWS)]
        taught = _spread(len(rows), JUDGED_ROWS)
        return cls(features, mask(features), outcome, following, match, fold[match], judged, taught, unlearned)

    @property
    def judged_views(self) -> tuple[Matrix, Matrix]:
        """Features of the judged rows, as they are and with the required inputs only."""
        return self.features[self.judged], self.hidden[self.judged]

    @property
    def taught_views(self) -> tuple[Matrix, Matrix]:
        """Features of the rows the student is taught on, as they are and with the required inputs only."""
        return self.features[self.taught], self.hidden[self.taught]

    def without(self, fold: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Numbers of rows outside a fold, at most `FITTED_ROWS`."""
        rows = np.flatnonzero(self.fold != fold)
        return rows if len(rows) <= FITTED_ROWS else np.sort(random.choice(rows, FITTED_ROWS, replace=False))

    def shown(self, rows: NDArray[np.int64], random: np.random.Generator, *, none: float, some: float) -> Matrix:
        """Features of rows, in shares of them with none of the optional inputs, or with each at even odds."""
        kind, hide = random.random((len(rows), 1)), random.random((len(rows), len(ROUND_FEATURES))) < 0.5
        hide = (kind < none) | ((kind < none + some) & hide)  # of required inputs both views say the same
        return np.where(hide, self.hidden[rows], self.features[rows])

    def next_of(self, price: Array) -> Array:
        """What the prices of all rows say of each row's next moment: its price, or the outcome where none follows."""
        return np.where(self.following < 0, self.outcome, price[self.following])

    @property
    def watched(self) -> NDArray[np.int64]:
        """Some of the judged rows, spread evenly."""
        return self.judged[_spread(len(self.judged), WATCHED_ROWS)]

    def loss_of(self, logit: Array, rows: NDArray[np.int64]) -> float:
        """Mean log loss of rows under logits."""
        return logit_log_loss(self.outcome[rows], np.clip(logit, -MOST, MOST))

    def probe(self, rows: int) -> Matrix:
        """Real rows spread over the table, every other one with its optional inputs missing."""
        chosen = _spread(len(self.features), rows)
        return np.where(np.arange(len(chosen))[:, None] % 2 == 0, self.features[chosen], self.hidden[chosen])


def _require(dataset: pd.DataFrame) -> None:
    """Refuse a dataset without a column training needs, or with holes in one that must be whole."""
    for name in (*REQUIRED_ROUND_FIELDS, "map_index", "match_id", "round_id", "part", "ct_wins"):
        if name not in dataset.columns:
            raise TrainingError(f"the round dataset has no column {name}: build it again with datasets.rounds")
        missing = int(dataset[name].isna().sum())
        if missing:
            raise TrainingError(
                f"the round dataset's column {name} is missing in {missing} row{'s'[: missing != 1]}: "
                "snapshots must carry every required field"
            )


def _spread(rows: int, most: int) -> NDArray[np.int64]:
    """Numbers of at most so many rows, spread evenly."""
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)
