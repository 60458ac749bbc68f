"""The event tables: which events belong to which round, who played on which side, which rounds can be rebuilt."""

from datetime import timedelta

import pandas as pd
import pytest
from sqlalchemy import MetaData

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import events, extract, reasons
from cs2_pipeline.demodb.extraction.eligibility import Days
from cs2_pipeline.demodb.extraction.extract import ExtractedEvents
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline_tests.demodb.small_database import NOON, ROUND_TICKS, SmallDatabase

DAY = NOON.date()


@pytest.fixture
def small() -> SmallDatabase:
    return SmallDatabase()


@pytest.fixture
def events_of(tmp_path):
    def extracted(small: SmallDatabase) -> ExtractedEvents:
        with DemoDatabase(small.write(tmp_path / "demos.sqlite")) as db:
            return extract.event_tables(db, DAY, DAY)

    return extracted


def test_the_same_events_and_types_come_from_every_server_by_every_route(opened, small):
    found = extract.event_tables(opened(small), DAY, DAY)
    assert found.rounds["start_tick"].tolist() == [10_000, 20_000, 30_000]
    assert found.rounds["tick_rate"].tolist() == [64] * 3
    assert len(found.participants) == 12
    assert found.participants.dtypes[["has_helmet", "has_defuse_kit"]].tolist() == ["boolean", "boolean"]
    assert found.kills["tick"].tolist() == [13_000, 23_000, 33_000]
    assert str(found.kills["killer_id"].dtype) == "Int64"
    assert str(found.kills["is_team_kill"].dtype) == "bool"
    assert found.damages["health"].tolist() == [0, 0, 0]
    assert found.bombs["event_type"].tolist() == ["planted", "exploded"]
    assert (found.left_out, found.mapped, len(found.refused)) == ({}, {}, 0)


def test_a_kill_without_a_killer_stays(small, events_of):
    small.row("Kills", 1)["KillerId"] = None
    assert events_of(small).kills["killer_id"].isna().tolist() == [True, False, False]


def test_a_late_kill_belongs_to_the_round_its_tick_falls_into(small, events_of):
    small.row("Rounds", 1)["EndTick"] = None
    late = small.row("Kills", 1) | {"Id": 9, "RoundId": 2, "Tick": 2 * ROUND_TICKS - 100, "VictimId": 4}
    small.table("Kills").append(late)
    found = events_of(small)
    assert found.kills.loc[found.kills["victim_id"] == 4, "round_id"].tolist() == [1]
    assert found.mapped == {reasons.LATE_EVENT: 1}


def test_a_kill_after_the_rounds_end_is_left_out(small, events_of):
    small.table("Kills").append(small.row("Kills", 1) | {"Id": 9, "Tick": 16_001, "VictimId": 4})
    found = events_of(small)
    assert len(found.kills) == 3
    assert found.left_out == {reasons.EVENT_AFTER_END: 1}


def test_an_event_before_the_first_round_is_left_out(small, events_of):
    small.table("Kills").append(small.row("Kills", 1) | {"Id": 9, "Tick": 5, "VictimId": 4})
    assert events_of(small).left_out == {reasons.EVENT_ELSEWHERE: 1}


def test_events_of_a_warm_up_do_not_count(small, events_of):
    small.row("Rounds", 1)["IsWarmup"] = True
    found = events_of(small)
    assert found.kills["round_id"].tolist() == [2, 3]
    assert found.left_out == {reasons.WARM_UP: 1, reasons.EVENT_ELSEWHERE: 2}


def test_nobody_dies_twice_in_a_round(small, events_of):
    small.table("Kills").append(small.row("Kills", 1) | {"Id": 9, "Tick": 13_500})
    found = events_of(small)
    assert found.kills["tick"].tolist() == [13_000, 23_000, 33_000]
    assert found.refused["reason"].tolist() == [reasons.SECOND_DEATH]


def test_of_two_records_of_a_player_in_a_round_the_one_written_last_counts(small, events_of):
    first = next(row for row in small.table("PlayerRoundStats") if (row["RoundId"], row["PlayerId"]) == (1, 1))
    small.table("PlayerRoundStats").append(first | {"Id": 9_000, "StartMoney": 4_321})
    found = events_of(small)
    kept = found.participants.query("round_id == 1 and player_id == 1")
    assert kept["start_money"].tolist() == [4_321]
    assert found.left_out[reasons.SECOND_RECORD] == 1


def without_record(small: SmallDatabase, round_id: int, player_id: int) -> None:
    small.table("PlayerRoundStats")[:] = [
        row for row in small.table("PlayerRoundStats") if (row["RoundId"], row["PlayerId"]) != (round_id, player_id)
    ]


def test_a_round_in_which_a_player_has_no_record_is_left_out_also_when_the_player_is_never_hit(small, events_of):
    without_record(small, 1, 4)
    found = events_of(small)
    assert found.rounds["round_id"].tolist() == [2, 3]
    assert found.refused[["table", "row_id", "reason"]].to_numpy().tolist() == [["Rounds", 1, reasons.TEAM_INCOMPLETE]]
    assert found.refused["detail"].tolist() == ["2 CT and 1 T are known"]


@pytest.mark.parametrize(("table", "role"), [("Kills", "VictimId"), ("Kills", "KillerId"), ("Damages", "VictimId")])
def test_a_round_with_a_kill_or_hit_of_somebody_who_is_not_in_it_is_left_out(small, events_of, table, role):
    stranger = small.add("Players", DemoFileId=1, SteamId=9, Team="Spectator")["Id"]
    small.table(table).append(small.row(table, 1) | {"Id": 9, role: stranger})
    found = events_of(small)
    assert found.rounds["round_id"].tolist() == [2, 3]
    assert found.refused["reason"].tolist() == [reasons.STRANGER]
    assert found.refused["detail"].tolist() == [f"player {stranger} has no place in the round"]


@pytest.mark.parametrize(
    ("table", "column"),
    [("Kills", "VictimId"), ("Kills", "Tick"), ("Damages", "VictimId"), ("Damages", "Health"), ("Damages", "Tick")],
)
def test_a_round_with_a_hole_in_a_kill_or_hit_is_left_out_and_the_day_goes_on(small, tmp_path, table, column):
    small.row(table, 1)[column] = None
    with DemoDatabase(small.write(tmp_path / "demos.sqlite", nullable(table, column))) as db:
        found = extract.event_tables(db, DAY, DAY)
    assert found.rounds["round_id"].tolist() == [2, 3]
    assert found.refused[["row_id", "reason"]].to_numpy().tolist() == [[1, reasons.EVENT_INCOMPLETE]]
    assert f"{table} row 1 lacks" in found.refused["detail"].iloc[0]


@pytest.mark.parametrize("column", ["StartMoney", "MoneySpent", "EquipmentValue"])
def test_a_round_with_a_hole_in_one_players_record_is_left_out(small, tmp_path, column):
    small.table("PlayerRoundStats")[0][column] = None
    with DemoDatabase(small.write(tmp_path / "demos.sqlite", nullable("PlayerRoundStats", column))) as db:
        found = extract.event_tables(db, DAY, DAY)
    assert found.rounds["round_id"].tolist() == [2, 3]
    assert found.refused["reason"].tolist() == [reasons.MISSING_VALUE]
    assert found.left_out[reasons.NO_ECONOMY] == 1


@pytest.mark.parametrize(("column", "name"), [("HasHelmet", "has_helmet"), ("HasDefuseKit", "has_defuse_kit")])
def test_a_helmet_or_kit_that_is_not_recorded_is_not_known(small, tmp_path, column, name):
    small.table("PlayerRoundStats")[0][column] = None
    with DemoDatabase(small.write(tmp_path / "demos.sqlite")) as db:
        found = extract.event_tables(db, DAY, DAY)
    assert found.rounds["round_id"].tolist() == [1, 2, 3]
    assert found.participants[name].isna().tolist() == [True] + [False] * 11


def test_a_tick_rate_that_is_null_refuses_the_rounds_and_the_day_goes_on(small, tmp_path):
    small.add_match(2, NOON)
    small.row("DemoFiles", 1)["TickRate"] = None
    with DemoDatabase(small.write(tmp_path / "demos.sqlite", nullable("DemoFiles", "TickRate"))) as db:
        found = extract.event_tables(db, DAY, DAY)
    assert found.rounds["match_id"].unique().tolist() == [2]
    assert found.left_out[reasons.UNKNOWN_TICK_RATE] == 3
    assert set(found.refused["detail"]) == {"DemoFiles.TickRate is NULL"}


def test_a_round_whose_start_is_null_is_refused_and_the_reason_names_it(small, tmp_path):
    small.row("Rounds", 1)["StartTick"] = None
    with DemoDatabase(small.write(tmp_path / "demos.sqlite", nullable("Rounds", "StartTick"))) as db:
        found = extract.event_tables(db, DAY, DAY)
    assert found.rounds["round_id"].tolist() == [2, 3]
    assert found.refused["detail"].tolist() == ["StartTick NULL, EndTick 16000"]


def test_a_round_number_that_is_null_refuses_its_round_and_the_day_goes_on(small, tmp_path):
    small.row("Rounds", 2)["RoundNumber"] = None
    with DemoDatabase(small.write(tmp_path / "demos.sqlite", nullable("Rounds", "RoundNumber"))) as db:
        found = extract.rounds(db, DAY, DAY)
    assert found.frame["round_id"].tolist() == [1, 3]
    assert found.refused["detail"].tolist() == ["no value in round_number"]


def test_a_demo_without_a_file_name_is_read_as_any_other(small, tmp_path):
    small.row("DemoFiles", 1)["FileName"] = None
    with DemoDatabase(small.write(tmp_path / "demos.sqlite", nullable("DemoFiles", "FileName"))) as db:
        assert extract.rounds(db, DAY, DAY).frame["round_id"].tolist() == [1, 2, 3]


def nullable(table: str, column: str) -> MetaData:
    """The tables with one column that takes NULL, as older databases have it."""
    changed = MetaData()
    for known in tables.METADATA.tables.values():
        known.to_metadata(changed)
    changed.tables[table].columns[column].nullable = True
    return changed


def test_events_are_in_the_order_of_their_ticks_however_they_were_written(small, events_of):
    small.table("Damages").append(small.row("Damages", 1) | {"Id": 9, "Tick": 12_000, "Health": 40})
    assert events_of(small).damages.query("round_id == 1")["health"].tolist() == [40, 0]


@pytest.mark.parametrize(
    ("table", "changes", "reason"),
    [
        ("DemoFiles", {"TickRate": 0}, reasons.UNKNOWN_TICK_RATE),
        ("Rounds", {"EndTick": 5}, reasons.TICKS_BACKWARDS),
        ("Rounds", {"StartTick": 99_999, "EndTick": None}, reasons.TICKS_BACKWARDS),
        ("Rounds", {"BombPlanted": True}, reasons.PLANT_WITHOUT_EVENT),
    ],
)
def test_a_round_that_cannot_be_rebuilt_is_refused(small, events_of, table, changes, reason):
    small.row(table, 1).update(changes)
    found = events_of(small)
    assert reason in found.refused["reason"].tolist()
    assert found.left_out[reason] >= 1
    assert set(found.kills["round_id"]) <= set(found.rounds["round_id"])
    assert set(found.participants["round_id"]) == set(found.rounds["round_id"])


def test_a_round_without_events_is_left_out(small, events_of):
    for table in ("Kills", "Damages"):
        small.table(table)[:] = [row for row in small.table(table) if row["RoundId"] != 1]
    found = events_of(small)
    assert found.rounds["round_id"].tolist() == [2, 3]
    assert found.left_out == {reasons.NO_EVENTS: 1}


def test_a_round_without_players_or_with_too_many_is_refused(small, events_of):
    small.table("PlayerRoundStats")[:] = [row for row in small.table("PlayerRoundStats") if row["RoundId"] != 1]
    for _ in range(4):
        player = small.add("Players", DemoFileId=1, SteamId=1, Team="CT")["Id"]
        small.add("PlayerRoundStats", RoundId=2, PlayerId=player)
    found = events_of(small)
    assert found.rounds["round_id"].tolist() == [3]
    assert found.refused["reason"].tolist() == [reasons.NO_PLAYERS, reasons.TEAM_TOO_LARGE]


@pytest.mark.parametrize("rate", [64, 128])
def test_a_round_carries_its_demos_tick_rate(small, events_of, rate):
    small.row("DemoFiles", 1)["TickRate"] = rate
    assert events_of(small).rounds["tick_rate"].unique().tolist() == [rate]


@pytest.mark.parametrize(("recorded", "seconds"), [(115.0, 115.0), (1.92, 115.0), (0.0, 115.0), (100.0, 100.0)])
def test_the_round_clock_is_in_seconds(small, events_of, recorded, seconds):
    small.row("Matches", 1)["RoundTimeLimit"] = recorded
    assert events_of(small).rounds["round_time_limit"].unique().tolist() == [seconds]


def sides_in(found: ExtractedEvents, round_id: int) -> list[str]:
    return found.participants.query("round_id == @round_id").sort_values("player_id")["side"].tolist()


AS_BEGUN, SWAPPED = ["CT", "CT", "T", "T"], ["T", "T", "CT", "CT"]


def second_half(small: SmallDatabase, *, kill_teams: bool) -> SmallDatabase:
    """The third round becomes round 13, played on swapped sides."""
    small.row("Rounds", 3)["RoundNumber"] = 13
    small.row("Kills", 3).update(
        KillerTeam="CounterTerrorist" if kill_teams else None, VictimTeam="2" if kill_teams else None
    )
    return small


@pytest.mark.parametrize("kill_teams", [True, False])
def test_sides_swap_at_half_time_whether_or_not_kills_name_them(small, events_of, kill_teams):
    found = events_of(second_half(small, kill_teams=kill_teams))
    assert [sides_in(found, round_id) for round_id in (1, 2, 3)] == [AS_BEGUN, AS_BEGUN, SWAPPED]


def test_teams_recorded_at_the_end_of_the_match_come_out_right(small, events_of):
    second_half(small, kill_teams=True)
    for player in small.table("Players"):
        player["Team"] = "T" if player["Team"] == "CT" else "CT"
    small.row("Kills", 2).update(KillerTeam=None, VictimTeam=None)
    found = events_of(small)
    assert [sides_in(found, round_id) for round_id in (1, 2, 3)] == [AS_BEGUN, AS_BEGUN, SWAPPED]


def test_a_player_without_a_team_gets_the_side_of_their_kills(small, events_of):
    small.row("Players", 1)["Team"] = None
    assert sides_in(events_of(small), 2) == AS_BEGUN


def test_rounds_of_a_player_whose_side_nothing_tells_are_left_out(small, events_of):
    small.row("Players", 2)["Team"] = "Spectator"
    found = events_of(small)
    assert found.rounds.empty
    assert found.left_out[reasons.UNKNOWN_SIDES] == 3
    assert found.refused["reason"].tolist() == [reasons.TEAM_INCOMPLETE] * 3


def test_spectators_and_hltv_with_records_of_their_own_are_no_players(small, events_of):
    for changes in ({"Team": "Spectator"}, {"Team": "CT", "IsHltv": True}):
        watching = small.add("Players", DemoFileId=1, SteamId=9, **changes)["Id"]
        for round_id in (1, 2, 3):
            small.add("PlayerRoundStats", RoundId=round_id, PlayerId=watching)
    found = events_of(small)
    assert len(found.rounds) == 3
    assert sorted(found.participants["player_id"].unique()) == [1, 2, 3, 4]
    assert found.left_out == {reasons.UNKNOWN_SIDES: 3}


def test_a_bot_takes_part_like_any_player(small, events_of):
    small.row("Players", 1)["IsBot"] = True
    assert len(events_of(small).participants) == 12


def test_extracting_events_again_gives_the_same_tables(opened, small):
    db = opened(small)
    first, again = (extract.event_tables(db, DAY, DAY) for _ in range(2))
    for name in ("rounds", "participants", "kills", "damages", "bombs"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))


def test_a_simulated_season_loses_no_row_on_the_way(tmp_path):
    path = tmp_path / "season.sqlite"
    report = simulate(path, matches=8, seed=3, first_day=DAY)
    with DemoDatabase(str(path)) as db:
        found = extract.event_tables(db, report.first_day, report.last_day)
        players = extract.player_match_stats(db, report.first_day, report.last_day)
    assert (found.left_out, found.mapped, players.left_out) == ({}, {}, {})
    assert len(found.rounds) == report.rows["Rounds"]
    assert len(found.kills) == report.rows["Kills"]
    assert len(found.damages) == report.rows["Damages"]
    assert len(players.frame) == report.rows["PlayerMatchStats"]
    assert found.participants.groupby(["round_id", "side"]).size().unique().tolist() == [5]


def records(frame: pd.DataFrame) -> list[dict]:
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def test_everything_of_a_round_with_a_plant(small, tmp_path):
    small.row("Damages", 1)["DamageArmor"] = None
    small.row("Damages", 2).update(DamageArmor=7, Armor=40)
    with DemoDatabase(small.write(tmp_path / "demos.sqlite", nullable("Damages", "DamageArmor"))) as db:
        found = extract.event_tables(db, DAY, DAY)
    (played,) = records(found.rounds[found.rounds["round_id"] == 2])
    assert played == {
        "round_id": 2, "match_id": 1, "round_number": 2, "ct_live_players": 1, "t_live_players": 1,
        "ct_equipment_value": 1_000, "t_equipment_value": 900, "ct_start_money": 1_600, "t_start_money": 1_600,
        "bomb_planted": 1, "duration": 78.0, "ct_score": 1, "t_score": 1, "ct_wins": 0, "map_name": "de_mirage",
        "started_at": pd.Timestamp(NOON, tz="UTC"), "played_at": None, "start_tick": 20_000, "end_tick": 26_000,
        "tick_rate": 64, "freeze_time": 15.0, "round_time_limit": 115.0, "game": "cs2", "source": "application",
        "plants_recorded": True, "hits_recorded": True,
    }  # fmt: skip
    assert records(found.participants[found.participants["round_id"] == 2]) == [
        {"round_id": 2, "player_id": player, "side": side, "start_money": 800, "money_spent": 0,
         "equipment_value": 500, "has_helmet": False, "has_defuse_kit": False}
        for player, side in zip((1, 2, 3, 4), AS_BEGUN, strict=True)
    ]  # fmt: skip
    of_round = [frame[frame["round_id"] == 2] for frame in (found.kills, found.damages, found.bombs)]
    kills, damages, bombs = map(records, of_round)
    assert kills == [
        {"round_id": 2, "tick": 23_000, "killer_id": 3, "victim_id": 1, "weapon": "ak47", "is_team_kill": False}
    ]
    assert damages == [{"round_id": 2, "tick": 23_000, "victim_id": 1, "health": 0, "armor": 40, "damage_armor": 7}]
    assert found.damages["damage_armor"].tolist() == [0, 7, 0], "none where it was not recorded"
    assert bombs == [
        {"round_id": 2, "tick": 23_440, "event_type": "planted", "player_id": 3},
        {"round_id": 2, "tick": 26_000, "event_type": "exploded", "player_id": None},
    ]


@pytest.mark.parametrize(("marked", "planted", "recorded"), [(True, 1, True), (False, 1, True), (None, None, False)])
def test_a_plant_is_what_the_bombs_events_say_unless_plants_are_not_recorded(
    small, events_of, marked, planted, recorded
):
    small.row("Rounds", 2)["BombPlanted"] = marked
    found = events_of(small)
    (played,) = records(found.rounds[found.rounds["round_id"] == 2])
    assert (played["bomb_planted"], played["plants_recorded"]) == (planted, recorded)
    assert found.mapped == ({reasons.PLANT_NOT_MARKED: 1} if marked is False else {})


def test_hits_are_not_recorded_where_nobodys_health_is(small, events_of):
    for row in small.table("PlayerRoundStats"):
        if row["RoundId"] == 1 or (row["RoundId"], row["PlayerId"]) == (2, 4):
            row["Health"] = None
    assert events_of(small).rounds["hits_recorded"].tolist() == [False, True, True]


def test_who_loses_all_health_without_a_kill_leaves_out_the_round(small, events_of):
    small.table("Kills")[:] = [row for row in small.table("Kills") if row["RoundId"] != 1]
    found = events_of(small)
    assert found.rounds["round_id"].tolist() == [2, 3]
    assert found.refused[["row_id", "reason", "detail"]].to_numpy().tolist() == [
        [1, reasons.FATAL_WITHOUT_KILL, "Damages takes player 3 to no health, and Kills has no such victim"]
    ]


def test_a_source_that_lists_the_players_of_each_round_may_list_fewer(small, events_of):
    without_record(small, 1, 4)
    small.row("DemoFiles", 1)["DemoSource"] = "cs-demo-analyzer"
    found = events_of(small)
    assert found.rounds["round_id"].tolist() == [1, 2, 3]
    assert found.participants.query("round_id == 1")["player_id"].tolist() == [1, 2, 3]


def unpaid(small: SmallDatabase, *rounds: int) -> None:
    """Nobody's money and equipment is recorded in some rounds."""
    for row in small.table("PlayerRoundStats"):
        if row["RoundId"] in rounds:
            row.update(StartMoney=None, MoneySpent=None, EquipmentValue=None)


@pytest.fixture
def with_any_economy(tmp_path):
    def extracted(small: SmallDatabase) -> ExtractedEvents:
        with DemoDatabase(small.write(tmp_path / "any.sqlite")) as db:
            return events.events_of(Days(db, DAY, DAY), without_economy=True)

    return extracted


def test_rounds_without_any_economy_are_taken_where_that_is_asked_for(small, events_of, with_any_economy):
    small.add_match(2, NOON - timedelta(hours=1))
    unpaid(small, 4, 5, 6)
    usual = events_of(small)
    assert (usual.rounds["round_id"].tolist(), usual.left_out) == ([1, 2, 3], {reasons.NO_ECONOMY: 3})
    found = with_any_economy(small)
    assert found.rounds["round_id"].tolist() == [4, 5, 6, 1, 2, 3], "in the order of play"
    owned = found.participants[["start_money", "money_spent", "equipment_value"]]
    of_first = found.participants["round_id"] <= 3
    assert len(owned) == 24
    assert owned[of_first].drop_duplicates().to_numpy().tolist() == [[800, 0, 500]]
    assert owned[~of_first].isna().all(axis=None)
    assert {str(kind) for kind in owned.dtypes} == {"Int64"}
    assert (found.left_out, found.mapped) == ({}, {})


def test_where_no_rounds_economy_is_recorded_all_are_taken_and_one_that_is_half_known_is_not(small, with_any_economy):
    small.table("PlayerRoundStats")[0]["StartMoney"] = None
    unpaid(small, 2)
    found = with_any_economy(small)
    assert found.rounds["round_id"].tolist() == [2, 3]
    assert found.left_out == {reasons.MISSING_VALUE: 1, reasons.NO_ECONOMY: 1}


def test_a_database_that_knows_no_economy_at_all_still_has_its_rounds(small, with_any_economy):
    unpaid(small, 1, 2, 3)
    found = with_any_economy(small)
    assert found.rounds["round_id"].tolist() == [1, 2, 3]
    assert found.participants["equipment_value"].isna().all()
    assert len(found.participants) == 12
