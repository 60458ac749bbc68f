"""Which states of a round are decided, which cannot exist, and that the one table of fields is the truth about both."""

from dataclasses import MISSING, fields
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.game.contradictions import any_broken
from cs2_pipeline.game.rules import BOMB_TIME, FREEZE_TIME, ROUND_TIME, ROUNDS_TO_WIN
from cs2_pipeline.game.state import (
    MAX_BOMB_TIME,
    MAX_TIME_REMAINING,
    OPTIONAL_ROUND_FIELDS,
    REQUIRED_ROUND_FIELDS,
    ROUND_FIELDS,
    RoundState,
    contradictions,
    decided_winner,
    impossible,
)
from cs2_pipeline.game.state import decided as both
from cs2_pipeline_tests.game.inputs import EVEN, LAW, states

FIELD = {field.name: field for field in ROUND_FIELDS}
NUMBERS = [field.name for field in ROUND_FIELDS if not field.text]
ALIVE = range(6)


def decided(state):
    return decided_winner(state["ct_alive"], state["t_alive"], state["bomb_planted"], state["time_remaining"])


def refused(**changes):
    return contradictions({**EVEN, **changes})


# The table of fields


def test_an_application_must_send_ten_fields_and_may_send_eight_more():
    assert REQUIRED_ROUND_FIELDS == (
        "ct_alive", "t_alive", "ct_equip_value", "t_equip_value", "ct_money", "t_money", "bomb_planted",
        "time_remaining", "ct_score", "t_score",
    )  # fmt: skip
    assert OPTIONAL_ROUND_FIELDS == (
        "map_name", "ct_health", "t_health", "ct_armor", "t_armor", "ct_helmets", "t_helmets", "ct_defuse_kits",
    )  # fmt: skip


def test_a_state_has_exactly_the_fields_of_the_table_and_its_optional_ones_default_to_missing():
    assert tuple(field.name for field in fields(RoundState)) == tuple(FIELD)
    optional = {field.name: field.default for field in fields(RoundState) if field.default is not MISSING}
    assert optional == dict.fromkeys(OPTIONAL_ROUND_FIELDS)


def test_only_the_map_is_text_and_every_field_says_what_it_is():
    assert [field.name for field in ROUND_FIELDS if field.text] == ["map_name"]
    assert all(field.meaning for field in ROUND_FIELDS)


def test_players_rounds_helmets_kits_and_the_bomb_are_whole_numbers():
    assert [field.name for field in ROUND_FIELDS if field.integer] == [
        "ct_alive", "t_alive", "bomb_planted", "ct_score", "t_score", "ct_helmets", "t_helmets", "ct_defuse_kits",
    ]  # fmt: skip


def test_five_players_set_most_of_the_bounds():
    assert {name: (FIELD[name].low, FIELD[name].high) for name in NUMBERS} == {
        "ct_alive": (0, 5), "t_alive": (0, 5), "ct_equip_value": (0, 60_000), "t_equip_value": (0, 60_000),
        "ct_money": (0, 80_000), "t_money": (0, 80_000), "bomb_planted": (0, 1), "time_remaining": (0, 180),
        "ct_score": (0, 99), "t_score": (0, 99), "ct_health": (0, 500), "t_health": (0, 500), "ct_armor": (0, 500),
        "t_armor": (0, 500), "ct_helmets": (0, 5), "t_helmets": (0, 5), "ct_defuse_kits": (0, 5),
    }  # fmt: skip


def test_the_bounds_have_room_for_every_clock_and_score_of_a_match():
    assert FIELD["time_remaining"].high == MAX_TIME_REMAINING >= ROUND_TIME + FREEZE_TIME
    assert BOMB_TIME <= MAX_BOMB_TIME < ROUND_TIME
    assert FIELD["ct_score"].high == FIELD["t_score"].high > ROUNDS_TO_WIN + 10 * 3


# Decided states


@pytest.mark.parametrize(("t", "planted", "time"), [*product(ALIVE, (0, 1), (0.0, 0.1, 40.0))])
def test_t_has_won_once_no_ct_lives(t, planted, time):
    assert decided_winner(0, t, planted, time) == "T"


@pytest.mark.parametrize(("ct", "time"), [*product(ALIVE[1:], (0.0, 0.1, 115.0))])
def test_ct_has_won_once_no_t_lives_and_no_bomb_is_down(ct, time):
    assert decided_winner(ct, 0, 0, time) == "CT"


@pytest.mark.parametrize(("ct", "time"), [*product(ALIVE[1:], (0.1, 40.0))])
def test_with_every_t_dead_and_the_bomb_down_the_round_is_open_for_ct_must_still_defuse(ct, time):
    assert decided_winner(ct, 0, 1, time) is None


@pytest.mark.parametrize(("ct", "t"), [*product(ALIVE[1:], ALIVE[1:])])
def test_ct_has_won_when_time_is_out_with_no_bomb_down(ct, t):
    assert decided_winner(ct, t, 0, 0.0) == "CT"
    assert decided_winner(ct, t, 0, 0.01) is None


@pytest.mark.parametrize(("ct", "t"), [*product(ALIVE[1:], ALIVE)])
def test_t_has_won_when_time_is_out_with_the_bomb_down(ct, t):
    assert decided_winner(ct, t, 1, 0.0) == "T"
    assert decided_winner(ct, t, 1, 0.01) is None


@LAW
@given(states())
def test_an_open_round_has_time_left_a_living_ct_and_a_bomb_down_or_a_living_t(state):
    still_to_play = state["time_remaining"] > 0 and (state["bomb_planted"] == 1 or state["t_alive"] > 0)
    assert (decided(state) is None) == (state["ct_alive"] > 0 and still_to_play)


@LAW
@given(states(), st.floats(0, MAX_TIME_REMAINING))
def test_more_time_on_the_clock_never_decides_an_open_round(state, time):
    if decided(state) is None:
        assert decided({**state, "time_remaining": state["time_remaining"] + time}) is None


@LAW
@given(states())
def test_a_planted_bomb_may_be_called_true(state):
    assert decided({**state, "bomb_planted": bool(state["bomb_planted"])}) == decided(state)


# Impossible states


@LAW
@given(states())
def test_no_state_that_can_exist_is_refused(state):
    assert contradictions(state) == []


@LAW
@given(states())
def test_a_field_left_out_is_a_field_that_is_none(state):
    sent = {name: value for name, value in state.items() if value is not None}
    assert contradictions(sent) == contradictions(state) == []


def test_nobody_alive_on_both_sides_with_no_bomb_cannot_be():
    found = refused(ct_alive=0, t_alive=0)
    assert found == [("ct_alive", "nobody is alive on either side and no bomb is planted")]


def test_nobody_alive_on_both_sides_can_be_while_the_bomb_ticks():
    assert refused(ct_alive=0, t_alive=0, bomb_planted=1, time_remaining=10) == []


def test_a_planted_bomb_cannot_have_more_than_the_longest_bomb_timer_left():
    found = refused(bomb_planted=1, time_remaining=45.1)
    assert found == [("time_remaining", "a planted bomb explodes within 45 s")]
    assert refused(bomb_planted=1, time_remaining=45) == []
    assert refused(bomb_planted=0, time_remaining=45.1) == []


@pytest.mark.parametrize(
    ("field", "most", "message"),
    [
        ("ct_health", 400, "401 is more than 4 living players can have"),
        ("t_health", 400, "401 is more than 4 living players can have"),
        ("ct_armor", 400, "401 is more than 4 living players can have"),
        ("t_armor", 400, "401 is more than 4 living players can have"),
        ("ct_helmets", 4, "5 is more than 4 living players can have"),
        ("t_helmets", 4, "5 is more than 4 living players can have"),
        ("ct_defuse_kits", 4, "5 is more than 4 living players can have"),
    ],
)
def test_the_living_cannot_have_more_than_each_of_them_can_carry(field, most, message):
    assert refused(**{field: most}) == []
    assert refused(**{field: most + 1}) == [(field, message)]


@pytest.mark.parametrize("side", ["ct", "t"])
def test_the_dead_have_no_health_armor_or_helmet(side):
    dead = {f"{side}_alive": 0}
    nothing = {f"{side}_{item}": 0 for item in ("health", "armor", "helmets")}
    assert refused(**dead, **nothing) == []
    for name in nothing:
        assert refused(**dead, **{**nothing, name: 1}) == [(name, "1 is more than 0 living players can have")]


@pytest.mark.parametrize("side", ["ct", "t"])
def test_the_living_have_some_health(side):
    assert refused(**{f"{side}_health": 0}) == [(f"{side}_health", "4 living players have some health")]
    assert refused(**{f"{side}_health": 1}) == []
    assert refused(**{f"{side}_alive": 1, f"{side}_health": 0}) == [
        (f"{side}_health", "1 living players have some health")
    ]


def test_everything_wrong_is_named_at_once():
    found = refused(bomb_planted=1, time_remaining=100, ct_health=0, t_armor=500, t_helmets=5)
    assert [name for name, _ in found] == ["time_remaining", "ct_health", "t_armor", "t_helmets"]


@LAW
@given(states(), st.sampled_from(["health", "armor", "helmets"]), st.sampled_from(["ct", "t"]), st.integers(1, 100))
def test_one_field_made_impossible_is_the_one_refused(state, item, side, too_many):
    most = state[f"{side}_alive"] * (1 if item == "helmets" else 100)
    found = contradictions({**state, f"{side}_{item}": most + too_many})
    assert [name for name, _ in found] == [f"{side}_{item}"]


@LAW
@given(st.lists(st.tuples(states(), st.sampled_from([None, *NUMBERS]), st.integers(0, 600)), min_size=1, max_size=8))
def test_a_table_is_judged_as_its_states_are_one_by_one(drawn):
    rows = [state if name is None else {**state, name: value} for state, name, value in drawn]
    table = {name: np.array([row[name] for row in rows], dtype=float) for name in NUMBERS}
    assert impossible(table).tolist() == [bool(contradictions(row)) for row in rows]
    without = {name: table[name] for name in REQUIRED_ROUND_FIELDS}
    alone = [bool(contradictions({name: row[name] for name in REQUIRED_ROUND_FIELDS})) for row in rows]
    assert impossible(without).tolist() == alone


@pytest.mark.parametrize(
    ("state", "won"),
    [
        ((0, 0, 0, 0.0), "T"), ((0, 3, 0, 9.0), "T"), ((0, 0, 1, 9.0), "T"), ((1, 0, 0, 9.0), "CT"),
        ((1, 0, 1, 9.0), None), ((1, 1, 0, 0.0), "CT"), ((1, 1, 1, 0.0), "T"), ((1, 1, 0, 9.0), None),
        ((1, 1, 1, 9.0), None),
    ],
)  # fmt: skip
def test_a_round_has_one_winner_at_most(state, won):
    assert both(*state) == (won == "CT", won == "T")
    many = both(*(np.array([value, 5.0]) for value in state))
    assert [found[0] for found in many] == [won == "CT", won == "T"]


def test_without_any_rule_no_state_is_impossible():
    assert any_broken([]) is False


@pytest.mark.parametrize(("name", "alive"), [("t_alive", "ct_alive"), ("ct_alive", "t_alive")])
def test_one_side_may_be_dead_whichever_it_is(name, alive):
    assert refused(**{name: 0, alive: 1}) == []
    assert refused(**{name: 1, alive: 0}) == []
