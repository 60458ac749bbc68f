"""How servers find the rows of a day: by index and key range, never by a look at every round or event."""

from datetime import date, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.selectable import SelectBase

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.postgres import prepared
from cs2_pipeline.demodb.connection.read import statement
from cs2_pipeline.demodb.extraction import extract, watermark
from cs2_pipeline.demodb.extraction.watermark import Watermark
from cs2_pipeline_tests.demodb.conftest import new_postgres, write_postgres
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

LARGE = ("Rounds", "PlayerRoundStats", "PlayerMatchStats", "Kills", "Damages", "Bombs")


class Noted(DemoDatabase):
    """A demo database that notes the queries it reads."""

    def __init__(self, url: str) -> None:
        super().__init__(url, portable=True)
        self.queries: list[SelectBase] = []

    def read(self, query, params=None):
        self.queries.append(query)
        return super().read(query, params)


CATALOGUES = ("information_schema", "pragma_table_info")
"""What the look-up of columns reads: no table of the user's."""


def queries_of_a_day(url: str, day: date) -> tuple[list[SelectBase], Dialect]:
    with Noted(url) as db:
        for extraction in (extract.rounds, extract.player_match_stats, extract.event_tables):
            extraction(db, day, day)
        watermark.days_touched(db, Watermark(399, datetime.fromisoformat("2027-01-01T00:00:00+00:00")))
        own = [one for one in db.queries if not any(name in str(one) for name in CATALOGUES)]
        return own, db.engine.dialect


@pytest.fixture(scope="module")
def year() -> SmallDatabase:
    small = SmallDatabase()
    for number in range(2, 401):
        small.add_match(number, NOON + timedelta(days=number))
    return small


DAY = (NOON + timedelta(days=200)).date()


def test_sqlite_searches_rounds_and_events_by_index(year, tmp_path):
    url = year.write(tmp_path / "demos.sqlite")
    engine = create_engine(url)
    queries, dialect = queries_of_a_day(url, DAY)
    assert len(queries) >= 10
    with engine.connect() as connection:
        for query in queries:
            sql, bound = statement(query, {}, dialect)
            plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", bound)]
            scanned = [step for step in plan if step.startswith("SCAN") and step.split()[1] in LARGE]
            assert scanned == [], sql
            assert any("StartTime" in step or "RoundId" in step for step in plan) or "ParsedAt" in sql, plan
    engine.dispose()


@pytest.fixture(scope="module")
def year_in_postgres(year, postgres_server) -> str:
    url = write_postgres(year, new_postgres(postgres_server))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")
    return url


def large_tables_scanned(plan: list[str]) -> list[str]:
    return [line for line in plan if "Seq Scan" in line and any(f'"{table}"' in line for table in LARGE)]


def test_postgresql_searches_rounds_and_events_by_index(year_in_postgres):
    queries, dialect = queries_of_a_day(year_in_postgres, DAY)
    with psycopg.connect(year_in_postgres) as connection:
        for query in queries:
            sql, bound = statement(query, {}, dialect)
            plan = [row[0] for row in connection.execute(f"EXPLAIN {sql}", bound)]
            assert large_tables_scanned(plan) == [], "\n".join(plan)


def test_postgresql_searches_by_index_also_where_values_are_settings(year_in_postgres):
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi", reason="the quick route is not installed")
    queries, _ = queries_of_a_day(year_in_postgres, DAY)
    with dbapi.connect(year_in_postgres) as connection, connection.cursor() as cursor, connection.cursor() as other:
        other.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})  # a plan cannot be copied
        for query in queries:
            sql = prepared(cursor, query, {})
            if " IN (" in sql:
                continue  # rounds asked for by their ids: nothing is bound, and the index is the other tests' matter
            assert "current_setting" in sql
            other.execute(f"EXPLAIN {sql}")
            plan = [row[0] for row in other.fetchall()]
            assert large_tables_scanned(plan) == [], "\n".join(plan)
            assert any("StartTime" in line and "Cond" in line for line in plan) or "ParsedAt" in sql, plan
