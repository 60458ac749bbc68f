"""Plays: the events of live rounds by SteamID; what a source did not record is null."""

import pytest

from cs2_pipeline.coaching.counterstrike.observations import observations
from cs2_pipeline.coaching.counterstrike.skills import SKILLS
from cs2_pipeline.coaching.observed import checked
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.plays import BOT, plays
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
