"""Prices: what a moment of a match says about the round, the map and the series, for team A, with intervals.

The round's price is the champion's, shifted by what the match model makes of the line-ups (`tilted`). The map's is
exact arithmetic (`game.series`) over it and the rounds to come, and the series' over the map's, so the three never
contradict each other: before the first round the map's price is the match model's, at the end all are 0 or 1. Where a
source does not tell what the model needs, the price is that of a typical value and the interval covers the range of
what it may be.
"""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log
from typing import Any, Final, Protocol

import msgspec

from cs2_pipeline.artifact.predictors import DIGITS
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.game import rules, series
from cs2_pipeline.live.fold import Moment

Odds = tuple[float, float, float]
"""P(team A wins) with the bounds of its interval."""

UNKNOWN: Final[Odds] = (0.5, 0.0, 1.0)
EVEN: Final[Odds] = (0.5, 0.5, 0.5)
"""A map between teams nothing is known of."""
LineUps = tuple[tuple[str, ...], tuple[str, ...]]
_LEAST: Final = 1e-6
"""No map is that certain before it is played."""

_EQUIPMENT: Final = (200.0, 4_000.0, 6_000.0)
_PISTOL_EQUIPMENT: Final = (200.0, 850.0, 1_000.0)
"""Least, typical and most a living player carries, dollars."""
_MONEY: Final = (0.0, 8_000.0, 30_000.0)
"""Of a side."""
_ROUND_CLOCK: Final = (5.0, 70.0, rules.ROUND_TIME)
_BOMB_CLOCK: Final = (2.0, 20.0, rules.BOMB_TIME)
_OID: Final = uuid.NAMESPACE_OID.bytes
_NEEDED: Final = ("ct_equip_value", "ct_money", "t_equip_value", "t_money", "time_remaining")
"""What the model cannot do without."""


class Forecaster(Protocol):
    """The match model, as far as prices need it."""

    version: Any

    def price(self, map_name: str | None, line_ups: LineUps, day: int) -> Odds:
        """The first line-up's odds on a map, or on no map in particular, on a day counted from 1970-01-01."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A price, as it is published and kept.

    Attributes:
        price_id: the same whenever the same event is priced for the same time.
        supersedes: the price that this one replaces; "" for the first of an event.
        model_version: the round model's; "3+2" where version 2 of the match model knew the line-ups.
        basis: fingerprint of all that the price depends on, without the model.
        map_p, series_p: None where no such odds can be given (a format other than first to 13).
    """

    price_id: str
    match_id: str
    map_id: str
    event_id: str
    round_no: int
    trigger: str
    state_version: int
    ts_calc: float
    model_version: str
    basis: str
    round_p: float | None
    round_low: float | None
    round_high: float | None
    map_p: float | None
    map_low: float | None
    map_high: float | None
    series_p: float | None
    series_low: float | None
    series_high: float | None
    supersedes: str = ""


def basis_of(moment: Moment) -> str:
    """A fingerprint of a moment: equal moments have equal prices by the same model."""
    return hashlib.sha256(msgspec.json.encode(moment)).hexdigest()[:20]


def price_id_of(event_id: str, supersedes: str = "") -> str:
    """The id of an event's price, or of the one that replaces another."""
    return _uuid5(f"{event_id}/{supersedes}")


def _uuid5(name: str) -> str:
    """As `uuid.uuid5` of the namespace OID, without the object: there is one for each event."""
    bits = bytearray(hashlib.sha1(_OID + name.encode(), usedforsecurity=False).digest()[:16])
    bits[6] = bits[6] & 0x0F | 0x50
    bits[8] = bits[8] & 0x3F | 0x80
    text = bits.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def prices(
    moments: Sequence[Moment],
    model: RoundPredictor | None,
    now: float,
    replaced: dict[str, str] | None = None,
    forecaster: Forecaster | None = None,
) -> list[Price]:
    """The prices of moments, of any matches, by one run of the model.

    Args:
        model: without one the round has no price, the map's and series' assume even rounds.
        now: the time of calculation.
        replaced: by event id, the price that the new one supersedes.
        forecaster: without one, and where the line-ups are not known, teams are taken as equal.
    """
    rounds = round_odds(moments, model)
    version = model.version.version if model else ""
    return [
        _price(_quoted(moment, odds, version, forecaster), moment, now, (replaced or {}).get(moment.event_id, ""))
        for moment, odds in zip(moments, rounds, strict=True)
    ]


def round_odds(moments: Sequence[Moment], model: RoundPredictor | None) -> list[Odds | None]:
    """What each moment says about its round; None where there is none, or no model to ask."""
    found: list[Odds | None] = [_settled(moment) for moment in moments]
    if model is None:
        return found
    rows: list[dict[str, Any]] = []
    places: list[tuple[int, int]] = []
    for place, moment in enumerate(moments):
        if moment.state is not None and moment.round_winner is None:
            if moment.state["ct_alive"] is None or moment.state["t_alive"] is None:
                found[place] = UNKNOWN
                continue
            variants = scenarios(moment.state)
            places.append((place, len(variants)))
            rows += variants
    answered = model.many(rows) if rows else []
    at = 0
    for place, count in places:
        of_moment = answered[at : at + count]
        at += count
        p, low, high = of_moment[0][0], min(one[1] for one in of_moment), max(one[2] for one in of_moment)
        found[place] = (p, low, high) if moments[place].a_side == "CT" else _flipped((p, low, high))
    return found


def scenarios(state: dict[str, Any]) -> list[dict[str, Any]]:
    """A state with what is missing filled in: typically, as well as possible for CT, as well as possible for T."""
    known = {**state, "ct_score": state["ct_score"] or 0, "t_score": state["t_score"] or 0}
    missing = [name for name in _NEEDED if state[name] is None]
    if not missing:
        return [known]
    ranges = _ranges(state)
    return [known | {name: ranges[name][case] for name in missing} for case in range(3)]


def _ranges(state: dict[str, Any]) -> dict[str, tuple[float, float, float]]:
    """What each needed value may be: typically, as well as possible for CT, as well as possible for T."""
    planted = bool(state["bomb_planted"])
    clock = _BOMB_CLOCK if planted else _ROUND_CLOCK
    # With the bomb down time is on CT's side, before that on T's.
    for_ct, for_t = (2, 0) if planted else (0, 2)
    pistol = rules.is_pistol_round((state["ct_score"] or 0) + (state["t_score"] or 0) + 1)
    each = _PISTOL_EQUIPMENT if pistol else _EQUIPMENT
    ranges: dict[str, tuple[float, float, float]] = {}
    for side, other in (("ct", (0, 2)), ("t", (2, 0))):
        alive = state[f"{side}_alive"]
        low, high = other
        for name, (least, usual, most) in (
            (f"{side}_equip_value", (each[0] * alive, each[1] * alive, each[2] * alive)),
            (f"{side}_money", _MONEY),
        ):
            bounds = (least, usual, most)
            ranges[name] = (usual, bounds[2 - low], bounds[2 - high])
    return ranges | {"time_remaining": (clock[1], clock[for_ct], clock[for_t])}


def _settled(moment: Moment) -> Odds | None:
    """The odds of a round that is decided by its end or by the bomb."""
    if moment.round_winner is None:
        return None
    return (1.0, 1.0, 1.0) if moment.round_winner == "A" else (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class _Quoted:
    """Odds of round, map and series, and by which versions."""

    of_round: Odds | None
    of_map: Odds | None
    of_series: Odds | None
    version: str


def _quoted(moment: Moment, of_round: Odds | None, version: str, forecaster: Forecaster | None) -> _Quoted:
    before, others = EVEN, EVEN
    if forecaster is not None and moment.line_ups is not None:
        before = forecaster.price(moment.map_name, moment.line_ups, moment.day)
        others = forecaster.price(None, moment.line_ups, moment.day)
        version = f"{version}+{forecaster.version.version}"
        of_round = tilted(moment, of_round, before)
    of_map = map_odds(moment, of_round, before)
    return _Quoted(of_round, of_map, series_odds(moment, of_map, others), version)


def _price(quoted: _Quoted, moment: Moment, now: float, supersedes: str) -> Price:
    of_round, of_map, of_series = (
        odds or (None, None, None) for odds in (quoted.of_round, _rounded(quoted.of_map), _rounded(quoted.of_series))
    )
    return Price(
        price_id=price_id_of(moment.event_id, supersedes), match_id=moment.match_id, map_id=moment.map_id,
        event_id=moment.event_id, round_no=moment.round_no, trigger=moment.trigger, state_version=moment.version,
        ts_calc=now, model_version=quoted.version, basis=basis_of(moment), supersedes=supersedes,
        round_p=of_round[0], round_low=of_round[1], round_high=of_round[2],
        map_p=of_map[0], map_low=of_map[1], map_high=of_map[2],
        series_p=of_series[0], series_low=of_series[1], series_high=of_series[2],
    )  # fmt: skip


def tilted(moment: Moment, of_round: Odds | None, before: Odds) -> Odds | None:
    """The odds of a round between teams of known strength.

    The champion prices rounds of equal teams. The strength is what the map's price before its first round says of one
    of its rounds, in log odds; it counts by the share of the players who still live, as fewer duels are left. Certain
    odds stay as they are.
    """
    if of_round is None or moment.round_winner is not None or moment.state is None:
        return of_round
    alive = (moment.state["ct_alive"] or 0) + (moment.state["t_alive"] or 0)
    share = min(1.0, alive / (2 * rules.TEAM_SIZE))
    p, low, high = (
        round(_shifted(chance, share * _strength(of_map)), DIGITS)
        for chance, of_map in zip(of_round, before, strict=True)
    )
    return p, low, high


def _shifted(chance: float, shift: float) -> float:
    if chance in (0.0, 1.0):
        return chance
    return 1.0 / (1.0 + exp(-(_log_odds(chance) + shift)))


def _log_odds(chance: float) -> float:
    return log(chance) - log(1.0 - chance)


@lru_cache(4096)
def _rounds_at(of_map: float) -> series.RoundOdds:
    """Rounds between teams of whom one wins the map with these odds; sides are taken as equal."""
    return series.round_odds_at_price(min(max(of_map, _LEAST), 1.0 - _LEAST))


@lru_cache(4096)
def _strength(of_map: float) -> float:
    """What such rounds say of the team, in log odds."""
    return _log_odds(_rounds_at(of_map).as_ct)


def map_odds(moment: Moment, of_round: Odds | None, before: Odds = EVEN) -> Odds | None:
    """What a moment says about its map; None where the score is none of a map played to 13.

    Args:
        before: the map's odds before its first round.
    """
    if moment.map_winner is not None:
        return (1.0, 1.0, 1.0) if moment.map_winner == "A" else (0.0, 0.0, 0.0)
    if moment.phase == "over":
        return UNKNOWN
    began_ct = moment.a_side is None or (moment.a_side == "CT") != rules.sides_swapped(sum(moment.score) + 1)
    try:
        if moment.phase == "between":
            p, low, high = (_map_odds(one, moment.score, began_ct) for one in before)
        else:
            after = [_after_round(one, moment.score, began_ct) for one in before]
            p, low, high = (
                chance * won + (1.0 - chance) * lost
                for (won, lost), chance in zip(after, of_round or UNKNOWN, strict=True)
            )
    except series.ScoreError:
        return None
    return p, low, high


@lru_cache(65_536)
def _map_odds(before: float, score: tuple[int, int], began_ct: bool) -> float:
    """Odds of a map that was worth `before` before its first round, between two rounds."""
    return series.map_odds(_rounds_at(before), score, began_ct=began_ct)


@lru_cache(65_536)
def _after_round(before: float, score: tuple[int, int], began_ct: bool) -> tuple[float, float]:
    """The same once the round under way is won, and once it is lost."""
    a, b = score
    return _map_odds(before, (a + 1, b), began_ct), _map_odds(before, (a, b + 1), began_ct)


def series_odds(moment: Moment, of_map: Odds | None, others: Odds = EVEN) -> Odds | None:
    """What a moment says about its series.

    Args:
        others: odds of a map to come, of which nothing but the line-ups is known.
    """
    if moment.match_winner is not None:
        return (1.0, 1.0, 1.0) if moment.match_winner == "A" else (0.0, 0.0, 0.0)
    if moment.over:
        return UNKNOWN
    if of_map is None:
        return None
    open_map = moment.map_winner is None and moment.phase != "over"
    try:
        p, low, high = (
            _series_at(moment, chance, other) if open_map else _series_odds(moment.best_of, moment.maps, None, other)
            for chance, other in zip(of_map, others, strict=True)
        )
    except series.ScoreError:
        return None
    return p, low, high


def _series_at(moment: Moment, chance: float, other: float) -> float:
    won, lost = (_series_odds(moment.best_of, moment.maps, map_won, other) for map_won in (1.0, 0.0))
    return chance * won + (1.0 - chance) * lost


@lru_cache(4096)
def _series_odds(best_of: int, score: tuple[int, int], this_map: float | None, other: float) -> float:
    """Odds of a series with the map under way, if there is one, and maps to come."""
    known = [] if this_map is None else [this_map]
    return series.series_odds(best_of, [*known, *[other] * best_of], score=score)


def _flipped(odds: Odds) -> Odds:
    p, low, high = odds
    return round(1.0 - p, DIGITS), round(1.0 - high, DIGITS), round(1.0 - low, DIGITS)


def _rounded(odds: Odds | None) -> Odds | None:
    return odds and (round(odds[0], DIGITS), round(odds[1], DIGITS), round(odds[2], DIGITS))
