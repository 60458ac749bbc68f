"""A training table's way as a whole, walked by a model that trains in a moment, and by the models themselves."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.champion import ModelStore
from cs2_pipeline.registry.client import connect
from cs2_pipeline.stats.metrics import log_losses
from cs2_pipeline.training import stops
from cs2_pipeline.training.registration import Registry
from cs2_pipeline.training.release import train
from cs2_pipeline.training.settling import settle
from cs2_pipeline_tests.evaluation.play import whole_rounds
from cs2_pipeline_tests.third_model import ENTRY, estimator

COMMIT = "a" * 40


@pytest.fixture(scope="module")
def dataset():
    frame = whole_rounds(7, matches=90)
    parts = {"train": frame["match_id"] < 40, "validate": frame["match_id"] < 50, "calibrate": frame["match_id"] < 60}
    for part in reversed(parts):
        frame.loc[parts[part], "part"] = part
    return frame


@pytest.fixture
def registry(tmp_path, mlflow_uri, monkeypatch):
    monkeypatch.setattr(catalog, "MODELS", (*catalog.MODELS, ENTRY))
    return Registry(mlflow_uri, tmp_path / "artifacts", ModelStore(mlflow_uri, tmp_path / "cache"))


def trained(dataset, registry, *, seed=1, commit=COMMIT, said=None):
    progress = (said if said is not None else []).append
    return train(ENTRY, dataset, registry, seed=seed, tags={"git_commit": commit}, progress=progress)


def test_the_evidence_is_of_the_test_part_alone(dataset, registry):
    released = trained(dataset, registry)
    test = dataset[dataset["part"] == "test"]
    slices = released.evidence.slices
    (whole,) = slices[slices["slice"] == "all"].to_dict("records")
    assert (whole["rows"], whole["matches"]) == (len(test), test["match_id"].nunique())
    assert len(released.evidence.probability) == len(test)
    run = registry.models.version("equipment", "1")
    assert run.metrics["test_log_loss"] == pytest.approx(released.evidence.metrics["log_loss"].value)


@pytest.mark.parametrize("spec", catalog.MODELS, ids=lambda spec: spec.name)
def test_no_judge_is_handed_more_than_the_test_part(dataset, spec, monkeypatch):
    seen = []
    monkeypatch.setattr(stops, "resolve", lambda path: seen.append)
    timed = dataset.assign(window_end=dataset["started_at"])
    report = type("Report", (), {"failures": ["a leak"]})()
    stops.judge(spec, timed, None, report, champion=None, seed=3)
    (case,) = seen
    assert set(case.test["part"]) == {"test"}
    assert len(case.test) == (dataset["part"] == "test").sum()
    assert (case.audit, case.champion, case.seed) == (["a leak"], None, 3)


def test_a_table_that_leaks_is_never_promoted(dataset, registry):
    released = trained(dataset.assign(ct_money=dataset["ct_wins"].astype(int) * 1000), registry)
    assert not released.decision.promote
    assert "leakage audit failed" in released.decision.reasons[0]
    assert settle(released.to_document(), registry, by="a test") is None
    assert registry.models.champion("equipment") is None


def test_the_same_data_seed_and_code_are_not_trained_on_twice(dataset, registry):
    released = trained(dataset, registry)
    settle(released.to_document(), registry, by="a test")
    said = []
    again = trained(dataset, registry, said=said)
    assert isinstance(again, ModelVersion)
    assert again.version == released.version.version
    assert len(said) == 1
    assert "nothing new: version 1" in said[0]
    assert len(promotion.versions(registry.tracking_uri, "equipment")) == 1


@pytest.mark.parametrize("change", ["data", "seed", "code", "changed code", "unknown code"])
def test_other_data_another_seed_or_other_code_are_trained_on(dataset, registry, change):
    commits = {"changed code": f"{COMMIT}-dirty", "unknown code": "unknown"}
    commit = commits.get(change, COMMIT)
    settle(trained(dataset, registry, commit=commit).to_document(), registry, by="a test")
    more = dataset.assign(ct_wins=dataset["ct_wins"].where(dataset["match_id"] > 0, 1)) if change == "data" else dataset
    seed, commit = (2 if change == "seed" else 1), ("b" * 40 if change == "code" else commit)
    released = trained(more, registry, seed=seed, commit=commit)
    assert released.version.version == "2"
    if change != "data":
        assert "No improvement over the champion (version 1)" in released.decision.reasons[0]
        assert trained(dataset, registry, seed=seed, commit=COMMIT if "code" in change else commit) is not None


def test_what_was_refused_is_tried_again_when_the_champion_is_another(dataset, registry):
    settle(trained(dataset, registry).to_document(), registry, by="a test")
    refused = trained(dataset, registry, seed=2)
    assert trained(dataset, registry, seed=2).version == refused.version.version
    promotion.promote(registry.tracking_uri, refused.version, reason="by hand", forced=True)
    third = trained(dataset, registry, seed=3)
    assert third.version.version == "3"
    assert trained(dataset, registry, seed=2).version == "2"


def test_a_champion_that_learned_from_the_test_rows_is_not_compared_on_them(dataset, registry):
    settle(trained(dataset, registry).to_document(), registry, by="a test")
    champion = registry.models.champion("equipment")
    late = stops.Champion(
        replace(champion, tags=champion.tags | {"learned_until": "2030-01-01T00:00:00+00:00"}),
        registry.models.fetch(champion),
    )
    times = dataset.loc[dataset["part"] == "test", "started_at"]
    assert not stops.rival_of(ENTRY, late, times).unseen.any()


def test_a_champion_is_compared_on_the_matches_that_it_did_not_learn_from(dataset, registry):
    older = dataset[dataset["match_id"] < 75]
    first = trained(older.assign(part=older["part"].mask(older["match_id"].between(60, 69), "calibrate")), registry)
    promotion.promote(registry.tracking_uri, first.version, reason="by hand", forced=True)
    champion = registry.models.fetch(registry.models.champion("equipment"))
    released = trained(dataset.sample(frac=1.0, random_state=0), registry, seed=2)
    test = dataset[(dataset["part"] == "test") & (dataset["match_id"] >= 70)]
    features = test[list(estimator.FEATURES)].to_numpy(np.float32)
    candidate = registry.models.fetch(released.version)
    losses = [
        log_losses(test["ct_wins"].to_numpy(), one.predict(features, estimator.FEATURES)["probability"].astype(float))
        for one in (candidate, champion)
    ]
    assert released.evidence.against_champion.value == pytest.approx((losses[0] - losses[1]).mean(), abs=1e-9)
    assert released.evidence.champion == first.version.version


@pytest.mark.parametrize("null", [np.nan, pd.NA])
def test_an_input_with_one_value_alone_in_training_is_found_and_one_that_is_null_throughout(dataset, null):
    def found(frame, *, ignored=()):
        return stops.constant_inputs(catalog.ROUND, frame, SimpleNamespace(ignored_inputs=ignored))

    varied = dataset.assign(ct_money=range(len(dataset)), ct_armor=null)
    constant = found(varied)
    assert not {"ct_money", "ct_alive", "map_name"} & set(constant)
    assert constant["ct_score"] == 5.0, "play in these tests is at one score"
    assert np.isnan(constant["ct_armor"])
    assert found(varied, ignored=["ct_armor"]).keys() == constant.keys() - {"ct_armor"}
    money = varied["ct_money"].where(varied["part"] != "train", 8_000)
    assert found(varied.assign(ct_money=money))["ct_money"] == 8_000.0


def fit_blind(dataset, **given):
    """The third model, as if it had been trained without one of its inputs."""
    training = estimator.fit(dataset, **given)
    manifest = training.artifact.manifest | {"ignored_inputs": ["t_equip_value"]}
    return replace(training, artifact=replace(training.artifact, manifest=manifest))


def test_a_model_trained_without_an_input_says_so_in_its_card_and_may_be_promoted(dataset, registry):
    blind = replace(ENTRY, fit=f"{__name__}:fit_blind")
    constant = dataset.assign(t_equip_value=20_000.0)
    released = train(blind, constant, registry, seed=1, tags={}, progress=[].append)
    assert "It ignores `t_equip_value`: never varied in training" in released.card
    assert (
        "inputs that vary | yes | Every input that the model reads varied in training; it ignores t_equip_value."
        in (released.decision.report)
    )


def test_a_model_that_reads_an_input_that_never_varied_is_refused(dataset, registry):
    released = trained(dataset.assign(t_equip_value=20_000.0), registry)
    assert not released.decision.promote
    assert "t_equip_value (always 20000)" in " ".join(released.decision.reasons)


def test_a_model_says_in_its_card_and_tags_whose_matches_it_learned_from(dataset, registry):
    mixed = dataset.assign(source=["demo" if match % 4 == 0 else "simulator" for match in dataset["match_id"]])
    share = (mixed["source"] == "simulator").mean()
    told = f"{share:.1%} simulated matches, {1 - share:.1%} demo files"
    released = trained(mixed, registry)
    assert f"Learned from {told}." in released.card
    version = registry.models.version("equipment", "1")
    assert version.learned_from == told
    assert version.tags["source"] == "the demo database"
    assert connect(registry.tracking_uri).get_run(version.run_id).data.tags["learned_from"] == told


def test_a_model_of_the_public_file_says_so(dataset, registry):
    released = trained(dataset.assign(source="published"), registry)
    assert "Learned from the public snapshot file." in released.card
    assert registry.models.version("equipment", "1").tags["source"] == "the public snapshot file"
