"""Skill cards as they are served, players' plans with their history, and how the plans' trials stand."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, insert, select, update

from cs2_pipeline.records.database import Records
from cs2_pipeline.records.tables import PLAN_PROGRESS, PLANS, SKILL_CARDS

Document = Mapping[str, Any]


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
    """

    id: str
    game: str
    player_id: str
    made_at: datetime
    ended_at: datetime | None
    body: Document
    progress: Mapping[str, Document]


def replace_cards(records: Records, game: str, cards: Mapping[str, Document], *, at: datetime) -> None:
    """Put these cards, by player, in the place of all others of the game."""
    rows = [
        {"game": game, "player_id": player, "made_at": at, "body": json.dumps(card)} for player, card in cards.items()
    ]
    with records.writing() as connection:
        connection.execute(delete(SKILL_CARDS).where(SKILL_CARDS.c.game == game))
        if rows:
            connection.execute(insert(SKILL_CARDS), rows)


def card(records: Records, game: str, player: str) -> Document | None:
    """A player's card with `made_at`; None where there is none."""
    with records.reading() as connection:
        found = connection.execute(
            select(SKILL_CARDS.c.body, SKILL_CARDS.c.made_at).where(
                SKILL_CARDS.c.game == game, SKILL_CARDS.c.player_id == player
            )
        ).one_or_none()
    return None if found is None else {**json.loads(found.body), "made_at": found.made_at}


def begin_plan(records: Records, game: str, player: str, body: Document, *, at: datetime) -> str:
    """Keep a new plan; the one before it ends. Returns its id."""
    identifier = secrets.token_hex(16)
    with records.writing() as connection:
        connection.execute(update(PLANS).where(_of(game, player), PLANS.c.ended_at.is_(None)).values(ended_at=at))
        connection.execute(
            insert(PLANS).values(id=identifier, game=game, player_id=player, made_at=at, body=json.dumps(body))
        )
    return identifier


def plans(records: Records, game: str, player: str) -> list[StoredPlan]:
    """A player's plans, the newest first."""
    return _plans(records, _of(game, player))


def followed(records: Records, game: str) -> list[StoredPlan]:
    """The plans of a game that are followed."""
    return _plans(records, and_(PLANS.c.game == game, PLANS.c.ended_at.is_(None)))


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
                delete(PLAN_PROGRESS).where(PLAN_PROGRESS.c.plan_id == plan, PLAN_PROGRESS.c.skill == skill)
            )
            connection.execute(
                insert(PLAN_PROGRESS).values(plan_id=plan, skill=skill, looked_at=at, body=json.dumps(body))
            )


def forget_plans(records: Records, game: str, player: str) -> int:
    """Delete all plans of a player and everything noted of them; returns how many plans there were."""
    with records.writing() as connection:
        mine = select(PLANS.c.id).where(_of(game, player))
        connection.execute(delete(PLAN_PROGRESS).where(PLAN_PROGRESS.c.plan_id.in_(mine)))
        return connection.execute(delete(PLANS).where(_of(game, player))).rowcount


def _of(game: str, player: str) -> Any:
    return and_(PLANS.c.game == game, PLANS.c.player_id == player)


def _plans(records: Records, condition: Any) -> list[StoredPlan]:
    with records.reading() as connection:
        rows = connection.execute(select(PLANS).where(condition).order_by(PLANS.c.made_at.desc())).all()
        noted = connection.execute(
            select(PLAN_PROGRESS).where(PLAN_PROGRESS.c.plan_id.in_([row.id for row in rows]))
        ).all()
    progress: dict[str, dict[str, Document]] = {}
    for one in noted:
        progress.setdefault(one.plan_id, {})[one.skill] = {**json.loads(one.body), "looked_at": one.looked_at}
    return [
        StoredPlan(
            row.id, row.game, row.player_id, row.made_at, row.ended_at, json.loads(row.body), progress.get(row.id, {})
        )
        for row in rows
    ]
