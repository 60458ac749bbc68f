"""Acting on a verdict: once, on what was compared, and never against a rollback."""

from pathlib import Path

import pandas as pd
import pytest

from cs2_pipeline.datasets.origins import PUBLISHED
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.champion import ModelStore, RegistryError
from cs2_pipeline.registry.runs import TrainingRun, record
from cs2_pipeline.training.provenance import DATABASE
from cs2_pipeline.training.registration import PROMOTE, REFUSE, Registry
from cs2_pipeline.training.settling import settle
from cs2_pipeline_tests.tiny_models import round_artifact


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifact")
    round_artifact(folder)
    return folder


@pytest.fixture
def registry(tmp_path, mlflow_uri):
    return Registry(mlflow_uri, tmp_path / "artifacts", ModelStore(mlflow_uri, tmp_path / "cache"))


@pytest.fixture
def registered(registry, artifact: Path):
    def make(compared_with="", decision=PROMOTE, source=DATABASE):
        tags = {"decision": decision, "decision_reason": "better", "compared_with": compared_with, "source": source}
        run = TrainingRun("round_predictor", artifact, pd.DataFrame({"a": [1]}), "d", {}, {}, tags, {})
        return record(registry.tracking_uri, run, artifact_root=registry.artifact_root)

    return make


def champion(registry):
    return registry.models.champion("round_predictor").version


def test_a_version_that_earned_it_becomes_champion_once(registry, registered):
    version = registered()
    assert settle(version.to_dict(), registry, by="a run").action == "promoted"
    assert settle(version.to_dict(), registry, by="a run") is None
    (event,) = promotion.history(registry.tracking_uri, version.name)
    assert (event.action, event.by, event.reason) == ("promoted", "a run", "better")


def test_a_refused_version_never_becomes_champion(registry, registered):
    assert settle(registered(decision=REFUSE).to_dict(), registry, by="a run") is None
    assert registry.models.champion("round_predictor") is None


def test_a_version_compared_with_a_former_champion_must_be_trained_again(registry, registered):
    first = registered()
    settle(first.to_dict(), registry, by="a run")
    second, third = registered(first.version), registered(first.version)
    settle(second.to_dict(), registry, by="a run")
    event = settle(third.to_dict(), registry, by="a run")
    assert (event.action, event.by) == ("refused", "a run")
    assert event.reason == "it was compared with champion 1, which is now 2: train again"
    assert champion(registry) == second.version
    promotion.rollback(registry.tracking_uri, "round_predictor", reason="off")
    assert settle(third.to_dict(), registry, by="a run") is None
    assert champion(registry) == first.version


def test_what_was_rolled_back_comes_back_by_force_only(registry, registered):
    first = registered()
    settle(first.to_dict(), registry, by="a run")
    second = registered(first.version)
    settle(second.to_dict(), registry, by="a run")
    promotion.rollback(registry.tracking_uri, "round_predictor", reason="wrong on de_nuke")
    event = settle(second.to_dict(), registry, by="a run")
    assert (event.action, event.by) == ("refused", "a run")
    assert event.reason == ("it was rolled back (wrong on de_nuke): `cs2 models promote --force` brings it back")
    assert champion(registry) == first.version
    third = registered(first.version)
    assert settle(third.to_dict(), registry, by="a run").action == "promoted", "it was another that was rolled back"


def test_a_model_of_another_source_does_not_replace_the_champion(registry, registered):
    first = registered()
    settle(first.to_dict(), registry, by="a run")
    event = settle(registered(first.version, source=PUBLISHED).to_dict(), registry, by="a run")
    assert (event.action, event.by) == ("refused", "a run")
    assert event.reason == (
        f"it learned from {PUBLISHED}, the champion from the demo database: replace it by force only"
    )
    assert champion(registry) == first.version


def test_a_version_compared_with_nobody_is_refused_once_there_is_a_champion(registry, registered):
    first, second = registered(), registered()
    settle(first.to_dict(), registry, by="a run")
    event = settle(second.to_dict(), registry, by="a run")
    assert event.reason == "it was compared with champion none, which is now 1: train again"
    assert settle(second.to_dict(), registry, by="a run") is None, "it was refused before"
    assert champion(registry) == first.version


def test_a_version_compared_with_a_champion_that_is_none_any_more_is_refused(registry, registered):
    event = settle(registered("7").to_dict(), registry, by="a run")
    assert (event.action, event.reason) == (
        "refused", "it was compared with champion 7, which is now none: train again",
    )  # fmt: skip
    assert registry.models.champion("round_predictor") is None


def test_of_two_promotions_against_one_champion_the_later_is_refused(registry, registered):
    first, second, third = registered(), registered(), registered()
    promotion.promote(registry.tracking_uri, first, reason="good", expected_former="")
    promotion.promote(registry.tracking_uri, second, reason="better", expected_former=first.version)
    with pytest.raises(RegistryError, match="became champion in the meantime"):
        promotion.promote(registry.tracking_uri, third, reason="better", expected_former=first.version)
    assert champion(registry) == second.version
