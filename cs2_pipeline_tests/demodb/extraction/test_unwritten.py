"""Columns of Rounds that the application never wrote in a match: the events tell them, and nothing else changes."""

from datetime import date

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import extract, reasons
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

OF_ROUNDS = {
    "live_players": ("CTLivePlayers", "TLivePlayers"),
    "start_money": ("CTStartMoney", "TStartMoney"),
    "equipment_value": ("CTEquipmentValue", "TEquipmentValue"),
}


def unwritten(small, match, *columns):
    """A match's rounds with columns that were never written."""
    for row in small.table("Rounds"):
        if row["MatchId"] == match:
            row.update(dict.fromkeys(columns, 0))


def rounds(small, folder):
    """The rounds by match, and how many were taken with a correction."""
    with DemoDatabase(small.write(folder / "demos.sqlite")) as db:
        found = extract.rounds(db, date(2026, 3, 1), date(2026, 3, 1))
    by_match = dict(list(found.frame.sort_values("round_number").groupby("match_id")))
    return by_match, found.mapped.get(reasons.ROUND_NOT_WRITTEN, 0)


def told(frame):
    """What a match's rounds say of both sides, by round."""
    return {of: frame[[f"ct_{of}", f"t_{of}"]].to_numpy().tolist() for of in OF_ROUNDS}


def test_a_count_never_written_in_a_match_is_that_of_its_events_and_all_else_is_as_recorded(tmp_path):
    small = SmallDatabase()
    for number in (2, 3, 4):
        small.add_match(number, NOON)
    small.row("Rounds", 2)["TLivePlayers"] = 0
    for row in small.table("PlayerRoundStats"):
        if row["PlayerId"] % 4 == 0:
            row.update(StartMoney=810, EquipmentValue=510)
    for match, of in zip((2, 3, 4), OF_ROUNDS, strict=True):
        unwritten(small, match, *OF_ROUNDS[of])
    found, corrected = rounds(small, tmp_path)
    recorded = told(found[1])
    assert recorded["live_players"] == [[2, 1], [1, 0], [1, 1]], "nobody left in one round is no sign of anything"
    assert recorded["equipment_value"] == [[1000, 900]] * 3
    assert corrected == 9
    usual = recorded | {"live_players": [[2, 1], [1, 1], [1, 1]]}
    assert told(found[2]) == usual | {"live_players": [[2, 1], [1, 2], [1, 2]]}
    assert told(found[3]) == usual | {"start_money": [[1600, 1610]] * 3}
    assert told(found[4]) == usual | {"equipment_value": [[1000, 1010]] * 3}


def test_plants_never_marked_in_a_match_are_those_of_its_events(tmp_path):
    small = SmallDatabase()
    small.add_match(2, NOON)
    unwritten(small, 2, "BombPlanted")
    small.row("Rounds", 2)["BombPlanted"] = False
    small.row("Rounds", 3)["BombPlanted"] = True
    found, corrected = rounds(small, tmp_path)
    assert found[2]["bomb_planted"].tolist() == [0, 1, 0]
    assert found[1]["bomb_planted"].tolist() == [0, 0, 1], "a match with marked plants is taken as it is"
    assert corrected == 1


def test_plants_that_were_not_recorded_stay_unknown_whatever_the_events_say(tmp_path):
    small = SmallDatabase()
    small.add_match(2, NOON)
    for row in small.table("Rounds"):
        row["BombPlanted"] = None if row["MatchId"] == 2 or row["RoundNumber"] == 1 else False
    found, corrected = rounds(small, tmp_path)
    assert found[2]["bomb_planted"].isna().all()
    assert found[1]["bomb_planted"].isna().tolist() == [True, False, False]
    assert found[1]["bomb_planted"].tolist()[1:] == [1, 0]
    assert corrected == 1
