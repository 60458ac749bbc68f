import inspect
import os
import sqlite3
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.simulator import GameModel, SimulationError, append_days, simulate, truth_path, writer
from cs2_pipeline.game import player, rules


def content(path: Path) -> dict[str, list[tuple]]:
    connection = sqlite3.connect(path)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY "Id"').fetchall() for name in names}  # noqa: S608
    finally:
        connection.close()


def figure(path: Path, query: str) -> float:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()


def test_the_same_seed_makes_the_same_database_and_another_seed_another(tmp_path):
    made = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        simulate(tmp_path / name, matches=6, seed=seed, days=3)
        made.append(content(tmp_path / name))
    assert made[0] == made[1]
    assert all(made[0][name] != made[2][name] for name in ("Matches", "Players", "Rounds", "Kills"))


def test_days_added_later_make_the_same_database_as_one_simulation(tmp_path):
    first = date(2026, 2, 27)
    simulate(tmp_path / "whole", matches=8, seed=3, first_day=first, days=4)
    simulate(tmp_path / "grown", matches=4, seed=3, first_day=first, days=2)
    for day in (2, 3):
        append_days(tmp_path / "grown", matches=2, seed=3, first_day=first + timedelta(days=day))
    assert content(tmp_path / "whole") == content(tmp_path / "grown")


def test_a_match_does_not_depend_on_what_is_played_beside_it(tmp_path, monkeypatch):
    simulate(tmp_path / "together", matches=5, days=3)
    monkeypatch.setattr("cs2_pipeline.demodb.simulator.simulation._BATCH", 2)
    simulate(tmp_path / "apart", matches=5, days=3)
    assert content(tmp_path / "together") == content(tmp_path / "apart")


def test_the_database_has_the_tables_and_columns_of_demo_lens(database):
    connection = sqlite3.connect(database.path)
    for table in tables.METADATA.sorted_tables:
        columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table.name}")')]
        assert columns == [column.name for column in table.columns]
        indexes = {row[1] for row in connection.execute(f'PRAGMA index_list("{table.name}")')}
        assert {index.name for index in table.indexes} <= indexes
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_matches_spread_over_the_days_at_different_hours(tmp_path):
    simulate(tmp_path / "demos", matches=40, days=10, first_day=date(2026, 3, 1))
    starts = [datetime.fromisoformat(row[4]) for row in content(tmp_path / "demos")["Matches"]]
    days = [start.date() for start in starts]
    assert sorted(set(days)) == [date(2026, 3, 1) + timedelta(days=n) for n in range(10)]
    assert all(days.count(day) == 4 for day in set(days))
    assert starts == sorted(starts)
    assert len({start.hour for start in starts}) > 5


def test_no_team_plays_twice_at_once(tmp_path):
    simulate(tmp_path / "demos", matches=12, days=1, teams=24)
    players = [row[4] for row in content(tmp_path / "demos")["Players"] if row[4]]
    assert len(players) == 120
    assert len(set(players)) >= 110


def test_a_demo_is_parsed_after_its_match_ended(database):
    demos, matches = database["DemoFiles"], database["Matches"]
    assert (demos.ParsedAt.to_numpy() > matches.EndTime.to_numpy()).all()
    assert (matches.EndTime > matches.StartTime).all()


def test_all_four_tiers_occur_and_a_player_keeps_his_strength(tmp_path):
    simulate(tmp_path / "demos", matches=120, seed=2, teams=20)
    connection = sqlite3.connect(tmp_path / "demos")
    lines = connection.execute(
        "SELECT p.SteamId, s.Kills, s.Deaths FROM PlayerMatchStats s JOIN Players p ON p.Id = s.PlayerId ORDER BY s.Id"
    ).fetchall()
    connection.close()
    careers: dict[int, list[tuple[int, int]]] = {}
    for steam_id, kills, deaths in lines:
        careers.setdefault(steam_id, []).append((kills, deaths))
    long = [np.array(career) for career in careers.values() if len(career) >= 6]
    ratios = [player.kd_ratio(*career.sum(axis=0)) for career in long]
    assert set(map(player.tier_of, ratios)) == {0, 1, 2, 3}
    early = [player.kd_ratio(*career[: len(career) // 2].sum(axis=0)) for career in long]
    late = [player.kd_ratio(*career[len(career) // 2 :].sum(axis=0)) for career in long]
    assert np.corrcoef(early, late)[0, 1] > 0.5


def test_equal_players_differ_by_luck_alone(tmp_path):
    simulate(tmp_path / "equal", matches=80, seed=2, teams=14, equal_skill=True)
    connection = sqlite3.connect(tmp_path / "equal")
    ratios = connection.execute(
        "SELECT 1.0 * SUM(s.Kills) / SUM(s.Deaths) FROM PlayerMatchStats s JOIN Players p ON p.Id = s.PlayerId"
        " GROUP BY p.SteamId HAVING COUNT(*) >= 8"
    ).fetchall()
    connection.close()
    assert np.std([ratio for (ratio,) in ratios]) < 0.15


PATCHES = [
    ({"t_rifle_edge": 0.5}, 'SELECT AVG("WinnerTeam" = \'CT\') FROM "Rounds"', -1),
    ({"ct_edge": 0.4}, 'SELECT AVG("WinnerTeam" = \'CT\') FROM "Rounds"', 1),
    ({"round_time": 90.0}, 'SELECT AVG("Duration") FROM "Rounds"', -1),
    ({"loss_reward_change": -1_000}, 'SELECT AVG("CTStartMoney") FROM "Rounds"', -1),
    ({"kill_reward_scale": 3.0}, 'SELECT AVG("CTStartMoney") FROM "Rounds"', 1),
    ({"duel_rate": 0.1}, 'SELECT 1.0 * (SELECT COUNT(*) FROM "Kills") / COUNT(*) FROM "Rounds"', -1),
]


@pytest.mark.parametrize(("change", "query", "sign"), PATCHES, ids=[next(iter(patch[0])) for patch in PATCHES])
def test_a_patch_of_the_game_shows_in_its_figures(tmp_path, database, change, query, sign):
    simulate(tmp_path / "patched", matches=80, seed=5, days=12, teams=16, model=replace(GameModel(), **change))
    difference = figure(tmp_path / "patched", query) - figure(database.path, query)
    assert difference * sign > 0.02


def test_progress_is_told_to_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("cs2_pipeline.demodb.simulator.simulation._BATCH", 2)
    seen = []
    report = simulate(tmp_path / "demos", matches=5, days=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert report.rows == {name: len(rows) for name, rows in content(tmp_path / "demos").items()}
    assert (report.matches, report.first_day, report.last_day) == (5, date(2026, 1, 1), date(2026, 1, 2))


@pytest.mark.parametrize(("argument", "value"), [("matches", 0), ("matches", -3), ("days", 0), ("teams", 1)])
def test_an_argument_that_makes_no_sense_is_named(tmp_path, argument, value):
    with pytest.raises(SimulationError, match=f"{argument} must be at least"):
        simulate(tmp_path / "demos", **{"matches": 1, argument: value})
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_unless_overwriting_is_asked_for(tmp_path):
    path = tmp_path / "demos"
    path.write_text("precious")
    with pytest.raises(SimulationError, match="exists"):
        simulate(path, matches=1, days=1)
    assert path.read_text() == "precious"
    simulate(path, matches=1, days=1, overwrite=True)
    assert len(content(path)["Matches"]) == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(SimulationError, match="writable folder"):
        simulate(blocked / "demos", matches=1, days=1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SimulationError, match="writable folder"):
        simulate(tmp_path / "demos", matches=1, days=1)


def test_a_simulation_that_breaks_off_leaves_nothing(tmp_path):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "demos", matches=2, days=1, equal_skill=True, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_days_that_break_off_are_not_added(tmp_path, monkeypatch):
    path = tmp_path / "demos"
    simulate(path, matches=2, days=1)
    before, insert = content(path), writer.insert

    def fail_late(connection, name, rows):
        if name == "Kills":
            raise sqlite3.OperationalError("disk full")
        return insert(connection, name, rows)

    monkeypatch.setattr(writer, "insert", fail_late)
    with pytest.raises(SimulationError, match=r"disk full.*Nothing was added"):
        append_days(path, matches=2, first_day=date(2026, 1, 2))
    assert content(path) == before


def test_days_can_only_be_added_after_the_last(tmp_path):
    path = tmp_path / "demos"
    with pytest.raises(SimulationError, match="simulate one first"):
        append_days(path, matches=1, first_day=date(2026, 1, 2))
    simulate(path, matches=2, days=2)
    with pytest.raises(SimulationError, match="up to 2026-01-02"):
        append_days(path, matches=1, first_day=date(2026, 1, 2))


def test_adding_to_what_is_no_demo_database_is_refused(tmp_path):
    path = tmp_path / "demos"
    path.write_bytes(b"x" * 5_000)
    with pytest.raises(SimulationError, match="cannot add days"):
        append_days(path, matches=1, first_day=date(2026, 1, 2))


def test_a_patched_game_cannot_grow_under_another_games_truth(tmp_path):
    path = tmp_path / "demos.sqlite"
    simulate(path, matches=1, days=1, equal_skill=True)
    patched = replace(GameModel(), ct_edge=0.5)
    with pytest.raises(SimulationError, match="truth of another game"):
        append_days(path, matches=1, first_day=date(2026, 1, 2), equal_skill=True, model=patched)
    append_days(path, matches=1, first_day=date(2026, 1, 2), equal_skill=True)


def test_a_database_made_anew_without_equal_skill_keeps_no_old_truth(tmp_path):
    path = tmp_path / "demos.sqlite"
    simulate(path, matches=1, days=1, equal_skill=True)
    simulate(path, matches=1, days=1, overwrite=True)
    assert not truth_path(path).exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"round_time": 60.0}, "round_time"), ({"duel_rate": -1.0}, "duel_rate"), ({"map_edges": {}}, "map_edges"),
        ({"ct_edge": float("nan")}, "ct_edge"), ({"full_cap": (9_000, 5_000)}, "full_cap"),
    ],
)  # fmt: skip
def test_a_game_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=f"GameModel.{message}"):
        GameModel(**change)


def test_the_defaults_are_the_rules_of_the_game():
    model = GameModel()
    assert (model.round_time, model.win_reward, model.plant_bonus) == (
        rules.ROUND_TIME, rules.WIN_REWARD, rules.PLANT_BONUS,
    )  # fmt: skip
    assert GameModel.from_json(model.to_json()) == model


SEASON = {
    "DemoFiles": {"TotalTicks": 9_927_738},
    "Matches": {"TotalRounds": 1_657, "CTScore": 803, "CTScoreFirstHalf": 512},
    "Players": {"Rank": 7_790},
    "Rounds": {"EndTick": 113_050_013, "CTScore": 9_199, "CTLivePlayers": 3_378, "TLivePlayers": 2_790,
               "CTStartMoney": 39_277_400, "TStartMoney": 40_154_750, "CTEquipmentValue": 33_230_250,
               "TEquipmentValue": 31_670_500, "BombPlanted": 815, "BombSite": 401},
    "PlayerRoundStats": {"Damage": 1_161_244, "UtilityDamage": 29_428, "MoneySpent": 39_207_250, "Armor": 1_169_045,
                         "EndMoney": 87_909_000, "ShotsFired": 130_088, "KAST": 9_487, "MVP": 1_657,
                         "FlashAssists": 388, "EnemiesFlashed": 11_931, "SurvivalTime": 788_811.227,
                         "ClutchSize": 5_643},
    "PlayerMatchStats": {"HeadshotKills": 4_017, "TradeDeaths": 562, "Score": 23_471, "ClutchWins1v1": 66},
    "Kills": {"Tick": 691_093_081, "IsHeadshot": 4_017, "IsWallbang": 312, "IsTradeKill": 549, "Distance": 169_349.291,
              "AssisterId": 442_794},
    "Bombs": {"Tick": 92_711_519, "PlayerId": 635_039},
    "Damages": {"Tick": 1_632_837_794, "AttackerId": 11_055_636, "VictimId": 11_059_277, "DamageAmount": 1_161_244,
                "DamageArmor": 229_455, "Health": 915_224},
}  # fmt: skip
"""Sums over the 80 matches of the tests' database."""


@pytest.mark.parametrize("table", SEASON)
def test_a_seed_makes_the_same_season_in_every_version(database, table):
    """Days that a later version adds must follow on from what an earlier one made. Whoever changes the game by
    intention changes these sums, and databases made before have to be made anew."""
    rows = database[table]
    assert {name: float(rows[name].sum()) for name in SEASON[table]} == pytest.approx(SEASON[table], rel=1e-8)


def test_a_seed_gives_the_same_people_and_ends_in_every_version(database):
    players, kills, demos = database["Players"], database["Kills"], database["DemoFiles"]
    people = players[["PlayerName", "ClanTag", "SteamId"]].iloc[[0, 5, -2]]
    assert people.to_numpy().tolist() == [
        ["drineno15", "Team 1", 76561198588664326], ["fyfyren31", "Team 15", 76561198490570579],
        ["Renzusha", "Team 2", 76561198856266047],
    ]  # fmt: skip
    assert demos.ParsedAt.iloc[[0, -1]].tolist() == ["2026-01-01 10:42:10.453125", "2026-01-12 21:30:07.953125"]
    assert database["Rounds"].EndReason.value_counts().to_dict() == {
        "TerroristWin": 554, "CTWin": 534, "BombDefused": 329, "TargetBombed": 233, "TargetSaved": 7,
    }  # fmt: skip
    weapons = kills.Weapon.value_counts()
    assert weapons[["ak47", "awp", "glock", "mp7", "hegrenade"]].tolist() == [2_413, 1_752, 933, 110, 130]
    assert kills.HitGroup.value_counts().tolist() == [4_017, 2_095, 1_087, 946, 824, 736, 697]


def defaults(function):
    """What a function does unless it is told otherwise."""
    parameters = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in parameters if one.default not in (inspect.Parameter.empty, None)}


def test_unless_told_otherwise_400_matches_of_80_teams_are_played_in_60_days_from_new_year_2026():
    assert defaults(simulate) == {
        "matches": 400, "seed": 0, "equal_skill": False, "first_day": date(2026, 1, 1), "days": 60, "teams": 80,
        "true_matches": 0, "overwrite": False,
    }  # fmt: skip
    assert defaults(append_days) == {"days": 1, "seed": 0, "equal_skill": False, "teams": 80}
