import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.evaluation import domain
from cs2_pipeline.game import player
from cs2_pipeline.game.features import PLAYER_FEATURES, ROUND_FEATURES
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.game.rules import FULL_ARMOR, FULL_HEALTH, TEAM_SIZE
from cs2_pipeline.game.state import MAX_BOMB_TIME, OPTIONAL_ROUND_FIELDS, ROUND_FIELDS, contradictions


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_every_state_drawn_is_within_bounds_whole_where_it_must_be_and_possible(seed):
    states = domain.generate_states(np.random.default_rng(seed), 300)
    assert 200 < states["ct_alive"].size <= 300
    for field in ROUND_FIELDS:
        if not field.text:
            known = states[field.name][~np.isnan(states[field.name])]
            assert ((known >= field.low) & (known <= field.high)).all(), field.name
            assert not field.integer or (known == np.rint(known)).all(), field.name
    rows = zip(*states.values(), strict=True)
    assert not any(contradictions(dict(zip(states, row, strict=True))) for row in rows)


def test_the_whole_domain_is_drawn_bounds_and_missing_fields_included():
    states = domain.generate_states(np.random.default_rng(0), 20_000)
    for field in ROUND_FIELDS:
        if not field.text:
            known = states[field.name][~np.isnan(states[field.name])]
            assert known.min() == field.low, field.name
            assert known.max() == field.high, field.name
    full = states["t_alive"] == TEAM_SIZE
    for name, most in (("t_health", FULL_HEALTH), ("t_armor", FULL_ARMOR), ("t_helmets", 1)):
        shares = states[name][full & ~np.isnan(states[name])] / (most * TEAM_SIZE)
        assert (shares.min() < 0.1, shares.max()) == (True, 1), "a whole team may have all of it, or hardly any"
    missing = np.array([[bool(hidden) for hidden in pd.isna(states[name])] for name in OPTIONAL_ROUND_FIELDS])
    assert missing.all(axis=0).any(), "rows with no optional field"
    assert (~missing).all(axis=0).any(), "rows with all of them"
    assert {"CT", "T", ""} == set(domain.winners(states).tolist())


def test_features_of_states_are_those_of_the_game():
    states = domain.generate_states(np.random.default_rng(0), 50)
    features = domain.state_features(states)
    assert features.shape == (states["ct_alive"].size, len(ROUND_FEATURES))
    assert features.dtype == np.float32
    planted = states["bomb_planted"] == 1
    assert (features[planted, ROUND_FEATURES.index("round_time")] == 0).all()
    assert (features[~planted, ROUND_FEATURES.index("bomb_time")] == 0).all()


def test_a_table_without_optional_columns_gives_states_where_they_are_missing():
    required = {field.name: [1] for field in ROUND_FIELDS if field.required}
    states = domain.states_of(pd.DataFrame(required))
    assert states["map_name"].tolist() == [None]
    assert np.isnan(states["ct_health"]).all()
    features = domain.state_features(states)
    assert features[0, ROUND_FEATURES.index("map_index")] == 0


def test_null_and_missing_values_of_a_table_are_the_same_to_a_state():
    required = {field.name: [1, 1] for field in ROUND_FIELDS if field.required}
    table = pd.DataFrame({**required, "map_name": pd.Series(["de_nuke", None], dtype="str")})
    table["ct_health"] = pd.array([80, None], dtype="Int64")
    states = domain.states_of(table)
    assert states["map_name"].tolist() == ["de_nuke", None]
    assert np.isnan(states["ct_health"]).tolist() == [False, True]


def test_players_drawn_are_possible_and_may_lack_what_can_be_derived():
    features = domain.generate_players(np.random.default_rng(0), 500)
    column = {name: features[:, number] for number, name in enumerate(PLAYER_FEATURES)}
    assert len(features) == 500
    assert (column["avg_headshots"] <= column["avg_kills"]).all()
    assert (column["total_clutches"] <= column["total_clutch_attempts"]).all()
    assert np.isnan(column["adr"]).any()
    assert not np.isnan(column["kd_ratio"]).any()


def test_a_bound_is_drawn_a_tenth_of_the_time_and_what_lies_between_evenly():
    money = domain.generate_states(np.random.default_rng(0), 20_000)["ct_money"] / 80_000
    assert (np.mean(money == 0), np.mean(money == 1)) == (pytest.approx(0.1, abs=0.01), pytest.approx(0.1, abs=0.01))
    between = money[(money > 0) & (money < 1)]
    assert np.quantile(between, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.02)


def test_a_planted_bomb_has_at_most_its_own_time_and_the_round_clock_its_whole():
    states = domain.generate_states(np.random.default_rng(1), 5_000)
    planted, left = states["bomb_planted"] == 1, states["time_remaining"]
    clock = next(field.high for field in ROUND_FIELDS if field.name == "time_remaining")
    assert (left[planted].min(), left[planted].max()) == (0, MAX_BOMB_TIME)
    assert (left[~planted].min(), left[~planted].max()) == (0, clock)
    assert planted.mean() == pytest.approx(0.5, abs=0.03)


def test_what_players_wear_and_carry_is_drawn_for_each_of_them_and_counts_are_whole():
    states = domain.generate_states(np.random.default_rng(2), 20_000)
    for name, most, sides in (("health", 100, 2), ("armor", 100, 2), ("helmets", 1, 2), ("defuse_kits", 1, 1)):
        for side in ("ct", "t")[:sides]:
            values, alive = states[f"{side}_{name}"], states[f"{side}_alive"]
            known = ~np.isnan(values) & (alive > 0)
            assert (values[known] <= most * alive[known]).all()
            assert np.mean(values[known] == most * alive[known]) > 0.08, "all of them have all of it"
            assert np.mean(values[known] / (most * alive[known])) == pytest.approx(0.5, abs=0.08)
            whole = values[known] == np.rint(values[known])
            assert whole.all() if most == 1 else whole.mean() < 0.5


def test_known_maps_and_one_that_is_to_come_are_drawn_alike():
    names = domain.generate_states(np.random.default_rng(3), 20_000)["map_name"]
    known = [name for name in names if name is not None]
    assert set(known) == {*MAPS, "de_of_tomorrow"}
    assert known.count("de_of_tomorrow") / len(known) == pytest.approx(1 / (len(MAPS) + 1), abs=0.03)


def test_of_optional_fields_a_third_of_states_has_all_a_third_none_and_the_rest_half():
    rows = 9_000
    whole = {name: np.full(rows, 1.0) for name in OPTIONAL_ROUND_FIELDS} | {"ct_alive": np.full(rows, 5.0)}
    whole["map_name"] = np.full(rows, "de_nuke", dtype=object)
    states = dict(whole)
    domain.hide_optional(np.random.default_rng(0), states)
    hidden = np.array([pd.isna(states[name]) for name in OPTIONAL_ROUND_FIELDS])
    assert hidden.all(axis=0).mean() == pytest.approx(1 / 3, abs=0.02)
    assert (~hidden).all(axis=0).mean() == pytest.approx(1 / 3, abs=0.02)
    assert hidden.mean() == pytest.approx(0.5, abs=0.02)
    assert set(states["map_name"]) == {None, "de_nuke"}
    assert not states["ct_alive"].sum() < 5 * rows, "a required field stays"
    assert not any(pd.isna(values).any() for values in whole.values()), "the arrays that were given stay as they are"


def test_players_drawn_keep_the_rules_of_a_record_and_half_of_what_is_optional_is_not_given():
    rows = 4_000
    features = domain.generate_players(np.random.default_rng(0), rows)
    assert (features.shape, features.dtype) == ((rows, len(PLAYER_FEATURES)), np.float32)
    column = dict(zip(PLAYER_FEATURES, features.T.astype(np.float64), strict=True))
    assert all(player.contradictions({name: column[name][row] for name in column}) == [] for row in range(0, rows, 40))
    tried, won, played = (column[name] for name in ("total_clutch_attempts", "total_clutches", "total_rounds"))
    assert (won <= tried).all() and (tried <= played).all()
    assert all((count == np.rint(count)).all() for count in (tried, won, played))
    assert played.max() == 1e6 and played.min() == 0
    ratio = column["avg_headshots"][column["avg_kills"] > 0] / column["avg_kills"][column["avg_kills"] > 0]
    assert ratio.mean() == pytest.approx(0.5, abs=0.03), "any share of the kills"
    share = tried[played > 0] / played[played > 0]
    assert share.mean() == pytest.approx(0.5, abs=0.03)
    assert np.isnan(column["adr"]).mean() == pytest.approx(0.5, abs=0.03), "it does not follow from the rest"
    followed = np.isclose(column["clutch_rate"][tried > 100], (won / np.maximum(tried, 1))[tried > 100], atol=1e-5)
    assert followed.mean() == pytest.approx(0.5, abs=0.03), "the others do"


def test_a_decided_state_has_its_winner_and_an_open_one_none():
    columns = {
        "ct_alive": [5, 0, 5, 3, 3, 3], "t_alive": [0, 5, 0, 3, 3, 3], "bomb_planted": [0, 0, 1, 0, 1, 0],
        "time_remaining": [50.0, 50.0, 10.0, 0.0, 0.0, 1.0],
    }  # fmt: skip
    states = {name: np.array(values) for name, values in columns.items()}
    assert domain.winners(states).tolist() == ["CT", "T", "", "CT", "T", ""]


def test_states_are_joined_in_order_and_chosen_by_row():
    one, other = {"ct_alive": np.array([1.0, 2.0])}, {"ct_alive": np.array([3.0])}
    both = domain.joined(one, other)
    assert both["ct_alive"].tolist() == [1, 2, 3]
    assert domain.subset(both, np.array([True, False, True]))["ct_alive"].tolist() == [1, 3]
