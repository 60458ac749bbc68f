"""Who is who in a recording: an id before a name, and the side by states, then by changes of team."""

import pandas as pd
import pytest

from cs2_pipeline.demodb.importers.parsed import STATE_COLUMNS, DemoHeader, ParsedDemo
from cs2_pipeline.demodb.importers.roster import Roster, known, side_of
from cs2_pipeline_tests.demodb.importers.recordings import CT, Script, T, steam_id


@pytest.mark.parametrize(
    ("team", "side"),
    [(2, "T"), (3, "CT"), (2.0, "T"), ("3", "CT"), ("ct", "CT"), ("Terrorist", "T"), (0, None), (1, None), ("", None),
     (None, None), (float("nan"), None), ("Spectator", None)],
)  # fmt: skip
def test_a_team_is_a_side_in_the_spellings_of_parsers(team, side):
    assert side_of(team) == side


@pytest.mark.parametrize(
    ("value", "there"),
    [(0, True), (0.0, True), (False, True), ("x", True), ("", False), (None, False), (float("nan"), False)],
)
def test_nought_is_known_and_nothing_is_not(value, there):
    assert known(value) == there


def test_players_are_numbered_as_they_appear_people_before_bots():
    script = Script()
    script.joins("bot Al", 0, 2)
    script.joins("bot Al", 9_000, 3)
    roster = Roster(script.parsed())
    assert [player.name for player in roster.players] == [*CT, *T, "bot Al"]
    assert [player.number for player in roster.players] == list(range(1, 12))
    assert [player.is_bot for player in roster.players] == [False] * 10 + [True]


def test_a_player_is_found_by_id_under_any_name_and_without_an_id_by_name():
    script = Script()
    script.add("player_team", 5_000, oldteam=3, team=3, isbot=False, user_name="renamed", user_steamid=steam_id("ct1"))
    roster = Roster(script.parsed())
    player = roster.players[0]
    assert (len(roster.players), player.name) == (10, "renamed")
    assert roster.identify(steam_id("ct1"), "whoever") is player
    assert roster.identify(None, "ct1") is roster.identify(0, "renamed") is player
    assert roster.identify("76561198999999999", "ct1") is None, "another id is another player"
    assert roster.identify("no number", "ct1") is player
    assert roster.identify(None, None) is roster.identify(None, "nobody") is None
    assert roster.find({"attacker_steamid": steam_id("t1"), "attacker_name": None}, "attacker").name == "t1"
    assert roster.find({}, "assister") is None


def test_where_no_event_tells_an_id_players_are_known_by_their_names_and_items_are_no_players():
    deaths = pd.DataFrame([{"tick": 9, "user_name": "Al", "attacker_name": "Bo", "assister_name": None}])
    items = pd.DataFrame([{"tick": 1, "name": "AK-47"}])
    roster = Roster(ParsedDemo("events", DemoHeader(), {"player_death": deaths, "item_equip": items}))
    assert [(player.name, player.steam_id, player.is_bot) for player in roster.players] == [
        ("Al", 0, True), ("Bo", 0, True),
    ]  # fmt: skip


def test_lists_without_ticks_tell_of_players_last():
    deaths = pd.DataFrame([{"tick": 9, "user_name": "Al"}, {"tick": 12, "user_name": "Bo"}])
    people = pd.DataFrame({"steamid": [7, 8], "name": ["Cy", "Al"]})
    roster = Roster(ParsedDemo("events", DemoHeader(), {"people": people, "player_death": deaths}, total_ticks=11))
    assert [(player.name, player.steam_id) for player in roster.players] == [("Cy", 7), ("Al", 8), ("Bo", 0)]


def test_a_name_that_two_players_had_is_the_first_ones_and_a_rank_not_told_is_none():
    script = Script()
    script.add("player_team", 5_000, oldteam=2, team=2, isbot=False, user_name="ct1", user_steamid=steam_id("t1"))
    script.add("rank_update", 6_000, rank_new=None, num_wins=7, **script.player("user", "ct2"))
    roster = Roster(script.parsed())
    one, other = roster.players[0], roster.players[5]
    assert roster.identify(None, "ct1") is one
    assert (other.name, roster.identify(None, "t1")) == ("ct1", other)
    assert (roster.players[1].rank, roster.players[1].wins) == (0, 7)


def test_the_side_is_that_of_the_last_change_up_to_the_moment_else_the_one_the_first_change_leaves():
    script = Script()
    script.events["player_team"] = []
    script.joins("ct1", 100, 3, 2)
    script.joins("ct1", 200, 1, 3)
    script.joins("t1", 50, 2)
    roster = Roster(script.parsed())
    player = next(one for one in roster.players if one.name == "ct1")
    assert [roster.side_at(player, tick) for tick in (0, 99, 100, 199, 200)] == ["T", "T", "CT", "CT", None]
    late = next(one for one in roster.players if one.name == "t1")
    assert roster.side_at(late, 0) is None
    assert roster.side_during(late, 0, 60) == "T", "who joined after the round went live is looked up at the moment"
    assert roster.side_during(player, 100, 250) == "CT"


def states(*rows):
    usual = dict.fromkeys(STATE_COLUMNS) | {"health": 100, "balance": 800, "cash_spent_this_round": 200}
    usual |= {"current_equip_value": 1_000, "armor_value": 100, "has_helmet": True, "has_defuser": None}
    return pd.DataFrame(
        [usual | {"steamid": steam_id(name), "name": name, "tick": tick} | more for name, tick, more in rows]
    )


def test_a_state_at_the_very_tick_goes_before_changes_of_team():
    script = Script()
    roster = Roster(script.parsed(states=states(("ct1", 500, {"team_num": 2}), ("ct2", 500, {"team_num": 1}))))
    one, other = roster.players[:2]
    assert [roster.side_at(one, tick) for tick in (499, 500, 501)] == ["CT", "T", "CT"]
    assert roster.side_at(other, 500) is None


def test_who_is_in_play_is_alive_on_a_side():
    rows = [("ct1", 500, {"team_num": 3}), ("ct2", 500, {"team_num": 3, "health": 0}), ("ct3", 500, {"team_num": 1})]
    rows += [("ct5", 500, {"team_num": 3, "health": 1}), ("t1", 500, {"team_num": 2, "health": None})]
    roster = Roster(Script().parsed(states=states(*rows)))
    assert [roster.in_states(player, 500) for player in roster.players[:6]] == [True, False, False, False, True, False]
    assert not roster.in_states(roster.players[0], 501)


def test_what_a_player_owned_is_that_of_the_end_of_freeze_time_and_the_money_after_the_round():
    rows = [("ct1", 500, {"team_num": 3}), ("ct1", 900, {"team_num": 3, "balance": 4_000})]
    roster = Roster(Script().parsed(states=states(*rows, ("ct2", 500, {"team_num": 3, "balance": None}))))
    assert roster.economy(roster.players[0], 500, 900) == {
        "StartMoney": 1_000, "MoneySpent": 200, "EndMoney": 4_000, "EquipmentValue": 1_000, "Armor": 100,
        "HasHelmet": True, "HasDefuseKit": None,
    }  # fmt: skip
    assert roster.economy(roster.players[0], 500, 901)["EndMoney"] is None
    unspent = Roster(Script().parsed(states=states(("ct1", 500, {"team_num": 3, "cash_spent_this_round": None}))))
    owned = unspent.economy(unspent.players[0], 500, 900)
    assert (owned["StartMoney"], owned["MoneySpent"]) == (800, 0)
    assert roster.economy(roster.players[1], 500, 900) == roster.economy(roster.players[0], 501, 900) == {}
