"""How states and records become numbers: in one order, finite, and the same for one request as for a whole table."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.game.features import (
    OPTIONAL_ROUND_FEATURES,
    PLAYER_FEATURES,
    ROUND_FEATURES,
    player_features,
    round_features,
)
from cs2_pipeline.game.maps import map_index
from cs2_pipeline.game.player import PLAYER_FIELDS, complete
from cs2_pipeline.game.state import OPTIONAL_ROUND_FIELDS, REQUIRED_ROUND_FIELDS, ROUND_FIELDS
from cs2_pipeline_tests.game.inputs import EVEN, LAW, RECORD, records, states

COPIED = [name for name in ROUND_FEATURES if name not in ("round_time", "bomb_time", "map_index")]


def features_of(state):
    """The features of one state by name."""
    values = {**state, "map_index": map_index(state.get("map_name"))}
    return dict(zip(ROUND_FEATURES, round_features(values), strict=True))


def table_of(rows):
    """Arrays by field name as a table has them: optional numbers as floats with NaN where missing."""
    table = {}
    for field in ROUND_FIELDS:
        column = [row[field.name] for row in rows]
        if field.text:
            table["map_index"] = np.array([map_index(name) for name in column])
        elif field.required:
            table[field.name] = np.array(column)
        else:
            table[field.name] = np.array([math.nan if value is None else value for value in column], dtype=float)
    return table


# The order models are trained on


def test_the_round_models_inputs_keep_the_order_trained_models_know():
    assert ROUND_FEATURES == (
        "ct_alive", "t_alive", "ct_equip_value", "t_equip_value", "ct_money", "t_money", "bomb_planted", "round_time",
        "bomb_time", "ct_score", "t_score", "map_index", "ct_health", "t_health", "ct_armor", "t_armor", "ct_helmets",
        "t_helmets", "ct_defuse_kits",
    )  # fmt: skip


def test_every_field_of_a_state_reaches_the_model():
    clocks_and_map = {"round_time", "bomb_time", "map_index"}
    assert set(ROUND_FEATURES) - clocks_and_map == {field.name for field in ROUND_FIELDS} - {
        "time_remaining", "map_name",
    }  # fmt: skip


def test_the_features_that_may_be_missing_are_those_of_the_optional_fields():
    named = ["map_index" if name == "map_name" else name for name in OPTIONAL_ROUND_FIELDS]
    assert list(OPTIONAL_ROUND_FEATURES) == named


def test_the_player_models_inputs_are_the_requests_fields_in_their_order():
    assert tuple(field.name for field in PLAYER_FIELDS) == PLAYER_FEATURES


# A round


def test_before_the_plant_the_time_is_the_round_clocks():
    found = features_of({**EVEN, "bomb_planted": 0, "time_remaining": 30.5})
    assert (found["round_time"], found["bomb_time"]) == (30.5, 0)


def test_once_the_bomb_is_down_the_time_is_the_bombs():
    found = features_of({**EVEN, "bomb_planted": 1, "time_remaining": 30.5})
    assert (found["round_time"], found["bomb_time"]) == (0, 30.5)


def test_the_ten_required_fields_suffice_and_the_rest_is_missing():
    found = round_features(EVEN)
    missing = dict(zip(ROUND_FEATURES, found, strict=True))
    assert missing.pop("map_index") == 0
    assert [name for name, value in missing.items() if math.isnan(value)] == list(OPTIONAL_ROUND_FEATURES[1:])


def test_none_of_something_is_not_the_same_as_not_knowing():
    assert features_of({**EVEN, "ct_helmets": 0})["ct_helmets"] == 0
    assert math.isnan(features_of({**EVEN, "ct_helmets": None})["ct_helmets"])


@LAW
@given(states())
def test_every_number_known_of_a_state_is_finite_and_every_unknown_is_nan(state):
    for name, value in features_of(state).items():
        assert math.isfinite(value) == (name not in state or state[name] is not None)


@LAW
@given(states())
def test_a_state_is_copied_as_it_is_and_its_time_is_on_one_clock_alone(state):
    found = features_of(state)
    assert {name: found[name] for name in COPIED if state[name] is not None} == {
        name: state[name] for name in COPIED if state[name] is not None
    }
    assert found["round_time"] + found["bomb_time"] == state["time_remaining"]
    assert found["bomb_time" if state["bomb_planted"] == 0 else "round_time"] == 0


@LAW
@given(st.lists(states(), min_size=1, max_size=4))
def test_a_table_of_states_has_exactly_the_features_of_its_rows(rows):
    columns = round_features(table_of(rows))
    one_by_one = [list(features_of(row).values()) for row in rows]
    np.testing.assert_array_equal(np.column_stack(columns).astype(float), np.array(one_by_one, dtype=float))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "bool", "float32", "float64"])
def test_the_plant_may_be_of_any_type_a_table_holds(dtype):
    planted = {"bomb_planted": np.array([0, 1], dtype=dtype), "time_remaining": np.array([90.25, 12.75])}
    found = dict(zip(ROUND_FEATURES, round_features({**dict.fromkeys(REQUIRED_ROUND_FIELDS), **planted}), strict=True))
    assert found["round_time"].tolist() == [90.25, 0]
    assert found["bomb_time"].tolist() == [0, 12.75]


def test_features_leave_a_table_as_it_was():
    table = table_of([{**dict.fromkeys(OPTIONAL_ROUND_FIELDS), **EVEN}] * 2)
    for column in table.values():
        column.flags.writeable = False
    assert len(round_features(table)) == len(ROUND_FEATURES)


@pytest.mark.parametrize("name", ["bomb_planted", "time_remaining"])
def test_a_state_without_its_clock_is_refused_by_name(name):
    with pytest.raises(KeyError, match=name):
        round_features({field: value for field, value in EVEN.items() if field != name})


# A player


def test_a_players_features_are_his_fields_in_order_whatever_the_order_they_came_in():
    sent = {**RECORD, "kd_ratio": 1.2, "headshot_pct": 0.5, "clutch_rate": 0.3, "adr": 82.0}
    shuffled = dict(sorted(sent.items(), reverse=True))
    assert player_features(shuffled) == [18.0, 15.0, 9.0, 1850.0, 12, 40, 2.0, 480, 1.2, 0.5, 0.3, 82.0]


@LAW
@given(records())
def test_every_feature_of_a_completed_record_is_finite_but_for_damage_per_round_not_sent(record):
    found = dict(zip(PLAYER_FEATURES, player_features(complete(record)), strict=True))
    adr = found.pop("adr")
    assert all(math.isfinite(value) for value in found.values())
    assert math.isfinite(adr) == (record.get("adr") is not None)


@LAW
@given(st.lists(records(), min_size=1, max_size=4))
def test_a_table_of_players_has_exactly_the_features_of_its_rows(rows):
    whole = [complete(row) for row in rows]
    table = {name: np.array([row[name] for row in whole], dtype=float) for name in PLAYER_FEATURES}
    one_by_one = np.array([player_features(row) for row in whole], dtype=float)
    np.testing.assert_array_equal(np.column_stack(player_features(table)), one_by_one)


@pytest.mark.parametrize("name", RECORD)
def test_a_player_without_a_field_is_refused_by_its_name(name):
    with pytest.raises(KeyError, match=name):
        player_features({field: value for field, value in complete(RECORD).items() if field != name})
