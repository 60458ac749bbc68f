"""The blocking check of the laws on a registered model: what breaks one is never handed on to promotion."""

import shutil

import dagster as dg
import pandas as pd
import pytest

from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.defs.checks.laws import round_predictor_laws
from cs2_pipeline.defs.io import TableIOManager
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.registry.runs import TrainingRun, record
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.evaluation.play import whole_rounds
from cs2_pipeline_tests.tiny_models import round_artifact

TRAINED_ON = whole_rounds(1, matches=20).assign(part="train", ct_wins=0)
"""Matches that say nothing of a model that learned from them: here no price is true of them."""
DATASET = pd.concat([whole_rounds(0), TRAINED_ON], ignore_index=True)
DIGEST = digest(DATASET)


@pytest.fixture(scope="module")
def checked(tmp_path_factory, empty_store):
    """Registers a model with a bias, made from a table, and runs check and promotion over the dataset as stored."""
    tmp_path = tmp_path_factory.mktemp("laws")
    platform = Platform(Settings(home=tmp_path / "cs2"))
    platform.settings.home.mkdir()
    shutil.copy(empty_store, platform.settings.home)

    def run(bias, dataset_digest=DIGEST):
        round_artifact(tmp_path / "artifact", bias=bias)
        about = TrainingRun("round_predictor", tmp_path / "artifact", DATASET, dataset_digest, {}, {}, {}, {})
        version = record(platform.tracking_uri, about, artifact_root=platform.artifact_root)
        promoted = []

        @dg.asset
        def round_dataset() -> pd.DataFrame:
            return DATASET

        @dg.asset(deps=[round_dataset])
        def round_predictor() -> dict:
            return {"name": version.name, "version": version.version}

        @dg.asset
        def round_predictor_promotion(round_predictor: dict) -> None:
            promoted.append(round_predictor["version"])

        assets = [round_dataset, round_predictor, round_predictor_promotion, round_predictor_laws]
        resources = {"io_manager": TableIOManager(platform.tables), "platform": platform}
        result = dg.materialize(assets, resources=resources, raise_on_error=False)
        (evaluation,) = result.get_asset_check_evaluations()
        return evaluation, promoted == [version.version]

    return run


def test_a_model_that_keeps_the_laws_is_handed_on(checked):
    evaluation, promoted = checked(0.0)
    assert evaluation.passed and promoted
    assert (evaluation.metadata["laws"].value, evaluation.metadata["broken"].value) == (13, 0)
    assert evaluation.metadata["drift"].value == "checked"
    assert evaluation.description is None
    lines = evaluation.metadata["findings"].value.splitlines()
    assert len(lines) == 2 + 13
    assert all(" | holds | " in line for line in lines[2:])


def test_a_model_whose_prices_drift_stops_before_promotion_and_the_law_is_named(checked):
    evaluation, promoted = checked(1.0)
    assert not evaluation.passed
    assert not promoted
    assert "No drift on whole rounds" in evaluation.description
    broken = [line for line in evaluation.metadata["findings"].value.splitlines() if "| **broken** |" in line]
    assert len(broken) == evaluation.metadata["broken"].value == 2


def test_drift_is_not_judged_on_a_table_that_another_run_built_since(checked):
    evaluation, _ = checked(1.0, dataset_digest="d" * 32)
    assert evaluation.passed
    assert evaluation.metadata["laws"].value == 11
    assert "built anew since" in evaluation.metadata["drift"].value
