"""Is the champion still calibrated on what is played now? Figures, and an alarm that may be looked at every day.

A calibrated price is right at any moment that is chosen without knowing the future. Taken here is, in each round and
each of five price ranges, the first moment at which the price is in the range: *outcome − price* there has mean zero.
Moments of a round share its outcome, so a round counts at most once in a range; rounds of a match share its players,
so matches are the unit. A match pays the sum over its rounds, not their mean: how many rounds there are depends on how
they end, and a mean would have a bias where a sum has none.

The claim that is bet against: in no range is the price off by more than the tolerance that promotion allows a slice.
If it is true, the alarm rings over a champion's whole life with a chance of at most `FALSE_ALARM_RATE`. What differs
between models is a `Claim`; that of forecasts, which are priced once a match, stands in `forecast_calibration`.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.artifact import catalog
from cs2_pipeline.game.rules import REGULATION_HALF
from cs2_pipeline.stats import betting
from cs2_pipeline.stats.betting import Bets
from cs2_pipeline.stats.intervals import LEVEL, Floats, Interval
from cs2_pipeline.stats.metrics import log_losses

FALSE_ALARM_RATE: Final = 0.01
"""Over a champion's whole life, however often one looks."""
TOLERANCE: Final = catalog.ROUND.requirements.max_gap
EDGES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Of the price ranges."""
ROUNDS_COUNTED: Final = REGULATION_HALF
"""Of a match's rounds that visit a range the first so many count. A bet needs a bound, and the lower it is the more
can be staked: with all rounds of regulation time a change takes twice as many matches to find."""
LOSS_BOUND: Final = 2 * float(np.log(2))
"""A match's mean log loss counts as no more than twice a coin's: an interval needs a bound."""
PERIOD: Final = pd.Timedelta(days=7)
"""A share of the gambler's money is first staked in each week since the champion's newest match."""


@dataclass(frozen=True)
class Claim:
    """What is bet against: that in no price range outcomes differ from prices by more than a tolerance.

    Attributes:
        tolerance: as promotion allows a slice.
        edges: of the price ranges, ascending.
        most: outcomes of a match that count in a range at most.
        winner: whose wins are priced.
        unit: what has an outcome, in the plural.
    """

    tolerance: float
    edges: tuple[float, ...]
    most: int
    winner: str
    unit: str

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """Lower and upper end of each price range."""
        return tuple(pairwise(self.edges))

    @property
    def names(self) -> tuple[str, ...]:
        """The price ranges in words."""
        return tuple(f"{low:.1f} to {high:.1f}" for low, high in self.ranges)


ROUNDS: Final = Claim(TOLERANCE, EDGES, ROUNDS_COUNTED, "CT", "rounds")


@dataclass(frozen=True)
class Matches:
    """What the bets need of each match, in time order.

    Attributes:
        started_at: start times, shape (matches,).
        surplus: sum over rounds of outcome − price at the first moment in each range, shape (matches, ranges).
        visits: rounds that count in each range, at most `ROUNDS_COUNTED`, shape (matches, ranges).
        loss: mean log loss over the match's moments, at most `LOSS_BOUND`, shape (matches,).
    """

    started_at: pd.DatetimeIndex
    surplus: Floats
    visits: Floats
    loss: Floats


@dataclass(frozen=True)
class Evidence:
    """How sure it is that a claim is false, after each match.

    Attributes:
        started_at: start times of the matches, in order, shape (matches,).
        log_wealth: natural logarithm of the wealth after each match, at least one, shape (matches,).
        rate: the chance that a true claim ever rings the alarm.
        culprits: claims that hold most of the wealth, the richest first.
        changed_at: start of the match from which on the richest claim lost for good, as far as can be told; the first
            match where it did so from the beginning; None where nobody looked for it.
    """

    started_at: pd.DatetimeIndex
    log_wealth: Floats
    rate: float
    culprits: tuple[str, ...]
    changed_at: datetime | None = None

    @property
    def odds(self) -> float:
        """Wealth now: so many times what was staked."""
        return float(np.exp(min(self.log_wealth[-1], 700.0)))

    @property
    def rings(self) -> bool:
        """Whether the alarm rings at this look."""
        return self.odds >= 1 / self.rate

    @property
    def sentence(self) -> str:
        """The odds beside those at which the alarm rings."""
        return f"odds {self.odds:.3g}, the alarm rings at {1 / self.rate:g}"


@dataclass(frozen=True)
class LiveCalibration:
    """The champion on matches it never saw.

    Attributes:
        matches: how many.
        outcomes: how many rounds (matches, where a match has one outcome).
        log_loss: mean over matches, with an interval that holds at every look.
        ece: calibration error over the price ranges, with an interval that holds at every look.
        gaps: for each range ``price_range``, the claim's unit (``rounds``), ``gap`` (mean of outcome − price),
            ``gap_low``, ``gap_high``; the intervals hold together and at every look.
        evidence: against calibration within the tolerance.
        claim: that was bet against.
    """

    matches: int
    outcomes: int
    log_loss: Interval
    ece: Interval
    gaps: pd.DataFrame
    evidence: Evidence
    claim: Claim

    @property
    def sentence(self) -> str:
        """The finding in words, with numbers."""
        claim = self.claim
        if not self.evidence.rings:
            seen = f"{self.outcomes:,} {claim.unit} of " if claim.unit != "matches" else ""
            return (
                f"no surplus or lack of {claim.winner} wins beyond {claim.tolerance:g} is sure on {seen}"
                f"{self.matches:,} matches: {self.evidence.sentence}"
            )
        name = self.evidence.culprits[0].rpartition(" ")[0]
        gap, count = self.gaps.set_index("price_range").loc[name, ["gap", claim.unit]].to_numpy()
        return (
            f"the champion is off by more than {claim.tolerance:g} at prices from {name}: {claim.winner} won {gap:+.3f}"
            f" of {count:,.0f} {claim.unit} beyond the price; {self.evidence.sentence}"
        )


def watch(snapshots: pd.DataFrame, probability: Floats, *, since: datetime) -> LiveCalibration:
    """The champion's calibration on matches it never saw.

    Args:
        snapshots: open states with ``match_id``, ``round_id``, ``round_number``, ``snapshot``, ``started_at`` and
            ``ct_wins``; all of matches that started after `since`.
        probability: P(CT) the champion gives them, shape (rows,).
        since: start of the newest match the champion has seen.

    Raises:
        ValueError: no rows, or rows from before: they may have been trained on.
    """
    if snapshots.empty:
        raise ValueError("there are no snapshots to watch the champion on")
    if snapshots["started_at"].min() <= pd.Timestamp(since):
        raise ValueError(f"snapshots of a match from before {since}, which the champion may have been trained on")
    return of_matches(by_match(snapshots, probability), ROUNDS, snapshots["round_id"].nunique(), since=since)


def of_matches(matches: Matches, claim: Claim, outcomes: int, *, since: datetime) -> LiveCalibration:
    """Figures and evidence against a claim.

    Args:
        matches: at least one.
        claim: what is bet against.
        outcomes: how many outcomes they had.
        since: no later than the first of them; weeks are counted from here.
    """
    gaps = _gaps(matches, claim)
    share = gaps[claim.unit] / gaps[claim.unit].sum()
    distance = gaps[["gap", "gap_low", "gap_high"]].abs()
    nearest = distance.where(gaps["gap_low"] * gaps["gap_high"] > 0, 0.0)[["gap_low", "gap_high"]].min(axis=1)
    farthest = distance[["gap_low", "gap_high"]].max(axis=1)
    return LiveCalibration(
        matches=len(matches.started_at),
        outcomes=outcomes,
        log_loss=_log_loss(matches),
        ece=Interval(*(float((share * part).sum()) for part in (distance["gap"], nearest, farthest))),
        gaps=gaps,
        evidence=evidence_of(bets(matches, claim), matches.started_at, since, FALSE_ALARM_RATE),
        claim=claim,
    )


def by_match(snapshots: pd.DataFrame, probability: Floats) -> Matches:
    """Sums by match; rows in any order."""
    frame = snapshots[["started_at", "match_id", "round_number", "snapshot", "ct_wins"]].assign(price=probability)
    frame = frame.sort_values(["started_at", "match_id", "round_number", "snapshot"])
    frame["loss"] = log_losses(frame["ct_wins"].to_numpy(), frame["price"].to_numpy())
    by = frame.groupby(["started_at", "match_id"])
    order = by["loss"].mean()
    frame["match"] = by.ngroup()
    frame["range"] = range_of(frame["price"].to_numpy())
    first = frame.drop_duplicates(["match", "round_number", "range"])
    first = first[first.groupby(["match", "range"]).cumcount() < ROUNDS_COUNTED]
    values = np.column_stack([first["ct_wins"] - first["price"], np.ones(len(first))])
    sums = np.zeros((len(order), len(ROUNDS.ranges), 2))
    np.add.at(sums, (first["match"].to_numpy(), first["range"].to_numpy()), values)
    started_at = pd.DatetimeIndex(order.index.get_level_values("started_at"))
    return Matches(started_at, sums[:, :, 0], sums[:, :, 1], np.minimum(order.to_numpy(), LOSS_BOUND))


def range_of(price: Floats, claim: Claim = ROUNDS) -> NDArray[np.intp]:
    """The number of the range a price is in, shape (rows,)."""
    return np.clip(np.searchsorted(claim.edges, price, side="right") - 1, 0, len(claim.ranges) - 1)


def bets(matches: Matches, claim: Claim = ROUNDS) -> Bets:
    """For each range a bet on more wins than priced by more than the tolerance, and one on fewer."""
    low, high = (np.array(ends) for ends in zip(*claim.ranges, strict=True))
    more = matches.surplus - claim.tolerance * matches.visits
    less = -matches.surplus - claim.tolerance * matches.visits
    worst = claim.most * (np.concatenate([high, 1 - low]) + claim.tolerance)
    names = tuple(f"{name} {word}" for word in ("more", "less") for name in claim.names)
    return Bets(names, np.concatenate([more, less], axis=1), worst)


def evidence_of(against: Bets, started_at: pd.DatetimeIndex, since: datetime, rate: float) -> Evidence:
    """The evidence that one of several claims is false after at least one match, betting begun in any week since."""
    weeks = np.asarray((started_at - pd.Timestamp(since)) // PERIOD, dtype=np.intp)
    wealth = betting.log_wealth(against, weeks)
    richest = np.argsort(-wealth[-1], kind="stable")[:5]
    culprits = tuple(against.names[place] for place in richest if wealth[-1, place] > 0)
    changed_at = started_at[betting.change(against.payoffs[:, richest[0]])].to_pydatetime()
    return Evidence(started_at, betting.together(wealth), rate, culprits, changed_at)


def _gaps(matches: Matches, claim: Claim = ROUNDS) -> pd.DataFrame:
    """Outcome − price by range; each end of each range has its share of the error, so that 95 % hold together."""
    rate = (1 - LEVEL) / 2 / len(claim.ranges)
    rows = []
    for place, (low, high) in enumerate(claim.ranges):
        surplus, visits = matches.surplus[:, place], matches.visits[:, place]
        most = float(claim.most)
        at_least = betting.lower_bound(surplus, visits, depth=high, most=most, rate=rate)
        at_most = -betting.lower_bound(-surplus, visits, depth=1 - low, most=most, rate=rate)
        gap = float(surplus.sum() / visits.sum()) if visits.sum() else float("nan")
        rows.append((claim.names[place], visits.sum(), gap, at_least, at_most))
    return pd.DataFrame(rows, columns=["price_range", claim.unit, "gap", "gap_low", "gap_high"])


def _log_loss(matches: Matches) -> Interval:
    rate, count = (1 - LEVEL) / 2, np.ones(len(matches.loss))
    low = betting.lower_bound(matches.loss, count, depth=0.0, most=1.0, rate=rate)
    high = -betting.lower_bound(-matches.loss, count, depth=LOSS_BOUND, most=1.0, rate=rate)
    return Interval(float(matches.loss.mean()), low, high)
