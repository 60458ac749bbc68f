"""The story of a match for people: the curve of its price by map, the biggest swings, who moved the price."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.http.wire import Wire, answer
from bento.gateway.live import reading
from bento.gateway.live.matches import match_row
from bento.gateway.live.room import ask, live_of
from bento.gateway.live.views import Row, Side, Team
from bento.http.problems import Problem
from cs2_pipeline.artifact.catalog import ROUND
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.live import story
from cs2_pipeline.live.history import queries
from cs2_pipeline.registry.champion import ArtifactError, ModelStore, RegistryError, RegistryUnavailableError
from cs2_pipeline.settings import Settings

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


class Known(Wire):
    """What was known of a team in a round; null where no source told.

    Money and the value of the equipment in dollars, of the whole team; `health` is added up over the living.
    """

    alive: int | None
    money: float | None
    equip_value: float | None
    health: float | None


class KnownMoment(Wire):
    """What was known in a round right after an event."""

    event_id: str
    time_remaining: float | None
    bomb_planted: bool
    team_a_side: Side
    team_a: Known
    team_b: Known


class VersionCurve(Wire):
    """A map's prices by one version of the round model.

    `log_loss` is the mean over the moments of decided rounds; null before one is decided.
    """

    version: str
    event_id: list[str]
    round_no: list[int]
    p: list[float | None]
    round_p: list[float | None]
    log_loss: float | None


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


@router.get("/matches/{match_id}/maps/{map_id}/rounds/{round_no}/states", response_model=list[KnownMoment])
async def round_states(request: Request, _: Reader, match_id: str, map_id: str, round_no: int) -> Response:
    """What was known at each moment of a round: the economies of both sides, who lived, the clock."""
    await match_row(request, match_id)
    found = await asyncio.to_thread(story.moments, match_id, await _events(request, match_id))
    shown = [
        KnownMoment(
            event_id=one.event_id,
            time_remaining=one.state["time_remaining"],
            bomb_planted=bool(one.state["bomb_planted"]),
            team_a_side=one.a_side,
            team_a=Known(**sides["A"]),
            team_b=Known(**sides["B"]),
        )
        for one in found
        if (one.map_id, one.round_no) == (map_id, round_no) and one.state and one.a_side and (sides := story.known(one))
    ]
    return await answer(request, shown)


@router.get("/matches/{match_id}/maps/{map_id}/versions", response_model=list[VersionCurve])
async def by_versions(
    request: Request,
    _: Reader,
    match_id: str,
    map_id: str,
    version: Annotated[list[str], Query(min_length=1, max_length=2, description="of the round model")],
) -> Response:
    """The prices of a map as one or two versions of the round model give them, promoted or not."""
    await match_row(request, match_id)
    bodies = await _events(request, match_id)
    forecaster = live_of(request).champion.forecaster()
    shown = []
    for number in version:
        model = await asyncio.to_thread(_model, request.app.state.settings, number)
        rows = await asyncio.to_thread(story.priced, match_id, bodies, model, forecaster)
        shown.append(_by_version(number, [row for row in rows if row["map_id"] == map_id]))
    return await answer(request, shown)


def _by_version(version: str, rows: Sequence[Row]) -> VersionCurve:
    return VersionCurve(
        version=version,
        event_id=[row["event_id"] for row in rows],
        round_no=[row["round_no"] for row in rows],
        p=[row["map_p"] for row in rows],
        round_p=[row["round_p"] for row in rows],
        log_loss=story.log_loss(rows),
    )


def _model(settings: Settings, number: str) -> RoundPredictor:
    """A version of the round model.

    Raises:
        Problem: 404 there is no such version, 503 it cannot be fetched or does not work.
    """
    store = ModelStore(settings.resolved_tracking_uri(), settings.champion_cache)
    try:
        version = store.version(ROUND.name, number)
        return _loaded(version.digest, lambda: RoundPredictor.ready(version, store.artifact(version)))
    except RegistryUnavailableError as error:
        raise Problem(503, "registry_unreachable", "MLflow does not answer", str(error)) from error
    except RegistryError as error:
        raise Problem(404, "unknown_version", "Unknown version", str(error)) from error
    except ArtifactError as error:
        raise Problem(503, "version_refused", "This version cannot be used", str(error)) from error


_LOADED: Final[OrderedDict[str, RoundPredictor]] = OrderedDict()
_MOST_LOADED: Final = 4


def _loaded(digest: str, make: Callable[[], RoundPredictor]) -> RoundPredictor:
    """A version that was asked for lately is kept: an artifact's graph takes longer to load than to run."""
    found = _LOADED.pop(digest, None) or make()
    _LOADED[digest] = found
    while len(_LOADED) > _MOST_LOADED:
        _LOADED.popitem(last=False)
    return found


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
