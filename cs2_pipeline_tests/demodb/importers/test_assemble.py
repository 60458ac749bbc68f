"""What a recording becomes in the demo database."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from cs2_pipeline.demodb.importers.assemble import Assembled, Recording, assemble
from cs2_pipeline.demodb.importers.parsed import STATE_COLUMNS, TICK_RATE, DemoHeader, UnreadableDemoError
from cs2_pipeline_tests.demodb.importers.recordings import CT, FREEZE, Script, T, steam_id

RECORDING = Recording("game.dem", "/demos/game.dem", 1, datetime(2026, 1, 2, 12), datetime(2026, 1, 3))


def rows(script: Script, **more: Any) -> Assembled:
    return assemble(script.parsed(**more), RECORDING)


def table(found: Assembled, name: str) -> pd.DataFrame:
    return pd.DataFrame(found.rows[name])


def lines(found: Assembled) -> pd.DataFrame:
    """PlayerRoundStats by round number and player name."""
    players = table(found, "Players").set_index("Id")["PlayerName"]
    numbers = table(found, "Rounds").set_index("Id")["RoundNumber"]
    stats = table(found, "PlayerRoundStats")
    return stats.set_index([stats["RoundId"].map(numbers), stats["PlayerId"].map(players)])


def test_the_clock_goes_live_a_freeze_time_after_the_start_tick_in_every_round() -> None:
    script = Script()
    live = [script.round() for _ in range(3)]
    script.events["round_start"][0]["tick"] -= 300
    found = rows(script)
    rounds = table(found, "Rounds")
    ticks = rounds["StartTick"] + found.rows["Matches"][0]["FreezeTime"] * TICK_RATE
    assert ticks.tolist() == live


def test_scores_are_those_of_the_teams_on_the_sides_and_change_places_at_half_time() -> None:
    script = Script()
    script.match("aaaaaaaaaaab" + "ba")
    found = rows(script)
    rounds = table(found, "Rounds")
    assert rounds[["CTScore", "TScore"]].iloc[[11, 12, 13]].to_numpy().tolist() == [[11, 1], [2, 11], [2, 12]]
    match = found.rows["Matches"][0]
    assert (match["CTScore"], match["TScore"]) == (2, 12)
    assert (match["CTScoreFirstHalf"], match["TScoreFirstHalf"]) == (11, 1)
    assert (match["CTScoreSecondHalf"], match["TScoreSecondHalf"]) == (1, 1)
    assert (match["IsFinished"], match["WinnerTeam"], match["CTScoreOvertime"]) == (False, None, None)


@pytest.mark.parametrize(
    ("winners", "winner"),
    [
        ("a" * 13, "T"),
        ("b" * 12 + "aaaa" + "b", "CT"),
        ("a" * 12 + "b" * 12 + "aaaa", "T"),
        ("a" * 12 + "b" * 12 + "aaa", None),
        ("ab" * 12 + "ababab" + "bbbb", "CT"),
    ],
)
def test_a_match_is_finished_when_a_team_has_the_rounds_that_win_it_and_won_on_its_last_side(
    winners: str, winner: str | None
) -> None:
    script = Script()
    script.match(winners)
    match = rows(script).rows["Matches"][0]
    assert (match["WinnerTeam"], match["IsFinished"]) == (winner, winner is not None)
    assert match["IsOvertime"] == (len(winners) > 24)


def test_players_have_the_side_they_began_on_and_kills_the_side_of_the_round() -> None:
    script = Script()
    script.match("a" * 12)
    script.swap(script.clock)
    script.round(2, [(10, "ct1", "t1")])
    found = rows(script)
    teams = table(found, "Players").set_index("PlayerName")["Team"]
    assert (teams["ct1"], teams["t1"]) == ("CT", "T")
    assert table(found, "Kills")[["KillerTeam", "VictimTeam"]].to_numpy().tolist() == [["T", "CT"]]


def test_who_joins_after_half_time_began_on_the_side_of_the_team_joined() -> None:
    script = Script()
    script.match("a" * 12)
    script.swap(script.clock)
    script.joins("sub", script.clock, 3)
    script.round(2, [(10, "sub", "ct1")])
    found = rows(script)
    assert table(found, "Players").set_index("PlayerName")["Team"]["sub"] == "T"


def test_warm_up_kills_are_kept_in_a_warm_up_round_and_count_for_nobody() -> None:
    script = Script()
    script.kill(500, "ct1", "t1")
    script.kill(600, "ct1", "t1")
    script.round(3, [(10, "ct2", "t1")])
    found = rows(script)
    rounds = table(found, "Rounds")
    assert rounds["IsWarmup"].tolist() == [True, False]
    assert rounds["RoundNumber"].tolist() == [0, 1]
    assert table(found, "Kills")["RoundId"].tolist() == [1, 1, 2]
    assert table(found, "PlayerMatchStats")["Kills"].sum() == 1
    assert table(found, "Damages")["DamageAmount"].tolist() == [100, 100, 100]


def test_a_kill_after_the_rounds_end_belongs_to_it_but_its_victim_survived_the_round() -> None:
    script = Script()
    script.round(3, [(65, "ct1", "t1")], lasts=60)
    script.round(3)
    found = rows(script)
    assert table(found, "Kills")["RoundId"].tolist() == [1]
    first = table(found, "Rounds").iloc[0]
    assert (first["CTLivePlayers"], first["TLivePlayers"]) == (5, 5)
    line = lines(found).loc[(1, "t1")]
    assert (line["Deaths"], bool(line["IsAlive"]), line["SurvivalTime"]) == (1, True, 60.0)


def test_team_kills_suicides_and_falls_are_deaths_but_nobodys_kills() -> None:
    script = Script()
    script.round(3, [(5, "ct1", "ct2"), (6, "t1", "t1"), (7, None, "t2"), (8, "ct1", "t3")])
    found = rows(script)
    kills = table(found, "Kills")
    assert kills["IsTeamKill"].tolist() == [True, False, False, False]
    assert kills["KillerId"].isna().tolist() == [False, True, True, False]
    assert kills["IsFirstKill"].tolist() == [False, False, False, True]
    stats = table(found, "PlayerMatchStats")
    assert (stats["Kills"].sum(), stats["Deaths"].sum(), stats["TotalDamageDealt"].sum()) == (1, 4, 100)


def test_damage_is_the_health_really_lost() -> None:
    script = Script()
    live = script.clock + FREEZE
    script.hurt(live + 100, "ct1", "t1", 30, 70)
    script.hurt(live + 200, "ct2", "t1", 110, 0)
    script.round()
    found = rows(script)
    assert table(found, "Damages")["DamageAmount"].tolist() == [30, 70]


def test_a_kill_of_the_killer_within_five_seconds_is_a_trade_and_saves_the_victims_kast() -> None:
    script = Script()
    script.round(3, [(10, "t1", "ct1"), (14, "ct2", "t1"), (30, "t2", "ct3"), (36, "ct4", "t2")])
    found = rows(script)
    assert table(found, "Kills")["IsTradeKill"].tolist() == [False, True, False, False]
    kast = lines(found)["KAST"]
    assert kast[(1, "ct1")]
    assert not kast[(1, "ct3")]


def test_a_clutch_begins_when_a_player_is_the_last_of_the_side_and_counts_the_enemies_alive() -> None:
    script = Script()
    losses = [(5 + n, "t1", name) for n, name in enumerate(CT[:4])]
    script.round(3, [*losses, *[(20 + n, "ct5", name) for n, name in enumerate(T)]])
    found = rows(script)
    clutches = lines(found).query("IsClutch")[["ClutchSize", "ClutchWon"]]
    assert clutches.loc[(1, "ct5")].tolist() == [5, True]
    assert clutches.loc[(1, "t5")].tolist() == [1, False]
    totals = table(found, "PlayerMatchStats").sum()
    assert (totals["ClutchWins1v5"], totals["ClutchAttempts1v5"], totals["ClutchWins1v1"]) == (1, 1, 0)
    assert totals["MultiKillRounds5K"] == 1


def test_who_renames_stays_one_player_with_the_latest_name() -> None:
    script = Script()
    script.round(3, [(5, "ct1", "t1")])
    script.round(3, [(5, "ct1", "t2")])
    script.events["player_death"][1]["attacker_name"] = "new name"
    found = rows(script)
    players = table(found, "Players")
    assert len(players) == 10
    assert players.set_index("SteamId")["PlayerName"][int(steam_id("ct1"))] == "new name"


def test_bots_have_no_steam_id_and_are_told_by_name() -> None:
    script = Script()
    script.joins("bot Efe", 0, 3)
    script.joins("bot Dayo", 0, 2)
    script.round(3, [(5, "bot Efe", "bot Dayo")])
    bots = table(rows(script), "Players").query("IsBot")
    assert bots["PlayerName"].tolist() == ["bot Efe", "bot Dayo"]
    assert bots["SteamId"].tolist() == [0, 0]


def test_events_with_names_alone_are_matched_to_the_players_ids() -> None:
    script = Script()
    script.round(3, [(5, "ct1", "t1")])
    for row in script.events["player_death"]:
        del row["user_steamid"], row["attacker_steamid"]
    found = rows(script)
    assert len(table(found, "Players")) == 10
    assert lines(found).loc[(1, "ct1"), "Kills"] == 1


def test_events_without_a_victim_are_left_out_and_counted() -> None:
    script = Script()
    script.round(3, [(5, "ct1", "t1"), (6, "ct1", "t2")])
    script.events["player_death"][0] |= script.player("user", None)
    found = rows(script)
    assert len(table(found, "Kills")) == 1
    assert found.left_out == {"player_death events that name no victim": 1}


def test_a_player_whose_side_is_not_recorded_is_named_in_the_refusal() -> None:
    script = Script()
    script.round(3, [(5, "ct1", "t1")])
    script.events["player_team"] = [row for row in script.events["player_team"] if row["user_name"] != "ct1"]
    with pytest.raises(UnreadableDemoError, match="the side of player 'ct1' in round 1 is not recorded"):
        rows(script)


def test_money_and_equipment_are_those_of_the_freeze_times_end() -> None:
    script = Script()
    live = script.round(3, [(5, "ct1", "t1")])
    state = {"balance": 150, "cash_spent_this_round": 650, "current_equip_value": 850, "health": 100}
    state |= {"armor_value": 100, "has_helmet": False, "has_defuser": True}
    people = [(name, 3) for name in CT] + [(name, 2) for name in T]
    states = [{**state, "tick": live, "steamid": steam_id(n), "name": n, "team_num": team} for n, team in people]
    end = script.events["round_end"][0]["tick"]
    states += [{**row, "tick": end, "balance": 3400} for row in states]
    found = rows(script, states=pd.DataFrame(states))
    first = table(found, "Rounds").iloc[0]
    assert found.economy_known
    assert (first["CTStartMoney"], first["TStartMoney"], first["CTEquipmentValue"]) == (4000, 4000, 4250)
    line = lines(found).loc[(1, "ct1")]
    assert line[["StartMoney", "MoneySpent", "EndMoney", "EquipmentValue"]].tolist() == [800, 650, 3400, 850]
    assert line[["HasHelmet", "HasDefuseKit", "Armor"]].tolist() == [False, True, 100]


def test_a_coach_stands_on_a_side_but_is_never_alive_and_plays_no_round() -> None:
    script = Script()
    live = script.round(3)
    people = [(name, 3, 100) for name in CT] + [(name, 2, 100) for name in T] + [("sub", 3, 0)]
    states = [
        {"tick": live, "steamid": steam_id(name), "name": name, "team_num": team, "health": health}
        for name, team, health in people
    ]
    demo = rows(script, states=pd.DataFrame(states).reindex(columns=list(STATE_COLUMNS)))
    assert len(table(demo, "PlayerRoundStats")) == 10
    assert not demo.economy_known


def test_what_the_bomb_did_is_in_the_round_and_in_the_bombs() -> None:
    script = Script()
    live = script.clock + FREEZE
    script.add("bomb_planted", live + 640, site=1, user_last_place_name="BombsiteB", **script.player("user", "t1"))
    script.add("bomb_exploded", live + 640 + 40 * TICK_RATE, site=1, **script.player("user", "t1"))
    script.round(2, lasts=50, reason="bomb_exploded")
    found = rows(script)
    flags = table(found, "Rounds").iloc[0][["BombPlanted", "BombDefused", "BombExploded"]].tolist()
    assert flags == [True, False, True]
    assert table(found, "Bombs")[["EventType", "Site"]].to_numpy().tolist() == [["planted", "B"], ["exploded", "1"]]
    assert table(found, "Rounds")["BombSite"].tolist() == [1]
    assert table(found, "PlayerMatchStats")["BombPlants"].sum() == 1


def test_a_recording_without_a_round_is_an_unfinished_match() -> None:
    found = rows(Script())
    assert (found.live_rounds, found.rows["Rounds"], found.rows["Matches"][0]["IsFinished"]) == (0, [], False)


WRITTEN, READ = datetime(2026, 1, 2, 12), datetime(2026, 1, 3)
LIVE = 1_000 + FREEZE
"""The tick at which the first scripted round goes live."""
END = LIVE + 60 * TICK_RATE


def begun(found: Assembled) -> datetime:
    return found.rows["Matches"][0]["StartTime"]


def seconds(ticks: float) -> timedelta:
    return timedelta(seconds=ticks / TICK_RATE)


def test_the_recordings_own_row_says_where_it_came_from() -> None:
    script = Script()
    script.round()
    header = DemoHeader("de_nuke", "a server", "SourceTV", "valve_demo_2", 14_000)
    [row] = rows(script, total_ticks=9_600).rows["DemoFiles"]
    assert row == {
        "Id": 1, "FileName": "game.dem", "FilePath": "/demos/game.dem", "FileSize": 1, "CreatedAt": WRITTEN,
        "ParsedAt": READ, "MapName": "de_nuke", "TickRate": 64, "TotalTicks": 9_600, "Duration": 150.0,
        "ServerName": None, "DemoType": None, "NetworkProtocol": 0, "ClientName": None, "DemoSource": "events",
        "Game": "cs2",
    }  # fmt: skip
    [row] = assemble(replace(script.parsed(), header=header, source="demo", game="csgo"), RECORDING).rows["DemoFiles"]
    said = ("ServerName", "ClientName", "DemoType", "NetworkProtocol", "DemoSource", "Game")
    assert [row[name] for name in said] == ["a server", "SourceTV", "valve_demo_2", 14_000, "demo", "csgo"]


def test_a_match_begins_when_the_demo_says_else_when_one_is_told_else_so_long_before_the_file_was_written() -> None:
    script = Script()
    script.round()
    long = script.parsed(total_ticks=64 * 3_600)
    said, told = datetime(2025, 5, 5), datetime(2024, 4, 4)
    assert begun(assemble(long, RECORDING)) == datetime(2026, 1, 2, 11)
    assert begun(assemble(long, replace(RECORDING, started=told))) == told
    assert begun(assemble(replace(long, started=said), replace(RECORDING, started=told))) == said


def test_a_match_has_the_servers_rules_and_ends_with_its_last_round() -> None:
    script = Script()
    script.match("a" * 13)
    settings = {"mp_maxrounds": "24", "mp_roundtime_defuse": "2", "mp_buytime": "30"}
    found = rows(script, settings=settings)
    match = found.rows["Matches"][0]
    last = script.events["round_end"][-1]["tick"]
    assert match == {
        "Id": 1, "DemoFileId": 1, "MapName": "de_nuke", "StartTime": begun(found),
        "EndTime": begun(found) + seconds(last), "TotalRounds": 13, "CTScore": 0, "TScore": 13,
        "CTScoreFirstHalf": 12, "TScoreFirstHalf": 0, "CTScoreSecondHalf": 0, "TScoreSecondHalf": 1,
        "CTScoreOvertime": None, "TScoreOvertime": None, "IsOvertime": False, "IsFinished": True, "WinnerTeam": "T",
        "WinCondition": "regulation", "MaxRounds": 24, "RoundTimeLimit": 120.0, "FreezeTime": 15.0, "BuyTime": 30.0,
    }  # fmt: skip


def test_an_unfinished_match_has_no_end_and_no_condition() -> None:
    script = Script()
    script.match("a" * 5)
    match = rows(script).rows["Matches"][0]
    assert [match[name] for name in ("EndTime", "IsFinished", "WinnerTeam", "WinCondition")] == [
        None,
        False,
        None,
        None,
    ]
    script.add("cs_win_panel_match", script.clock)
    assert rows(script).rows["Matches"][0]["IsFinished"], "the panel that shows the winner ends a match"


@pytest.mark.parametrize(
    ("winners", "ended", "winner", "condition"),
    [
        ("a" * 12, True, None, "given up"), ("ab" * 12, True, None, "regulation"),
        ("ab" * 12 + "aaa", True, "T", "overtime"), ("a" * 13, True, "T", "regulation"),
    ],
)  # fmt: skip
def test_a_match_over_before_anybody_had_the_rounds_was_given_up_and_a_draw_has_no_winner(
    winners: str, ended: bool, winner: str | None, condition: str
) -> None:
    script = Script()
    script.match(winners)
    match = rows(script, ended=ended).rows["Matches"][0]
    assert (match["CTScoreOvertime"], match["TScoreOvertime"]) == ((0, 3) if len(winners) > 24 else (None, None))
    assert (match["WinnerTeam"], match["WinCondition"], match["IsFinished"]) == (winner, condition, True)


@pytest.mark.parametrize("overtime", ["ab", "ba"])
def test_halves_and_pistol_rounds_are_those_of_the_matchs_own_length(overtime: str) -> None:
    script = Script()
    script.match("a" * 8 + "b" * 8 + overtime, half=8)
    rounds = table(rows(script, settings={"mp_maxrounds": "16"}), "Rounds")
    assert rounds.index[rounds["IsPistolRound"]].tolist() == [0, 8]
    assert rounds["GamePhase"].tolist() == ["first_half"] * 8 + ["second_half"] * 8 + ["overtime"] * 2
    assert rounds["IsOvertime"].tolist() == [False] * 16 + [True] * 2
    match = rows(script, settings={"mp_maxrounds": "16"}).rows["Matches"][0]
    halves = ["CTScoreFirstHalf", "TScoreFirstHalf", "CTScoreSecondHalf", "TScoreSecondHalf"]
    assert [match[name] for name in halves] == [8, 0, 8, 0]
    assert (match["CTScoreOvertime"], match["TScoreOvertime"]) == (1, 1)


@pytest.mark.parametrize(
    ("score", "decided"),
    [
        ((13, 0), True), ((12, 11), False), ((13, 11), True), ((12, 12), False), ((13, 12), False), ((15, 12), False),
        ((16, 12), True), ((16, 14), True), ((15, 15), False), ((16, 15), False), ((19, 15), True), ((18, 15), False),
        ((19, 17), True), ((22, 18), True),
    ],
)  # fmt: skip
def test_thirteen_rounds_win_and_four_of_an_overtimes_six(score: tuple[int, int], decided: bool) -> None:
    script = Script()
    for number in range(sum(score)):  # all on one side: only the sums matter
        script.round(3 if number >= score[1] else 2)
    assert rows(script).rows["Matches"][0]["IsFinished"] == decided


def test_a_round_is_told_with_its_ticks_moments_score_and_end() -> None:
    script = Script()
    script.round(2, [(5, "t1", "ct1"), (9, "ct2", "t1")], reason=9)
    found = rows(script)
    [row] = found.rows["Rounds"]
    assert row == {
        "Id": 1, "DemoFileId": 1, "MatchId": 1, "RoundNumber": 1, "StartTick": 1_000, "EndTick": END,
        "StartTime": begun(found) + seconds(1_000), "EndTime": begun(found) + seconds(END), "Duration": 60.0,
        "WinnerTeam": "T", "EndReason": "TerroristWin", "CTScore": 0, "TScore": 1, "CTLivePlayers": 4,
        "TLivePlayers": 4, "CTStartMoney": None, "TStartMoney": None, "CTEquipmentValue": None,
        "TEquipmentValue": None, "BombPlanted": False, "BombDefused": False, "BombExploded": False, "BombSite": None,
        "IsPistolRound": True, "IsOvertime": False, "IsWarmup": False, "IsKnifeRound": False,
        "GamePhase": "first_half",
    }  # fmt: skip


def test_play_outside_the_match_has_no_end_no_winner_and_its_own_phase() -> None:
    script = Script()
    script.kill(500, "ct1", "t1")
    script.round(3, [(5, "ct1", "t1"), (6, "t2", "ct2"), (7, "ct3", "t3")], weapon="knife_t")
    script.round(3)
    script.add("round_start", script.clock)
    script.kill(script.clock + 2_000, "ct1", "t1")
    rounds = table(rows(script), "Rounds")
    assert rounds["GamePhase"].tolist() == ["warmup", "knife", "first_half", "unfinished"]
    assert rounds["IsWarmup"].tolist() == [True, False, False, False]
    assert rounds["IsKnifeRound"].tolist() == [False, True, False, False]
    assert rounds["RoundNumber"].tolist() == [0, 0, 1, 2]
    assert rounds["EndTick"].isna().tolist() == [True, False, False, True]
    assert rounds["EndTime"].isna().tolist() == [True, False, False, True]
    assert rounds.loc[[0, 3], "Duration"].tolist() == [0.0, 0.0]
    assert rounds["WinnerTeam"].isna().tolist() == [True, False, False, True]
    assert rounds.loc[0, "StartTick"] == 0
    assert rounds["IsPistolRound"].tolist() == [False, False, True, False]


def test_a_kill_a_hit_and_a_bomb_are_told_with_every_detail() -> None:
    script = Script()
    script.hurt(LIVE + 64, "ct1", "t1", 30, 70, weapon="awp")
    details = {"headshot": True, "penetrated": 2, "hitgroup": 1, "distance": 7.5, "assistedflash": True}
    script.round(3, [(5, "ct1", "t1")])
    script.events["player_death"][0] |= details | script.player("assister", "ct2")
    script.add("bomb_begindefuse", LIVE + 640, site="B", haskit=True, **script.player("user", "ct1"))
    found = rows(script)
    tick = LIVE + 320
    assert found.rows["Kills"] == [{
        "Id": 1, "DemoFileId": 1, "RoundId": 1, "Tick": tick, "GameTime": tick / 64, "KillerId": 1, "VictimId": 6,
        "AssisterId": 2, "Weapon": "ak47", "HitGroup": "head", "IsHeadshot": True, "IsWallbang": True,
        "IsFirstKill": True, "IsTradeKill": False, "Distance": 7.5, "KillerTeam": "CT", "VictimTeam": "T",
        "IsTeamKill": False,
    }]  # fmt: skip
    first, second = found.rows["Damages"]
    assert first == {
        "Id": 1, "DemoFileId": 1, "RoundId": 1, "Tick": LIVE + 64, "GameTime": (LIVE + 64) / 64, "AttackerId": 1,
        "VictimId": 6, "Weapon": "awp", "DamageAmount": 30, "DamageArmor": 0, "Health": 70, "Armor": 50,
        "IsFatal": False,
    }  # fmt: skip
    assert (second["Id"], second["Health"], second["IsFatal"]) == (2, 0, True)
    assert found.rows["Bombs"] == [{
        "Id": 1, "DemoFileId": 1, "RoundId": 1, "EventType": "begin_defuse", "Tick": LIVE + 640,
        "GameTime": (LIVE + 640) / 64, "PlayerId": 1, "Site": "B", "HasKit": True, "Team": "CT", "RoundNumber": 1,
    }]  # fmt: skip


def test_who_planted_is_of_t_and_nobody_is_the_actor_of_an_explosion_by_itself() -> None:
    script = Script()
    script.add("bomb_planted", LIVE + 640, site="A", **script.player("user", "t1"))
    script.add("bomb_exploded", LIVE + 3_200, site="A", **script.player("user", None))
    script.round(2)
    bombs = table(rows(script), "Bombs")
    assert bombs["Team"].tolist() == ["T", "T"]
    assert bombs["PlayerId"].isna().tolist() == [False, True]
    assert table(rows(script), "Rounds")["BombSite"].tolist() == [0]


@pytest.mark.parametrize(
    ("reason", "flags"), [(1, [True, False, True]), (7, [True, True, False]), (8, [False, False, False])]
)
def test_the_end_of_a_round_tells_of_the_bomb_and_a_plant_only_where_plants_are_recorded(
    reason: int, flags: list[bool]
) -> None:
    script = Script()
    if flags[0]:
        script.add("bomb_planted", LIVE + 640, site="A", **script.player("user", "t1"))
    script.round(2, reason=reason)
    names = ["BombPlanted", "BombDefused", "BombExploded"]
    assert table(rows(script), "Rounds").iloc[0][names].tolist() == flags
    without = rows(script, lacks=frozenset({"plants"})).rows["Rounds"][0]
    assert [without[name] for name in names] == [None, *flags[1:]]


@pytest.mark.parametrize("event", ["bomb_defused", "bomb_exploded"])
def test_what_follows_a_plant_tells_that_there_was_one(event: str) -> None:
    script = Script()
    script.add(event, LIVE + 640, site="A", **script.player("user", "t1"))
    script.round(2)
    assert rows(script).rows["Rounds"][0]["BombPlanted"]
    begun_only = Script()
    begun_only.add("bomb_beginplant", LIVE + 640, site="A", **begun_only.player("user", "t1"))
    begun_only.round(2)
    assert not rows(begun_only).rows["Rounds"][0]["BombPlanted"]


def test_a_players_round_is_told_with_everything_that_was_counted() -> None:
    script = Script()
    script.hurt(LIVE + 64, "ct1", "t1", 40, 60, weapon="hegrenade")
    script.round(3, [(10, "ct1", "t1")])
    script.events["player_death"][0] |= {"assistedflash": True} | script.player("assister", "ct2")
    for tick, weapon in ((100, "weapon_ak47"), (110, "ak47"), (120, "weapon_knife"), (130, "weapon_hegrenade")):
        script.add("weapon_fire", LIVE + tick, weapon=weapon, **script.player("user", "ct1"))
    for blinded in ("t1", "t2", "ct3"):
        script.add("player_blind", LIVE + 50, **script.player("user", blinded), **script.player("attacker", "ct2"))
    script.add("round_mvp", END, **script.player("user", "ct1"))
    found = rows(script)
    stats = lines(found)
    line = stats.loc[(1, "ct1")].to_dict()
    assert line == {
        "Id": 1, "PlayerId": 1, "RoundId": 1, "Kills": 1, "Deaths": 0, "Assists": 0, "Damage": 100,
        "UtilityDamage": 40, "StartMoney": None, "MoneySpent": None, "EndMoney": None, "EquipmentValue": None,
        "IsAlive": True, "Health": 100, "Armor": 0, "HasHelmet": None, "HasDefuseKit": None, "ShotsFired": 2,
        "ShotsHit": 1, "KAST": True, "MVP": True, "FlashAssists": 0, "EnemiesFlashed": 0, "SurvivalTime": 60.0,
        "IsClutch": False, "ClutchSize": 0, "ClutchWon": False,
    }  # fmt: skip
    helper = stats.loc[(1, "ct2")]
    assert helper[["Assists", "FlashAssists", "EnemiesFlashed", "MVP"]].tolist() == [1, 1, 2, False]
    dead = stats.loc[(1, "t1")]
    assert dead[["Deaths", "IsAlive", "Health", "Armor", "SurvivalTime", "KAST"]].tolist() == [
        1, False, 0, 0, 10.0, False,
    ]  # fmt: skip
    assert not stats.loc[(1, "t1"), "ClutchWon"]


def test_a_match_adds_up_a_players_rounds() -> None:
    script = Script()
    script.round(3, [(5, "ct1", "t1"), (6, "ct1", "t2")])
    script.events["player_death"][0]["headshot"] = True
    script.round(2, [(5, "t1", "ct1")])
    script.add("round_mvp", END, **script.player("user", "ct1"))
    for tick in range(4):
        script.add("weapon_fire", LIVE + tick, weapon="weapon_ak47", **script.player("user", "ct1"))
    found = rows(script)
    totals = table(found, "PlayerMatchStats").set_index("PlayerId").loc[1].to_dict()
    assert totals == {
        "Id": 1, "MatchId": 1, "Kills": 2, "Deaths": 1, "Assists": 0, "MVPs": 1, "HeadshotKills": 1,
        "HeadshotPercentage": 50.0, "TotalDamageDealt": 200, "TotalDamageReceived": 100, "ADR": 100.0,
        "FirstKills": 1, "FirstDeaths": 1, "TradeKills": 0, "TradeDeaths": 0, "SurvivalTime": 32.5, "KDRatio": 2.0,
        "RoundsPlayed": 2, "RoundsWon": 1, "FlashAssists": 0, "UtilityDamage": 0, "EnemiesFlashed": 0,
        "BombPlants": 0, "BombDefuses": 0, "ShotsHit": 2, "ShotsFired": 4, "Accuracy": 50.0, "KASTPercentage": 50.0,
        **{f"ClutchAttempts1v{n}": 0 for n in range(1, 6)}, **{f"ClutchWins1v{n}": 0 for n in range(1, 6)},
        "MultiKillRounds2K": 1, "MultiKillRounds3K": 0, "MultiKillRounds4K": 0, "MultiKillRounds5K": 0,
    }  # fmt: skip


def test_no_more_shots_hit_than_a_hundred_percent() -> None:
    script = Script()
    script.add("weapon_fire", LIVE, weapon="weapon_nova", **script.player("user", "ct1"))
    script.round(3, [(5, "ct1", "t1"), (6, "ct1", "t2")])
    assert table(rows(script), "PlayerMatchStats").set_index("PlayerId").loc[1, "Accuracy"] == 100.0


def test_a_source_without_hits_knows_no_health_and_only_the_sum_of_damage_that_it_was_told() -> None:
    script = Script()
    script.round(3, [(5, "ct1", "t1")])
    del script.events["player_hurt"]
    found = rows(script, lacks=frozenset({"hits"}), damage={int(steam_id("ct1")): 150})
    line = lines(found).loc[(1, "ct1")]
    assert line[["Damage", "UtilityDamage", "Health", "Armor"]].isna().all()
    stats = table(found, "PlayerMatchStats").set_index("PlayerId")
    told = ["TotalDamageDealt", "ADR", "TotalDamageReceived"]
    assert stats.loc[1, told].tolist()[:2] == [150, 150.0]
    assert stats.loc[2, told].isna().all()
    assert stats["TotalDamageReceived"].isna().all()


def test_people_came_and_went_and_who_came_back_is_there() -> None:
    script = Script()
    script.round()
    passages = [("player_connect", 640, "ct1"), ("player_disconnect", 1_280, "ct1"), ("player_connect", 640, "ct2"),
                ("player_disconnect", 1_280, "ct2"), ("player_connect", 1_920, "ct2"),
                ("player_disconnect", 1_280, "ct3")]  # fmt: skip
    for event, tick, name in passages:
        script.add(event, tick, xuid=steam_id(name), name=name)
    script.add("rank_update", 2_000, rank_new=15, num_wins=321, **script.player("user", "ct1"))
    found = rows(script)
    one, two, three, four = found.rows["Players"][:4]
    assert one == {
        "Id": 1, "DemoFileId": 1, "PlayerSlot": 0, "SteamId": int(steam_id("ct1")), "PlayerName": "ct1",
        "Team": "CT", "IsBot": False, "IsConnected": False, "Rank": 15, "Wins": 321,
        "ConnectedAt": begun(found) + seconds(640), "DisconnectedAt": begun(found) + seconds(1_280),
    }  # fmt: skip
    assert (two["IsConnected"], two["DisconnectedAt"], two["PlayerSlot"]) == (True, None, 1)
    assert two["ConnectedAt"] == begun(found) + seconds(640)
    assert (three["IsConnected"], three["ConnectedAt"]) == (False, None)
    assert three["DisconnectedAt"] == begun(found) + seconds(1_280)
    assert (four["IsConnected"], four["ConnectedAt"], four["DisconnectedAt"]) == (True, None, None)


def test_who_spawned_in_a_round_played_it_where_no_states_are_recorded() -> None:
    script = Script()
    for name in (*CT, *T[:4]):
        script.add("player_spawn", 1_010, **script.player("user", name))
    script.round(3, [(5, "ct1", "t1")])
    found = rows(script)
    assert set(lines(found).loc[1].index) == {*CT, *T[:4]}
    script.events["player_death"][0] |= script.player("user", "t5")
    assert set(lines(rows(script)).loc[1].index) == {*CT, *T}, "and whoever acts"


def test_where_nothing_tells_who_played_everybody_did_who_had_not_left() -> None:
    script = Script()
    script.add("player_disconnect", 500, xuid=steam_id("t5"), name="t5")
    script.add("player_disconnect", END, xuid=steam_id("t4"), name="t4")
    script.round()
    assert set(lines(rows(script)).loc[1].index) == {*CT, *T[:4]}


def test_sides_are_changed_when_most_play_on_the_other_side_than_they_began_on() -> None:
    script = Script()
    script.round(3)
    for name in CT[:3]:  # three of five have changed places with nobody: most of all have not
        script.joins(name, script.clock, 2, 3)
    script.round(3)
    match = rows(script).rows["Matches"][0]
    assert (match["CTScore"], match["TScore"]) == (2, 0)


def test_only_rounds_that_count_have_players_lines_and_none_is_known_of_money_without_states() -> None:
    script = Script()
    script.kill(500, "ct1", "t1")
    script.round(3)
    found = rows(script)
    assert set(table(found, "PlayerRoundStats")["RoundId"]) == {2}
    assert (found.live_rounds, found.economy_known, found.left_out) == (1, False, {})


def test_a_match_without_a_round_is_not_finished_whatever_the_recording_says() -> None:
    script = Script()
    script.add("cs_win_panel_match", 900)
    match = rows(script, ended=True).rows["Matches"][0]
    names = ("IsFinished", "WinnerTeam", "WinCondition", "EndTime", "CTScore", "TScore", "TotalRounds")
    assert [match[name] for name in names] == [False, None, None, None, 0, 0, 0]


def test_an_unfinished_round_begins_where_it_was_started_also_after_a_longer_freeze_time() -> None:
    script = Script()
    script.round()
    script.round()
    begun_at = script.clock
    script.add("round_start", begun_at)
    script.add("round_freeze_end", begun_at + FREEZE + 300)
    script.kill(begun_at + FREEZE + 400, "ct1", "t1")
    assert rows(script).rows["Rounds"][-1]["StartTick"] == begun_at


def test_who_came_and_went_often_came_first_and_left_last() -> None:
    script = Script()
    script.round()
    for tick in (640, 1_920, 3_200):
        script.add("player_connect", tick, xuid=steam_id("ct1"), name="ct1")
        script.add("player_disconnect", tick + 640, xuid=steam_id("ct1"), name="ct1")
    found = rows(script)
    player = found.rows["Players"][0]
    assert player["ConnectedAt"] == begun(found) + seconds(640)
    assert player["DisconnectedAt"] == begun(found) + seconds(3_840)
    assert not player["IsConnected"]


def test_the_site_is_that_of_the_plant_and_unknown_where_only_the_maps_number_is() -> None:
    script = Script()
    place = script.player("user", "t1")
    script.add("bomb_beginplant", LIVE + 600, site="A", **place)
    script.add("bomb_planted", LIVE + 640, site="B", **place)
    script.round(2)
    assert rows(script).rows["Rounds"][0]["BombSite"] == 1
    script.events["bomb_planted"][0]["site"] = 354
    assert rows(script).rows["Rounds"][0]["BombSite"] is None


@pytest.mark.parametrize(("event", "flag"), [("bomb_defused", "BombDefused"), ("bomb_exploded", "BombExploded")])
def test_what_the_bomb_did_is_told_also_where_the_end_of_the_round_says_otherwise(event: str, flag: str) -> None:
    script = Script()
    script.add(event, LIVE + 640, site="A", **script.player("user", "ct1"))
    script.round(2, reason=9)
    row = rows(script).rows["Rounds"][0]
    assert {name for name in ("BombDefused", "BombExploded") if row[name]} == {flag}


def owning(tick: int, **money: int | None) -> pd.DataFrame:
    """The states of all ten at a tick; the money of those named, and of nobody else, is known."""
    people = [(name, 3) for name in CT] + [(name, 2) for name in T]
    states = [
        {"tick": tick, "steamid": steam_id(name), "name": name, "team_num": team, "health": 100,
         "balance": money.get(name), "cash_spent_this_round": 0, "current_equip_value": money.get(name)}
        for name, team in people
    ]  # fmt: skip
    return pd.DataFrame(states).reindex(columns=list(STATE_COLUMNS))


def test_a_sides_money_is_the_sum_of_what_is_known_of_its_players() -> None:
    script = Script()
    live = script.round()
    found = rows(script, states=owning(live, ct1=1_000, ct2=500, t3=300))
    row = found.rows["Rounds"][0]
    names = ("CTStartMoney", "TStartMoney", "CTEquipmentValue", "TEquipmentValue")
    assert [row[name] for name in names] == [1_500, 300, 1_500, 300]
    assert found.economy_known, "one player's is enough"
    row = rows(script, states=owning(live, ct1=0)).rows["Rounds"][0]
    assert [row[name] for name in names] == [0, None, 0, None]


def test_a_fall_is_a_hit_by_nobody() -> None:
    script = Script()
    script.hurt(LIVE + 64, None, "ct1", 20, 80, weapon="world")
    script.round()
    [hit] = rows(script).rows["Damages"]
    assert (hit["AttackerId"], hit["VictimId"], hit["DamageAmount"], hit["IsFatal"]) == (None, 1, 20, False)


def test_what_somebody_does_who_does_not_play_the_round_counts_for_nobody() -> None:
    script = Script()
    for name in (*CT[:4], *T):
        script.add("player_spawn", 1_010, **script.player("user", name))
    for who in ("ct5", None):
        script.add("weapon_fire", LIVE + 1, weapon="weapon_ak47", **script.player("user", who))
        script.add("round_mvp", END, **script.player("user", who))
        script.add("bomb_defused", LIVE + 9, site="A", **script.player("user", who))
        for other in ("t1", None):
            script.add("player_blind", LIVE, **script.player("user", other), **script.player("attacker", who))
    script.add("player_blind", LIVE, **script.player("user", "ct5"), **script.player("attacker", "t1"))
    script.add("weapon_fire", LIVE + 1, weapon=None, **script.player("user", "ct1"))
    script.round()
    found = rows(script)
    line = lines(found)
    assert set(line.loc[1].index) == {*CT[:4], *T}
    assert not line[["ShotsFired", "MVP", "EnemiesFlashed"]].any(axis=None)
    assert table(found, "PlayerMatchStats")["BombDefuses"].sum() == 0


def test_sides_have_not_changed_while_only_half_of_those_known_play_on_the_other() -> None:
    script = Script()
    four = ("ct1", "ct2", "t1", "t2")
    for name in four:
        script.add("player_spawn", script.clock + 10, **script.player("user", name))
    script.round(3)
    script.joins("ct1", script.clock, 2, 3)
    script.joins("t1", script.clock, 3, 2)
    for name in four:
        script.add("player_spawn", script.clock + 10, **script.player("user", name))
    script.round(3)
    match = rows(script).rows["Matches"][0]
    assert (match["CTScore"], match["TScore"]) == (2, 0)


def test_who_left_in_the_very_tick_of_a_rounds_start_has_not_played_the_one_after() -> None:
    script = Script()
    script.round()
    second = script.clock
    script.round()
    script.add("player_disconnect", second - 1, xuid=steam_id("t5"), name="t5")
    script.add("player_disconnect", second, xuid=steam_id("t4"), name="t4")
    assert set(lines(rows(script)).loc[2].index) == {*CT, *T[:4]}


def test_plants_and_defusals_are_counted_for_who_completed_them() -> None:
    script = Script()
    done = (("bomb_beginplant", "t1"), ("bomb_planted", "t1"), ("bomb_begindefuse", "ct1"), ("bomb_defused", "ct1"))
    for second, (event, name) in enumerate(done):
        script.add(event, LIVE + 64 * second, site="A", **script.player("user", name))
    script.round()
    found = table(rows(script), "PlayerMatchStats").set_index("PlayerId")
    assert found.loc[[1, 6], ["BombPlants", "BombDefuses"]].to_numpy().tolist() == [[0, 1], [1, 0]]
    assert found[["BombPlants", "BombDefuses"]].to_numpy().sum() == 2
