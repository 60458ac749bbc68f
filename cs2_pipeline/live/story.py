"""The story of a match: what each event did to the price, in words, and who moved it.

Made from the prices of a match in order (rows with the fields of `pricing.Price`) and the bodies of its events by id.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import log
from typing import Any, Final

import msgspec

from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.live.events import Team, parse
from cs2_pipeline.live.fold import Fold, Moment
from cs2_pipeline.live.order import ordered
from cs2_pipeline.live.pricing import Forecaster, prices

Row = Mapping[str, Any]
Body = Mapping[str, Any]

MOVING: Final = frozenset({"kill", "bomb_planted", "bomb_defused", "bomb_exploded"})
"""Events that somebody caused."""
SAME_MOMENT: Final = 0.25
"""Seconds within which a hit belongs to the kill that follows it."""
LEAST_SWING: Final = 0.0005
"""Less than this is not told as a swing."""
_ACTORS: Final = {"kill": ("killer_player_id", "killer_team")}
_ACTOR: Final = ("player_id", "player_team")
_SENTENCES: Final = {
    "kill": "{killer_player_id} kills {victim_player_id}",
    "player_hurt": "{attacker_player_id} hits {victim_player_id}",
    "bomb_planted": "{player_id} plants the bomb",
    "bomb_defused": "{player_id} defuses the bomb",
    "bomb_exploded": "the bomb explodes",
    "round_end": "team {winner_team} wins the round",
}


@dataclass(frozen=True)
class Swing:
    """An event that somebody caused and what it did to the map's price.

    Attributes:
        event_id, round_no, type: of the event.
        words: the event in a sentence.
        player_id, team: who caused it; None where the source did not tell.
        change: in P(team A wins the map).
    """

    event_id: str
    round_no: int
    type: str
    words: str
    player_id: str | None
    team: Team | None
    change: float


def swings(rows: Sequence[Row], bodies: Mapping[str, Body]) -> Iterator[Swing]:
    """What each event that somebody caused did to the map's price.

    The hit that kills is told before the kill and moves the price already: hits of a moment count as the kill's.
    """
    hits: dict[str, tuple[float, float]] = {}
    for before, row in pairwise(rows):
        payload = bodies.get(row["event_id"], {}).get("payload") or {}
        victim, at = payload.get("victim_player_id"), moment_of(row, bodies)
        change = 0.0 if None in (before["map_p"], row["map_p"]) else row["map_p"] - before["map_p"]
        if row["trigger"] == "player_hurt" and victim is not None:
            when, sum_ = hits.get(victim, (at, 0.0))
            hits[victim] = at, change + (sum_ if at - when <= SAME_MOMENT else 0.0)
            continue
        if row["trigger"] not in MOVING:
            continue
        if victim in hits:
            when, sum_ = hits.pop(victim)
            change += sum_ if at - when <= SAME_MOMENT else 0.0
        if abs(change) >= LEAST_SWING:
            yield _swing(row, payload, change)


def movers(found: Iterable[Swing]) -> dict[tuple[str, Team], float]:
    """By player and team, how far the map's price moved for the own team with what the player did."""
    moved: dict[tuple[str, Team], float] = defaultdict(float)
    for one in found:
        if one.player_id is not None and one.team is not None:
            moved[one.player_id, one.team] += one.change if one.team == "A" else -one.change
    return dict(moved)


def moment_of(row: Row, bodies: Mapping[str, Body]) -> float:
    """When the priced event happened, seconds since 1970; when it was priced, for prices between events."""
    told = bodies.get(row["event_id"], {}).get("ts_event")
    return datetime.fromisoformat(told).timestamp() if told else float(row["ts_calc"])


def words_of(kind: str, payload: Mapping[str, Any]) -> str:
    """An event in a sentence, as far as its source told."""
    told = defaultdict(lambda: "somebody", {name: value for name, value in payload.items() if value is not None})
    sentence = _SENTENCES.get(kind, kind.replace("_", " ")).format_map(told)
    if kind == "kill":
        sentence += f" with {payload['weapon']}" if payload.get("weapon") else ""
        sentence += ", a headshot" if payload.get("is_headshot") else ""
    return sentence


def priced(
    match_id: str, events: Sequence[Body], model: RoundPredictor | None, forecaster: Forecaster | None = None
) -> list[dict[str, Any]]:
    """The prices of a whole match from its events, as the live feed would have given them."""
    found = prices(moments(match_id, events), model, now=0.0, forecaster=forecaster)
    return [msgspec.structs.asdict(price) for price in found]


def log_loss(rows: Sequence[Row]) -> float | None:
    """Mean log loss of the open prices of rounds that were decided; None where there are none.

    Args:
        rows: prices of a map in order. A round that is over is priced 0 or 1.
    """
    outcomes = {row["round_no"]: row["round_p"] for row in rows if row["round_p"] in (0.0, 1.0)}
    losses = [
        -log(row["round_p"] if outcomes[row["round_no"]] else 1.0 - row["round_p"])
        for row in rows
        if row["round_no"] in outcomes and row["round_p"] is not None and 0.0 < row["round_p"] < 1.0
    ]
    return round(sum(losses) / len(losses), 6) if losses else None


def moments(match_id: str, events: Sequence[Body]) -> list[Moment]:
    """What was known of a match after each of its events, in order."""
    fold = Fold(match_id)
    parsed = [parse(msgspec.json.encode(event)) for event in events]
    return [moment for event in ordered(parsed).events if (moment := fold.apply(event))]


def known(moment: Moment) -> dict[str, dict[str, Any]]:
    """The state of a moment's round by team: ``alive``, ``money``, ``equip_value``, ``health``; None where not known.

    Empty between rounds.
    """
    if moment.state is None or moment.a_side is None:
        return {}
    sides = {"A": moment.a_side.lower(), "B": "t" if moment.a_side == "CT" else "ct"}
    names = ("alive", "money", "equip_value", "health")
    return {team: {name: moment.state.get(f"{side}_{name}") for name in names} for team, side in sides.items()}


def _swing(row: Row, payload: Mapping[str, Any], change: float) -> Swing:
    who, side = _ACTORS.get(row["trigger"], _ACTOR)
    team = payload.get(side)
    return Swing(
        event_id=row["event_id"],
        round_no=row["round_no"],
        type=row["trigger"],
        words=words_of(row["trigger"], payload),
        player_id=payload.get(who),
        team=team if team in ("A", "B") else None,
        change=round(change, 6),
    )
