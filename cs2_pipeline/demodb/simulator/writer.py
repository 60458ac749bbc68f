"""Bulk loading of a SQLite demo database: all of it or nothing.

A new database is filled under a temporary name and renamed when it is whole; days are added to an existing one
in a single transaction.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy import Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.simulator.records import Rows

_SLICE: Final = 20_000
"""Rows turned into Python objects at a time: bounds the memory."""


def table_names() -> list[str]:
    """All tables, each after those it refers to."""
    return [table.name for table in tables.METADATA.sorted_tables]


@contextmanager
def new_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to an empty database that becomes `path` at the end; after an error nothing is left of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            # The file is thrown away if anything fails, so it needs no journal while it is filled.
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            for table in tables.METADATA.sorted_tables:
                connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
            yield connection
            for table in tables.METADATA.sorted_tables:
                for index in sorted(table.indexes, key=lambda index: str(index.name)):
                    connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
            connection.execute("COMMIT")
        finally:
            connection.close()
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def existing_database(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in one transaction: committed at the end, rolled back after an error."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    finally:
        connection.close()


def last_ids(connection: sqlite3.Connection) -> dict[str, int]:
    """The highest id of each table, 0 where it is empty."""
    query = 'SELECT COALESCE(MAX("Id"), 0) FROM "{}"'
    return {name: connection.execute(query.format(name)).fetchone()[0] for name in table_names()}


def insert(connection: sqlite3.Connection, name: str, rows: Rows) -> int:
    """Insert rows; returns how many."""
    table = tables.METADATA.tables[name]
    missing = [column.name for column in table.columns if column.name not in rows]
    if missing:
        raise KeyError(f"rows of {name} lack the columns {', '.join(missing)}")
    count = len(rows["Id"])
    statement = _statement(table)
    for first in range(0, count, _SLICE):
        size = min(_SLICE, count - first)
        values = [_values(rows[column.name], first, size) for column in table.columns]
        connection.executemany(statement, zip(*values, strict=True))
    return count


def _statement(table: Table) -> str:
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    marks = ", ".join("?" * len(table.columns))
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({marks})'  # noqa: S608  # names from our own metadata


def _values(column: Any, first: int, size: int) -> list[Any]:
    """Part of a column as Python objects."""
    if isinstance(column, np.ndarray):
        part: list[Any] = column[first : first + size].tolist()
        return part
    if isinstance(column, list):
        return column[first : first + size]
    return [column] * size
