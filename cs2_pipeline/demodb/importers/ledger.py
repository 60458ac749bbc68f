"""The platform's own two tables in an embedded demo database, and the one transaction that adds a recording.

`IngestedDemos` holds what every recording that is in is known by: the content hash of its file, and the checksum of
the demo it is or was exported from (`checksum.key`); also those of other recordings of the match: the fullest is kept.
`QuarantinedDemos` holds what could not be read, and why. They stand beside the Demo Lens tables and nothing that reads
those needs them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Unicode,
    create_engine,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.exc import DatabaseError, IntegrityError

from cs2_pipeline.demodb.connection.errors import DemoDatabaseError
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError
from cs2_pipeline.demodb.importers.same_match import Recorded, fuller, recorded_in, same_match
from cs2_pipeline.demodb.tables import METADATA

LEDGER: Final = MetaData()

INGESTED_DEMOS: Final = Table(
    "IngestedDemos",
    LEDGER,
    Column("ContentHash", String(64), primary_key=True),
    Column("DemoFileId", Integer, nullable=False),
    Column("Path", Unicode(1000), nullable=False),
    Column("IngestedAt", DateTime, nullable=False),
    Column("LiveRounds", Integer, nullable=False),
    Column("EconomyKnown", Boolean, nullable=False),
    Column("LeftOut", Unicode(2000), nullable=False),
)
"""EconomyKnown is false where money and equipment stand at 0 because nothing was recorded of them."""

QUARANTINED_DEMOS: Final = Table(
    "QuarantinedDemos",
    LEDGER,
    Column("Path", Unicode(1000), primary_key=True),
    Column("ContentHash", String(64), nullable=False),
    Column("Reason", Unicode(2000), nullable=False),
    Column("FailedAt", DateTime, nullable=False),
    Column("Attempts", Integer, nullable=False),
)


@dataclass(frozen=True)
class Quarantined:
    """A recording that could not be imported. ``failed_at`` is UTC; ``content_hash`` is empty for a missing file."""

    path: str
    reason: str
    failed_at: datetime
    attempts: int
    content_hash: str


@dataclass(frozen=True)
class Added:
    """The DemoFiles id of a recording's match, and how it came in: new, as it was, or as this fuller recording."""

    demo_id: int
    how: Literal["new", "known", "fuller"]


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Ledger:
    """An embedded demo database, opened for adding recordings.

    Args:
        database: the SQLite file; made, with its tables, if it is not there.
        replaces: whether a fuller recording takes the place of the one of its match that is in.

    Raises:
        DemoDatabaseError: the file cannot be opened, is no SQLite database, or is locked.
    """

    def __init__(self, database: Path, *, replaces: bool = True) -> None:
        self._path, self.replaces = database, replaces
        try:
            database.parent.mkdir(parents=True, exist_ok=True)
            self._engine = _engine(database)
            METADATA.create_all(self._engine)
            LEDGER.create_all(self._engine)
            present = {column["name"] for column in inspect(self._engine).get_columns("DemoFiles")}
        except (DatabaseError, OSError) as error:
            raise self._trouble(error) from error
        if absent := sorted({column.name for column in METADATA.tables["DemoFiles"].columns} - present):
            raise DemoDatabaseError(
                f"the demo database {database} was made by an earlier version: DemoFiles has no {', '.join(absent)}, "
                "and what a recording does not tell cannot be left empty in it. Ingest into another folder "
                "(CS2_HOME=…), or move the file away and ingest everything again"
            )

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def ingested(self, *keys: str) -> int | None:
        """The DemoFiles id of a recording that is already in under one of its keys."""
        with self._transaction() as connection:
            return _known(connection, keys)

    def held(self, demo_id: int) -> tuple[Recorded, datetime]:
        """What is recorded of the match of a DemoFiles id, and when it started (UTC)."""
        match = METADATA.tables["Matches"].c
        with self._transaction() as connection:
            started = connection.execute(select(match.StartTime).where(match.DemoFileId == demo_id)).scalars().first()
            return recorded_in(connection, demo_id), started or _now()

    def quarantined(self, path: Path) -> Quarantined | None:
        """The entry of a path in the quarantine list."""
        return next((entry for entry in self.quarantine() if entry.path == str(path)), None)

    def quarantine(self) -> list[Quarantined]:
        """The quarantine list, by path."""
        with self._transaction() as connection:
            rows = connection.execute(select(QUARANTINED_DEMOS).order_by(QUARANTINED_DEMOS.c.Path)).mappings()
            return [Quarantined(r["Path"], r["Reason"], r["FailedAt"], r["Attempts"], r["ContentHash"]) for r in rows]

    def refuse(self, path: Path, content_hash: str, reason: str) -> None:
        """Puts a recording on the quarantine list, or brings its entry up to date."""
        before = self.quarantined(path)
        entry = {
            "Path": str(path),
            "ContentHash": content_hash,
            "Reason": reason[:2000],
            "FailedAt": _now(),
            "Attempts": before.attempts + 1 if before else 1,
        }
        with self._transaction() as connection:
            connection.execute(QUARANTINED_DEMOS.delete().where(QUARANTINED_DEMOS.c.Path == str(path)))
            connection.execute(QUARANTINED_DEMOS.insert(), [entry])

    def release(self, path: Path) -> None:
        """Takes a path off the quarantine list."""
        with self._transaction() as connection:
            connection.execute(QUARANTINED_DEMOS.delete().where(QUARANTINED_DEMOS.c.Path == str(path)))

    def add(
        self,
        path: Path,
        keys: Sequence[str],
        rows: Mapping[str, list[dict[str, Any]]],
        *,
        live_rounds: int,
        economy_known: bool,
        left_out: str,
    ) -> Added:
        """Adds a recording in one transaction, its ids moved behind those in the database.

        Where the match is in (another process has added the recording meanwhile, or another recording holds it), it is
        left out, or takes the other's place if it may and is fuller (`same_match`): DemoFiles and Matches keep their
        ids, the match its start, so that what refers to it, and its day, stay. Its keys are known from then on.

        Args:
            path: where it was read.
            keys: what it is known by: its content's hash, the checksum of its demo, those of the parts it is joined of.
            rows: by table, ids counted from 1.
            live_rounds, economy_known, left_out: the account kept of it.

        Raises:
            UnreadableDemoError: the rows contradict the database's rules.
            DemoDatabaseError: the database cannot be written.
                After either, nothing of the recording is in it.
        """
        with self._transaction() as connection:
            entry = {
                "Path": str(path),
                "IngestedAt": _now(),
                "LiveRounds": live_rounds,
                "EconomyKnown": economy_known,
                "LeftOut": left_out,
            }
            connection.execute(QUARANTINED_DEMOS.delete().where(QUARANTINED_DEMOS.c.Path == str(path)))
            same = _known(connection, keys) or same_match(connection, rows)
            if same is None:
                demo_id = _insert(connection, rows, _offsets(connection))
                _note(connection, keys, entry | {"DemoFileId": demo_id})
                return Added(demo_id, "new")
            replaces = self.replaces and fuller(connection, same, rows)
            if replaces:
                _replace(connection, same, rows)
                connection.execute(INGESTED_DEMOS.update().where(INGESTED_DEMOS.c.DemoFileId == same).values(**entry))
            _note(connection, keys, entry | {"DemoFileId": same})
            return Added(same, "fuller" if replaces else "known")

    def _transaction(self) -> "_Transaction":
        return _Transaction(self)

    def _trouble(self, error: Exception) -> DemoDatabaseError:
        cause = str(getattr(error, "orig", None) or error)
        return DemoDatabaseError(
            f"the demo database {self._path} could not be used: {cause}. Nothing was half-written; check that the file "
            "is an SQLite demo database, that it can be written, that there is room on the disk and that no other "
            "program keeps it locked, then run the same command again"
        )


class _Transaction:
    """One transaction of a ledger; its errors speak of the database or of the recording, not of SQL."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._context = ledger._engine.begin()

    def __enter__(self) -> Connection:
        try:
            return self._context.__enter__()
        except DatabaseError as error:
            raise self._ledger._trouble(error) from error

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        try:
            self._context.__exit__(kind, value, trace)
        except DatabaseError as error:
            raise self._ledger._trouble(error) from error
        if isinstance(value, IntegrityError):
            raise UnreadableDemoError(
                f"what was read of it contradicts the database's rules ({value.orig}); please report it as a bug"
            ) from value
        if isinstance(value, DatabaseError):
            raise self._ledger._trouble(value) from value


def _known(connection: Connection, keys: Sequence[str]) -> int | None:
    """The DemoFiles id of the recording that has one of the keys."""
    query = select(INGESTED_DEMOS.c.DemoFileId).where(INGESTED_DEMOS.c.ContentHash.in_(keys))
    return connection.execute(query).scalar()


def _note(connection: Connection, keys: Sequence[str], entry: Mapping[str, Any]) -> None:
    """Note what a recording is known by."""
    noted = set(
        connection.execute(select(INGESTED_DEMOS.c.ContentHash).where(INGESTED_DEMOS.c.ContentHash.in_(keys))).scalars()
    )
    if new := [{"ContentHash": key, **entry} for key in dict.fromkeys(keys) if key not in noted]:
        connection.execute(INGESTED_DEMOS.insert(), new)


def _offsets(connection: Connection) -> dict[str, int]:
    """By table, the highest id."""
    return {
        name: connection.execute(select(func.coalesce(func.max(table.c.Id), 0))).scalar_one()
        for name, table in METADATA.tables.items()
    }


def _insert(connection: Connection, rows: Mapping[str, list[dict[str, Any]]], offsets: Mapping[str, int]) -> int:
    """Insert a recording's rows behind the offsets; returns its DemoFiles id."""
    for table in METADATA.sorted_tables:
        if lines := rows.get(table.name):
            connection.execute(table.insert(), [_moved(table, row, offsets) for row in lines])
    return offsets["DemoFiles"] + 1


def _replace(connection: Connection, demo_id: int, rows: Mapping[str, list[dict[str, Any]]]) -> None:
    """Put a recording in the place of the one of a DemoFiles id."""
    demo, match = METADATA.tables["DemoFiles"], METADATA.tables["Matches"]
    held = connection.execute(select(match.c.Id, match.c.StartTime).where(match.c.DemoFileId == demo_id)).one()
    below = {"PlayerRoundStats": ("RoundId", "Rounds"), "PlayerMatchStats": ("MatchId", "Matches")}
    for table in reversed(METADATA.sorted_tables):
        if table in (demo, match):
            continue
        key, parent = below.get(table.name, ("DemoFileId", "DemoFiles"))
        if parent == "DemoFiles":
            mine = table.c[key] == demo_id
        else:
            above = METADATA.tables[parent]
            mine = table.c[key].in_(select(above.c.Id).where(above.c.DemoFileId == demo_id))
        connection.execute(table.delete().where(mine))
    offsets = _offsets(connection) | {"DemoFiles": demo_id - 1, "Matches": held.Id - 1}
    (file,), (played,) = rows["DemoFiles"], rows["Matches"]
    later = held.StartTime - played["StartTime"]
    connection.execute(demo.update().where(demo.c.Id == demo_id).values(**file | {"Id": demo_id}))
    values = _later(match, _moved(match, played, offsets), later)
    connection.execute(match.update().where(match.c.Id == held.Id).values(**values))
    rest = {
        name: [_later(METADATA.tables[name], row, later) for row in lines]
        for name, lines in rows.items()
        if name not in (demo.name, match.name)
    }
    _insert(connection, rest, offsets)


def _later(table: Table, row: Mapping[str, Any], by: timedelta) -> dict[str, Any]:
    """A row with its moments moved."""
    moments = {column.name for column in table.columns if isinstance(column.type, DateTime)}
    return {name: value + by if name in moments and value is not None else value for name, value in row.items()}


def _moved(table: Table, row: Mapping[str, Any], offsets: Mapping[str, int]) -> dict[str, Any]:
    """A row with its own id and its references moved behind those in the database."""
    moved = dict(row)
    moved["Id"] = row["Id"] + offsets[table.name]
    for key in table.foreign_keys:
        name = key.parent.name
        if moved.get(name) is not None:
            moved[name] += offsets[key.column.table.name]
    return moved


def _engine(database: Path) -> Engine:
    """An engine whose transactions take the write lock at once, so that ids read in one stay true until its end."""
    engine = create_engine(f"sqlite:///{database}", connect_args={"timeout": 30, "isolation_level": None})

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
