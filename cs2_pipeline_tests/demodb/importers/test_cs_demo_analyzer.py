"""The JSON of cs-demo-analyzer, part by part: every value in its place, and what such an export must have."""

import gzip
import json
from datetime import datetime

import pytest

from cs2_pipeline.demodb.importers import cs_demo_analyzer
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError

ROUND = {"number": 1, "startTick": 100, "freezeTimeEndTick": 200, "endTick": 900, "winnerSide": 3, "endReason": 12}
ECONOMY = {"roundNumber": 1, "steamId": 101, "name": "ann", "playerSide": 3, "startMoney": 800, "moneySpent": 650,
           "equipmentValue": 850}  # fmt: skip
KILL = {"roundNumber": 1, "tick": 300, "killerSteamId": 202, "killerName": "bob", "killerSide": 2,
        "victimSteamId": 101, "victimName": "ann", "victimSide": 3, "assisterSteamId": 303, "weaponName": "AK-47",
        "isHeadshot": True, "penetratedObjects": 2, "isAssistedFlash": False, "distance": 7.5}  # fmt: skip
HIT = {"roundNumber": 1, "tick": 300, "attackerSteamId": 202, "attackerSide": 2, "victimSteamId": 101,
       "victimSide": 3, "weaponName": "AK-47", "healthDamage": 40, "armorDamage": 6, "victimNewHealth": 60,
       "victimNewArmor": 94, "hitgroup": 4}  # fmt: skip
BUY = {"roundNumber": 1, "tick": 120, "playerSteamId": 101, "playerSide": 3, "weaponName": "Defuse Kit"}
EXPORT = {
    "checksum": "AB12", "game": "CS2", "demoFileName": "one-vs-two", "mapName": "de_nuke",
    "date": "2026-03-09T18:00:00Z", "tickrate": 128, "tickCount": 5_000, "maxRounds": 30, "serverName": "a server",
    "rounds": [ROUND], "playerEconomies": [ECONOMY], "kills": [KILL], "damages": [HIT], "playersBuy": [BUY],
}  # fmt: skip


def read(**changes):
    return cs_demo_analyzer.read(json.dumps(EXPORT | changes).encode())


def rows(frame):
    return frame.astype(object).where(frame.notna(), None).to_numpy().tolist()


def test_the_match_is_told_by_the_exports_own_fields():
    found = read()
    assert (found.keys, found.name, found.source) == (("demo:ab12",), "one-vs-two", "cs-demo-analyzer")
    assert (found.game, found.map_name, found.server_name) == ("cs2", "de_nuke", "a server")
    assert found.started == datetime(2026, 3, 9, 18)
    assert (found.tick_rate, found.last_tick, found.max_rounds) == (128.0, 5_000, 30)


def test_what_is_blank_is_unknown_or_the_usual():
    blank = dict.fromkeys(("demoFileName", "date", "serverName"), "") | {"mapName": ""}
    found = read(**blank, tickrate=None, tickCount=None, maxRounds=0)
    assert (found.name, found.started, found.server_name, found.map_name) == ("", None, None, None)
    assert (found.tick_rate, found.last_tick, found.max_rounds) == (0.0, 0, 24)


def test_every_value_stands_under_our_name():
    other = ECONOMY | {"roundNumber": 2, "steamId": 202}
    found = read(rounds=[ROUND, ROUND | {"number": 2, "winnerSide": 2}], playerEconomies=[ECONOMY, other])
    assert rows(found.rounds) == [[1, 100, 200, 900, "CT", 12], [2, 100, 200, 900, "T", 12]]
    assert rows(found.economies) == [
        [1, 101, "ann", "CT", 800, 650, 850], [2, 202, "ann", "CT", None, None, None],
    ], "money of the last round is written when it is over"  # fmt: skip
    assert rows(found.kills) == [
        [1, 300, 202, "bob", "T", 101, "ann", "CT", 303, "AK-47", True, 2, False, 7.5],
    ]
    assert rows(found.hits) == [[1, 300, 202, "T", 101, "CT", "AK-47", 40, 6, 60, 94, 4]]
    assert rows(found.buys) == [[1, 120, 101, "CT", "Defuse Kit"]]


def test_what_was_given_back_was_not_bought_and_an_export_without_buys_does_not_know():
    bought = [BUY | {"hasRefunded": True}, BUY | {"hasRefunded": False, "tick": 130}]
    assert read(playersBuy=bought).buys["tick"].tolist() == [130]
    assert len(read(playersBuy=None).buys) == 0
    without = {name: value for name, value in EXPORT.items() if name != "playersBuy"}
    assert cs_demo_analyzer.read(json.dumps(without).encode()).buys is None


def test_the_bomb_is_told_with_who_did_it_under_any_of_the_exporters_names():
    at = {"roundNumber": 1, "site": "B"}
    bombs = read(
        bombsPlantStart=[at | {"tick": 301, "defuserSteamId": 202}], bombsPlanted=[at | {"tick": 302,
        "planterSteamId": 202}], bombsDefuseStart=[at | {"tick": 303, "defuserSteamId": 101}],
        bombsDefused=[at | {"tick": 304, "defuserSteamId": 101}],
        bombsExploded=[at | {"tick": 305, "planterSteamId": 0, "defuserSteamId": 202}, {"tick": 306}],
    ).bombs  # fmt: skip
    assert rows(bombs) == [
        ["bomb_beginplant", 1, 301, 202, "B"], ["bomb_planted", 1, 302, 202, "B"],
        ["bomb_begindefuse", 1, 303, 101, "B"], ["bomb_defused", 1, 304, 101, "B"],
        ["bomb_exploded", 1, 305, 202, "B"], ["bomb_exploded", None, 306, 0, None],
    ]  # fmt: skip
    assert list(bombs) == ["event", "round", "tick", "user_steamid", "site"]


def test_shots_and_flashes_are_events_of_their_own():
    found = read(
        shots=[{"tick": 5, "playerSteamId": 101, "weaponName": "AWP"}],
        playersFlashed=[{"tick": 6, "flasherSteamId": 202, "flashedSteamId": 101}],
    ).others
    assert found["weapon_fire"].to_dict("records") == [{"tick": 5, "user_steamid": 101, "weapon": "AWP"}]
    assert found["player_blind"].to_dict("records") == [{"tick": 6, "attacker_steamid": 202, "user_steamid": 101}]
    assert {name: len(frame) for name, frame in read().others.items()} == {"weapon_fire": 0, "player_blind": 0}


def test_an_empty_list_may_be_null_and_the_file_gzipped():
    found = cs_demo_analyzer.read(gzip.compress(json.dumps(EXPORT | {"kills": None, "damages": None}).encode()))
    assert (len(found.kills), len(found.hits), len(found.rounds)) == (0, 0, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(b"{}", mtime=0)[:-6], "truncated: the gzip file breaks off"), (b'{"a"', "truncated or not JSON"),
        (b"[" * 100_000, "truncated or not JSON"), (b"[]", "it has no checksum, mapName, rounds, kills"),
        (json.dumps({name: 1 for name in EXPORT if name != "damages"}).encode(), "it has no damages$"),
        (json.dumps(EXPORT | {"game": "CS1"}).encode(), "a match of 'CS1'"),
        (json.dumps(EXPORT | {"kills": [{"roundNumber": 1}]}).encode(), "a row of the export has no tick"),
    ],
)  # fmt: skip
def test_what_is_no_export_is_refused_with_the_reason(content, said):
    with pytest.raises(UnreadableDemoError, match=said):
        cs_demo_analyzer.read(content)


def test_both_games_are_read():
    assert [read(game=game).game for game in ("CS2", "CSGO")] == ["cs2", "csgo"]
