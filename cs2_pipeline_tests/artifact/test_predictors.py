"""From values to odds and tiers: the states that need no model, and what a model must be to be served."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.artifact.artifact import write
from cs2_pipeline.artifact.cache import ArtifactError, ModelVersion
from cs2_pipeline.artifact.predictors import predictor
from cs2_pipeline.game.features import ROUND_FEATURES, player_features, round_features
from cs2_pipeline.game.maps import map_index
from cs2_pipeline.game.player import PLAYER_FIELDS, complete
from cs2_pipeline.game.state import ROUND_FIELDS
from cs2_pipeline_tests.bento.serving import PLAYER, ROUND
from cs2_pipeline_tests.tiny_models import player_artifact, round_artifact


def version_of(name):
    return ModelVersion(name, "3", "run", "", "", "", "", "", {}, {})


@pytest.fixture(scope="module")
def round_model(tmp_path_factory):
    artifact = round_artifact(tmp_path_factory.mktemp("round"))
    return predictor(version_of("round_predictor"), artifact), artifact


@pytest.fixture(scope="module")
def player_model(tmp_path_factory):
    artifact = player_artifact(tmp_path_factory.mktemp("player"), min_rounds=50)
    return predictor(version_of("player_classifier"), artifact), artifact


def round_values(**changes):
    return {field.name: None for field in ROUND_FIELDS} | ROUND | changes


def test_odds_are_what_the_artifact_says_of_the_features(round_model):
    model, artifact = round_model
    values = round_values(map_name="de_nuke", ct_health=333)
    features = round_features(values | {"map_index": map_index("de_nuke")})
    expected = artifact.predict(np.array([features], dtype=np.float32))
    assert model.one(values) == tuple(pytest.approx(expected[key].item(), abs=1e-6) for key in expected)


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 2, st.integers(0, 1), st.sampled_from([0, 0.5, 30])), min_size=1))
def test_many_are_predicted_as_one_by_one(round_model, states):
    model, _ = round_model
    rows = [
        round_values(ct_alive=ct, t_alive=t, bomb_planted=planted, time_remaining=time)
        for ct, t, planted, time in states
    ]
    assert model.many([dict(row) for row in rows]) == [model.one(dict(row)) for row in rows]


@pytest.mark.parametrize(
    ("state", "probability"),
    [
        ({"ct_alive": 0}, 0),
        ({"ct_alive": 0, "bomb_planted": 1, "time_remaining": 30}, 0),
        ({"t_alive": 0}, 1),
        ({"time_remaining": 0}, 1),
    ],
)
def test_a_decided_round_is_exactly_won_or_lost(round_model, state, probability):
    model, _ = round_model
    assert model.one(round_values(**state)) == (probability, probability, probability)


def test_a_planted_bomb_with_every_t_dead_is_still_open(round_model):
    model, _ = round_model
    probability, low, high = model.one(round_values(t_alive=0, bomb_planted=1, time_remaining=4))
    assert 0 < low < probability < high < 1


def test_an_open_round_is_never_rounded_to_certainty(tmp_path):
    model = predictor(version_of("round_predictor"), round_artifact(tmp_path, bias=80.0))
    assert model.one(round_values())[0] == 1 - 1e-6
    assert model.many([round_values()])[0][0] == 1 - 1e-6


def test_scores_are_what_the_artifact_says_of_the_player(player_model):
    model, artifact = player_model
    values = {field.name: None for field in PLAYER_FIELDS} | PLAYER
    expected = artifact.predict(np.array([player_features(complete(values))], dtype=np.float32))["scores"][0]
    assert model.one(values).scores == pytest.approx(expected.tolist(), abs=1e-6)


def test_fields_that_follow_from_others_may_be_left_out(player_model):
    model, _ = player_model
    known = {key: PLAYER[key] for key in list(PLAYER)[:8]}
    derived = known | {"kd_ratio": 18.5 / 15.2, "headshot_pct": 8.1 / 18.5, "clutch_rate": 0.3}
    assert model.one(dict(known)) == model.one(derived)


def test_a_player_with_too_few_rounds_gets_a_reason_and_no_guess(player_model):
    model, _ = player_model
    skill = model.one(PLAYER | {"total_rounds": 49, "total_clutch_attempts": 20})
    assert (skill.scores, skill.reason) == (None, "not enough rounds yet: 49 of the 50 a judgement needs")


def test_a_model_that_reads_fewer_features_is_served(tmp_path):
    whole = round_artifact(tmp_path / "whole")
    graph = (tmp_path / "whole" / "model.onnx").read_bytes()
    probe = np.array([[4, 3, *[0] * 17]], dtype=np.float32)
    # Columns that the tiny graph does not read may stand in any order.
    read = ("ct_alive", "t_alive", "bomb_planted", "round_time", "bomb_time")
    others = iter([name for name in reversed(ROUND_FEATURES) if name not in read])
    features = tuple(name if name in read else next(others) for name in ROUND_FEATURES)
    assert features != ROUND_FEATURES
    made = write(
        tmp_path / "other", name="round_predictor", graph=graph, features=features, probe=probe,
        expected=whole.predict(probe),
    )  # fmt: skip
    model = predictor(version_of("round_predictor"), made)
    assert model.one(round_values()) == predictor(version_of("round_predictor"), whole).one(round_values())


def test_a_model_with_features_nobody_computes_is_turned_down(tmp_path):
    whole = round_artifact(tmp_path / "whole")
    graph = (tmp_path / "whole" / "model.onnx").read_bytes()
    probe = np.zeros((1, 19), dtype=np.float32)
    features = (*ROUND_FEATURES[:-1], "ping")
    made = write(
        tmp_path / "other", name="round_predictor", graph=graph, features=features, probe=probe,
        expected=whole.predict(probe),
    )  # fmt: skip
    with pytest.raises(ArtifactError, match="ping"):
        predictor(version_of("round_predictor"), made)


def test_a_model_under_another_models_name_is_turned_down(player_model):
    with pytest.raises(ArtifactError, match="gives the outputs"):
        predictor(version_of("round_predictor"), player_model[1])


def test_what_is_not_a_number_is_never_answered(tmp_path):
    model = predictor(version_of("round_predictor"), round_artifact(tmp_path))
    model._run = lambda names, inputs: [np.full(len(inputs["features"]), np.nan, np.float32)] * 3
    with pytest.raises(ArithmeticError):
        model.one(round_values())
    with pytest.raises(ArithmeticError):
        model.many([round_values()])


def test_hardly_any_deaths_give_a_large_kd_and_still_a_tier(player_model):
    model, _ = player_model
    assert model.one({key: PLAYER[key] for key in list(PLAYER)[:8]} | {"avg_deaths": 5e-324}).scores[3] > 0.9


@pytest.mark.parametrize(("rounds", "answered"), [(49, False), (50, True)])
def test_a_player_is_judged_from_exactly_as_many_rounds_as_the_model_names(player_model, rounds, answered):
    model, _ = player_model
    values = complete({field.name: None for field in PLAYER_FIELDS} | PLAYER | {"total_rounds": rounds})
    assert (model.one(values).scores is not None) == answered


def test_at_even_odds_ct_is_named_with_half_the_confidence(round_model):
    model, _ = round_model
    worded = {p: model.word((p, 0.4, 0.6)) for p in (0.5, 0.499999, 0.500001)}
    assert [worded[p]["predicted_winner"] for p in worded] == ["CT", "T", "CT"]
    assert [worded[p]["confidence"] for p in worded] == [0.5, 0.500001, 0.500001]
    assert all(one["ct_win_probability"] + one["t_win_probability"] == 1 for one in worded.values())
