"""Columns of Rounds that the application never wrote in a match: the events tell them, and nothing else changes."""

from datetime import date

import pytest

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import extract, reasons
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

OF_ROUNDS = {
    "live_players": ("CTLivePlayers", "TLivePlayers"),
    "start_money": ("CTStartMoney", "TStartMoney"),
    "equipment_value": ("CTEquipmentValue", "TEquipmentValue"),
}


@pytest.fixture
def small():
    """A match whose rounds are recorded, and another."""
    found = SmallDatabase()
    found.add_match(2, NOON)
    return found


def unwritten(small, *columns):
    """The second match's rounds with columns that were never written."""
    for row in small.table("Rounds"):
        if row["MatchId"] == 2:
            row.update(dict.fromkeys(columns, 0))


def rounds(small, folder):
    """Both matches' rounds, and how many were taken with a correction."""
    with DemoDatabase(small.write(folder / "demos.sqlite")) as db:
        found = extract.rounds(db, date(2026, 3, 1), date(2026, 3, 1))
    frames = [found.frame[found.frame["match_id"] == match].sort_values("round_number") for match in (1, 2)]
    return *frames, found.mapped.get(reasons.ROUND_NOT_WRITTEN, 0)


def both(frame, of):
    return frame[[f"ct_{of}", f"t_{of}"]].to_numpy().tolist()


def test_what_is_recorded_is_taken_as_it_is(small, tmp_path):
    small.row("Rounds", 4)["TLivePlayers"] = 0
    first, second, corrected = rounds(small, tmp_path)
    assert both(first, "live_players") == [[2, 1], [1, 1], [1, 1]]
    assert both(second, "live_players") == [[2, 0], [1, 1], [1, 1]], "nobody left in one round is no sign of anything"
    assert both(second, "equipment_value") == [[1000, 900]] * 3
    assert corrected == 0


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ("live_players", [[2, 1], [1, 2], [1, 2]]),
        ("start_money", [[1600, 1610]] * 3),
        ("equipment_value", [[1000, 1010]] * 3),
    ],
)
def test_a_count_never_written_in_a_match_is_that_of_its_events(small, tmp_path, of, told):
    for row in small.table("PlayerRoundStats"):
        if row["PlayerId"] == 8:
            row.update(StartMoney=810, EquipmentValue=510)
    unwritten(small, *OF_ROUNDS[of])
    first, second, corrected = rounds(small, tmp_path)
    assert both(second, of) == told
    assert corrected == 3
    assert both(first, "equipment_value") == [[1000, 900]] * 3, "the other match has its own"
    others = [other for other in OF_ROUNDS if other != of]
    assert [both(second, other) for other in others] == [both(first, other) for other in others]


def test_plants_never_marked_in_a_match_are_those_of_its_events(small, tmp_path):
    unwritten(small, "BombPlanted")
    small.row("Rounds", 2)["BombPlanted"] = False
    small.row("Rounds", 3)["BombPlanted"] = True
    first, second, corrected = rounds(small, tmp_path)
    assert second["bomb_planted"].tolist() == [0, 1, 0]
    assert first["bomb_planted"].tolist() == [0, 0, 1], "a match with marked plants is taken as it is"
    assert corrected == 1
