"""The skill card: each skill as a percentile among peers with its interval, what is not known, and what is weak.

A *weakness* is a skill that is probably below the peers' median by a margin that matters. So many skills are looked at
that one would look weak by chance alone: weaknesses are taken, surest first, only as long as the number of false ones
to be expected on the card stays below `FALSE_PER_CARD`. The probabilities are those of the pooled posterior, which has
drawn extreme averages towards the group already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from scipy.special import ndtr, ndtri

from cs2_pipeline.coaching.estimates import LEVEL, Known, Peers
from cs2_pipeline.coaching.reliability import Reliability
from cs2_pipeline.coaching.skills import Skill

MARGIN: Final = 0.25
"""Standard deviations between peers by which a skill must be below the median to matter: the 40th percentile."""
FALSE_PER_CARD: Final = 0.1
"""Weaknesses on a card that may be expected to be none."""
MOST_WEAKNESSES: Final = 3
CLOSE: Final = (0.35, 0.65)
"""Percentiles that are as good as the median: an interval within them is knowledge, not ignorance."""
MOST_MATCHES: Final = 1000
"""More matches than this are told as "not in sight"."""


class Standing(StrEnum):
    """What is known of a skill among peers."""

    ABOVE = "above"
    AVERAGE = "average"
    BELOW = "below"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Line:
    """A skill on a card.

    Attributes:
        skill: which.
        known: the player's posterior.
        peers: whom the player is compared with.
        percentile: share of peers whose skill is worse, with its interval (`LEVEL`), from 0 to 1.
        standing: what can be said of it.
        matches_needed: how many more matches it probably takes to know; None where it is known or not in sight.
        reliability: of the skill; None where it could not be measured.
        weak: posterior probability of being below the peers' median by the margin.
        worth: gain in the probability of winning a round from reaching the median; None where that is not known.
    """

    skill: Skill
    known: Known
    peers: Peers
    percentile: tuple[float, float, float]
    standing: Standing
    matches_needed: int | None
    reliability: Reliability | None
    weak: float
    worth: float | None = None

    @property
    def usable(self) -> bool:
        """Whether advice may rest on it: less is a fault, the skill predicts itself and players differ in it."""
        return self.skill.judged and self.peers.spread > 0 and self.reliability is not None and self.reliability.usable


@dataclass(frozen=True)
class Card:
    """All that is known of a player.

    Attributes:
        player: identifier.
        group: name of the peers.
        matches: the most that any skill was seen in.
        lines: a skill each, in the order of the skills' table.
        missing: skills of which nothing is known, with the reason.
    """

    player: str
    group: str
    matches: int
    lines: tuple[Line, ...]
    missing: Mapping[str, str]

    @property
    def weaknesses(self) -> tuple[Line, ...]:
        """At most three, those worth most first; none where none is known."""
        return weaknesses(self.lines)

    def document(self) -> dict[str, Any]:
        """As JSON, as `records` keeps it and `findings` reads it."""
        return {
            "player": self.player,
            "group": self.group,
            "matches": self.matches,
            "lines": [_document(one) for one in self.lines],
            "weaknesses": [one.skill.name for one in self.weaknesses],
            "missing": dict(self.missing),
        }


def _document(one: Line) -> dict[str, Any]:
    percentile, low, high = one.percentile
    reliability = one.reliability.split_half if one.reliability is not None else None
    return {
        "skill": one.skill.name,
        "title": one.skill.title,
        "category": one.skill.category,
        "definition": one.skill.definition,
        "unit": one.skill.unit,
        "higher_is_better": one.skill.higher_is_better,
        "judged": one.skill.judged,
        "value": one.known.mean,
        "value_interval": one.known.interval(),
        "raw": one.known.raw,
        "median": one.peers.mean,
        "peers": one.peers.players,
        "percentile": percentile,
        "interval": (low, high),
        "standing": one.standing.value,
        "matches": one.known.matches,
        "exposure": one.known.exposure,
        "exposure_unit": one.skill.exposure,
        "matches_needed": one.matches_needed,
        "reliability": reliability.value if reliability is not None else None,
        "advised": one.usable,
        "worth": one.worth,
    }


def line(
    skill: Skill, known: Known, peers: Peers, *, reliability: Reliability | None, worth_per_unit: float | None = None
) -> Line:
    """A skill's line.

    Args:
        skill: which.
        known: the player's posterior.
        peers: the group's distribution.
        reliability: of the skill.
        worth_per_unit: probability of winning a round gained for one unit more of the skill.
    """
    if peers.spread == 0:
        return Line(skill, known, peers, (0.5, 0.5, 0.5), Standing.UNKNOWN, None, reliability, 0.0)
    percentile = _percentile(skill, known, peers)
    weak = known.below(peers.mean - MARGIN * peers.spread)
    if not skill.higher_is_better:
        weak = 1 - known.below(peers.mean + MARGIN * peers.spread)
    standing = _standing(percentile)
    worth = None if worth_per_unit is None else max(0.0, (peers.mean - known.mean) * worth_per_unit)
    needed = _matches_needed(known, peers) if standing is Standing.UNKNOWN else None
    return Line(skill, known, peers, percentile, standing, needed, reliability, weak, worth)


def weaknesses(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines of known weaknesses: at most three, worth most first."""
    candidates = sorted((one for one in lines if one.usable), key=lambda one: (-one.weak, one.skill.name))
    false = np.cumsum([1 - one.weak for one in candidates])
    sure = [one for one, expected in zip(candidates, false, strict=True) if expected <= FALSE_PER_CARD]
    sure.sort(key=lambda one: (-(one.worth or 0.0), -one.weak, one.skill.name))
    return tuple(sure[:MOST_WEAKNESSES])


def _percentile(skill: Skill, known: Known, peers: Peers) -> tuple[float, float, float]:
    low, high = known.interval()
    ends = [float(ndtr(skill.sign * (value - peers.mean) / peers.spread)) for value in (known.mean, low, high)]
    return ends[0], min(ends[1:]), max(ends[1:])


def _standing(percentile: tuple[float, float, float]) -> Standing:
    _, low, high = percentile
    if low > 0.5:
        return Standing.ABOVE
    if high < 0.5:
        return Standing.BELOW
    return Standing.AVERAGE if low >= CLOSE[0] and high <= CLOSE[1] else Standing.UNKNOWN


def _matches_needed(known: Known, peers: Peers) -> int | None:
    """Matches beyond those seen until the interval leaves the median, or lies close around it, if the mean stays."""
    if peers.noise == 0:
        return None
    distance = abs(known.mean - peers.mean)
    error = max(distance, float(ndtri(CLOSE[1])) * peers.spread - distance) / float(ndtri(0.5 + LEVEL / 2))
    # The share of the player's own average at which the error is small enough, and the exposure that gives it.
    share = 1 - (error / peers.spread) ** 2
    if share >= peers.lasting**2:
        return None
    share /= peers.lasting**2
    exposure = peers.noise * share / (peers.spread**2 * (1 - share))
    needed = int(np.ceil((exposure - known.exposure) / peers.exposure))
    return max(needed, 1) if needed <= MOST_MATCHES else None
