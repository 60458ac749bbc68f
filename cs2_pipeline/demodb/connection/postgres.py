"""PostgreSQL through ADBC: how a query is put so that its rows leave the server by COPY.

Only that route belongs here; routes in general are the business of `demodb.connection.read`.

COPY takes no bound values: they become settings of the transaction, which the query asks for.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Double,
    Float,
    Integer,
    Numeric,
    cast,
    func,
    literal_column,
    null,
)
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter
from sqlalchemy.sql.selectable import SelectBase
from sqlalchemy.types import TypeEngine

from cs2_pipeline.demodb.connection.read import statement

_DIALECT: Final[Dialect] = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_SETTING_TYPES: Final[tuple[tuple[type[TypeEngine[Any]], TypeEngine[Any]], ...]] = (
    (Boolean, Boolean()),
    (Integer, BigInteger()),
    (Float, Double()),
    (Numeric, Numeric()),
    (DateTime, DateTime()),
)
"""What a setting's text is read as, by the type of the value bound; text stays text."""


class AdbcPostgres:
    """A connection that reads by COPY, each query in a transaction of its own."""

    name = "ADBC (PostgreSQL)"

    def __init__(self, uri: str, session: Sequence[str]) -> None:
        from adbc_driver_postgresql import dbapi  # noqa: PLC0415  # optional

        self._connection = dbapi.connect(uri)
        with self._connection.cursor() as cursor:
            for command in session:
                cursor.execute(command)
        self._connection.commit()

    def raw_batches(self, query: SelectBase, params: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
        """See `demodb.read.Route`. Exact decimals come as text in an extension type."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(prepared(cursor, query, params))
                yield from cursor.fetch_record_batch()
        finally:
            with suppress(Exception):  # what broke the connection is the error to report
                self._connection.rollback()

    def close(self) -> None:
        """See `demodb.read.Route`."""
        with suppress(Exception):
            self._connection.close()


def prepared(cursor: Any, query: SelectBase, params: Mapping[str, Any]) -> str:
    """The query's text without bound values, which are made settings of the cursor's transaction."""
    asking, settings = with_settings(query, params)
    if settings:
        calls = ", ".join(f"set_config('{_name(at)}', ${at + 1}, true)" for at in range(len(settings)))
        cursor.execute(f"SELECT {calls}", settings)
        cursor.fetchall()
    sql, _ = statement(asking, {}, _DIALECT)
    return sql


def with_settings(query: SelectBase, params: Mapping[str, Any]) -> tuple[SelectBase, list[str]]:
    """The query with each bound value asked from a setting of the transaction, and those settings in order."""
    places: dict[str, int] = {}
    settings: list[str] = []

    def asked(element: Any, **_: Any) -> ColumnElement[Any] | None:
        if not isinstance(element, BindParameter):
            return None
        value = params[element.key] if element.required else params.get(element.key, element.effective_value)
        if value is None:
            return null()
        if element.key not in places:
            places[element.key] = len(settings)
            settings.append(_text(value))
        setting = func.current_setting(literal_column(f"'{_name(places[element.key])}'"))
        found = [read_as for bound, read_as in _SETTING_TYPES if isinstance(element.type, bound)]
        return cast(setting, found[0]) if found else setting

    rewritten: Any = visitors.replacement_traverse(query, {}, asked)
    return rewritten, settings


def _text(value: Any) -> str:
    """A bound value as the server reads it back: a timestamp's cast would not heed a zone."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return str(value)


def _name(place: int) -> str:
    return f"cs2_pipeline.value_{place}"
