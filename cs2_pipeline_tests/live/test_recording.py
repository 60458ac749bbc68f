"""A live match as an export: every list of it, value by value, and what is no training data."""

import pytest

from cs2_pipeline.live.recording import NotRecordableError, exported
from cs2_pipeline_tests.live.made import BEGAN, Feed, read, uid

BASE = 76561197960265728
CT, T = ([f"STEAM_1:0:{team + number}" for number in range(5)] for team in (0, 100))
IDS = {who: str(BASE + 2 * int(who.rpartition(":")[2])) for who in CT + T}


def equip(feed, *, money=800, value=1_000.0, after=0.0):
    for team, players in (("A", CT), ("B", T)):
        for who in players:
            feed.say(
                "player_equipment", after, player_id=who, player_team=team, money=money, equipment_value=value
            )  # fmt: skip


def begin(feed, number, *, side="CT", a=0, b=0):
    feed.round = number
    other = "T" if side == "CT" else "CT"
    feed.say("round_start", 1.0, team_a_score=a, team_b_score=b, team_a_side=side, team_b_side=other)
    equip(feed)
    feed.say("freeze_time_ended", 15.0)


def end(feed, winner, reason="elimination", a=1, b=0):
    feed.say("round_end", 1.0, winner_team=winner, win_reason=reason, team_a_score=a, team_b_score=b)


def kill(feed, killer, victim, team="A", **more):
    feed.say("kill", 2.0, killer_player_id=killer, killer_team=team, victim_player_id=victim, weapon="ak47",
             is_headshot=True, **more)  # fmt: skip


def hurt(feed, attacker, victim, team="B", other="A", **more):
    feed.say("player_hurt", 1.0, attacker_player_id=attacker, attacker_team=team, victim_player_id=victim,
             victim_team=other, damage=27.0, weapon="awp", **more)  # fmt: skip


@pytest.fixture
def feed():
    found = Feed()
    found.say("map_start", 0.0, map_name="de_mirage", map_number=1)
    return found


def document(feed):
    (found,) = exported(uid("one"), read(feed.events))
    return found


def test_a_map_is_told_with_its_name_day_and_clock(feed) -> None:
    begin(feed, 1)
    end(feed, "A")
    found = document(feed)
    lists = {"rounds", "kills", "damages", "playerEconomies", "bombsPlanted", "bombsDefused", "bombsExploded"}
    key = f"live-{uid('one')}-{uid('one', 1)}"
    assert {name: value for name, value in found.items() if name not in lists} == {
        "checksum": key, "demoFileName": key, "game": "CS2", "mapName": "de_mirage", "tickrate": 64,
        "date": "2026-01-18T12:00:00+00:00", "tickCount": 17 * 64, "maxRounds": 24, "serverName": "live",
    }  # fmt: skip
    assert BEGAN == 1_768_737_600.0
    assert found["rounds"] == [
        {"number": 1, "startTick": 64, "freezeTimeEndTick": 16 * 64, "endTick": 17 * 64, "winnerSide": 3,
         "endReason": 8}
    ]  # fmt: skip
    assert found["playerEconomies"][0] == {
        "roundNumber": 1, "steamId": IDS[CT[0]], "name": CT[0], "playerSide": 3, "startMoney": 800, "moneySpent": 0,
        "equipmentValue": 1_000,
    }  # fmt: skip
    assert [row["playerSide"] for row in found["playerEconomies"]] == [3] * 5 + [2] * 5


@pytest.mark.parametrize(
    ("winner", "reason", "side", "number"),
    [("A", "elimination", 3, 8), ("B", "elimination", 2, 9), ("B", "bomb_exploded", 2, 1),
     ("A", "bomb_defused", 3, 7), ("A", "time_expired", 3, 12)],
)  # fmt: skip
def test_a_rounds_end_has_the_games_own_number(feed, winner, reason, side, number) -> None:
    begin(feed, 1)
    end(feed, winner, reason)
    (told,) = document(feed)["rounds"]
    assert (told["winnerSide"], told["endReason"]) == (side, number)


def test_moments_are_those_of_the_nearest_tick(feed) -> None:
    begin(feed, 1)
    feed.say("bomb_planted", 1.005, player_id=T[0], player_team="B", site="B")
    feed.say("bomb_exploded", 40.01)
    end(feed, "B", "bomb_exploded")
    ticks = [document(feed)[name][0]["tick"] for name in ("bombsPlanted", "bombsExploded")]
    assert ticks == [17 * 64, 57 * 64 + 1] and all(type(tick) is int for tick in ticks)


def test_a_kill_is_told_with_both_sides(feed) -> None:
    begin(feed, 1)
    kill(feed, CT[1], T[2], is_wallbang=True)
    kill(feed, T[0], CT[1], "B", victim_team="A")
    kill(feed, CT[3], CT[4], "A", victim_team="A")
    end(feed, "A")
    first, second, third = document(feed)["kills"]
    assert first == {
        "roundNumber": 1, "tick": 18 * 64, "killerSteamId": IDS[CT[1]], "killerName": CT[1], "killerSide": 3,
        "victimSteamId": IDS[T[2]], "victimName": T[2], "victimSide": 2, "assisterSteamId": "0", "weaponName": "ak47",
        "isHeadshot": True, "penetratedObjects": 1, "isAssistedFlash": False, "distance": 0.0,
    }  # fmt: skip
    assert (second["killerSide"], second["victimSide"], second["penetratedObjects"]) == (2, 3, 0)
    assert (third["killerSide"], third["victimSide"]) == (3, 3), "a team kill stays one"


def test_who_has_no_steam_id_is_nobody(feed) -> None:
    begin(feed, 1)
    kill(feed, "world", T[0], "B", victim_team="B")
    kill(feed, CT[0], "bot Gary")
    hurt(feed, "world", CT[0], victim_health=73)
    hurt(feed, T[1], "bot Otto", victim_health=1)
    feed.say("bomb_planted", 1.0)
    end(feed, "A")
    found = document(feed)
    assert [(row["killerSteamId"], row["victimSteamId"]) for row in found["kills"]] == [("0", IDS[T[0]])]
    assert [(row["attackerSteamId"], row["victimSteamId"]) for row in found["damages"]] == [("0", IDS[CT[0]])]
    assert [(row["planterSteamId"], row["site"]) for row in found["bombsPlanted"]] == [("0", "")]


def test_a_hit_is_told_with_what_the_victim_has_left(feed) -> None:
    begin(feed, 1)
    hurt(feed, T[0], CT[0], victim_health=73, victim_armor=81, damage_armor=19, hitgroup="head")
    hurt(feed, T[0], CT[0], victim_health=46)
    hurt(feed, T[0], CT[0])
    end(feed, "A")
    first, second = document(feed)["damages"]
    assert first == {
        "roundNumber": 1, "tick": 17 * 64, "attackerSteamId": IDS[T[0]], "attackerSide": 2,
        "victimSteamId": IDS[CT[0]], "victimSide": 3, "weaponName": "awp", "healthDamage": 27, "armorDamage": 19,
        "victimNewHealth": 73, "victimNewArmor": 81, "hitgroup": "head",
    }  # fmt: skip
    assert (second["armorDamage"], second["victimNewArmor"], second["hitgroup"]) == (0, 0, "generic")


def test_the_bombs_events_are_told_apart(feed) -> None:
    begin(feed, 1)
    feed.say("bomb_planted", 1.0, player_id=T[0], player_team="B", site="B")
    feed.say("bomb_defused", 20.0, player_id=CT[0], player_team="A")
    end(feed, "A", "bomb_defused")
    begin(feed, 2, a=1)
    feed.say("bomb_exploded", 40.0)
    end(feed, "B", "bomb_exploded", 1, 1)
    found = document(feed)
    assert found["bombsPlanted"] == [{"roundNumber": 1, "tick": 17 * 64, "planterSteamId": IDS[T[0]], "site": "B"}]
    assert found["bombsDefused"] == [{"roundNumber": 1, "tick": 37 * 64, "defuserSteamId": IDS[CT[0]], "site": ""}]
    assert [row["roundNumber"] for row in found["bombsExploded"]] == [2]


def test_equipment_counts_as_last_told_before_anything_happened(feed) -> None:
    begin(feed, 1)
    equip(feed, money=150, value=4_700.9)
    kill(feed, CT[0], T[0])
    equip(feed, money=0, value=0.0)
    end(feed, "A")
    begin(feed, 2, a=1)
    equip(feed, money=2_000, value=5_000.0)
    hurt(feed, T[0], CT[0], victim_health=73)
    equip(feed, money=0, value=0.0)
    end(feed, "A", a=2)
    begin(feed, 3, a=2)
    feed.say("player_equipment", player_id=CT[0], player_team="A", money=9_999)
    feed.say("player_equipment", player_id="bot Gary", player_team="A", money=1, equipment_value=1.0)
    end(feed, "A", a=3)
    told = {(row["roundNumber"], row["steamId"]): (row["startMoney"], row["equipmentValue"])
            for row in document(feed)["playerEconomies"]}  # fmt: skip
    assert [told[number, IDS[CT[0]]] for number in (1, 2, 3)] == [(150, 4_700), (2_000, 5_000), (800, 1_000)]
    assert len(told) == 30


def test_sides_are_those_of_the_round(feed) -> None:
    begin(feed, 12)
    end(feed, "A")
    begin(feed, 13, side="T", a=1)
    kill(feed, CT[0], T[0])
    end(feed, "A", a=2)
    found = document(feed)
    assert [row["winnerSide"] for row in found["rounds"]] == [3, 2]
    assert (found["kills"][0]["killerSide"], found["kills"][0]["victimSide"]) == (2, 3)


def test_a_round_played_again_counts_once(feed) -> None:
    begin(feed, 1)
    end(feed, "B", b=1, a=0)
    begin(feed, 2, b=1)
    end(feed, "B", b=2, a=0)
    begin(feed, 2, b=1)
    end(feed, "A", a=1, b=1)
    found = document(feed)
    assert [(row["number"], row["winnerSide"]) for row in found["rounds"]] == [(1, 2), (2, 3)]
    assert len(found["playerEconomies"]) == 20


def test_what_was_played_before_a_new_start_or_between_rounds_does_not_count(feed) -> None:
    begin(feed, 1)
    kill(feed, CT[0], T[0])
    end(feed, "B")
    feed.say("map_start", 100.0, map_name="de_mirage", map_number=1)
    begin(feed, 1)
    end(feed, "A")
    kill(feed, CT[0], T[0])
    feed.round = 0
    feed.say("round_start", team_a_score=0, team_b_score=0, team_a_side="CT", team_b_side="T")
    end(feed, "B")
    found = document(feed)
    assert [(row["number"], row["startTick"], row["winnerSide"]) for row in found["rounds"]] == [(1, 64, 3)]
    assert found["kills"] == []


def test_each_map_of_a_series_is_an_export(feed) -> None:
    begin(feed, 1)
    end(feed, "A")
    feed.map, feed.round = uid("one", 2), 0
    feed.say("map_start", map_name="de_nuke", map_number=2)
    begin(feed, 1)
    end(feed, "B")
    feed.map, feed.round = uid("one", 3), 0
    feed.say("map_start", map_name="de_train", map_number=3)
    found = exported(uid("one"), read(feed.events))
    assert [(one["mapName"], len(one["rounds"]), one["rounds"][0]["startTick"]) for one in found] == [
        ("de_mirage", 1, 64), ("de_nuke", 1, 64),
    ]  # fmt: skip


@pytest.mark.parametrize("source", ["demo", "simulator"])
def test_a_replay_of_a_demo_database_is_refused(source) -> None:
    feed = Feed(source=source)
    begin(feed, 1)
    end(feed, "A")
    with pytest.raises(NotRecordableError, match="played again from a demo database"):
        exported(uid("one"), read(feed.events))


def test_a_match_without_rounds_or_without_steam_ids_is_refused(feed) -> None:
    with pytest.raises(NotRecordableError, match="no round was played to its end by players with SteamIDs"):
        exported(uid("one"), read(feed.events))
    begin(feed, 1)
    for event in feed.events:
        if event["type"] == "player_equipment":
            event["payload"]["player_id"] = "somebody"
    end(feed, "A")
    with pytest.raises(NotRecordableError, match="SteamIDs"):
        exported(uid("one"), read(feed.events))


def everything_of(feed, number, weapon, *, money=800):
    """A round in which everything happens that has a list of its own."""
    begin(feed, number)
    equip(feed, money=money)
    feed.say("bomb_planted", 1.0, player_id=T[0], player_team="B", site="A")
    hurt(feed, T[0], CT[0], victim_health=73)
    feed.say("kill", 1.0, killer_player_id=T[0], killer_team="B", victim_player_id=CT[0], weapon=weapon,
             is_headshot=False)  # fmt: skip
    feed.say("bomb_defused", 1.0, player_id=CT[1], player_team="A")
    feed.say("bomb_exploded", 1.0)


def numbers_of(found):
    return {name: [row["number" if name == "rounds" else "roundNumber"] for row in rows] for name, rows in found.items()
            if isinstance(rows, list)}  # fmt: skip


@pytest.mark.parametrize("ended", [True, False], ids=["after its end", "in the middle"])
@pytest.mark.parametrize("restored", [True, False], ids=["the server says so", "it begins again"])
def test_of_a_round_that_is_played_again_nothing_of_the_first_time_counts(feed, ended, restored) -> None:
    everything_of(feed, 1, "ak47")
    end(feed, "A")
    everything_of(feed, 2, "awp", money=100)
    if ended:
        end(feed, "B", a=1, b=1)
        everything_of(feed, 3, "deagle")
    if restored:
        feed.say("round_restored")["payload"] = {"round_no": 2}
    everything_of(feed, 2, "mp9", money=200)
    end(feed, "A", a=2)
    found = document(feed)
    once = [1, 2]
    assert numbers_of(found) == {
        "rounds": once, "kills": once, "damages": once, "playerEconomies": [1] * 10 + [2] * 10, "bombsPlanted": once,
        "bombsDefused": once, "bombsExploded": once,
    }  # fmt: skip
    assert [row["weaponName"] for row in found["kills"]] == ["ak47", "mp9"]
    assert {row["startMoney"] for row in found["playerEconomies"] if row["roundNumber"] == 2} == {200}
    assert [row["winnerSide"] for row in found["rounds"]] == [3, 3]


def test_what_was_played_before_a_server_went_back_does_not_count_even_where_it_ends_there(feed) -> None:
    for number in (1, 2, 3):
        everything_of(feed, number, "ak47")
        end(feed, "A", a=number)
    feed.say("round_restored")["payload"] = {"round_no": 2}
    kill(feed, CT[0], T[0])  # of no round
    assert set(map(tuple, numbers_of(document(feed)).values())) == {(1,), (1,) * 10}


def test_the_sides_of_a_kill_are_the_two_teams_where_the_victims_is_not_told(feed) -> None:
    begin(feed, 1)
    kill(feed, T[0], CT[0], "B")
    kill(feed, CT[1], T[1], "A")
    end(feed, "A")
    assert [(row["killerSide"], row["victimSide"]) for row in document(feed)["kills"]] == [(2, 3), (3, 2)]


def test_a_clock_that_goes_back_before_the_maps_beginning_stands_at_it(feed) -> None:
    begin(feed, 1)
    feed.now = BEGAN - 100.0
    hurt(feed, T[0], CT[0], victim_health=72.9, victim_armor=80.9, damage_armor=3.9)
    feed.now = BEGAN + 60.0
    end(feed, "A")
    found = document(feed)
    (hit,) = found["damages"]
    assert (hit["tick"], hit["victimNewHealth"], hit["victimNewArmor"], hit["armorDamage"]) == (0, 72, 80, 3)
    assert found["tickCount"] == 61 * 64


def test_what_is_told_before_the_first_round_belongs_to_none(feed) -> None:
    equip(feed, money=1)
    kill(feed, CT[0], T[0])
    feed.say("bomb_planted", 1.0)
    begin(feed, 1)
    end(feed, "A")
    end(feed, "B")  # told twice
    found = document(feed)
    assert {name: told for name, told in numbers_of(found).items() if told} == {
        "rounds": [1], "playerEconomies": [1] * 10
    }  # fmt: skip
    assert {row["startMoney"] for row in found["playerEconomies"]} == {800} and found["rounds"][0]["winnerSide"] == 3


def test_equipment_without_money_or_value_leaves_what_was_told_before(feed) -> None:
    begin(feed, 1)
    for told in ({"money": 5}, {"equipment_value": 6.0}):
        feed.say("player_equipment", player_id=CT[0], player_team="A", **told)
    feed.say("player_equipment", player_id=CT[1], player_team="A", money=7.9, equipment_value=8.9)
    end(feed, "A")
    told = {row["steamId"]: (row["startMoney"], row["equipmentValue"]) for row in document(feed)["playerEconomies"]}
    assert (told[IDS[CT[0]]], told[IDS[CT[1]]]) == ((800, 1_000), (7, 8))


def test_a_source_that_names_no_map_is_recorded_from_its_first_event_on() -> None:
    feed = Feed()
    begin(feed, 1)
    end(feed, "B")
    found = document(feed)
    assert (found["mapName"], found["rounds"][0]["startTick"], found["rounds"][0]["endReason"]) == ("", 0, 9)


def test_whole_numbers_and_flags_are_written_as_such(feed) -> None:
    begin(feed, 1)
    kill(feed, CT[0], T[0], is_wallbang=True)
    hurt(feed, T[0], CT[0], victim_health=73.0, victim_armor=81.0, damage_armor=19.0)
    feed.say("bomb_planted", 1.0)
    end(feed, "A")
    found = document(feed)
    numbers = [value for rows in found.values() if isinstance(rows, list) for row in rows for value in row.values()
               if isinstance(value, int | float)]  # fmt: skip
    assert [value for value in numbers if type(value) is not int] == [True, False, 0.0], "a headshot, and no distance"
