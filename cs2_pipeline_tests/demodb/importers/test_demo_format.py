"""A zip in cs2-demo-format, list by list: every value in its place, and what such an archive must have."""

import json
from datetime import datetime

import pytest

from cs2_pipeline.demodb.importers import demo_format
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError

LISTS = {
    "manifest": {"schemaVersion": "cs2-demo-format/3.1", "tickrate": 128,
                 "demo": {"hash": "ab12", "sourceFileName": "one-vs-two.dem"}},
    "match": {"mapName": "de_nuke", "serverName": "a server", "date": "2026-03-09T18:00:00Z", "maxRounds": 30},
    "players": [{"steamId64": "101", "name": "ann", "teamKey": "teamA"},
                {"steamId64": "202", "name": "bob", "teamKey": "teamB"}],
    "rounds": [
        {"roundNumber": 1, "startTick": 100, "freezeEndTick": 200, "endTick": 900, "teamASide": "CT",
         "teamBSide": "t", "winnerSide": "ct", "endReason": "target_saved"},
        {"roundNumber": 2, "startTick": 1000, "freezeEndTick": 1100, "endTick": 1900, "teamASide": "t",
         "teamBSide": "ct", "winnerSide": "T", "endReason": "t_win"},
    ],
    "player-economies": [{"roundNumber": 2, "playerIndex": 0, "startMoney": 800, "moneySpent": 650,
                          "equipmentValue": 850, "hasHelmet": True, "hasDefuseKit": False}],
    "kills": [{"roundNumber": 1, "tick": 300, "killerIndex": 1, "victimIndex": 0, "assisterIndex": None,
               "weapon": "ak47", "headshot": True, "penetratedObjects": 2, "flashAssist": False},
              {"roundNumber": 2, "tick": 1300, "killerIndex": None, "victimIndex": 1, "assisterIndex": 0,
               "weapon": "world", "headshot": False, "penetratedObjects": 0, "flashAssist": True}],
    "damages": [],
    "bombs": [],
}  # fmt: skip


def files(**changes):
    return {f"{name}.json": json.dumps(content).encode() for name, content in (LISTS | changes).items()}


def rows(frame):
    return frame.astype(object).where(frame.notna(), None).to_numpy().tolist()


def hit(tick, damage, *, victim=0, number=1, raw=None, **more):
    return {"roundNumber": number, "tick": tick, "attackerIndex": 1, "victimIndex": victim, "weapon": "awp",
            "healthDamage": damage, "healthDamageRaw": damage if raw is None else raw, "armorDamage": 7,
            "victimHealthBefore": 100, "victimArmorAfter": 93} | more  # fmt: skip


def test_the_match_is_told_by_manifest_and_match():
    found = demo_format.read(files())
    assert (found.keys, found.name, found.source, found.game) == (("ab12",), "one-vs-two", "cs2-demo-format", "cs2")
    assert (found.map_name, found.server_name, found.started) == ("de_nuke", "a server", datetime(2026, 3, 9, 18))
    assert (found.tick_rate, found.last_tick, found.max_rounds) == (128.0, 1_900, 30)


def test_what_is_not_said_is_the_usual():
    manifest = LISTS["manifest"] | {"tickrate": None, "demo": {"hash": "ab12"}}
    found = demo_format.read(files(manifest=manifest, match={}, rounds=[], kills=[], **{"player-economies": []}))
    assert (found.tick_rate, found.last_tick, found.max_rounds, found.name) == (64.0, 0, 24, "")
    assert (found.map_name, found.server_name, found.started) == (None, None, None)


@pytest.mark.parametrize(
    ("said", "reason"),
    [("target_bombed", 1), ("bomb_defused", 7), ("ct_win", 8), ("t_win", 9), ("target_saved", 12), ("time", 12),
     ("something new", "something new")],
)  # fmt: skip
def test_ends_of_rounds_have_the_games_numbers(said, reason):
    one = LISTS["rounds"][0] | {"endReason": said}
    assert rows(demo_format.read(files(rounds=[one])).rounds) == [[1, 100, 200, 900, "CT", reason]]


def test_people_are_told_by_their_place_and_their_side_by_the_round():
    found = demo_format.read(files())
    assert rows(found.economies) == [[2, 101, "ann", "T", 800, 650, 850, True, False]]
    assert rows(found.kills) == [
        [1, 300, 202, "bob", "T", 101, "ann", "CT", 0, "ak47", True, 2, False, None],
        [2, 1300, 0, None, None, 202, "bob", "CT", 101, "world", False, 0, True, None],
    ]
    names = ["round", "tick", "attacker_steamid", "attacker_name", "attacker_side", "user_steamid", "user_name"]
    assert list(found.kills)[:7] == names
    assert list(found.economies)[-3:] == ["equipment_value", "has_helmet", "has_defuser"]


def test_a_hit_takes_from_a_hundred_in_the_order_of_time_and_none_before_the_round_is_live():
    damages = [hit(600, 40), hit(199, 88), hit(200, 70), hit(700, 5, victim=1), hit(1_200, 150, number=2, raw=150)]
    found = demo_format.read(files(damages=damages)).hits
    assert rows(found) == [
        [1, 200, 202, "T", 101, "CT", "awp", 70, 7, 30, 93, None],
        [1, 600, 202, "T", 101, "CT", "awp", 30, 7, 0, 93, None],
        [1, 700, 202, "T", 202, "T", "awp", 5, 7, 95, 93, None],
        [2, 1200, 202, "CT", 101, "T", "awp", 100, 7, 0, 93, None],
    ]


def test_of_the_bomb_only_what_is_done_at_a_site_is_imported():
    done = ["dropped", "plant_begin", "planted", "defuse_begin", "defused", "exploded", "picked_up"]
    bombs = [{"type": kind, "roundNumber": 1, "tick": 300 + n, "actorIndex": 1, "site": "b"}
             for n, kind in enumerate(done)]  # fmt: skip
    assert rows(demo_format.read(files(bombs=bombs)).bombs) == [
        ["bomb_beginplant", 1, 301, 202, "B"], ["bomb_planted", 1, 302, 202, "B"],
        ["bomb_begindefuse", 1, 303, 202, "B"], ["bomb_defused", 1, 304, 202, "B"],
        ["bomb_exploded", 1, 305, 202, "B"],
    ]  # fmt: skip


@pytest.mark.parametrize("absent", sorted(LISTS))
def test_an_archive_without_one_of_its_files_is_refused_by_its_name(absent):
    content = files()
    del content[f"{absent}.json"]
    with pytest.raises(UnreadableDemoError, match=rf"the archive has no {absent}\.json"):
        demo_format.read(content)


def test_a_broken_list_and_another_schema_are_refused_by_name():
    with pytest.raises(UnreadableDemoError, match=r"kills\.json is truncated or not JSON"):
        demo_format.read(files() | {"kills.json": b"[{"})
    with pytest.raises(UnreadableDemoError, match=r"schema 'cs2-demo-format/4' is not known; cs2-demo-format/3 is"):
        demo_format.read(files(manifest=LISTS["manifest"] | {"schemaVersion": "cs2-demo-format/4"}))
