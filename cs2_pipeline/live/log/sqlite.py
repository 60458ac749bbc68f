"""The embedded log: one SQLite file, written by group commit.

SQLite in WAL mode with `synchronous=FULL` syncs the file at every commit, so what is committed survives a kill and a
power cut. Callers that append at the same time share one commit. An append-only file of our own would be faster
(docs/live.md has both figures) but would need its own index of ids, crash recovery and locking between processes.
"""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, TypeVar

from cs2_pipeline.live.log import (
    BURST,
    CLAIM_KEPT,
    FOREIGN,
    IDS_KEPT,
    MAX_ALL_LETTERS,
    MAX_LETTERS,
    SHARDS,
    TOO_MANY,
    Arrival,
    DeadLetter,
    LogUnavailableError,
    Submitted,
    shard_of,
)

BUSY_TIMEOUT: Final = 10.0
"""Seconds to wait for another process's commit."""
LARGEST_COMMIT: Final = 5_000
"""Events in one commit at most: larger ones would make the first callers wait."""

_SCHEMA: Final = """
create table if not exists events (
    position integer primary key autoincrement, shard integer not null, match_id text not null,
    event_id text not null, received real not null, body blob not null
);
create index if not exists events_by_shard on events (shard, position);
create index if not exists events_by_match on events (match_id, position);
create table if not exists ids (event_id text primary key, received real not null) without rowid;
create table if not exists positions (shard integer primary key, position integer not null);
create table if not exists leases (shard integer primary key, consumer text not null, until real not null);
create table if not exists consumers (consumer text primary key, until real not null);
create table if not exists claims (match_id text primary key, tenant text not null, at real not null) without rowid;
create index if not exists claims_by_tenant on claims (tenant, at);
create table if not exists dead_letters (
    id text primary key, at real not null, reason text not null, match_id text not null, body blob not null
);
create index if not exists dead_letters_by_time on dead_letters (at);
"""

Returned = TypeVar("Returned")


class SqliteLog:
    """The log in a file. Several processes may have it open.

    Args:
        path: the file; made with its folder where there is none.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._local = threading.local()
        self._waiting: queue.SimpleQueue[tuple[Sequence[Submitted], Future[list[bool]]] | None] = queue.SimpleQueue()
        with_retry(lambda: self._connection().executescript(_SCHEMA))
        self._due: dict[str, float] = {}
        self._counting = threading.Lock()
        self._writer = threading.Thread(target=self._write, name="event-log", daemon=True)
        self._writer.start()
        self._closed = False

    # Intake

    def append(self, events: Sequence[Submitted]) -> list[bool]:
        """See `EventLog`."""
        return self.append_soon(events).result()

    def append_soon(self, events: Sequence[Submitted]) -> Future[list[bool]]:
        """As `append`; the future is done when the events are durable."""
        future: Future[list[bool]] = Future()
        if self._closed:
            raise LogUnavailableError("the event log is closed")
        self._waiting.put((events, future))
        return future

    def _write(self) -> None:
        while True:
            waiting = [self._waiting.get()]
            size = len(waiting[0][0]) if waiting[0] else 0
            while size < LARGEST_COMMIT:
                try:
                    one = self._waiting.get_nowait()
                except queue.Empty:
                    break
                waiting.append(one)
                size += len(one[0]) if one else 0
            calls = [one for one in waiting if one is not None]
            if calls:
                self._commit(calls)
            if len(calls) < len(waiting):
                return

    def _commit(self, calls: list[tuple[Sequence[Submitted], Future[list[bool]]]]) -> None:
        try:
            taken = self._transact(lambda connection: [_insert(connection, events) for events, _ in calls])
        except Exception as error:
            # Whatever it was, nothing of this commit is in the log, and every caller must hear of it.
            reason = LogUnavailableError(f"the event log {self._path.name} cannot be written: {error}")
            for _, future in calls:
                future.set_exception(reason)
        else:
            for (_, future), result in zip(calls, taken, strict=True):
                future.set_result(result)

    # Reading

    def read(self, after: Mapping[int, str], limit: int) -> list[Arrival]:
        """See `EventLog`."""
        found: list[Arrival] = []
        for shard, position in after.items():
            rows = self._rows(
                "select shard, position, received, event_id, match_id, body from events"
                " where shard = ? and position > ? order by position limit ?",
                (shard, int(position or 0), limit),
            )
            found += [_arrival(row) for row in rows]
        return found

    def kept(self, match_id: str) -> list[Arrival]:
        """See `EventLog`."""
        rows = self._rows(
            "select shard, position, received, event_id, match_id, body from events where match_id = ?"
            " order by position",
            (match_id,),
        )
        return [_arrival(row) for row in rows]

    def position(self, shard: int) -> str:
        """See `EventLog`."""
        rows = self._rows("select position from positions where shard = ?", (shard,))
        return _text(rows[0][0]) if rows else ""

    def done(self, positions: Mapping[int, str]) -> None:
        """See `EventLog`."""
        rows = [(shard, int(position)) for shard, position in positions.items() if position]
        self._transact(
            lambda connection: connection.executemany(
                "insert into positions values (?, ?) on conflict do update set position = max(position,"
                " excluded.position)",
                rows,
            )
        )

    def depth(self) -> dict[int, int]:
        """See `EventLog`."""
        return dict(
            self._rows(
                "select shard, count(*) from events where position > coalesce((select position from positions"
                " where positions.shard = events.shard), 0) group by shard"
            )
        )

    def trim(self) -> int:
        """See `EventLog`."""

        def remove(connection: sqlite3.Connection) -> int:
            gone = connection.execute(
                "delete from events where position <= (select position from positions"
                " where positions.shard = events.shard)"
            ).rowcount
            connection.execute("delete from ids where received < ?", (time.time() - IDS_KEPT,))
            connection.execute("delete from claims where at < ?", (time.time() - CLAIM_KEPT,))
            return gone

        return self._transact(remove)

    # Ownership

    def lease(self, consumer: str, share: int, seconds: float) -> set[int]:
        """See `EventLog`."""

        def take(connection: sqlite3.Connection) -> set[int]:
            now = time.time()
            connection.execute("delete from leases where until <= ?", (now,))
            connection.execute("delete from consumers where until <= ?", (now,))
            connection.execute("insert or replace into consumers values (?, ?)", (consumer, now + seconds))
            taken = dict(connection.execute("select shard, consumer from leases").fetchall())
            own = [shard for shard, owner in taken.items() if owner == consumer]
            mine = [*sorted(own), *(shard for shard in range(SHARDS) if shard not in taken)][:share]
            connection.execute("delete from leases where consumer = ?", (consumer,))
            connection.executemany(
                "insert into leases values (?, ?, ?)", [(shard, consumer, now + seconds) for shard in mine]
            )
            return set(mine)

        return self._transact(take)

    def release(self, consumer: str) -> None:
        """See `EventLog`."""

        def give_up(connection: sqlite3.Connection) -> None:
            connection.execute("delete from leases where consumer = ?", (consumer,))
            connection.execute("delete from consumers where consumer = ?", (consumer,))

        self._transact(give_up)

    def consumers(self) -> int:
        """See `EventLog`."""
        return int(self._rows("select count(*) from consumers where until > ?", (time.time(),))[0][0])

    # Tenants

    def claim(self, matches: Collection[str], tenant: str, most: int) -> dict[str, str]:
        """See `EventLog`."""

        def note(connection: sqlite3.Connection) -> dict[str, str]:
            now = time.time()
            (begun,) = connection.execute(
                "select count(*) from claims where tenant = ? and at > ?", (tenant, now - 86_400)
            ).fetchone()
            refused = {}
            for match_id in matches:
                found = connection.execute("select tenant from claims where match_id = ?", (match_id,)).fetchone()
                if found is None and begun < most:
                    begun += 1
                    connection.execute("insert into claims values (?, ?, ?)", (match_id, tenant, now))
                elif found is None:
                    refused[match_id] = TOO_MANY
                elif found[0] != tenant:
                    refused[match_id] = FOREIGN
            return refused

        return self._transact(note)

    def spend(self, tenant: str, events: int, rate: float) -> float:
        """See `EventLog`: counted in this process, as a file serves one gateway."""
        with self._counting:
            now = time.monotonic()
            due = max(now, self._due.get(tenant, 0.0)) + events / rate
            if due - now > BURST:
                return due - now - BURST
            self._due[tenant] = due
            return 0.0

    # Dead letters

    def bury(self, letters: Iterable[DeadLetter]) -> None:
        """See `EventLog`."""
        rows = [(letter.id, letter.at, letter.reason, letter.match_id, letter.body) for letter in letters]

        def insert(connection: sqlite3.Connection) -> None:
            connection.executemany("insert or ignore into dead_letters values (?, ?, ?, ?, ?)", rows)
            for match_id in {row[3] for row in rows}:
                connection.execute(
                    "delete from dead_letters where id in (select id from dead_letters where match_id = ?"
                    " order by at desc limit -1 offset ?)",
                    (match_id, MAX_LETTERS),
                )

            connection.execute(
                "delete from dead_letters where id in (select id from dead_letters order by at desc limit -1 offset ?)",
                (MAX_ALL_LETTERS,),
            )

        self._transact(insert)

    def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """See `EventLog`."""
        rows = self._rows("select id, at, reason, match_id, body from dead_letters order by at desc limit ?", (limit,))
        return [DeadLetter(*row) for row in rows]

    def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """See `EventLog`."""
        rows = self._rows("select id, at, reason, match_id, body from dead_letters where id = ?", (letter_id,))
        return DeadLetter(*rows[0]) if rows else None

    def forget(self, letter_id: str) -> None:
        """See `EventLog`."""
        self._transact(lambda connection: connection.execute("delete from dead_letters where id = ?", (letter_id,)))

    def close(self) -> None:
        """See `EventLog`."""
        if not self._closed:
            self._closed = True
            self._waiting.put(None)
            self._writer.join()

    # The file

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None)
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = full")
            self._local.connection = connection
        return connection

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[Any]:
        try:
            return self._connection().execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise LogUnavailableError(f"the event log {self._path.name} cannot be read: {error}") from error

    def _transact(self, work: Callable[[sqlite3.Connection], Returned]) -> Returned:
        try:
            connection = self._connection()
            connection.execute("begin immediate")
            try:
                result = work(connection)
            except BaseException:
                connection.execute("rollback")
                raise
            connection.execute("commit")
        except sqlite3.Error as error:
            raise LogUnavailableError(f"the event log {self._path.name} cannot be written: {error}") from error
        return result


def with_retry(work: Callable[[], object], attempts: int = 20) -> None:
    """Do what may meet another process doing the same: the first opening of a file in WAL mode locks it out."""
    for left in reversed(range(attempts)):
        try:
            work()
        except sqlite3.OperationalError:
            if not left:
                raise
            time.sleep(0.05)
        else:
            return


def _insert(connection: sqlite3.Connection, events: Sequence[Submitted]) -> list[bool]:
    now = time.time()
    new = []
    for event in events:
        fresh = connection.execute("insert or ignore into ids values (?, ?)", (event.event_id, now)).rowcount == 1
        if fresh:
            connection.execute(
                "insert into events (shard, match_id, event_id, received, body) values (?, ?, ?, ?, ?)",
                (shard_of(event.match_id), event.match_id, event.event_id, now, event.body),
            )
        new.append(fresh)
    return new


def _text(position: int) -> str:
    return f"{position:020d}"


def _arrival(row: Any) -> Arrival:
    shard, position, received, event_id, match_id, body = row
    return Arrival(shard, _text(position), received, event_id, match_id, body)
