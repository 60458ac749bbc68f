"""When a match of the database was played: what finds its rows among those of its day."""

from datetime import date

from sqlalchemy import select

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import DemoDatabaseError


def day_of(db: DemoDatabase, match_id: int) -> date:
    """The day a match started on.

    Raises:
        DemoDatabaseError: the database cannot be read, or has no such match.
    """
    table = db.schema["Matches"]
    found = db.read(select(*table.select({"started_at": "StartTime"})).where(table["Id"] == match_id)).to_pylist()
    if not found or found[0]["started_at"] is None:
        raise DemoDatabaseError(f"the demo database has no match {match_id}; `cs2 doctor` says what it has")
    day: date = found[0]["started_at"].date()
    return day
