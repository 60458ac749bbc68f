"""Fitting the match model: the last step from what ratings expect to a price, and the artifact with graph and state.

The table it is fitted on (`schema.MATCH_DATASET`) holds each match as the ratings saw it just before, so the figures on
its last part are those of forecasts given in the order of play. The state in the artifact has learned from every row,
the test part too: a forecast for tomorrow should know of today. Nothing of the step is fitted on the test part.
"""

import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from cs2_pipeline.artifact import artifact as artifacts
from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.models.match.price import FEATURES, INTERVAL_LEVEL, LOGIT_LIMIT, REACH, Step, outputs
from cs2_pipeline.models.match.ratings import Ratings
from cs2_pipeline.models.match.table import contests, rounds
from cs2_pipeline.models.onnx_export import INPUT, Graph
from cs2_pipeline.models.training import LEFT_OUT_LOSS, Candidate, Curve, Progress, Training, TrainingError

LEARNED_ALONE: Final = 0.2
"""Share of the first matches the step is not fitted on: the ratings know nobody yet."""
_SLOPE_SPREAD: Final = 0.2
"""How far the slope may be from 1 before there is evidence."""
_PROBE_ROWS: Final = 64
_POINTS: Final = 20
"""Points of a training curve."""
_WIDENING: Final = 1.0
"""Found on simulated play whose truth is known (docs/forecasting.md)."""

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]


def fit(dataset: pd.DataFrame, *, seed: int, folder: Path, progress: Progress) -> Training:
    """Fit the step, write the artifact.

    Args:
        dataset: a `match_dataset`.
        seed: not used: nothing here is random.
        folder: where the artifact goes.
        progress: told what is being done.

    Raises:
        TrainingError: there are no matches to fit on.
    """
    started = time.perf_counter()
    fitted = _fitted(dataset)
    progress(f"fitting the step from ratings to prices on {len(fitted):,} matches")
    step, stretch = steps(dataset)
    elo, outcome = fitted["elo"].to_numpy(dtype=np.float64), fitted["first_wins"].to_numpy(dtype=np.float64)
    chosen = _candidate("ratings", step, fitted, outcome)
    baseline = Candidate(
        "Elo of players",
        {"slope": stretch},
        _log_loss(_logistic(stretch * elo), outcome),
        float("nan"),
        0.0,
        lambda matrix: _logistic(stretch * matrix[:, 3].astype(np.float64)),
        _curve(_logistic(stretch * elo), outcome),
    )
    progress(f"replaying {len(dataset):,} matches into the state that is served")
    written = _write(folder, step, replay(dataset), dataset, seed)
    return Training(
        candidates=(chosen, baseline),
        chosen=chosen,
        baseline=baseline,
        artifact=written,
        folder=folder,
        train_seconds=time.perf_counter() - started,
        rows=len(fitted),
    )


def steps(dataset: pd.DataFrame) -> tuple[Step, float]:
    """The last step and the slope of the baseline's log odds, fitted on a dataset without its test part.

    Raises:
        TrainingError: there are no matches to fit on.
    """
    fitted = _fitted(dataset)
    rows = fitted[[*FEATURES, "elo"]].to_numpy(dtype=np.float64)
    outcome = fitted["first_wins"].to_numpy(dtype=np.float64)
    slope = _slope(lambda slope: Step(slope)(*rows.T[:3])["probability"], outcome)
    return Step(slope, _WIDENING), _slope(lambda slope: _logistic(slope * rows[:, 3]), outcome)


def _fitted(dataset: pd.DataFrame) -> pd.DataFrame:
    seen = dataset[dataset["part"] != "test"]
    fitted = seen.iloc[int(LEARNED_ALONE * len(seen)) :]
    if fitted.empty:
        raise TrainingError("no matches before the test part: extract or ingest more days")
    return fitted


def replay(dataset: pd.DataFrame) -> Ratings:
    """Ratings that have learned from every match of a dataset."""
    ratings = Ratings()
    ratings.learn(*contests(dataset), rounds(dataset))
    return ratings


def _candidate(name: str, step: Step, fitted: pd.DataFrame, outcome: Floats) -> Candidate:
    matrix = fitted[list(FEATURES)].to_numpy(dtype=np.float32)
    probability = outputs(step, matrix)["probability"].astype(np.float64)
    return Candidate(
        name,
        {"slope": step.slope, "widening": step.widening},
        _log_loss(probability, outcome),
        float("nan"),
        0.0,
        lambda rows: outputs(step, rows[:, :3])["probability"].astype(np.float64),
        _curve(probability, outcome),
    )


def _curve(probability: Floats, outcome: Floats) -> dict[str, Curve]:
    """The mean log loss of each stretch of matches, by how many matches were played by its end.

    The ratings had not learned from a match when it was priced.
    """
    stretches = np.array_split(np.arange(outcome.size), min(_POINTS, outcome.size))
    return {LEFT_OUT_LOSS: [(int(rows[-1]) + 1, _log_loss(probability[rows], outcome[rows])) for rows in stretches]}


def _slope(predict: Any, outcome: Floats) -> float:
    """The slope most likely given outcomes, where 1 is expected."""

    def loss(slope: float) -> float:
        return outcome.size * _log_loss(predict(slope), outcome) + (slope - 1.0) ** 2 / (2 * _SLOPE_SPREAD**2)

    return float(minimize_scalar(loss, bounds=(0.1, 3.0), method="bounded", options={"xatol": 1e-4}).x)


def _log_loss(probability: Floats, outcome: Floats) -> float:
    return float(-np.mean(np.log(np.where(outcome == 1, probability, 1 - probability))))


def _logistic(logit: Floats) -> Floats:
    found: Floats = 1.0 / (1.0 + np.exp(-np.clip(logit, -LOGIT_LIMIT, LOGIT_LIMIT)))
    return found


def _write(folder: Path, step: Step, ratings: Ratings, dataset: pd.DataFrame, seed: int) -> Artifact:
    probe = dataset[list(FEATURES)].iloc[-_PROBE_ROWS:].to_numpy(dtype=np.float32)
    return artifacts.write(
        folder,
        name="match_forecaster",
        graph=graph(step),
        features=FEATURES,
        probe=probe,
        expected=outputs(step, probe),
        state=ratings.to_bytes(),
        seed=seed,
        interval_level=INTERVAL_LEVEL,
        learned=ratings.contests,
        slope=step.slope,
    )


def graph(step: Step) -> bytes:
    """The step as an ONNX graph, in float64 inside: `Step.__call__` node by node."""
    net = Graph(len(FEATURES))

    def number(value: float) -> NDArray[np.float64]:
        return np.array(value, dtype=np.float64)

    wide = net.add("Cast", INPUT, to=11)
    latent, variance, best_of = (
        net.add("Gather", wide, np.array(place, dtype=np.int64), axis=1) for place in range(len(FEATURES))
    )
    ahead = net.add("Mul", net.add("Abs", latent), number(step.slope))
    spread = net.add("Mul", net.add("Max", variance, number(0.0)), number(step.slope**2))
    shrink = net.add("Sqrt", net.add("Add", net.add("Mul", spread, number(np.pi / 8.0)), number(1.0)))
    half = net.add("Mul", net.add("Sqrt", spread), number(REACH * step.widening))
    price = _add_odds(net, net.add("Div", ahead, shrink), best_of)
    high = _add_odds(net, net.add("Add", ahead, half), best_of)
    low = net.add("Min", _add_odds(net, net.add("Sub", ahead, half), best_of), price)
    favourite = net.add("GreaterOrEqual", latent, number(0.0))
    mirrored = [(name, *pair) for name, pair in zip(OUTPUTS, ((price, price), (low, high), (high, low)), strict=True)]
    named = {}
    for name, own, other in mirrored:
        narrow, opposite = (net.add("Cast", value, to=1) for value in (own, other))
        complement = net.add("Sub", np.array(1.0, dtype=np.float32), opposite)
        named[name] = net.add("Where", favourite, narrow, complement)
    return net.serialize(named, dict.fromkeys(OUTPUTS, 1))


OUTPUTS: Final = ("probability", "low", "high")


def _add_odds(net: Graph, logit: str, best_of: str) -> str:
    def number(value: float) -> NDArray[np.float64]:
        return np.array(value, dtype=np.float64)

    p = net.add("Sigmoid", net.add("Clip", logit, number(-LOGIT_LIMIT), number(LOGIT_LIMIT)))
    square = net.add("Mul", p, p)
    three = net.add("Mul", square, net.add("Sub", number(3.0), net.add("Mul", p, number(2.0))))
    inner = net.add("Sub", net.add("Mul", square, number(6.0)), net.add("Mul", p, number(15.0)))
    five = net.add("Mul", net.add("Mul", square, p), net.add("Add", inner, number(10.0)))
    short = net.add("Where", net.add("GreaterOrEqual", best_of, number(2.0)), three, p)
    return net.add("Where", net.add("GreaterOrEqual", best_of, number(4.0)), five, short)
