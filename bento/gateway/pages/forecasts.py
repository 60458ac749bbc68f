"""Forecasts and players: pages over the directories and the ledger; their scripts ask the public API."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.pages.coach import of_player
from bento.gateway.pages.site import page
from bento.gateway.routers.coaching import COUNTERSTRIKE
from bento.gateway.routers.directories import not_there
from cs2_pipeline.forecasting.directories import Directories
from cs2_pipeline.records import coaching as stored

router: Final = APIRouter(include_in_schema=False)
Forecasting = Annotated[Caller, Depends(allow(Scope.FORECAST))]

MOST_TEAMS: Final = 500
MOST_PLAYERS: Final = 200
LONGEST_SEARCH: Final = 100


@router.get("/forecasts")
async def forecasts(request: Request, _: Forecasting) -> Response:
    """The form, the newest forecasts, how good they were, and the ledger."""
    request.app.state.champion_asked_for = True  # so that it is there by the time a question is sent
    known = directories_of(request)
    teams = sorted(known.teams.listed, key=lambda team: -team.matches)[:MOST_TEAMS]
    maps = [known.maps.get(one) for one in known.pool]
    return page(
        request,
        "forecasts.html",
        teams=sorted(teams, key=lambda team: team.name.casefold()),
        maps=[one for one in maps if one is not None],
        chosen=[request.query_params.get(name, "") for name in ("team1", "team2")],
    )


@router.get("/players")
async def players(request: Request, _: Forecasting, q: str = "") -> Response:
    """Players by name, those of most matches first."""
    known = directories_of(request)
    found = known.players.find(q.strip()[:LONGEST_SEARCH]) if q.strip() else list(known.players.listed)
    found.sort(key=lambda player: -player.matches)
    return page(
        request, "players.html", players=found[:MOST_PLAYERS], teams=known.teams, q=q, more=len(found) > MOST_PLAYERS
    )


@router.get("/players/{identifier}")
async def player(request: Request, _: Forecasting, identifier: str) -> Response:
    """A player: matches, team, skill card; the script asks for the plan, which only its player may see."""
    known = directories_of(request)
    found = known.players.get(identifier)
    if found is None:
        raise not_there(known.players.kind)
    team = known.teams.get(found.about.get("team_id") or "")
    card = await asyncio.to_thread(stored.card, request.app.state.records, COUNTERSTRIKE.name, identifier)
    mates = [known.players.get(one) for one in (team.about.get("player_ids", ()) if team else ()) if one != identifier]
    mates = [one for one in mates if one is not None]
    coach = of_player(COUNTERSTRIKE, identifier)
    return page(request, "player.html", player=found, team=team, mates=mates, card=card, coach=coach)


def directories_of(request: Request) -> Directories:
    """The directories as they are now."""
    found: Directories = request.app.state.forecasting.directories
    return found
