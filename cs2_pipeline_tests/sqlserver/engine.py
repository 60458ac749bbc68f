"""The answers of a session: SQLite demo databases under SQL Server's catalogue and permissions."""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cs2_pipeline_tests.sqlserver import translation
from cs2_pipeline_tests.sqlserver.translation import BIGINT, BIT, DATETIME2, INT, REAL, SqlError
from cs2_pipeline_tests.sqlserver.wire import Column, SqlType

_NAMED_LENGTHS = {
    ("demofiles", "filename"): 500,
    ("demofiles", "mapname"): 100,
    ("matches", "winnerteam"): 50,
    ("players", "playername"): 100,
    ("players", "team"): 50,
    ("rounds", "winnerteam"): 50,
    ("rounds", "endreason"): 100,
}
"""Columns whose length Demo Lens sets; without one, the C# application's mapper makes a text nvarchar(max)."""
_DECLARED = {
    "INTEGER": INT,
    "BIGINT": BIGINT,
    "BOOLEAN": BIT,
    "FLOAT": REAL,
    "DATETIME": DATETIME2,
    "NUMERIC(20, 0)": SqlType("decimal", 20),
}


@dataclass
class Result:
    """Columns and rows of a query; `rows` may be read once."""

    columns: Sequence[Column]
    rows: Iterator[Sequence[Any]]


@dataclass
class Database:
    """A SQLite demo database, served under a name.

    Attributes:
        denied: tables whose SELECT permission is denied.
        hidden: tables the user sees nothing of, because no permission on them was ever granted.
    """

    name: str
    path: Path
    denied: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)


class Session:
    """One connection's view of a database. Used by a single thread."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection = sqlite3.connect("file::memory:", uri=True, isolation_level=None, check_same_thread=False)
        self._connection.execute("ATTACH ? AS dbo", (f"file:{database.path}?mode=ro",))
        for schema in ("sys", "INFORMATION_SCHEMA"):
            self._connection.execute(f"ATTACH ':memory:' AS {schema}")
        self._connection.executescript(_CATALOGUE)
        self._names: dict[str, str] = {}
        found = {schema: list(self._look_at(schema)) for schema in ("dbo", "sys", "INFORMATION_SCHEMA")}
        self._fill_catalogue(found["dbo"])
        self._schema = tuple(
            (f"{schema}.{name}".lower(), columns) for schema, tables in found.items() for name, _, columns in tables
        )

    def close(self) -> None:
        self._connection.close()

    def _look_at(self, schema: str) -> Iterator[tuple[str, str, tuple[Column, ...]]]:
        """Name, kind and columns of every table and view."""
        query = f"SELECT name, type FROM {schema}.sqlite_master WHERE type IN ('table', 'view')"  # noqa: S608
        for name, kind in self._connection.execute(query).fetchall():
            columns = [
                Column(column, _declared(name, column, declared), nullable=not (required or key))
                for column, declared, required, key in self._connection.execute(_TABLE_INFO, (name, schema))
            ]
            yield name, kind, tuple(columns)

    def _fill_catalogue(self, tables: Sequence[tuple[str, str, tuple[Column, ...]]]) -> None:
        """The rows of the catalogue's views that SQLAlchemy asks for."""
        execute, many = self._connection.execute, self._connection.executemany
        execute("BEGIN")
        execute("INSERT INTO sys.schemas VALUES (1, 'dbo')")
        type_ids = {name: number for number, name in enumerate(_TYPE_NAMES, start=1)}
        many("INSERT INTO sys.types VALUES (?, ?, ?)", [(name, number, number) for name, number in type_ids.items()])
        for number, (name, kind, columns) in enumerate(tables, start=1):
            self._names[f"dbo.{name}".lower()] = name
            if name in self.database.hidden:
                continue
            base = kind == "table"
            execute("INSERT INTO sys.objects VALUES (?, ?, 1, ?)", (number, name, "U" if base else "V"))
            row = (self.database.name, "dbo", name, "BASE TABLE" if base else "VIEW")
            execute("INSERT INTO INFORMATION_SCHEMA.TABLES VALUES (?, ?, ?, ?)", row)
            named = [("dbo", name, one.name) for one in columns]
            many("INSERT INTO INFORMATION_SCHEMA.COLUMNS VALUES (?, ?, ?)", named)
            described = [
                (number, place, one.name, type_ids[one.type.name], one.nullable, *_catalogue_size(one.type))
                for place, one in enumerate(columns, start=1)
            ]
            many("INSERT INTO sys.columns VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, 0)", described)
        execute("COMMIT")

    def run(self, sql: str, parameters: Mapping[str, Any]) -> Result | None:
        """The answer to one statement, None where it has no result.

        Raises:
            SqlError: SQL Server would refuse it, or it is not understood.
        """
        plain = " ".join(sql.split())
        if re.match(_NO_RESULT, plain, re.IGNORECASE):
            return None
        if plain.startswith("SELECT 1 FROM fn_listextendedproperty"):
            return Result((Column("", INT),), iter(()))
        plan = translation.plan(sql, self._schema)
        self._check_permissions(plan)
        bound = {one.name: one.value(parameters) for one in plan.bound}
        try:
            return Result(plan.columns, iter(self._connection.execute(plan.sql, bound)))
        except sqlite3.OperationalError as error:
            raise SqlError(50_000, f"the stand-in's database says: {error}") from None

    def _check_permissions(self, plan: translation.Plan) -> None:
        """Queries need SELECT, which all but the denied tables have; nobody may write."""
        names = [self._names[table] for table in plan.tables if table in self._names]
        unreadable = self.database.denied | self.database.hidden
        denied = names if plan.writes else [name for name in names if name in unreadable]
        for name in denied:
            where = f"the object '{name}', database '{self.database.name}', schema 'dbo'."
            raise SqlError(229, f"The {plan.writes or 'SELECT'} permission was denied on {where}", 14)


def _declared(table: str, column: str, declared: str) -> SqlType:
    """SQL Server's type of a column that SQLite has as `declared`."""
    if (table.lower(), column.lower()) == ("players", "steamid"):
        return SqlType("decimal", 20)
    if declared == "TEXT":
        return SqlType("nvarchar", 128)
    if declared in _DECLARED:
        return _DECLARED[declared]
    return SqlType("nvarchar", _NAMED_LENGTHS.get((table.lower(), column.lower())))


def _catalogue_size(kind: SqlType) -> tuple[int, int, int]:
    """max_length, precision and scale as sys.columns has them."""
    if kind.name == "nvarchar":
        return (-1 if kind.size is None else 2 * kind.size), 0, 0
    return {
        "decimal": (13, kind.size or 38, 0),
        "datetime2": (8, 27, 7),
        "real": (4, 24, 0),
        "float": (8, 53, 0),
        "bigint": (8, 19, 0),
        "int": (4, 10, 0),
        "smallint": (2, 5, 0),
        "bit": (1, 1, 0),
    }[kind.name]


_TABLE_INFO = "SELECT name, type, [notnull], pk FROM pragma_table_info(?, ?)"
_TYPE_NAMES = ("int", "bigint", "smallint", "bit", "real", "float", "nvarchar", "datetime2", "decimal")
_CATALOGUE = """
CREATE TABLE INFORMATION_SCHEMA.TABLES (TABLE_CATALOG TEXT, TABLE_SCHEMA TEXT, TABLE_NAME TEXT, TABLE_TYPE TEXT);
CREATE TABLE INFORMATION_SCHEMA.COLUMNS (TABLE_SCHEMA TEXT, TABLE_NAME TEXT, COLUMN_NAME TEXT);
CREATE TABLE sys.schemas (schema_id INTEGER, name TEXT);
CREATE TABLE sys.types (name TEXT, system_type_id INTEGER, user_type_id INTEGER);
CREATE TABLE sys.objects (object_id INTEGER, name TEXT, schema_id INTEGER, type TEXT);
CREATE TABLE sys.columns (
    object_id INTEGER, column_id INTEGER, name TEXT, user_type_id INTEGER, is_nullable BOOLEAN, max_length INTEGER,
    precision INTEGER, scale INTEGER, collation_name TEXT, default_object_id INTEGER
);
CREATE TABLE sys.default_constraints (object_id INTEGER, parent_column_id INTEGER, definition TEXT);
CREATE TABLE sys.computed_columns (object_id INTEGER, column_id INTEGER, definition TEXT, is_persisted BOOLEAN);
CREATE TABLE sys.identity_columns (
    object_id INTEGER, column_id INTEGER, is_identity BOOLEAN, seed_value INTEGER, increment_value INTEGER
);
CREATE TABLE sys.extended_properties (class INTEGER, major_id INTEGER, minor_id INTEGER, name TEXT, value TEXT);
CREATE TABLE sys.system_views (name TEXT);
INSERT INTO sys.system_views VALUES ('dm_exec_sessions');
CREATE TABLE sys.dm_exec_sessions (session_id INTEGER, transaction_isolation_level INTEGER);
INSERT INTO sys.dm_exec_sessions VALUES (51, 2);
"""

_NO_RESULT = r"SET |USE |IF @@TRANCOUNT > 0 |(COMMIT|ROLLBACK|BEGIN) ?(TRAN|WORK|$)"
"""Statements about the session, which only need an answer."""
