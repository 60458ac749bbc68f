"""What the tables say must agree: every figure that is written twice is added up here."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.game import maps, rules, weapons


@pytest.fixture(scope="module")
def rounds(database) -> pd.DataFrame:
    return database["Rounds"].set_index("Id", drop=False)


@pytest.fixture(scope="module")
def lines(database, rounds) -> pd.DataFrame:
    """PlayerRoundStats with the side the player was on in that round."""
    lines = database["PlayerRoundStats"].merge(
        database["Players"][["Id", "Team", "SteamId"]].rename(columns={"Id": "PlayerId"}), on="PlayerId"
    )
    about = rounds[["Id", "MatchId", "RoundNumber", "WinnerTeam"]].rename(columns={"Id": "RoundId"})
    lines = lines.merge(about.reset_index(drop=True), on="RoundId")
    swapped = lines.RoundNumber.map(rules.sides_swapped).to_numpy(dtype=bool)
    lines["Side"] = np.where((lines.Team == "CT") ^ swapped, "CT", "T")
    return lines.set_index(["RoundId", "PlayerId"], drop=False).rename_axis(["round", "player"]).sort_index()


def by_round_player(frame: pd.DataFrame, player: str, lines: pd.DataFrame, value: str | None = None) -> pd.Series:
    grouped = frame.groupby(["RoundId", player])
    sums = grouped.size() if value is None else grouped[value].sum()
    return sums.rename_axis(["round", "player"]).reindex(lines.index, fill_value=0).astype(int)


def test_every_demo_has_ten_players_and_a_recorder(database):
    players = database["Players"]
    assert (players[players.IsHltv == 0].groupby("DemoFileId").size() == 10).all()
    assert (players[players.IsHltv == 1].groupby("DemoFileId").size() == 1).all()
    people = players[players.IsHltv == 0]
    assert people.SteamId.astype(str).str.fullmatch(r"7656119\d{10}").all()
    assert not people.duplicated(["DemoFileId", "SteamId"]).any()
    assert set(people.Team) == {"CT", "T"}


def test_a_person_keeps_the_steam_id_and_some_change_their_name(database):
    people = database["Players"].query("IsHltv == 0")
    assert people.groupby("SteamId").size().median() > 5
    assert people.Id.is_unique
    names = people.groupby("SteamId").PlayerName.nunique()
    assert names.max() >= 1
    assert (names == 1).mean() > 0.5


def test_every_reference_points_to_a_row(database):
    ids = {name: set(database[name].Id) for name in ("DemoFiles", "Matches", "Players", "Rounds")}
    for table, column, target in (
        ("Matches", "DemoFileId", "DemoFiles"), ("Players", "DemoFileId", "DemoFiles"),
        ("Rounds", "MatchId", "Matches"), ("Rounds", "DemoFileId", "DemoFiles"),
        ("PlayerRoundStats", "PlayerId", "Players"), ("PlayerRoundStats", "RoundId", "Rounds"),
        ("PlayerMatchStats", "PlayerId", "Players"), ("PlayerMatchStats", "MatchId", "Matches"),
        ("Kills", "RoundId", "Rounds"), ("Kills", "KillerId", "Players"), ("Kills", "VictimId", "Players"),
        ("Kills", "AssisterId", "Players"), ("Bombs", "RoundId", "Rounds"), ("Bombs", "PlayerId", "Players"),
        ("Damages", "RoundId", "Rounds"), ("Damages", "AttackerId", "Players"), ("Damages", "VictimId", "Players"),
    ):  # fmt: skip
        assert set(database[table][column].dropna()) <= ids[target], (table, column)


def test_rounds_are_numbered_from_one_and_the_score_advances_by_one(rounds):
    for _, match in rounds.groupby("MatchId"):
        assert match.RoundNumber.tolist() == list(range(1, len(match) + 1))
        assert (match.CTScore + match.TScore).tolist() == match.RoundNumber.tolist()
        ct_won = match.WinnerTeam == "CT"
        before_ct, before_t = match.CTScore - ct_won, match.TScore - ~ct_won
        swap = match.RoundNumber.map(rules.sides_swapped).diff().fillna(0).astype(bool)
        last_ct, last_t = match.CTScore.shift(fill_value=0), match.TScore.shift(fill_value=0)
        assert (before_ct == np.where(swap, last_t, last_ct)).all()
        assert (before_t == np.where(swap, last_ct, last_t)).all()


def test_a_match_ends_at_thirteen_or_in_overtime_at_sixteen_nineteen_and_so_on(database, rounds):
    matches = database["Matches"].set_index("Id")
    last = rounds.groupby("MatchId").last()
    assert (matches.TotalRounds == last.RoundNumber).all()
    assert (matches[["CTScore", "TScore"]].to_numpy() == last[["CTScore", "TScore"]].to_numpy()).all()
    high, low = matches[["CTScore", "TScore"]].max(axis=1), matches[["CTScore", "TScore"]].min(axis=1)
    overtimes = ((matches.TotalRounds - 25) // 6 + 1).clip(lower=0)
    assert (high == 13 + 3 * overtimes).all()
    assert (low <= high - 2).all()
    assert (low >= np.where(overtimes > 0, 12 + 3 * (overtimes - 1), 0)).all()
    assert (matches.IsOvertime == (overtimes > 0)).all()
    assert (matches.WinnerTeam == np.where(matches.CTScore > matches.TScore, "CT", "T")).all()
    halves = ["CTScoreFirstHalf", "TScoreFirstHalf", "CTScoreSecondHalf", "TScoreSecondHalf"]
    overtime = matches[["CTScoreOvertime", "TScoreOvertime"]].fillna(0).sum(axis=1)
    assert (matches[halves].sum(axis=1) + overtime == matches.TotalRounds).all()
    assert matches.CTScoreOvertime.isna().eq(overtimes == 0).all()


def test_the_overtime_of_this_database_was_played(database):
    assert database["Matches"].IsOvertime.any()


def test_maps_are_known(database):
    assert all(maps.map_index(name) for name in database["Matches"].MapName.unique())


def test_kills_are_deaths_and_add_up_to_round_and_match(database, lines):
    kills = database["Kills"]
    assert (by_round_player(kills, "KillerId", lines) == lines.Kills).all()
    assert (by_round_player(kills, "VictimId", lines) == lines.Deaths).all()
    assert (by_round_player(kills.dropna(subset="AssisterId"), "AssisterId", lines) == lines.Assists).all()
    assert lines.Deaths.max() == 1
    assert (lines.Deaths == 1 - lines.IsAlive).all()


def test_match_stats_are_the_sums_of_round_stats(database, lines):
    stats = database["PlayerMatchStats"].set_index("PlayerId").sort_index()
    total = lines.groupby(level="player")[["Kills", "Deaths", "Assists", "Damage", "UtilityDamage", "MVP", "KAST",
        "ShotsHit", "ShotsFired", "FlashAssists", "EnemiesFlashed"]].sum()  # fmt: skip
    played = lines.groupby(level="player").size()
    pairs = {"Kills": "Kills", "Deaths": "Deaths", "Assists": "Assists", "TotalDamageDealt": "Damage",
             "UtilityDamage": "UtilityDamage", "MVPs": "MVP", "ShotsHit": "ShotsHit", "ShotsFired": "ShotsFired",
             "FlashAssists": "FlashAssists", "EnemiesFlashed": "EnemiesFlashed"}  # fmt: skip
    for column, source in pairs.items():
        assert (stats[column] == total[source]).all(), column
    assert (stats.RoundsPlayed == played).all()
    np.testing.assert_allclose(stats.ADR, total.Damage / played)
    np.testing.assert_allclose(
        stats.KDRatio, np.where(total.Deaths > 0, total.Kills / total.Deaths.clip(1), total.Kills)
    )
    np.testing.assert_allclose(stats.KASTPercentage, 100 * total.KAST / played)
    kills = database["Kills"]
    headshots = kills[kills.IsHeadshot == 1].groupby("KillerId").size().reindex(stats.index, fill_value=0)
    assert (stats.HeadshotKills == headshots).all()
    np.testing.assert_allclose(stats.HeadshotPercentage, 100 * headshots / stats.Kills.clip(lower=1))
    first = kills[kills.IsFirstKill == 1]
    assert (stats.FirstKills == first.groupby("KillerId").size().reindex(stats.index, fill_value=0)).all()
    assert (stats.FirstDeaths == first.groupby("VictimId").size().reindex(stats.index, fill_value=0)).all()
    won = (lines.Side == lines.WinnerTeam).groupby(level="player").sum()
    assert (stats.RoundsWon == won).all()
    for size in range(2, 6):
        assert (stats[f"MultiKillRounds{size}K"] == (lines.Kills == size).groupby(level="player").sum()).all()


def test_the_first_kill_of_a_round_is_marked_and_no_other(database):
    kills = database["Kills"].sort_values(["RoundId", "Tick", "Id"])
    first = ~kills.duplicated("RoundId")
    assert (kills.IsFirstKill == first).all()


def test_trade_kills_avenge_a_death_of_the_last_five_seconds(database):
    kills = database["Kills"]
    for trade in kills[kills.IsTradeKill == 1].head(200).itertuples():
        earlier = kills[(kills.RoundId == trade.RoundId) & (kills.KillerId == trade.VictimId) & (kills.Id < trade.Id)]
        assert trade.GameTime - earlier.GameTime.max() <= 5.02


def test_sides_in_kills_are_the_sides_of_the_round(database, lines):
    kills = database["Kills"]
    for player, team in (("KillerId", "KillerTeam"), ("VictimId", "VictimTeam")):
        index = pd.MultiIndex.from_frame(kills[["RoundId", player]])
        assert (lines.Side.reindex(index).to_numpy() == kills[team].to_numpy()).all()
    assert (kills.KillerTeam != kills.VictimTeam).all()
    assert not kills.IsTeamKill.any()


def test_the_dead_neither_kill_nor_plant_nor_defuse(database, rounds):
    kills = database["Kills"]
    death = kills.set_index(["RoundId", "VictimId"])[["Tick", "Id"]]
    for frame, player in ((kills, "KillerId"), (database["Damages"], "AttackerId"), (database["Bombs"], "PlayerId")):
        acts = frame if player != "PlayerId" else frame[frame.EventType != "exploded"]
        died = death.reindex(pd.MultiIndex.from_frame(acts[["RoundId", player]])).Tick.to_numpy()
        assert (np.isnan(died) | (died >= acts.Tick.to_numpy())).all()


def test_fatal_damages_are_the_kills(database):
    damages, kills = database["Damages"], database["Kills"]
    fatal = damages[damages.IsFatal == 1]
    columns = ["RoundId", "Tick", "VictimId", "Weapon"]
    assert fatal[[*columns, "AttackerId"]].to_numpy().tolist() == kills[[*columns, "KillerId"]].to_numpy().tolist()
    assert (fatal.Health == 0).all()
    assert (damages[damages.IsFatal == 0].Health > 0).all()


def test_health_and_armour_fall_by_every_damage_to_the_end_of_the_round(database, lines):
    damages = database["Damages"].sort_values(["RoundId", "VictimId", "Id"])
    victim = damages.groupby(["RoundId", "VictimId"])
    assert (victim.Health.shift(fill_value=rules.FULL_HEALTH) - damages.DamageAmount == damages.Health).all()
    armor_before = victim.Armor.shift()
    known = armor_before.notna()
    assert ((armor_before - damages.DamageArmor)[known] == damages.Armor[known]).all()
    assert (damages[["DamageAmount"]] > 0).all().all()
    assert (damages[["DamageArmor", "Armor"]] >= 0).all().all()
    last = victim[["Health", "Armor"]].last().rename_axis(["RoundId", "PlayerId"])
    ended = lines.loc[last.index]
    assert (ended.Health == last.Health).all()
    assert (ended.Armor == last.Armor).all()
    unhurt = lines.drop(last.index)
    assert (unhurt.Health == rules.FULL_HEALTH).all()
    assert unhurt.Armor.isin([0, rules.FULL_ARMOR]).all()
    assert (by_round_player(damages, "AttackerId", lines, "DamageAmount") == lines.Damage).all()


def test_survivors_of_a_round_are_counted(rounds, lines):
    alive = lines.pivot_table(index="RoundId", columns="Side", values="IsAlive", aggfunc="sum")
    assert (alive["CT"] == rounds.CTLivePlayers).all()
    assert (alive["T"] == rounds.TLivePlayers).all()


def test_bomb_flags_events_and_end_reasons_agree(database, rounds):
    bombs = database["Bombs"]
    happened = {event: set(group.RoundId) for event, group in bombs.groupby("EventType")}
    assert not bombs.duplicated(["RoundId", "EventType"]).any()
    for event, flag in (("planted", "BombPlanted"), ("defused", "BombDefused"), ("exploded", "BombExploded")):
        assert set(rounds.Id[rounds[flag] == 1]) == happened[event]
    assert happened["defused"] | happened["exploded"] <= happened["planted"]
    assert (rounds.BombSite.notna() == (rounds.BombPlanted == 1)).all()
    winner = {"CTWin": "CT", "TerroristWin": "T", "BombDefused": "CT", "TargetBombed": "T", "TargetSaved": "CT"}
    assert set(rounds.EndReason) == set(winner)
    assert (rounds.EndReason.map(winner) == rounds.WinnerTeam).all()
    assert ((rounds.EndReason == "BombDefused") == (rounds.BombDefused == 1)).all()
    assert ((rounds.EndReason == "TargetBombed") == (rounds.BombExploded == 1)).all()
    assert (rounds.TLivePlayers[rounds.EndReason == "CTWin"] == 0).all()
    assert (rounds.BombPlanted[rounds.EndReason == "CTWin"] == 0).all()
    assert (rounds.CTLivePlayers[rounds.EndReason == "TerroristWin"] == 0).all()
    assert (rounds.CTLivePlayers[rounds.EndReason != "TerroristWin"] > 0).all()


def test_the_clocks_are_those_of_the_rules(database, rounds):
    bombs = database["Bombs"].pivot_table(index="RoundId", columns="EventType", values="GameTime")
    since_plant = bombs.sub(bombs.planted, axis=0)
    tick = 1.01 / 64
    assert since_plant.exploded.dropna().between(rules.BOMB_TIME - tick, rules.BOMB_TIME + tick).all()
    kit = database["Bombs"].query("EventType == 'defused'").set_index("RoundId").HasKit == 1
    defused = since_plant.defused.dropna()
    assert kit.any()
    assert not kit.all()
    assert (defused >= np.where(kit[defused.index], rules.DEFUSE_TIME_WITH_KIT, rules.DEFUSE_TIME) - tick).all()
    assert (defused <= rules.BOMB_TIME + tick).all()
    live = rounds.Duration - rules.FREEZE_TIME
    assert (rounds.Duration * 64 == rounds.EndTick - rounds.StartTick).all()
    unplanted = live[rounds.BombPlanted == 0]
    assert unplanted.max() <= rules.ROUND_TIME + tick
    assert (live[rounds.EndReason == "TargetSaved"] == rules.ROUND_TIME).all()
    plant_at = bombs.planted - (rounds.StartTick / 64 + rules.FREEZE_TIME)
    assert plant_at.dropna().between(0, rules.ROUND_TIME).all()


def test_events_lie_inside_their_round_and_rounds_follow_each_other(database, rounds):
    for table in ("Kills", "Damages", "Bombs"):
        events = database[table]
        start = rounds.StartTick.loc[events.RoundId].to_numpy() + rules.FREEZE_TIME * 64
        end = rounds.EndTick.loc[events.RoundId].to_numpy()
        assert ((events.Tick >= start) & (events.Tick <= end)).all(), table
        assert (events.sort_values("Id").groupby("RoundId").Tick.diff().fillna(0) >= 0).all()
    follows = rounds.groupby("MatchId")
    assert (rounds.StartTick > follows.EndTick.shift(fill_value=0)).all()


def test_money_follows_rewards_and_spending_and_stays_under_the_cap(database, rounds, lines):
    kills = database["Kills"].assign(reward=lambda k: k.Weapon.map(weapons.kill_reward))
    reward = by_round_player(kills, "KillerId", lines, "reward")
    assert (lines.MoneySpent <= lines.StartMoney).all()
    assert (lines.MoneySpent >= 0).all()
    assert lines.StartMoney.max() <= rules.MAX_MONEY
    streak: dict[tuple[int, str], int] = {}
    pay = {}
    for r in rounds.itertuples():
        if rules.resets_economy(r.RoundNumber):
            streak = {}
        for side in ("CT", "T"):
            team = (r.MatchId, side if not rules.sides_swapped(r.RoundNumber) else {"CT": "T", "T": "CT"}[side])
            if r.WinnerTeam == side:
                streak[team] = 0
                pay[r.Id, side] = rules.WIN_REWARD_BY_BOMB if r.BombDefused or r.BombExploded else rules.WIN_REWARD
            else:
                streak[team] = streak.get(team, 0) + 1
                pay[r.Id, side] = rules.loss_reward(streak[team])
                if side == "T" and r.BombPlanted:
                    pay[r.Id, side] += rules.PLANT_BONUS
    paid = np.array([pay[key] for key in zip(lines.RoundId, lines.Side, strict=True)])
    expected = np.minimum(lines.StartMoney - lines.MoneySpent + reward + paid, rules.MAX_MONEY)
    assert (lines.EndMoney == expected).all()
    ordered = lines.sort_values(["PlayerId", "RoundNumber"])
    reset = ordered.RoundNumber.map(rules.resets_economy).to_numpy()
    start = np.array([rules.start_money(number) for number in ordered.RoundNumber])
    carried = ordered.groupby("PlayerId").EndMoney.shift().to_numpy()
    assert (ordered.StartMoney.to_numpy() == np.where(reset, start, carried)).all()


def test_equipment_is_what_survived_and_what_was_bought_shared_by_the_team(rounds, lines):
    flat = lines.reset_index(drop=True)
    team = flat.groupby(["MatchId", "RoundNumber", "Team"]).agg(
        value=("EquipmentValue", "sum"), least=("EquipmentValue", "min"), most=("EquipmentValue", "max"),
        spent=("MoneySpent", "sum"), alive=("IsAlive", "sum"),
    )  # fmt: skip
    assert (team.least == team.most).all()
    kept = team.least * team.alive + 200 * (5 - team.alive)
    before = kept.groupby(["MatchId", "Team"]).shift(fill_value=0)
    reset = team.index.get_level_values("RoundNumber").map(rules.resets_economy)
    assert (team.value == team.spent + np.where(reset, 1_000, before)).all()
    sums = flat.pivot_table(index="RoundId", columns="Side", values=["EquipmentValue", "StartMoney"], aggfunc="sum")
    assert (sums["EquipmentValue"]["CT"] == rounds.CTEquipmentValue).all()
    assert (sums["EquipmentValue"]["T"] == rounds.TEquipmentValue).all()
    assert (sums["StartMoney"]["CT"] == rounds.CTStartMoney).all()
    assert (sums["StartMoney"]["T"] == rounds.TStartMoney).all()


def test_only_ct_has_kits_and_one_t_has_the_bomb(database, lines):
    assert (lines.Side[lines.HasDefuseKit == 1] == "CT").all()
    assert (lines.groupby("RoundId").HasBomb.sum() == 1).all()
    assert (lines.Side[lines.HasBomb == 1] == "T").all()


def test_clutches_are_counted_with_their_size_and_outcome(database, lines):
    kills = database["Kills"]
    sides = dict(lines.Side.items())
    expected: dict[tuple[int, int], int] = {}
    members = lines.groupby("RoundId").PlayerId.agg(list)
    for round_id, deaths in kills.groupby("RoundId"):
        living = {side: {p for p in members[round_id] if sides[round_id, p] == side} for side in ("CT", "T")}
        for victim in deaths.VictimId:
            side = sides[round_id, victim]
            other = "T" if side == "CT" else "CT"
            living[side].remove(victim)
            if len(living[side]) == 1 and living[other]:
                expected[round_id, next(iter(living[side]))] = len(living[other])
    size = pd.Series(expected).reindex(lines.index, fill_value=0)
    assert (lines.ClutchSize == size).all()
    assert (lines.IsClutch == (size > 0)).all()
    assert (lines.ClutchWon == ((size > 0) & (lines.Side == lines.WinnerTeam))).all()
    stats = database["PlayerMatchStats"].set_index("PlayerId").sort_index()
    for n in range(1, 6):
        tried = (size == n).groupby(level="player").sum()
        won = ((size == n) & (lines.ClutchWon == 1)).groupby(level="player").sum()
        assert (stats[f"ClutchAttempts1v{n}"] == tried).all()
        assert (stats[f"ClutchWins1v{n}"] == won).all()


def test_every_round_has_one_mvp_among_the_winners(lines):
    mvp = lines[lines.MVP == 1]
    assert (mvp.groupby("RoundId").size() == 1).all()
    assert (mvp.Side == mvp.WinnerTeam).all()


def test_the_play_looks_like_the_game(database, rounds):
    assert 0.45 < (rounds.WinnerTeam == "CT").mean() < 0.55
    assert 6 < len(database["Kills"]) / len(rounds) < 8
    assert 0.4 < rounds.BombPlanted.mean() < 0.6
    assert 62 < rounds.Duration.mean() - rules.FREEZE_TIME < 90
    assert 18 < len(rounds) / rounds.MatchId.nunique() < 25


def test_a_recording_begins_with_warm_up_and_pauses_between_rounds_longer_where_sides_change(rounds):
    follows = rounds.groupby("MatchId")
    assert (follows.StartTick.first() == 45 * 64).all()
    pause = (rounds.StartTick - follows.EndTick.shift()).dropna() / 64
    number = rounds.RoundNumber.loc[pause.index]
    changed = number.map(lambda n: rules.sides_swapped(n) != rules.sides_swapped(n - 1))
    assert (pause == np.where(changed, 15, 7)).all()


def test_moments_are_ticks_of_the_recording(database, rounds):
    begun = pd.to_datetime(database["Matches"].set_index("Id").StartTime)
    for moment, tick in (("StartTime", "StartTick"), ("EndTime", "EndTick")):
        passed = (pd.to_datetime(rounds[moment]) - rounds.MatchId.map(begun)).dt.total_seconds()
        assert (passed == rounds[tick] / 64).all()
    ended = database["Matches"].EndTime
    assert (ended.to_numpy() == rounds.groupby("MatchId").EndTime.last().to_numpy()).all()
    assert (rounds.Duration == (rounds.EndTick - rounds.StartTick) / 64).all()
    for table in ("Kills", "Bombs", "Damages"):
        assert (database[table].GameTime == database[table].Tick / 64).all()


def test_a_recording_file_is_named_after_day_number_and_map_and_ends_ten_seconds_after_the_last_round(database, rounds):
    demos, matches = database["DemoFiles"].set_index("Id"), database["Matches"].set_index("DemoFileId")
    assert (demos.MapName == matches.MapName).all()
    expected = [f"{row.StartTime[:10]}_{row.Index:06d}_{row.MapName}.dem" for row in matches.itertuples()]
    assert demos.FileName.tolist() == expected
    assert (demos.FilePath == "demos/" + demos.FileName).all()
    last = rounds.groupby("DemoFileId").EndTick.last()
    assert (demos.TotalTicks == last + 640).all()
    assert (demos.Duration == demos.TotalTicks / 64).all()
    assert (demos.FileSize == demos.TotalTicks * 640).all()
    made, parsed = pd.to_datetime(demos.CreatedAt), pd.to_datetime(demos.ParsedAt)
    assert ((made - pd.to_datetime(matches.EndTime)).dt.total_seconds() == 10).all()
    delay = (parsed - made).dt.total_seconds()
    assert delay.between(60, 659).all()
    assert delay.nunique() > 40
    said = demos[["GameMode", "TickRate", "ServerName", "DemoType", "NetworkProtocol", "ClientName", "DemoSource",
                  "Game"]].drop_duplicates()  # fmt: skip
    assert said.to_numpy().tolist() == [
        ["competitive", 64, "Simulator", "gotv", 14_000, "GOTV Demo", "simulator", "cs2"]
    ]


def test_a_match_keeps_the_rules_it_was_played_by_and_its_halves(database, rounds):
    matches = database["Matches"].set_index("Id")
    said = matches[["GameMode", "MaxRounds", "RoundTimeLimit", "FreezeTime", "BuyTime", "IsFinished"]]
    assert said.drop_duplicates().to_numpy().tolist() == [["competitive", 24, 115.0, 15.0, 20.0, 1]]
    assert (matches.WinCondition == np.where(matches.IsOvertime, "overtime", "regulation")).all()
    for name, part in (("FirstHalf", (1, 12)), ("SecondHalf", (13, 24)), ("Overtime", (25, 999))):
        of_part = rounds[rounds.RoundNumber.between(*part)]
        for side in ("CT", "T"):
            won = (of_part.WinnerTeam == side).groupby(of_part.MatchId).sum()
            said = matches[f"{side}Score{name}"].dropna()
            assert (said == won.reindex(said.index, fill_value=0)).all()


def test_people_stand_in_slots_with_their_team_and_rank_and_the_recorder_behind_them(database):
    players, matches = database["Players"], database["Matches"].set_index("DemoFileId")
    assert (players.PlayerSlot == np.tile(np.arange(11), len(matches))).all()
    assert (players.UserId == players.PlayerSlot + 2).all()
    assert (players.DemoFileId == np.repeat(matches.index, 11)).all()
    recorder, people = players[players.PlayerSlot == 10], players[players.PlayerSlot < 10]
    assert set(recorder.PlayerName) == {"GOTV"}
    assert set(recorder.Team) == {"Spectator"}
    assert (recorder[["SteamId", "Rank", "Wins"]] == 0).all(axis=None)
    assert recorder.ClanTag.isna().all()
    assert (recorder.IsHltv == 1).all()
    assert (people.Team == np.where(people.PlayerSlot < 5, "CT", "T")).all()
    tags = people.groupby(["DemoFileId", "Team"]).ClanTag.agg(["nunique", "first"])
    assert (tags["nunique"] == 1).all()
    assert tags["first"].str.fullmatch(r"Team ([1-9]|1[0-6])").all()
    assert (people.groupby("DemoFileId").ClanTag.nunique() == 2).all()
    assert people.Rank.between(1, 18).all()
    assert people.Rank.mean() == pytest.approx(9.5, abs=1)
    assert people.Rank.std() == pytest.approx(2.5, abs=0.6)
    assert (people.Wins == people.Rank * 40).all()
    assert not players.IsBot.any()
    assert players.IsConnected.all()
    assert (players.ConnectedAt == players.DemoFileId.map(matches.StartTime)).all()
    assert (players.DisconnectedAt == players.DemoFileId.map(matches.EndTime)).all()


def test_rounds_are_told_by_what_the_teams_bought_and_the_part_of_the_match(rounds):
    number = rounds.RoundNumber
    phase = np.where(number > 24, "overtime", np.where(number > 12, "second_half", "first_half"))
    assert (rounds.GamePhase == phase).all()
    assert (rounds.IsOvertime == (number > 24)).all()
    assert (rounds.IsPistolRound == number.isin([1, 13])).all()
    assert not rounds[["IsWarmup", "IsKnifeRound"]].any(axis=None)
    poor = rounds[["CTEquipmentValue", "TEquipmentValue"]].min(axis=1) / 5
    rich = rounds[["CTEquipmentValue", "TEquipmentValue"]].max(axis=1) / 5
    assert (rich[rounds.IsAntiEcoRound == 1] > 3_000).all()
    assert (rounds.IsEcoRound[rounds.IsAntiEcoRound == 1] == 1).all()
    assert (rounds.IsAntiEcoRound < rounds.IsEcoRound).any()
    assert not rounds.IsEcoRound[rounds.IsPistolRound == 1].any()
    assert not rounds.IsForceBuyRound[rounds.IsPistolRound == 1].any()
    assert poor[rounds.IsEcoRound == 1].mean() < poor[rounds.IsForceBuyRound == 1].mean()
    assert 0.05 < rounds.IsForceBuyRound.mean() < 0.6
    assert 0.05 < rounds.IsEcoRound.mean() < 0.6
    bomb = rounds[rounds.BombPlanted == 1]
    assert set(bomb.BombSite) == {0, 1}


def test_events_of_the_bomb_name_the_actor_the_site_the_kit_and_the_side(database, rounds, lines):
    bombs = database["Bombs"]
    about = rounds.loc[bombs.RoundId]
    assert (bombs.Site.to_numpy() == np.where(about.BombSite == 0, "A", "B")).all()
    assert (bombs.RoundNumber.to_numpy() == about.RoundNumber.to_numpy()).all()
    assert (bombs.Team == np.where(bombs.EventType == "defused", "CT", "T")).all()
    actor = lines.Side.reindex(pd.MultiIndex.from_frame(bombs[["RoundId", "PlayerId"]])).to_numpy()
    assert (actor == bombs.Team.to_numpy()).all()
    order = bombs.EventType.map({"planted": 0, "defused": 1, "exploded": 1})
    assert (order.groupby(bombs.RoundId).diff().dropna() > 0).all()
    carried = lines[lines.HasBomb == 1].droplevel("player").PlayerId
    for kind in ("planted", "exploded"):
        acted = bombs[bombs.EventType == kind].set_index("RoundId").PlayerId
        assert (acted == carried.loc[acted.index]).all(), kind
    has_kit = lines[lines.HasDefuseKit == 1].groupby(level="round").size()
    assert (has_kit == 5).all()
    defused = bombs[bombs.EventType == "defused"].set_index("RoundId").HasKit
    assert (defused == defused.index.isin(has_kit.index)).all()
    assert not bombs.HasKit[bombs.EventType != "defused"].any()
    for column, kind in (("BombPlants", "planted"), ("BombDefuses", "defused")):
        done = bombs[bombs.EventType == kind].PlayerId.value_counts()
        stats = database["PlayerMatchStats"].set_index("PlayerId")[column]
        assert (stats == done.reindex(stats.index, fill_value=0)).all()


def test_what_a_player_wears_follows_from_the_equipment(lines, rounds):
    assert (lines.HasHelmet == (lines.EquipmentValue >= 1_800)).all()
    kits = lines[lines.Side == "CT"]
    assert (kits.HasDefuseKit == (kits.EquipmentValue >= 4_200)).all()
    unplanted = lines[(lines.HasBomb == 1) & lines.RoundId.map(rounds.BombPlanted).eq(0)]
    assert unplanted.groupby(level="round").size().eq(1).all()
    slot = unplanted.groupby("RoundId").PlayerId.first()
    first = lines[lines.Side == "T"].groupby(level="round").PlayerId.min()
    assert (slot == first.loc[slot.index]).all(), "nobody planted: the first of T carries it"


def test_shots_flashes_and_grenades_of_a_player_fit_together(database, lines):
    damages = database["Damages"]
    thrown = damages.Weapon.isin(["hegrenade", "inferno"])
    assert thrown.any()
    assert (by_round_player(damages[thrown], "AttackerId", lines, "DamageAmount") == lines.UtilityDamage).all()
    assert (by_round_player(damages[~thrown], "AttackerId", lines) == lines.ShotsHit).all()
    missed = lines.ShotsFired - 3 * lines.ShotsHit
    assert set(missed) == set(range(8))
    assert missed.mean() == pytest.approx(3.5, abs=0.1)
    poor = lines.EquipmentValue < 2_000
    assert (lines.EnemiesFlashed[poor] == 0).all()
    flashed = lines.EnemiesFlashed[~poor]
    assert set(flashed) == {0, 1, 2, 3}
    assert flashed.mean() == pytest.approx(3 - sum((n / 4) ** 0.5 for n in (1, 2, 3)), abs=0.04)
    assert set(lines.FlashAssists) == {0, 1}
    assert (lines.FlashAssists[lines.EnemiesFlashed == 0] == 0).all()
    assert lines.FlashAssists[lines.EnemiesFlashed > 0].mean() == pytest.approx(0.06, abs=0.015)


def test_kast_and_survival_are_those_of_the_round(database, lines, rounds):
    kills = database["Kills"]
    live = rounds.StartTick + rules.FREEZE_TIME * 64
    died = kills.set_index(["RoundId", "VictimId"]).Tick.rename_axis(["round", "player"]).reindex(lines.index)
    died = died - lines.RoundId.map(live).to_numpy()
    dead = died.notna()
    assert ((died[dead] / 64 - lines.SurvivalTime[dead]).between(0, 1 / 64 + 1e-9)).all()
    length = (rounds.EndTick - live) / 64
    alive = lines[~dead]
    assert (alive.RoundId.map(length) - alive.SurvivalTime).between(0, 1 / 64 + 1e-9).all()
    assert alive.KAST.all()
    helped = (lines.Kills > 0) | (lines.Assists > 0) | (lines.IsAlive == 1)
    assert lines.KAST[helped].all()
    traded = lines[~helped].KAST
    assert 0.02 < traded.mean() < 0.9
    totals = lines.groupby(level="player")
    stats = database["PlayerMatchStats"].set_index("PlayerId")
    np.testing.assert_allclose(stats.SurvivalTime, totals.SurvivalTime.mean())
    trades = kills[kills.IsTradeKill == 1].groupby("KillerId").size().reindex(stats.index, fill_value=0)
    assert (stats.TradeKills == trades).all()
    assert (stats.TradeDeaths >= traded.groupby(level="player").sum().reindex(stats.index, fill_value=0)).all()
    assert (stats.TradeDeaths <= stats.Deaths).all()


def test_figures_of_a_match_are_computed_as_their_authors_say(database, lines):
    stats = database["PlayerMatchStats"].set_index("PlayerId").sort_index()
    rounds, kills, deaths = stats.RoundsPlayed, stats.Kills, stats.Deaths
    squares = (lines.Kills**2).groupby(level="player").sum()
    rating = (kills / rounds / 0.679 + 0.7 * (1 - deaths / rounds) / 0.317 + squares / rounds / 1.277) / 2.7
    np.testing.assert_allclose(stats.Rating, rating)
    impact = 2.13 * kills / rounds + 0.42 * stats.Assists / rounds - 0.41
    second = 0.0073 * stats.KASTPercentage + 0.3591 * kills / rounds - 0.5329 * deaths / rounds + 0.2372 * impact
    np.testing.assert_allclose(stats.HLTV2Rating, second + 0.0032 * stats.ADR + 0.1587)
    of_round = (lines.Kills / 0.679 + 0.7 * (1 - lines.Deaths) / 0.317 + lines.Kills**2 / 1.277) / 2.7
    np.testing.assert_allclose(lines.Rating, of_round)
    assert (stats.Score == 2 * kills + stats.Assists + stats.MVPs).all()
    np.testing.assert_allclose(stats.Accuracy, 100 * stats.ShotsHit / stats.ShotsFired.clip(lower=1))
    taken = database["Damages"].groupby("VictimId").DamageAmount.sum().reindex(stats.index, fill_value=0)
    assert (stats.TotalDamageReceived == taken).all()


def test_the_most_valuable_decided_it_at_the_bomb_or_killed_most(database, lines, rounds):
    mvp = lines[lines.MVP == 1].droplevel("player")
    bombs = database["Bombs"]
    for kind in ("defused", "exploded"):
        acted = bombs[bombs.EventType == kind].set_index("RoundId").PlayerId
        assert (mvp.PlayerId.loc[acted.index] == acted).all(), kind
    rest = rounds.index.difference(bombs.RoundId[bombs.EventType != "planted"])
    winners = lines[lines.Side == lines.WinnerTeam]
    merit = (winners.Kills * 10 + winners.Damage / 100).groupby(level="round").max()
    assert np.allclose((mvp.Kills * 10 + mvp.Damage / 100).loc[rest], merit.loc[rest])


def test_kills_are_told_with_place_weapon_and_distance(database, lines):
    kills = database["Kills"]
    assert set(kills.HitGroup) == {"head", "chest", "stomach", "left_arm", "right_arm", "left_leg", "right_leg"}
    assert ((kills.HitGroup == "head") == (kills.IsHeadshot == 1)).all()
    body = kills.HitGroup[kills.IsHeadshot == 0].value_counts(normalize=True)
    shares = [((n + 1) / 6) ** (1 / 1.6) - (n / 6) ** (1 / 1.6) for n in range(6)]
    order = ["chest", "stomach", "left_arm", "right_arm", "left_leg", "right_leg"]
    assert body[order].to_numpy() == pytest.approx(shares, abs=0.02)
    assert kills.Distance.between(3, 43).all()
    assert kills.Distance.mean() == pytest.approx(3 + 40 / 3, abs=0.4)
    helped = kills.dropna(subset="AssisterId")
    side = lines.Side.reindex(pd.MultiIndex.from_frame(helped[["RoundId", "AssisterId"]])).to_numpy()
    assert (side == helped.KillerTeam.to_numpy()).all()
    assert 0.05 < len(helped) / len(kills) < 0.5
    assert kills.IsWallbang.mean() == pytest.approx(0.03, abs=0.01)


def test_every_rows_recording_is_that_of_its_round(database, rounds):
    for table in ("Kills", "Bombs", "Damages"):
        rows = database[table]
        assert (rows.DemoFileId.to_numpy() == rounds.DemoFileId.loc[rows.RoundId].to_numpy()).all(), table
    of_match = database["Matches"].set_index("Id").DemoFileId
    assert (rounds.DemoFileId == rounds.MatchId.map(of_match)).all()
    stats = database["PlayerMatchStats"]
    of_player = database["Players"].set_index("Id").DemoFileId
    assert (stats.PlayerId.map(of_player) == stats.MatchId.map(of_match)).all()
