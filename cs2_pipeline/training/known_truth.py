"""Play whose every probability is known exactly: simulated games between equal players, and a model's error there.

Training sees what it always sees. Only the measurement reads the simulator's truth (`evaluation.truth`).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from cs2_pipeline.artifact.artifact import Artifact, Outputs
from cs2_pipeline.datasets import rounds, snapshots
from cs2_pipeline.demodb import simulator
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import watermark
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.models.round import predictor
from cs2_pipeline.models.round.inputs import mask
from cs2_pipeline.models.round.rows import feature_matrix
from cs2_pipeline.stats.intervals import Floats
from cs2_pipeline.training import truth

DEMO_MATCHES: Final = 200
"""Enough for a first look within seconds; docs/round-model.md has the curve of error against matches."""


@dataclass(frozen=True)
class KnownTruth:
    """How far a model is from the exact probabilities.

    Attributes:
        rmse: root mean square error on the test part's states.
        coverage: share of those states whose interval holds the exact probability.
        rmse_required, coverage_required: the same when the model is told only the ten required inputs. The truth knows
            the map.
        rows, matches: in the test part.
        training_matches: what the model was trained on, all other parts.
    """

    rmse: float
    coverage: float
    rmse_required: float
    coverage_required: float
    rows: int
    matches: int
    training_matches: int


def dataset(matches: int, *, seed: int) -> tuple[pd.DataFrame, Floats]:
    """A round dataset of equal-skill play, and the exact P(CT wins) of each row, shape (rows,)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "equal.sqlite"
        simulator.simulate(path, matches=matches, seed=seed, equal_skill=True)
        with DemoDatabase(f"sqlite:///{path}") as database:
            days = watermark.days_touched(database, None)
            events = event_tables(database, min(days), max(days))
        rebuilt = snapshots.rebuild(events.rounds, events.participants, events.kills, events.damages, events.bombs)
        frame = rounds.build(rebuilt.frame).frame
        return frame, truth.exact_probability(simulator.truth_path(path), frame)


def measure(matches: int, *, seed: int) -> KnownTruth:
    """Train on equal-skill play and compare with the truth on the test part."""
    frame, exact = dataset(matches, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        training = predictor.train(frame, seed=seed, folder=Path(folder))
    return compare(training.artifact, frame, exact)


def compare(artifact: Artifact, frame: pd.DataFrame, exact: Floats) -> KnownTruth:
    """Compare a model's answers with the exact P(CT wins) of the rows of `dataset` on the test part."""
    tested = (frame["part"] == "test").to_numpy()
    test, truths = frame[tested], exact[tested]
    features = feature_matrix(test)
    told, plain = (artifact.predict(view) for view in (features, mask(features)))  # all states are open
    return KnownTruth(
        rmse=truth.rmse(truth=truths, probability=told["probability"]),
        coverage=_coverage(told, truths),
        rmse_required=truth.rmse(truth=truths, probability=plain["probability"]),
        coverage_required=_coverage(plain, truths),
        rows=len(test),
        matches=test["match_id"].nunique(),
        training_matches=frame.loc[~tested, "match_id"].nunique(),
    )


def _coverage(told: Outputs, truths: Floats) -> float:
    return float(((told["low"] <= truths) & (truths <= told["high"])).mean())
