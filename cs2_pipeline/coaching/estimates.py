"""What is known of a player's skill: partial pooling within peer groups.

A match's value is the player's skill plus chance, ``y ~ N(skill, noise / exposure)``; the skills of a group's players
are ``N(mean, spread²)``. ``noise`` is the variance between a player's matches for one unit of exposure, pooled over the
group, so whatever makes a player's matches differ (opponents, map, luck) is in it: matches are the unit, not events.
``mean`` and ``spread`` follow by the method of Paule and Mandel (1982). Part of what players differ by does not last:
line-ups, roles and form change. How much of it does is told by how the earlier and the later half of players' matches
go together, and a posterior is of the matches to come. It is normal; with few matches it lies near the group and is
wide.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from cs2_pipeline.stats.intervals import Floats

LEVEL: Final = 0.9
"""Level of the intervals that players see."""
MIN_PEERS: Final = 20
"""Players a group must have: with fewer its spread is a guess."""
LEAST_MATCHES: Final = 4
"""Matches of a player whose earlier and later half are compared."""
_ROUNDS: Final = 60
_SETTLED: Final = 1e-3


@dataclass(frozen=True)
class Peers:
    """A skill in a peer group.

    Attributes:
        skill, group: which.
        players, matches: how many there were.
        mean, spread: of the players' true skills; ``spread`` is 0 where no difference between players can be seen.
        noise: variance of a match's value for one unit of exposure.
        exposure: the median exposure of a match.
        mean_error: standard error of ``mean``.
        lasting: share of the differences between players that is still there later, from 0 to 1.
    """

    skill: str
    group: str
    players: int
    matches: int
    mean: float
    spread: float
    noise: float
    exposure: float
    mean_error: float
    lasting: float = 1.0


@dataclass(frozen=True)
class Known:
    """What is known of one player's skill: a normal posterior.

    Attributes:
        mean, error: of the posterior, in the skill's unit.
        matches: of the player.
        exposure: over these matches.
        raw: the player's own average, before pooling.
    """

    mean: float
    error: float
    matches: int
    exposure: float
    raw: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Ends of the posterior's central interval."""
        half = float(ndtri(0.5 + level / 2)) * self.error
        return self.mean - half, self.mean + half

    def below(self, bound: float) -> float:
        """Posterior probability that the skill is below a bound."""
        if self.error == 0:
            return float(self.mean < bound)
        return float(ndtr((bound - self.mean) / self.error))


def adjusted(observations: pd.DataFrame) -> pd.DataFrame:
    """Observations of one skill as if all had been made in the average context, added up by player and match.

    What a context (a map and a side) adds to everybody's value is estimated from players seen in several, and pulled
    towards nothing by as much as chance explains of it; so a player who mostly plays a hard map is not taken for a
    weak one.
    """
    keys = ["player", "match", "at", "group", "skill"]
    effects = _context_effects(observations)
    if effects is not None:
        total = observations["total"] - observations["exposure"] * observations["context"].map(effects)
        observations = observations.assign(total=total.to_numpy("float64"))
    return observations.groupby(keys, as_index=False, sort=False)[["total", "exposure"]].sum()


def _context_effects(rows: pd.DataFrame) -> pd.Series | None:
    """By context, what it adds to a value; None with one context."""
    context, names = pd.factorize(rows["context"])
    if len(names) < 2:
        return None
    player, players = pd.factorize(rows["player"])
    weight = rows["exposure"].to_numpy("float64")
    value = rows["total"].to_numpy("float64") / weight
    seen = np.bincount(context, weight)
    effect = np.zeros(len(names))
    for _ in range(_ROUNDS):
        own = np.bincount(player, weight * (value - effect[context])) / np.bincount(player, weight)
        plain = np.bincount(context, weight * (value - own[player])) / seen
        squares = weight * (value - own[player] - plain[context]) ** 2
        noise = squares.sum() / max(len(value) - len(players) - len(names) + 1, 1)
        spread = spread_between(plain, noise / seen)
        share = spread**2 / (spread**2 + noise / seen) if spread else np.zeros(len(names))
        moved = share * (plain - np.average(plain, weights=seen))
        if np.abs(moved - effect).max() <= _SETTLED * np.abs(moved).max():
            effect = moved
            break
        effect = moved
    return pd.Series(effect, index=names)


def by_player(observations: pd.DataFrame) -> pd.DataFrame:
    """Observations of one skill and group added up by player.

    Returns:
        Indexed by player: ``matches``, ``exposure``, ``mean`` (the average, weighted by exposure), ``squares``
        (weighted squared deviations of the matches from it).
    """
    code, names = pd.factorize(observations["player"], sort=True)
    exposure, value = observations["exposure"].to_numpy("float64"), observations["total"].to_numpy("float64")
    value = value / exposure
    seen = np.bincount(code, exposure)
    mean = np.bincount(code, exposure * value) / seen
    squares = np.bincount(code, exposure * (value - mean[code]) ** 2)
    columns = {"matches": np.bincount(code), "exposure": seen, "mean": mean, "squares": squares}
    return pd.DataFrame(columns, index=pd.Index(names, name="player"))


def peers(observations: pd.DataFrame, *, skill: str, group: str) -> Peers | None:
    """A group's distribution of a skill; None where there are too few players or no player has two matches.

    Args:
        observations: of this skill and group.
        skill, group: their names, for the result.
    """
    if observations["player"].nunique() < MIN_PEERS:
        return None
    players = by_player(observations)
    freedom = float((players["matches"] - 1).sum())
    if freedom < 1:
        return None
    noise = float(players["squares"].sum() / freedom)
    averages, sampling = players["mean"].to_numpy(float), noise / players["exposure"].to_numpy(float)
    spread = spread_between(averages, sampling)
    weights = 1 / (spread**2 + sampling) if spread or noise else np.ones(len(averages))
    return Peers(
        skill=skill,
        group=group,
        players=len(players),
        matches=int(players["matches"].sum()),
        mean=float(np.average(averages, weights=weights)),
        spread=spread,
        noise=noise,
        exposure=float(observations["exposure"].median()),
        mean_error=float(weights.sum() ** -0.5) if spread or noise else 0.0,
        lasting=_lasting(observations, spread),
    )


def _lasting(observations: pd.DataFrame, spread: float) -> float:
    """Share of the variance between players that their earlier and later matches have in common.

    Chance in the two halves is independent, so their covariance over players is free of it. Only what is surely lost
    counts as lost: a standard error is added.
    """
    rows = observations.sort_values("at", kind="stable")
    of_player = rows.groupby(pd.factorize(rows["player"])[0])["match"]
    place, size = of_player.cumcount(), of_player.transform("size")
    enough, late = size >= LEAST_MATCHES, place >= size // 2
    if spread == 0 or rows.loc[enough, "player"].nunique() < MIN_PEERS:
        return 1.0
    halves = [by_player(rows[enough & half])[["mean", "exposure"]] for half in (~late, late)]
    both = halves[0].join(halves[1].add_suffix("_late"))
    weights = 1 / (1 / both["exposure"] + 1 / both["exposure_late"])
    gaps = [both[name] - np.average(both[name], weights=weights) for name in ("mean", "mean_late")]
    products = gaps[0] * gaps[1]
    common = float(np.average(products, weights=weights))
    error = float(((weights * (products - common)) ** 2).sum() ** 0.5 / weights.sum())
    return min(1.0, max(0.0, (common + error) / spread**2))


def known(player: Any, group: Peers) -> Known:
    """A player's posterior of the matches to come.

    Args:
        player: a row of `by_player`.
        group: of the player's peers.
    """
    sampling = group.noise / float(player["exposure"])
    own = float(player["mean"])
    if group.spread == 0:
        return Known(group.mean, group.mean_error, int(player["matches"]), float(player["exposure"]), own)
    share = group.spread**2 / (group.spread**2 + sampling)
    kept = group.lasting * share
    # The group's mean is itself estimated: what of it enters the posterior brings its error along.
    variance = group.spread**2 * (1 - group.lasting * kept) + ((1 - kept) * group.mean_error) ** 2
    mean, exposure = kept * own + (1 - kept) * group.mean, float(player["exposure"])
    return Known(mean, variance**0.5, int(player["matches"]), exposure, own)


def spread_between(averages: Floats, sampling: Floats) -> float:
    """Standard deviation between players, by bisection of Paule and Mandel's equation; 0 where chance explains all.

    One player alone shows no difference: 0, however exactly that player is known.
    """

    def excess(between: float) -> float:
        weights = 1 / (between + sampling)
        centre = np.average(averages, weights=weights)
        return float((weights * (averages - centre) ** 2).sum()) - (len(averages) - 1)

    if len(averages) < 2:
        return 0.0
    if not sampling.all():
        return float(averages.std(ddof=1))
    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(averages.var(ddof=1))  # chance explains some of it, so what is left is less than all
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return float(((low + high) / 2) ** 0.5)
