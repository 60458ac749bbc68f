import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from cs2_pipeline.evaluation import domain
from cs2_pipeline.game.features import PLAYER_FEATURES, ROUND_FEATURES
from cs2_pipeline.game.rules import FULL_ARMOR, FULL_HEALTH, TEAM_SIZE
from cs2_pipeline.game.state import OPTIONAL_ROUND_FIELDS, ROUND_FIELDS, contradictions


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
