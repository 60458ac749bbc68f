"""The story of a match for people: the curve of its price by map, the biggest swings, who moved the price."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.http.wire import Wire, answer
from bento.gateway.live import reading
from bento.gateway.live.matches import match_row
from bento.gateway.live.room import ask
from bento.gateway.live.views import Row, Team
from cs2_pipeline.live.history import queries

router: Final = APIRouter(prefix="/api/v1", tags=["live, out"])
Reader = Annotated[Caller, Depends(allow(Scope.LIVE_READ))]

MOVING: Final = frozenset({"kill", "bomb_planted", "bomb_defused", "bomb_exploded"})
"""Events that somebody caused."""
MOST_SWINGS: Final = 5
SAME_MOMENT: Final = 0.25
"""Seconds within which a hit belongs to the kill that follows it."""
LEAST_SWING: Final = 0.0005
"""Less than this is not told as a swing."""
_ACTORS: Final = {"kill": ("killer_player_id", "killer_team")}
_ACTOR: Final = ("player_id", "player_team")


class Points(Wire):
    """The prices of a map in order, a list a quantity: P(team A) of the map and of the round, with their intervals.

    `at` is when the event happened, in seconds since 1970.
    """

    event_id: list[str]
    at: list[float]
    round_no: list[int]
    trigger: list[str]
    p: list[float | None]
    low: list[float | None]
    high: list[float | None]
    round_p: list[float | None]
    round_low: list[float | None]
    round_high: list[float | None]


class Swing(Wire):
    """An event and what it did to the map's price: `change` in P(team A)."""

    event_id: str
    round_no: int
    type: str
    words: str
    player_id: str | None
    team: Team | None
    change: float


class Mover(Wire):
    """A player and by how much the map's price moved for the own team with what the player did."""

    player_id: str
    team: Team
    moved: float


class MapCurve(Wire):
    """A map's story."""

    map_id: str
    points: Points
    swings: list[Swing]
    movers: list[Mover]


class RoundEvent(Wire):
    """An event of a round, in words and as it came."""

    event_id: str
    ts_event: str
    type: str
    words: str
    payload: dict[str, Any]


@router.get("/matches/{match_id}/curve", response_model=list[MapCurve])
async def curve(request: Request, _: Reader, match_id: str) -> Response:
    """The curve of each map of a match, its five biggest swings and who moved the price."""
    await match_row(request, match_id)
    return await answer(request, await curves(request, match_id))


@router.get("/matches/{match_id}/maps/{map_id}/rounds/{round_no}/events", response_model=list[RoundEvent])
async def round_events(request: Request, _: Reader, match_id: str, map_id: str, round_no: int) -> Response:
    """The events of a round, in the order in which they came."""
    await match_row(request, match_id)
    found = [one for one in await _events(request, match_id)
             if one.get("map_id") == map_id and one.get("round_no") == round_no]  # fmt: skip
    shown = [
        RoundEvent(event_id=one["event_id"], ts_event=one["ts_event"], type=one["type"],
                   words=words_of(one["type"], one.get("payload") or {}), payload=one.get("payload") or {})
        for one in found
    ]  # fmt: skip
    return await answer(request, shown)


async def curves(request: Request, match_id: str) -> list[MapCurve]:
    """The stories of a match's maps, in the order in which they were played."""
    rows = reading.standing(await ask(request, queries.PRICES, match_id=match_id, map_id=""))
    bodies = {one["event_id"]: one for one in await _events(request, match_id)}
    by_map: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_map[row["map_id"]].append(row)
    return [_story(map_id, found, bodies) for map_id, found in by_map.items()]


async def _events(request: Request, match_id: str) -> list[dict[str, Any]]:
    rows = await ask(request, queries.EVENTS_OF_MATCH, match_id=match_id)
    return [msgspec.json.decode(row["body"]) for row in rows]


def _story(map_id: str, rows: Sequence[Row], bodies: Mapping[str, Mapping[str, Any]]) -> MapCurve:
    swings = list(_swings(rows, bodies))
    moved: dict[tuple[str, Team], float] = defaultdict(float)
    for one in swings:
        if one.player_id is not None and one.team is not None:
            moved[one.player_id, one.team] += one.change if one.team == "A" else -one.change
    movers = [Mover(player_id=player, team=team, moved=round(change, 6)) for (player, team), change in moved.items()]
    biggest = sorted(swings, key=lambda one: -abs(one.change))[:MOST_SWINGS]
    return MapCurve(
        map_id=map_id,
        points=Points(
            at=[_moment(row, bodies) for row in rows],
            **{name: [row[name] for row in rows] for name in ("event_id", "round_no", "trigger")},
            **{name: [row[f"map_{name}"] for row in rows] for name in ("p", "low", "high")},
            **{name: [row[name] for row in rows] for name in ("round_p", "round_low", "round_high")},
        ),
        swings=biggest,
        movers=sorted(movers, key=lambda one: (-one.moved, one.player_id)),
    )


def _moment(row: Row, bodies: Mapping[str, Mapping[str, Any]]) -> float:
    """When the priced event happened, seconds since 1970; when it was priced, for prices between events."""
    told = bodies.get(row["event_id"], {}).get("ts_event")
    return datetime.fromisoformat(told).timestamp() if told else float(row["ts_calc"])


def _swings(rows: Sequence[Row], bodies: Mapping[str, Mapping[str, Any]]) -> Iterable[Swing]:
    """What each event that somebody caused did to the map's price.

    The hit that kills is told before the kill and moves the price already: hits of a moment count as the kill's.
    """
    hits: dict[str, tuple[float, float]] = {}
    for before, row in pairwise(rows):
        payload = bodies.get(row["event_id"], {}).get("payload") or {}
        victim, at = payload.get("victim_player_id"), _moment(row, bodies)
        change = 0.0 if None in (before["map_p"], row["map_p"]) else row["map_p"] - before["map_p"]
        if row["trigger"] == "player_hurt" and victim is not None:
            when, sum_ = hits.get(victim, (at, 0.0))
            hits[victim] = at, change + (sum_ if at - when <= SAME_MOMENT else 0.0)
            continue
        if row["trigger"] not in MOVING:
            continue
        if row["trigger"] == "kill" and victim in hits:
            when, sum_ = hits.pop(victim)
            change += sum_ if at - when <= SAME_MOMENT else 0.0
        if abs(change) >= LEAST_SWING:
            yield _swing(row, payload, change)


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


def words_of(kind: str, payload: Mapping[str, Any]) -> str:
    """An event in a sentence, as far as its source told."""
    told = defaultdict(lambda: "somebody", {name: value for name, value in payload.items() if value is not None})
    sentence = _SENTENCES.get(kind, kind.replace("_", " ")).format_map(told)
    if kind == "kill":
        sentence += f" with {payload['weapon']}" if payload.get("weapon") else ""
        sentence += ", a headshot" if payload.get("is_headshot") else ""
    return sentence


_SENTENCES: Final = {
    "kill": "{killer_player_id} kills {victim_player_id}",
    "player_hurt": "{attacker_player_id} hits {victim_player_id}",
    "bomb_planted": "{player_id} plants the bomb",
    "bomb_defused": "{player_id} defuses the bomb",
    "bomb_exploded": "the bomb explodes",
    "round_end": "team {winner_team} wins the round",
}
