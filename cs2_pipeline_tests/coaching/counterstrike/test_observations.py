"""Counter-Strike's skills, counted by hand on rounds in which everything is known."""

import pandas as pd
import pytest

from cs2_pipeline.coaching.counterstrike import observations, priced
from cs2_pipeline.coaching.counterstrike.play import group_of_rank, plants, play, rows, summed
from cs2_pipeline.coaching.counterstrike.skills import GAME, SKILLS
from cs2_pipeline.coaching.drills import shipped
from cs2_pipeline.coaching.observed import OBSERVATIONS, checked

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


def play_of(rounds, people, kills=(), bombs=()):
    """Rounds put together; a kill is (round, tick, killer, victim)."""
    table = pd.DataFrame(kills, columns=["round_id", "tick", "killer", "victim"]).assign(headshot=False)
    planted = pd.DataFrame(bombs, columns=["round_id", "tick", "player", "event"])
    return play(pd.DataFrame(rounds), pd.DataFrame(people), table, planted)


def round_of(number=0, **more):
    return {"match_id": 7, "round_id": number, "at": AT, "tick_rate": 64, "ct_wins": 1, "map_name": "de_nuke"} | more


def four(number=0, **more):
    return [{"round_id": number, "player": one, "side": "CT" if one in CT else "T"} | more for one in (*CT, *T)]


def test_a_round_is_won_by_those_who_played_the_winners_side():
    known = play_of([round_of(), round_of(1, ct_wins=0)], [*four(), *four(1)]).known
    won = {(row.round_id, row.side): row.won for row in known.itertuples()}
    assert won == {(0, "CT"): True, (0, "T"): False, (1, "CT"): False, (1, "T"): True}


def test_deaths_go_by_round_and_time_and_count_who_is_left():
    kills = [(1, 64, "x", "a"), (0, 640, "x", "b"), (0, 320, "a", "x"), (0, 640, "y", "a"), (9, 5, "a", "x")]
    deaths = play_of([round_of(), round_of(1, tick_rate=128)], [*four(), *four(1)], kills).deaths
    told = [(row.round_id, row.victim, row.seconds, row.ct, row.t, row.enemy) for row in deaths.itertuples()]
    assert told == [
        (0, "x", 5.0, 2, 1, True), (0, "b", 10.0, 1, 1, True), (0, "a", 10.0, 0, 1, True), (1, "a", 0.5, 1, 2, True),
    ]  # fmt: skip


def test_nobody_dies_twice_and_who_was_not_there_does_not_die():
    kills = [(0, 64, "x", "a"), (0, 128, "y", "a"), (0, 192, "x", "ghost"), (0, 256, None, "b"), (0, 300, "x", "y")]
    deaths = play_of([round_of()], four(), kills).deaths
    assert [(row.victim, row.enemy) for row in deaths.itertuples()] == [("a", True), ("b", False), ("y", False)]
    assert deaths["killer"].tolist()[0] == "x"


def test_only_the_first_plant_of_a_round_counts():
    bombs = [(0, 900, "x", "defused"), (0, 700, "y", "planted"), (0, 300, "x", "planted"), (1, 5, "y", "planted")]
    found = plants(pd.DataFrame(bombs, columns=["round_id", "tick", "player", "event"]))
    assert sorted(zip(found["round_id"], found["player"], strict=True)) == [(0, "x"), (1, "y")]


def summary_of(played):
    found = [rows(played.known, "survival", "player", 1.0)]
    return summed(found, played).set_index(["player", "context"])


def test_what_is_added_up_is_told_by_map_and_side():
    people = [*four(), *four(1), *[row | {"side": "T" if row["side"] == "CT" else "CT"} for row in four(2)]]
    unknown = [round_of(3, match_id=8, map_name=None)]
    table = summary_of(play_of([round_of(), round_of(1), round_of(2), *unknown], [*people, *four(3)]))
    assert table.loc[("a", "de_nuke CT"), "exposure"] == 2 and table.loc[("a", "de_nuke T"), "exposure"] == 1
    assert table.loc[("a", "unknown map CT"), "match"] == "8"
    assert set(table["group"]) == {"all"} and set(table["at"]) == {AT}
    assert set(table.reset_index().columns) == set(OBSERVATIONS)


def test_the_peers_are_of_the_highest_rank_a_player_had_in_the_match():
    ranks = {"a": 3, "b": 12, "x": 0, "y": 12_345}
    people = [row | {"rank": ranks[row["player"]]} for row in four()]
    people += [row | {"rank": 9 if row["player"] == "a" else 0} for row in four(1)]
    other = [row | {"rank": 1} for row in four(2)]
    table = summary_of(play_of([round_of(), round_of(1), round_of(2, match_id=8)], [*people, *other]))
    groups = table.reset_index().groupby(["match", "player"])["group"].first().to_dict()
    assert groups == {
        ("7", "a"): "Gold Nova", ("7", "b"): "Master Guardian", ("7", "x"): "all", ("7", "y"): "Premier 10000 to 14999",
        ("8", "a"): "Silver", ("8", "b"): "Silver", ("8", "x"): "Silver", ("8", "y"): "Silver",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rank", "group"),
    [(6, "Silver"), (7, "Gold Nova"), (11, "Master Guardian"), (14, "Master Guardian"),
     (15, "Legendary Eagle and above"), (19, "Premier 0 to 4999"), (4_999, "Premier 0 to 4999"),
     (5_000, "Premier 5000 to 9999"), (-1, "all")],
)  # fmt: skip
def test_ranks_and_ratings_are_peers_in_classes(rank, group):
    assert group_of_rank(rank) == group


def test_headshots_are_of_the_kills_whose_hits_were_recorded():
    found = observed([(0, 10, "a", "x"), (0, 20, "a", "y")])
    assert found["a", "headshots"] == (2, 2)
    assert ("x", "headshots") not in found
    assert (found["a", "duels_won"], found["x", "duels_won"]) == ((2, 2), (0, 1))


def test_each_recorded_column_is_its_skill_and_a_round_its_unit():
    records = {"utility_damage": {"a": 12.0}, "flash_assists": {"a": 1.0}, "enemies_flashed": {"a": 3.0}}
    found = observed([], ct_wins=(1, 0), records=records)
    assert (found["a", "utility_damage"], found["a", "flash_assists"], found["a", "blinded"]) == (
        (24, 2),
        (2, 2),
        (6, 2),
    )
    only_fired = observed([], records={"shots_fired": {"a": 9.0}})
    assert ("a", "accuracy") not in only_fired


def test_who_lived_killed_or_was_traded_was_steady_and_who_just_died_was_not():
    found = observed([(0, 10, "a", "x"), (0, 11, "y", "a"), (0, 30, "y", "b")], ct_wins=(0,))
    assert [found[player, "steady"][0] for player in "abxy"] == [1, 0, 1, 1]
    assert [found[player, "survival"][0] for player in "abxy"] == [0, 0, 0, 1]


def test_a_mate_who_died_in_the_same_moment_could_not_trade():
    found = observed([(0, 10, "x", "a"), (0, 10, "y", "b")], ct_wins=(0,))
    assert ("b", "trades_given") not in found and ("a", "trades_given") not in found


def test_plants_are_of_those_who_played_t_in_matches_with_bombs():
    found = observed([], ct_wins=(1, 1), bombs=[(0, 20, "x"), (0, 30, "y")])
    assert (found["x", "plants"], found["y", "plants"]) == ((1, 2), (0, 2))


def test_an_unpriced_death_leaves_its_rounds_duels_unjudged():
    worth = pd.DataFrame({"round_id": [0, 0], "player": ["a", "b"], "worth": [0.05, None]})
    found = observed([(0, 10, "x", "a")], ct_wins=(0,), equipment=worth)
    assert ("b", "saved_price") not in found, "the next round was not priced for it"
    rounds, people = pd.DataFrame([round_of()]), pd.DataFrame(four())
    kills = pd.DataFrame([(0, 640, "x", "a", True)], columns=["round_id", "tick", "killer", "victim", "headshot"])
    bombs = pd.DataFrame([], columns=["round_id", "tick", "player", "event"])
    prices = pd.DataFrame([(0, "b", 0.1, 0.2)], columns=["round_id", "victim", "moved", "after"])
    skills = set(priced.observations(rounds, people, kills, bombs, prices=prices)["skill"])
    assert not skills & {"swing", "opening_gain", "death_cost", "clutches"}


def test_a_death_costs_its_own_side_what_it_moves():
    found = observed([(0, 10, "a", "x"), (0, 20, "y", "b")])
    even, ahead, alone = (price(ct, t) for ct, t in ((2, 2), (2, 1), (1, 1)))
    assert found["x", "death_cost"] == (pytest.approx(ahead - even), 1)
    assert found["b", "death_cost"] == (pytest.approx(ahead - alone), 1)
    assert found["x", "swing"][0] == pytest.approx(even - ahead)
    assert found["y", "opening_gain"] == (0, 1)


def test_of_these_skills_less_is_better_and_of_those_nobody_can_say():
    assert {skill.name for skill in SKILLS if not skill.higher_is_better} == {"death_cost", "lost_price"}
    assert {skill.name for skill in SKILLS if not skill.judged} == {
        "opening_taken", "plants", "saves", "saved_price", "lost_price",
    }  # fmt: skip


def test_what_there_was_none_of_is_no_observation():
    played = play_of([round_of()], four())
    shots = rows(played.known, "accuracy", "player", 0.0, played.known["player"].map({"a": 2.0}).fillna(0.0))
    assert summed([shots], played)["player"].tolist() == ["a"]


def test_of_a_side_that_nobody_was_seen_on_nobody_is_left():
    people = [row for row in four() if row["side"] == "CT"]
    (death,) = play_of([round_of()], people, [(0, 64, None, "a")]).deaths.itertuples()
    assert (death.ct, death.t, death.enemy) == (1, 0, False)


def test_who_is_left_alone_when_no_enemy_is_left_has_nobody_to_win_against():
    found = observed([(0, 10, "a", "x"), (0, 20, "a", "y"), (0, 30, None, "a")])
    assert ("b", "clutches") not in found
    assert found["y", "clutches"][1] == 1
