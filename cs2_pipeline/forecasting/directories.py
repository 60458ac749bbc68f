"""Maps, teams and players in memory: found by id, by part of a name, or by the nearest name to a wrong one."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

from cs2_pipeline.records import directories as stored
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.directories import MAP, PLAYER, TEAM, Entry

NEAREST: Final = 3
_COMPARED: Final = 5000
"""Names compared with a wrong one, those of the most matches: all of them would take too long to answer."""


class Directory:
    """All entries of one kind.

    Attributes:
        kind: what they are, for messages.
        listed: all entries, sorted by name and id.
    """

    def __init__(self, kind: str, entries: Iterable[Entry]) -> None:
        self.kind = kind
        self.listed: Sequence[Entry] = sorted(entries, key=place)
        self._by_id = {entry.id: entry for entry in self.listed}

    def get(self, identifier: str) -> Entry | None:
        """An entry by its id."""
        return self._by_id.get(identifier)

    def find(self, part: str) -> list[Entry]:
        """Entries whose name, one of whose names, or whose id holds a part, whatever its case."""
        wanted = part.casefold()
        return [entry for entry in self.listed if any(wanted in name.casefold() for name in names(entry))]

    def named(self, name: str) -> list[Entry]:
        """Entries that are called exactly so or have this id, whatever its case; those of most matches first."""
        wanted = name.casefold()
        found = [entry for entry in self.listed if any(wanted == one.casefold() for one in names(entry))]
        return sorted(found, key=lambda entry: -entry.matches)

    def nearest(self, wrong: str) -> list[Entry]:
        """The entries whose ids or names are most like a wrong one, the nearest first."""
        compared = sorted(self.listed, key=lambda entry: -entry.matches)[:_COMPARED]
        likeness = {
            entry.id: max(
                difflib.SequenceMatcher(None, wrong.casefold(), one.casefold()).ratio() for one in names(entry)
            )
            for entry in compared
        }
        return sorted(compared, key=lambda entry: -likeness[entry.id])[:NEAREST]


class Directories:
    """The three directories of one revision.

    Attributes:
        revision: how often they were replaced before.
        pool: ids of the maps of the days before the newest match: those that a series may be played on.
    """

    def __init__(self, revision: int, entries: Iterable[Entry]) -> None:
        listed = list(entries)
        self.revision = revision
        self.maps, self.teams, self.players = (
            Directory(kind, [entry for entry in listed if entry.kind == kind]) for kind in (MAP, TEAM, PLAYER)
        )
        self.pool = _pool(self.maps)


POOL_SIZE: Final = 7
"""Maps of the game's active pool."""


def _pool(maps: Directory) -> tuple[str, ...]:
    """The maps played last, as many as a pool has: one that left it is not played any more, one that came is."""
    played = [(entry.last_played.toordinal() // 30, entry) for entry in maps.listed if entry.last_played is not None]
    newest = sorted(played, key=lambda one: (-one[0], -one[1].matches, one[1].id))
    return tuple(sorted(entry.id for _, entry in newest[:POOL_SIZE]))


def load(records: Records) -> Directories:
    """The directories as the records have them now."""
    return Directories(*stored.read(records))


def place(entry: Entry) -> tuple[str, str]:
    """Where an entry stands in a list."""
    return entry.name.casefold(), entry.id


def names(entry: Entry) -> list[str]:
    """All that an entry is or was called, its id included."""
    return [entry.id, entry.name, *entry.about.get("names", ())]
