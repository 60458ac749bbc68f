"""Intervals by resampling whole groups: the bootstrap that every figure of the evaluation uses.

Snapshots of one match share their outcomes and their players, so rows are not independent: matches are (players,
for the player model). A resample draws as many groups as there are, with replacement, and takes all rows of each.

A resample is a row of counts, one per group. Sums over rows are therefore one matrix product, whatever the number
of rows, and the first row of counts (all ones) is the sample itself: a statistic written once gives the figure
and its resamples together.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993; for the widened percentiles, Hesterberg,
What Teachers Should Know About the Bootstrap, The American Statistician 69(4), 2015.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LEVEL: Final = 0.95
"""Level of an interval where nothing else is said."""


@dataclass(frozen=True)
class Interval:
    """A figure with its interval.

    Attributes:
        value: the figure on the sample itself.
        low, high: ends of the interval; infinite where a single group gives no measure of chance, NaN where the
            figure itself is not defined.
    """

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        spec = spec or ".4f"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        return format(self, ".4f")


def flatten(figures: dict[str, Interval], prefix: str = "") -> dict[str, float]:
    """Figures as plain numbers by name: ``log_loss``, ``log_loss_low``, ``log_loss_high`` and so on."""
    return {
        f"{prefix}{name}{ending}": number
        for name, figure in figures.items()
        for ending, number in (("", figure.value), ("_low", figure.low), ("_high", figure.high))
    }


class GroupBootstrap:
    """Resamples of whole groups.

    Attributes:
        codes: the group of each row as a number from 0, shape (rows,).
        count: number of groups.
        weights: how often each group is drawn, shape (1 + resamples, groups); the first row, all ones, is the
            sample itself.
    """

    def __init__(self, groups: ArrayLike, *, seed: int = 0, resamples: int = 1000) -> None:
        names, codes = np.unique(np.asarray(groups), return_inverse=True)
        if names.size == 0:
            raise ValueError("there are no rows to resample: the part of the table to evaluate is empty")
        self.codes: NDArray[np.intp] = codes
        self.count = names.size
        random, chances = np.random.default_rng(seed), np.full(self.count, 1 / self.count)
        self.weights: Floats = np.ones((1 + resamples, self.count))
        for resample in self.weights[1:]:  # one by one: all draws at once would take as much memory again
            resample[:] = random.multinomial(self.count, chances)

    def sums(self, values: ArrayLike) -> Floats:
        """Sums of columns over each resample's rows.

        Args:
            values: shape (rows,) or (rows, columns).

        Returns:
            shape (1 + resamples, columns).
        """
        return np.asarray(self.weights @ self.group_sums(values))

    def group_sums(self, values: ArrayLike) -> Floats:
        """Sums of columns over each group's rows, shape (groups, columns)."""
        columns = np.asarray(values, dtype=np.float64).reshape(self.codes.size, -1)
        return np.column_stack([np.bincount(self.codes, column, minlength=self.count) for column in columns.T])

    def means(self, values: ArrayLike) -> Floats:
        """Means over each resample's rows of columns of shape (rows, columns), shape (1 + resamples, columns)."""
        return self.sums(values) / self.sums(np.ones(self.codes.size))

    def bin_sums(self, bins: NDArray[np.intp], count: int, values: ArrayLike) -> Floats:
        """Sums of a column within bins, over each resample's rows.

        Args:
            bins: the bin of each row as a number from 0, shape (rows,).
            count: number of bins.
            values: shape (rows,).

        Returns:
            shape (1 + resamples, count).
        """
        return np.asarray((self.by_group_and_bin(bins, count, values).T @ self.weights.T).T)

    def by_group_and_bin(self, bins: NDArray[np.intp], count: int, values: ArrayLike) -> Any:
        """Sums of a column for each group and bin, a sparse matrix of shape (groups, count)."""
        from scipy import sparse  # noqa: PLC0415  not in the serving installation, which needs the rest of this module

        entries = np.asarray(values, dtype=np.float64)
        return sparse.csr_matrix((entries, (self.codes, bins)), shape=(self.count, count))

    def interval(self, draws: Floats, *, level: float = LEVEL, groups: int | None = None) -> Interval:
        """The interval of a statistic computed on every resample.

        Percentiles, widened for few groups: the resamples of n groups spread too little by a factor that Student's
        t and n / (n - 1) put right.

        Args:
            draws: shape (1 + resamples,), the sample's own value first; NaN where a resample does not define it.
            level: nominal coverage.
            groups: how many groups the statistic rests on, where it is not all of them.
        """
        count = self.count if groups is None else groups
        value = float(draws[0])
        defined = draws[1:][np.isfinite(draws[1:])]
        if not np.isfinite(value) or (defined.size == 0 and count > 1):
            return Interval(value, float("nan"), float("nan"))
        if count == 1:
            return Interval(value, float("-inf"), float("inf"))
        low, high = np.quantile(defined, _percentiles(level, count))
        return Interval(value, float(low), float(high))


@cache
def _percentiles(level: float, groups: int) -> tuple[float, float]:
    """The percentiles of resamples of so many groups, as shares, that an interval of a nominal level reaches to."""
    from scipy.stats import norm  # noqa: PLC0415  not in the serving installation
    from scipy.stats import t as student_t  # noqa: PLC0415

    widened = student_t.ppf((1 + level) / 2, groups - 1) * np.sqrt(groups / (groups - 1))
    tail = float(norm.cdf(-widened))
    return tail, 1 - tail
