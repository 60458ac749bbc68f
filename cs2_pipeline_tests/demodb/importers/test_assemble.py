"""What a recording becomes in the demo database."""

from datetime import datetime
from typing import Any

import pandas as pd
import pytest

from cs2_pipeline.demodb.importers.assemble import Assembled, Recording, assemble
from cs2_pipeline.demodb.importers.parsed import STATE_COLUMNS, TICK_RATE, UnreadableDemoError
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
