"""The coach: what is known of a player's skills, what to work on, and whether it helped.

Cards are made of matches that everybody may see. A plan belongs to its player: it is shown to whoever signed in with
that SteamID, and to administrators.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, StrictBool, StrictInt

from bento.gateway.access import Caller, Scope, known
from bento.gateway.http.wire import Wire, answer
from bento.http.problems import Problem, unauthorized
from cs2_pipeline.coaching import findings, plans
from cs2_pipeline.coaching.counterstrike import skills as counterstrike
from cs2_pipeline.coaching.drills import Drill, shipped
from cs2_pipeline.coaching.rocket_league import skills as rocket_league
from cs2_pipeline.records import coaching as stored
from cs2_pipeline.records.coaching import StoredPlan

NOTHING_KNOWN: Final = "No weakness is known."


@dataclass(frozen=True)
class Game:
    """A game the coach knows.

    Attributes:
        name: in the records.
        prefix: of its addresses.
        skills: of its drills.
        steam: how its player ids begin for players on Steam.
    """

    name: str
    prefix: str
    skills: tuple[Any, ...]
    steam: str = ""


COUNTERSTRIKE: Final = Game(counterstrike.GAME, "/api/v1/players", counterstrike.SKILLS)
ROCKET_LEAGUE: Final = Game(rocket_league.GAME, "/api/v1/rocket-league/players", rocket_league.SKILLS, steam="steam:")
GAMES: Final = (COUNTERSTRIKE, ROCKET_LEAGUE)
router: Final = APIRouter(tags=["coaching"])

Known = Annotated[Caller, Depends(known)]


class SkillLine(Wire):
    """A skill: the percentile among peers with its 90 % interval, and how many more matches it takes to know."""

    skill: str
    title: str
    category: str
    definition: str
    unit: str
    higher_is_better: bool
    judged: bool
    value: float
    value_interval: tuple[float, float]
    raw: float
    median: float
    peers: int
    percentile: float
    interval: tuple[float, float]
    standing: str
    matches: int
    exposure: float
    exposure_unit: str
    matches_needed: int | None
    reliability: float | None
    advised: bool
    worth: float | None


class CardItem(Wire):
    """All that is known of a player. `missing` names skills of which nothing is, with the reason."""

    player: str
    group: str
    matches: int
    made_at: datetime
    lines: list[SkillLine]
    weaknesses: list[str]
    missing: dict[str, str]


class WeaknessList(Wire):
    """At most three known weaknesses, those worth most first; none, said plainly, where none is known."""

    player: str
    weaknesses: list[SkillLine]
    note: str


class PlanWish(Wire):
    """The minutes there are in the week; `coin` lets a coin decide between two drills that fit, an experiment."""

    minutes: Annotated[StrictInt, Field(ge=plans.LEAST_MINUTES, le=plans.MOST_MINUTES)]
    coin: StrictBool = False


class PlanItem(Wire):
    """A plan; `items` as it was given. `ended_at` is null for the one that is followed."""

    id: str
    made_at: datetime
    ended_at: datetime | None
    minutes: int
    note: str
    items: list[dict[str, Any]]


class Plans(Wire):
    """The plan that is followed, and those before it, the newest first."""

    player: str
    plan: PlanItem | None
    former: list[PlanItem]


class Trial(Wire):
    """Whether a plan's drills for a skill helped so far: `helped`, `did not help` or `not known yet`.

    `effect` is the change beyond the peers', in the skill's unit, positive where it got better, with a 90 % interval.
    """

    plan_id: str
    skill: str
    since: datetime
    looked_at: datetime
    answer: str
    effect: float | None
    low: float | None
    high: float | None
    odds_helped: float
    odds_did_not: float
    matches: int
    matches_needed: int | None


class ProgressList(Wire):
    """Trials of the followed plan and of those before it. `note` says why there are none."""

    player: str
    trials: list[Trial]
    note: str


def add(game: Game) -> None:
    """The addresses of a game."""

    async def card(request: Request, _: Known, identifier: str) -> Response:
        """What is known of a player's skills."""
        return await answer(request, _card(await _stored_card(request, game, identifier)))

    async def weaknesses(request: Request, _: Known, identifier: str) -> Response:
        """A player's known weaknesses."""
        found = _card(await _stored_card(request, game, identifier))
        lines = {line.skill: line for line in found.lines}
        weak = [lines[skill] for skill in found.weaknesses]
        return await answer(
            request, WeaknessList(player=identifier, weaknesses=weak, note="" if weak else NOTHING_KNOWN)
        )

    async def plan(request: Request, caller: Known, identifier: str) -> Response:
        """The plan that is followed, and those before it."""
        _owned(game, caller, identifier)
        return await answer(request, await _plans(request, game, identifier))

    async def begin(request: Request, caller: Known, identifier: str, body: PlanWish) -> Response:
        """Plan a week; a plan that was followed ends."""
        _owned(game, caller, identifier)
        card_found = await _stored_card(request, game, identifier)
        now = datetime.now(UTC)
        week = now.isocalendar()
        coin = f"{identifier}/{week.year}-{week.week}" if body.coin else None
        made = plans.plan(findings.weaknesses(card_found), catalogue(game), minutes=body.minutes, coin=coin)
        records = request.app.state.records
        await asyncio.to_thread(stored.begin_plan, records, game.name, identifier, made.document(), at=now)
        return await answer(request, await _plans(request, game, identifier), 201)

    async def forget(request: Request, caller: Known, identifier: str) -> Response:
        """Delete all plans of a player and what came of them."""
        _owned(game, caller, identifier)
        await asyncio.to_thread(stored.forget_plans, request.app.state.records, game.name, identifier)
        return Response(status_code=204)

    async def progress(request: Request, caller: Known, identifier: str) -> Response:
        """Whether plans helped so far."""
        _owned(game, caller, identifier)
        found = await asyncio.to_thread(stored.plans, request.app.state.records, game.name, identifier)
        trials = [
            Trial(plan_id=one.id, skill=skill, since=one.made_at, **body)
            for one in found
            for skill, body in one.progress.items()
        ]
        note = "" if trials else "Nothing is known yet: plans are looked at once a day, after matches were played."
        return await answer(request, ProgressList(player=identifier, trials=trials, note=note))

    path, label = f"{game.prefix}/{{identifier}}", game.name
    for method, end, function, model, status in (
        ("GET", "card", card, CardItem, 200),
        ("GET", "weaknesses", weaknesses, WeaknessList, 200),
        ("GET", "plan", plan, Plans, 200),
        ("POST", "plan", begin, Plans, 201),
        ("DELETE", "plan", forget, None, 204),
        ("GET", "progress", progress, ProgressList, 200),
    ):
        router.add_api_route(
            f"{path}/{end}",
            function,
            methods=[method],
            response_model=model,
            status_code=status,
            name=f"{label} {end} {method.lower()}",
        )


@cache
def catalogue(game: Game) -> tuple[Drill, ...]:
    """The drills of a game."""
    return shipped(game.name, game.skills)


def owns(game: Game, caller: Caller, player: str) -> bool:
    """Whether a player's plan may be shown to a caller."""
    if Scope.ADMIN in caller.scopes:
        return True
    steam_id = caller.user.steam_id if caller.user is not None else None
    return steam_id is not None and f"{game.steam}{steam_id}" == player


def _owned(game: Game, caller: Caller, player: str) -> None:
    if not owns(game, caller, player):
        detail = "a plan is shown to its player: sign in, and link this SteamID to the account at /auth/steam"
        if caller.user is None:
            raise unauthorized(detail)
        raise Problem(403, "not_yours", "Somebody else's plan", detail)


async def _stored_card(request: Request, game: Game, player: str) -> Mapping[str, Any]:
    found = await asyncio.to_thread(stored.card, request.app.state.records, game.name, player)
    if found is None:
        detail = "there is no card of this player: none of their matches was read, or the cards of the day are not made"
        raise Problem(404, "not_found", "Nothing has this id", detail)
    return found


def _card(document: Mapping[str, Any]) -> CardItem:
    return CardItem(**{**document, "lines": [SkillLine(**line) for line in document["lines"]]})


async def _plans(request: Request, game: Game, player: str) -> Plans:
    found = await asyncio.to_thread(stored.plans, request.app.state.records, game.name, player)
    items = [_plan(one) for one in found]
    followed = next((one for one in items if one.ended_at is None), None)
    return Plans(player=player, plan=followed, former=[one for one in items if one.ended_at is not None])


def _plan(one: StoredPlan) -> PlanItem:
    return PlanItem(id=one.id, made_at=one.made_at, ended_at=one.ended_at, **one.body)


for _game in GAMES:
    add(_game)
