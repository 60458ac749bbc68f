"""The player model: what it must beat, what it promises, and that what is exported is what was trained."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import pytest
import torch

from cs2_pipeline.artifact.artifact import MANIFEST_FILE, Artifact, model_digest
from cs2_pipeline.datasets.players import build
from cs2_pipeline.game.features import PLAYER_FEATURES, player_features
from cs2_pipeline.game.player import TIERS, UNREACHABLE_ROUNDS, complete
from cs2_pipeline.models.onnx_export import INPUT
from cs2_pipeline.models.player import classifier
from cs2_pipeline.models.player.classifier import (
    MEAN,
    PlayerTraining,
    by_rounds,
    chosen_sentence,
    feature_matrix,
    fit_rule,
    fit_temperature,
    least_rounds,
    log_loss,
    tempered,
    train,
)
from cs2_pipeline.models.player.network import hide_adr
from cs2_pipeline.models.training import LEFT_OUT_LOSS, TRAIN_LOSS, TrainingError
from cs2_pipeline_tests.datasets.player_lines import player_lines

DATASET = build(player_lines(players=300, matches=900, seed=5), max_anchors=4)
TEST = DATASET[DATASET["part"] == "test"]
FEATURES, TIER = feature_matrix(TEST), TEST["tier"].to_numpy()


@pytest.fixture(scope="module")
def told() -> list[str]:
    """What the training says while it runs."""
    return []


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory, told: list[str]) -> PlayerTraining:
    return train(DATASET, seed=0, folder=tmp_path_factory.mktemp("player"), progress=told.append)


def test_the_training_says_what_it_learns_from_and_what_was_chosen(training: PlayerTraining, told: list[str]) -> None:
    learned = DATASET[DATASET["part"] == "train"]
    losses = [
        f"{one.name}: log loss {one.log_loss:.4f}, without adr {one.log_loss_required:.4f} on the validation part"
        for one in training.candidates
    ]
    assert told == [
        f"player model: {len(learned):,} records of {learned['steam_id'].nunique():,} players to learn from",
        *losses,
        f"chosen: {training.chosen.name}; answers from {training.min_rounds:,} rounds on",
    ]


def test_a_model_that_never_answers_is_said_to_be_no_better_than_the_rule() -> None:
    assert chosen_sentence("mean", 1_280) == "chosen: mean; answers from 1,280 rounds on"
    assert chosen_sentence("mean", UNREACHABLE_ROUNDS) == "chosen: mean; no better than the rule"


def test_candidates_are_judged_on_the_validation_part_with_and_without_damage_per_round(
    training: PlayerTraining,
) -> None:
    judged = DATASET[DATASET["part"] == "validate"]
    features, tier = feature_matrix(judged), judged["tier"].to_numpy()
    for one in training.candidates:
        losses = [log_loss(tier, one.predict(view)) for view in (features, hide_adr(features))]
        assert [one.log_loss, one.log_loss_required] == pytest.approx(losses, abs=1e-9), one.name
        assert 0 < one.train_seconds < training.train_seconds


def test_the_training_and_its_manifest_hold_what_was_learned_from(training: PlayerTraining) -> None:
    learned = DATASET[DATASET["part"] == "train"]
    rows, players = len(learned), learned["steam_id"].nunique()
    assert (training.rows, training.players) == (rows, players)
    shares = [(learned["tier"] == tier).mean() for tier in range(len(TIERS))]
    assert training.prior == pytest.approx(np.array(shares))
    expected = {"name": "player_classifier", "seed": 0, "candidate": MEAN, "rows": rows, "players": players}
    assert {name: training.artifact.manifest[name] for name in expected} == expected
    assert (
        training.artifact.manifest["params"]
        == training.chosen.params
        == {"networks": "ordinal regression, ordinal network, softmax network"}
    )
    rule = training.candidates[0]
    assert (training.baseline.name, training.baseline.predict) == ("the tier of the past K/D", rule.predict)
    kd = np.array([[1.0] * len(PLAYER_FEATURES)], np.float32)
    assert training.baseline.predict(kd) == pytest.approx(
        fit_rule(feature_matrix(learned), learned["tier"].to_numpy())(kd)
    )


def test_from_how_many_rounds_it_answers_is_read_from_both_parts_that_were_not_fitted_on(
    training: PlayerTraining,
) -> None:
    watched = DATASET[DATASET["part"].isin(["validate", "calibrate"])]
    table = by_rounds(watched, training.chosen.predict, training.baseline.predict, training.prior)
    pd.testing.assert_frame_equal(training.by_rounds, table)
    assert training.min_rounds == least_rounds(table)


def test_the_model_beats_the_rule_of_the_past_tier_on_unseen_players(training: PlayerTraining) -> None:
    model, rule = (
        log_loss(TIER, predict(FEATURES)) for predict in (training.chosen.predict, training.baseline.predict)
    )
    assert model < rule - 0.02


def test_the_model_beats_the_rule_without_damage_per_round_too(training: PlayerTraining) -> None:
    hidden = hide_adr(FEATURES)
    assert log_loss(TIER, training.chosen.predict(hidden)) < log_loss(TIER, training.baseline.predict(hidden)) - 0.02


def test_the_artifact_gives_the_scores_of_the_chosen_candidate(training: PlayerTraining) -> None:
    for features in (FEATURES, hide_adr(FEATURES)):
        scores = Artifact.load(training.folder).predict(features)["scores"]
        assert np.abs(scores - training.chosen.predict(features)).max() < 1e-5


def test_scores_add_up_to_one_and_no_tier_is_impossible_however_extreme_the_record(training: PlayerTraining) -> None:
    least = complete(dict.fromkeys(PLAYER_FEATURES[:8], 0.0))
    most = {
        "avg_kills": 200, "avg_deaths": 0.001, "avg_headshots": 200, "avg_damage": 20_000, "total_clutches": 1e6,
        "total_clutch_attempts": 1e6, "avg_first_kills": 100, "total_rounds": 1e6, "kd_ratio": 200.0,
        "headshot_pct": 1, "clutch_rate": 1, "adr": 500,
    }  # fmt: skip
    rows = np.array([player_features(least), player_features(most)], dtype=np.float32)
    scores = training.artifact.predict(np.vstack([rows, hide_adr(rows)]))["scores"]
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (scores > 0).all() and (scores < 1).all()


def test_a_longer_record_at_the_same_level_is_believed_more(training: PlayerTraining) -> None:
    strong = TEST[(TEST["kd_ratio"] > 1.6) & (TEST["total_rounds"] > 60)].iloc[:20]
    short, long = strong.assign(total_rounds=20), strong.assign(total_rounds=400)
    expected = [training.chosen.predict(feature_matrix(rows)) @ np.arange(len(TIERS)) for rows in (short, long)]
    assert expected[1].mean() > expected[0].mean()


def test_same_data_and_seed_give_the_same_graph_and_the_test_part_is_never_read(
    training: PlayerTraining, tmp_path: Path
) -> None:
    again = train(DATASET[DATASET["part"] != "test"], seed=0, folder=tmp_path)
    assert model_digest(again.folder) == model_digest(training.folder)
    assert again.chosen.name == training.chosen.name


def test_the_manifest_holds_the_rounds_a_judgement_needs(training: PlayerTraining) -> None:
    manifest = json.loads((training.folder / MANIFEST_FILE).read_text())
    assert manifest["min_rounds"] == training.min_rounds
    assert training.min_rounds in set(training.by_rounds["from_rounds"])
    proven = training.by_rounds.set_index("from_rounds").loc[training.min_rounds]
    assert proven["against_prior_high"] < 0
    assert proven["log_loss"] <= proven["rule_log_loss"]


GOOD = {
    "players": 50.0, "log_loss": 1.0, "rule_log_loss": 1.1, "against_prior_low": -0.3, "against_prior_high": -0.1,
    "against_rule_low": -0.2, "against_rule_high": 0.0, "overconfidence_low": -0.1, "overconfidence_high": 0.1,
}  # fmt: skip
FAULTS = ("against_rule", "against_prior", "overconfidence")


def by_rounds_table(*changes: dict[str, float]) -> pd.DataFrame:
    """Bins that begin at 20, 40, 80, ... rounds, each good but for its changes."""
    return pd.DataFrame([{**GOOD, "from_rounds": 20 * 2**place, **change} for place, change in enumerate(changes)])


def test_a_model_answers_from_the_first_rounds_on_where_it_is_proven() -> None:
    assert least_rounds(by_rounds_table({}, {})) == 20
    assert least_rounds(by_rounds_table({"players": 10}, {})) == 20
    assert least_rounds(by_rounds_table({"log_loss": 1.1}, {})) == 20, "as good as the rule is good enough"
    for name, value in (
        ("against_prior_high", 0.01), ("log_loss", 1.11), ("overconfidence_low", 0.001), ("players", 9),
    ):  # fmt: skip
        assert least_rounds(by_rounds_table({name: value}, {}, {})) == 40


@pytest.mark.parametrize("fault", FAULTS)
def test_a_model_does_not_answer_below_rounds_where_it_is_refuted(fault: str) -> None:
    refuted = {f"{fault}_low": 0.06, f"{fault}_high": 0.26}
    assert least_rounds(by_rounds_table({}, {}, refuted, {})) == 160
    assert least_rounds(by_rounds_table({}, {**refuted, "players": 9}, {})) == 20
    assert least_rounds(by_rounds_table({}, {f"{fault}_low": 0.04, f"{fault}_high": 0.24}, {})) == 20


def test_a_model_that_is_never_surely_better_answers_at_no_number_of_rounds() -> None:
    assert least_rounds(by_rounds_table({"against_prior_high": 0.01})) == UNREACHABLE_ROUNDS
    assert (
        least_rounds(by_rounds_table({}, {"overconfidence_low": 0.1, "overconfidence_high": 0.2})) == UNREACHABLE_ROUNDS
    )


def test_the_table_by_rounds_has_the_numbers_of_its_rows(training: PlayerTraining) -> None:
    table = by_rounds(TEST, training.chosen.predict, training.baseline.predict, training.prior)
    assert table["rows"].sum() == len(TEST)
    assert (table["from_rounds"].iloc[1:].to_numpy() > table["to_rounds"].iloc[:-1].to_numpy()).all()
    some = table.iloc[2]
    rows = TEST[TEST["total_rounds"].between(some["from_rounds"], some["to_rounds"])]
    scores, tier = training.chosen.predict(feature_matrix(rows)), rows["tier"].to_numpy()
    assert some["players"] == rows["steam_id"].nunique()
    assert some["log_loss"] == pytest.approx(log_loss(tier, scores))
    assert some["rule_log_loss"] == pytest.approx(log_loss(tier, training.baseline.predict(feature_matrix(rows))))
    assert some["prior_log_loss"] == pytest.approx(-np.log(training.prior[tier]).mean(), abs=1e-6)
    assert some["accuracy"] == pytest.approx((scores.argmax(axis=1) == tier).mean())
    assert some["tier_error"] == pytest.approx(np.abs(scores.argmax(axis=1) - tier).mean())
    assert some["confidence"] == pytest.approx(scores.max(axis=1).mean())
    for name, one, other in (
        ("against_rule", "log_loss", "rule_log_loss"), ("against_prior", "log_loss", "prior_log_loss"),
        ("overconfidence", "confidence", "accuracy"),
    ):  # fmt: skip
        middle = (some[f"{name}_low"] + some[f"{name}_high"]) / 2
        assert middle == pytest.approx(some[one] - some[other])
        assert some[f"{name}_low"] < some[f"{name}_high"]


def test_the_mean_of_the_networks_is_served_unless_one_kind_is_surely_better(training: PlayerTraining) -> None:
    kinds, mean = training.candidates[2:-1], training.candidates[-1]
    assert mean.name == MEAN and training.chosen is mean
    scores = np.mean([kind.predict(FEATURES) for kind in kinds], axis=0)
    assert np.abs(mean.predict(FEATURES) - scores).max() < 1e-6
    part = classifier._Part.of(DATASET, "test")
    knows = dataclasses.replace(kinds[1], predict=lambda _: np.eye(len(TIERS))[part.tier] * 0.9 + 0.025)
    assert classifier._choose([kinds[0], knows], mean, part) is knows


def test_every_network_has_its_losses_by_epoch(training: PlayerTraining) -> None:
    networks = [one for one in training.candidates if one.name in training.candidates[-1].params["networks"]]
    assert len(networks) == 3
    for one in networks:
        for name in (TRAIN_LOSS, LEFT_OUT_LOSS):
            assert [epoch for epoch, _ in one.curves[name]] == list(range(1, len(one.curves[name]) + 1))
            assert min(loss for _, loss in one.curves[name]) < one.curves[name][0][1]
        assert len(one.curves[LEFT_OUT_LOSS]) >= max(one.params["epochs_used"])


def test_the_rule_is_how_often_each_tier_followed_the_tier_of_the_past() -> None:
    features = np.zeros((6, len(PLAYER_FEATURES)), dtype=np.float32)
    features[:, PLAYER_FEATURES.index("kd_ratio")] = [0.5, 0.5, 0.5, 0.5, 1.2, 1.2]
    tier = np.array([0, 0, 0, 1, 2, 2])
    scores = fit_rule(features, tier)(features[[0, 4]])
    assert scores.sum(axis=1) == pytest.approx(1)
    assert scores[0, 0] == pytest.approx((3 + 4 / 10) / 5)
    assert scores.min() > 0


def test_the_temperature_softens_scores_that_are_too_sure() -> None:
    random = np.random.default_rng(0)
    honest = random.dirichlet([1, 1, 1, 1], 4000)
    tier = np.array([random.choice(4, p=row) for row in honest])
    too_sure = tempered(honest, 0.5)
    assert fit_temperature(too_sure, tier, 4000) == pytest.approx(2, rel=0.1)
    assert fit_temperature(too_sure[:40], tier[:40], 1) == pytest.approx(1, abs=0.15)


def test_too_few_players_are_refused_with_what_to_do(tmp_path: Path) -> None:
    few = DATASET[(DATASET["part"] != "validate") | (DATASET["steam_id"] == "none")]
    with pytest.raises(TrainingError, match=r"validate part .* has 0 players.*simulate more matches"):
        train(few, seed=0, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_dataset_of_one_tier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="every player of the training part is Advanced"):
        train(DATASET.assign(tier=2), seed=0, folder=tmp_path)


def test_a_dataset_of_two_tiers_is_learned_from(tmp_path: Path) -> None:
    def stop(told: str) -> None:
        raise StopIteration(told)

    with pytest.raises(StopIteration, match="to learn from"):
        train(DATASET.assign(tier=DATASET["tier"] // 2), seed=0, folder=tmp_path, progress=stop)


def test_a_temperature_of_2_takes_the_root_of_scores_and_leaves_them_adding_up_to_one() -> None:
    scores = np.array([[0.64, 0.16, 0.16, 0.04]])
    assert tempered(scores, 2.0)[0] == pytest.approx(np.array([0.8, 0.4, 0.4, 0.2]) / 1.8)
    assert tempered(scores, 1.0) == pytest.approx(scores)


def test_the_temperature_undoes_what_was_too_sure_and_stays_near_one_without_evidence() -> None:
    rng = np.random.default_rng(0)
    true = rng.dirichlet([2, 2, 2, 2], 4_000)
    tier = (true.cumsum(axis=1) < rng.random(4_000)[:, None]).sum(axis=1)
    too_sure = tempered(true, 0.5)
    assert fit_temperature(too_sure, tier, 4_000) == pytest.approx(2.0, abs=0.15)
    assert fit_temperature(true, tier, 4_000) == pytest.approx(1.0, abs=0.05)
    assert 1.0 < fit_temperature(too_sure, tier, 10) < 1.5


def test_the_rule_is_how_often_each_tier_followed_with_one_more_player_spread_like_all() -> None:
    kd = PLAYER_FEATURES.index("kd_ratio")
    features = np.zeros((4, len(PLAYER_FEATURES)), dtype=np.float32)
    features[:, kd] = [0.1, 0.1, 0.1, 5.0]
    rule = fit_rule(features, np.array([0, 0, 1, 3]))
    everybody = np.array([3, 2, 1, 2]) / 8
    assert rule(features[:1])[0] == pytest.approx((np.array([2, 1, 0, 0]) + everybody) / 4)
    assert rule(features[3:])[0] == pytest.approx((np.array([0, 0, 0, 1]) + everybody) / 2)


def test_bins_of_rounds_begin_at_twenty_and_double() -> None:
    rows = TEST.iloc[:6].assign(total_rounds=[19, 20, 39, 40, 79, 80])
    even = np.full(4, 0.25)
    table = by_rounds(rows, lambda f: np.tile(even, (len(f), 1)), lambda f: np.tile(even, (len(f), 1)), even)
    assert table[["from_rounds", "to_rounds", "rows"]].to_numpy().tolist() == [
        [19, 19, 1], [20, 39, 2], [40, 79, 2], [80, 80, 1],
    ]  # fmt: skip
    assert table["log_loss"].tolist() == pytest.approx([np.log(4)] * 4)
    assert table["prior_log_loss"].tolist() == pytest.approx([np.log(4)] * 4)
    assert table["confidence"].tolist() == [0.25] * 4
    assert {table[name].dtype.kind for name in ("from_rounds", "to_rounds", "rows", "players")} == {"i"}


def test_bounds_are_of_95_percent_by_player() -> None:
    """Two players of two rows each: rows of one err together, so only two numbers tell how far the mean may be off."""
    rows = TEST.iloc[:4].assign(total_rounds=30, steam_id=["a", "a", "b", "b"], tier=[0, 0, 3, 3])
    sure = np.array([0.7, 0.1, 0.1, 0.1])
    even = np.full(4, 0.25)
    table = by_rounds(rows, lambda f: np.tile(sure, (len(f), 1)), lambda f: np.tile(even, (len(f), 1)), even)
    row = table.iloc[0]
    losses = -np.log([0.7, 0.1]) + np.log(0.25)
    mean = losses.mean()
    half = 1.96 * np.sqrt(((2 * (losses - mean)) ** 2).sum()) / 4
    assert (row["against_rule_low"], row["against_rule_high"]) == pytest.approx((mean - half, mean + half))
    assert (row["rows"], row["players"]) == (4, 2)
    assert (row["accuracy"], row["confidence"], row["tier_error"], row["rule_tier_error"]) == (0.5, 0.7, 1.5, 1.5)
    own = 0.7 - np.array([1.0, 0.0])
    reach = 1.96 * np.sqrt(((2 * (own - own.mean())) ** 2).sum()) / 4
    assert (row["overconfidence_low"], row["overconfidence_high"]) == pytest.approx((0.2 - reach, 0.2 + reach))


def test_of_kinds_that_are_surely_better_than_the_mean_the_best_is_taken(training: PlayerTraining) -> None:
    part, mean = classifier._Part.of(DATASET, "test"), training.candidates[-1]

    def knowing(name: str, sure: float, hidden: float | None = None) -> classifier.Candidate:
        def predict(features):
            share = sure if hidden is None or not np.isnan(features[:, PLAYER_FEATURES.index("adr")]).any() else hidden
            return np.eye(len(TIERS))[part.tier] * share + (1 - share) / 4

        return dataclasses.replace(mean, name=name, predict=predict)

    good, better = knowing("good", 0.8), knowing("better", 0.9)
    assert classifier._choose([good, better], mean, part) is better
    assert classifier._choose([better, good], mean, part) is better
    assert classifier._choose([], mean, part) is mean
    even = knowing("even", 0.9, hidden=-0.3333)
    assert classifier._choose([even], mean, part) is mean, "without damage per round it is far worse"


def test_every_other_probe_row_is_without_damage_per_round() -> None:
    features = feature_matrix(DATASET)
    for rows, expected in ((features[:5], 5), (features, 128)):
        probe = classifier._probe(rows)
        assert len(probe) == expected
        hidden = np.isnan(probe[:, PLAYER_FEATURES.index("adr")])
        assert hidden.tolist() == [place % 2 == 1 for place in range(expected)]
    np.testing.assert_array_equal(probe[0], features[0])
    np.testing.assert_array_equal(probe[-1][:8], features[-1][:8])


def test_logistic_regression_reads_a_missing_damage_as_its_mean_and_calls_no_tier_impossible() -> None:
    features = FEATURES.copy()
    part = classifier._Part(features, np.where(TIER > 0, 2, 0), np.arange(len(TIER)))
    predict = classifier._fit_logistic(part)
    scores = predict(features)
    assert scores.sum(axis=1) == pytest.approx(np.ones(len(features)))
    assert (scores[:, [1, 3]] > 0).all() and scores[:, [1, 3]].max() < 1e-5, "tiers that nobody learned from is in"
    adr = PLAYER_FEATURES.index("adr")
    at_mean = features.copy()
    at_mean[:, adr] = features[:, adr].mean()
    hidden = predict(hide_adr(features))
    assert np.abs(hidden - predict(at_mean)).max() < 0.2, "but for the mark of what is missing"
    assert (hidden.argmax(axis=1) == predict(at_mean).argmax(axis=1)).mean() > 0.9


def test_the_recipe_is_the_one_that_was_judged() -> None:
    """docs/player-model.md has the figures: whoever changes one measures again."""
    kinds = {name: params for name, params, _ in classifier._kinds(None, None, 0)}
    assert list(kinds) == [
        "tier of the past K/D", "logistic regression", "ordinal regression", "ordinal network", "softmax network",
    ]  # fmt: skip
    assert (kinds["tier of the past K/D"], kinds["logistic regression"]) == ({}, {"C": 1.0})
    assert (kinds["ordinal regression"]["hidden"], kinds["ordinal regression"]["members"]) == ((), 1)
    assert [kinds[f"{head} network"]["head"] for head in ("ordinal", "softmax")] == ["ordinal", "softmax"]
    assert classifier.ROUNDS_EDGES == (0, 20, 40, 80, 160, 320, 640, 1280)
    assert classifier.MIN_PLAYERS == 10


def test_an_ensemble_is_networks_of_own_seeds_stopped_and_tempered_by_the_calibration_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def fit(features, tier, players, *, params, seed, monitor):
        made = classifier.network.PlayerClassifier(np.zeros(13, np.float32), np.ones(13, np.float32), params, seed)
        asked.append((features, tier, players, seed, monitor(made.scores)))
        return made, 4 + seed, {LEFT_OUT_LOSS: [(1, float(seed))]}

    monkeypatch.setattr(classifier.network, "fit", fit)
    learned, calibrated = (classifier._Part.of(DATASET, name) for name in ("train", "calibrate"))
    params = classifier.NetworkParams(members=3)
    found = [classifier._fit_ensemble(learned, calibrated, params, seed) for seed in (0, 1)]
    assert [seed for *_, seed, _ in asked] == [0, 1, 2, 3, 4, 5]
    assert all(one[:3] == (learned.features, learned.tier, learned.players) for one in asked)
    views = calibrated.features, hide_adr(calibrated.features)
    made = classifier.network.InputMaker()
    for ensemble, (*_, loss) in zip((found[0].members[0], found[1].members[0]), (asked[0], asked[3]), strict=True):
        assert loss == pytest.approx(
            np.mean([log_loss(calibrated.tier, ensemble.scores(made(view))) for view in views])
        )
    scores = np.mean([member.scores(made(np.vstack(views))) for member in found[0].members], axis=0)
    temperature = fit_temperature(scores, np.tile(calibrated.tier, 2), calibrated.players)
    assert found[0].temperature == pytest.approx(temperature, abs=1e-4)
    assert temperature != pytest.approx(1.0, abs=0.01)
    assert found[0].found == {"temperature": found[0].temperature, "epochs_used": [4, 5, 6]}
    assert [dict(one.curves) for one in found] == [{LEFT_OUT_LOSS: [(1, mean)]} for mean in (1.0, 4.0)]
    expected = scores[: len(calibrated.tier)] ** (1 / temperature)
    expected /= expected.sum(axis=1, keepdims=True)
    told = found[0](calibrated.features)
    np.testing.assert_allclose(told, expected, atol=1e-5)
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("members", [1, 2, 3])
def test_the_graph_of_an_ensemble_of_ensembles_gives_its_scores(members: int) -> None:
    zeros, ones = np.zeros(13, np.float32), np.ones(13, np.float32)
    networks = [
        classifier.network.PlayerClassifier(zeros, ones, classifier.NetworkParams(head="softmax"), seed)
        for seed in range(members)
    ]
    with torch.no_grad():
        for network in networks:
            network.last.normal_(generator=torch.Generator().manual_seed(int(network.layers[0][0, 0] * 1e6) % 1000))
    inner = classifier._Ensemble(networks, 1.7)
    both = classifier._Ensemble([inner, *networks], 0.6)
    session = ort.InferenceSession(both.graph(), providers=["CPUExecutionProvider"])
    (output,) = onnx.load_from_string(both.graph()).graph.output
    assert (output.name, len(output.type.tensor_type.shape.dim)) == ("scores", 2)
    (told,) = session.run(["scores"], {INPUT: FEATURES[:20]})
    np.testing.assert_allclose(told, both(FEATURES[:20]), atol=2e-5)
    assert np.ptp(told) > 0.05
