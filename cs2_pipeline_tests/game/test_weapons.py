"""What equipment costs, how it may be spelled, and what a kill with it pays."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.game.rules import START_MONEY, TEAM_SIZE
from cs2_pipeline.game.state import MAX_EQUIPMENT_VALUE
from cs2_pipeline.game.weapons import CHEAPEST_WITH_KEVLAR, PRICES, canonical, kill_reward, price
from cs2_pipeline_tests.game.inputs import LAW

GRENADES = ("hegrenade", "flashbang", "smokegrenade", "incgrenade", "molotov", "decoy")


def value(**counts):
    return sum(count * price(item) for item, count in counts.items())


@pytest.mark.parametrize(
    ("item", "dollars"),
    [
        ("glock", 200),
        ("usp_silencer", 200),
        ("p250", 300),
        ("tec9", 500),
        ("deagle", 700),
        ("mac10", 1050),
        ("mp9", 1250),
        ("galilar", 1800),
        ("famas", 1950),
        ("ak47", 2700),
        ("m4a1", 2900),
        ("m4a1_silencer", 2900),
        ("ssg08", 1700),
        ("awp", 4750),
        ("hegrenade", 300),
        ("flashbang", 200),
        ("smokegrenade", 300),
        ("molotov", 400),
        ("kevlar", 650),
        ("helmet", 350),
        ("defuser", 400),
        ("hkp2000", 200), ("elite", 300), ("fiveseven", 500), ("cz75a", 500), ("revolver", 600),
        ("mp7", 1500), ("mp5sd", 1500), ("ump45", 1200), ("bizon", 1400), ("p90", 2350),
        ("nova", 1050), ("sawedoff", 1100), ("mag7", 1300), ("xm1014", 2000), ("m249", 5200), ("negev", 1700),
        ("sg556", 3000), ("aug", 3300), ("scar20", 5000), ("g3sg1", 5000),
        ("incgrenade", 500), ("decoy", 50), ("taser", 200),
    ],
)  # fmt: skip
def test_an_item_costs_what_the_buy_menu_says(item, dollars):
    assert price(item) == dollars


def test_only_the_knife_and_the_bomb_are_free():
    assert {item for item, dollars in PRICES.items() if dollars == 0} == {"knife", "c4"}
    assert min(PRICES.values()) == 0


def test_a_full_buy_of_five_t_is_worth_its_items_added_up():
    team = value(ak47=4, awp=1, glock=5, kevlar=5, helmet=5, smokegrenade=5, flashbang=10, molotov=5)
    assert team == 4 * 2700 + 4750 + 5 * (200 + 650 + 350 + 300 + 2 * 200 + 400)


def test_the_start_money_buys_kevlar_but_not_the_helmet_with_it():
    assert price("kevlar") <= START_MONEY < price("kevlar") + price("helmet")


def test_five_players_cannot_carry_more_than_the_bound_of_the_field():
    dearest_gun, dearest_pistol = max(PRICES.values()), max(price(pistol) for pistol in ("deagle", "revolver"))
    gear = value(kevlar=1, helmet=1, defuser=1, taser=1, smokegrenade=1, hegrenade=1, incgrenade=1, flashbang=1)
    assert TEAM_SIZE * (dearest_gun + dearest_pistol + gear) <= MAX_EQUIPMENT_VALUE


@pytest.mark.parametrize(
    ("spelling", "item"),
    [
        ("weapon_ak47", "ak47"),
        ("AK-47", "ak47"),
        ("ak_47", "ak47"),
        (" M4A4 ", "m4a1"),
        ("m4a1s", "m4a1_silencer"),
        ("M4A1-S", "m4a1_silencer"),
        ("M4A1 Silencer", "m4a1_silencer"),
        ("weapon_m4a1_silencer_off", "m4a1_silencer"),
        ("USP-S", "usp_silencer"),
        ("usp-silencer", "usp_silencer"),
        ("Glock-18", "glock"),
        ("Desert Eagle", "deagle"),
        ("R8 Revolver", "revolver"),
        ("CZ75-Auto", "cz75a"),
        ("Dual Berettas", "elite"),
        ("Five-SeveN", "fiveseven"),
        ("SG 553", "sg556"),
        ("MP5-SD", "mp5sd"),
        ("PP-Bizon", "bizon"),
        ("Zeus x27", "taser"),
        ("incendiary_grenade", "incgrenade"),
        ("inferno", "molotov"),
        ("Defuse Kit", "defuser"),
        ("P2000", "hkp2000"), ("Molotov Grenade", "molotov"), ("Decoy Grenade", "decoy"), ("Duel Berettas", "elite"),
        ("CAK47", "ak47"), (" CWeaponM4A1", "m4a1"), ("CDEagle", "deagle"), ("CKnife", "knife"), ("CC4", "c4"),
        ("CZ75A", "cz75a"),
        ("usp_silencer_off", "usp_silencer"), ("MP5", "mp5sd"), ("Zeus", "taser"), ("Kevlar Vest", "kevlar"),
    ],
)  # fmt: skip
def test_a_weapon_is_known_by_its_other_names(spelling, item):
    assert canonical(spelling) == item
    assert price(spelling) == PRICES[item]


@pytest.mark.parametrize("knife", ["weapon_knife", "knife_t", "knife_karambit", "bayonet", "Bowie Knife", "knifegg"])
def test_every_kind_of_knife_is_a_knife(knife):
    assert canonical(knife) == "knife"


@LAW
@given(item=st.sampled_from(sorted(PRICES)), data=st.data())
def test_case_blanks_dashes_and_prefix_do_not_matter(item, data):
    prefix = data.draw(st.sampled_from(["", "weapon_"]))
    gaps = st.sampled_from(["", "-", " ", "_"])
    letters = [data.draw(st.sampled_from([letter, letter.upper()])) + data.draw(gaps) for letter in item]
    assert canonical(prefix + "".join(letters)) == item


@pytest.mark.parametrize("name", ["", "world", "planted_c4", "ak48", "weapon_", "laser", "cak47"])
def test_what_is_no_item_is_not_taken_for_one(name):
    assert canonical(name) is None


def test_an_item_without_a_price_is_refused_with_its_name_and_the_place_to_add_it():
    with pytest.raises(KeyError, match=re.escape("unknown item 'laser': add it to PRICES in cs2_pipeline/game/")):
        price("laser")


@pytest.mark.parametrize(
    ("weapon", "dollars"),
    [
        ("ak47", 300),
        ("m4a1_silencer", 300),
        ("glock", 300),
        ("hegrenade", 300),
        ("p90", 300),
        ("awp", 100),
        ("cz75a", 100),
        ("mp9", 600),
        ("mac10", 600),
        ("nova", 900),
        ("knife", 1500),
        ("taser", 100), ("mp7", 600), ("mp5sd", 600), ("ump45", 600), ("bizon", 600),
        ("sawedoff", 900), ("mag7", 900), ("xm1014", 900),
    ],
)  # fmt: skip
def test_a_kill_pays_more_the_worse_the_weapon(weapon, dollars):
    assert kill_reward(weapon) == dollars


@pytest.mark.parametrize("grenade", GRENADES)
def test_a_kill_with_a_grenade_pays_the_usual_300(grenade):
    assert kill_reward(grenade) == 300


def test_a_kill_pays_the_same_under_each_name_of_the_weapon():
    assert kill_reward("weapon_knife_karambit") == kill_reward("knife") == 1500
    assert kill_reward("CZ75-Auto") == kill_reward("cz75a")


@pytest.mark.parametrize("weapon", [None, "", "world", "laser"])
def test_a_kill_with_nothing_known_pays_the_usual_300(weapon):
    assert kill_reward(weapon) == 300


def test_the_free_pistol_and_kevlar_are_the_least_that_a_player_with_kevlar_holds():
    assert CHEAPEST_WITH_KEVLAR == 200 + 650
