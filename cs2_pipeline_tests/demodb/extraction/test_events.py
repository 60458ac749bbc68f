"""The event tables: which events belong to which round, who played on which side, which rounds can be rebuilt."""

import pandas as pd
import pytest

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import extract, reasons
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
    assert found.participants.dtypes[["has_helmet", "has_defuse_kit"]].tolist() == ["bool", "bool"]
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


def test_a_victim_who_did_not_play_the_round_is_refused(small, events_of):
    small.table("PlayerRoundStats")[:] = [
        row for row in small.table("PlayerRoundStats") if (row["RoundId"], row["PlayerId"]) != (1, 4)
    ]
    small.table("Kills").append(small.row("Kills", 1) | {"Id": 9, "VictimId": 4})
    found = events_of(small)
    assert found.refused[["table", "row_id", "reason"]].to_numpy().tolist() == [["Kills", 9, reasons.UNKNOWN_VICTIM]]


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


def test_a_player_of_no_known_side_is_left_out_and_hltv_is_no_player(small, events_of):
    small.row("Players", 2)["Team"] = "Spectator"
    small.row("Players", 4)["IsHltv"] = True
    found = events_of(small)
    assert sorted(found.participants["player_id"].unique()) == [1, 3]
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
