"""Did it help? A plan is a trial: the skill after it began against the skill before, less the peers' drift.

The evidence is a bet that may be looked at every day. Before the plan the skill's posterior is ``N(m, s²)`` (pooled, so
that a player who was chosen because the record looked weak is expected to come back by as much as such players do).
After it, the average of the matches less the peers' change is ``N(skill + effect, noise / exposure)``. Under *no
effect* the ratio of the mixture over effects of a half-normal size to no effect is a martingale that starts at 1
(Ville, 1939; Robbins, 1970): it exceeds 20 at any time in at most one in twenty trials without effect, however often
it is looked at. The same bet the other way round speaks against an effect of the size that matters.
"""

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from math import erfc, exp, isfinite, log, sqrt
from typing import Any, Final

from scipy.special import ndtri

from cs2_pipeline.coaching.estimates import LEVEL, Known, Peers
from cs2_pipeline.stats.intervals import Floats

ENOUGH: Final = 20.0
"""Odds at which the answer is given: wrong at any time of looking in at most 5 % of trials."""
MATTERS: Final = 0.5
"""Standard deviations between peers that a plan is hoped to gain; the scale of the effects that are bet on."""
MOST_MATCHES: Final = 1000
_LARGEST: Final = 700.0
"""Logarithm of the highest odds told: those above do not fit into a number."""
_FARTHEST: Final = -35.0
"""Standard deviations on the other side beyond which the odds stay as they are: the share of the normal distribution
that lies there does not fit into a number either."""


class Answer(StrEnum):
    """Whether a plan helped."""

    HELPED = "helped"
    DID_NOT = "did not help"
    NOT_KNOWN = "not known yet"


@dataclass(frozen=True)
class Progress:
    """A trial as it stands.

    Attributes:
        answer: what the evidence says.
        effect: the change beyond the peers', in the skill's unit, positive where the skill got better.
        error: its standard error.
        odds_helped, odds_did_not: wealth of the two bets; 1 at the beginning.
        matches: since the plan began.
        matches_needed: how many more it probably takes; None where the answer is given or not in sight.
        spread: standard deviation between peers, in the skill's unit; above 0 wherever the error is finite.
    """

    answer: Answer
    effect: float
    error: float
    odds_helped: float
    odds_did_not: float
    matches: int
    matches_needed: int | None
    spread: float = 0.0

    def document(self) -> dict[str, Any]:
        """As JSON; what is not finite is null."""
        low, high = self.interval
        found = {}
        if isfinite(self.error):
            found = {"effect": self.effect, "low": low, "high": high}
            found |= {"effect_in_spreads": self.effect / self.spread, "error_in_spreads": self.error / self.spread}
        return {
            "answer": self.answer.value,
            "effect": None,
            "low": None,
            "high": None,
            "effect_in_spreads": None,
            "error_in_spreads": None,
            "odds_helped": self.odds_helped,
            "odds_did_not": self.odds_did_not,
            "matches": self.matches,
            "matches_needed": self.matches_needed,
        } | found

    @property
    def interval(self) -> tuple[float, float]:
        """Of the effect, for a reader who looks once."""
        half = float(ndtri(0.5 + LEVEL / 2)) * self.error
        return self.effect - half, self.effect + half


@dataclass(frozen=True)
class After:
    """The matches since a plan began.

    Attributes:
        totals, exposures: of each match in order, shape (matches,).
        drift: the peers' mean change since the plan began, in the skill's unit.
        drift_error: its standard error.
    """

    totals: Floats
    exposures: Floats
    drift: float = 0.0
    drift_error: float = 0.0


def progress(before: Known, peers: Peers, after: After, *, sign: int, former: Answer | None = None) -> Progress:
    """Look at a trial.

    Args:
        before: the posterior when the plan began, from earlier matches only.
        peers: the group's distribution then.
        after: what was played since.
        sign: 1 where more is better, -1 where less is.
        former: what an earlier look said: an answer once given stays given.
    """
    scale = MATTERS * peers.spread
    matches = len(after.totals)
    if matches == 0 or scale == 0:
        return Progress(Answer.NOT_KNOWN, 0.0, float("inf"), 1.0, 1.0, matches, None)
    exposure = float(after.exposures.sum())
    effect = sign * (float(after.totals.sum()) / exposure - after.drift - before.mean)
    fixed = before.error**2 + after.drift_error**2
    variance = fixed + peers.noise / exposure
    helped, did_not = _odds(effect, variance, scale), _odds(scale - effect, variance, scale)
    answer = Answer.NOT_KNOWN
    if former is not None and former is not Answer.NOT_KNOWN:
        answer = former
    elif helped >= ENOUGH:
        answer = Answer.HELPED
    elif did_not >= ENOUGH:
        answer = Answer.DID_NOT
    needed = None
    if answer is Answer.NOT_KNOWN:
        needed = _matches_needed(effect, scale, fixed, peers, exposure)
    return Progress(answer, effect, variance**0.5, helped, did_not, matches, needed, peers.spread)


def _odds(effect: float, variance: float, scale: float) -> float:
    """Density of an observed effect under true effects of half-normal size, over that under none."""
    both = variance + scale**2
    reach = max(effect * scale / sqrt(variance * both), _FARTHEST)
    return exp(min(log(erfc(-reach / sqrt(2))) + 0.5 * log(variance / both) + 0.5 * reach**2, _LARGEST))


def _matches_needed(effect: float, scale: float, fixed: float, peers: Peers, exposure: float) -> int | None:
    """Matches beyond those played until one of the bets wins, if what is seen so far stays the average."""

    def decided(more: int) -> bool:
        variance = fixed + peers.noise / (exposure + more * peers.exposure)
        return max(_odds(effect, variance, scale), _odds(scale - effect, variance, scale)) >= ENOUGH

    if not decided(MOST_MATCHES):
        return None
    return 1 + bisect_left(range(1, MOST_MATCHES + 1), True, key=decided)
