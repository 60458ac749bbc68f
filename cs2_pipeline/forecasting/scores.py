"""How good settled forecasts were: log loss, Brier score and calibration, altogether, by month and by model version.

What was forfeited or never played is counted and not scored. Repeated forecasts of one match share its outcome: they
are weighted so that each match counts once, however often somebody asked.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cs2_pipeline.records.settlements import LOST, WON, Settled
from cs2_pipeline.stats.intervals import Floats
from cs2_pipeline.stats.metrics import log_losses

BINS: Final = 10


@dataclass(frozen=True)
class Bin:
    """Forecasts of a range of probabilities: how likely they said it was, and how often it happened."""

    low: float
    high: float
    weight: float
    mean_probability: float
    share_won: float


@dataclass(frozen=True)
class Score:
    """How good some forecasts were; figures are None where nothing is settled yet.

    Attributes:
        forecasts, open: how many there are, and how many wait for their result.
        statuses: settled ones by status.
        matches: different results among the scored ones.
        calibration_error: mean distance of share and probability over the bins, by weight.
    """

    forecasts: int
    open: int
    statuses: dict[str, int]
    matches: int
    log_loss: float | None
    brier: float | None
    calibration_error: float | None
    bins: tuple[Bin, ...]


def score(history: Sequence[Settled]) -> Score:
    """The score of forecasts with their settlements."""
    scored = [one for one in history if one.settlement is not None and one.settlement.status in (WON, LOST)]
    statuses = Counter(one.settlement.status for one in history if one.settlement is not None)
    open_ones = sum(one.settlement is None for one in history)
    if not scored:
        return Score(len(history), open_ones, dict(statuses), 0, None, None, None, ())
    asked = Counter(_result(one) for one in scored)
    weight = np.array([1 / asked[_result(one)] for one in scored])
    outcome = np.array([float(one.settlement.status == WON) for one in scored if one.settlement is not None])
    probability = np.array([float(one.forecast.content["probability"]) for one in scored])
    bins = _bins(outcome, probability, weight)
    error = sum(one.weight * abs(one.share_won - one.mean_probability) for one in bins) / sum(
        one.weight for one in bins
    )
    return Score(
        len(history),
        open_ones,
        dict(statuses),
        len(asked),
        float(np.average(log_losses(outcome, probability), weights=weight)),
        float(np.average((probability - outcome) ** 2, weights=weight)),
        error,
        bins,
    )


def by_month(history: Iterable[Settled]) -> dict[str, Score]:
    """Scores by the month in which was asked, the oldest first."""
    return _grouped((f"{one.forecast.at:%Y-%m}", one) for one in history)


def by_version(history: Iterable[Settled]) -> dict[str, Score]:
    """Scores by model version."""
    return _grouped((str(one.forecast.content["model_version"]), one) for one in history)


def _grouped(named: Iterable[tuple[str, Settled]]) -> dict[str, Score]:
    groups: dict[str, list[Settled]] = {}
    for name, one in named:
        groups.setdefault(name, []).append(one)
    return {name: score(groups[name]) for name in sorted(groups)}


def _result(one: Settled) -> str:
    return f"{one.forecast.kind} {one.settlement.result_id if one.settlement else ''}"


def _bins(outcome: Floats, probability: Floats, weight: Floats) -> tuple[Bin, ...]:
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    found = []
    for number in range(BINS):
        here = place == number
        if not here.any():
            continue
        total = float(weight[here].sum())
        mean, share = (float(np.average(values[here], weights=weight[here])) for values in (probability, outcome))
        found.append(Bin(number / BINS, (number + 1) / BINS, total, mean, share))
    return tuple(found)
