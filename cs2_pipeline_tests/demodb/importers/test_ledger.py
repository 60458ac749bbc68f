"""Adding a recording: whole or not at all."""

import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cs2_pipeline.demodb.connection.errors import DemoDatabaseError
from cs2_pipeline.demodb.importers.assemble import Recording, assemble
from cs2_pipeline.demodb.importers.ledger import LEDGER, Added, Ledger
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


def test_what_could_not_be_read_is_listed_by_path_with_the_number_of_attempts_until_it_is_released(
    tmp_path: Path,
) -> None:
    with Ledger(tmp_path / "demos.sqlite") as ledger:
        for path, content, reason in (("b", "1", "x" * 3_000), ("a", "2", "too short"), ("b", "3", "cut off")):
            ledger.refuse(Path(path), content, reason)
        first, second = ledger.quarantine()
        assert (first.path, first.reason, first.attempts, first.content_hash) == ("a", "too short", 1, "2")
        assert (second.path, second.reason, second.attempts, second.content_hash) == ("b", "cut off", 2, "3")
        assert ledger.quarantined(Path("b")) == second
        assert ledger.quarantined(Path("c")) is None
        assert second.failed_at.tzinfo is None
        ledger.refuse(Path("b"), "4", "y" * 3_000)
        assert ledger.quarantined(Path("b")).reason == "y" * 2_000  # type: ignore[union-attr]
        ledger.release(Path("b"))
        assert [entry.path for entry in ledger.quarantine()] == ["a"]


def test_a_recording_is_known_by_each_of_its_keys_and_leaves_quarantine_when_it_is_added(
    tmp_path: Path, rows: Any
) -> None:
    with Ledger(tmp_path / "demos.sqlite") as ledger:
        ledger.refuse(Path("a"), "1", "too short")
        ledger.refuse(Path("b"), "1", "too short")
        assert ledger.ingested("1", "2") is None
        assert ledger.add(Path("a"), ["1", "2", "1"], rows, **FACTS) == Added(1, "new")
        assert (ledger.ingested("2"), ledger.ingested("3", "1"), ledger.ingested("3")) == (1, 1, None)
        assert [entry.path for entry in ledger.quarantine()] == ["b"]
        assert ledger.add(Path("b"), ["2", "3"], rows, **FACTS) == Added(1, "known")
        assert (ledger.ingested("3"), ledger.quarantine()) == (1, [])


def test_the_account_of_a_recording_is_kept(tmp_path: Path, rows: Any) -> None:
    database = tmp_path / "demos.sqlite"
    with Ledger(database) as ledger:
        ledger.add(Path("a"), ["1"], rows, live_rounds=13, economy_known=True, left_out='{"x": 2}')
        held, started = ledger.held(1)
    assert started == rows["Matches"][0]["StartTime"]
    assert (held.rounds, held.plants, held.economy) == (1, 1, 0)
    with sqlite3.connect(database) as connection:
        kept = (
            'SELECT "ContentHash", "DemoFileId", "Path", "LiveRounds", "EconomyKnown", "LeftOut" FROM "IngestedDemos"'
        )
        assert connection.execute(kept).fetchall() == [("1", 1, "a", 13, 1, '{"x": 2}')]


MOMENTS = ("StartTime", "EndTime", "ConnectedAt", "DisconnectedAt")


def richer(rows: dict[str, list[dict[str, Any]]], start: datetime) -> dict[str, list[dict[str, Any]]]:
    """The same match with money, begun by another clock."""
    later = start - rows["Matches"][0]["StartTime"]
    moved = {
        table: [{name: value + later if name in MOMENTS and value else value
                 for name, value in row.items()} for row in lines] for table, lines in rows.items()
    }  # fmt: skip
    moved["PlayerRoundStats"] = [row | {"EquipmentValue": 4_000} for row in moved["PlayerRoundStats"]]
    return moved


@pytest.mark.parametrize("replaces", [True, False])
def test_a_fuller_recording_takes_the_place_under_the_same_ids_and_at_the_same_time(
    tmp_path: Path, rows: Any, replaces: bool
) -> None:
    database = tmp_path / "demos.sqlite"
    start = rows["Matches"][0]["StartTime"]
    with Ledger(database) as ledger:
        ledger.add(Path("a"), ["1"], rows, **FACTS)
        ledger.add(Path("b"), ["2"], rows, **FACTS)
    before = counts(database)
    with Ledger(database, replaces=replaces) as ledger:
        added = ledger.add(Path("c"), ["1", "9"], richer(rows, datetime(2020, 1, 1)), **FACTS | {"live_rounds": 7})
        assert ledger.held(1)[1] == start
    assert added == Added(1, "fuller" if replaces else "known")
    assert counts(database) == before | {"IngestedDemos": 3}
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        money = 'SELECT SUM(s."EquipmentValue" > 0) FROM "PlayerRoundStats" s JOIN "Rounds" r ON r."Id" = s."RoundId" '
        of = [connection.execute(f'{money} WHERE r."DemoFileId" = {demo}').fetchone()[0] for demo in (1, 2)]
        assert of == ([10, None] if replaces else [None, None])
        ids = 'SELECT "Id", "DemoFileId" FROM "Matches" ORDER BY "Id"'
        assert connection.execute(ids).fetchall() == [(1, 1), (2, 2)]
        starts = connection.execute('SELECT DISTINCT date("StartTime") FROM "Rounds"').fetchall()
        assert starts == [(start.date().isoformat(),)]
        kept = 'SELECT "Path", "LiveRounds" FROM "IngestedDemos" WHERE "ContentHash" = \'1\''
        assert connection.execute(kept).fetchone() == (("c", 7) if replaces else ("a", 1))


def test_a_database_of_an_earlier_version_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    database = tmp_path / "demos.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute('CREATE TABLE "DemoFiles" ("Id" INTEGER PRIMARY KEY, "FileName" TEXT, "Game" TEXT)')
    with pytest.raises(DemoDatabaseError, match=r"earlier version: DemoFiles has no ClientName, CreatedAt, .*CS2_HOME"):
        Ledger(database)


def test_a_database_in_a_folder_that_is_not_there_is_made_with_it(tmp_path: Path) -> None:
    with Ledger(tmp_path / "a" / "b" / "demos.sqlite") as ledger:
        assert ledger.quarantine() == []
    (tmp_path / "file").touch()
    with pytest.raises(DemoDatabaseError, match="could not be used"):
        Ledger(tmp_path / "file" / "demos.sqlite")


def content(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    with sqlite3.connect(database) as connection:
        return {
            name: connection.execute(f'SELECT * FROM "{name}" ORDER BY "Id"').fetchall()  # noqa: S608
            for name in METADATA.tables
        }


def test_when_a_fuller_recording_has_taken_the_place_all_is_as_if_it_had_come_alone(tmp_path: Path, rows: Any) -> None:
    start = rows["Matches"][0]["StartTime"]
    rows["Players"][0]["ConnectedAt"] = start
    first = rows | {"DemoFiles": [rows["DemoFiles"][0] | {"FileName": "lesser", "Duration": 1.0}]}
    first["Matches"] = [rows["Matches"][0] | {"MapName": "de_train", "MaxRounds": 30}]
    with Ledger(tmp_path / "replaced.sqlite") as ledger:
        ledger.add(Path("a"), ["1"], first, **FACTS)
        assert ledger.add(Path("b"), ["1", "2"], richer(rows, datetime(2020, 1, 1)), **FACTS).how == "fuller"
    with Ledger(tmp_path / "alone.sqlite") as ledger:
        ledger.add(Path("b"), ["2"], richer(rows, start), **FACTS)
    assert content(tmp_path / "replaced.sqlite") == content(tmp_path / "alone.sqlite")


def test_the_platforms_own_tables_keep_what_they_kept() -> None:
    """Databases of earlier versions go on being filled."""
    kept = {
        name: [(column.name, getattr(column.type, "length", None), column.nullable) for column in table.columns]
        for name, table in LEDGER.tables.items()
    }
    assert kept == {
        "IngestedDemos": [
            ("ContentHash", 64, False), ("DemoFileId", None, False), ("Path", 1_000, False),
            ("IngestedAt", None, False), ("LiveRounds", None, False), ("EconomyKnown", None, False),
            ("LeftOut", 2_000, False),
        ],
        "QuarantinedDemos": [
            ("Path", 1_000, False), ("ContentHash", 64, False), ("Reason", 2_000, False), ("FailedAt", None, False),
            ("Attempts", None, False),
        ],
    }  # fmt: skip
    assert [[column.name for column in table.primary_key] for table in LEDGER.tables.values()] == [
        ["ContentHash"], ["Path"],
    ]  # fmt: skip
