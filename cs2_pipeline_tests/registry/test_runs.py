"""What is kept of a training: its run with the evidence, the runs of its candidates, and the version it registers."""

import json
import math
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import mlflow
import mlflow.artifacts
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.tracking import MlflowClient

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.artifact import Artifact, ArtifactError
from cs2_pipeline.registry import promotion, runs
from cs2_pipeline.registry.client import connect
from cs2_pipeline.registry.errors import RegistryError
from cs2_pipeline.registry.runs import PROMISED, Candidate, TrainingRun, record, split_intervals
from cs2_pipeline_tests.tiny_models import round_artifact, training_run

FIGURES = ("log_loss", "brier", "auc", "accuracy", "ece")
RELIED_ON = {
    f"{of}_{name}{end}": value
    for of in ("test", "baseline")
    for name in FIGURES
    for end, value in (("", 0.5), ("_low", 0.4), ("_high", 0.6))
}
"""Metrics that other people's programs rely on, with both ends of their intervals."""
METRICS = RELIED_ON | {
    "against_baseline": -0.1, "against_baseline_low": -0.2, "against_baseline_high": -0.05, "laws_broken": 0.0,
    "test_nothing": math.nan,
}  # fmt: skip
CURVES = {"loss/network": [(step, 1 / (1 + step)) for step in range(1500)], "left_out/network": [(0, 0.7), (10, 0.6)]}
LAST = {"loss/network": 1 / 1500, "left_out/network": 0.6}
NAME = "round_predictor"


@pytest.fixture(scope="module")
def kept(uri, root):
    """A version with all that a training can leave, and the milliseconds since 1970 before and after."""
    round_artifact(root / "artifact", bias=0.25)
    run = TrainingRun(
        model_name=NAME,
        artifact=root / "artifact",
        dataset=pd.DataFrame({"ct_alive": [5, 4] * 600, "time": [0.5, 1.5] * 600, "ct_wins": [1, 0] * 600}),
        dataset_digest="d" * 32,
        params={"seed": 0},
        metrics=METRICS,
        tags={"source_watermark": "demo 7", "trained_at": "2026-01-01T00:00:00+00:00"},
        files={"model_card.md": "# card \u2013", "slices.csv": "a,b\n", "reliability.png": b"\x89PNG"},
        candidates=(
            Candidate(
                "logistic_regression", {"C": 1}, {"validation_log_loss": 0.6, "train_seconds": 2.5, "ece": math.inf},
                CURVES,
            ),
            Candidate("constant", {}, {}),
        ),
        began=1_700_000_000.0,
        verdict="refused",
        curves=CURVES,
    )  # fmt: skip
    before = time.time_ns() // 1_000_000
    return record(uri, run, artifact_root=root / "artifacts"), before, time.time_ns() // 1_000_000


@pytest.fixture
def version(kept):
    return kept[0]


def children_of(client, version):
    """The runs of a version's candidates by name."""
    experiment = client.get_run(version.run_id).info.experiment_id
    found = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{version.run_id}'")
    return {child.info.run_name: child for child in found}


def model_of(client, version):
    registered = client.get_model_version(version.name, version.version)
    return client.get_logged_model(registered.source.removeprefix("models:/"))


def test_a_run_keeps_its_evidence(uri, kept, root):
    version, before, after = kept
    client = connect(uri)
    run = client.get_run(version.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", f"{NAME} {version.version} refused")
    assert run.info.start_time == 1_700_000_000_000
    assert run.data.params == {"seed": "0"}
    assert run.data.metrics == RELIED_ON | {"against_baseline": -0.1, "laws_broken": 0.0} | LAST
    (metric,) = client.get_metric_history(version.run_id, "laws_broken")
    assert metric.step == 0
    assert before <= metric.timestamp <= after
    assert "mlflow.note.content" not in run.data.tags, "no Dagster run to lead back to"
    files = {file.path for file in client.list_artifacts(version.run_id)}
    assert files == {"model_card.md", "slices.csv", "reliability.png", "metrics.json"}
    there = Path(mlflow.artifacts.download_artifacts(run_id=version.run_id, tracking_uri=uri))
    assert (there / "model_card.md").read_text(encoding="utf-8") == "# card \u2013"
    assert (there / "reliability.png").read_bytes() == b"\x89PNG"
    assert client.get_experiment(run.info.experiment_id).artifact_location == (root / "artifacts" / NAME).as_uri()
    assert (version.source_watermark, version.dataset_digest) == ("demo 7", "d" * 32)


def test_a_run_names_the_data_it_learned_from_by_digest_size_and_columns(uri, version):
    (learned,) = connect(uri).get_run(version.run_id).inputs.dataset_inputs
    assert [(tag.key, tag.value) for tag in learned.tags] == [("mlflow.data.context", "training")]
    assert (learned.dataset.name, learned.dataset.digest) == (f"{NAME}_dataset", "d" * 32)
    assert json.loads(learned.dataset.profile) == {"num_rows": 1200, "num_elements": 3600}
    columns = json.loads(learned.dataset.schema)["mlflow_colspec"]
    assert {column["name"]: column["type"] for column in columns} == dict.fromkeys(
        ("ct_alive", "time", "ct_wins"), "double"
    )


def test_each_candidate_has_a_run_that_lasts_as_long_as_fitting_it_did(uri, version):
    found = children_of(connect(uri), version)
    assert set(found) == {"logistic_regression", "constant"}
    fitted, constant = found["logistic_regression"], found["constant"]
    assert fitted.data.params == {"C": "1"}
    assert fitted.data.metrics == {"validation_log_loss": 0.6, "train_seconds": 2.5} | LAST
    assert (constant.data.params, constant.data.metrics) == ({}, {})
    assert {one.info.status for one in found.values()} == {"FINISHED"}
    assert [one.info.start_time for one in found.values()] == [1_700_000_000_000] * 2
    assert [one.info.end_time - one.info.start_time for one in (fitted, constant)] == [2500, 0]


def test_a_version_carries_its_model_with_a_few_linked_metrics_and_says_what_it_is(uri, version, root):
    client = connect(uri)
    model = model_of(client, version)
    assert model.source_run_id == version.run_id
    assert (model.status, model.params, model.tags["source_watermark"]) == ("READY", {"seed": "0"}, "demo 7")
    assert {(one.key, one.value) for one in model.metrics} == {(f"test_{name}", 0.5) for name in FIGURES}
    assert {(one.dataset_name, one.dataset_digest) for one in model.metrics} == {(f"{NAME}_dataset", "d" * 32)}
    (output,) = client.get_run(version.run_id).outputs.model_outputs
    assert (output.model_id, output.step) == (model.model_id, 0)
    registered = client.get_model_version(version.name, version.version)
    assert (registered.description, registered.run_id) == ("# card \u2013", version.run_id)
    about = catalog.ROUND.description
    assert client.get_registered_model(version.name).description == about
    experiment = client.get_experiment_by_name(version.name)
    assert experiment.tags["mlflow.note.content"] == about
    assert version.tags["mlflow_experiment_id"] == experiment.experiment_id
    assert version.digest == Artifact.load(root / "artifact").digest


def test_intervals_are_a_table_and_charts_only_where_other_programs_rely_on_them(uri, version):
    there = mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path="metrics.json", tracking_uri=uri)
    assert json.loads(Path(there).read_text()) == {
        "columns": ["metric", "value", "low", "high"],
        "data": [
            *([f"{of}_{name}", 0.5, 0.4, 0.6] for of in ("test", "baseline") for name in FIGURES),
            ["against_baseline", -0.1, -0.2, -0.05],
        ],
    }
    assert version.metrics == {name: value for name, value in RELIED_ON.items() if name.startswith("test_")}
    intervals = json.loads(connect(uri).get_model_version(NAME, version.version).tags["intervals"])
    assert intervals == {f"test_{name}": [0.4, 0.6] for name in FIGURES}


def test_curves_are_kept_by_step(uri, version):
    client = connect(uri)
    for run_id in (version.run_id, children_of(client, version)["logistic_regression"].info.run_id):
        for name, curve in CURVES.items():
            history = client.get_metric_history(run_id, name)
            assert sorted((one.step, one.value) for one in history) == curve


def test_two_trainings_that_make_the_experiment_at_once_share_it(uri, version, monkeypatch):
    client = connect(uri)
    made = client.get_run(version.run_id).info.experiment_id
    look, seen = client.get_experiment_by_name, []

    def not_yet_there(name):
        seen.append(name)
        return look(name) if len(seen) > 1 else None

    monkeypatch.setattr(client, "get_experiment_by_name", not_yet_there)
    assert runs._experiment(client, NAME, None) == made
    monkeypatch.setattr(client, "get_experiment_by_name", lambda _: None)
    with pytest.raises(MlflowException, match="already exists"):
        runs._experiment(client, NAME, None)


def test_a_server_decides_itself_where_an_experiment_keeps_its_files(uri):
    client = connect(uri)
    made = client.get_experiment(runs._experiment(client, "nobody's", None))
    assert "mlruns" in made.artifact_location
    assert made.tags["mlflow.note.content"] == "", "the table of models does not know it"


def test_a_long_card_is_cut_and_a_run_leads_back_to_dagster(uri, root, tmp_path):
    for length, whole in ((runs.LONGEST_DESCRIPTION, True), (runs.LONGEST_DESCRIPTION + 1, False)):
        card = "x" * length
        assert (runs._cut(card) == card) == whole
        assert len(runs._cut(card)) == 4_900
    round_artifact(tmp_path / "artifact")
    address = "http://127.0.0.1:3000/runs/r1"
    run = training_run(NAME, tmp_path / "artifact", tags={"note": "y" * 9_000, "dagster_run_address": address})
    former = mlflow.get_tracking_uri()
    version = record(
        uri, replace(run, files={"model_card.md": ("x" * 9_000).encode()}), artifact_root=root / "artifacts"
    )
    assert mlflow.get_tracking_uri() == former, "the process's own store is what it was"
    client = connect(uri)
    shown = client.get_model_version(version.name, version.version).description
    assert shown.endswith("x\n\n… The whole card is the run's model_card.md.")
    assert version.tags["note"] == model_of(client, version).tags["note"] == "y" * 4_500
    run = client.get_run(version.run_id)
    assert run.data.tags["mlflow.note.content"] == f"Trained by [this Dagster run]({address})."
    assert run.info.run_name == f"{NAME} {version.version}", "without a verdict"
    assert {file.path for file in client.list_artifacts(version.run_id)} == {"model_card.md"}, "no intervals, no table"


def newest_run(uri):
    client = connect(uri)
    (newest,) = client.search_runs([client.get_experiment_by_name(NAME).experiment_id], max_results=1)
    return newest


def test_a_model_that_does_not_prove_itself_marks_its_run_failed_and_registers_nothing(uri, version, tmp_path):
    before = [one.version for one in promotion.versions(uri, NAME)]
    run = TrainingRun(NAME, tmp_path / "nothing", pd.DataFrame({"a": [1]}), "d", {}, {}, {}, {})
    with pytest.raises(ArtifactError):
        record(uri, run, artifact_root=tmp_path)
    assert [one.version for one in promotion.versions(uri, NAME)] == before
    failed = newest_run(uri)
    assert failed.info.status == "FAILED"
    assert failed.info.start_time > 1_700_000_000_000, "it began when it was made, where nothing else is told"


def test_a_model_that_mlflow_will_not_register_marks_its_run_failed(uri, root, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise MlflowException("not for you", PERMISSION_DENIED)

    round_artifact(tmp_path / "artifact")
    monkeypatch.setattr(MlflowClient, "create_registered_model", refuse)
    with pytest.raises(RegistryError, match="not for you"):
        record(uri, training_run(NAME, tmp_path / "artifact"), artifact_root=root / "artifacts")
    assert newest_run(uri).info.status == "FAILED"


def test_runs_left_open_are_told_with_their_dagster_run_and_ended_with_the_reason(uri, version, tmp_path, empty_store):
    assert runs.left_open(f"sqlite:///{shutil.copy(empty_store, tmp_path)}") == []
    client = connect(uri)
    experiment = client.get_run(version.run_id).info.experiment_id
    began = 1_700_000_000_000
    of_dagster = client.create_run(experiment, began, {"dagster_run_id": "d1"}).info.run_id
    child = client.create_run(experiment, began + 1_500, {"mlflow.parentRunId": of_dagster}).info.run_id
    by_hand = client.create_run(experiment, began, {}).info.run_id
    found = {one.run_id: one for one in runs.left_open(uri)}
    assert {one: left.dagster_run_id for one, left in found.items()} == {of_dagster: "d1", child: "d1"}
    assert found[child].started_at == datetime.fromtimestamp(1_700_000_001.5, UTC)
    runs.mark_killed(uri, child, "its Dagster run was killed")
    assert [one.run_id for one in runs.left_open(uri)] == [of_dagster]
    killed = client.get_run(child)
    assert (killed.info.status, killed.data.tags["mlflow.note.content"]) == ("KILLED", "its Dagster run was killed")
    for run_id in (of_dagster, by_hand):
        client.set_terminated(run_id)


def test_a_figure_with_both_ends_is_a_row_of_the_table_and_its_ends_are_no_metrics():
    shown, table = split_intervals({"auc_of_folds": 0.7, "auc_of_folds_low": 0.6, "auc_of_folds_high": 0.8, "rows": 9})
    assert shown == {"auc_of_folds": 0.7, "rows": 9.0}
    assert list(table.values()) == [["auc_of_folds"], [0.7], [0.6], [0.8]]


def test_the_ends_that_others_rely_on_stay_metrics():
    key = min(PROMISED)
    figures = {key: 0.5, f"{key}_low": 0.4, f"{key}_high": 0.6}
    shown, table = split_intervals(figures)
    assert shown == figures
    assert table["metric"] == [key]


def test_an_interval_with_one_end_or_an_endless_one_is_none_and_what_is_finite_is_kept():
    for figures, kept in (
        ({"a": 1.0, "a_low": 0.5}, {"a": 1.0, "a_low": 0.5}),
        ({"a": 1.0, "a_high": 1.5}, {"a": 1.0, "a_high": 1.5}),
        ({"a": 1.0, "a_low": 0.5, "a_high": math.inf}, {"a": 1.0, "a_low": 0.5}),
        ({"a": math.nan, "a_low": 0.5, "a_high": 1.5}, {"a_low": 0.5, "a_high": 1.5}),
    ):
        shown, table = split_intervals(figures)
        assert shown == kept
        assert table["metric"] == []
