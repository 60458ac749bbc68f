"""The directories of maps, teams and players as they are served: replaced as a whole, read as a whole."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, select, update

from cs2_pipeline.records.database import Records
from cs2_pipeline.records.tables import DIRECTORY, DIRECTORY_REVISION

MAP: Final = "map"
TEAM: Final = "team"
PLAYER: Final = "player"


@dataclass(frozen=True)
class Entry:
    """A map, a team or a player.

    Attributes:
        kind: `MAP`, `TEAM` or `PLAYER`.
        id, name: how it is asked for, and called.
        matches: played on or by it.
        last_played: when the last of them began.
        about: anything else that JSON holds. Of a team `names` (all it had) and `player_ids` (its latest line-up), of a
            map `ct_share`, of a player `team_id`.
    """

    kind: str
    id: str
    name: str
    matches: int
    last_played: datetime | None
    about: Mapping[str, Any] = field(default_factory=dict)


def replace(records: Records, entries: Iterable[Entry]) -> int:
    """Put these entries in the place of all others; returns how many there are now."""
    rows = [
        {
            "kind": entry.kind,
            "id": entry.id,
            "name": entry.name[:300],
            "matches": entry.matches,
            "last_played": entry.last_played,
            "about": json.dumps(entry.about),
        }
        for entry in entries
    ]
    with records.writing() as connection:
        connection.execute(DIRECTORY.delete())
        if rows:
            connection.execute(insert(DIRECTORY), rows)
        connection.execute(update(DIRECTORY_REVISION).values(revision=DIRECTORY_REVISION.c.revision + 1))
    return len(rows)


def revision(records: Records) -> int:
    """How often the directories were replaced."""
    with records.reading() as connection:
        number: int = connection.execute(select(DIRECTORY_REVISION.c.revision)).scalar_one()
    return number


def read(records: Records) -> tuple[int, list[Entry]]:
    """The revision and all entries of it."""
    with records.reading() as connection:
        number: int = connection.execute(select(DIRECTORY_REVISION.c.revision)).scalar_one()
        rows = connection.execute(select(DIRECTORY)).all()
    return number, [
        Entry(row.kind, row.id, row.name, row.matches, row.last_played, json.loads(row.about)) for row in rows
    ]
