"""Query in, Arrow out: the routes by which rows leave a database, and the one set of types all of them yield.

A route brings raw record batches by the quickest way a driver offers; `conform` casts them to the types the
query's columns declare, so that every route yields the same rows and types. Choosing a route, opening
connections and mending broken ones is the business of `demodb.connect`.

Types: whole numbers int64, bits bool, reals float64, times timestamp[us, UTC] (times stored without a zone are
UTC), text string, exact decimals (SteamId) string, because no float may touch them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Boolean, Connection, DateTime, Engine, Float, Integer, Numeric
from sqlalchemy.dialects.mssql.base import MSDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.selectable import SelectBase
from sqlalchemy.types import TypeEngine

from cs2_pipeline.demodb.connection.errors import SchemaMismatchError

BATCH_ROWS: Final = 65_536
"""Rows of a batch, where a route lets us choose."""

_PORTABLE_ROWS: Final = 8_192
"""As `BATCH_ROWS`, for rows that pass through Python values, each many times the size of its Arrow form."""

TIME: Final = pa.timestamp("us", tz="UTC")


def arrow_type(declared: TypeEngine[Any]) -> pa.DataType:
    """The Arrow type in which a declared column arrives on every route."""
    if isinstance(declared, Boolean):
        return pa.bool_()
    if isinstance(declared, Integer):
        return pa.int64()
    if isinstance(declared, Float):
        return pa.float64()
    if isinstance(declared, Numeric):
        return pa.string()
    if isinstance(declared, DateTime):
        return TIME
    return pa.string()


def arrow_schema(query: SelectBase) -> pa.Schema:
    """Names and types of a query's rows."""
    return pa.schema([(found.name, arrow_type(found.type)) for found in query.selected_columns])


def statement(
    query: SelectBase, params: Mapping[str, Any], dialect: Dialect
) -> tuple[str, tuple[Any, ...] | dict[str, Any]]:
    """The query in the dialect's SQL and its bound values, by place or by name as the dialect's driver wants them.

    Times are bound in SQLite as the ISO text it keeps.
    """
    compiled = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    values = compiled.construct_params(dict(params))
    if dialect.name == "sqlite":
        values = {
            name: value.isoformat(" ") if isinstance(value, datetime) else value for name, value in values.items()
        }
    places: Sequence[str] | None = getattr(compiled, "positiontup", None)
    return str(compiled), dict(values) if places is None else tuple(values[place] for place in places)


class Route(Protocol):
    """One way out of a database. A route holds at most one connection."""

    name: str

    def raw_batches(self, query: SelectBase, params: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """The query's rows in batches, columns in order, types as the driver has them."""

    def close(self) -> None:
        """Give the connection back."""


class Portable:
    """Any database SQLAlchemy reaches: rows of Python values from a streaming cursor."""

    def __init__(self, engine: Engine) -> None:
        self.name = f"SQLAlchemy ({engine.dialect.driver})"
        self._engine = engine
        self._connection: Connection | None = None

    def raw_batches(self, query: SelectBase, params: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """See `Route`. Column values keep the type the driver gives them; mixed columns become text."""
        names = [found.name for found in query.selected_columns]
        if self._connection is None:
            self._connection = self._engine.connect()
        sql, bound = statement(query, params, self._engine.dialect)
        streaming = {"stream_results": True, "max_row_buffer": _PORTABLE_ROWS}
        result = self._connection.exec_driver_sql(sql, bound, execution_options=streaming)
        try:
            while rows := result.fetchmany(_PORTABLE_ROWS):
                columns = zip(*rows, strict=True)
                yield pa.RecordBatch.from_arrays([_array_of(values) for values in columns], names=names)
        finally:
            _end(result.close)
            _end(self._connection.rollback)

    def close(self) -> None:
        """See `Route`."""
        if self._connection is not None:
            _end(self._connection.close)
            self._connection = None


def _end(close: Callable[[], Any]) -> None:
    """Give something back that may be broken already: what broke it is the error to report, not this."""
    with suppress(Exception):
        close()


def _array_of(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


_MSSQL: Final[Dialect] = MSDialect(paramstyle="qmark")  # type: ignore[no-untyped-call]


class AdbcSqlite:
    """SQLite through ADBC.

    The driver takes a column's type from the first values it meets, so a column that begins with NULLs would break
    further on. A first row of typed placeholders settles the types; it is dropped on arrival.
    """

    name = "ADBC (SQLite)"

    def __init__(self, uri: str) -> None:
        from adbc_driver_sqlite import dbapi  # noqa: PLC0415  # optional

        self._connection = dbapi.connect(uri)

    def raw_batches(self, query: SelectBase, params: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """See `Route`. Whole numbers and bits come as int64, reals as double, all else as text."""
        sql, bound = statement(query, params, SQLiteDialect())
        typed = ", ".join(_placeholder(declared.type) for declared in arrow_schema(query))
        try:
            with self._connection.cursor() as cursor:
                cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(BATCH_ROWS)})
                cursor.execute(f"SELECT {typed} UNION ALL SELECT * FROM ({sql})", bound or None)  # noqa: S608
                placeholder = 1
                for batch in cursor.fetch_record_batch():
                    yield batch.slice(placeholder)
                    placeholder = 0
        finally:
            _end(self._connection.rollback)  # else the transaction stays open and keeps every writer out

    def close(self) -> None:
        """See `Route`."""
        _end(self._connection.close)


def _placeholder(declared: pa.DataType) -> str:
    if pa.types.is_integer(declared) or pa.types.is_boolean(declared):
        return "0"
    return "0.0" if pa.types.is_floating(declared) else "''"


class MssqlPython:
    """SQL Server through mssql-python, whose cursors yield Arrow batches."""

    name = "mssql-python (Arrow)"

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connection = connect()
        self._connection.autocommit = True  # else a transaction stays open while nothing is read

    def raw_batches(self, query: SelectBase, params: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """See `Route`."""
        sql, bound = statement(query, params, _MSSQL)
        cursor = self._connection.cursor()
        try:
            cursor.execute(sql, *([bound] if bound else []))
            yield from cursor.arrow_reader(BATCH_ROWS)
        finally:
            with suppress(Exception):  # what broke the read is the error to report
                cursor.close()

    def close(self) -> None:
        """See `Route`."""
        _end(self._connection.close)


class ArrowOdbc:
    """SQL Server through any ODBC driver by arrow-odbc. Values are bound as text; the server casts them."""

    name = "arrow-odbc"

    def __init__(self, odbc_string: str, timeout: int) -> None:
        from arrow_odbc import connect  # noqa: PLC0415  # optional

        self._connect: Callable[[], Any] = lambda: connect(odbc_string, login_timeout_sec=timeout)
        self._connection: Any = self._connect()

    def raw_batches(self, query: SelectBase, params: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """See `Route`. After a read that was not finished the next one has a new connection.

        What fetches ahead cannot be told to stop, and keeps its connection busy.
        """
        from arrow_odbc import TextEncoding  # noqa: PLC0415  # optional

        sql, bound = statement(query, params, _MSSQL)
        connection, self._connection = self._connection or self._connect(), None
        reader = connection.read_arrow_batches(
            query=sql,
            batch_size=BATCH_ROWS,
            parameters=[None if value is None else _as_bound_text(value) for value in bound],
            max_bytes_per_batch=_TRANSIT_BYTES,
            max_text_size=_LONGEST_TEXT,
            map_schema=_in_microseconds,
            payload_text_encoding=TextEncoding.UTF16,  # the narrow one is the locale's
        )
        for batch in reader:
            _refuse_cut_text(batch)
            yield batch
        self._connection = connection

    def close(self) -> None:
        """See `Route`. The connection closes when nothing refers to it."""
        self._connection = None


_LONGEST_TEXT: Final = 4000
"""Characters of the longest text that is read from a column of unlimited length."""
_TRANSIT_BYTES: Final = 16 * 2**20
"""Bound of the buffer between driver and Arrow, which has room for the longest possible row times the rows."""


def _in_microseconds(schema: pa.Schema) -> pa.Schema:
    """The schema with no finer times: datetime2 has 100 ns, and nanoseconds do not reach back to the year 1."""
    return pa.schema(
        [field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field for field in schema]
    )


def _refuse_cut_text(batch: pa.RecordBatch) -> None:
    """Refuse texts that fill their buffer: FreeTDS cuts longer ones and does not say so.

    Raises:
        SchemaMismatchError: there is one; the column is named.
    """
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_string(values.type) and (pc.max(pc.binary_length(values)).as_py() or 0) >= _LONGEST_TEXT:
            long = values.filter(pc.greater_equal(pc.binary_length(values), _LONGEST_TEXT)).to_pylist()
            if any(len(text.encode("utf-16-le")) >= 2 * _LONGEST_TEXT for text in long):
                raise SchemaMismatchError(
                    f"column {name} holds a text of {_LONGEST_TEXT} characters or more, which arrow-odbc may cut; "
                    "shorten it, offer a view that does, or install mssql-python"
                )


def _as_bound_text(value: Any) -> str:
    return value.isoformat("T") if isinstance(value, datetime) else str(value)


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A raw batch in the declared types.

    Raises:
        SchemaMismatchError: a column holds values that are not of its declared type; column and value are named.
    """
    arrays = [_conform(array, declared) for array, declared in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _conform(array: pa.Array, declared: pa.Field) -> pa.Array:
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if array.type == declared.type:
        return array
    try:
        if declared.type == TIME:
            return _as_time(array)
        if pa.types.is_string(declared.type) and pa.types.is_decimal(array.type):
            return array.cast(pa.decimal128(38, 0)).cast(pa.string())
        if pa.types.is_boolean(declared.type) and not pa.types.is_string(array.type):
            return array.cast(pa.int64()).cast(pa.bool_())
        return array.cast(declared.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise SchemaMismatchError(
            f"column {declared.name} should hold {declared.type} and holds {array.type} values that are not: {error}. "
            "Correct the rows, or offer a view that converts them"
        ) from None


def _as_time(array: pa.Array) -> pa.Array:
    """Times as microseconds in UTC, from timestamps with or without a zone or from ISO text."""
    if pa.types.is_timestamp(array.type):
        if array.type.tz is None:
            return array.cast(pa.timestamp("us"), safe=False).cast(TIME)
        return array.cast(TIME, safe=False)
    if not (pa.types.is_string(array.type) or pa.types.is_null(array.type)):
        raise ValueError(f"{array.type} where a time was expected")
    try:
        return array.cast(pa.timestamp("us")).cast(TIME)
    except pa.ArrowInvalid:
        # Zones, more than six decimals and blank texts are rare; Python reads them one by one.
        return pa.array([_parse_time(text) for text in array.to_pylist()], TIME)


def _parse_time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.strip()) if text is not None and text.strip() else None


def last_key(batch: pa.RecordBatch, name: str) -> int:
    """The highest key of a batch that is ordered by it, checked.

    Raises:
        SchemaMismatchError: the keys do not ascend, so that a broken read could not be resumed.
    """
    keys = batch.column(name)
    if len(keys) > 1 and not pc.all(pc.less(keys[:-1], keys[1:])).as_py():
        raise SchemaMismatchError(f"column {name} is not a unique ascending key; the read cannot be resumed after it")
    return int(keys[-1].as_py())
