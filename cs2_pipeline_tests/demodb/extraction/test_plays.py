"""Plays: the events of live rounds by SteamID; what a source did not record is null."""

import pandas as pd
import pytest

from cs2_pipeline.coaching.counterstrike.observations import observations
from cs2_pipeline.coaching.counterstrike.skills import SKILLS
from cs2_pipeline.coaching.observed import checked
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.plays import BOT, RECORDED, plays
from cs2_pipeline_tests.demodb.small_database import NOON, STEAM_IDS, SmallDatabase


@pytest.fixture
def small():
    return SmallDatabase()


def of(small, folder):
    with DemoDatabase(small.write(folder / "demos.sqlite")) as db:
        return plays(db, NOON.date(), NOON.date())


def test_players_are_named_by_steam_id_and_events_belong_to_live_rounds(small, tmp_path):
    found = of(small, tmp_path)
    assert found.rounds["round_id"].tolist() == [1, 2, 3]
    assert set(found.people["player"]) == {str(one) for one in STEAM_IDS.values()}
    assert len(found.people) == 12
    assert set(found.kills["victim"]) <= set(found.people["player"])
    assert "planted" in set(found.bombs["event"])
    assert list(found.bombs) == ["round_id", "tick", "player", "event"]
    assert list(found.kills) == ["round_id", "tick", "killer", "victim", "headshot"]
    for table in (found.rounds, found.people, found.kills, found.bombs):
        assert table.index.tolist() == list(range(len(table)))


def test_a_bot_has_no_steam_id_and_is_told_apart(small, tmp_path):
    small.row("Players", 2).update(IsBot=True, SteamId=0)
    names = set(of(small, tmp_path).people["player"])
    assert f"{BOT}2" in names
    assert len(names) == 4


def test_who_reconnects_is_one_player(small, tmp_path):
    again = small.add("Players", **{**small.row("Players", 1), "Id": 9, "PlayerName": "other name"})
    for row in small.table("PlayerRoundStats"):
        if row["PlayerId"] == 1 and row["RoundId"] == 3:
            row["PlayerId"] = again["Id"]
    people = of(small, tmp_path).people
    assert people["player"].nunique() == 4
    assert (people["player"] == str(STEAM_IDS[1])).sum() == 3


def test_a_column_that_was_never_written_in_a_match_is_not_recorded(small, tmp_path):
    assert of(small, tmp_path).people["utility_damage"].isna().all()
    small.table("PlayerRoundStats")[0]["UtilityDamage"] = 12
    (tmp_path / "demos.sqlite").unlink()
    written = of(small, tmp_path).people["utility_damage"]
    assert written.sum() == 12
    assert written.notna().all()


def test_hits_are_missing_in_a_match_without_any(small, tmp_path):
    small.table("Damages").clear()
    assert of(small, tmp_path).people["damage"].isna().all()


def test_plays_become_observations(small, tmp_path):
    found = of(small, tmp_path)
    seen = checked(observations(found.rounds, found.people, found.kills, found.bombs), SKILLS)
    assert {"opening_won", "survival", "plants"} <= set(seen["skill"])
    assert seen["player"].nunique() == 4


def records(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


ONE, TWO, THREE, FOUR = (str(STEAM_IDS[number]) for number in range(1, 5))
UNKNOWN = dict.fromkeys(RECORDED)


def test_everything_of_a_small_match(small, tmp_path):
    small.row("Players", 1)["Rank"] = 15
    small.row("Kills", 1)["IsHeadshot"] = True
    small.row("Damages", 1)["Health"], small.row("Damages", 1)["DamageAmount"] = 40, 60
    small.row("Bombs", 1)["EventType"] = " Bomb_Planted"
    found = of(small, tmp_path)
    noon = pd.Timestamp(NOON, tz="UTC")
    assert records(found.rounds) == [
        {"match_id": 1, "round_id": number, "at": noon, "started_at": noon, "tick_rate": 64,
         "ct_wins": int(number == 1), "map_name": "de_mirage"} for number in (1, 2, 3)
    ]  # fmt: skip
    assert records(found.people[found.people["round_id"] < 3]) == [
        {"round_id": number, "player": who, "side": side, "rank": 15.0 if who == ONE else 0.0,
         "damage": {(1, ONE): 60.0, (2, THREE): 100.0}.get((number, who), 0.0)} | UNKNOWN
        for number in (1, 2) for who, side in ((ONE, "CT"), (TWO, "CT"), (THREE, "T"), (FOUR, "T"))
    ]  # fmt: skip
    assert records(found.kills) == [
        {"round_id": 1, "tick": 13_000, "killer": ONE, "victim": THREE, "headshot": True},
        {"round_id": 2, "tick": 23_000, "killer": THREE, "victim": ONE, "headshot": False},
        {"round_id": 3, "tick": 33_000, "killer": THREE, "victim": ONE, "headshot": False},
    ]
    assert records(found.bombs) == [
        {"round_id": 2, "tick": 23_440, "player": THREE, "event": "planted"},
        {"round_id": 2, "tick": 26_000, "player": None, "event": "exploded"},
    ]
    assert found.names.to_dict() == {1: ONE, 2: TWO, 3: THREE, 4: FOUR}
    assert (found.left_out, found.mapped, len(found.refused)) == ({}, {}, 0)


def test_kills_are_in_the_order_of_play_and_nobody_dies_twice_in_a_round(small, tmp_path):
    kill = small.row("Kills", 1)
    for number, tick, victim in ((7, 12_000, 4), (8, 13_500, 3), (9, 14_000, 4)):
        small.table("Kills").append(kill | {"Id": number, "Tick": tick, "VictimId": victim})
    small.table("Kills").append(kill | {"Id": 10, "Tick": 14_500, "VictimId": 2, "KillerId": None})
    kills = of(small, tmp_path).kills
    assert kills.loc[kills["round_id"] == 1, ["tick", "victim"]].to_numpy().tolist() == [
        [12_000, FOUR], [13_000, THREE], [14_500, TWO],
    ]  # fmt: skip
    assert kills.loc[kills["tick"] == 14_500, "killer"].isna().all(), "the world killed"


def test_hits_and_records_missing_in_one_match_say_nothing_of_another(small, tmp_path):
    small.add_match(2, NOON)
    small.rows["Damages"] = [row for row in small.table("Damages") if row["RoundId"] <= 3]
    small.table("PlayerRoundStats")[0]["ShotsFired"] = 7
    found = of(small, tmp_path)
    match = found.people["round_id"].map(found.rounds.set_index("round_id")["match_id"])
    assert found.people["damage"].notna().groupby(match).all().to_dict() == {1: True, 2: False}
    assert found.people["shots_fired"].notna().groupby(match).all().to_dict() == {1: True, 2: False}
    assert found.people["shots_fired"].sum() == 7
    assert found.people["shots_hit"].isna().all()
