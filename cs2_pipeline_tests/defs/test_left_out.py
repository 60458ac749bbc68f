"""What extraction left out is told where a training table cannot be built, on a database as Demo Lens fills it."""

from datetime import date, datetime

import pytest

from cs2_pipeline.datasets.schema import DatasetError
from cs2_pipeline.datasets.store import TableStore
from cs2_pipeline.defs import left_out
from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline_tests.defs.conftest import FIRST
from cs2_pipeline_tests.demodb.as_application_writes import Habits, rewrite


@pytest.fixture
def without_positions(world, simulated):
    """A world whose database the application filled in one import, with player positions switched off."""
    world.database.unlink()
    rewrite(simulated, world.database, Habits(positions="off", imported=datetime(2026, 1, 1, 9)))
    assert world.extract(FIRST, FIRST).success
    return world


def test_a_training_without_a_usable_round_says_what_was_left_out_and_why(without_positions):
    result = without_positions.run("train_round")
    (failed,) = (event for event in result.get_step_failure_events() if event.step_key == "round_dataset")
    said = failed.step_failure_data.error.to_string()
    assert "there are 0" in said
    assert f"Extraction left out of round_snapshots: {reasons.NO_POSITIONS} (" in said
    assert reasons.WARM_UP not in said, "what every recording loses is no reason"


def test_an_extraction_again_replaces_what_was_told(without_positions):
    tables = without_positions.platform.tables
    before = left_out.of(tables, "round_snapshots")
    assert before[reasons.NO_POSITIONS] > 100
    assert without_positions.extract(FIRST, FIRST).success
    assert left_out.of(tables, "round_snapshots") == before


@pytest.fixture
def tables(tmp_path):
    return TableStore(str(tmp_path))


def days(first, last):
    return [date(2026, 1, day) for day in range(first, last + 1)]


def test_part_of_a_range_extracted_again_is_not_counted_twice(tables):
    left_out.keep(tables, "rounds", days(1, 5), {"bot": 100, "coach": 2})
    for day in (3, 1, 3):
        left_out.keep(tables, "rounds", days(day, day), {"bot": 20, "new": 1})
    assert left_out.of(tables, "rounds") == {"bot": 100, "coach": 2, "new": 2}
    left_out.keep(tables, "rounds", days(6, 6), {"bot": 7})
    assert left_out.of(tables, "rounds") == {"bot": 107, "coach": 2, "new": 2}
    left_out.keep(tables, "rounds", days(1, 7), {"bot": 9})
    assert left_out.of(tables, "rounds") == {"bot": 9}
    assert left_out.of(tables, "matches") == {}


def test_the_first_day_extracted_again_does_not_lose_the_others(tables):
    left_out.keep(tables, "rounds", days(1, 5), {"bot": 100})
    left_out.keep(tables, "rounds", days(1, 1), {"bot": 20})
    assert left_out.of(tables, "rounds") == {"bot": 100}


def test_ranges_that_overlap_are_counted_as_the_larger_one(tables):
    left_out.keep(tables, "rounds", days(1, 5), {"bot": 10})
    left_out.keep(tables, "rounds", days(4, 8), {"bot": 30})
    left_out.keep(tables, "rounds", days(20, 21), {"bot": 5})
    assert left_out.of(tables, "rounds") == {"bot": 35}
    left_out.keep(tables, "rounds", days(2, 7), {"bot": 36})
    assert left_out.of(tables, "rounds") == {"bot": 41}


def test_of_what_was_left_out_the_four_commonest_reasons_are_told_and_what_every_recording_loses_is_not(tables):
    counts = {"a": 1, "b": 5_000, "c": 3, "d": 4, "e": 2, reasons.WARM_UP: 9}
    left_out.keep(tables, "rounds", days(1, 1), counts)
    with pytest.raises(DatasetError) as told, left_out.told(tables, "rounds"):
        raise DatasetError("there are 0 rounds")
    said = "there are 0 rounds. Extraction left out of rounds: b (5,000); d (4); c (3); e (2). `cs2 doctor` says"
    assert str(told.value).startswith(said)


@pytest.mark.parametrize("counts", [{}, {reasons.WARM_UP: 9}])
def test_where_nothing_was_left_out_that_should_not_be_the_error_stays_as_it_is(tables, counts):
    left_out.keep(tables, "rounds", days(1, 1), counts)
    with pytest.raises(DatasetError, match=r"^there are 0 rounds$"), left_out.told(tables, "rounds"):
        raise DatasetError("there are 0 rounds")


def test_what_older_versions_kept_is_read_too_and_belongs_to_its_one_day(tables):
    tables.write_json("left_out/rounds/2026-01-02", {"bot": 4})
    left_out.keep(tables, "rounds", days(3, 4), {"bot": 1})
    assert left_out.of(tables, "rounds") == {"bot": 5}
    left_out.keep(tables, "rounds", days(2, 2), {"bot": 3})
    assert left_out.of(tables, "rounds") == {"bot": 4}


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [((1, 3), (3, 5), 10), ((3, 5), (1, 3), 10), ((1, 3), (4, 5), 17), ((4, 5), (1, 3), 17), ((2, 2), (1, 3), 7),
     ((1, 3), (2, 2), 10)],
)  # fmt: skip
def test_ranges_with_a_day_in_common_are_not_added_and_neighbours_are(tables, first, second, total):
    left_out.keep(tables, "rounds", days(*first), {"bot": 10})
    left_out.keep(tables, "rounds", days(*second), {"bot": 7})
    assert left_out.of(tables, "rounds") == {"bot": total}
