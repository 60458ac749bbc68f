"""What COPY and bound values do to a query of PostgreSQL: nothing that can be seen in its rows."""

from collections.abc import Callable, Iterator
from datetime import UTC, timedelta, timezone
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Integer, Unicode, bindparam, column, select, table
from sqlalchemy.sql.selectable import Select

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline_tests.demodb.conftest import new_postgres, write_postgres
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

INT4, INT2 = 2**31, 2**15
COLUMNS = {
    "Id": ("int", Integer()),
    "Wide": ("bigint", Integer()),
    "One": ("int", Integer()),
    "Word": ("varchar(9)", Unicode()),
    "Set": ("bool", Boolean()),
    "Small": ("smallint", Integer()),
    "Other": ("int", Integer()),
    "Told": ("bool", Boolean()),
}
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.sampled_from([-INT4, -1, 0, 1, INT4 - 1]) | st.integers(-INT4, INT4 - 1),
        st.none() | st.text("ab'\\%$1:", max_size=9),
        st.none() | st.booleans(),
        st.none() | st.integers(-INT2, INT2 - 1),
        st.none() | st.sampled_from([-INT4, INT4 - 1]) | st.integers(-INT4, INT4 - 1),
        st.none() | st.booleans(),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def odd(postgres_server: str) -> Iterator[tuple[psycopg.Connection[Any], DemoDatabase]]:
    """A connection that may write, and a database to read from, of a table `Odd`."""
    pytest.importorskip("adbc_driver_postgresql", reason="the quick route is not installed")
    url = new_postgres(postgres_server)
    with psycopg.connect(url, autocommit=True) as connection, DemoDatabase(url) as db:
        made = ", ".join(f'"{name}" {kind}' for name, (kind, _) in COLUMNS.items())
        connection.execute(f'CREATE TABLE "Odd" ({made})')
        yield connection, db


def query_of_odd() -> Select[Any]:
    columns = [column(name, kind) for name, (_, kind) in COLUMNS.items()]
    found = table("Odd", *columns)
    return select(*found.columns).order_by(found.c.Id)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(rows=ROWS)
def test_every_number_bit_and_null_arrives_as_it_was_written(odd, rows):
    connection, db = odd
    written = [(at, *row) for at, row in enumerate(rows)]
    connection.execute('TRUNCATE "Odd"')
    with connection.cursor() as cursor:
        cursor.executemany('INSERT INTO "Odd" VALUES (%s, %s, %s, %s, %s, %s, %s, %s)', written)
    assert [tuple(row.values()) for row in db.read(query_of_odd()).to_pylist()] == written


FILES = tables.DEMO_FILES.c


@pytest.fixture(scope="module")
def small(postgres_server: str) -> Iterator[Callable[..., list[int]]]:
    """A function that gives the Ids of a small database's demos that fulfil a condition."""
    small = SmallDatabase()
    small.row("DemoFiles", 1)["ServerName"] = "x" * 200
    small.add("DemoFiles", **(small.row("DemoFiles", 1) | {"Id": 2, "ServerName": "it's $1 %s \\ :x"}))
    with DemoDatabase(write_postgres(small, new_postgres(postgres_server))) as db:
        yield lambda condition, params=None: db.read(select(FILES.Id).where(condition), params)["Id"].to_pylist()


def test_a_bound_text_is_compared_whole_and_as_it_is(small):
    assert small(FILES.FileName == "match1.dem") == [1, 2]
    assert small(FILES.ServerName == bindparam("server"), {"server": "it's $1 %s \\ :x"}) == [2]
    assert small(FILES.FileName == "match1.dem" + "x" * 600) == []


def test_a_bound_number_may_be_wider_than_the_column_it_is_compared_with(small):
    assert small(FILES.Id < 2**40) == [1, 2]
    assert small(FILES.Duration >= -0.5) == [1, 2]


def test_a_bound_time_with_a_zone_is_the_same_moment_in_utc(small):
    created = NOON.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=5)))
    assert small(FILES.CreatedAt == created) == [1, 2]
    assert small(FILES.CreatedAt < created) == []


def test_a_value_of_null_matches_nothing_and_a_missing_one_is_an_error(small):
    assert small(FILES.ServerName == bindparam("server"), {"server": None}) == []
    with pytest.raises(KeyError, match="server"):
        small(FILES.ServerName == bindparam("server"))
