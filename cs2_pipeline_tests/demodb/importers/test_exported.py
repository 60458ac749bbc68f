"""Exported matches in one form: what makes one impossible, and what the rest of the import is given."""

from dataclasses import replace
from datetime import datetime

import pandas as pd
import pytest

from cs2_pipeline.demodb.importers import exported
from cs2_pipeline.demodb.importers.exported import (
    BOMB_COLUMNS,
    BUY_COLUMNS,
    ECONOMY_COLUMNS,
    HIT_COLUMNS,
    KILL_COLUMNS,
    ROUND_COLUMNS,
    ExportedMatch,
)  # fmt: skip
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError
from cs2_pipeline.demodb.importers.same_match import Recorded

PEOPLE = {1: "CT", 2: "CT", 3: "CT", 6: "T", 7: "T", 8: "T"}


def frame(columns, *rows):
    return pd.DataFrame(list(rows), columns=list(columns))


def economies(numbers=(1, 2), people=PEOPLE):
    rows = [(number, who, f"p{who}", side, 800, 650, 850) for number in numbers for who, side in people.items()]
    return frame(ECONOMY_COLUMNS, *rows)


def kill(number, tick, killer, victim, **more):
    row = dict.fromkeys(KILL_COLUMNS) | {
        "round": number, "tick": tick, "attacker_steamid": killer, "attacker_name": f"p{killer}",
        "attacker_side": PEOPLE.get(killer), "user_steamid": victim, "user_name": f"p{victim}",
        "user_side": PEOPLE.get(victim), "weapon": "AK-47",
    }  # fmt: skip
    return row | more


def match(**changes):
    """Two rounds of three against three, of which CT won both; the second ended on time."""
    usual = {
        "keys": ("demo:1",), "name": "one", "source": "made", "game": "cs2", "map_name": "de_nuke",
        "started": datetime(2026, 1, 2), "tick_rate": 64.0, "last_tick": 12_000, "max_rounds": 24,
        "server_name": "a server", "economies": economies(),
        "rounds": frame(ROUND_COLUMNS, (1, 100, 1_060, 5_000, "CT", 8), (2, 5_300, 6_260, 11_000, "CT", 12)),
        "kills": pd.DataFrame([kill(1, 2_000, 1, 6), kill(2, 7_000, 7, 2)]),
    }  # fmt: skip
    return ExportedMatch(**usual | changes)


def records(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def test_a_checksum_is_a_key_and_a_blank_one_none():
    assert exported.demo_key(" AB ") == "demo:ab"
    with pytest.raises(UnreadableDemoError, match="no checksum of the demo"):
        exported.demo_key("  ")


@pytest.mark.parametrize(
    ("said", "found"),
    [("2026-03-09T18:00:00Z", datetime(2026, 3, 9, 18)), ("2026-03-09T18:00:00+02:00", datetime(2026, 3, 9, 16)),
     ("2026-03-09", datetime(2026, 3, 9)), ("", None), (None, None), ("redacted", None), ("09.03.2026", None)],
)  # fmt: skip
def test_a_date_is_a_moment_in_utc_or_unknown(said, found):
    assert exported.moment(said) == found


def test_of_the_last_round_money_and_equipment_are_not_known():
    found = exported.without_last_economy(economies(), match().rounds)
    owned = found[["start_money", "money_spent", "equipment_value"]].notna()
    assert owned[found["round"] == 1].all(axis=None)
    assert not owned[found["round"] == 2].any(axis=None)


def test_a_match_becomes_a_recording_with_its_facts():
    found = exported.parsed(match(damage={1: 300}))
    assert (found.source, found.game, found.total_ticks) == ("made", "cs2", 12_000)
    assert (found.started, found.ended, found.damage) == (datetime(2026, 1, 2), True, {1: 300})
    header = found.header
    assert (header.map_name, header.server_name, header.demo_type) == ("de_nuke", "a server", "one")
    assert found.settings == {"mp_maxrounds": "24"}
    assert found.lacks == {"hits", "plants"}
    whole = match(hits=frame(HIT_COLUMNS), bombs=frame(BOMB_COLUMNS))
    assert exported.parsed(whole).lacks == frozenset()
    assert "player_hurt" in exported.parsed(whole).events


def test_a_match_without_a_date_or_a_round_that_somebody_won_is_refused():
    with pytest.raises(UnreadableDemoError, match=f"{exported.NO_DATE}; say it: cs2 ingest exports --date"):
        exported.parsed(match(started=None))
    for none in ((1, 100, 1_060, 5_000, None, 10), (1, 100, 1_060, 1_060, "CT", 8)):
        with pytest.raises(UnreadableDemoError, match="no round that somebody won"):
            exported.parsed(match(rounds=frame(ROUND_COLUMNS, none)))


@pytest.mark.parametrize(("size", "there"), [(2, False), (3, True)])
def test_teams_of_two_are_another_game_and_of_three_have_lost_players(size, there):
    few = {who: side for who, side in PEOPLE.items() if who % 5 <= size}
    if there:
        assert exported.parsed(match(economies=economies(people=few)))
    else:
        with pytest.raises(UnreadableDemoError, match="teams of 2: only matches of five against five"):
            exported.parsed(match(economies=economies(people=few)))


def test_most_rounds_tell_the_size_of_a_team_and_without_players_nothing_does():
    few = {who: side for who, side in PEOPLE.items() if who % 5 == 1}
    most = pd.concat([economies((1, 2, 5)), economies((3, 4), people=few)])
    assert exported.parsed(match(economies=most)), "three against three in three rounds of five"
    half = pd.concat([economies((1, 2)), economies((3, 4), people=few)])
    with pytest.raises(UnreadableDemoError, match="teams of 2:"):
        exported.parsed(match(economies=half))
    assert exported.parsed(match(economies=economies(()))), "nobody's economy was exported"


def test_rounds_are_events_in_order_and_those_nobody_won_have_no_end():
    rounds = frame(ROUND_COLUMNS, (2, 5_300, 6_260, 11_000, "T", 9), (1, 100, 1_060, 5_000, None, 10))
    events = exported.parsed(match(rounds=rounds)).events
    assert events["round_start"]["tick"].tolist() == [100, 5_300]
    assert events["round_freeze_end"]["tick"].tolist() == [1_060, 6_260]
    assert records(events["round_end"]) == [{"tick": 11_000, "winner": "T", "reason": 9}]


def test_a_round_without_a_freeze_times_end_goes_live_after_the_usual_one():
    three = [(1, 100, 1_100, 5_000, "CT", 8), (2, 5_300, 0, 11_000, "CT", 8), (3, 12_000, 12_000, 16_000, "T", 9)]
    found = exported.parsed(match(rounds=frame(ROUND_COLUMNS, *three))).events
    assert found["round_freeze_end"]["tick"].tolist() == [1_100, 6_300, 13_000]
    many = [(1, 100, 740, 5_000, "CT", 8), (2, 5_300, 5_940, 9_000, "T", 9), (3, 9_500, 13_500, 15_000, "T", 9)]
    paused = exported.parsed(match(rounds=frame(ROUND_COLUMNS, *many, (4, 16_000, 0, 20_000, "CT", 8)))).events
    assert paused["round_freeze_end"]["tick"].tolist()[-1] == 16_640, "a time-out in one of them is not usual"
    alone = exported.parsed(match(rounds=frame(ROUND_COLUMNS, three[1]))).events
    assert alone["round_freeze_end"]["tick"].tolist() == [5_300 + 15 * 64]


def test_ticks_are_those_of_a_server_of_64():
    twice = match(
        tick_rate=128.0, others={"weapon_fire": pd.DataFrame({"tick": [301], "weapon": ["awp"]})},
        hits=frame(HIT_COLUMNS, (1, 4_000, 1, "CT", 6, "T", "AWP", 100, 0, 0, 0, 1)),
        bombs=frame(BOMB_COLUMNS, ("bomb_planted", 2, 8_001, 7, "A")),
    )  # fmt: skip
    found = exported.parsed(twice)
    assert found.total_ticks == 6_000
    assert found.events["round_start"]["tick"].tolist() == [50, 2_650]
    assert found.events["round_end"]["tick"].tolist() == [2_500, 5_500]
    assert found.events["player_death"]["tick"].tolist() == [1_000, 3_500]
    assert found.events["player_hurt"]["tick"].tolist() == [2_000]
    assert found.events["bomb_planted"]["tick"].tolist() == [4_000]
    assert found.events["weapon_fire"]["tick"].tolist() == [150]
    assert set(found.states["tick"]) == {530, 3_130}


@pytest.mark.parametrize("rate", [64.0, 63.9, 0.0, -1.0])
def test_a_rate_of_about_64_or_none_moves_no_tick(rate):
    assert exported.parsed(match(tick_rate=rate)).total_ticks == 12_000


@pytest.mark.parametrize(
    ("said", "weapon"),
    [("M4A1", "m4a1_silencer"), ("M4A4", "m4a1"), ("AK-47", "ak47"), ("Molotov", "inferno"),
     ("Incendiary Grenade", "inferno"), ("inferno", "inferno"), ("World", "world"), ("Some New Gun", "some_new_gun"),
     (None, None)],
)  # fmt: skip
def test_weapons_have_the_games_names(said, weapon):
    deaths = exported.parsed(match(kills=pd.DataFrame([kill(1, 2_000, 1, 6, weapon=said), kill(1, 2_001, 1, 7)])))
    assert records(deaths.events["player_death"])[0]["weapon"] == weapon


def test_the_world_is_nobody_and_a_player_of_that_name_somebody():
    kills = [kill(1, 2_000, 0, 6, attacker_name="World"), kill(1, 2_001, 1, 7, attacker_name="world")]
    kills.append(kill(1, 2_002, 0, 8, attacker_name="bot Al", attacker_side="CT"))
    found = exported.parsed(match(kills=pd.DataFrame(kills))).events["player_death"]
    assert [row["attacker_name"] for row in records(found)] == [None, "world", "bot Al"]


def test_events_of_the_bomb_are_by_kind():
    bombs = frame(BOMB_COLUMNS, ("bomb_planted", 1, 3_000, 6, "A"), ("bomb_defused", 1, 4_000, 1, "A"))
    events = exported.parsed(match(bombs=bombs)).events
    assert events["bomb_planted"]["tick"].tolist() == [3_000]
    assert events["bomb_defused"]["user_steamid"].tolist() == [1]


def test_states_are_what_each_player_owned_at_the_end_of_freeze_time():
    states = exported.parsed(match()).states
    assert len(states) == 12
    first = records(states[(states["steamid"] == 1) & (states["tick"] == 1_060)])
    assert first == [{
        "tick": 1_060, "steamid": 1, "name": "p1", "team_num": "CT", "balance": 150, "cash_spent_this_round": 650,
        "current_equip_value": 850, "health": 100, "armor_value": None, "has_helmet": None, "has_defuser": None,
    }]  # fmt: skip


def test_an_economy_of_a_round_that_is_not_there_is_left_out():
    assert len(exported.parsed(match(economies=economies((1, 2, 9)))).states) == 12


def test_who_acted_without_an_economy_was_there_and_owned_what_nobody_knows():
    kills = [kill(1, 2_000, 4, 6, attacker_side="CT"), kill(2, 7_000, 0, 4, attacker_name="Al", attacker_side="T",
             user_side="CT"), kill(2, 7_100, 0, 9, attacker_name="Al", attacker_side="T", user_side=None)]  # fmt: skip
    kills.append(kill(2, 7_200, 0, 7, attacker_name=None, attacker_side="T"))  # nobody: neither id nor name
    states = exported.parsed(match(kills=pd.DataFrame(kills))).states
    added = states[~states["steamid"].isin(PEOPLE)]
    assert records(added[["tick", "steamid", "name", "team_num", "balance", "health"]]) == [
        {"tick": 1_060, "steamid": 4, "name": "p4", "team_num": "CT", "balance": None, "health": 100},
        {"tick": 6_260, "steamid": 0, "name": "Al", "team_num": "T", "balance": None, "health": 100},
        {"tick": 6_260, "steamid": 4, "name": "p4", "team_num": "CT", "balance": None, "health": 100},
    ]


def test_hits_and_buys_show_who_was_there_too():
    hits = frame(HIT_COLUMNS, (1, 2_000, 4, "CT", 9, "T", "AWP", 10, 0, 90, 0, 1))
    buys = frame(BUY_COLUMNS, (2, 5_400, 10, "T", "AK-47"))
    states = exported.parsed(match(hits=hits, buys=buys)).states
    added = states[~states["steamid"].isin(PEOPLE)]
    assert sorted(zip(added["tick"], added["steamid"], added["team_num"], strict=True)) == [
        (1_060, 4, "CT"), (1_060, 9, "T"), (6_260, 10, "T"),
    ]  # fmt: skip


def worn(buys, deaths=(), count=14, max_rounds=24):
    """By round, whether player 1 has helmet and kit."""
    rounds = [(n, 10_000 * n, 10_000 * n + 960, 10_000 * n + 5_000, "CT", 8) for n in range(1, count + 1)]
    one = match(
        rounds=frame(ROUND_COLUMNS, *rounds), economies=economies(range(1, count + 1)), max_rounds=max_rounds,
        buys=frame(BUY_COLUMNS, *((n, 10_000 * n + 10, 1, "CT", item) for n, item in buys)),
        kills=pd.DataFrame([kill(n, 10_000 * n + 2_000, 6, 1) for n in deaths] or [kill(1, 12_000, 6, 7)]),
    )  # fmt: skip
    states = exported.parsed(one).states
    mine = states[states["steamid"] == 1].sort_values("tick")
    return [(n, bool(h), bool(d)) for n, (h, d) in enumerate(mine[["has_helmet", "has_defuser"]].to_numpy(), 1)]


def test_a_helmet_and_a_kit_are_kept_until_death_or_the_change_of_sides():
    found = worn([(2, "Kevlar + Helmet"), (3, "Defuse Kit"), (6, "Defuse Kit"), (9, "Kevlar + Helmet")], deaths=[5])
    with_helmet = [number for number, helmet, _ in found if helmet]
    with_kit = [number for number, _, kit in found if kit]
    assert with_helmet == [2, 3, 4, 5, 9, 10, 11, 12]
    assert with_kit == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]


def test_nothing_is_kept_into_a_half_of_overtime():
    found = worn([(1, "Kevlar + Helmet"), (3, "Kevlar + Helmet"), (5, "Kevlar + Helmet")], count=9, max_rounds=4)
    assert [number for number, helmet, _ in found if helmet] == [1, 2, 3, 4, 5, 6, 7]
    found = worn([(5, "Kevlar + Helmet"), (9, "Defuse Kit")], count=12, max_rounds=4)
    assert [number for number, helmet, _ in found if helmet] == [5, 6, 7]
    assert [number for number, _, kit in found if kit] == [9, 10]


def test_other_things_bought_are_neither_helmet_nor_kit():
    assert not any(helmet or kit for _, helmet, kit in worn([(1, "Kevlar Vest"), (1, "AK-47")], count=2))


def test_without_a_list_of_buys_nobody_knows():
    states = exported.parsed(match()).states
    assert states[["has_helmet", "has_defuser"]].isna().all(axis=None)
    known = economies().assign(has_helmet=True, has_defuser=False)
    states = exported.parsed(match(economies=known)).states
    assert states["has_helmet"].all()
    assert not states["has_defuser"].any()


@pytest.mark.parametrize(
    ("held", "exceeds"),
    [((2, 0, 0, 0, 2), False), ((1, 0, 0, 0, 2), True), ((2, 0, 0, 0, 1), True), ((9, 9, 9, 9, 9), False)],
)
def test_a_match_may_exceed_what_is_held_where_it_could_have_more_of_something(held, exceeds):
    assert exported.may_exceed(match(), Recorded(*held)) == exceeds


@pytest.mark.parametrize(
    "more",
    [
        {"hits": frame(HIT_COLUMNS)}, {"bombs": frame(BOMB_COLUMNS)}, {"buys": frame(BUY_COLUMNS)},
        {"economies": economies().assign(has_helmet=True)},
    ],
)  # fmt: skip
def test_hits_plants_and_armour_may_each_be_more(more):
    assert exported.may_exceed(match(**more), Recorded(2, 0, 0, 0, 2))


def test_rounds_without_equipment_or_winner_exceed_nothing():
    blank = exported.without_last_economy(economies(), match().rounds)
    assert not exported.may_exceed(match(economies=blank), Recorded(2, 0, 0, 0, 1))
    lost = match().rounds.assign(winner=[None, "CT"])
    assert not exported.may_exceed(match(rounds=lost, hits=frame(HIT_COLUMNS)), Recorded(1, 0, 1, 0, 1))


@pytest.mark.parametrize(
    ("name", "part"),
    [("a-vs-b-nuke-p2", ("a-vs-b-nuke", 2)), ("x-p1", ("x", 1)), ("x-p12", None), ("x", None), ("-p1", None)],
)
def test_a_part_is_told_by_the_end_of_its_name(name, part):
    assert exported.part_of(name) == part


def part(number, **changes):
    return match(name=f"x-p{number}", keys=(f"demo:{number}",), **changes)


def test_the_second_part_goes_on_where_the_first_one_ends():
    shots = {"weapon_fire": pd.DataFrame({"tick": [1]})}
    first = part(1, damage={1: 100, 2: 50}, others=shots, hits=frame(HIT_COLUMNS), bombs=frame(BOMB_COLUMNS))
    second = part(2, damage={1: 10, 3: 5}, hits=frame(HIT_COLUMNS), buys=frame(BUY_COLUMNS))
    whole = exported.joined([second, first])
    assert (whole.name, whole.keys) == ("x", ("demo:1", "demo:2"))
    assert whole.rounds["number"].tolist() == [1, 2, 3, 4]
    shift = 12_000 + 64
    assert whole.rounds["start_tick"].tolist() == [100, 5_300, 100 + shift, 5_300 + shift]
    assert whole.rounds["end_tick"].tolist()[2:] == [5_000 + shift, 11_000 + shift]
    assert whole.kills["tick"].tolist() == [2_000, 7_000, 2_000 + shift, 7_000 + shift]
    assert whole.kills["round"].tolist() == [1, 2, 3, 4]
    assert (whole.last_tick, whole.others) == (12_000 + shift, {})
    assert whole.damage == {1: 110, 2: 50, 3: 5}
    assert whole.hits is not None
    assert (whole.bombs, whole.buys) == (None, None), "what one part does not have is not known of the whole"


@pytest.mark.parametrize("broken", [(2, 5_300, 6_260, 11_000, None, 0), (2, 5_300, 6_260, 5_300, "CT", 8)])
def test_a_round_that_a_part_does_not_finish_is_played_again_in_the_next(broken):
    first = part(1, rounds=frame(ROUND_COLUMNS, (1, 100, 1_060, 5_000, "CT", 8), broken))
    whole = exported.joined([first, part(2)])
    assert whole.rounds["number"].tolist() == [1, 2, 3]
    assert whole.kills["round"].tolist() == [1, 2, 3]
    none = part(1, rounds=frame(ROUND_COLUMNS, broken))
    assert exported.joined([none, part(2)]).rounds["number"].tolist() == [1, 2]


def test_parts_that_are_missing_or_of_different_maps_are_refused_by_name():
    for parts in ([part(1)], [part(1), part(3)], [part(2)], [part(1), part(1)]):
        with pytest.raises(UnreadableDemoError, match=f"x-p.*{exported.PARTS_MISSING}; put them into the same folder"):
            exported.joined(parts)
    with pytest.raises(UnreadableDemoError, match="x-p1 and its other parts were played on different maps"):
        exported.joined([part(1), replace(part(2), map_name="de_train")])
