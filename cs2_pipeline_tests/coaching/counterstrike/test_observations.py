"""Counter-Strike's skills, counted by hand on rounds in which everything is known."""

import pandas as pd
import pytest

from cs2_pipeline.coaching.counterstrike import observations, priced
from cs2_pipeline.coaching.counterstrike.play import group_of_rank
from cs2_pipeline.coaching.counterstrike.skills import GAME, SKILLS
from cs2_pipeline.coaching.drills import shipped
from cs2_pipeline.coaching.observed import checked

AT = pd.Timestamp("2026-03-01 12:00", tz="UTC")
CT, T = ["a", "b"], ["x", "y"]


def price(ct, t, planted=0):
    """CT's price by the players left: any other would do."""
    return ct / (ct + t) - (0.2 * planted if ct and t else 0)


def moments(kills, bombs, rounds, unpriced=()):
    """Each death's and each plant's prices, counted by hand from the players left."""
    found = []
    for number in range(rounds):
        if number in unpriced:
            continue
        found.append((number, None, None, None))
        left, planted = {"CT": set(CT), "T": set(T)}, 0
        events = [(second, "", victim) for round_, second, _, victim in kills if round_ == number]
        events += [(second, "plant", None) for round_, second, _ in bombs if round_ == number]
        for _, kind, victim in sorted(events, key=lambda event: event[0]):
            before = price(len(left["CT"]), len(left["T"]), planted)
            planted = planted or int(kind == "plant")
            for side in left.values():
                side.discard(victim)
            after = price(len(left["CT"]), len(left["T"]), planted)
            found.append((number, victim, after - before, after))
    table = pd.DataFrame(found, columns=["round_id", "victim", "moved", "after"])
    return table.astype({"moved": "float64", "after": "float64", "victim": "object"})


def observed(kills, *, ct_wins=(1,), bombs=(), records=None, unpriced=(), equipment=None):
    """Observations by (player, skill) of rounds of two against two; a kill is (round, second, killer, victim)."""
    rounds = pd.DataFrame(
        {"match_id": 7, "round_id": range(len(ct_wins)), "at": AT, "tick_rate": 64, "ct_wins": list(ct_wins)}
    ).assign(map_name="de_nuke")
    people = pd.DataFrame(
        [
            {"round_id": number, "player": player, "side": side}
            for number in range(len(ct_wins))
            for side, players in (("CT", CT), ("T", T))
            for player in players
        ]
    )
    for column, values in (records or {}).items():
        people[column] = people["player"].map(values).astype("float64")
    table = pd.DataFrame(
        [(number, 64 * second, killer, victim, True) for number, second, killer, victim in kills],
        columns=["round_id", "tick", "killer", "victim", "headshot"],
    )
    plants = pd.DataFrame(
        [(number, 64 * second, player, "planted") for number, second, player in bombs],
        columns=["round_id", "tick", "player", "event"],
    )
    tables = (rounds, people, table, plants)
    prices = moments(kills, bombs, len(ct_wins), unpriced)
    found = pd.concat(
        [observations.observations(*tables), priced.observations(*tables, prices=prices, equipment=equipment)],
        ignore_index=True,
    )
    return {(row.player, row.skill): (row.total, row.exposure) for row in checked(found, SKILLS).itertuples()}


def test_an_opening_duel_counts_for_both_who_fought_it_and_for_nobody_else():
    found = observed([(0, 10, "a", "x"), (0, 20, "y", "b")])
    assert found["a", "opening_won"] == (1, 1)
    assert found["x", "opening_won"] == (0, 1)
    assert ("y", "opening_won") not in found
    assert [found[player, "opening_taken"] for player in "abxy"] == [(1, 1), (0, 1), (1, 1), (0, 1)]


def test_a_duel_is_worth_what_it_moves_the_price():
    found = observed([(0, 10, "a", "x"), (0, 20, "y", "b")])
    even, ahead, alone = (price(ct, t) for ct, t in ((2, 2), (2, 1), (1, 1)))
    assert found["a", "swing"][0] == pytest.approx(ahead - even)
    assert found["y", "swing"][0] == pytest.approx(ahead - alone)
    assert found["a", "opening_gain"][0] == -found["x", "opening_gain"][0]
    assert sum(found[player, "swing"][0] for player in "abxy") == pytest.approx(0)


@pytest.mark.parametrize(("seconds", "traded"), [(0, 1), (5, 1), (5.1, 0)])
def test_a_death_is_traded_by_a_team_mate_within_five_seconds(seconds, traded):
    found = observed([(0, 10, "x", "a"), (0, 10 + seconds, "b", "x")])
    assert found["b", "trades_given"] == (traded, 1)
    assert found["a", "trades_got"] == (traded, 1)
    assert found["a", "steady"] == (traded, 1)


def test_who_was_dead_could_not_trade():
    found = observed([(0, 10, "x", "a"), (0, 11, "y", "b")], ct_wins=(0,))
    assert found["b", "trades_given"] == (0, 1)
    assert ("a", "trades_given") not in found


def test_a_clutch_is_the_round_less_its_price_when_it_began():
    found = observed([(0, 10, "x", "a"), (0, 30, "b", "x"), (0, 50, "b", "y")])
    assert found["b", "clutches"] == (pytest.approx(1 - price(1, 2)), 1)
    assert found["y", "clutches"] == (pytest.approx(-(1 - price(1, 1))), 1)
    assert ("a", "clutches") not in found


def test_team_kills_are_nobodys_kill_and_still_cost_the_round():
    found = observed([(0, 10, "a", "b")])
    assert ("a", "duels_won") not in found
    assert ("b", "opening_won") not in found
    assert found["b", "swing"][0] < 0
    assert found["a", "swing"][0] == 0


def test_the_bomb_changes_the_price_and_who_died_before_it_is_not_in_it():
    found = observed([(0, 10, "x", "a")], ct_wins=(0,), bombs=[(0, 20, "x")])
    expected = price(1, 2, 1)
    assert found["b", "bomb_rounds"] == (pytest.approx(-expected), 1)
    assert found["x", "bomb_rounds"] == (pytest.approx(expected), 1)
    assert ("a", "bomb_rounds") not in found
    assert (found["x", "plants"], found["y", "plants"]) == ((1, 1), (0, 1))
    assert ("a", "plants") not in found


def test_without_any_bomb_recorded_there_is_no_bomb_play():
    found = observed([(0, 10, "x", "a")])
    assert not {skill for _, skill in found} & {"plants", "bomb_rounds"}


def test_what_was_not_recorded_is_missing_and_what_was_recorded_as_none_is_none():
    nothing = observed([(0, 10, "x", "a")])
    assert not {skill for _, skill in nothing} & {"damage", "utility_damage", "blinded", "accuracy"}
    some = observed([], records={"damage": {"a": 0.0, "x": 80.0}, "shots_fired": {"x": 9.0}, "shots_hit": {"x": 3.0}})
    assert (some["a", "damage"], some["x", "damage"]) == ((0, 1), (80, 1))
    assert ("b", "damage") not in some
    assert some["x", "accuracy"] == (3, 9)


def test_saves_are_counted_in_lost_rounds_only():
    found = observed([(0, 10, "x", "a"), (1, 10, "x", "a")], ct_wins=(0, 1))
    assert (found["a", "saves"], found["b", "saves"]) == ((0, 1), (1, 1))
    assert found["b", "survival"] == (2, 2)


def test_a_round_that_nobody_priced_is_no_round_without_events():
    found = observed([(0, 10, "a", "x"), (1, 10, "a", "x")], ct_wins=(1, 1), unpriced=(1,))
    assert found["a", "swing"][1] == 1
    assert found["a", "survival"][1] == 2
    none = observed([(0, 10, "a", "x")], unpriced=(0,))
    assert not {skill for _, skill in none} & set(priced.PRICED)


def test_equipment_is_saved_by_who_lived_through_a_lost_round_and_lost_by_who_died():
    worth = pd.DataFrame({"round_id": [0, 0], "player": ["a", "b"], "worth": [0.05, 0.04]})
    found = observed([(0, 10, "x", "a")], ct_wins=(0,), equipment=worth)
    assert (found["a", "saved_price"], found["b", "saved_price"]) == ((0, 1), (0.04, 1))
    assert (found["a", "lost_price"], found["b", "lost_price"]) == ((0.05, 1), (0, 1))
    assert ("x", "saved_price") not in found


@pytest.mark.parametrize(
    ("rank", "group"),
    [
        (0, "all"),
        (None, "all"),
        (1, "Silver"),
        (10, "Gold Nova"),
        (18, "Legendary Eagle and above"),
        (12_345, "Premier 10000 to 14999"),
    ],
)
def test_peers_are_of_ones_own_rank(rank, group):
    assert group_of_rank(float("nan") if rank is None else rank) == group


def test_every_judged_skill_has_two_drills_and_they_parse():
    drills = shipped(GAME, SKILLS)
    for skill in SKILLS:
        count = sum(drill.skill == skill.name for drill in drills)
        assert (count >= 2) == skill.judged, skill.name
