"""The round model's training: what it promises about its artifact, its choice and its input."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cs2_pipeline.artifact.artifact import Artifact, model_digest
from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES, ROUND_FEATURES
from cs2_pipeline.models.calibration import Blend, fit_blend, sigmoid
from cs2_pipeline.models.round import boosting, networks, predictor, rows
from cs2_pipeline.models.round.inputs import (
    CONTEXT,
    INPUTS,
    MONOTONE,
    InputMaker,
    mask,
    network_reach,
)
from cs2_pipeline.models.round.predictor import RoundTraining
from cs2_pipeline.models.round.rows import feature_matrix
from cs2_pipeline.models.round.teacher import Teacher
from cs2_pipeline.models.training import LEFT_OUT_LOSS, TRAIN_LOSS, TrainingError
from cs2_pipeline.stats.metrics import logit_log_loss
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
    learned = round_dataset[round_dataset["part"] != "test"]
    told = {
        "seed": 0, "candidate": "student network", "interval_level": 0.9, "rows": len(learned),
        "matches": learned["match_id"].nunique(),
    }  # fmt: skip
    assert {name: served.manifest[name] for name in told} == told
    assert (training.rows, training.matches) == (told["rows"], told["matches"])


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


@dataclass
class Unlearned:
    """A training whose networks learned nothing: what they were shown, and what was made of what they say."""

    fits: list[dict[str, Any]] = field(default_factory=list)
    blends: list[tuple[tuple[np.ndarray, ...], Blend]] = field(default_factory=list)
    teachers: list[Teacher] = field(default_factory=list)
    grown: list[tuple[np.ndarray, np.ndarray, int]] = field(default_factory=list)
    lessons: list[predictor._Teachers] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    training: RoundTraining | None = None


@pytest.fixture(scope="module")
def unlearned(round_dataset: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Unlearned:
    found = Unlearned()
    asked = found.fits

    def fit(draw, members, rows, *, params, seed, progress, left_out):
        network = networks.RoundPredictor(members, len(MONOTONE), len(CONTEXT), params, seed)
        told = {"drawn": draw(4_000), "members": members, "rows": rows, "params": params, "seed": seed}
        asked.append(told | {"network": network, "left_out": left_out(network)})
        return network, {LEFT_OUT_LOSS: [(1, asked[-1]["left_out"])]}

    def blended(logits, outcome):
        found.blends.append((logits, fit_blend(logits, outcome)))
        return found.blends[-1][1]

    grow = boosting.fit

    def grown(features, outcome, *, params, seed):
        found.grown.append((features, outcome, seed))
        return grow(features, outcome, params=params, seed=seed)

    def teacher(*parts):
        found.teachers.append(Teacher(*parts))
        return found.teachers[-1]

    teachers = predictor._Teachers

    def lessons(*parts):
        found.lessons.append(teachers(*parts))
        return found.lessons[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks, "fit", fit)
        patch.setattr(predictor, "_Teachers", lessons)
        patch.setattr(boosting, "fit", grown)
        patch.setattr(predictor, "fit_blend", blended)
        patch.setattr(predictor, "Teacher", teacher)
        patch.setattr(predictor, "BoostingParams", partial(boosting.BoostingParams, trees=3))
        folder = tmp_path_factory.mktemp("shown")
        found.training = predictor.train(round_dataset, seed=7, folder=folder, progress=found.said.append)
    return found


@pytest.fixture(scope="module")
def shown(unlearned: Unlearned) -> list[dict[str, Any]]:
    """What each of the three fits of networks is given."""
    return unlearned.fits


def missing(drawn: networks.Drawn) -> np.ndarray:
    """Which of the optional inputs that the dataset has are missing in each row drawn, the map not counted."""
    learned = [name for name in OPTIONAL_ROUND_FEATURES if name not in ("map_index", "ct_defuse_kits")]
    marks = [INPUTS - len(ROUND_FEATURES) + ROUND_FEATURES.index(name) for name in learned]
    return drawn.inputs.context[:, np.searchsorted(CONTEXT, marks)] > 0


def test_two_rounds_of_teachers_are_fitted_and_then_the_student(shown: list[dict[str, Any]]) -> None:
    assert [fit["members"] for fit in shown] == [10, 10, 6]
    assert [fit["params"].steps for fit in shown] == [1_000, 2_000, 2_000]
    assert [fit["seed"] for fit in shown] == [7, 8, 9]
    assert [fit["params"].hidden for fit in shown] == [(32, 16), (32, 16), (64, 32)]


def test_teachers_are_shown_a_quarter_of_the_rows_without_optional_inputs_and_an_eighth_with_some(
    shown: list[dict[str, Any]],
) -> None:
    for fit in shown[:2]:
        hidden = missing(fit["drawn"])
        some = hidden.any(axis=1) & ~hidden.all(axis=1)
        assert hidden.all(axis=1).mean() == pytest.approx(0.25 + 0.125 / 2**6, abs=0.03)
        assert some.mean() == pytest.approx(0.125 * (1 - 2 / 2**6), abs=0.025)


def test_the_student_is_shown_four_tenths_whole_states_and_more_than_four_of_required_inputs(
    shown: list[dict[str, Any]],
) -> None:
    hidden = missing(shown[2]["drawn"])
    assert (~hidden).all(axis=1).mean() == pytest.approx(0.4 + 0.15 / 2**6, abs=0.03)
    assert hidden.all(axis=1).mean() == pytest.approx(0.45 + 0.15 / 2**6, abs=0.03)


def test_each_member_leaves_a_fifth_of_the_matches_out_and_the_served_network_none(shown: list[dict[str, Any]]) -> None:
    for fit in shown[:2]:
        seen = fit["drawn"].seen
        np.testing.assert_array_equal(seen[:, :5], seen[:, 5:])
        assert (seen[:, :5].sum(axis=1) == 4).all()
        assert seen.mean(axis=0) == pytest.approx(np.full(10, 0.8), abs=0.08)
    seen = shown[2]["drawn"].seen
    assert (seen[:, :5].sum(axis=1) == 4).all()
    assert seen[:, 5].all()


def test_teachers_learn_the_outcome_at_a_rounds_last_moment_and_a_price_before(shown: list[dict[str, Any]]) -> None:
    """One of five moments is a round's last."""
    for fit in shown[:2]:
        certain = np.isin(fit["drawn"].target, (0.0, 1.0))
        np.testing.assert_array_equal(certain.all(axis=1), certain.any(axis=1))
        assert certain.all(axis=1).mean() == pytest.approx(0.2, abs=0.03)
        assert ((fit["drawn"].target >= 0) & (fit["drawn"].target <= 1)).all()
        assert fit["drawn"].reach is None


def test_members_that_leave_the_same_matches_out_learn_from_the_same_teacher(shown: list[dict[str, Any]]) -> None:
    for fit in shown[:2]:
        target = fit["drawn"].target
        np.testing.assert_array_equal(target[:, :5], target[:, 5:])
        assert len(np.unique(target[~np.isin(target, (0.0, 1.0)).any(axis=1)][0])) > 1


def test_the_student_learns_prices_and_an_interval_that_is_never_nothing_nor_endless(
    shown: list[dict[str, Any]],
) -> None:
    drawn = shown[2]["drawn"]
    assert ((drawn.target > 0) & (drawn.target < 1)).all()
    assert drawn.reach is not None
    assert drawn.reach.min() > 0.87 * 1.645 * 0.05 * 0.9
    assert drawn.reach.max() <= 0.87 * 3.0 + 1e-9


def test_the_recipe_is_the_one_that_was_judged() -> None:
    """docs/round-model.md has what was tried beside it: whoever changes a figure measures again, and says so there."""
    assert (predictor.FOLDS, predictor.MEMBERS_PER_FOLD) == (5, 2)
    assert (predictor.NOT_NOISE, predictor.TAUGHT_REACH, predictor.WHOLE_STATE) == (0.5, 0.87, 0.5)
    assert predictor.SHOWN == (0.4, 0.45, 0.15)
    assert networks.NetworkParams(hidden=(64, 32), weight_decay=0.0, context_decay=0.0) == predictor.STUDENT
    assert boosting.BoostingParams() == boosting.BoostingParams(
        learning_rate=0.1, trees=120, leaves=15, rows_per_leaf=100, l2=5.0, feature_share=0.5
    )
    assert (rows.EMPHASIS, rows.FITTED_ROWS, rows.JUDGED_ROWS, rows.WATCHED_ROWS) == (5, 100_000, 100_000, 5_000)


def members_that_left_out(fit: dict[str, Any], data: rows.Rows, members: int) -> list[np.ndarray]:
    """Of each judged row, with all inputs and with the required ones, what those say who did not learn from it."""
    seen = data.fold[data.judged, None] == np.arange(members) % 5
    return [
        np.where(seen, fit["network"].price_logits(InputMaker()(view)), 0).sum(axis=1) / seen.sum(axis=1)
        for view in data.judged_views
    ]


def test_every_candidate_is_judged_and_calibrated_on_matches_it_left_out(
    unlearned: Unlearned, round_dataset: pd.DataFrame
) -> None:
    data = rows.Rows.of(round_dataset, seed=7)
    outcome = data.outcome[data.judged]
    both = [unlearned.blends[place : place + 2] for place in (0, 6, 4, 2)]
    baseline, alone, trees, together = both[0], both[2], both[1], both[3]
    assert unlearned.training is not None
    for candidate, blends in zip(
        unlearned.training.candidates[:4], (baseline, alone, trees, together), strict=True
    ):  # of all inputs, of the required ones
        losses = [logit_log_loss(outcome, blend(*logits)) for logits, blend in blends]
        assert [candidate.log_loss, candidate.log_loss_required] == pytest.approx(losses, abs=1e-6)
    for view, (logits, _) in enumerate(together):
        said = members_that_left_out(unlearned.fits[1], data, 10)[view]
        np.testing.assert_allclose(logits[0], said, atol=1e-9)
        np.testing.assert_array_equal(logits[1], trees[view][0][0])


def test_the_student_is_judged_by_those_who_did_not_see_the_match(
    unlearned: Unlearned, round_dataset: pd.DataFrame
) -> None:
    data = rows.Rows.of(round_dataset, seed=7)
    fit = unlearned.fits[2]
    left_out = data.fold[data.judged, None] == np.arange(5)
    assert unlearned.training is not None
    student = unlearned.training.chosen
    losses = []
    for view in data.judged_views:
        said = fit["network"].price_logits(InputMaker()(view))
        losses.append(logit_log_loss(data.outcome[data.judged], said[:, :5][left_out]))
    assert [student.log_loss, student.log_loss_required] == pytest.approx(losses)
    assert fit["left_out"] == pytest.approx(losses[0])
    features = feature_matrix(round_dataset)[:50]
    hidden = mask(features, ("ct_defuse_kits",))
    served = fit["network"].price_logits(InputMaker()(hidden))[:, 5]
    np.testing.assert_allclose(student.predict(features), np.clip(sigmoid(served), 1e-4, 1 - 1e-4), atol=1e-9)


def test_half_of_what_the_optional_inputs_change_is_taken_for_what_they_say(unlearned: Unlearned) -> None:
    (teacher,) = unlearned.teachers
    (informed, blend), (required, plain) = unlearned.blends[2:4]
    change = sum(blend.weights) * (informed[0] - required[0])
    assert teacher.optional_variance == pytest.approx(0.5 * np.mean(change**2))
    assert teacher.informed == (*blend.weights, blend.offset)
    assert teacher.required == (*plain.weights, plain.offset)


def test_candidates_of_one_part_use_the_calibration_that_the_inputs_call_for(
    unlearned: Unlearned, round_dataset: pd.DataFrame
) -> None:
    assert unlearned.training is not None
    (teacher,) = unlearned.teachers
    features = mask(feature_matrix(round_dataset)[:40], ("ct_defuse_kits",))
    _, network, trees, together, _ = unlearned.training.candidates
    calibrations = {"network": unlearned.blends[4:6], "trees": unlearned.blends[6:8]}
    for view, rows_ in enumerate((features, mask(features))):
        for name, candidate, logits in (
            ("network", network, teacher.network.price_logits(InputMaker()(rows_)).mean(axis=1)),
            ("trees", trees, teacher.trees.logits(rows_)),
        ):
            blend = calibrations[name][view][1]
            np.testing.assert_allclose(candidate.predict(rows_), np.clip(sigmoid(blend(logits)), 1e-4, 1 - 1e-4))
        expected = np.clip(sigmoid(teacher.say(rows_)[0]), 1e-4, 1 - 1e-4)
        np.testing.assert_allclose(together.predict(rows_), expected)


def test_trees_see_each_row_whole_and_again_with_inputs_of_every_other_row_missing_at_even_odds(
    unlearned: Unlearned, round_dataset: pd.DataFrame
) -> None:
    data = rows.Rows.of(round_dataset, seed=7)
    columns = [place for place, name in enumerate(ROUND_FEATURES) if name in OPTIONAL_ROUND_FEATURES]
    learned = [place for place in columns if ROUND_FEATURES[place] not in ("map_index", "ct_defuse_kits")]
    informed = [call for call in unlearned.grown if call[0].shape[1] == len(ROUND_FEATURES)]
    required = [call for call in unlearned.grown if call[0].shape[1] < len(ROUND_FEATURES)]
    assert (len(informed), len(required)) == (6, 6), "five folds, and all"
    of_folds = sorted(int((data.fold != fold).sum()) for fold in (*range(5), rows.NO_FOLD))
    assert sorted(len(features) // 2 for features, *_ in informed) == of_folds
    assert sorted(len(features) for features, *_ in required) == of_folds
    for features, outcome, _ in informed:
        whole, partly = np.isnan(np.split(features[:, learned], 2))
        assert not whole.any()
        assert partly.any(axis=1).mean() == pytest.approx(0.5 * (1 - 2**-6), abs=0.06)
        assert partly.mean() == pytest.approx(0.25, abs=0.04)
        np.testing.assert_array_equal(*np.split(outcome, 2))
    assert all(features.shape[1] == columns[0] for features, *_ in required)
    for trees in (*unlearned.lessons[0].trees, unlearned.teachers[0].trees):
        assert (trees.informed.n_features_in_, trees.required.n_features_in_) == (len(ROUND_FEATURES), columns[0])
    seeds = [seed for *_, seed in unlearned.grown]
    assert len(set(seeds)) == 6, "one for both sets of trees of a fold"


@pytest.fixture(scope="module")
def data(round_dataset: pd.DataFrame) -> rows.Rows:
    """The rows that `unlearned` learned from."""
    return rows.Rows.of(round_dataset, seed=7)


def among(values: np.ndarray, table: np.ndarray) -> float:
    """Share of values that are in a table, but for their last digits."""
    ordered = np.sort(table)
    place = np.searchsorted(ordered, values).clip(1, len(ordered) - 1)
    return float((np.minimum(abs(ordered[place] - values), abs(ordered[place - 1] - values)) < 1e-9).mean())


def test_teachers_learn_the_next_moments_price_first_from_trees_and_then_from_networks(
    unlearned: Unlearned, data: rows.Rows
) -> None:
    """Of each fold from those that left it out."""
    (lessons,) = unlearned.lessons
    first, second, _ = unlearned.fits
    now = sigmoid(first["network"].price_logits(InputMaker()(data.features)))
    for fold in range(5):
        by_trees = data.next_of(sigmoid(lessons.trees[fold].logits(data.features)))
        by_networks = data.next_of((now[:, fold] + now[:, fold + 5]) / 2)
        assert among(first["drawn"].target[:, fold], by_trees) == 1
        assert among(second["drawn"].target[:, fold], by_networks) == 1
        assert among(second["drawn"].target[:, fold], by_trees) < 0.3, "the outcomes of last moments"


def test_the_teacher_of_a_fold_is_what_left_it_out_and_the_last_is_all_of_it(
    unlearned: Unlearned, data: rows.Rows
) -> None:
    (lessons,), (teacher,) = unlearned.lessons, unlearned.teachers
    some = np.vstack([data.features[:30], data.hidden[:30]])
    members = teacher.network.price_logits(InputMaker()(some))
    logits, reach = lessons.say(some)
    assert logits.shape == reach.shape == (60, 6)
    for fold in range(5):
        expected = teacher.combine(members[:, [fold, fold + 5]], lessons.trees[fold].logits(some), some)
        np.testing.assert_allclose([logits[:, fold], reach[:, fold]], expected)
    np.testing.assert_allclose([logits[:, 5], reach[:, 5]], teacher.say(some))


def test_the_student_learns_what_the_teacher_says_and_most_of_how_far_that_may_be_off(
    unlearned: Unlearned, data: rows.Rows
) -> None:
    (lessons,), drawn = unlearned.lessons, unlearned.fits[2]["drawn"]
    hidden = missing(drawn)
    whole, plain = (lessons.say(view)[0] for view in data.taught_views)
    logits, reach = lessons.say(data.taught_views[0])
    reach = 0.87 * np.minimum(network_reach(logits, reach, InputMaker()(data.taught_views[0]).clock), 3.0)
    shown_whole, shown_required = ~hidden.any(axis=1), hidden.all(axis=1)  # but for few of which the map alone differs
    for teacher in range(6):
        prices, required = sigmoid(whole[:, teacher]), sigmoid(plain[:, teacher])
        assert among(drawn.target[shown_whole, teacher], prices) > 0.97
        assert among(drawn.reach[shown_whole, teacher], reach[:, teacher]) > 0.97
        assert among(drawn.target[shown_required, teacher], (prices + required) / 2) > 0.97


def linear(features: np.ndarray) -> np.ndarray:
    """What the baseline reads: numbers with nought for a missing one, marks of what is missing, and maps one by one."""
    place = ROUND_FEATURES.index("map_index")
    numbers = np.delete(features, place, axis=1).astype(np.float64)
    return np.column_stack([np.nan_to_num(numbers), np.isnan(numbers), features[:, [place]] == np.arange(11)])


def test_the_baseline_is_logistic_regression_on_numbers_marks_and_maps_of_both_views(
    unlearned: Unlearned, data: rows.Rows
) -> None:
    assert unlearned.training is not None
    baseline, ((logits, informed), (hidden_logits, required)) = unlearned.training.baseline, unlearned.blends[:2]

    def fitted(chosen: np.ndarray):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        inputs = linear(np.vstack([data.features[chosen], data.hidden[chosen]]))
        return model.fit(inputs, np.tile(data.outcome[chosen], 2))

    model = fitted(np.full(len(data.outcome), True))
    for view, blend in ((data.features[:50], informed), (data.hidden[:50], required)):
        expected = sigmoid(blend(model.decision_function(linear(view))))
        np.testing.assert_allclose(baseline.predict(view), expected, atol=1e-6)
    left_out = data.fold == 3
    without = fitted(~left_out)
    for view, said in ((data.features, logits[0]), (data.hidden, hidden_logits[0])):
        np.testing.assert_allclose(said[left_out], without.decision_function(linear(view[left_out])), atol=1e-6)
    assert baseline.params == {"C": 1.0, "all_inputs": asdict(informed), "required_only": asdict(required)}


def test_trees_are_judged_on_the_matches_they_left_out(unlearned: Unlearned, data: rows.Rows) -> None:
    (lessons,) = unlearned.lessons
    for view, (logits, _) in zip((data.features, data.hidden), unlearned.blends[6:8], strict=True):
        for fold, trees in enumerate(lessons.trees):
            left_out = data.fold == fold
            np.testing.assert_allclose(logits[0][left_out], trees.logits(view[left_out]))


def test_while_networks_are_fitted_each_row_is_asked_of_those_that_leave_it_out(
    unlearned: Unlearned, data: rows.Rows
) -> None:
    for fit in unlearned.fits[:2]:
        said = members_that_left_out(fit, data, 10)[0]
        assert fit["left_out"] == pytest.approx(logit_log_loss(data.outcome, said))
        assert fit["rows"] == len(data.outcome)


def test_every_candidate_says_what_it_was_fitted_with(unlearned: Unlearned) -> None:
    assert unlearned.training is not None
    (teacher,) = unlearned.teachers
    _, network, trees, together, student = unlearned.training.candidates
    alone, grown = (
        {name: asdict(blend) for name, (_, blend) in zip(("all_inputs", "required_only"), blends, strict=True)}
        for blends in (unlearned.blends[4:6], unlearned.blends[6:8])
    )
    assert network.params == asdict(networks.NetworkParams()) | {"members": 10} | alone
    assert trees.params == asdict(boosting.BoostingParams(trees=3)) | grown
    assert together.params == {
        "all_inputs": teacher.informed._asdict(), "required_only": teacher.required._asdict(),
        "optional_variance": teacher.optional_variance,
    }  # fmt: skip
    assert student.params == asdict(predictor.STUDENT)
    manifest = unlearned.training.artifact.manifest
    assert manifest["params"] == student.params
    assert (manifest["name"], manifest["seed"]) == ("round_predictor", 7)
    assert [one.curves for one in (unlearned.training.baseline, trees, together)] == [{}, {}, {}]


def test_every_candidate_tells_how_long_it_took_and_all_together_took_longer(unlearned: Unlearned) -> None:
    assert unlearned.training is not None
    baseline, network, trees, together, student = (one.train_seconds for one in unlearned.training.candidates)
    assert together == network + trees
    assert min(baseline, network, trees, student) > 0
    assert baseline + network + trees + student < unlearned.training.train_seconds


def test_a_training_says_what_it_learns_from_without_what_and_how_good_each_candidate_is(
    unlearned: Unlearned, data: rows.Rows
) -> None:
    assert unlearned.training is not None
    losses = [
        f"{one.name}: log loss {one.log_loss:.4f}, required only {one.log_loss_required:.4f}"
        for one in unlearned.training.candidates
    ]
    assert unlearned.said == [
        f"round model: {len(data.outcome):,} snapshots of 17 matches to learn from",
        "learning without ct_defuse_kits: the same in all of them, or never known",
        "gradient boosting: 5 folds of matches, then all",
        *losses,
    ]


def test_no_candidate_is_more_certain_than_one_in_ten_thousand(data: rows.Rows) -> None:
    logits = np.array([-50.0, 50.0])
    judged = predictor._Judged("sure", {}, [np.zeros(len(data.judged))] * 2, 1.0)
    assert judged.candidate(data, lambda _: logits).predict(data.features[:2]).tolist() == [0.0001, 0.9999]
