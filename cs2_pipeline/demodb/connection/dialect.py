"""The connected database as it really is: which tables and columns it has, under which of their known spellings.

Reconciling schemas and the ways a value is written (winners, days) belongs here; what a row means does not.
`tables` declares each column's type; this module finds where the connected database keeps it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Unicode,
    and_,
    cast,
    column,
    func,
    literal_column,
    null,
    select,
    table,
    text,
    type_coerce,
)
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.selectable import SelectBase
from sqlalchemy.types import TypeEngine

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.connection.errors import SchemaMismatchError
from cs2_pipeline.game.rules import Side

_SPELLINGS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("PlayerMatchStats", "HeadshotKills"): ("Headshots",),
    ("PlayerMatchStats", "TotalDamageDealt"): ("TotalDamage",),
}
"""Other names of a column, as an older guide to the schema has them."""

_SUMS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("PlayerMatchStats", name): tuple(f"{name}1v{size}" for size in range(1, 6))
    for name in ("ClutchWins", "ClutchAttempts")
}
"""Quantities that the schema splits over several columns and the older guide keeps in one."""

_MAY_BE_MISSING: Final = frozenset(
    {
        ("Rounds", "IsWarmup"),
        ("Rounds", "IsKnifeRound"),
        ("Rounds", "GamePhase"),
        ("Rounds", "EndReason"),
        ("DemoFiles", "DemoSource"),
        ("DemoFiles", "Game"),
        ("Kills", "KillerTeam"),
        ("Kills", "VictimTeam"),
        ("PlayerMatchStats", "TradeKills"),
        ("PlayerMatchStats", "TradeDeaths"),
        *(("PlayerMatchStats", part) for parts in _SUMS.values() for part in parts),
    }
)
"""Columns a database may lack; every row then has NULL there."""

_WINNERS: Final[dict[str, Side]] = {
    "ct": "CT",
    "counterterrorist": "CT",
    "3": "CT",
    "t": "T",
    "terrorist": "T",
    "2": "T",
}


def side_of(value: str | None) -> Side | None:
    """The side a team value names in any known spelling (``CT``, ``CounterTerrorist``, ``3`` …), else None."""
    return _WINNERS.get(value.strip().casefold()) if value is not None else None


@dataclass(frozen=True)
class Source:
    """One table or view of the connected database.

    Attributes:
        name: its declared name (`tables`).
        clause: what to select from, in the database's own spelling.
        columns: the database's spelling of each column, by its lower-case form.
    """

    name: str
    clause: FromClause
    columns: Mapping[str, str]

    def __getitem__(self, declared: str) -> ColumnElement[Any]:
        """The column of that declared name, wherever the database keeps it.

        Raises:
            SchemaMismatchError: it is there under none of its names.
        """
        found = self.find(declared)
        if found is None:
            raise _columns_missing(self, [declared])
        return found

    def find(self, declared: str) -> ColumnElement[Any] | None:
        """As ``[]``, but None when the column is missing."""
        key = (self.name, declared)
        for spelling in (declared, *_SPELLINGS.get(key, ())):
            actual = self.columns.get(spelling.lower())
            if actual is not None:
                return self.clause.c[actual]
        parts = [self.columns.get(part.lower()) for part in _SUMS.get(key, ())]
        if parts and all(part is not None for part in parts):
            first, *rest = (self.clause.c[part] for part in parts if part is not None)
            total: ColumnElement[Any] = first
            for part in rest:
                total = total + part
            return total
        if key in _MAY_BE_MISSING:
            return type_coerce(null(), tables.declared(self.name).columns[declared].type)
        return None

    def select(self, names: Mapping[str, str]) -> list[ColumnElement[Any]]:
        """Columns labelled by their internal names.

        Args:
            names: internal name -> declared column name.

        Raises:
            SchemaMismatchError: some are missing; the message lists all of them.
        """
        missing = [declared for declared in names.values() if self.find(declared) is None]
        if missing:
            raise _columns_missing(self, missing)
        return [self[declared].label(internal) for internal, declared in names.items()]

    def aliased(self, name: str) -> "Source":
        """The same table under another name, to join it with itself."""
        return Source(self.name, self.clause.alias(name), self.columns)


def looked_for(table_name: str, declared: str) -> str:
    """Every name under which a column was looked for, for messages."""
    key = (table_name, declared)
    names = [declared, *_SPELLINGS.get(key, ())]
    if key in _SUMS:
        names.append(f"{_SUMS[key][0]} … {_SUMS[key][-1]}")
    return " or ".join(names)


def _columns_missing(source: Source, missing: list[str]) -> SchemaMismatchError:
    wanted = "; ".join(looked_for(source.name, name) for name in missing)
    there = ", ".join(sorted(source.columns.values()))
    return SchemaMismatchError(
        f"table {source.name} lacks a column: looked for {wanted}. It has: {there}. "
        f"Update the application that fills the database, or offer a view named {source.name} with these columns"
    )


def _known_types(table_name: str) -> dict[str, TypeEngine[Any]]:
    """Type of every column the platform knows in a table, by lower-case name, the other spellings included."""
    declared = tables.declared(table_name).columns
    found: dict[str, TypeEngine[Any]] = {known.name.lower(): known.type for known in declared}
    for (of_table, name), others in _SPELLINGS.items():
        if of_table == table_name:
            found |= {other.lower(): declared[name].type for other in others}
    for (of_table, name), parts in _SUMS.items():
        if of_table == table_name:
            found[name.lower()] = declared[parts[0]].type
    return found


def catalogue(kind: str) -> SelectBase:
    """The query of every table's and view's columns that a user can see: table_name and column_name.

    One query for all of them: asking for each table by itself takes most of a minute on the full schema of some fifty.

    Args:
        kind: the family of the server, as in `urls.Address`.
    """
    names = ("table_name", "column_name")
    if kind == "sqlite":
        # Of tables that are none of ours only the name: a view among them may be broken.
        known = ", ".join(f"'{name.lower()}'" for name in (*tables.METADATA.tables, *tables.APPLICATION.tables))
        ours = f"pragma_table_info(CASE WHEN lower(m.name) IN ({known}) THEN m.name END) p"
        columns = (literal_column("m.name", Unicode()), literal_column("p.name", Unicode()))
        return (
            select(*(column.label(name) for name, column in zip(names, columns, strict=True)))
            .select_from(text(f"sqlite_master m LEFT JOIN {ours}"))
            .where(text("m.type IN ('table', 'view')"))
        )
    written = str.upper if kind == "mssql" else str
    found = [column(written(name), Unicode()) for name in (*names, "table_schema")]
    view = table(written("columns"), *found, schema=written("information_schema"))
    own = func.schema_name() if kind == "mssql" else func.current_schema()
    wanted = [cast(view.c[written(name)], Unicode(128)).label(name) for name in names]
    return select(*wanted).where(view.c[written("table_schema")] == own)


class Schema:
    """The tables and views of one database, looked at once.

    Args:
        found: table_name and column_name of each column (`catalogue`); no column where a table is not looked into.
    """

    def __init__(self, found: Iterable[tuple[str, str | None]]) -> None:
        self._columns: dict[str, list[str]] = {}
        for table_name, column_name in found:
            self._columns.setdefault(table_name, []).extend([] if column_name is None else [column_name])
        self._names = {name.lower(): name for name in self._columns}
        self._sources: dict[str, Source] = {}

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of the declared table names that the database has neither as a table nor as a view."""
        return [name for name in names if name.lower() not in self._names]

    def __getitem__(self, declared: str) -> Source:
        """The table or view of that declared name.

        Raises:
            SchemaMismatchError: there is none; the message says what is there instead.
        """
        if declared not in self._sources:
            if self.missing([declared]):
                raise self._table_missing(declared)
            self._sources[declared] = self._look_at(declared)
        return self._sources[declared]

    def _look_at(self, declared: str) -> Source:
        actual = self._names[declared.lower()]
        names = self._columns[actual]
        types = _known_types(declared)
        columns = [column(quoted_name(name, True), types.get(name.lower())) for name in names]
        clause = table(quoted_name(actual, True), *columns)
        return Source(declared, clause, {name.lower(): name for name in names})

    def _table_missing(self, declared: str) -> SchemaMismatchError:
        there = sorted(self._names.values())
        listing = ", ".join(there[:20]) + (" …" if len(there) > 20 else "") if there else "no table at all"
        return SchemaMismatchError(
            f"the database has no table {declared} that this user can see (it shows {listing}). Check that the address "
            "names a demo database, that the user may read the table, or fill an embedded one with `cs2 simulate`"
        )


def in_days(time_column: ColumnElement[Any], first: date, last: date, dialect_name: str) -> ColumnElement[bool]:
    """The condition that a time falls on one of the UTC days `first` to `last`, both included, as a key range.

    SQLite keeps times as ISO text, of which a bare date is the lowest of its day however the rest is written.
    """
    after = last + timedelta(days=1)
    if dialect_name == "sqlite":
        before_end = type_coerce(time_column, Unicode()) < after.isoformat()
    else:
        before_end = time_column < datetime.combine(after, datetime.min.time())
    return and_(from_day(time_column, first, dialect_name), before_end)


def from_day(time_column: ColumnElement[Any], first: date, dialect_name: str) -> ColumnElement[bool]:
    """The condition that a time falls on the UTC day `first` or later (see `in_days`).

    SQLite keeps any text in a column of times: what is no time falls on no day.
    """
    if dialect_name == "sqlite":
        written = type_coerce(time_column, Unicode())
        day = func.substr(written, 1, 10)
        return and_(written >= first.isoformat(), func.date(day) == day, func.julianday(written).is_not(None))
    return time_column >= datetime.combine(first, datetime.min.time())
