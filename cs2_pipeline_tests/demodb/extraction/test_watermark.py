"""What is new in a demo database."""

import sqlite3
from datetime import UTC, date, datetime

import pytest

from cs2_pipeline.demodb import doctor
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import extract, watermark
from cs2_pipeline.demodb.extraction.watermark import Watermark
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

PARSED = datetime(2026, 3, 1, 14, tzinfo=UTC)


def test_the_watermark_is_the_highest_id_and_the_latest_parse(opened):
    assert watermark.read(opened(SmallDatabase())) == Watermark(1, PARSED)


def test_a_database_without_demos_has_a_watermark_below_every_other(opened):
    small = SmallDatabase()
    for rows in small.rows.values():
        rows.clear()
    db = opened(small)
    assert watermark.read(db) == Watermark(0, None)
    assert watermark.days_touched(db, None) == set()


def test_a_demo_whose_match_is_written_later_is_new_then(opened, tmp_path):
    small = SmallDatabase()
    small.add_match(2, datetime(2026, 3, 9, 20))
    written = {name: [row for row in rows if row["Id"] != 2 or name != "Matches"] for name, rows in small.rows.items()}
    begun = SmallDatabase()
    begun.rows = {name: rows if name in ("DemoFiles", "Matches") else [] for name, rows in written.items()}
    with DemoDatabase(begun.write(tmp_path / "begun.sqlite")) as db:
        seen = watermark.read(db)
    assert seen == Watermark(1, PARSED)
    assert watermark.days_touched(opened(small), seen) == {date(2026, 3, 9)}


def test_after_the_watermark_nothing_is_new(opened):
    db = opened(SmallDatabase())
    assert watermark.days_touched(db, watermark.read(db)) == set()


def test_without_a_watermark_every_day_with_a_match_is_new(opened):
    assert watermark.days_touched(opened(SmallDatabase()), None) == {NOON.date()}


def test_a_demo_parsed_late_touches_the_old_day_of_its_match(opened):
    small = SmallDatabase()
    small.add_match(2, datetime(2024, 5, 6, 20))
    small.row("DemoFiles", 2)["ParsedAt"] = datetime(2026, 3, 1, 14, 0, 0, 1)
    assert watermark.days_touched(opened(small), Watermark(1, PARSED)) == {date(2024, 5, 6)}


def test_a_demo_parsed_again_touches_its_day(opened):
    small = SmallDatabase()
    small.row("DemoFiles", 1)["ParsedAt"] = datetime(2026, 3, 9)
    assert watermark.days_touched(opened(small), Watermark(1, PARSED)) == {NOON.date()}


def test_each_day_has_the_newest_of_its_demos(opened):
    small = SmallDatabase()
    small.add_match(2, NOON.replace(hour=18))
    small.add_match(3, datetime(2024, 5, 6, 20))
    small.row("DemoFiles", 1)["ParsedAt"] = datetime(2026, 3, 9)
    db = opened(small)
    old = Watermark(3, datetime(2024, 5, 6, 22, tzinfo=UTC))
    assert watermark.newest_by_day(db, None) == {
        NOON.date(): Watermark(2, datetime(2026, 3, 9, tzinfo=UTC)),
        date(2024, 5, 6): old,
    }
    assert watermark.newest_by_day(db, old) == {NOON.date(): Watermark(2, datetime(2026, 3, 9, tzinfo=UTC))}


@pytest.mark.parametrize(
    ("seen", "demo", "covered"),
    [
        (Watermark(7, PARSED), Watermark(7, PARSED), True),
        (Watermark(7, PARSED), Watermark(8, PARSED), False),
        (Watermark(7, PARSED), Watermark(6, PARSED.replace(hour=15)), False),
        (Watermark(7, PARSED), Watermark(7, None), True),
        (Watermark(), Watermark(7, None), False),
    ],
)
def test_a_demo_with_a_higher_id_or_a_later_parse_was_not_seen(seen, demo, covered):
    assert seen.covers(demo) == covered
    assert seen.joined(demo).covers(demo)
    assert seen.joined(demo).covers(seen)


def test_a_match_whose_start_was_never_recorded_touches_no_day(opened):
    small = SmallDatabase()
    small.row("Matches", 1)["StartTime"] = datetime(1, 1, 1)
    assert watermark.days_touched(opened(small), None) == set()


def test_a_match_whose_start_was_never_recorded_is_counted_and_named(opened):
    small = SmallDatabase()
    for number in range(2, 9):
        small.add_match(number, datetime(1, 1, 1) if number != 3 else datetime(9999, 12, 31))
        small.row("DemoFiles", number).update(CreatedAt=NOON, ParsedAt=NOON)
    db = opened(small)
    said = watermark.without_a_day(db)
    assert said.startswith("matches whose StartTime is no time from 2000 to 2099, so that no day holds them: 7, with")
    assert "Ids 2 (0001-01-01" in said
    assert "3 (9999-12-31" in said
    assert "and 2 more" in said
    assert watermark.days_touched(db, None) == {NOON.date()}


def test_a_database_whose_matches_all_have_a_day_names_none(opened):
    assert watermark.without_a_day(opened(SmallDatabase())) == ""


@pytest.mark.parametrize("start", ["garbage", "", "2026-13-45 00:00:00", "2026-02-31 12:00:00", "2026-03-01 noon", 7])
def test_a_text_that_is_no_time_belongs_to_no_day_and_stops_nothing(tmp_path, start):
    small = SmallDatabase()
    small.add_match(2, NOON)
    url = small.write(tmp_path / "demos.sqlite")
    with sqlite3.connect(tmp_path / "demos.sqlite") as connection:
        connection.execute('UPDATE "Matches" SET "StartTime" = ? WHERE "Id" = 2', (start,))
    with DemoDatabase(url) as db:
        assert f"1, with the Ids 2 ({start or 'none'}); set" in watermark.without_a_day(db)
        assert watermark.days_touched(db, None) == {NOON.date()}
        assert extract.rounds(db, NOON.date(), NOON.date()).frame["match_id"].unique().tolist() == [1]
    findings = doctor.diagnose(url)
    assert [one.level for one in findings if "StartTime" in one.message] == ["warning"]
    assert "round model: 3 of 3 live rounds" in " ".join(one.message for one in findings)


@pytest.mark.parametrize("start", ["2026-03-01T12:00:00", "2026-03-01 12:00:00.123456", "2026-03-01T12:00:00+00:00"])
def test_a_time_may_be_written_in_any_iso_form(tmp_path, start):
    url = SmallDatabase().write(tmp_path / "demos.sqlite")
    with sqlite3.connect(tmp_path / "demos.sqlite") as connection:
        connection.execute('UPDATE "Matches" SET "StartTime" = ?', (start,))
    with DemoDatabase(url) as db:
        assert watermark.without_a_day(db) == ""
        assert watermark.days_touched(db, None) == {NOON.date()}


@pytest.mark.parametrize("mark", [Watermark(), Watermark(42, PARSED), Watermark(7, PARSED.replace(microsecond=5))])
def test_a_watermark_survives_its_text_form(mark):
    assert Watermark.parse(str(mark)) == mark


@pytest.mark.parametrize("text", ["", "42", "x@2026-01-01T00:00:00+00:00", "1@yesterday"])
def test_a_text_that_is_no_watermark_is_refused(text):
    with pytest.raises(ValueError):
        Watermark.parse(text)


def test_who_never_saw_a_parsed_demo_has_not_seen_one_whatever_its_id():
    unparsed = Watermark(5, None)
    assert not unparsed.covers(Watermark(3, PARSED))
    assert unparsed.covers(Watermark(5, None)) and Watermark(5, PARSED).covers(unparsed)


def test_the_first_match_day_of_a_file_is_that_of_its_first_match_with_a_day(tmp_path):
    small = SmallDatabase()
    for number, start in ((2, datetime(1, 1, 1)), (3, datetime(2024, 5, 6, 23, 59)), (4, datetime(1999, 12, 31))):
        small.add_match(number, start)
    small.write(tmp_path / "demos.sqlite")
    assert watermark.first_match_day(tmp_path / "demos.sqlite") == date(2024, 5, 6)
    small.row("Matches", 4)["StartTime"] = datetime(2000, 1, 1)
    small.write(tmp_path / "later.sqlite")
    assert watermark.first_match_day(tmp_path / "later.sqlite") == date(2000, 1, 1)


def test_a_file_without_a_match_day_has_no_first_one_and_none_is_made(tmp_path):
    path = tmp_path / "demos.sqlite"
    assert watermark.first_match_day(path) is None
    assert not path.exists()
    path.touch()
    assert watermark.first_match_day(path) is None, "it has no tables"
    SmallDatabase().write(path)
    for start, found in (
        ("2026-13-45", None),
        ("9 o'clock", None),
        ("0001-01-01", None),
        ("2026-03-02 1", (2026, 3, 2)),
    ):
        with sqlite3.connect(path) as connection:
            connection.execute('UPDATE "Matches" SET "StartTime" = ?', (start,))
        assert watermark.first_match_day(path) == (date(*found) if found else None), start
