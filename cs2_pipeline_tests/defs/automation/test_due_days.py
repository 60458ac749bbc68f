"""Which match days are due: those with demos that no checked extraction has seen."""

from datetime import UTC, date, datetime, timedelta

import pytest

from cs2_pipeline.datasets.store import TableStore
from cs2_pipeline.defs.automation.due_days import DueDays, due_days, extraction_tags
from cs2_pipeline.defs.verdicts import DAILY_TABLES, State, Verdict, Verdicts
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.watermark import Watermark
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

FIRST, SECOND = NOON.date(), NOON.date() + timedelta(days=1)
LONG_AGO = date(2026, 1, 1)


@pytest.fixture
def database(tmp_path):
    """Two days with a demo each."""
    small = SmallDatabase()
    small.add_match(2, NOON + timedelta(days=1))
    with DemoDatabase(small.write(tmp_path / "demos.sqlite")) as db:
        yield db


@pytest.fixture
def verdicts(tmp_path):
    return Verdicts(TableStore(str(tmp_path / "tables")))


def say(verdicts, day, watermark, state=State.PASSED, tables=DAILY_TABLES):
    for table in tables:
        verdicts.pronounce(table, day.isoformat(), Verdict(state, watermark=watermark))


def due(database, verdicts, first_day=LONG_AGO, **more):
    return due_days(database, verdicts, first_day, **more)


def test_days_never_extracted_are_due_with_their_newest_demo(database, verdicts):
    found = due(database, verdicts)
    assert list(found.days) == [FIRST, SECOND]
    assert [mark.demo_id for mark in found.days.values()] == [1, 2]
    assert found.newest.demo_id == 2
    assert (found.early, found.future, found.undated) == ([], [], "")
    assert found.impossible(LONG_AGO) == ""


def test_a_day_is_done_when_all_its_tables_passed_having_seen_its_demos(database, verdicts):
    newest = due(database, verdicts).newest
    say(verdicts, FIRST, newest)
    assert list(due(database, verdicts).days) == [SECOND]
    say(verdicts, SECOND, newest, tables=DAILY_TABLES[:-1])
    assert list(due(database, verdicts).days) == [SECOND], "one table is not checked"
    say(verdicts, SECOND, due(database, verdicts).days[SECOND], tables=DAILY_TABLES[-1:])
    assert due(database, verdicts).days == {}


def test_what_was_extracted_before_a_demo_came_does_not_count(database, verdicts):
    before = due(database, verdicts).days[FIRST]
    say(verdicts, FIRST, before)
    say(verdicts, SECOND, before)
    assert list(due(database, verdicts).days) == [SECOND]
    say(verdicts, SECOND, None)
    assert list(due(database, verdicts).days) == [SECOND], "still what was noted last"


def test_a_day_in_quarantine_waits_for_new_demos_whatever_else_is_not_checked(database, verdicts):
    found = due(database, verdicts)
    say(verdicts, FIRST, found.newest, State.QUARANTINED, tables=DAILY_TABLES[:1])
    assert list(due(database, verdicts).days) == [SECOND]
    say(verdicts, SECOND, found.days[FIRST], State.QUARANTINED)
    assert list(due(database, verdicts).days) == [SECOND], "its demo came since"


def test_what_another_database_was_read_for_says_nothing_of_this_one(database, verdicts):
    say(verdicts, FIRST, Watermark(99, datetime(2030, 1, 1, tzinfo=UTC)))
    assert FIRST in due(database, verdicts).days


def test_days_before_the_first_partition_and_in_the_future_cannot_be_extracted(tmp_path, verdicts):
    tomorrow = datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)
    small = SmallDatabase()
    small.add_match(2, NOON + timedelta(days=1))
    for number in (3, 4):
        small.add_match(number, tomorrow + timedelta(days=number))
    with DemoDatabase(small.write(tmp_path / "demos.sqlite")) as db:
        found = due(db, verdicts, first_day=SECOND)
    assert list(found.days) == [SECOND]
    assert found.early == [FIRST]
    later = [(tomorrow + timedelta(days=number)).date() for number in (3, 4)]
    assert found.future == later
    assert found.impossible(SECOND) == (
        f"1 match days lie before the first partition ({SECOND}), the earliest is {FIRST}: set CS2_FIRST_DAY={FIRST}. "
        f"2 match days lie in the future, such as {later[-1]}: left out."
    )


def test_matches_without_a_day_are_named_too():
    assert DueDays(Watermark(), {}, [], [], "2 matches").impossible(LONG_AGO) == "Left out: 2 matches"


def test_from_a_watermark_on_only_newer_demos_are_looked_at(database, verdicts):
    found = due(database, verdicts)
    assert list(due(database, verdicts, since=found.days[FIRST]).days) == [SECOND]
    assert due(database, verdicts, since=found.newest).days == {}


def test_a_watermark_is_not_heeded_beyond_the_database_nor_where_an_extraction_died(database, verdicts):
    beyond = Watermark(99, datetime(2030, 1, 1, tzinfo=UTC))
    assert list(due(database, verdicts, since=beyond).days) == [FIRST, SECOND]
    newest = due(database, verdicts).newest
    say(verdicts, FIRST, newest)
    say(verdicts, SECOND, newest)
    verdicts.withdraw("rounds", FIRST.isoformat())
    assert list(due(database, verdicts, since=newest).days) == [FIRST]


def test_a_run_is_tagged_with_its_days_and_what_the_database_held():
    mark = Watermark(7, datetime(2026, 1, 1, tzinfo=UTC))
    tags = extraction_tags(FIRST, SECOND, mark)
    assert tags["cs2/source_watermark"] == "7@2026-01-01T00:00:00+00:00"
    assert sorted(value for key, value in tags.items() if "partition" in key) == [str(FIRST), str(SECOND)]
