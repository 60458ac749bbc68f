"""Tests by betting that may be looked at every day: wealth against a claim, and the intervals that follow from it.

A *payoff* is a number known when a match is over that, if the claim is true, is at most zero on average given all
matches before it, and that can never be below ``-worst``. A gambler who starts with 1 and stakes a fixed fraction f
has the wealth of the product of ``1 + f · payoff / worst``: a supermartingale that stays positive. Averages of such
wealths (over fractions, over the period in which the gambler begins, over several claims) are supermartingales too.
By Ville's inequality the chance that one of them *ever* reaches 1 / α is at most α, however often one looks and
whatever one looks for. Nothing is assumed of the distribution, and claims may depend on each other in any way.

Sources: Ville 1939; Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B, 2023;
Shafer, Testing by betting, JRSS A, 2021; Page, Continuous inspection schemes, Biometrika, 1954.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from cs2_pipeline.stats.intervals import Floats

FRACTIONS: Final = (0.02, 0.1, 0.4, 0.9)
"""Fractions of the largest possible stake. Small ones find small departures in many matches, large ones large
departures in few."""
_STEPS: Final = 50
"""Halvings of the search for a bound: far below the numbers shown."""


@dataclass(frozen=True)
class Bets:
    """Claims with what betting against them paid.

    Attributes:
        names: of the claims.
        payoffs: shape (matches, claims), matches in time order.
        worst: what a payoff can lose at most, positive, shape (claims,).
    """

    names: tuple[str, ...]
    payoffs: Floats
    worst: Floats

    def __post_init__(self) -> None:
        if self.payoffs.shape[1:] != self.worst.shape or len(self.names) != self.worst.size:
            raise ValueError(f"{len(self.names)} claims, payoffs {self.payoffs.shape}, worst {self.worst.shape}")
        low = self.payoffs < -self.worst * (1 + 1e-9)
        if low.any() or not (self.worst > 0).all():
            name = self.names[np.flatnonzero(low.any(axis=0) | ~(self.worst > 0))[0]]
            raise ValueError(f"a payoff of {name!r} is below the most that it can lose: its bound is wrong")


def log_wealth(bets: Bets, periods: NDArray[np.integer[Any]]) -> Floats:
    """Natural logarithm of the wealth against each claim after each match.

    The gambler's money is divided over the periods in which betting begins, 1 / ((n + 1)(n + 2)) for period n. A
    change after a long calm is therefore met by money that lost nothing in the calm.

    Args:
        bets: the payoffs.
        periods: the period of each match, counted from 0, never falling, shape (matches,).

    Returns:
        shape (matches, claims).
    """
    matches, claims = bets.payoffs.shape
    stakes = bets.payoffs / bets.worst
    ends: list[int] = (np.flatnonzero(np.diff(periods, append=np.inf)) + 1).tolist()
    numbers: list[int] = periods.tolist()
    total = np.full((matches, claims), -np.inf)
    for fraction in FRACTIONS:
        steps = np.log1p(fraction * stakes)
        staked, begun, first = np.full(claims, -np.inf), 0, 0
        for end in ends:
            reached = numbers[first] + 1
            staked = np.logaddexp(staked, np.log(1 / (begun + 1) - 1 / (reached + 1)))
            path = staked + np.cumsum(steps[first:end], axis=0)
            total[first:end] = np.logaddexp(total[first:end], np.logaddexp(path, -np.log(reached + 1)))
            staked, begun, first = path[-1], reached, end
    return np.asarray(total - np.log(len(FRACTIONS)))


def together(log_wealths: Floats) -> Floats:
    """Natural logarithm of the mean wealth over the claims, shape (matches,): evidence that one of them is false."""
    return np.asarray(logsumexp(log_wealths, axis=1) - np.log(log_wealths.shape[1]))


def change(payoffs: Floats) -> int:
    """The match with which a claim began to fail: the one after the lowest point of the summed payoffs.

    While the claim holds they fall on average, afterwards they rise. An estimate without a promise about its error:
    choose with it what to try, never what to believe (Page 1954).

    Args:
        payoffs: of one claim, matches in time order, shape (matches,).
    """
    return int(np.argmin(np.append(0.0, np.cumsum(payoffs))[:-1])) if payoffs.size else 0


def lower_bound(total: Floats, count: Floats, *, depth: float, most: float, rate: float) -> float:
    """A lower confidence bound of the mean of ``total`` per ``count``, valid at every look.

    The largest g for which betting on ``total - g · count`` has won 1 / rate by now.

    Args:
        total: of each match, at least ``-depth · count``, shape (matches,).
        count: of each match, at most ``most``, shape (matches,).
        depth, most: see above.
        rate: the chance that the bound ever lies above the truth.

    Returns:
        the bound; ``-depth``, which is always true, where there is too little to say more.
    """
    if not count.any():
        return -depth
    low, high = -depth, float(total.sum() / count.sum())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        stakes = (total - middle * count) / (most * max(depth + middle, np.finfo(np.float64).tiny))
        wealth = logsumexp([np.log1p(f * np.maximum(stakes, -1.0)).sum() for f in FRACTIONS]) - np.log(len(FRACTIONS))
        low, high = (middle, high) if wealth >= -np.log(rate) else (low, middle)
    return low
