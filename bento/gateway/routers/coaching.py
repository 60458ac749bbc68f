"""The coach: what is known of a player's skills, what to work on, and whether it helped.

Cards are made of matches that everybody may see. A plan belongs to its player: it is shown to whoever signed in with
that SteamID, to accounts the player allows, and to administrators; only the player and administrators change it.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
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
from cs2_pipeline.coaching.skills import CoachingError
from cs2_pipeline.records import coaching as stored
from cs2_pipeline.records.coaching import StoredPlan

NOT_LINKABLE: Final = (
    "plans are for players who can show that an account is theirs: Steam confirms that to this platform, and no other "
    "platform does"
)
NOTHING_KNOWN: Final = "No weakness is known."


@dataclass(frozen=True)
class Game:
    """A game the coach knows.

    Attributes:
        name: in the records.
        prefix: of its players' addresses.
        drills: address of its drills.
        skills: of its drills.
        steam: how its player ids begin for players on Steam.
    """

    name: str
    prefix: str
    drills: str
    skills: tuple[Any, ...]
    steam: str = ""


COUNTERSTRIKE: Final = Game(counterstrike.GAME, "/api/v1/players", "/api/v1/drills", counterstrike.SKILLS)
ROCKET_LEAGUE: Final = Game(
    rocket_league.GAME,
    "/api/v1/rocket-league/players",
    "/api/v1/rocket-league/drills",
    rocket_league.SKILLS,
    steam="steam:",
)
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
    """All that is known of a player. `missing` names skills of which nothing is, with the reason.

    `name` is what a Rocket League player was called in the newest game; `group` names the peers.
    """

    player: str
    name: str | None
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


class ItemWish(Wire):
    """A drill by name, and its sessions in the week."""

    drill: Annotated[str, Field(max_length=64)]
    sessions: Annotated[StrictInt, Field(ge=1, le=21)]


class PlanEdit(Wire):
    """All items of the plan as they shall be; the ones before stay in its history."""

    items: Annotated[list[ItemWish], Field(max_length=20)]


class Tick(Wire):
    """A session of a drill in the followed plan, from 1: done, or not."""

    drill: Annotated[str, Field(max_length=64)]
    session: Annotated[StrictInt, Field(ge=1, le=21)]
    done: StrictBool = True


class ShareWish(Wire):
    """An account by name. Whether there is one is not told."""

    username: Annotated[str, Field(min_length=1, max_length=64)]


class Shares(Wire):
    """The names, case-folded, of accounts that may see the plan and its progress."""

    player: str
    usernames: list[str]


class Compared(Wire):
    """A drill against another where a coin chose between the two: difference of mean effects, with a 90 % interval."""

    other: str
    players: int
    players_other: int
    difference: float
    low: float
    high: float


class DrillEvidence(Wire):
    """What a drill did over players, in standard deviations between peers, with a 90 % interval.

    The effect is no claim about causes; `experiments` are.
    """

    players: int
    effect: float
    low: float
    high: float
    experiments: list[Compared]
    made_at: datetime


class DrillItem(Wire):
    """A drill of the catalogue; `evidence` is null until enough players have tried it."""

    name: str
    title: str
    skill: str
    purpose: str
    how: str
    minutes: int
    sessions: int
    measure: str
    evidence: DrillEvidence | None


class DrillList(Wire):
    """The catalogue of a game."""

    drills: list[DrillItem]


class PlanItem(Wire):
    """A plan; `items` as they are now, `ticks` the sessions done by drill, `edits` the items before each change.

    `ended_at` is null for the one that is followed.
    """

    id: str
    made_at: datetime
    ended_at: datetime | None
    minutes: int
    note: str
    items: list[dict[str, Any]]
    ticks: dict[str, list[int]]
    edits: Annotated[list[dict[str, Any]], Field(default_factory=list)]


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
    effect_in_spreads: float | None = None
    error_in_spreads: float | None = None
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
    """The addresses of a game's cards, and all others of it."""

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

    _routes(game, ("GET", "card", card, CardItem, 200), ("GET", "weaknesses", weaknesses, WeaknessList, 200))
    _add_plans(game)
    _add_changes(game)
    _add_sharing(game)


def _add_plans(game: Game) -> None:
    async def plan(request: Request, caller: Known, identifier: str) -> Response:
        """The plan that is followed, and those before it."""
        await _readable(request, game, caller, identifier)
        return await answer(request, await _plans(request, game, identifier))

    async def begin(request: Request, caller: Known, identifier: str, body: PlanWish) -> Response:
        """Plan a week; a plan that was followed ends."""
        _owned(game, caller, identifier)
        card_found = await _stored_card(request, game, identifier)
        now = datetime.now(UTC)
        week = now.isocalendar()
        coin = f"{identifier}/{week.year}-{week.week}" if body.coin else None
        records = request.app.state.records
        known_of = await asyncio.to_thread(stored.evidence, records, game.name)
        helped = {drill: float(one["effect"]) for drill, one in known_of.items()}
        weak = findings.weaknesses(card_found)
        made = plans.plan(weak, catalogue(game), minutes=body.minutes, coin=coin, helped=helped)
        await asyncio.to_thread(stored.begin_plan, records, game.name, identifier, made.document(), at=now)
        return await answer(request, await _plans(request, game, identifier), 201)

    async def forget(request: Request, caller: Known, identifier: str) -> Response:
        """Delete all plans of a player and what came of them."""
        _owned(game, caller, identifier)
        await asyncio.to_thread(stored.forget_plans, request.app.state.records, game.name, identifier)
        return Response(status_code=204)

    async def progress(request: Request, caller: Known, identifier: str) -> Response:
        """Whether plans helped so far."""
        await _readable(request, game, caller, identifier)
        found = await asyncio.to_thread(stored.plans, request.app.state.records, game.name, identifier)
        trials = [
            Trial(plan_id=one.id, skill=skill, since=one.made_at, **body)
            for one in found
            for skill, body in one.progress.items()
        ]
        note = "" if trials else "Nothing is known yet: plans are looked at once a day, after matches were played."
        return await answer(request, ProgressList(player=identifier, trials=trials, note=note))

    _routes(
        game,
        ("GET", "plan", plan, Plans, 200),
        ("POST", "plan", begin, Plans, 201),
        ("DELETE", "plan", forget, None, 204),
        ("GET", "progress", progress, ProgressList, 200),
    )


def _add_changes(game: Game) -> None:
    async def edit(request: Request, caller: Known, identifier: str, body: PlanEdit) -> Response:
        """Change the items of the plan that is followed; its trials go on."""
        _owned(game, caller, identifier)
        followed = await _followed(request, game, identifier)
        wanted = {one.drill: one.sessions for one in body.items}
        try:
            items = plans.edited(followed.body["items"], wanted, catalogue(game))
        except CoachingError as error:
            raise Problem(422, "invalid_plan", "Not a plan", str(error)) from None
        minutes = sum(item["sessions"] * item["drill"]["minutes"] for item in items)
        records, now = request.app.state.records, datetime.now(UTC)
        await asyncio.to_thread(stored.edit_plan, records, followed.id, items, minutes=minutes, at=now)
        return await answer(request, await _plans(request, game, identifier))

    async def tick(request: Request, caller: Known, identifier: str, body: Tick) -> Response:
        """Tick a session off, or take the tick back."""
        _owned(game, caller, identifier)
        followed = await _followed(request, game, identifier)
        sessions = {item["drill"]["name"]: item["sessions"] for item in followed.body["items"]}
        if body.session > sessions.get(body.drill, 0):
            raise Problem(
                422, "not_in_plan", "Not in the plan", f"the plan has no session {body.session} of {body.drill}"
            )
        records, now = request.app.state.records, datetime.now(UTC)
        await asyncio.to_thread(stored.tick, records, followed.id, body.drill, body.session, done=body.done, at=now)
        return await answer(request, await _plans(request, game, identifier))

    _routes(game, ("PUT", "plan", edit, Plans, 200), ("PUT", "plan/ticks", tick, Plans, 200))


def _add_sharing(game: Game) -> None:
    async def shares(request: Request, caller: Known, identifier: str) -> Response:
        """Who may see the plan."""
        _owned(game, caller, identifier)
        return await answer(request, await _shares(request, game, identifier))

    async def share(request: Request, caller: Known, identifier: str, body: ShareWish) -> Response:
        """Let an account see the plan and its progress."""
        _owned(game, caller, identifier)
        await asyncio.to_thread(stored.share, request.app.state.records, game.name, identifier, body.username)
        return await answer(request, await _shares(request, game, identifier), 201)

    async def unshare(request: Request, caller: Known, identifier: str, username: str) -> Response:
        """Let an account see the plan no more."""
        _owned(game, caller, identifier)
        await asyncio.to_thread(stored.unshare, request.app.state.records, game.name, identifier, username)
        return Response(status_code=204)

    async def drills(request: Request, _: Known) -> Response:
        """The drills, with what they did over all players."""
        found = await asyncio.to_thread(stored.evidence, request.app.state.records, game.name)
        items = [
            DrillItem(**asdict(one), evidence=DrillEvidence(**found[one.name]) if one.name in found else None)
            for one in catalogue(game)
        ]
        return await answer(request, DrillList(drills=items))

    _routes(
        game,
        ("GET", "plan/shares", shares, Shares, 200),
        ("POST", "plan/shares", share, Shares, 201),
        ("DELETE", "plan/shares/{username}", unshare, None, 204),
    )
    router.add_api_route(game.drills, drills, methods=["GET"], response_model=DrillList, name=f"{game.name} drills")


def _routes(game: Game, *routes: tuple[str, str, Callable[..., Any], type[Wire] | None, int]) -> None:
    """Addresses of a player: method, path's end, function, what it answers, status."""
    for method, end, function, model, status in routes:
        router.add_api_route(
            f"{game.prefix}/{{identifier}}/{end}",
            function,
            methods=[method],
            response_model=model,
            status_code=status,
            name=f"{game.name} {end} {method.lower()}",
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


def plannable(game: Game, player: str) -> bool:
    """Whether an account can be linked to a player at all: only Steam proves to us who somebody is."""
    return player.startswith(game.steam)


def _owned(game: Game, caller: Caller, player: str) -> None:
    if not owns(game, caller, player):
        if not plannable(game, player):
            raise Problem(403, "not_linkable", "No plans for this player", NOT_LINKABLE)
        detail = "a plan is shown to its player: sign in, and link this SteamID to the account at /auth/steam"
        if caller.user is None:
            raise unauthorized(detail)
        raise Problem(403, "not_yours", "Somebody else's plan", detail)


async def _readable(request: Request, game: Game, caller: Caller, player: str) -> None:
    """Let the player, administrators and whom the player allows pass."""
    if not owns(game, caller, player) and caller.user is not None:
        allowed = await asyncio.to_thread(stored.shared_with, request.app.state.records, game.name, player)
        if caller.user.username.casefold() in allowed:
            return
    _owned(game, caller, player)


async def _followed(request: Request, game: Game, player: str) -> StoredPlan:
    found = await asyncio.to_thread(stored.plans, request.app.state.records, game.name, player)
    followed = next((one for one in found if one.ended_at is None), None)
    if followed is None:
        raise Problem(404, "not_found", "No plan", "there is no plan yet: POST one first")
    return followed


async def _shares(request: Request, game: Game, player: str) -> Shares:
    found = await asyncio.to_thread(stored.shared_with, request.app.state.records, game.name, player)
    return Shares(player=player, usernames=found)


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
    ticks = {drill: list(done) for drill, done in one.ticks.items()}
    return PlanItem(id=one.id, made_at=one.made_at, ended_at=one.ended_at, ticks=ticks, **one.body)


for _game in GAMES:
    add(_game)
