"""Is what is played now like what the champion was trained on? Figures, and an alarm that may be looked at every day.

Each feature is cut into bins by the training data: tenths of it, or its values where they are few, and one bin for
missing. The *share* of a bin is the mean over matches of the share of the match's moments: moments of a match are
alike, so the match is the unit, and each counts the same. The population stability index is
PSI = Σ (new − old) ln(new / old) over the bins.

Two finite samples of the same play differ, and so their PSI is above zero: by about
Σ (variances of both shares) / share. That is taken away; without it few matches of unchanged play look like a shift.

The alarm bets, match by match, that a bin's share has moved by more than `TOLERANCE`, or that more than that share of
matches are on maps the champion never saw (see `e_process`). Which known maps are played moves with tournaments and
tells nothing of how they are played: it is shown and rings nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from cs2_pipeline.evaluation.domain import state_features, states_of
from cs2_pipeline.evaluation.live_calibration import Evidence, evidence_of
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.stats.betting import Bets
from cs2_pipeline.stats.intervals import Floats, GroupBootstrap, Interval

FALSE_ALARM_RATE: Final = 0.01
"""Over a champion's whole life, however often one looks. Half of it is for the training data's own chance."""
TOLERANCE: Final = 0.05
"""A bin may gain or lose this share of the moments: half of a bin that holds a tenth."""
BINS: Final = 10
RESAMPLES: Final = 500
SMALLEST_SHARE: Final = 1e-4
"""An empty bin counts as this much: the logarithm needs something."""
UNSEEN_MAPS: Final = "unseen maps"
_MAP: Final = "map_index"
_ORDER: Final = ["started_at", "match_id"]


@dataclass(frozen=True)
class Bins:
    """How a feature is cut.

    Attributes:
        labels: of the bins; the last one is for missing values.
        edges: inner edges; a value on an edge is in the bin above it.
    """

    labels: tuple[str, ...]
    edges: Floats

    def of(self, values: Floats) -> NDArray[np.intp]:
        """The bin of each value, shape (rows,)."""
        found = np.searchsorted(self.edges, values, side="right")
        return np.where(np.isnan(values), len(self.labels) - 1, found)


@dataclass(frozen=True)
class Shares:
    """Shares of moments by match.

    Attributes:
        started_at: start times in order, shape (matches,).
        of: for each feature the share of the match's moments in each bin, shape (matches, bins).
        maps: the map of each match, shape (matches,).
        ct_wins: share of the match's rounds that CT won, shape (matches,).
    """

    started_at: pd.DatetimeIndex
    of: Mapping[str, Floats]
    maps: pd.Series
    ct_wins: Floats


@dataclass(frozen=True)
class Drift:
    """New matches beside those the champion was trained on.

    Attributes:
        old_matches, new_matches: how many.
        psi: one row a feature, the most drifted first: ``feature``, ``psi`` without the sampling bias, ``psi_low`` and
            ``psi_high`` (95 %, by match), ``bias``.
        unseen_maps: share of new matches on maps that were not trained on, with its interval.
        old_label_rate, new_label_rate: share of rounds that CT won, with intervals by match.
        evidence: that a share has moved beyond the tolerance.
    """

    old_matches: int
    new_matches: int
    psi: pd.DataFrame
    unseen_maps: Interval
    old_label_rate: Interval
    new_label_rate: Interval
    evidence: Evidence

    @property
    def sentence(self) -> str:
        """The finding in words, with numbers."""
        top = self.psi.iloc[0]
        largest = f"largest PSI {top['psi']:.3f} [{top['psi_low']:.3f}, {top['psi_high']:.3f}] ({top['feature']})"
        if not self.evidence.rings:
            return (
                f"no share of moments has surely moved by more than {TOLERANCE:g} in {self.new_matches:,} matches: "
                f"{self.evidence.sentence}; {largest}"
            )
        return (
            f"shares have moved by more than {TOLERANCE:g} in {self.new_matches:,} matches: "
            f"{', '.join(self.evidence.culprits[:3])}; {self.evidence.sentence}; {largest}"
        )


def compare(old: pd.DataFrame, new: pd.DataFrame, *, since: datetime, seed: int = 0) -> Drift:
    """New snapshots beside old ones.

    Args:
        old: open states the champion was trained on: the state's fields, ``match_id``, ``round_id``, ``started_at``,
            ``ct_wins``. At least two matches.
        new: open states of matches after `since`.
        since: start of the newest match the champion has seen.
        seed: of the resampling.

    Raises:
        ValueError: too few old matches, no new rows, or new rows from before `since`.
    """
    if old["match_id"].nunique() < 2 or new.empty:
        raise ValueError("drift needs at least two matches to compare with and one to compare")
    if new["started_at"].min() <= pd.Timestamp(since):
        raise ValueError(f"new snapshots of a match from before {since}, which the champion may have been trained on")
    cuts = bins_of(old)
    before, now = shares(old, cuts), shares(new, cuts)
    unseen = ~now.maps.isin(set(before.maps)).to_numpy()
    return Drift(
        old_matches=len(before.maps),
        new_matches=len(now.maps),
        psi=psi_table(before, now, seed=seed),
        unseen_maps=_mean(unseen.astype(np.float64), seed),
        old_label_rate=_mean(before.ct_wins, seed),
        new_label_rate=_mean(now.ct_wins, seed),
        evidence=evidence_of(bets(before, now, cuts), now.started_at, since, FALSE_ALARM_RATE / 2),
    )


def bins_of(old: pd.DataFrame) -> dict[str, Bins]:
    """The bins of each feature by the training data."""
    features = state_features(states_of(old)).astype(np.float64)
    return {name: _cut(column[~np.isnan(column)]) for name, column in zip(ROUND_FEATURES, features.T, strict=True)}


def shares(snapshots: pd.DataFrame, cuts: Mapping[str, Bins]) -> Shares:
    """Shares by match, in time order; rows in any order."""
    by = snapshots.groupby(_ORDER)
    match, sizes = by.ngroup().to_numpy(), by.size()
    features = state_features(states_of(snapshots)).astype(np.float64)
    rounds = snapshots.drop_duplicates([*_ORDER, "round_id"]).groupby(_ORDER)["ct_wins"]
    found = {}
    for name, column in zip(ROUND_FEATURES, features.T, strict=True):
        width = len(cuts[name].labels)
        counts = np.bincount(match * width + cuts[name].of(column), minlength=len(sizes) * width)
        found[name] = counts.reshape(-1, width) / sizes.to_numpy()[:, None]
    maps = by["map_name"].first().astype(object).reset_index(drop=True)
    started_at = pd.DatetimeIndex(sizes.index.get_level_values("started_at"))
    return Shares(started_at, found, maps.where(maps.notna(), None), rounds.mean().to_numpy())


def psi_table(before: Shares, now: Shares, *, seed: int = 0, resamples: int = RESAMPLES) -> pd.DataFrame:
    """PSI of each feature without its sampling bias, with intervals by match; columns as in `Drift`."""
    draws = [
        GroupBootstrap(np.arange(len(part.maps)), seed=seed + place, resamples=resamples)
        for place, part in enumerate((before, now))
    ]
    rows = []
    for name in ROUND_FEATURES:
        old, new = before.of[name], now.of[name]
        means = [drawn.weights @ part / drawn.count for drawn, part in zip(draws, (old, new), strict=True)]
        bias = _bias(old, new)
        # A resample adds the bias of the sample once more.
        resampled = _psi(*means) - 2 * bias
        value = _psi(old.mean(axis=0), new.mean(axis=0)) - bias
        interval = draws[1].interval(np.concatenate([[value], resampled[1:]]), groups=min(len(old), len(new)))
        rows.append((name, *np.maximum([interval.value, interval.low, interval.high], 0.0), bias))
    table = pd.DataFrame(rows, columns=["feature", "psi", "psi_low", "psi_high", "bias"])
    return table.sort_values("psi", ascending=False, ignore_index=True)


def bets(before: Shares, now: Shares, cuts: Mapping[str, Bins]) -> Bets:
    """For each bin a bet that its share has grown beyond the tolerance and one that it has shrunk; one on new maps.

    The training data's own error widens the tolerance.
    """
    names = [name for name in ROUND_FEATURES if name != _MAP]
    old, new = (np.concatenate([part.of[name] for name in names], axis=1) for part in (before, now))
    labels = [f"{name} {label}" for name in names for label in cuts[name].labels]
    sure = ndtri(1 - FALSE_ALARM_RATE / 2 / (2 * len(labels)))
    slack = TOLERANCE + sure * old.std(axis=0, ddof=1) / np.sqrt(len(old))
    most, least = np.minimum(old.mean(axis=0) + slack, 1.0), np.maximum(old.mean(axis=0) - slack, 0.0)
    unseen = ~now.maps.isin(set(before.maps)).to_numpy()
    return Bets(
        (*(f"{label} more" for label in labels), *(f"{label} less" for label in labels), UNSEEN_MAPS),
        np.column_stack([new - most, least - new, unseen - TOLERANCE]),
        np.concatenate([most, 1 - least, [TOLERANCE]]),
    )


def _cut(values: Floats) -> Bins:
    different = np.unique(values)
    if different.size <= BINS + 1:
        edges = (different[1:] + different[:-1]) / 2
        return Bins((*(f"= {value:g}" for value in different), "missing"), edges) if different.size else _ONLY_MISSING
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS))
    ends = [f"{edge:g}" for edge in edges]
    labels = [
        f"below {ends[0]}",
        *(f"{a} to {b}" for a, b in pairwise(ends)),
        f"from {ends[-1]}",
    ]
    return Bins((*labels, "missing"), edges)


_ONLY_MISSING: Final = Bins(("known", "missing"), np.array([]))


def _psi(old: Floats, new: Floats) -> Floats:
    """PSI over the last axis."""
    p, q = (np.maximum(part, SMALLEST_SHARE) for part in (old, new))
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


def _bias(old: Floats, new: Floats) -> float:
    """What chance alone adds to the PSI: to second order Σ (variances of both mean shares) / share."""
    share = (old.sum(axis=0) + new.sum(axis=0)) / (len(old) + len(new))
    noise = sum(part.var(axis=0, ddof=1) / len(part) if len(part) > 1 else share * (1 - share) for part in (old, new))
    return float((noise / np.maximum(share, SMALLEST_SHARE)).sum())


def _mean(values: Floats, seed: int) -> Interval:
    bootstrap = GroupBootstrap(np.arange(len(values)), seed=seed)
    return bootstrap.interval(bootstrap.means(values)[:, 0])
