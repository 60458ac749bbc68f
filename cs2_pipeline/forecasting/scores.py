"""How good settled forecasts were: log loss, Brier score, calibration and the distance to the market where odds were
given; altogether, by month, by model version, and by both.

What was forfeited or never played is counted and not scored. Repeated forecasts of one match share its outcome: they
are weighted so that each match counts once, however often somebody asked.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from cs2_pipeline.forecasting import market
from cs2_pipeline.records.settlements import LOST, WON, Settled
from cs2_pipeline.stats.intervals import Floats
from cs2_pipeline.stats.metrics import log_losses

BINS: Final = 10
LEAST_MATCHES: Final = 30
"""With fewer matches a normal approximation gives no interval of a mean difference."""
_TWO_SIDED_95: Final = 1.96

Name = TypeVar("Name", str, tuple[str, str])


@dataclass(frozen=True)
class Bin:
    """Forecasts of a range of probabilities: how likely they said it was, and how often it happened."""

    low: float
    high: float
    weight: float
    mean_probability: float
    share_won: float


@dataclass(frozen=True)
class Beside:
    """Forecasts with a bookmaker's odds beside these odds, on the same settled matches.

    Attributes:
        matches: different results among them.
        log_loss, market_log_loss: of the forecasts, and of the odds without their margin.
        difference: the first less the second, so positive where the market was better.
        interval: of the difference, 95 %, over matches; None with fewer than `LEAST_MATCHES`.
        apart: mean distance of the two probabilities.
    """

    matches: int
    log_loss: float
    market_log_loss: float
    difference: float
    interval: tuple[float, float] | None
    apart: float


@dataclass(frozen=True)
class Score:
    """How good some forecasts were; figures are None where nothing is settled yet.

    Attributes:
        forecasts, open: how many there are, and how many wait for their result.
        statuses: settled ones by status.
        matches: different results among the scored ones.
        calibration_error: mean distance of share and probability over the bins, by weight.
        market: of those for which odds were given; None where there are none.
    """

    forecasts: int
    open: int
    statuses: dict[str, int]
    matches: int
    log_loss: float | None
    brier: float | None
    calibration_error: float | None
    bins: tuple[Bin, ...]
    market: Beside | None


def score(history: Sequence[Settled]) -> Score:
    """The score of forecasts with their settlements."""
    scored = [one for one in history if one.settlement is not None and one.settlement.status in (WON, LOST)]
    statuses = Counter(one.settlement.status for one in history if one.settlement is not None)
    open_ones = sum(one.settlement is None for one in history)
    if not scored:
        return Score(len(history), open_ones, dict(statuses), 0, None, None, None, (), None)
    weight, outcome, probability = _weighed(scored)
    bins = _bins(outcome, probability, weight)
    error = sum(one.weight * abs(one.share_won - one.mean_probability) for one in bins) / sum(
        one.weight for one in bins
    )
    return Score(
        len(history),
        open_ones,
        dict(statuses),
        len({_result(one) for one in scored}),
        float(np.average(log_losses(outcome, probability), weights=weight)),
        float(np.average((probability - outcome) ** 2, weights=weight)),
        error,
        bins,
        _beside_market([one for one in scored if "market_odds" in one.forecast.content]),
    )


def by_month(history: Iterable[Settled]) -> dict[str, Score]:
    """Scores by the month in which was asked, the oldest first."""
    return _grouped((_month(one), one) for one in history)


def by_version(history: Iterable[Settled]) -> dict[str, Score]:
    """Scores by model version."""
    return _grouped((_version(one), one) for one in history)


def by_month_and_version(history: Iterable[Settled]) -> dict[tuple[str, str], Score]:
    """Scores by the month in which was asked and the model version, the oldest month first."""
    return _grouped(((_month(one), _version(one)), one) for one in history)


def _grouped(named: Iterable[tuple[Name, Settled]]) -> dict[Name, Score]:
    groups: dict[Name, list[Settled]] = {}
    for name, one in named:
        groups.setdefault(name, []).append(one)
    return {name: score(groups[name]) for name in sorted(groups)}


def _month(one: Settled) -> str:
    return f"{one.forecast.at:%Y-%m}"


def _version(one: Settled) -> str:
    return str(one.forecast.content["model_version"])


def _result(one: Settled) -> str:
    return f"{one.forecast.kind} {one.settlement.result_id if one.settlement else ''}"


def _weighed(scored: Sequence[Settled]) -> tuple[Floats, Floats, Floats]:
    """Weight, outcome and probability of won or lost forecasts; the weights of one match's add up to 1."""
    asked = Counter(_result(one) for one in scored)
    weight = np.array([1 / asked[_result(one)] for one in scored])
    outcome = np.array([float(one.settlement is not None and one.settlement.status == WON) for one in scored])
    return weight, outcome, np.array([float(one.forecast.content["probability"]) for one in scored])


def _beside_market(scored: Sequence[Settled]) -> Beside | None:
    """Won or lost forecasts, all with odds, beside these odds."""
    if not scored:
        return None
    weight, outcome, ours = _weighed(scored)
    theirs = np.array([market.probability(tuple(one.forecast.content["market_odds"])) for one in scored])
    losses, market_losses = log_losses(outcome, ours), log_losses(outcome, theirs)
    _, match = np.unique([_result(one) for one in scored], return_inverse=True)
    differences = np.bincount(match, weight * (losses - market_losses))
    difference, matches = float(differences.mean()), len(differences)
    interval = None
    if matches >= LEAST_MATCHES:
        error = _TWO_SIDED_95 * float(differences.std(ddof=1)) / matches**0.5
        interval = (difference - error, difference + error)
    mean_loss, market_loss, apart = (
        float(np.average(values, weights=weight)) for values in (losses, market_losses, np.abs(ours - theirs))
    )
    return Beside(matches, mean_loss, market_loss, difference, interval, apart)


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
