"""A connection to a demo database: chosen driver, read-only, quick to say what is wrong.

Opening, closing and mending connections belong here; how rows leave the database is `demodb.read`'s business, what a
failure means `demodb.failures`'.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import pyarrow as pa
from sqlalchemy import Engine, Label, bindparam, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.selectable import Select, SelectBase

from cs2_pipeline.demodb.connection import drivers, urls
from cs2_pipeline.demodb.connection.dialect import Schema, catalogue
from cs2_pipeline.demodb.connection.errors import ConnectionLostError, DatabaseMissingError, DemoDatabaseError
from cs2_pipeline.demodb.connection.failures import translated
from cs2_pipeline.demodb.connection.postgres import AdbcPostgres
from cs2_pipeline.demodb.connection.read import (
    AdbcSqlite,
    ArrowOdbc,
    MssqlPython,
    Portable,
    Route,
    arrow_schema,
    conform,
    last_key,
)
from cs2_pipeline.demodb.connection.urls import CONNECT_TIMEOUT

ATTEMPTS: Final = 3
"""How often a read is begun or resumed before a broken connection is reported."""
_OLDEST_VERSION: Final = (11,)
"""SQL Server 2012: taken where a server tells no version."""
_RESUME: Final = "resume_after"
_T = TypeVar("_T")


class DemoDatabase:
    """A demo database to read from; a context manager that gives its connections back.

    Connections open when first needed and are read-only where the server can promise it. Not for several threads.

    Args:
        url: any form `urls.parse` accepts.
        portable: read through SQLAlchemy even where a quicker route is installed.

    Raises:
        BadAddressError: the address cannot be read.
    """

    def __init__(self, url: str, *, portable: bool = False) -> None:
        self.address = urls.parse(url)
        self._portable = portable

    def __repr__(self) -> str:
        return f"DemoDatabase({self.address})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; the object may be used again."""
        self._drop_route()
        self.__dict__.pop("schema", None)
        engine = self.__dict__.pop("engine", None)
        if engine is not None:
            engine.dispose()

    @cached_property
    def driver(self) -> drivers.Driver:
        """The driver in use.

        Raises:
            DriverMissingError: none is installed that reaches the database.
        """
        return drivers.choose(self.address)

    @cached_property
    def engine(self) -> Engine:
        """SQLAlchemy's engine on the database. Its URL holds neither password nor address.

        Raises:
            DemoDatabaseError: no driver, or no such file.
        """
        if self.address.kind == "sqlite" and not self.address.path.is_file():
            raise DatabaseMissingError(
                f"there is no file {self.address.path}; fill a demo database with `cs2 simulate` "
                "or `cs2 ingest demos`, or set CS2_DATABASE_URL"
            )
        url = URL.create(f"{self.address.kind}+{self.driver.name}")
        opener = drivers.opener(self.address, self.driver)
        engine = create_engine(url, creator=opener, poolclass=QueuePool, pool_size=1, max_overflow=1)
        return _of_any_version(engine) if self.address.kind == "mssql" else engine

    @cached_property
    def route(self) -> Route:
        """The quickest way to read that the installed drivers offer, with its connection open.

        Raises:
            DemoDatabaseError: the server cannot be reached or refuses.
        """
        opened: Route = self._attempt(self._open_route)
        return opened

    @cached_property
    def schema(self) -> Schema:
        """The tables as the database has them, looked at once per connection.

        Raises:
            DemoDatabaseError: the server cannot be reached or refuses.
        """
        found = self.read(catalogue(self.address.kind)).to_pydict()
        return Schema(zip(found["table_name"], found["column_name"], strict=True))

    def batches(
        self, query: SelectBase, params: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The query's rows in record batches, in the types of `demodb.read.arrow_schema`.

        Memory holds one batch at a time. A broken connection is opened anew and the read goes on after the last
        batch handed out, which takes a `key`; without one that is possible only before the first batch.

        Args:
            query: what to read; its columns' types are the types of the rows.
            params: values of the query's named parameters, always bound, never written into the text.
            key: the label of a column whose values are whole, unique and ascending in the order of reading, such
                as an Id. The query is ordered by it.

        Raises:
            DemoDatabaseError: the query failed, or the connection kept breaking.
        """
        schema, after, begun, failed = arrow_schema(query), None, False, 0
        while True:
            resumed, bound = _from_key(query, key, after)
            try:
                for raw in self._raw(resumed, {**(params or {}), **bound}):
                    batch = conform(raw, schema)
                    if batch.num_rows:
                        after = last_key(batch, key) if key is not None else None
                        begun, failed = True, 0
                        yield batch
                return
            except ConnectionLostError:
                failed += 1
                self._drop_route()
                if failed >= ATTEMPTS or (begun and key is None):
                    raise

    def read(self, query: SelectBase, params: Mapping[str, Any] | None = None) -> pa.Table:
        """All of the query's rows as one table; begun anew when the connection breaks.

        Raises:
            DemoDatabaseError: the query failed, or the connection kept breaking.
        """
        for last in (*[False] * (ATTEMPTS - 1), True):
            try:
                return pa.Table.from_batches(self.batches(query, params), schema=arrow_schema(query))
            except ConnectionLostError:
                if last:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _raw(self, query: SelectBase, params: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        raw = self.route.raw_batches(query, params)
        while (batch := self._attempt(lambda: next(raw, None))) is not None:
            yield batch

    def _open_route(self) -> Route:
        quickest = None if self._portable else _quickest(self.address, self.driver)
        if self.address.kind == "sqlite":
            _ = self.engine  # says so when there is no file
        return quickest() if quickest is not None else Portable(self.engine)

    def _attempt(self, work: Callable[[], _T]) -> _T:
        """Do the work; what a driver raises comes out as the platform's error, without the driver's trace."""
        try:
            return work()
        except (DemoDatabaseError, TypeError, AttributeError, KeyError):
            raise
        except Exception as error:
            raise translated(error, self.address) from None

    def _drop_route(self) -> None:
        route = self.__dict__.pop("route", None)
        if route is not None:
            route.close()


def _of_any_version(engine: Engine) -> Engine:
    """The engine, also for a T-SQL server that does not call itself Microsoft's.

    SQLAlchemy reads the version from a sentence that begins with that name, and breaks where it does not. There is no
    public way to tell it a version.
    """
    dialect: Any = engine.dialect
    ask = dialect._get_server_version_info
    dialect._get_server_version_info = lambda connection: ask(connection) or _OLDEST_VERSION
    return engine


def _quickest(address: urls.Address, driver: drivers.Driver) -> Callable[[], Route] | None:
    """What opens the quickest route for the driver, None where only the portable one is there."""
    routes: dict[str, tuple[str, Callable[[], Route]]] = {
        "sqlite3": ("adbc_driver_sqlite", lambda: AdbcSqlite(drivers.sqlite_uri(address))),
        "psycopg": ("adbc_driver_postgresql", lambda: AdbcPostgres(drivers.libpq_uri(address), drivers.SESSION)),
        "mssql_python": ("mssql_python", lambda: MssqlPython(drivers.opener(address, driver))),
        "pyodbc": ("arrow_odbc", lambda: ArrowOdbc(drivers.odbc_string(address, driver), CONNECT_TIMEOUT)),
    }
    if driver.is_free_tds and not (address.password or "").isascii():
        return None  # arrow-odbc hands FreeTDS bytes that it reads as Latin letters; pyodbc hands it UTF-16
    needed, opened = routes["psycopg" if driver.module == "psycopg2" else driver.module]
    return opened if drivers.importable(needed) else None


def _from_key(query: SelectBase, key: str | None, after: int | None) -> tuple[SelectBase, dict[str, Any]]:
    """The query in the order of its key, and from the row after the last one seen."""
    if key is None:
        return query, {}
    if not isinstance(query, Select):
        raise TypeError("only a plain select can be read by key")
    column = query.selected_columns[key]
    ordered = query.order_by(column.element if isinstance(column, Label) else column)
    if after is None:
        return ordered, {}
    return ordered.where(column > bindparam(_RESUME)), {_RESUME: after}
