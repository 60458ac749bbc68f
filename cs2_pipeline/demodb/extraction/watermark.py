"""How far a demo database has been filled, and which match days newer demos touch.

Only the question "what is new" belongs here. A demo counts as new by the time it was parsed and by its Id, so that a
demo parsed late for an old day is found. A demo without a match does not count yet: an application may write the one
long before the other.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Unicode, cast, func, or_, select, type_coerce

from cs2_pipeline.demodb.connection import dialect
from cs2_pipeline.demodb.connection.connect import DemoDatabase

FIRST_DAY: Final = date(2000, 1, 1)
"""A start before it was never set: the zero of the application's clock, not a match day."""
LAST_DAY: Final = date(2099, 12, 31)
"""A start after it was never meant."""
_NAMED: Final = 5
"""Matches without a day that are named."""


@dataclass(frozen=True, order=True)
class Watermark:
    """The newest demo of a database, among those with a match.

    Attributes:
        parsed_at: when the demo parsed last was parsed (UTC), None for a database without demos.
        demo_id: the highest Id of a demo, 0 without demos.
    """

    demo_id: int = 0
    parsed_at: datetime | None = None

    def __str__(self) -> str:
        """The text form, which `parse` reads back: ``42@2026-01-31T12:00:00+00:00``."""
        return f"{self.demo_id}@{self.parsed_at.isoformat() if self.parsed_at else ''}"

    def covers(self, other: "Watermark") -> bool:
        """Whether whoever has seen everything up to this watermark has seen everything up to the other."""
        if other.parsed_at is not None and (self.parsed_at is None or self.parsed_at < other.parsed_at):
            return False
        return self.demo_id >= other.demo_id

    def joined(self, other: "Watermark") -> "Watermark":
        """The least watermark that covers both."""
        times = [mark.parsed_at for mark in (self, other) if mark.parsed_at is not None]
        return Watermark(max(self.demo_id, other.demo_id), max(times, default=None))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The watermark of a text form.

        Raises:
            ValueError: the text is no watermark.
        """
        demo_id, separator, parsed_at = text.partition("@")
        if not separator or not demo_id.isdigit():
            raise ValueError(f"{text!r} is not a watermark; one looks like 42@2026-01-31T12:00:00+00:00")
        return cls(int(demo_id), datetime.fromisoformat(parsed_at) if parsed_at else None)


def first_match_day(path: Path) -> date | None:
    """The first match day of an embedded demo database; None where there is none, or no such database yet."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            wanted = 'SELECT MIN("StartTime") FROM "Matches" WHERE "StartTime" >= ?'
            (first,) = connection.execute(wanted, (FIRST_DAY.isoformat(),)).fetchone()
        return date.fromisoformat(first[:10]) if first is not None else None
    except (sqlite3.Error, ValueError, TypeError):  # whoever extracts says what is wrong with the database
        return None


def has_day(started_at: ColumnElement[Any], dialect_name: str) -> ColumnElement[bool]:
    """The condition that a match's start was recorded: a time from `FIRST_DAY` to `LAST_DAY`."""
    return dialect.in_days(started_at, FIRST_DAY, LAST_DAY, dialect_name)


def without_a_day(db: DemoDatabase) -> str:
    """A sentence that counts and names the matches whose start is no time of a match day; empty where there is none.

    Such a match belongs to no partition, so that no extraction sees it.

    Raises:
        DemoDatabaseError: the database cannot be read.
    """
    match, sqlite = db.schema["Matches"], db.engine.dialect.name == "sqlite"
    start = match["StartTime"]
    written = type_coerce(start, Unicode()) if sqlite else cast(start, Unicode(40))
    dated = has_day(start, db.engine.dialect.name)
    query = (
        select(match["Id"].label("match_id"), written.label("start"))
        .where(or_(start.is_(None), ~dated))
        .order_by(match["Id"])
    )
    found = db.read(query).to_pylist()
    if not found:
        return ""
    named = [f"{row['match_id']} ({row['start'] or 'none'})" for row in found[:_NAMED]]
    others = f" and {len(found) - _NAMED:,} more" if len(found) > _NAMED else ""
    return (
        f"matches whose StartTime is no time from {FIRST_DAY.year} to {LAST_DAY.year}, so that no day holds them: "
        f"{len(found):,}, with the Ids {', '.join(named)}{others}; set Matches.StartTime."
    )


def read(db: DemoDatabase) -> Watermark:
    """The database's watermark as it is now.

    Raises:
        DemoDatabaseError: the database cannot be read.
    """
    demo, match = db.schema["DemoFiles"], db.schema["Matches"]
    newest = func.max(demo["Id"]).label("demo_id"), func.max(demo["ParsedAt"]).label("parsed_at")
    query = select(*newest).join_from(demo.clause, match.clause, match["DemoFileId"] == demo["Id"])
    found = db.read(query).to_pylist()[0]
    return Watermark(found["demo_id"] or 0, found["parsed_at"])


def newest_by_day(db: DemoDatabase, since: Watermark | None) -> dict[date, Watermark]:
    """The newest demo of each UTC day that a demo newer than the watermark touches; of every day for None.

    A day is touched when a match of the demo started on it. Matches whose start was never recorded belong to no day
    (`without_a_day`).

    Raises:
        DemoDatabaseError: the database cannot be read.
    """
    demo, match = db.schema["DemoFiles"], db.schema["Matches"]
    columns = (demo["Id"].label("demo_id"), demo["ParsedAt"].label("parsed_at"), match["StartTime"].label("started_at"))
    query = (
        select(*columns)
        .join_from(demo.clause, match.clause, match["DemoFileId"] == demo["Id"])
        .where(has_day(match["StartTime"], db.engine.dialect.name))
    )
    seen = since or Watermark()
    if seen.parsed_at is not None:
        # The server narrows the search to whole days; to the microsecond it is decided here, because servers keep
        # and compare times at different precisions.
        parsed_day = seen.parsed_at.astimezone(UTC).date()
        late = dialect.from_day(demo["ParsedAt"], parsed_day, db.engine.dialect.name)
        query = query.where(or_(demo["Id"] > seen.demo_id, late))
    newest: dict[date, Watermark] = {}
    for row in db.read(query).to_pylist():
        demo_seen = Watermark(row["demo_id"], row["parsed_at"])
        if not _is_newer(demo_seen, seen):
            continue
        day = row["started_at"].date()
        newest[day] = newest[day].joined(demo_seen) if day in newest else demo_seen
    return newest


def days_touched(db: DemoDatabase, since: Watermark | None) -> set[date]:
    """The days of `newest_by_day`."""
    return set(newest_by_day(db, since))


def _is_newer(demo: Watermark, seen: Watermark) -> bool:
    return seen.parsed_at is None or not seen.covers(demo)
