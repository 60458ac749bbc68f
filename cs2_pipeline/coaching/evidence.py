"""What drills did over all players: the trials of plans pooled by drill, and experiments in which a coin chose.

A trial's effect is told in standard deviations between peers, so that skills can be compared. A drill's mean effect is
pooled over its players and then pulled towards the mean of all drills by as much as chance explains. Who chose a drill
may differ from who did not: such a mean is no claim about causes. Where a coin chose between two drills, the difference
between its two outcomes is one, whatever was then done (as assigned, not as followed).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from scipy.special import ndtri

from cs2_pipeline.coaching.estimates import LEVEL, spread_between
from cs2_pipeline.stats.intervals import Floats

LEAST_PLAYERS: Final = 5
"""Fewer say nothing of a drill; of an experiment, so many on each side."""


@dataclass(frozen=True)
class Seen:
    """A player's trial of a drill.

    Attributes:
        player, drill: whose and of which.
        effect, error: the change beyond the peers' and its standard error, in standard deviations between peers.
        alternative: the drill that a coin did not choose; None where no coin was flipped.
    """

    player: str
    drill: str
    effect: float
    error: float
    alternative: str | None = None


@dataclass(frozen=True)
class Comparison:
    """A drill against another that a coin might have chosen as well; 90 % interval.

    Attributes:
        other: the drill.
        players, players_other: to whom the coin gave either.
        difference, low, high: of the mean effects.
    """

    other: str
    players: int
    players_other: int
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Evidence:
    """What a drill did over players; 90 % interval.

    Attributes:
        drill: which.
        players: whose trials are in it.
        effect, low, high: mean effect in standard deviations between peers.
        experiments: against other drills.
    """

    drill: str
    players: int
    effect: float
    low: float
    high: float
    experiments: tuple[Comparison, ...]

    def document(self) -> dict[str, Any]:
        """As JSON, without the name."""
        return {name: value for name, value in asdict(self).items() if name != "drill"}


def pooled(seen: Iterable[Seen]) -> dict[str, Evidence]:
    """Evidence by drill, of drills that at least `LEAST_PLAYERS` players have tried; a player counts once a drill."""
    latest = {(one.player, one.drill): one for one in seen}
    by_drill: dict[str, list[Seen]] = {}
    for one in latest.values():
        by_drill.setdefault(one.drill, []).append(one)
    means = {drill: _mean(rows) for drill, rows in sorted(by_drill.items()) if len(rows) >= LEAST_PLAYERS}
    if not means:
        return {}
    centres, errors = (np.array(column) for column in zip(*means.values(), strict=True))
    between = spread_between(centres, errors**2)
    weights = 1 / (between**2 + errors**2)
    overall = float(np.average(centres, weights=weights))
    reach, found = float(ndtri(0.5 + LEVEL / 2)), {}
    for drill, (own, error) in means.items():
        # One drill alone has nothing to be pulled towards.
        share = between**2 / (between**2 + error**2) if len(means) > 1 else 1.0
        mean = share * own + (1 - share) * overall
        half = reach * (share * error**2 + (1 - share) ** 2 / float(weights.sum())) ** 0.5
        found[drill] = Evidence(
            drill, len(by_drill[drill]), mean, mean - half, mean + half, _experiments(drill, by_drill)
        )
    return found


def _experiments(drill: str, by_drill: Mapping[str, Sequence[Seen]]) -> tuple[Comparison, ...]:
    others = sorted({one.alternative for one in by_drill[drill] if one.alternative is not None})
    found = []
    for other in others:
        arms = [
            [one for one in by_drill.get(name, ()) if one.alternative == opposite]
            for name, opposite in ((drill, other), (other, drill))
        ]
        if min(map(len, arms)) < LEAST_PLAYERS:
            continue
        (mean, error), (mean_other, error_other) = map(_mean, arms)
        half = float(ndtri(0.5 + LEVEL / 2)) * (error**2 + error_other**2) ** 0.5
        gap = mean - mean_other
        found.append(Comparison(other, len(arms[0]), len(arms[1]), gap, gap - half, gap + half))
    return tuple(found)


def _mean(rows: Sequence[Seen]) -> tuple[float, float]:
    """Mean effect over players and its standard error; players may differ in what a drill does for them."""
    effects: Floats = np.array([one.effect for one in rows])
    variances: Floats = np.array([one.error**2 for one in rows])
    weights = 1 / (spread_between(effects, variances) ** 2 + variances)
    return float(np.average(effects, weights=weights)), float(weights.sum() ** -0.5)
