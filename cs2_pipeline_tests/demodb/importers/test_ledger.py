"""Adding a recording: whole or not at all."""

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cs2_pipeline.demodb.connection.errors import DemoDatabaseError
from cs2_pipeline.demodb.importers.assemble import Recording, assemble
from cs2_pipeline.demodb.importers.ledger import Added, Ledger
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError
from cs2_pipeline.demodb.tables import METADATA
from cs2_pipeline_tests.demodb.importers.recordings import Script

FACTS: dict[str, Any] = {"live_rounds": 1, "economy_known": False, "left_out": "{}"}


@pytest.fixture
def rows() -> dict[str, list[dict[str, Any]]]:
    script = Script()
    script.round(3, [(5, "ct1", "t1"), (6, "ct1", "t2")])
    return assemble(script.parsed(), Recording("a", "a", 1, datetime(2026, 1, 1), datetime(2026, 1, 2))).rows


def counts(database: Path) -> dict[str, int]:
    with sqlite3.connect(database) as connection:
        names = [*METADATA.tables, "IngestedDemos"]
        return {name: connection.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0] for name in names}  # noqa: S608


def test_ids_continue_behind_those_in_the_database_and_references_follow(tmp_path: Path, rows: Any) -> None:
    database = tmp_path / "demos.sqlite"
    with Ledger(database) as ledger:
        assert ledger.add(Path("a"), ["1" * 64], rows, **FACTS).demo_id == 1
        assert ledger.add(Path("b"), ["2" * 64], rows, **FACTS).demo_id == 2
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        kills = connection.execute('SELECT "DemoFileId", "RoundId", "KillerId", "VictimId" FROM "Kills"').fetchall()
    assert [b - a for a, b in zip(kills[0], kills[2], strict=True)] == [1, 1, 10, 10]


def test_the_same_content_is_added_once(tmp_path: Path, rows: Any) -> None:
    database = tmp_path / "demos.sqlite"
    with Ledger(database) as ledger:
        ledger.add(Path("a"), ["1" * 64], rows, **FACTS)
        before = counts(database)
        assert ledger.add(Path("copy"), ["1" * 64], rows, **FACTS) == Added(1, "known")
    assert counts(database) == before


@pytest.mark.parametrize("broken", [{"VictimId": None}, {"VictimId": 99}])
def test_rows_that_fail_half_way_leave_nothing_behind(tmp_path: Path, rows: Any, broken: dict[str, Any]) -> None:
    database = tmp_path / "demos.sqlite"
    rows["Kills"][1] |= broken
    with Ledger(database) as ledger, pytest.raises(UnreadableDemoError, match="contradicts the database's rules"):
        ledger.add(Path("a"), ["1" * 64], rows, **FACTS)
    assert set(counts(database).values()) == {0}


def test_a_full_disk_leaves_nothing_behind_and_is_the_databases_trouble(tmp_path: Path, rows: Any) -> None:
    database = tmp_path / "demos.sqlite"
    with Ledger(database) as ledger:
        ledger.add(Path("a"), ["1" * 64], rows, **FACTS)
        before = counts(database)
        rows["Kills"] = [rows["Kills"][0] | {"Id": number} for number in range(1, 2001)]
        with ledger._transaction() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(DemoDatabaseError, match=r"full.*Nothing was half-written"):
            ledger.add(Path("b"), ["2" * 64], rows, **FACTS)
    assert counts(database) == before


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "demos.sqlite"
    file.write_text("these are not the tables you are looking for" * 100)
    with pytest.raises(DemoDatabaseError, match=r"demos\.sqlite could not be used: file is not a database"):
        Ledger(file)
