"""How servers find the rows of a day: by index and key range, never by a look at every round or event."""

from datetime import date, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.sql.selectable import SelectBase

from cs2_pipeline.demodb import extract, watermark
from cs2_pipeline.demodb.connect import DemoDatabase
from cs2_pipeline.demodb.read import statement
from cs2_pipeline.demodb.watermark import Watermark
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


def queries_of_a_day(url: str, day: date) -> list[tuple[str, object]]:
    with Noted(url) as db:
        for extraction in (extract.rounds, extract.player_match_stats, extract.event_tables):
            extraction(db, day, day)
        watermark.days_touched(db, Watermark(399, datetime.fromisoformat("2027-01-01T00:00:00+00:00")))
        return [statement(query, {}, db.engine.dialect) for query in db.queries]


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
    queries = queries_of_a_day(url, DAY)
    assert len(queries) >= 10
    with engine.connect() as connection:
        for sql, bound in queries:
            plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", bound)]
            scanned = [step for step in plan if step.startswith("SCAN") and step.split()[1] in LARGE]
            assert scanned == [], sql
            assert any("StartTime" in step for step in plan) or "ParsedAt" in sql, plan
    engine.dispose()


def test_postgresql_searches_rounds_and_events_by_index(year, postgres_server):
    url = write_postgres(year, new_postgres(postgres_server))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")
        for sql, bound in queries_of_a_day(url, DAY):
            plan = [row[0] for row in connection.execute(f"EXPLAIN {sql}", bound)]
            scanned = [line for line in plan if "Seq Scan" in line and any(f'"{table}"' in line for table in LARGE)]
            assert scanned == [], "\n".join(plan)
