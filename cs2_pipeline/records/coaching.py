"""Skill cards as they are served, players' plans with their history, and how the plans' trials stand."""

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from cs2_pipeline.records.database import Records
from cs2_pipeline.records.tables import DRILL_EVIDENCE, PLAN_PROGRESS, PLAN_SHARES, PLAN_TICKS, PLANS, SKILL_CARDS

Document = Mapping[str, Any]
_BEGINNINGS: Final = 20
"""How often a plan is begun again because another of the same player was begun meanwhile."""


@dataclass(frozen=True)
class StoredPlan:
    """A plan as it was given.

    Attributes:
        id: of the plan.
        game, player_id: whose it is.
        made_at: when it began.
        ended_at: when a newer one took its place; None for the one that is followed.
        body: the plan.
        progress: by skill, how its trial stands.
        ticks: by drill, the sessions that were done.
    """

    id: str
    game: str
    player_id: str
    made_at: datetime
    ended_at: datetime | None
    body: Document
    progress: Mapping[str, Document]
    ticks: Mapping[str, tuple[int, ...]]


def replace_cards(
    records: Records, game: str, cards: Mapping[str, Document], *, at: datetime, names: Mapping[str, str] | None = None
) -> None:
    """Put these cards, by player, in the place of all others of the game; with the players' names, where given."""
    called = names or {}
    rows = [
        {"game": game, "player_id": player, "made_at": at, "body": json.dumps(card), "name": called.get(player)}
        for player, card in cards.items()
    ]
    with records.writing() as connection:
        connection.execute(delete(SKILL_CARDS).where(SKILL_CARDS.c.game == game))
        if rows:
            connection.execute(insert(SKILL_CARDS), rows)


def card(records: Records, game: str, player: str) -> Document | None:
    """A player's card with `made_at` and `name`; None where there is none."""
    with records.reading() as connection:
        found = connection.execute(
            select(SKILL_CARDS).where((SKILL_CARDS.c.game == game) & (SKILL_CARDS.c.player_id == player))
        ).one_or_none()
    return None if found is None else {**json.loads(found.body), "made_at": found.made_at, "name": found.name}


def find_cards(records: Records, game: str, text: str, *, limit: int) -> list[Document]:
    """Cards, with `name`, of players whose id or name holds a text, in whatever case."""
    columns = (SKILL_CARDS.c.player_id, SKILL_CARDS.c.name)
    found = or_(*(func.lower(column).contains(text.lower(), autoescape=True) for column in columns))
    query = select(SKILL_CARDS.c.body, SKILL_CARDS.c.name).where((SKILL_CARDS.c.game == game) & found)
    with records.reading() as connection:
        rows = connection.execute(query.order_by(SKILL_CARDS.c.player_id).limit(limit)).all()
    return [{**json.loads(row.body), "name": row.name} for row in rows]


def begin_plan(records: Records, game: str, player: str, body: Document, *, at: datetime) -> str:
    """Keep a new plan; the one before it ends. Returns its id."""
    identifier = secrets.token_hex(16)
    row = {"id": identifier, "game": game, "player_id": player, "made_at": at, "body": json.dumps(body)}
    followed = _of(game, player) & PLANS.c.ended_at.is_(None)
    for left in reversed(range(_BEGINNINGS)):
        try:
            with records.writing() as connection:
                connection.execute(update(PLANS).where(followed).values(ended_at=at))
                connection.execute(insert(PLANS).values(row))
            break
        except IntegrityError:  # another request began a plan meanwhile: that one ends
            if not left:
                raise
    return identifier


def edit_plan(records: Records, plan: str, items: Sequence[Document], *, minutes: int, at: datetime) -> None:
    """Put other items into a plan; those before stay in its history (``edits``). A deleted plan stays deleted."""
    with records.writing() as connection:
        kept = _held(connection, plan)
        if kept is None:
            return
        body = json.loads(kept)
        before = {"until": at.isoformat(), "items": body["items"], "minutes": body["minutes"]}
        body |= {"items": list(items), "minutes": minutes, "edits": [*body.get("edits", []), before]}
        connection.execute(update(PLANS).where(PLANS.c.id == plan).values(body=json.dumps(body)))


def tick(records: Records, plan: str, drill: str, session: int, *, done: bool, at: datetime) -> None:
    """Note that a session was done, or that it was not. A deleted plan stays deleted."""
    mine = (PLAN_TICKS.c.plan_id == plan) & (PLAN_TICKS.c.drill == drill) & (PLAN_TICKS.c.session == session)
    with records.writing() as connection:
        kept = _held(connection, plan)
        connection.execute(delete(PLAN_TICKS).where(mine))
        if done and kept is not None:
            connection.execute(insert(PLAN_TICKS).values(plan_id=plan, drill=drill, session=session, done_at=at))


def share(records: Records, game: str, player: str, username: str) -> None:
    """Let an account see a player's plans. Whether there is such an account is not looked up."""
    values = {"game": game, "player_id": player, "username_key": username.casefold()}
    try:
        with records.writing() as connection:
            connection.execute(insert(PLAN_SHARES).values(**values))
    except IntegrityError:
        pass  # it may already


def unshare(records: Records, game: str, player: str, username: str) -> None:
    """Let an account see a player's plans no more."""
    mine = _shares_of(game, player) & (PLAN_SHARES.c.username_key == username.casefold())
    with records.writing() as connection:
        connection.execute(delete(PLAN_SHARES).where(mine))


def shared_with(records: Records, game: str, player: str) -> list[str]:
    """The names, case-folded, of whom a player lets see the plans."""
    with records.reading() as connection:
        query = select(PLAN_SHARES.c.username_key).where(_shares_of(game, player))
        return list(connection.execute(query.order_by(PLAN_SHARES.c.username_key)).scalars())


def replace_evidence(records: Records, game: str, evidence: Mapping[str, Document], *, at: datetime) -> None:
    """Put this evidence, by drill, in the place of all other of the game."""
    rows = [
        {"game": game, "drill": drill, "made_at": at, "body": json.dumps(found)} for drill, found in evidence.items()
    ]
    with records.writing() as connection:
        connection.execute(delete(DRILL_EVIDENCE).where(DRILL_EVIDENCE.c.game == game))
        if rows:
            connection.execute(insert(DRILL_EVIDENCE), rows)


def evidence(records: Records, game: str) -> dict[str, Document]:
    """What the drills of a game did over all players, by drill."""
    with records.reading() as connection:
        rows = connection.execute(select(DRILL_EVIDENCE).where(DRILL_EVIDENCE.c.game == game)).all()
    return {row.drill: {**json.loads(row.body), "made_at": row.made_at} for row in rows}


def every_plan(records: Records, game: str) -> list[StoredPlan]:
    """All plans of a game, the newest first."""
    return _plans(records, PLANS.c.game == game)


def plans(records: Records, game: str, player: str) -> list[StoredPlan]:
    """A player's plans, the newest first."""
    return _plans(records, _of(game, player))


def followed(records: Records, game: str) -> list[StoredPlan]:
    """The plans of a game that are followed."""
    return _plans(records, (PLANS.c.game == game) & PLANS.c.ended_at.is_(None))


def note_progress(records: Records, progress: Iterable[tuple[str, str, Document]], *, at: datetime) -> None:
    """Note how trials stand.

    Args:
        records: where.
        progress: plan, skill and the trial. A plan that was deleted meanwhile is passed over.
        at: when it was looked at.
    """
    with records.writing() as connection:
        there = set(connection.execute(select(PLANS.c.id)).scalars())
        for plan, skill, body in progress:
            if plan not in there:
                continue
            connection.execute(
                delete(PLAN_PROGRESS).where((PLAN_PROGRESS.c.plan_id == plan) & (PLAN_PROGRESS.c.skill == skill))
            )
            connection.execute(
                insert(PLAN_PROGRESS).values(plan_id=plan, skill=skill, looked_at=at, body=json.dumps(body))
            )


def forget_plans(records: Records, game: str, player: str) -> int:
    """Delete all plans of a player, what was noted of them and who may see them; returns how many there were."""
    with records.writing() as connection:
        return delete_plans(connection, game, player)


def delete_plans(connection: Connection, game: str, player: str) -> int:
    """The same within a transaction that deletes more."""
    connection.execute(delete(PLAN_SHARES).where(_shares_of(game, player)))
    return connection.execute(delete(PLANS).where(_of(game, player))).rowcount  # and progress and ticks with them


def _held(connection: Connection, plan: str) -> str | None:
    """A plan's body, JSON, which nobody else changes until the transaction ends; None for a plan that was deleted."""
    held = select(PLANS.c.body).where(PLANS.c.id == plan).with_for_update()
    return connection.execute(held).scalar_one_or_none()


def _of(game: str, player: str) -> Any:
    return (PLANS.c.game == game) & (PLANS.c.player_id == player)


def _shares_of(game: str, player: str) -> Any:
    return (PLAN_SHARES.c.game == game) & (PLAN_SHARES.c.player_id == player)


def _plans(records: Records, condition: Any) -> list[StoredPlan]:
    with records.reading() as connection:
        rows = connection.execute(select(PLANS).where(condition).order_by(PLANS.c.made_at.desc())).all()
        noted = connection.execute(select(PLAN_PROGRESS).join(PLANS).where(condition)).all()
        ticked = connection.execute(
            select(PLAN_TICKS).join(PLANS).where(condition).order_by(PLAN_TICKS.c.session)
        ).all()
    ticks: dict[str, dict[str, tuple[int, ...]]] = {}
    for one in ticked:
        of_plan = ticks.setdefault(one.plan_id, {})
        of_plan[one.drill] = (*of_plan.get(one.drill, ()), one.session)
    progress: dict[str, dict[str, Document]] = {}
    for one in noted:
        progress.setdefault(one.plan_id, {})[one.skill] = {**json.loads(one.body), "looked_at": one.looked_at}
    return [
        StoredPlan(
            row.id,
            row.game,
            row.player_id,
            row.made_at,
            row.ended_at,
            json.loads(row.body),
            progress.get(row.id, {}),
            ticks.get(row.id, {}),
        )
        for row in rows
    ]
