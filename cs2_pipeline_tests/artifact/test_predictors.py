"""From values to odds and tiers: the states that need no model, and what a model must be to be served."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.artifact import write
from cs2_pipeline.artifact.cache import ArtifactError, ModelVersion
from cs2_pipeline.artifact.player_skill import Skill
from cs2_pipeline.artifact.predictors import predictor, table_of
from cs2_pipeline.game.features import ROUND_FEATURES, player_features, round_features
from cs2_pipeline.game.maps import map_index
from cs2_pipeline.game.player import PLAYER_FIELDS, UNREACHABLE_ROUNDS, complete
from cs2_pipeline.game.state import ROUND_FIELDS, Field
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


def in_columns(rows):
    return table_of(ROUND_FIELDS, {field.name: [row[field.name] for row in rows] for field in ROUND_FIELDS})


def test_odds_are_what_the_artifact_says_of_the_features(round_model):
    model, artifact = round_model
    values = round_values(map_name="de_nuke", ct_health=333)
    features = round_features(values | {"map_index": map_index("de_nuke")})
    expected = artifact.predict(np.array([features], dtype=np.float32))
    assert model.one(values) == tuple(pytest.approx(expected[key].item(), abs=1e-6) for key in expected)


ASKED = st.builds(
    round_values, ct_alive=st.integers(0, 5), t_alive=st.integers(0, 5), bomb_planted=st.integers(0, 1),
    time_remaining=st.sampled_from([0, 0.5, 30]), map_name=st.sampled_from([None, "de_nuke", "de_nowhere"]),
    t_health=st.sampled_from([None, 40]),
)  # fmt: skip


@given(st.lists(ASKED, min_size=1))
def test_many_are_predicted_as_one_by_one(round_model, rows):
    model, _ = round_model
    one_by_one = [model.one(dict(row)) for row in rows]
    assert model.many([dict(row) for row in rows]) == model.table(in_columns(rows)) == one_by_one


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
    assert model.table(in_columns([round_values()]))[0][0] == 1 - 1e-6


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


def test_values_given_that_the_model_ignores_are_named_in_the_answer_and_no_others(tmp_path):
    model = predictor(version_of("round_predictor"), round_artifact(tmp_path, ignored=["map_name", "ct_health"]))
    odds = (0.5, 0.4, 0.6)
    assert model.answer(round_values(map_name="de_nuke"), odds) == model.word(odds) | {"ignored_inputs": ["map_name"]}
    assert model.answer(round_values(t_health=0, ct_health=0), odds)["ignored_inputs"] == ["ct_health"]
    assert model.answer(round_values(t_health=300), odds) == model.word(odds)


def test_what_is_logged_of_a_prediction_are_the_columns_the_entry_names(round_model, player_model):
    rounds, players = round_model[0], player_model[0]
    row = rounds.row((0.5, 0.4, 0.6))
    assert row == {"ct_win_probability": 0.5, "ct_win_low": 0.4, "ct_win_high": 0.6}
    assert tuple(row) == rounds.spec.serving.logged
    known, unknown = players.row(Skill((0.1, 0.2, 0.3, 0.4))), players.row(Skill(None, "too few"))
    assert tuple(known) == tuple(unknown) == players.spec.serving.logged
    assert list(known.values()) == [0.1, 0.2, 0.3, 0.4]
    assert set(unknown.values()) == {None}


def test_the_likeliest_tier_is_named_with_its_score_and_no_tier_with_the_reason(player_model):
    model, _ = player_model
    worded = model.word(Skill((0.1, 0.2, 0.6, 0.1)))
    assert worded == {
        "skill_level": "Advanced", "confidence": 0.6,
        "scores": {"Beginner": 0.1, "Intermediate": 0.2, "Advanced": 0.6, "Pro": 0.1},
    }  # fmt: skip
    assert model.word(Skill(None, "too few")) == {
        "skill_level": None, "confidence": None, "scores": None, "reason": "too few",
    }  # fmt: skip


def test_many_players_are_classified_in_their_order_each_by_its_own_rounds(player_model):
    model, _ = player_model
    known = {field.name: None for field in PLAYER_FIELDS} | PLAYER
    others = [known, known | {"total_rounds": 10, "total_clutch_attempts": 5}, known | {"kd_ratio": 0.4}]
    assert model.many([dict(one) for one in others]) == [model.one(dict(one)) for one in others]
    assert [skill.scores is None for skill in model.many([dict(one) for one in others])] == [False, True, False]


def test_a_model_that_asks_for_more_rounds_than_anybody_has_is_not_served(tmp_path):
    artifact = player_artifact(tmp_path / "a", min_rounds=UNREACHABLE_ROUNDS)
    with pytest.raises(ArtifactError, match="more rounds than anybody has played"):
        predictor(version_of("player_classifier"), artifact)


def test_a_model_without_endpoints_is_not_served(round_model):
    with pytest.raises(ArtifactError, match="match_forecaster: the service has no endpoint"):
        predictor(version_of("match_forecaster"), round_model[1])


def test_scores_that_are_no_numbers_are_never_answered(tmp_path):
    model = predictor(version_of("player_classifier"), player_artifact(tmp_path))
    for scores in ([np.nan] * 4, [0.5, 0.5, 0, np.nan]):
        model._run = lambda names, inputs, scores=scores: [np.array([scores], np.float32)]
        with pytest.raises(ArithmeticError, match="player_classifier 3"):
            model.one({field.name: None for field in PLAYER_FIELDS} | PLAYER)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_odds_with_one_end_missing_are_never_answered(tmp_path, place):
    model = predictor(version_of("round_predictor"), round_artifact(tmp_path))

    def run(names, inputs):
        outputs = [np.full(len(inputs["features"]), 0.5, np.float32) for _ in names]
        outputs[place][-1] = np.inf
        return outputs

    model._run = run
    with pytest.raises(ArithmeticError, match="round_predictor 3"):
        model.one(round_values())
    for ask in (model.many, lambda states: model.table(in_columns(states))):
        with pytest.raises(ArithmeticError, match="round_predictor 3"):
            ask([round_values(), round_values()])


def test_an_open_round_is_never_rounded_to_certainty_against_ct_either(tmp_path):
    model = predictor(version_of("round_predictor"), round_artifact(tmp_path, bias=-80.0))
    assert model.one(round_values()) == (1e-6, 1e-6, 1e-6)
    assert model.many([round_values()]) == model.table(in_columns([round_values()])) == [(1e-6, 1e-6, 1e-6)]


def test_a_model_of_one_probability_answers_it_by_its_name(tmp_path, monkeypatch):
    """Such a model needs no class of its own; the table of models names its features, outputs and the name."""
    serving = replace(
        catalog.ROUND.serving, outputs=("probability",), logged=("chance",), example=dict.fromkeys(ROUND_FEATURES, 1),
        fields=tuple(Field(name, 0, 100, name) for name in ROUND_FEATURES),
        predictor="cs2_pipeline.artifact.probability:Probability",
    )  # fmt: skip
    monkeypatch.setattr(catalog, "MODELS", (replace(catalog.ROUND, serving=serving),))
    whole = round_artifact(tmp_path)
    model = predictor(
        version_of("round_predictor"), replace(whole, manifest=whole.manifest | {"outputs": ["probability"]})
    )
    items = [dict.fromkeys(ROUND_FEATURES, 0) | {"ct_alive": ct, "t_alive": 1, "round_time": 60} for ct in (1, 3)]
    found = model.many(items)
    assert found == [0.5, pytest.approx(1 / (1 + np.exp(-1.6)), abs=1e-6)]
    assert [round(one, 6) for one in found] == found
    assert model.one(items[1]) == found[1]
    assert model.word(0.5) == model.row(0.5) == {"chance": 0.5}
    model._run = lambda names, inputs: [np.array([0.5, np.nan], np.float32)]
    with pytest.raises(ArithmeticError, match="round_predictor 3 gave no number"):
        model.many(items)


def test_the_sides_odds_are_the_nearest_numbers_to_six_decimals_that_add_up_to_one(round_model):
    model, _ = round_model
    for millionths in (*range(0, 1_000_001, 997), 1, 999_999, 1_000_000):
        worded = model.word((millionths / 1e6, 0.0, 1.0))
        assert worded["t_win_probability"] == float(f"{(1_000_000 - millionths) / 1e6:.6f}")


def test_the_model_sees_the_features_of_each_state_of_a_batch(round_model):
    _, artifact = round_model
    model = predictor(version_of("round_predictor"), artifact)
    run, shown = model._run, []
    model._run = lambda names, inputs: shown.append(inputs["features"]) or run(names, inputs)
    said = {"map_name": "de_mirage", "ct_health": 250.0, "t_armor": 0.0}
    states = [round_values() | said, round_values(), round_values() | {"ct_health": 90.0}]
    model.many(states)
    features = [round_features(state | {"map_index": map_index(state["map_name"])}) for state in states]
    np.testing.assert_array_equal(shown[0], np.array(features, np.float32))


def test_a_predictor_is_made_ready_by_predicting_an_even_round_alone_and_beside_another(round_model):
    _, artifact = round_model
    model = predictor(version_of("round_predictor"), artifact)
    run, shown = model._run, []
    model._run = lambda names, inputs: shown.append(inputs["features"]) or run(names, inputs)
    model.prove()
    assert [len(features) for features in shown] == [2, 1]
    seen = dict(zip(ROUND_FEATURES, shown[1][0].tolist(), strict=True))
    for name in ("alive", "equip_value", "money", "score"):
        assert seen[f"ct_{name}"] == seen[f"t_{name}"]
    assert (seen["ct_alive"], seen["bomb_planted"], seen["round_time"]) == (5, 0, 115)


def test_a_model_that_predicts_by_its_graph_alone_is_not_served_before_it_has_predicted(tmp_path):
    artifact = round_artifact(tmp_path)

    class Broken:
        run = staticmethod(lambda names, inputs: [np.full(len(inputs["features"]), np.nan, np.float32)] * 3)

    with pytest.raises(ArithmeticError, match="round_predictor 3 gave no number"):
        predictor(version_of("round_predictor"), replace(artifact, session=Broken()))


def test_inputs_that_the_model_ignores_are_named_answer_by_answer(tmp_path):
    model = predictor(version_of("round_predictor"), round_artifact(tmp_path, ignored=["map_name", "ct_health"]))
    rows = [round_values(map_name="de_nuke", ct_health=0.0), round_values(t_health=90.0), round_values(ct_health=400.0)]
    odds = [(0.5, 0.4, 0.6), (0.25, 0.2, 0.3), (0.75, 0.7, 0.8)]
    found = model.answers({field.name: [row[field.name] for row in rows] for field in ROUND_FIELDS}, odds)
    assert found == [model.answer(row, one) for row, one in zip(rows, odds, strict=True)]
    assert [one.get("ignored_inputs") for one in found] == [["map_name", "ct_health"], None, ["ct_health"]]


def test_a_table_has_numbers_with_nan_for_none_and_texts_as_they_are():
    fields = (Field("kills", 0, 9, "kills"), Field("adr", 0, 9, "damage"), Field("map_name", 0, 0, "map", text=True))
    table = table_of(fields, {"kills": [1, None, 3], "adr": [None, None, None], "map_name": [None, "de_nuke", "x"]})
    np.testing.assert_array_equal(table["kills"], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(table["adr"], [np.nan] * 3)
    assert table["kills"].dtype == table["adr"].dtype == np.float64
    assert table["map_name"] == [None, "de_nuke", "x"]


def test_probabilities_and_scores_are_answered_with_six_decimals(round_model, player_model):
    odds = round_model[0].one(round_values(ct_alive=4, t_alive=3))
    expected = [1 / (1 + np.exp(-(0.8 + shift))) for shift in (0, -0.2, 0.2)]
    assert odds == tuple(round(one, 6) for one in expected)
    assert round_model[0].table(in_columns([round_values(ct_alive=4, t_alive=3)])) == [odds]
    values = {field.name: None for field in PLAYER_FIELDS} | PLAYER
    exact = player_model[1].predict(np.array([player_features(complete(values))], dtype=np.float32))["scores"][0]
    assert player_model[0].one(values).scores == tuple(round(one, 6) for one in exact.tolist())


def test_a_player_model_that_names_no_rounds_judges_anybody(tmp_path):
    artifact = player_artifact(tmp_path)
    manifest = {name: value for name, value in artifact.manifest.items() if name != "min_rounds"}
    model = predictor(version_of("player_classifier"), replace(artifact, manifest=manifest))
    novice = PLAYER | {"total_rounds": 0, "total_clutches": 0, "total_clutch_attempts": 0}
    assert model.one({field.name: None for field in PLAYER_FIELDS} | novice).scores is not None


def test_a_model_may_ask_for_as_many_rounds_as_a_request_may_hold(tmp_path):
    artifact = player_artifact(tmp_path, min_rounds=UNREACHABLE_ROUNDS - 1)
    assert predictor(version_of("player_classifier"), artifact).version.name == "player_classifier"


def test_of_tiers_as_likely_the_lower_one_is_named(player_model):
    worded = player_model[0].word(Skill((0.1, 0.4, 0.4, 0.1)))
    assert (worded["skill_level"], worded["confidence"]) == ("Intermediate", 0.4)


def test_parts_of_different_lengths_are_never_put_together(player_model, tmp_path):
    players = player_model[0]
    for told in (players.word, players.row):
        with pytest.raises(ValueError, match="zip"):
            told(Skill((0.5, 0.5)))
    table = {name: np.full(2, value) for name, value in complete(PLAYER).items()}
    assert len(players.table(table)) == 2
    with pytest.raises(ValueError, match="zip"):
        players.table(table | {"adr": np.full(1, 80.0)})
    rounds = predictor(version_of("round_predictor"), round_artifact(tmp_path, ignored=["map_name"]))
    with pytest.raises(ValueError, match="zip"):
        rounds.answers({"map_name": ["de_nuke", None]}, [(0.5, 0.4, 0.6)])
