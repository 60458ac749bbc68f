"""The event store on ClickHouse: tables partitioned by day, raw events and prices removed by TTL.

A row that is written again (a consumer died between writing and noting it) replaces the first; the views `..._now`
show each once, whether or not ClickHouse has merged them yet. `chdb://folder` runs the same engine in this process: one
process at a time, for tests and for looking at a copy.
"""

import threading
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.exceptions import Error

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
from cs2_pipeline.live.pricing import Price

_TYPES: Final = {str: "String", int: "Int64", float: "Float64", bytes: "String", float | None: "Nullable(Float64)"}
_DURABLE: Final = "fsync_after_insert = 1, fsync_part_directory = 1"


def _columns(kind: type[msgspec.Struct]) -> str:
    return ", ".join(f"{field.name} {_TYPES[field.type]}" for field in msgspec.structs.fields(kind))


_PLACE: Final = "place UInt64 materialized toUInt64(arrived) * 4294967296 + toUInt64(state_version)"
"""Of two rows of a match the one with the larger place is the newer."""
_SCHEMA: Final = (
    f"""create table if not exists events ({_columns(StoredEvent)},
        day Int32 materialized toInt32(intDiv(toInt64(received), 86400)))
    engine = ReplacingMergeTree order by (match_id, event_id) partition by toYYYYMMDD(toDateTime(toInt64(received)))
    ttl toDateTime(toInt64(received)) + interval {EVENT_DAYS} day settings {_DURABLE}""",
    f"""create table if not exists prices ({_columns(Price)})
    engine = ReplacingMergeTree order by (match_id, price_id) partition by toYYYYMMDD(toDateTime(toInt64(ts_calc)))
    ttl toDateTime(toInt64(ts_calc)) + interval {PRICE_DAYS} day settings {_DURABLE}""",
    f"""create table if not exists rounds ({_columns(StoredRound)}, rank UInt64 materialized toUInt64(arrived))
    engine = ReplacingMergeTree(rank) order by (match_id, map_id, round_no) settings {_DURABLE}""",
    f"""create table if not exists matches ({_columns(StoredMatch)}, {_PLACE})
    engine = ReplacingMergeTree(place) order by match_id settings {_DURABLE}""",
    f"""create table if not exists snapshots ({_columns(StoredSnapshot)}, {_PLACE})
    engine = ReplacingMergeTree(place) order by match_id
    ttl toDateTime(toInt64(updated)) + interval {EVENT_DAYS} day settings {_DURABLE}""",
    "create view if not exists events_now as select *, day from events final",
    "create view if not exists prices_now as select * from prices final",
    "create view if not exists rounds_now as select * from rounds final",
    "create view if not exists matches_now as select * from matches final",
    "create view if not exists snapshots_now as select * from snapshots final",
)


class ClickHouseHistory:
    """The event store in ClickHouse.

    Args:
        url: `clickhouse://[user[:password]@]host[:port][/database]`, `clickhouses://` over TLS, or `chdb://folder`.

    Raises:
        HistoryUnavailableError: it does not answer, or the address cannot be read.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._where = f"{self._parts.scheme}://{self._parts.hostname or self._parts.path}"
        self._lock = threading.Lock()
        self._client: Any = None
        self._call(lambda client: [client.command(statement) for statement in _SCHEMA])

    def write(self, batch: Batch) -> None:
        """See `History`."""
        for table, rows in (
            ("events", batch.events),
            ("prices", batch.prices),
            ("rounds", batch.rounds),
            ("matches", batch.matches),
            ("snapshots", batch.snapshots),
        ):
            if rows:
                self._insert(table, rows)

    def _insert(self, table: str, rows: Any) -> None:
        names = [field.name for field in msgspec.structs.fields(rows[0])]
        values = [[_text(value) for value in msgspec.structs.astuple(row)] for row in rows]
        self._call(lambda client: client.insert(table, values, column_names=names))

    def ask(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """See `History`."""
        return list(self._call(lambda client: list(client.query(query, parameters=values).named_results())))

    def expire(self, now: float) -> int:
        """See `History`: ClickHouse removes what is too old by itself."""
        del now
        return 0

    def close(self) -> None:
        """See `History`."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _call(self, work: Any) -> Any:
        """Do something with the client; one thing at a time, connecting anew after a failure."""
        with self._lock:
            try:
                if self._client is None:
                    self._client = self._connected()
                return work(self._client)
            except (Error, OSError) as error:
                self._client = None
                text = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise HistoryUnavailableError(f"the event store {self._where} does not work: {text}") from error

    def _connected(self) -> Any:
        parts = self._parts
        if parts.scheme == "chdb":
            return clickhouse_connect.get_client(interface="chdb", path=f"{parts.netloc}{parts.path}")
        if parts.scheme not in ("clickhouse", "clickhouses"):
            raise HistoryUnavailableError(f"CS2_EVENT_STORE_URL begins with clickhouse://, not {parts.scheme}://")
        return clickhouse_connect.get_client(
            host=parts.hostname or "localhost", port=parts.port or (8443 if parts.scheme == "clickhouses" else 8123),
            username=unquote(parts.username or "default"), password=unquote(parts.password or ""),
            database=parts.path.strip("/") or "default", secure=parts.scheme == "clickhouses",
            autogenerate_session_id=False, connect_timeout=3, send_receive_timeout=30,
        )  # fmt: skip


def _text(value: Any) -> Any:
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value
