"""What one wants to know of single matches: when one was played, and what its players were called."""

from datetime import date

from sqlalchemy import select

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import DemoDatabaseError
from cs2_pipeline.demodb.extraction.eligibility import Days


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


def player_names(db: DemoDatabase, first: date, last: date) -> dict[int, str]:
    """Names by Players.Id of the demos whose matches started on some days; those without a name are left out.

    Raises:
        DemoDatabaseError: the database cannot be read.
    """
    player, match = db.schema["Players"], db.schema["Matches"]
    query = (
        select(*player.select({"player_id": "Id", "name": "PlayerName"}))
        .join(match.clause, player["DemoFileId"] == match["DemoFileId"])
        .where(Days(db, first, last).condition())
    )
    rows = db.read(query).to_pylist()
    return {row["player_id"]: name for row in rows if (name := (row["name"] or "").strip())}
