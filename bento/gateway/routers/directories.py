"""Directories of maps, teams and players, made from the platform's own data."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from bento.gateway.access import Caller, known
from bento.gateway.http import paging
from bento.gateway.http.paging import After, Limit, Page
from bento.gateway.http.wire import Wire, answer
from bento.http.problems import Problem
from cs2_pipeline.forecasting.directories import Directory, place
from cs2_pipeline.records.directories import Entry

router: Final = APIRouter(prefix="/api/v1", tags=["directories"])

Known = Annotated[Caller, Depends(known)]
Part = Annotated[str | None, Query(max_length=100, description="part of a name")]


class MapItem(Wire):
    """A map; `ct_share` is the share of rounds that CT won on it."""

    id: str
    name: str
    matches: int
    last_played: datetime | None
    ct_share: float | None


class TeamItem(Wire):
    """A team: line-ups that share three or more players in a row. `names` are all it had, `player_ids` its latest."""

    id: str
    name: str
    matches: int
    last_played: datetime | None
    won: int | None
    names: list[str]
    player_ids: list[str]


class PlayerItem(Wire):
    """A player and the team last played for."""

    id: str
    name: str
    matches: int
    last_played: datetime | None
    won: int | None
    team_id: str | None


@router.get("/maps", response_model=Page[MapItem])
async def maps(request: Request, _: Known, limit: Limit = 50, after: After = None, q: Part = None) -> Response:
    """Maps that were played, by name."""
    return await _page(request, request.app.state.forecasting.directories.maps, limit, after, q, _map)


@router.get("/maps/{identifier}", response_model=MapItem)
async def one_map(request: Request, _: Known, identifier: str) -> Response:
    """One map."""
    return await answer(request, _map(_one(request.app.state.forecasting.directories.maps, identifier)))


@router.get("/teams", response_model=Page[TeamItem])
async def teams(request: Request, _: Known, limit: Limit = 50, after: After = None, q: Part = None) -> Response:
    """Teams that played, by name."""
    return await _page(request, request.app.state.forecasting.directories.teams, limit, after, q, _team)


@router.get("/teams/{identifier}", response_model=TeamItem)
async def one_team(request: Request, _: Known, identifier: str) -> Response:
    """One team."""
    return await answer(request, _team(_one(request.app.state.forecasting.directories.teams, identifier)))


@router.get("/players", response_model=Page[PlayerItem])
async def players(request: Request, _: Known, limit: Limit = 50, after: After = None, q: Part = None) -> Response:
    """Players who played, by name."""
    return await _page(request, request.app.state.forecasting.directories.players, limit, after, q, _player)


@router.get("/players/{identifier}", response_model=PlayerItem)
async def one_player(request: Request, _: Known, identifier: str) -> Response:
    """One player."""
    return await answer(request, _player(_one(request.app.state.forecasting.directories.players, identifier)))


async def _page(  # noqa: PLR0917
    request: Request, directory: Directory, limit: int, after: str | None, part: str | None, shown: Any
) -> Response:
    found = directory.find(part) if part else directory.listed
    position = paging.decode(after, list)
    if position is not None:
        found = [entry for entry in found if list(place(entry)) > [str(one) for one in position]]
    page = paging.page(found[: limit + 1], limit, place)
    page.items = [shown(entry) for entry in page.items]
    return await answer(request, page)


def _one(directory: Directory, identifier: str) -> Entry:
    entry = directory.get(identifier)
    if entry is None:
        raise not_there(directory.kind)
    return entry


def not_there(kind: str) -> Problem:
    """404: nothing has this id."""
    return Problem(404, "not_found", "Nothing has this id", f"there is no such {kind}")


def _common(entry: Entry) -> dict[str, Any]:
    return {"id": entry.id, "name": entry.name, "matches": entry.matches, "last_played": entry.last_played}


def _map(entry: Entry) -> MapItem:
    return MapItem(**_common(entry), ct_share=entry.about.get("ct_share"))


def _team(entry: Entry) -> TeamItem:
    about = entry.about
    names, players_ = list(about.get("names", ())), list(about.get("player_ids", ()))
    return TeamItem(**_common(entry), won=about.get("won"), names=names, player_ids=players_)


def _player(entry: Entry) -> PlayerItem:
    return PlayerItem(**_common(entry), won=entry.about.get("won"), team_id=entry.about.get("team_id"))
