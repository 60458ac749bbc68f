"""The embedded event store: one SQLite file beside the log. Readers and the writer may be different processes."""

import re
import sqlite3
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from cs2_pipeline.live.history import (
    EVENT_DAYS,
    PRICE_DAYS,
    Batch,
    HistoryUnavailableError,
    StoredEvent,
    StoredMatch,
    StoredRound,
    StoredSnapshot,
)
from cs2_pipeline.live.log.sqlite import BUSY_TIMEOUT, ROWS, insert_rows, with_retry
from cs2_pipeline.live.pricing import Price

DAY: Final = 86_400
CHECKPOINT: Final = 4_000
"""Pages after which SQLite moves what was written to its place: every writing changes the same pages of each match."""
_PLACE: Final = re.compile(r"\{(\w+):\w+\}")

_SCHEMA: Final = """
create table if not exists events (
    match_id text, event_id text, map_id text, round_no integer, type text, source text, seq_no integer,
    ts_event real, received real, position text, body blob, day integer,
    primary key (match_id, event_id)
) without rowid;
create index if not exists events_by_day on events (day, match_id);
create table if not exists prices (
    price_id text, match_id text, map_id text, event_id text, round_no integer, trigger text, state_version integer,
    ts_calc real, model_version text, basis text, round_p real, round_low real, round_high real, map_p real,
    map_low real, map_high real, series_p real, series_low real, series_high real, supersedes text, day integer,
    primary key (match_id, price_id)
) without rowid;
create index if not exists prices_by_day on prices (day);
create table if not exists rounds (
    match_id text, map_id text, round_no integer, team_a_kills integer, team_b_kills integer,
    team_a_headshots integer, team_b_headshots integer, momentum real, clutch_index real, round_winner text,
    win_reason text, team_a_side text, arrived integer,
    primary key (match_id, map_id, round_no)
) without rowid;
create table if not exists matches (
    match_id text primary key, status text, tournament text, format text, team_a_id text, team_b_id text,
    team_a_name text, team_b_name text, team_a_maps integer, team_b_maps integer, winner text, began real,
    updated real, state_version integer, state text, arrived integer, owner text, summary text, prediction text
) without rowid;
create index if not exists matches_by_status on matches (status, began);
create index if not exists matches_by_team_a on matches (team_a_id);
create index if not exists matches_by_team_b on matches (team_b_id);
create table if not exists snapshots (
    match_id text primary key, arrived integer, state_version integer, position text, updated real, body text
) without rowid;
create view if not exists events_now as select * from events;
create view if not exists prices_now as select {prices} from prices;
create view if not exists rounds_now as select * from rounds;
create view if not exists matches_now as select * from matches;
create view if not exists snapshots_now as select * from snapshots;
"""


def _names(kind: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(kind)]


def _insert(table: str, kind: type[msgspec.Struct], how: str, *more: str) -> str:
    names = _names(kind) + list(more)
    return f"insert or {how} into {table} ({', '.join(names)}) values {{rows}}"  # noqa: S608


def _newest(table: str, kind: type[msgspec.Struct], newer: str) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in _names(kind))
    return f"{_insert(table, kind, 'abort')} on conflict do update set {changes} where {newer}"


_EVENTS: Final = _insert("events", StoredEvent, "ignore", "day")
_PRICES: Final = _insert("prices", Price, "ignore", "day")
_ROUNDS: Final = _newest("rounds", StoredRound, "excluded.arrived >= rounds.arrived")
_MATCHES, _SNAPSHOTS = (
    _newest(table, kind, f"(excluded.arrived, excluded.state_version) >= ({table}.arrived, {table}.state_version)")
    for table, kind in (("matches", StoredMatch), ("snapshots", StoredSnapshot))
)
"""A consumer that has lost its shards without knowing must not put an older state in place of a newer one."""


class SqliteHistory:
    """The event store in a file.

    Args:
        path: the file; made with its folder where there is none.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._local = threading.local()
        with_retry(lambda: self._connection().executescript(_SCHEMA.format(prices=", ".join(_names(Price)))))

    def write(self, batch: Batch) -> None:
        """See `History`."""
        try:
            connection = self._connection()
            connection.execute("begin immediate")
            try:
                insert_rows(connection, _EVENTS, [(*astuple(e), int(e.received // DAY)) for e in batch.events])
                insert_rows(connection, _PRICES, [(*astuple(p), int(p.ts_calc // DAY)) for p in batch.prices])
                insert_rows(connection, _ROUNDS, [astuple(r) for r in batch.rounds])
                insert_rows(connection, _MATCHES, [astuple(m) for m in batch.matches])
                insert_rows(connection, _SNAPSHOTS, [astuple(s) for s in batch.snapshots])
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")
        except sqlite3.Error as error:
            raise HistoryUnavailableError(f"the event store {self._path.name} cannot be written: {error}") from error

    def ask(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """See `History`."""
        try:
            cursor = self._connection().execute(_spelled(query), values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except sqlite3.Error as error:
            raise HistoryUnavailableError(f"the event store {self._path.name} cannot be read: {error}") from error

    def expire(self, now: float) -> int:
        """See `History`."""
        today = int(now // DAY)
        try:
            connection = self._connection()
            connection.execute("delete from snapshots where updated < ?", (now - EVENT_DAYS * DAY,))
            return sum(
                connection.execute(f"delete from {table} where day < ?", (today - days,)).rowcount  # noqa: S608
                for table, days in (("events", EVENT_DAYS), ("prices", PRICE_DAYS))
            )
        except sqlite3.Error as error:
            raise HistoryUnavailableError(f"the event store {self._path.name} cannot be written: {error}") from error

    def close(self) -> None:
        """See `History`."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT, isolation_level=None, cached_statements=128 + 5 * ROWS
            )
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            connection.execute(f"pragma wal_autocheckpoint = {CHECKPOINT}")
            self._local.connection = connection
        return connection


astuple = msgspec.structs.astuple


@lru_cache(256)
def _spelled(query: str) -> str:
    return _PLACE.sub(r":\1", query)
