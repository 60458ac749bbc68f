"""The dynamics of a simulated round: rates at given states, and the next event drawn from them."""

import math

import numpy as np
import pytest

from cs2_pipeline.demodb.simulator import chain
from cs2_pipeline.demodb.simulator.chain import (
    CT_HITS,
    CT_KILLS,
    DEFUSE,
    EXPLOSION,
    NOTHING,
    PLANT,
    T_HITS,
    T_KILLS,
    TIME_OUT,
)  # fmt: skip
from cs2_pipeline.demodb.simulator.model import GameModel
from cs2_pipeline.game import rules

MODEL = GameModel()
CLOCKS = chain.Clocks.of(MODEL)


def rates(ct, t, planted=0, *, edge=0.0, tempo=1.0):
    return chain.kill_rates(MODEL, ct, t, planted, edge=edge, tempo=tempo)


def test_the_round_clock_has_six_parts_with_the_factors_of_the_model():
    clock = chain.before_plant(MODEL)
    assert clock.ends.tolist() == [8, 20, 40, 80, 100, 115]
    assert (clock.tempo.tolist(), clock.objective.tolist()) == (list(MODEL.tempo), list(MODEL.urgency))
    assert chain.before_plant(GameModel(round_time=100.0)).ends.tolist() == [8, 20, 40, 65, 85, 100]


@pytest.mark.parametrize(("kit", "least"), [(False, 10.0), (True, 5.0)])
def test_no_defusal_is_complete_before_its_time_and_the_fight_waits_until_then(kit, least):
    clock = chain.after_plant(kit)
    assert clock.ends.tolist() == [least, 40.0]
    assert clock.objective.tolist() == [0.0, 1.0]
    assert clock.tempo.tolist() == [0.1, 1.2]


def test_the_clocks_of_all_phases_stand_in_one_table():
    assert CLOCKS.length.tolist() == [115.0, 40.0, 40.0]
    assert CLOCKS.ends[1:, :2].tolist() == [[10.0, 40.0], [5.0, 40.0]]
    assert np.isinf(CLOCKS.ends[1:, 2:]).all()
    assert CLOCKS.tempo[1:].tolist() == [[0.1, 1.2, 0, 0, 0, 0]] * 2
    assert CLOCKS.objective[1:].tolist() == [[0, 1, 0, 0, 0, 0]] * 2


def test_the_edge_of_equal_equipment_is_that_of_the_side_and_the_map():
    assert chain.edge(MODEL, 4_000, 4_000, 0.05) == pytest.approx(MODEL.ct_edge + 0.05)


def test_better_equipment_counts_by_its_logarithm_from_the_free_pistol_on():
    richer = chain.edge(MODEL, 4_000, 2_000, 0.0) - chain.edge(MODEL, 2_000, 4_000, 0.0)
    assert richer == pytest.approx(2 * MODEL.equipment_effect * np.log(2))
    assert chain.edge(MODEL, 0, 0, 0.0) == pytest.approx(MODEL.ct_edge)
    assert chain.edge(MODEL, 0, 2_000, 0.0) == chain.edge(MODEL, 200, 2_000, 0.0)
    assert chain.edge(MODEL, 2_000, 0, 0.0) == chain.edge(MODEL, 2_000, 200, 0.0)


@pytest.mark.parametrize(
    ("equipment", "share"), [(1_000, 0.002), (3_100, 0.2689), (3_500, 0.5), (3_900, 0.7311), (6_000, 0.998)]
)
def test_stronger_rifles_of_t_are_taken_from_ct_where_t_carries_them(equipment, share):
    model = GameModel(t_rifle_edge=0.5)
    taken = chain.edge(MODEL, equipment, equipment, 0.0) - chain.edge(model, equipment, equipment, 0.0)
    assert taken == pytest.approx(0.5 * share, abs=5e-4)


def test_an_even_fight_of_ten_has_the_models_duel_rate_and_no_favourite():
    assert rates(5, 5) == pytest.approx((MODEL.duel_rate / 2, MODEL.duel_rate / 2))
    assert sum(rates(5, 5, tempo=0.1)) == pytest.approx(0.1 * MODEL.duel_rate)
    assert sum(rates(4, 1)) == pytest.approx(MODEL.duel_rate * 2 / 5), "the root of the product of both numbers"


@pytest.mark.parametrize(("ct", "t"), [(0, 5), (5, 0), (0, 0)])
def test_nobody_dies_where_a_side_is_dead(ct, t):
    assert rates(ct, t) == (0, 0)


@pytest.mark.parametrize(
    ("state", "odds"),
    [
        ((5, 5, 0, 0.3), 0.3),
        ((5, 4, 0, 0.0), MODEL.number_effect * np.log(5 / 4)),
        ((1, 3, 0, 0.0), -MODEL.number_effect * np.log(3)),
        ((2, 2, 1, 0.0), MODEL.retake_edge),
        ((2, 2, 1, 0.3), 0.3 + MODEL.retake_edge),
    ],
)
def test_the_odds_of_a_duel_add_up_edge_numbers_and_retake(state, odds):
    ct, t, planted, edge = state
    t_dies, ct_dies = rates(ct, t, planted, edge=edge)
    assert np.log(t_dies / ct_dies) == pytest.approx(odds)


def test_more_t_than_ct_plant_sooner_and_no_t_never():
    assert chain.plant_rate(MODEL, 5, 5, 1.0) == pytest.approx(MODEL.plant_rate)
    assert chain.plant_rate(MODEL, 1, 3, 1.0) == pytest.approx(1.5 * MODEL.plant_rate)
    assert chain.plant_rate(MODEL, 0, 1, 1.0) == pytest.approx(2 * MODEL.plant_rate)
    assert chain.plant_rate(MODEL, 5, 5, 6.0) == pytest.approx(6 * MODEL.plant_rate)
    assert chain.plant_rate(MODEL, 3, 0, 1.0) == chain.plant_rate(MODEL, 0, 0, 1.0) == 0


def test_a_defusal_is_rare_under_fire_soon_when_alone_and_needs_a_living_ct():
    def rate(ct, t, possible=1.0):
        return float(chain.defuse_rate(MODEL, ct, t, possible))

    assert rate(2, 2) == pytest.approx(MODEL.defuse_rate)
    assert rate(4, 2) == pytest.approx(2 * MODEL.defuse_rate)
    assert rate(3, 1) == pytest.approx(3 * MODEL.defuse_rate)
    assert rate(1, 0) == rate(5, 0) == MODEL.lone_defuse_rate
    assert rate(0, 0) == rate(0, 2) == rate(3, 0, possible=0.0) == 0


DRAWS = (np.arange(20_000) + 0.5) / 20_000


def step(clock, state, *, when=0.5, what=DRAWS, hits=True, model=MODEL):
    """The next event of rounds in one state: `state` is CT, T, bomb down, CT's edge, kits."""
    ct, t, planted, edge, kit = state
    when, what = np.broadcast_arrays(*np.atleast_1d(when, what))
    full = np.full(when.shape, 1)
    return chain.step(
        model, chain.Clocks.of(model), full * float(clock), ct=full * ct, t=full * t, planted=full * planted,
        edge=full * edge, kit=full * kit, uniform=(when, what), hits=hits,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("clock", "state", "ends"),
    [
        (0.0, (5, 5, 0, 0.0, 0), (8.0, NOTHING)), (7.99, (5, 5, 0, 0.0, 0), (8.0, NOTHING)),
        (8.0, (5, 5, 0, 0.0, 0), (20.0, NOTHING)), (80.0, (1, 1, 0, 0.0, 0), (100.0, NOTHING)),
        (100.0, (5, 5, 0, 0.0, 1), (115.0, TIME_OUT)), (0.0, (5, 5, 1, 0.0, 0), (10.0, NOTHING)),
        (0.0, (5, 5, 1, 0.0, 1), (5.0, NOTHING)), (10.0, (5, 5, 1, 0.0, 0), (40.0, EXPLOSION)),
        (5.0, (1, 0, 1, 0.0, 1), (40.0, EXPLOSION)),
    ],
)  # fmt: skip
def test_without_an_event_the_clock_runs_to_the_end_of_its_part(clock, state, ends):
    at, kind = step(clock, state, when=1e-300, what=0.5)
    assert (at.item(), kind.item()) == ends


def test_where_nothing_can_happen_the_part_ends_too():
    at, kind = step(0.0, (3, 0, 1, 0.0, 1), when=1 - 1e-9, what=0.5)
    assert (at.item(), kind.item()) == (5.0, NOTHING)


def test_the_time_to_an_event_is_exponential_in_the_sum_of_all_rates():
    kills = MODEL.duel_rate * MODEL.tempo[2]
    total = kills * (1 + MODEL.hit_ratio) + MODEL.plant_rate * MODEL.urgency[2]
    at, kind = step(20.0, (5, 5, 0, 0.0, 0), when=0.5, what=0.1)
    assert at.item() == pytest.approx(20 + np.log(2) / total)
    assert kind.item() == CT_KILLS
    at, _ = step(20.0, (5, 5, 0, 0.0, 0), when=0.5, what=0.1, hits=False)
    assert at.item() == pytest.approx(20 + np.log(2) / (kills + MODEL.plant_rate * MODEL.urgency[2]))


@pytest.mark.parametrize(
    ("clock", "state", "goal"), [(40.0, (5, 3, 0, 0.4, 0), PLANT), (20.0, (3, 4, 1, 0.4, 0), DEFUSE)]
)
def test_kinds_of_events_occur_in_proportion_to_their_rates(clock, state, goal):
    ct, t, planted, edge, _ = state
    t_dies, ct_dies = rates(ct, t, planted, edge=edge, tempo=1.2 if planted else MODEL.tempo[3])
    objective = chain.defuse_rate(MODEL, ct, t, 1.0) if planted else chain.plant_rate(MODEL, ct, t, MODEL.urgency[3])
    expected = {CT_KILLS: t_dies, T_KILLS: ct_dies, goal: float(objective)}
    expected |= {CT_HITS: MODEL.hit_ratio * t_dies, T_HITS: MODEL.hit_ratio * ct_dies}
    _, kinds = step(clock, state, when=0.9999)
    found = dict(zip(*np.unique(kinds, return_counts=True), strict=True))
    total = sum(expected.values())
    assert found.keys() == expected.keys()
    for kind, rate in expected.items():
        assert found[kind] / len(DRAWS) == pytest.approx(rate / total, abs=2 / len(DRAWS)), kind


def test_hits_can_be_left_out_and_the_rest_keeps_its_shares():
    _, kinds = step(40.0, (5, 5, 0, 0.0, 0), when=0.9999, hits=False)
    assert set(kinds.tolist()) == {CT_KILLS, T_KILLS, PLANT}


def test_the_last_of_ct_alone_with_the_bomb_can_only_defuse():
    _, kinds = step(10.0, (1, 0, 1, 0.0, 0), when=0.9999)
    assert set(kinds.tolist()) == {DEFUSE}


def test_draws_at_the_edge_of_the_interval_name_an_event_that_can_happen():
    for what, kind in ((0.0, CT_KILLS), (1.0, T_HITS)):
        assert step(40.0, (5, 5, 0, 0.0, 0), when=0.9999, what=what)[1].item() == kind


def test_the_segments_follow_the_rules_of_the_game():
    assert (CLOCKS.length[0], CLOCKS.length[1]) == (rules.ROUND_TIME, rules.BOMB_TIME)


@pytest.mark.parametrize(
    ("equipment", "rifles"), [(3_500, 0.5), (3_900, 1 / (1 + math.exp(-1))), (3_100, 1 / (1 + math.exp(1)))]
)
def test_rifles_of_t_count_half_at_3500_dollars_and_the_free_pistol_at_least(equipment, rifles):
    model = GameModel(t_rifle_edge=0.5)
    even = chain.edge(model, equipment, equipment, 0.25)
    assert even == pytest.approx(model.ct_edge + 0.25 - model.t_rifle_edge * rifles)
    assert chain.edge(model, 0, equipment, 0) == chain.edge(model, 200, equipment, 0)
    richer = chain.edge(model, 2 * equipment, equipment, 0.25)
    assert richer - even == pytest.approx(model.equipment_effect * math.log(2))
