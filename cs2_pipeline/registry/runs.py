"""Logging a training run with all its evidence, and registering its model as a version.

One parent run per training, one nested run per candidate, so that a reviewer sees them side by side. Nothing here
decides anything: promotion does (`registry.promotion`).
"""

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import mlflow.data
import mlflow.onnx
import numpy as np
import onnx
import pandas as pd
from mlflow.entities import DatasetInput, InputTag, Metric, Param, Run
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.artifact import MANIFEST_FILE, MODEL_FILE, PROBE_FILE, Artifact
from cs2_pipeline.registry.champion import MODEL_FOLDER, ModelStore, ModelVersion
from cs2_pipeline.registry.client import connect, translated

DAGSTER_RUN_TAG: Final = "dagster_run_id"
"""Tag of a training's run: the Dagster run that it is of."""
LONGEST_TAG: Final = 4500
"""MLflow's stores take 5,000 characters a tag."""
_MODEL_TRAINING: Final = {"mlflow.experimentKind": "custom_model_development"}
"""Opens an experiment's page on its runs."""
_INFERENCE_REQUIREMENTS: Final = ("onnxruntime", "numpy")


@dataclass(frozen=True)
class Candidate:
    """One of the models that were compared: its name, parameters and metrics on what was left out of its fit."""

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class TrainingRun:
    """All that is kept of a training.

    Attributes:
        model_name: the registered model.
        artifact: folder of the model artifact.
        dataset: the training table, for MLflow's dataset input (its schema and size are kept, not its rows).
        dataset_digest: content hash of the table, at most 36 characters.
        params, metrics, tags: of the parent run. Metrics that are NaN are left out.
        files: text or bytes by file name (model card, slices, figures).
        candidates: one nested run each.
    """

    model_name: str
    artifact: Path
    dataset: pd.DataFrame
    dataset_digest: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, str | bytes]
    candidates: tuple[Candidate, ...] = field(default=())


def record(tracking_uri: str, run: TrainingRun, *, artifact_root: Path | None) -> ModelVersion:
    """Log the run and its candidates, and register the model; a run that fails half-way is marked as failed.

    Args:
        tracking_uri: MLflow's address.
        run: what to keep.
        artifact_root: where an embedded store keeps artifacts; None lets a server decide.

    Raises:
        RegistryUnavailableError: MLflow does not answer.
        RegistryError: MLflow refused the run.
    """
    with translated(tracking_uri):
        client = connect(tracking_uri)
        experiment = _experiment(client, run.model_name, artifact_root)
        parent = client.create_run(experiment, run_name=f"{run.model_name} training", tags=dict(run.tags))
        run_id = parent.info.run_id
        try:
            _log_numbers(client, run_id, run.params, run.metrics)
            _log_dataset(client, run_id, run)
            for candidate in run.candidates:
                _log_candidate(client, experiment, run_id, candidate)
            with tempfile.TemporaryDirectory() as folder:
                _write_files(Path(folder), run)
                client.log_artifacts(run_id, folder)
            number = _register(client, run, run_id, str(parent.info.artifact_uri))
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id)
    return ModelStore(tracking_uri, Path()).version(run.model_name, number)


@dataclass(frozen=True)
class LeftOpen:
    """An MLflow run that is marked as running: its id, the Dagster run it is of, and when it began."""

    run_id: str
    dagster_run_id: str
    started_at: datetime


def left_open(tracking_uri: str) -> list[LeftOpen]:
    """Runs of our models' trainings that MLflow has as running, candidates' among them.

    Raises:
        RegistryUnavailableError: MLflow does not answer.
    """
    with translated(tracking_uri):
        client = connect(tracking_uri)
        experiments = [client.get_experiment_by_name(name) for name in catalog.names()]
        known = [str(experiment.experiment_id) for experiment in experiments if experiment is not None]
        found = list(client.search_runs(known, "attributes.status = 'RUNNING'")) if known else []
        return [
            LeftOpen(run.info.run_id, of, datetime.fromtimestamp(run.info.start_time / 1000, UTC))
            for run in found
            if (of := _dagster_run_of(client, run))
        ]


def mark_killed(tracking_uri: str, run_id: str, reason: str) -> None:
    """End a run that whoever wrote it will not end; MLflow shows the reason as the run's description."""
    with translated(tracking_uri):
        client = connect(tracking_uri)
        client.set_tag(run_id, MLFLOW_RUN_NOTE, reason)
        client.set_terminated(run_id, "KILLED")


def _dagster_run_of(client: MlflowClient, run: Run) -> str | None:
    parent = run.data.tags.get(MLFLOW_PARENT_RUN_ID)
    tags = client.get_run(parent).data.tags if parent else run.data.tags
    return tags.get(DAGSTER_RUN_TAG)


def attach(tracking_uri: str, run_id: str, files: Mapping[str, str]) -> None:
    """Add text files to a finished run (the promotion report comes after training)."""
    with translated(tracking_uri):
        client = connect(tracking_uri)
        for name, text in files.items():
            client.log_text(run_id, text, name)


def _experiment(client: MlflowClient, name: str, artifact_root: Path | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = (artifact_root.resolve() / name).as_uri() if artifact_root is not None else None
    try:
        return str(client.create_experiment(name, artifact_location=location, tags=_MODEL_TRAINING))
    except MlflowException:
        # A run beside this one made it in between.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def _log_numbers(client: MlflowClient, run_id: str, params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    now = time.time_ns() // 1_000_000
    client.log_batch(
        run_id,
        metrics=[Metric(key, float(value), now, 0) for key, value in metrics.items() if np.isfinite(value)],
        params=[Param(key, str(value)) for key, value in params.items()],
    )


def _log_dataset(client: MlflowClient, run_id: str, run: TrainingRun) -> None:
    # MLflow guesses a schema from the values; nullable integers would draw a warning about missing values.
    table = run.dataset.head(1000).astype(dict.fromkeys(run.dataset.select_dtypes("integer").columns, float))
    dataset = mlflow.data.from_pandas(table, name=f"{run.model_name}_dataset", digest=run.dataset_digest)  # type: ignore[attr-defined]
    tag = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, [DatasetInput(dataset._to_mlflow_entity(), [tag])])


def _log_candidate(client: MlflowClient, experiment: str, parent: str, candidate: Candidate) -> None:
    tags = {MLFLOW_PARENT_RUN_ID: parent}
    child = client.create_run(experiment, run_name=candidate.name, tags=tags)
    _log_numbers(client, child.info.run_id, candidate.params, candidate.metrics)
    client.set_terminated(child.info.run_id)


def _write_files(folder: Path, run: TrainingRun) -> None:
    for name, content in run.files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
    artifact = Artifact.load(run.artifact)
    example = np.zeros((2, len(artifact.features)), dtype=np.float32)
    model = folder / MODEL_FOLDER
    mlflow.onnx.save_model(
        onnx.load(run.artifact / MODEL_FILE),
        str(model),
        signature=infer_signature({"features": example}, artifact.predict(example)),
        pip_requirements=list(_INFERENCE_REQUIREMENTS),
        save_as_external_data=False,
    )
    # The graph byte for byte as it was proven, and beside it what proves it.
    for name in (MODEL_FILE, PROBE_FILE, MANIFEST_FILE):
        shutil.copyfile(run.artifact / name, model / name)


def _register(client: MlflowClient, run: TrainingRun, run_id: str, artifact_uri: str) -> str:
    try:
        client.create_registered_model(run.model_name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    artifact = Artifact.load(run.artifact)
    tags = {
        **{key: value[:LONGEST_TAG] for key, value in run.tags.items()},
        "dataset_digest": run.dataset_digest,
        "manifest_sha256": artifact.digest,
    }
    version = client.create_model_version(run.model_name, f"{artifact_uri}/{MODEL_FOLDER}", run_id=run_id, tags=tags)
    return str(version.version)
