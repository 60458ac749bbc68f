"""PostgreSQL through ADBC: how a query is put so that its rows leave the server by COPY, in few fields.

Only that route belongs here; routes in general are the business of `demodb.read`.

COPY takes no bound values: they become settings of the transaction, which the query asks for. What COPY costs, in the
server and in the driver alike, goes by fields and hardly by bytes. Therefore two whole numbers of at most 32 bits
travel as one of 64, and bits travel together with the marks of NULL as one more. All else travels as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
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
_MARKS_IN_WORD: Final = 31
"""Marks of two bits in one number; its sign is left alone."""


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
                sql = prepared(cursor, query, params)
                packing = Packing.of(cursor.adbc_execute_schema(sql))
                cursor.execute(packing.packed(sql))
                for batch in cursor.fetch_record_batch():
                    yield packing.unpacked(batch)
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


@dataclass(frozen=True)
class Packing:
    """Which columns of a query travel together.

    Attributes:
        width: number of columns.
        pairs: whole numbers of at most 32 bits, two and two.
        bits: bit columns.

    The packed columns come first: words of marks, two bits for each pair and each bit; then the pairs. After them come
    the other columns in order.
    """

    width: int
    pairs: tuple[tuple[int, int], ...] = ()
    bits: tuple[int, ...] = ()

    @classmethod
    def of(cls, schema: pa.Schema) -> Self:
        """The packing for a query's columns, as the driver describes them."""
        kinds = [(field.metadata or {}).get(b"POSTGRESQL:type") for field in schema]
        numbers = [at for at, kind in enumerate(kinds) if kind in (b"int2", b"int4")]
        return cls(
            len(schema),
            tuple(zip(numbers[::2], numbers[1::2], strict=False)),
            tuple(at for at, kind in enumerate(kinds) if kind == b"bool"),
        )

    @property
    def plain(self) -> list[int]:
        """The columns that travel as they are."""
        together = {at for pair in self.pairs for at in pair} | set(self.bits)
        return [at for at in range(self.width) if at not in together]

    def packed(self, sql: str) -> str:
        """The query with its columns packed."""
        marks = [
            f"CASE WHEN c{one} IS NULL THEN CASE WHEN c{other} IS NULL THEN {{3}} ELSE {{1}} END "
            f"WHEN c{other} IS NULL THEN {{2}} ELSE 0 END"
            for one, other in self.pairs
        ] + [f"CASE WHEN c{at} THEN {{1}} WHEN c{at} IS NULL THEN {{2}} ELSE 0 END" for at in self.bits]
        words: list[list[str]] = []
        for place, mark in enumerate(marks):
            word, shift = divmod(place, _MARKS_IN_WORD)
            if not shift:
                words.append([])
            words[word].append(mark.format(*(f"{value << 2 * shift}::int8" for value in range(4))))
        pairs = [f"(coalesce(c{one}, 0)::int8 << 32) # coalesce(c{other}, 0)::int8" for one, other in self.pairs]
        columns = [*(" + ".join(marks) for marks in words), *pairs, *(f"c{at}" for at in self.plain)]
        names = ", ".join(f"c{at}" for at in range(self.width))
        return f"SELECT {', '.join(columns)} FROM ({sql}) AS q ({names})"  # noqa: S608

    def unpacked(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch with the query's own columns; numbers that were packed are int64."""
        packed = len(self.pairs) + len(self.bits)
        words = -(-packed // _MARKS_IN_WORD)
        marks = _Marks([_whole(array) for array in batch.columns[:words]])
        columns: dict[int, pa.Array] = {}
        for place, (one, other) in enumerate(self.pairs):
            both = _whole(batch.column(words + place))
            low = both.astype(np.int32).astype(np.int64)
            columns[one] = pa.array((both ^ low) >> 32, mask=marks.get(place, 1))
            columns[other] = pa.array(low, mask=marks.get(place, 2))
        nowhere = np.zeros(batch.num_rows, dtype=bool)
        for place, at in enumerate(self.bits, start=len(self.pairs)):
            is_set = marks.get(place, 1)
            columns[at] = pa.array(nowhere if is_set is None else is_set, mask=marks.get(place, 2))
        columns |= zip(self.plain, batch.columns[words + len(self.pairs) :], strict=True)
        names = [str(at) for at in range(self.width)]
        return pa.RecordBatch.from_arrays([columns[at] for at in range(self.width)], names=names)


class _Marks:
    """The marks of a batch's rows."""

    def __init__(self, words: list[npt.NDArray[np.int64]]) -> None:
        self._words = words
        self._anywhere = [int(np.bitwise_or.reduce(word)) for word in words]

    def get(self, place: int, mark: int) -> npt.NDArray[np.bool_] | None:
        """The rows that bear the mark 1 or 2 at a place, None where none does."""
        word, shift = divmod(place, _MARKS_IN_WORD)
        bit = mark << 2 * shift
        if not self._anywhere[word] & bit:
            return None
        found: npt.NDArray[np.bool_] = (self._words[word] & bit) != 0
        return found


def _whole(array: pa.Array) -> npt.NDArray[np.int64]:
    numbers: npt.NDArray[np.int64] = array.to_numpy()
    return numbers
