"""The story of a match for people: the curve of its price by map, the biggest swings, who moved the price."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.http.wire import Wire, answer
from bento.gateway.live import reading
from bento.gateway.live.matches import match_row
from bento.gateway.live.room import ask
from bento.gateway.live.views import Row, Team
from cs2_pipeline.live import story
from cs2_pipeline.live.history import queries

router: Final = APIRouter(prefix="/api/v1", tags=["live matches"])
Reader = Annotated[Caller, Depends(allow(Scope.LIVE_READ))]

MOST_SWINGS: Final = 5


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
                   words=story.words_of(one["type"], one.get("payload") or {}), payload=one.get("payload") or {})
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
    found = list(story.swings(rows, bodies))
    movers = [
        Mover(player_id=player, team=team, moved=round(change, 6))
        for (player, team), change in story.movers(found).items()
    ]
    biggest = sorted(found, key=lambda one: -abs(one.change))[:MOST_SWINGS]
    return MapCurve(
        map_id=map_id,
        points=Points(
            at=[story.moment_of(row, bodies) for row in rows],
            **{name: [row[name] for row in rows] for name in ("event_id", "round_no", "trigger")},
            **{name: [row[f"map_{name}"] for row in rows] for name in ("p", "low", "high")},
            **{name: [row[name] for row in rows] for name in ("round_p", "round_low", "round_high")},
        ),
        swings=[Swing(**asdict(one)) for one in biggest],
        movers=sorted(movers, key=lambda one: (-one.moved, one.player_id)),
    )
