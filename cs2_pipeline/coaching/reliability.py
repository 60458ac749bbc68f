"""Whether a skill predicts itself: correlations of players' averages between halves of their matches.

*Split-half*: matches drawn into two halves in turn, corrected to the full length by Spearman and Brown's formula.
*Over time*: the first half against the second. A skill whose split-half reliability is not surely positive is noise,
and the coach gives no advice from it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.stats.intervals import Floats, GroupBootstrap, Interval

MIN_MATCHES: Final = 4
"""Matches of a player who is looked at: two in each half."""
MIN_PLAYERS: Final = 20
_SEED: Final = 0


@dataclass(frozen=True)
class Reliability:
    """How well a skill predicts itself; 95 % intervals by resampling players.

    Attributes:
        skill: which.
        players: who have enough matches.
        split_half: of the whole record.
        over_time: correlation of the first half of the matches with the second.
    """

    skill: str
    players: int
    split_half: Interval
    over_time: Interval

    @property
    def usable(self) -> bool:
        """Whether advice may rest on it."""
        return self.split_half.low > 0


def reliability(observations: pd.DataFrame, *, skill: str) -> Reliability | None:
    """Reliability of one skill; None with fewer than `MIN_PLAYERS` players of `MIN_MATCHES` matches.

    Args:
        observations: of this skill; groups are taken together after each group's mean is taken off, so that a
            difference between tiers does not count as one between players.
        skill: its name.
    """
    rows = observations.sort_values(["player", "at", "match"], kind="stable")
    number = rows.groupby("player").cumcount()
    size = rows.groupby("player")["match"].transform("size")
    rows = rows.assign(odd=number % 2 == 1, late=number >= size // 2)[size >= MIN_MATCHES]
    if rows["player"].nunique() < MIN_PLAYERS:
        return None
    players = rows.groupby("player")["group"].last()
    resamples = GroupBootstrap(np.arange(len(players)), seed=_SEED)
    half = _correlation(_halves(rows, "odd"), players, resamples)
    time = _correlation(_halves(rows, "late"), players, resamples)
    return Reliability(skill, len(players), _interval(2 * half / (1 + np.abs(half))), _interval(time))


def _halves(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    sums = rows.groupby(["player", column])[["total", "exposure"]].sum()
    return (sums["total"] / sums["exposure"]).rename("value").reset_index().pivot_table("value", "player", column)


def _correlation(halves: pd.DataFrame, groups: pd.Series, resamples: GroupBootstrap) -> Floats:
    """Pearson's correlation on the sample and on each resample of players."""
    centred = halves - halves.groupby(groups).transform("mean")
    one, other = centred[False].to_numpy(float), centred[True].to_numpy(float)
    moments = resamples.weights @ np.column_stack([one, other, one * other, one**2, other**2])
    count = resamples.weights.sum(axis=1)
    first, second, both, square, square_other = (moments / count[:, None]).T
    spread = np.sqrt(np.maximum((square - first**2) * (square_other - second**2), 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, (both - first * second) / spread, 0.0)


def _interval(figures: Floats) -> Interval:
    low, high = np.quantile(figures[1:], [0.025, 0.975])
    return Interval(float(figures[0]), float(low), float(high))
