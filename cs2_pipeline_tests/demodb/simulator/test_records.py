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
