"""Whole simulated matches: score, sides, money and gear carried from round to round."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.demodb.simulator import economy, matches, population
from cs2_pipeline.demodb.simulator.model import FREE_EQUIPMENT, GameModel
from cs2_pipeline.demodb.simulator.rounds import CT_WINS, DEFUSED, END_REASONS, EXPLODED, REWARDS
from cs2_pipeline.game import rules

MODEL = GameModel()
POOL = population.create(3, 8, equal_skill=False)


def schedule(count, *, seed=3, pool=POOL, equal_skill=False):
    return population.schedule(
        MODEL, seed, pool, teams=8, first_day=date(2026, 1, 1), per_day=[count], equal_skill=equal_skill
    )


def play(count, model=MODEL):
    return matches.play(model, schedule(count), POOL)


@pytest.fixture(scope="module")
def played():
    return play(24)


@pytest.fixture(scope="module")
def rounds(played):
    """Rounds with what belongs to the team that began as CT under `first`, and to the other under `second`."""
    columns = played.rounds
    table = pd.DataFrame({name: column for name, column in columns.items() if column.ndim == 1})
    table["ct_won"] = CT_WINS[columns["reason"]]
    table["first_won"] = table.ct_won ^ table.swapped
    table[["ct_score", "t_score"]] = columns["score"]
    return table


@pytest.mark.parametrize(("number", "score"), [(1, 13), (24, 13), (25, 16), (30, 16), (31, 19), (36, 19), (37, 22)])
def test_thirteen_rounds_win_and_three_more_in_each_overtime(number, score):
    assert matches.score_to_win(number) == score


def test_a_match_goes_on_for_forty_overtimes_at_most():
    assert matches.MOST_ROUNDS == 24 + 40 * 6


def test_a_match_has_rounds_from_one_until_a_team_has_won(rounds):
    assert rounds.match.is_monotonic_increasing
    assert rounds.match.nunique() == 24
    for _, match in rounds.groupby("match"):
        assert match.number.tolist() == list(range(1, len(match) + 1))
        best = np.maximum(match.ct_score, match.t_score)
        over = best.to_numpy() >= np.array([matches.score_to_win(number) for number in match.number])
        assert over.tolist() == [False] * (len(match) - 1) + [True]


def test_sides_change_by_the_rules_and_the_score_goes_with_the_team(rounds):
    assert (rounds.swapped == rounds.number.map(rules.sides_swapped)).all()
    first = rounds.groupby("match").first_won.cumsum()
    assert (np.where(rounds.swapped, rounds.t_score, rounds.ct_score) == first).all()
    assert (rounds.ct_score + rounds.t_score == rounds.number).all()


def test_players_stand_by_slot_and_the_bomb_belongs_to_the_team_on_t(played, rounds):
    planted = np.isfinite(played.rounds["plant_time"])
    assert ((rounds.planter >= 0) == planted).all()
    assert ((rounds.planter[planted] >= 5) ^ rounds.swapped[planted]).all()
    defused = rounds.reason == DEFUSED
    assert ((rounds.defuser[defused] < 5) ^ rounds.swapped[defused]).all()
    assert (rounds.defuser[~defused] == -1).all()
    alive = played.players["alive"]
    ct = np.where(rounds.swapped, alive[:, 5:].sum(axis=1), alive[:, :5].sum(axis=1))
    gone = rounds.reason == END_REASONS.index("TerroristWin")
    assert (ct[gone] == 0).all()
    assert (ct[~gone] > 0).all()


def test_events_are_those_of_their_round_in_the_order_of_time(played, rounds):
    for events, victim in ((played.kills, "victim"), (played.damages, "victim")):
        table = pd.DataFrame(events)
        assert table["round"].is_monotonic_increasing
        assert (table.groupby("round").time.diff().fillna(0) >= 0).all()
        assert (table.time <= played.rounds["length"][table["round"]]).all()
        assert table[victim].between(0, 9).all()
    kills = pd.DataFrame(played.kills)
    dead = np.ones_like(played.players["alive"])
    dead[kills["round"], kills.victim] = False
    assert (played.players["alive"] == dead).all()
    assert kills.helper[kills.helper >= 0].between(0, 9).all()
    assert (kills.helper == -1).any()
    same_team = (kills.helper >= 5) == (kills.killer >= 5)
    assert same_team[kills.helper >= 0].all()
    survived = played.players["survived"]
    assert (survived[kills["round"], kills.victim] == kills.time).all()
    length = np.repeat(played.rounds["length"][:, None], 10, axis=1)
    assert (survived[played.players["alive"]] == length[played.players["alive"]]).all()


def test_a_survivor_always_helped(played):
    assert played.players["helped"][played.players["alive"]].all()
    assert not played.players["helped"].all()


def test_money_is_what_was_left_and_what_the_round_paid_and_starts_anew_in_each_half(played, rounds):
    people = played.players
    start, spent, end = people["start_money"], people["spent"], people["end_money"]
    kills = played.kills
    reward = np.zeros(start.shape)
    np.add.at(reward, (kills["round"], kills["killer"]), REWARDS[kills["weapon"]])
    losses = {}
    for row, one in enumerate(rounds.itertuples()):
        if rules.resets_economy(one.number):
            losses = {True: 0, False: 0}
            assert (start[row] == rules.start_money(one.number)).all()
        else:
            assert start[row].tolist() == end[row - 1].tolist()
        for first, slots in ((True, slice(0, 5)), (False, slice(5, 10))):
            on_t = first == one.swapped
            if one.first_won == first:
                losses[first] = 0
                paid = 3_500 if one.reason in (DEFUSED, EXPLODED) else 3_250
            else:
                losses[first] += 1
                paid = rules.loss_reward(losses[first]) + (800 if on_t and np.isfinite(one.plant_time) else 0)
            expected = np.minimum(start[row, slots] - spent[row, slots] + reward[row, slots] + paid, 16_000)
            assert end[row, slots].tolist() == expected.tolist()


def test_gear_of_survivors_is_kept_and_the_dead_get_a_pistol(played, rounds):
    value = np.where(played.rounds["swapped"][:, None], played.rounds["equipment"][:, ::-1], played.rounds["equipment"])
    alive = played.players["alive"].reshape(-1, 2, 5).sum(axis=2)
    spent = played.players["spent"].reshape(-1, 2, 5).sum(axis=2)
    for row, number in enumerate(rounds.number):
        kept = 5 * FREE_EQUIPMENT
        if not rules.resets_economy(number):
            kept = alive[row - 1] * value[row - 1] + (5 - alive[row - 1]) * FREE_EQUIPMENT
        assert (5 * value[row] - spent[row]).tolist() == np.broadcast_to(kept, 2).tolist()


def test_kits_are_carried_from_the_models_value_of_ct_equipment_on(played):
    assert (played.rounds["kit"] == (played.rounds["equipment"][:, 0] >= MODEL.kit_value)).all()
    assert set(played.rounds["kit"].tolist()) == {0, 1}


def test_a_team_that_would_lose_the_match_with_this_round_never_saves(played, rounds):
    before = np.stack([rounds.ct_score - rounds.ct_won, rounds.t_score - ~rounds.ct_won], axis=1)
    target = np.array([matches.score_to_win(number) for number in rounds.number])
    desperate = before[:, ::-1] == target[:, None] - 1
    kind = played.rounds["kind"]
    assert desperate.any()
    assert not np.isin(kind[desperate], (economy.ECO,)).any()
    poor = (kind == economy.FORCE) & desperate
    assert poor.any()


@pytest.mark.parametrize("scale", [0.0, 0.5, 2.0])
def test_a_game_may_pay_kills_otherwise_in_whole_units(scale):
    played = play(1, replace(MODEL, kill_reward_scale=scale))
    kills, people = played.kills, played.players
    first = kills["round"] == 0
    reward = np.zeros(10)
    np.add.at(reward, kills["killer"][first], REWARDS[kills["weapon"][first]])
    pay = people["end_money"][0] - people["start_money"][0] + people["spent"][0]
    side = np.repeat([pay[:5].min(), pay[5:].min()], 5)
    assert (people["end_money"] % 50 == 0).all()
    if scale == 0:
        assert (pay == side).all()
    scaled = np.rint(reward * scale / 50) * 50
    assert np.ptp((pay - scaled)[:5]) == np.ptp((pay - scaled)[5:]) == 0


def test_a_round_without_a_kill_pays_for_none_and_moves_no_event_to_another_round():
    played = play(1, replace(MODEL, duel_rate=0.004, plant_rate=0.01))
    count = np.bincount(played.kills["round"], minlength=len(played.rounds["match"]))
    assert (count == 0).any()
    assert count.any()
    assert count.tolist() == (~played.players["alive"]).sum(axis=1).tolist()
    quiet = np.flatnonzero(count == 0)
    gain = played.players["end_money"] - played.players["start_money"] + played.players["spent"]
    assert (np.ptp(gain[quiet, :5], axis=1) == 0).all()


def test_a_game_without_a_kill_is_refused_by_the_name_of_its_parameter():
    with pytest.raises(ValueError, match=r"GameModel\.duel_rate \(it is 0\)"):
        play(1, replace(MODEL, duel_rate=0))


def test_a_match_that_one_side_of_every_round_wins_is_refused_instead_of_going_on_for_ever(monkeypatch):
    monkeypatch.setattr(matches, "MOST_ROUNDS", 30)
    with pytest.raises(ValueError, match=r"CT win 100\.0% of all rounds.*GameModel\.ct_edge is 50,"):
        play(1, replace(MODEL, ct_edge=50.0, plant_rate=0.0))


def test_a_match_is_the_same_whatever_is_played_beside_it():
    alone = matches.play(MODEL, schedule(5).part(2, 3), POOL).rounds
    together = matches.play(MODEL, schedule(5), POOL).rounds
    third = together["match"] == 2
    for name in ("reason", "length", "equipment", "score", "planter"):
        assert together[name][third].tolist() == alone[name].tolist(), name


def test_the_form_of_the_day_and_the_map_decide_with(played):
    """A map that favours CT shows in CT's share of rounds, wherever it stands in the list of maps."""
    sided = replace(MODEL, map_edges={"de_nuke": 3.0, "de_mirage": -3.0})
    plan = schedule(6)
    plan = replace(plan, map_number=np.array([0, 1, 0, 1, 0, 1]))
    rounds = matches.play(sided, plan, POOL).rounds
    won = pd.Series(CT_WINS[rounds["reason"]]).groupby(plan.map_number[rounds["match"]]).mean()
    assert won[0] > 0.8
    assert won[1] < 0.2
    strong = replace(plan, map_number=np.zeros(6, dtype=int), skill=np.tile(np.repeat([8.0, -8.0], 5), (6, 1)))
    rounds = matches.play(replace(MODEL, map_edges={"de_nuke": 0.0}), strong, POOL).rounds
    first_won = CT_WINS[rounds["reason"]] ^ rounds["swapped"]
    assert first_won.mean() > 0.8
