"""Days, ranges of days, and the tags of runs over them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.defs.partitions import (
    MAX_GAP,
    PARTITION_TAG,
    match_days,
    partitions_of_run,
    range_tags,
    ranges,
    with_first_day,
)
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

DAY = date(2026, 1, 1)


def test_partitions_reach_from_the_first_day_to_today():
    keys = match_days(DAY).get_partition_keys(current_time=datetime(2026, 1, 3, 12, tzinfo=UTC))
    assert list(keys) == ["2026-01-01", "2026-01-02", "2026-01-03"]


def test_a_run_is_about_the_days_of_its_tags():
    assert partitions_of_run(range_tags(DAY, DAY + timedelta(days=2))) == ["2026-01-01", "2026-01-02", "2026-01-03"]
    assert partitions_of_run({PARTITION_TAG: "2026-01-01"}) == ["2026-01-01"]
    assert partitions_of_run({}) is None


def test_days_a_week_apart_are_one_range_and_a_late_demo_of_last_year_is_another():
    days = [DAY - timedelta(days=400), DAY, DAY + timedelta(days=7), DAY + timedelta(days=15)]
    assert ranges(days) == [(days[0], days[0]), (DAY, days[2]), (days[3], days[3])]


@given(st.sets(st.dates(date(2024, 1, 1), date(2026, 1, 1)), max_size=40))
def test_ranges_hold_every_day_begin_and_end_with_one_and_lie_further_apart_than_the_gap(days):
    found = ranges(days)
    assert all(sum(first <= day <= last for first, last in found) == 1 for day in days)
    assert {day for span in found for day in span} <= days
    assert all(after[0] - before[1] > MAX_GAP for before, after in pairwise(found))


@pytest.fixture
def played(tmp_path):
    """A home with a database of two matches, the first on the day of `NOON`."""
    small = SmallDatabase()
    small.add_match(2, NOON + timedelta(days=3))
    small.write(tmp_path / "demos.sqlite")
    return tmp_path


def test_the_first_day_is_that_of_the_embedded_databases_first_match_unless_one_is_set(played):
    release = Settings().first_day
    assert with_first_day(Settings(home=played)).first_day == NOON.date()
    assert with_first_day(Settings(home=played, first_day=DAY)).first_day == DAY
    assert with_first_day(Settings(home=played, first_day=release)).first_day == release, "set, though as by default"
    assert with_first_day(Settings(home=played, database_url="postgresql://x/y")).first_day == release
    assert with_first_day(Settings(home=played / "elsewhere")).first_day == release


def test_days_as_far_apart_as_is_asked_for_are_joined():
    days = [DAY, DAY + timedelta(days=1), DAY + timedelta(days=3)]
    assert ranges(reversed(days), timedelta(days=1)) == [(DAY, days[1]), (days[2], days[2])]
    assert ranges([]) == []


def test_a_run_of_one_partition_and_a_range_of_one_day_are_about_that_day():
    assert partitions_of_run(range_tags(DAY, DAY)) == ["2026-01-01"]
    assert partitions_of_run({PARTITION_TAG: "2026-01-09", **range_tags(DAY, DAY)}) == ["2026-01-09"]
