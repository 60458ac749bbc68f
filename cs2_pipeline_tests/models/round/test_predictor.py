"""The round model's training: what it promises about its artifact, its choice and its input."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.artifact.artifact import Artifact, model_digest
from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES
from cs2_pipeline.models.round import predictor
from cs2_pipeline.models.round.inputs import mask
from cs2_pipeline.models.round.predictor import RoundTraining
from cs2_pipeline.models.round.rows import feature_matrix
from cs2_pipeline.models.training import LEFT_OUT_LOSS, TRAIN_LOSS, TrainingError
from cs2_pipeline_tests.models.round.quick import train_quickly


@pytest.fixture(scope="module")
def training(round_dataset: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> RoundTraining:
    return predictor.train(round_dataset, seed=0, folder=tmp_path_factory.mktemp("model"))


def test_the_artifact_on_disk_answers_as_the_chosen_candidate_does(
    training: RoundTraining, round_dataset: pd.DataFrame
) -> None:
    features = feature_matrix(round_dataset)
    served = Artifact.load(training.folder)
    for view in (features, mask(features)):
        np.testing.assert_allclose(served.predict(view)["probability"], training.chosen.predict(view), atol=1e-6)


def test_every_kind_of_candidate_is_compared_with_and_without_the_optional_inputs(training: RoundTraining) -> None:
    names = [candidate.name for candidate in training.candidates]
    assert names == [
        "logistic regression",
        "monotone network",
        "gradient boosting",
        "network and boosting",
        "student network",
    ]
    assert all(0 < c.log_loss < 1 and 0 < c.log_loss_required < 1 for c in training.candidates)
    assert training.baseline is training.candidates[0]


def test_the_chosen_candidate_beats_chance_on_matches_it_has_not_seen(
    training: RoundTraining, round_dataset: pd.DataFrame
) -> None:
    test = round_dataset[round_dataset["part"] == "test"]
    probability, outcome = training.chosen.predict(feature_matrix(test)), test["ct_wins"].to_numpy()
    assert -np.mean(np.where(outcome, np.log(probability), np.log(1 - probability))) < np.log(2) - 0.1


def test_it_learns_without_an_input_that_never_varies_and_ignores_what_is_given_for_it(
    training: RoundTraining, round_dataset: pd.DataFrame
) -> None:
    assert training.ignored_inputs == ("ct_defuse_kits",), "everybody has one kit in these tests"
    answers = [
        training.artifact.predict(feature_matrix(round_dataset.assign(ct_defuse_kits=kits)))["probability"]
        for kits in (0.0, 1.0, 5.0, np.nan)
    ]
    assert all((one == answers[0]).all() for one in answers)
    baseline = training.baseline.predict(feature_matrix(round_dataset.assign(ct_defuse_kits=5.0)))
    assert (baseline == training.baseline.predict(feature_matrix(round_dataset))).all(), "nor does what it must beat"


def test_a_database_of_one_map_that_records_no_armour_gives_a_model_that_ignores_both(
    round_dataset: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_quickly(monkeypatch, epochs=10)
    optional = [name for name in OPTIONAL_ROUND_FEATURES if name != "map_index"]
    poor = round_dataset.assign(map_index=3, **dict.fromkeys(optional, np.nan))
    training = predictor.train(poor, seed=0, folder=tmp_path)
    assert set(training.ignored_inputs) == {"map_name", *optional}
    rich = feature_matrix(round_dataset)
    probability = Artifact.load(tmp_path).predict(rich)["probability"]
    assert (probability == training.artifact.predict(mask(rich))["probability"]).all()
    assert probability.std() > 0.1


def test_an_interval_holds_its_probability(training: RoundTraining, round_dataset: pd.DataFrame) -> None:
    outputs = training.artifact.predict(feature_matrix(round_dataset))
    assert np.all(outputs["low"] <= outputs["probability"])
    assert np.all(outputs["probability"] <= outputs["high"])
    assert np.all((outputs["low"] > 0) & (outputs["high"] < 1))


def test_the_same_data_and_seed_give_the_same_graph(
    round_dataset: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_quickly(monkeypatch, epochs=2)
    shuffled_test_part = round_dataset.copy()
    in_test = shuffled_test_part["part"] == "test"
    shuffled_test_part.loc[in_test, "ct_wins"] = 1 - shuffled_test_part.loc[in_test, "ct_wins"]
    for name, table in (("one", round_dataset), ("other", shuffled_test_part)):
        predictor.train(table, seed=0, folder=tmp_path / name)
    assert model_digest(tmp_path / "one") == model_digest(tmp_path / "other")


def test_the_losses_by_step_fall_on_what_was_learned_from_and_on_what_was_left_out(training: RoundTraining) -> None:
    assert {name.split("/")[1] for name in training.curves} == {"monotone network", "student network"}
    for name in (TRAIN_LOSS, LEFT_OUT_LOSS):
        curve = training.curves[f"{name}/student network"]
        steps = [step for step, _ in curve]
        assert steps == sorted(set(steps))
        assert steps[-1] == predictor.STUDENT.steps_for(training.rows)
        assert curve[-1][1] < curve[0][1]
    left_out = training.chosen.curves[LEFT_OUT_LOSS]
    assert left_out[-1][1] == pytest.approx(training.chosen.log_loss, abs=1e-6)  # so few rows that all are watched


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d[d["match_id"] < d["match_id"].min() + 3], "3 matches before its test part"),
        (lambda d: d.assign(ct_wins=np.int8(1)), "CT wins every round"),
        (lambda d: d.drop(columns="t_money"), "no column t_money"),
        (lambda d: d.assign(t_money=d["t_money"].where(d.index != d.index[7])), "t_money is missing in 1 row"),
    ],
)
def test_a_dataset_that_cannot_be_learned_from_is_refused_and_nothing_is_written(
    round_dataset: pd.DataFrame, tmp_path: Path, spoil: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        predictor.train(spoil(round_dataset), seed=0, folder=tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_of_the_required_inputs_alone_the_student_is_taught_half_what_the_whole_state_is_worth() -> None:
    whole, required, some = 0.2, 0.6, 0.5
    said = np.array([whole, required, some])[:, None, None]
    taught = predictor.taught_prices(np.log(said / (1 - said)))
    np.testing.assert_allclose(taught[:, 0, 0], [whole, 0.4, some])
