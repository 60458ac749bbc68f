"""What extraction left out is told where a training table cannot be built, on a database as Demo Lens fills it."""

from datetime import datetime

import pytest

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
