"""The embedded log: one SQLite file, written by group commit.

SQLite in WAL mode with `synchronous=FULL` syncs the file at every commit, so what is committed survives a kill and a
power cut. Callers that append at the same time share one commit. An append-only file of our own would be faster
(docs/live.md has both figures) but would need its own index of ids, crash recovery and locking between processes.

Statements take many rows at once: SQLite gives Python's lock back at every step of a statement, and a busy consumer in
the same process would make the next row wait for its turn.
"""

import json
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache
from itertools import islice
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
RECENT: Final = 10_000
"""Events kept in memory for the consumer of this process."""
ROWS: Final = 40
"""Rows of one statement at most; SQLite before 3.32 takes 999 values."""
TRIMMED_AT_ONCE: Final = 2_000
"""Events removed in one transaction at most: intake waits meanwhile."""
SWEEP: Final = 3_600.0
"""Seconds between two removals of old ids and claims, for which their tables are read from end to end."""

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
        self._counting, self._writing = threading.Lock(), threading.Lock()
        self._recent = _Recent()
        self._read_until: dict[int, tuple[str, int]] = {}
        self._arrived = threading.Event()
        self._swept = 0.0
        self._writer = threading.Thread(target=self._write, name="event-log", daemon=True)
        self._writer.start()
        self._closed = False

    # Intake

    def append(self, events: Sequence[Submitted]) -> list[bool]:
        """See `EventLog`."""
        return self.append_soon(events).result() if events else []

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
        events = [event for of_call, _ in calls for event in of_call]
        try:
            taken, arrivals = self._transact(lambda connection: _insert(connection, events))
        except Exception as error:
            # Whatever it was, nothing of this commit is in the log, and every caller must hear of it.
            reason = LogUnavailableError(f"the event log {self._path.name} cannot be written: {error}")
            for _, future in calls:
                future.set_exception(reason)
        else:
            if arrivals:
                self._recent.add(arrivals)
                self._arrived.set()
            answers = iter(taken)
            for of_call, future in calls:
                future.set_result(list(islice(answers, len(of_call))))

    # Reading

    def read(self, after: Mapping[int, str], limit: int) -> list[Arrival]:
        """See `EventLog`; in order of arrival over all shards."""
        found: list[Arrival] = []
        while after and not found:
            rows = self._next(after, limit * len(after))
            if not rows:
                break
            found = [one for one in rows if one.position > after.get(one.shard, one.position)]
            last = {one.shard: one.position for one in found}
            until = int(rows[-1].position)
            self._read_until |= {shard: (last.get(shard, position), until) for shard, position in after.items()}
        return found

    def _next(self, after: Mapping[int, str], limit: int) -> list[Arrival]:
        """The next events of some shards, and maybe others; `_read_until` knows up to where a shard had none."""
        starts = []
        for shard, position in after.items():
            asked, until = self._read_until.get(shard, ("", 0))
            starts.append(max(int(position or 0), until if asked == position else 0))
        start = min(starts)
        recent = self._recent.after(start, limit)
        if recent is not None:
            return recent
        rows = self._rows(
            "select shard, position, received, event_id, match_id, body from events"
            " where position > ? and shard in (select value from json_each(?)) order by position limit ?",
            (start, json.dumps(list(after)), limit),
        )
        return [_arrival(row) for row in rows]

    def wait(self, seconds: float) -> None:
        """See `EventLog`; what another process appends is seen after the time."""
        self._arrived.wait(seconds)
        self._arrived.clear()

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
                "with waiting as (select value as shard, (select count(*) from events where shard = value and position"
                " > coalesce((select position from positions where shard = value), 0)) as count from json_each(?))"
                " select shard, count from waiting where count > 0",
                (json.dumps(list(range(SHARDS))),),
            )
        )

    def trim(self) -> int:
        """See `EventLog`."""

        def remove(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "delete from events where position in (select e.position from positions p cross join events e"
                " where e.shard = p.shard and e.position <= p.position limit ?)",
                (TRIMMED_AT_ONCE,),
            ).rowcount

        def sweep(connection: sqlite3.Connection) -> None:
            connection.execute("delete from ids where received < ?", (time.time() - IDS_KEPT,))
            connection.execute("delete from claims where at < ?", (time.time() - CLAIM_KEPT,))

        if time.monotonic() - self._swept > SWEEP:
            self._swept = time.monotonic()
            self._transact(sweep)
        gone = self._transact(remove)
        if gone:
            self._recent.clear()
        return gone

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

    def owners(self, matches: Collection[str]) -> dict[str, str]:
        """See `EventLog`."""
        return dict(
            self._rows(
                "select match_id, tenant from claims where match_id in (select value from json_each(?))",
                (json.dumps(list(matches)),),
            )
        )

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
            connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT, isolation_level=None, cached_statements=128 + ROWS
            )
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
            with self._writing:  # threads of this process in turn: SQLite would let them sleep and try again
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


def with_retry(work: Callable[[], object]) -> None:
    """Do what may meet another process doing the same: the first opening of a file in WAL mode locks it out."""
    until = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            work()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


class _Recent:
    """The newest events that this process has written, without gaps between them."""

    def __init__(self) -> None:
        self._arrivals: list[Arrival] = []
        self._last = 0
        self._lock = threading.Lock()

    def add(self, arrivals: list[Arrival]) -> None:
        """Take what was just committed."""
        with self._lock:
            if int(arrivals[0].position) != self._last + 1:  # another process has written in between
                self._arrivals = []
            self._arrivals += arrivals
            self._last = int(arrivals[-1].position)
            if len(self._arrivals) > 2 * RECENT:
                self._arrivals = self._arrivals[-RECENT:]

    def after(self, position: int, limit: int) -> list[Arrival] | None:
        """The first ones after a position; None where only the file knows."""
        with self._lock:
            start = position - (self._last - len(self._arrivals))
            return self._arrivals[start : start + limit] if 0 <= start < len(self._arrivals) else None

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._arrivals = []


def insert_rows(connection: sqlite3.Connection, statement: str, rows: Sequence[Sequence[Any]]) -> int:
    """Insert rows by as few statements as may be; returns the last row's id.

    Args:
        statement: with `{rows}` in the place of the rows' values.
    """
    last = 0
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        values = [value for row in part for value in row]
        last = connection.execute(_spelled_out(statement, len(part), len(part[0])), values).lastrowid or 0
    return last


@lru_cache(4 * ROWS)
def _spelled_out(statement: str, rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return statement.format(rows=", ".join([row] * rows))


_INSERT: Final = "insert into events (shard, match_id, event_id, received, body) values {rows}"


def _insert(connection: sqlite3.Connection, events: Sequence[Submitted]) -> tuple[list[bool], list[Arrival]]:
    """Take events; returns which were new, and these as they are in the log."""
    now = time.time()
    asked = json.dumps([event.event_id for event in events])
    known = connection.execute(
        "select json_group_array(event_id) from ids where event_id in (select value from json_each(?))", (asked,)
    ).fetchone()[0]
    seen = set(json.loads(known))
    new, taken = [], []
    for event in events:
        new.append(event.event_id not in seen)
        if new[-1]:
            seen.add(event.event_id)
            taken.append((shard_of(event.match_id), event))
    if not taken:
        return new, []
    ids = json.dumps([event.event_id for _, event in taken])
    connection.execute("insert into ids select value, ? from json_each(?)", (now, ids))
    rows = [(shard, event.match_id, event.event_id, now, event.body) for shard, event in taken]
    first = insert_rows(connection, _INSERT, rows) - len(taken) + 1
    return new, [
        Arrival(shard, _text(position), now, event.event_id, event.match_id, event.body, event.event)
        for position, (shard, event) in enumerate(taken, first)
    ]


def _text(position: int) -> str:
    return f"{position:020d}"


def _arrival(row: Any) -> Arrival:
    shard, position, received, event_id, match_id, body = row
    return Arrival(shard, _text(position), received, event_id, match_id, body)
