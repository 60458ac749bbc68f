"""Exact odds of a map and of a series: from rounds to the map, from maps to the series, and back.

A map is regulation time of 24 rounds (MR12, first to 13) and overtimes of 6 (MR3, first to 4 of them) until one
is not drawn; the sides of each round are those of `game.rules`. Rounds are independent given who plays CT. A series
is a best of one, three or five maps. Everything here is exact arithmetic on given probabilities: where they come
from (a forecaster, a round model) is not decided here. All odds are those of one team, "the team"; its opponent's
are the complement.

The odds of the map do not change on average as rounds are played (they are a martingale), and neither do those of the
series: both are expectations over all ways play can go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, exp, log, log1p
from typing import Final

from cs2_pipeline.game import rules

__all__ = [
    "BEST_OF",
    "EVEN_SCORE",
    "RoundOdds",
    "ScoreError",
    "final_scores",
    "is_final",
    "map_odds",
    "map_odds_in_round",
    "round_odds_at_price",
    "series_odds",
    "series_scores",
]

BEST_OF: Final = (1, 3, 5)
"""Lengths of a series."""
EVEN_SCORE: Final = (0, 0)
"""Before the first round, before the first map."""

_OVERTIME: Final = 2 * rules.OVERTIME_HALF
_MOST_PERIODS: Final = 60
_NEGLIGIBLE: Final = 1e-12
_LARGEST_SHIFT: Final = 60.0
"""In log odds: beyond it a round is won or lost for certain in double precision."""
_HALVINGS: Final = 54
"""Of the search for a price's round odds, after which a hundred millionth of a millionth of log odds is left."""

Score = tuple[int, int]


class ScoreError(ValueError):
    """A score or a series that cannot be; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class RoundOdds:
    """The probability that the team wins a round, by the side it plays.

    Attributes:
        as_ct, as_t: in [0, 1].
    """

    as_ct: float
    as_t: float

    def __post_init__(self) -> None:
        _check_chances((self.as_ct, self.as_t), "round odds")

    def opponents(self) -> "RoundOdds":
        """The same rounds seen by the other team."""
        return RoundOdds(as_ct=1.0 - self.as_t, as_t=1.0 - self.as_ct)

    def of_round(self, number: int, *, began_ct: bool) -> float:
        """Of one round, counted from 1, for a team that began the map as CT or not."""
        return self.as_ct if began_ct != rules.sides_swapped(number) else self.as_t


def is_final(score: Score) -> bool:
    """Whether a map at this score is over.

    Raises:
        ScoreError: no map can stand at this score.
    """
    return _decided(score) is not None


def map_odds(odds: RoundOdds, score: Score = EVEN_SCORE, *, began_ct: bool = True) -> float:
    """The probability that the team wins the map.

    A won map is exactly 1, a lost one exactly 0. Whether a period is won does not depend on the order of its rounds:
    imagine all of them played and count. So before the first round it does not matter who begins as CT.
    Where overtimes can never be decided (each side's winner is certain) the answer is one half.

    Args:
        odds: of the rounds still to be played.
        score: rounds won by the team and by its opponent.
        began_ct: whether the team began the map as CT.

    Raises:
        ScoreError: no map can stand at this score.
    """
    decided = _decided(score)
    if decided is not None:
        return decided
    target, last = _period(sum(score))
    as_ct, as_t = _sides_left(score, last, began_ct=began_ct)
    wins = _product(_binomial(as_ct, odds.as_ct), _binomial(as_t, odds.as_t))
    needed = target - score[0]
    return min(sum(wins[needed:]) + wins[needed - 1] * _overtime_odds(odds), 1.0)


def map_odds_in_round(odds: RoundOdds, score: Score, round_odds: float, *, began_ct: bool = True) -> float:
    """The probability that the team wins the map while a round is under way.

    Args:
        odds: of the rounds after this one.
        score: before this round.
        round_odds: the probability that the team wins this round, from its state at the moment.
        began_ct: whether the team began the map as CT.

    Raises:
        ScoreError: no map can stand at this score, or it is decided: no round is under way.
    """
    _check_chances((round_odds,), "the odds of the round")
    if _decided(score) is not None:
        raise ScoreError(f"at {score[0]}:{score[1]} the map is decided: no round is under way")
    won = map_odds(odds, (score[0] + 1, score[1]), began_ct=began_ct)
    lost = map_odds(odds, (score[0], score[1] + 1), began_ct=began_ct)
    return round_odds * won + (1.0 - round_odds) * lost


def final_scores(odds: RoundOdds, score: Score = EVEN_SCORE, *, began_ct: bool = True) -> dict[Score, float]:
    """The probability of every score the map can end at; they add up to 1.

    Overtimes are followed until less than a millionth of a millionth is left, or for 60 periods; what is left then is
    shared between 4:2 and 2:4 of the next overtime's rounds.

    Args:
        odds: of the rounds still to be played.
        score: rounds won by the team and by its opponent.
        began_ct: whether the team began the map as CT.

    Raises:
        ScoreError: no map can stand at this score.
    """
    if _decided(score) is not None:
        return {score: 1.0}
    found: dict[Score, float] = {}
    target, last = _period(sum(score))
    at, mass = score, 1.0
    for _ in range(_MOST_PERIODS):
        ends = _period_scores(odds, at, target, last, began_ct=began_ct)
        level = (target - 1, target - 1)
        drawn = ends.pop(level, 0.0)
        found |= {end: mass * chance for end, chance in ends.items()}
        mass *= drawn
        at, target, last = level, target + rules.OVERTIME_HALF, last + _OVERTIME
        if mass < _NEGLIGIBLE:
            break
    share = _overtime_odds(odds)
    end = (at[0] + rules.OVERTIME_HALF + 1, at[1] + rules.OVERTIME_HALF - 1)
    found |= {end: mass * share, end[::-1]: mass * (1.0 - share)}
    return {end: chance for end, chance in sorted(found.items(), reverse=True) if chance > 0.0}


def round_odds_at_price(
    price: float, *, ct_share: float = 0.5, score: Score = EVEN_SCORE, began_ct: bool = True
) -> RoundOdds:
    """The round odds for which the map comes out at a price.

    Of the pairs of odds that do, it is the one on the map's own line: the log odds of a round lie the same distance
    above those of two equal teams on either side, whom the map gives ``ct_share`` of the rounds to CT.

    Args:
        price: the probability that the team wins the map, strictly between 0 and 1.
        ct_share: share of the rounds CT wins between equal teams on this map, strictly between 0 and 1.
        score, began_ct: where the map stands when it has this price.

    Raises:
        ScoreError: the price or share is not strictly between 0 and 1, or the map cannot stand at the score or is
            decided.
    """
    for name, value in (("price", price), ("ct_share", ct_share)):
        if not 0.0 < value < 1.0:
            raise ScoreError(f"{name} must lie strictly between 0 and 1, got {value}")
    if _decided(score) is not None:
        raise ScoreError(f"at {score[0]}:{score[1]} the map is decided and has no round odds")
    base = log(ct_share) - log1p(-ct_share)

    def shifted(shift: float) -> RoundOdds:
        return RoundOdds(as_ct=_logistic(base + shift), as_t=_logistic(shift - base))

    low, high = -_LARGEST_SHIFT, _LARGEST_SHIFT
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if map_odds(shifted(middle), score, began_ct=began_ct) < price:
            low = middle
        else:
            high = middle
    return shifted((low + high) / 2)


def series_odds(
    best_of: int, maps: Sequence[float] = (), *, pool: Sequence[float] = (), score: Score = EVEN_SCORE
) -> float:
    """The probability that the team wins the series.

    Args:
        best_of: 1, 3 or 5.
        maps: the team's odds on the maps still to be decided whose place is known, the next one (or the one under way)
            first; more than can be played are not looked at.
        pool: its odds on the maps among which the others are: any of them is as likely as any other to be played,
            none twice. Needed as far as `maps` does not name all that may be played.
        score: maps won by the team and by its opponent.

    Raises:
        ScoreError: no such series, no series stands at this score, or too few maps are given for it.
    """
    needed, left = _series(best_of, score)
    if not left:
        return float(needed == 0)
    return min(sum(_wins_of_maps(maps, pool, left)[needed:]), 1.0)


def series_scores(
    best_of: int, maps: Sequence[float] = (), *, pool: Sequence[float] = (), score: Score = EVEN_SCORE
) -> dict[Score, float]:
    """The probability of every score the series can end at; they add up to 1. Arguments as of `series_odds`."""
    needed, left = _series(best_of, score)
    if not left:
        return {score: 1.0}
    to_lose = best_of // 2 + 1 - score[1]
    found: dict[Score, float] = {}
    won_before = lost_before = 0.0
    for played in range(1, left + 1):
        wins = _wins_of_maps(maps, pool, played)
        won, lost = sum(wins[needed:]), sum(mass for own, mass in enumerate(wins) if played - own >= to_lose)
        if played >= needed:
            found[score[0] + needed, score[1] + played - needed] = max(won - won_before, 0.0)
        if played >= to_lose:
            found[score[0] + played - to_lose, score[1] + to_lose] = max(lost - lost_before, 0.0)
        won_before, lost_before = won, lost
    return dict(sorted(found.items(), reverse=True))


# A map ----------------------------------------------------------------------------------------------------------------


def _period(played: int) -> tuple[int, int]:
    """Rounds that win the period of the next round after so many, and the number of the period's last round."""
    if played < rules.REGULATION_ROUNDS:
        return rules.ROUNDS_TO_WIN, rules.REGULATION_ROUNDS
    overtime = (played - rules.REGULATION_ROUNDS) // _OVERTIME + 1
    return rules.ROUNDS_TO_WIN + overtime * rules.OVERTIME_HALF, rules.REGULATION_ROUNDS + overtime * _OVERTIME


def _decided(score: Score) -> float | None:
    """1 for a won map, 0 for a lost one, None for one that goes on."""
    if min(score) < 0:
        raise ScoreError(f"a score cannot be negative, got {score[0]}:{score[1]}")
    target, _ = _period(sum(score) - 1)  # of the last round played, not of the next one
    began = target - 1 - rules.OVERTIME_HALF
    if max(score) > target or (target > rules.ROUNDS_TO_WIN and min(score) < began):
        raise ScoreError(
            f"no map can be at {score[0]}:{score[1]}: it is won at 13, after 12:12 at 16, 19, 22 ... by two or more"
        )
    if max(score) < target:
        return None
    return float(score[0] > score[1])


def _sides_left(score: Score, last: int, *, began_ct: bool) -> tuple[int, int]:
    """How many rounds of the period the team still plays as CT and as T."""
    left = range(sum(score) + 1, last + 1)
    swapped = sum(rules.sides_swapped(number) for number in left)
    return (len(left) - swapped, swapped) if began_ct else (swapped, len(left) - swapped)


def _overtime_odds(odds: RoundOdds) -> float:
    """Odds of winning from level at the start of an overtime, however many follow."""
    half = rules.OVERTIME_HALF
    wins = _product(_binomial(half, odds.as_ct), _binomial(half, odds.as_t))
    won, lost = sum(wins[half + 1 :]), sum(wins[:half])
    return won / (won + lost) if won + lost > 0.0 else 0.5


def _period_scores(odds: RoundOdds, score: Score, target: int, last: int, *, began_ct: bool) -> dict[Score, float]:
    """How a period may end from a score in it: won, lost, or level."""
    ends: dict[Score, float] = {}
    at = {score: 1.0}
    for number in range(sum(score) + 1, last + 1):
        chance = odds.of_round(number, began_ct=began_ct)
        following: dict[Score, float] = {}
        for (own, other), mass in at.items():
            for after, share in (((own + 1, other), chance), ((own, other + 1), 1.0 - chance)):
                into = ends if max(after) == target else following
                into[after] = into.get(after, 0.0) + mass * share
        at = following
    return ends | at


# A series -------------------------------------------------------------------------------------------------------------


def _series(best_of: int, score: Score) -> tuple[int, int]:
    """Maps the team still needs, and how many may still be played."""
    if best_of not in BEST_OF:
        raise ScoreError(f"a series is a best of 1, 3 or 5, not of {best_of}")
    target = best_of // 2 + 1
    if min(score) < 0 or max(score) > target or min(score) == target:
        raise ScoreError(f"a best of {best_of} cannot be at {score[0]}:{score[1]}")
    return target - score[0], 0 if max(score) == target else best_of - sum(score)


def _wins_of_maps(maps: Sequence[float], pool: Sequence[float], played: int) -> list[float]:
    """Distribution of the team's wins in the first ``played`` maps, as if all were played."""
    known = maps[:played]
    drawn = played - len(known)
    _check_chances((*known, *pool), "the odds of a map")
    if drawn > len(pool):
        raise ScoreError(
            f"{played} more maps may be played, {len(known)} are named and {len(pool)} are in the pool: name more"
        )
    wins = [1.0]
    for chance in known:
        wins = _product(wins, [1.0 - chance, chance])
    return _product(wins, _wins_of_drawn(pool, drawn))


def _wins_of_drawn(pool: Sequence[float], drawn: int) -> list[float]:
    """Distribution of wins on ``drawn`` maps of a pool, every choice of them equally likely."""
    chosen = [[0.0] * (size + 1) for size in range(drawn + 1)]
    chosen[0][0] = 1.0
    for chance in pool:
        for size in range(drawn, 0, -1):
            fewer, these = chosen[size - 1], chosen[size]
            for wins, mass in enumerate(fewer):
                these[wins] += mass * (1.0 - chance)
                these[wins + 1] += mass * chance
    ways = comb(len(pool), drawn)
    return [mass / ways for mass in chosen[drawn]]


# Arithmetic -----------------------------------------------------------------------------------------------------------


def _binomial(trials: int, chance: float) -> list[float]:
    """Probabilities of 0 to ``trials`` wins."""
    miss = 1.0 - chance
    return [comb(trials, wins) * chance**wins * miss ** (trials - wins) for wins in range(trials + 1)]


def _product(left: Sequence[float], right: Sequence[float]) -> list[float]:
    """The distribution of the sum of two independent numbers of wins."""
    found = [0.0] * (len(left) + len(right) - 1)
    for one, mass in enumerate(left):
        for other, share in enumerate(right):
            found[one + other] += mass * share
    return found


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + exp(-value))


def _check_chances(values: Sequence[float], name: str) -> None:
    for value in values:
        if not 0.0 <= value <= 1.0:
            raise ScoreError(f"{name} must be probabilities, got {value}")
