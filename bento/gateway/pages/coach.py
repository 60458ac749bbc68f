"""The coach's own pages: the drills with what they did, and Rocket League's players; all over the public API's data."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response

from bento.gateway.access import Caller, known
from bento.gateway.pages.site import page
from bento.gateway.routers.coaching import COUNTERSTRIKE, NOT_LINKABLE, ROCKET_LEAGUE, Game, catalogue, plannable
from cs2_pipeline.records import coaching as stored

router: Final = APIRouter(include_in_schema=False)
Known = Annotated[Caller, Depends(known)]

MOST_PLAYERS: Final = 200
LONGEST_SEARCH: Final = 100
REACH: Final = 1.5
"""Standard deviations between peers that a picture of an effect shows on either side."""
DRILL_PAGES: Final = {COUNTERSTRIKE: "/drills", ROCKET_LEAGUE: "/rocket-league/drills"}
TITLES: Final = {COUNTERSTRIKE: "Counter-Strike", ROCKET_LEAGUE: "Rocket League"}


@dataclass(frozen=True)
class OfPlayer:
    """What the template of card and plan reads besides the card.

    Attributes:
        api: address of the player in the API.
        drills: address of the page of drills.
        no_card: said where there is no card.
        owner: said of whom a plan is shown to.
        plannable: whether anybody but administrators can plan here.
    """

    api: str
    drills: str
    no_card: str
    owner: str
    plannable: bool


def of_player(game: Game, player: str) -> OfPlayer:
    """For a player's card and plan."""
    no_card = "No card yet: cards are made once a day from the matches in the demo database."
    owner = "A plan is shown to its player, who signs in through Steam."
    if game is ROCKET_LEAGUE:
        no_card = "No card yet: none of this player's games was read, or the cards of the day are not made."
    can = plannable(game, player)
    if not can:
        owner = f"There is no plan here: {NOT_LINKABLE}."
    return OfPlayer(f"{game.prefix}/{quote(player, safe='')}", DRILL_PAGES[game], no_card, owner, can)


@router.get("/drills")
async def counterstrike_drills(request: Request, _: Known) -> Response:
    """Counter-Strike's drills."""
    return await _drills(request, COUNTERSTRIKE)


@router.get("/rocket-league/drills")
async def rocket_league_drills(request: Request, _: Known) -> Response:
    """Rocket League's drills."""
    return await _drills(request, ROCKET_LEAGUE)


@router.get("/rocket-league/players")
async def players(request: Request, _: Known, q: str = "") -> Response:
    """Players with a card, found by name or by an id of any platform."""
    text = q.strip()[:LONGEST_SEARCH]
    records = request.app.state.records
    cards = await asyncio.to_thread(stored.find_cards, records, ROCKET_LEAGUE.name, text, limit=MOST_PLAYERS + 1)
    cards.sort(key=lambda card: -card["matches"])
    more = len(cards) > MOST_PLAYERS
    return page(request, "rocket-league-players.html", cards=cards[:MOST_PLAYERS], q=q, more=more)


@router.get("/rocket-league/players/{identifier}")
async def player(request: Request, _: Known, identifier: str) -> Response:
    """A player's card; the script asks for the plan, which only its player may see."""
    card = await asyncio.to_thread(stored.card, request.app.state.records, ROCKET_LEAGUE.name, identifier)
    platform, _found, on_platform = identifier.partition(":")
    name = (card["name"] if card is not None else None) or on_platform or platform
    coach = of_player(ROCKET_LEAGUE, identifier)
    who = {"platform": platform, "identifier": identifier, "name": name}
    return page(request, "rocket-league-player.html", card=card, coach=coach, player=who)


async def _drills(request: Request, game: Game) -> Response:
    evidence = await asyncio.to_thread(stored.evidence, request.app.state.records, game.name)
    drills = catalogue(game)
    groups = [
        (skill, of_skill) for skill in game.skills if (of_skill := [one for one in drills if one.skill == skill.name])
    ]
    titles = {one.name: one.title for one in drills}
    pages = [(DRILL_PAGES[one], TITLES[one]) for one in DRILL_PAGES]
    return page(
        request,
        "drills.html",
        groups=groups,
        evidence=evidence,
        titles=titles,
        game=TITLES[game],
        pages=pages,
        reach=REACH,
    )
