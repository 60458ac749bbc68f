"""Logging a training run with all its evidence, and registering its model as a version.

One parent run per training, one nested run per candidate, so that a reviewer sees them side by side. Nothing here
decides anything: promotion does (`registry.promotion`).
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import mlflow
import mlflow.data
import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelOutput, Metric, Param, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE
from mlflow.utils.validation import MAX_METRICS_PER_BATCH

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.artifact import Artifact, files
from cs2_pipeline.registry.champion import ModelStore, ModelVersion
from cs2_pipeline.registry.client import LONGEST_TAG, connect, translated

DAGSTER_RUN_TAG: Final = "dagster_run_id"
"""Tag of a training's run: the Dagster run that it is of."""
DAGSTER_ADDRESS_TAG: Final = "dagster_run_address"
"""Tag of a training's run: where a browser finds that Dagster run."""
EXPERIMENT_TAG: Final = "mlflow_experiment_id"
"""Tag of a version: the experiment that its run is in, which the address of the run's page holds."""
METRICS_TABLE: Final = "metrics.json"
"""A run's table of metrics with their intervals."""
ENDS: Final = ("_low", "_high")
_FIGURES: Final = ("log_loss", "brier", "auc", "accuracy", "ece")
PROMISED: Final = frozenset(f"{of}_{name}" for of in ("test", "baseline") for name in _FIGURES)
"""Metrics whose intervals every run carries as metrics too, as other people's programs expect."""
OF_VERSION: Final = frozenset(f"test_{name}" for name in _FIGURES)
"""Metrics that the page of a version shows, too: one figure each, their intervals are in its description's table."""
_COLUMNS: Final = (("low", "_low"), ("high", "_high"))
LONGEST_DESCRIPTION: Final = 4900
"""MLflow's stores take 5,000 characters a version's description."""
_MODEL_TRAINING: Final = {"mlflow.experimentKind": "custom_model_development"}
"""Opens an experiment's page on its runs."""
_INFERENCE_REQUIREMENTS: Final = ("cs2-pipeline[serving]",)


@dataclass(frozen=True)
class Candidate:
    """One of the models that were compared.

    Attributes:
        name: its kind.
        params: what it was fitted with.
        metrics: on what was left out of its fit.
        curves: training curves by name: pairs of step and value.
    """

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)


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
        began: when the training began, seconds since 1970: the run begins then too.
        verdict: a word for the run's name: what was decided.
        curves: training curves by name: pairs of step and value.
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
    began: float = field(default_factory=time.time)
    verdict: str = ""
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)


def record(tracking_uri: str, run: TrainingRun, *, artifact_root: Path | None) -> ModelVersion:
    """Log the run and its candidates, and register the model; a run that fails half-way is marked as failed.

    Args:
        tracking_uri: MLflow's address.
        run: what to keep.
        artifact_root: where an embedded store keeps artifacts; None lets a server decide.

    Raises:
        RegistryUnavailableError: MLflow does not answer.
        RegistryError: MLflow refused the run.
        ArtifactError: the model does not prove itself.
    """
    with translated(tracking_uri):
        client = connect(tracking_uri)
        experiment = _experiment(client, run.model_name, artifact_root)
        began = round(run.began * 1000)
        tags = dict(run.tags) | _note(run.tags.get(DAGSTER_ADDRESS_TAG))
        parent = client.create_run(experiment, began, tags, f"{run.model_name} training")
        run_id = parent.info.run_id
        try:
            digest = Artifact.load(run.artifact).digest  # proven before anything of it is kept
            model = client.create_logged_model(experiment, run.model_name, run_id, _short(run.tags), _texts(run.params))
            _log_numbers(client, run_id, run, model.model_id)
            _log_dataset(client, run_id, run)
            for candidate in run.candidates:
                _log_candidate(client, experiment, run_id, candidate, began)
            with tempfile.TemporaryDirectory() as folder:
                _write_files(Path(folder) / "files", run)
                client.log_artifacts(run_id, folder + "/files")
                _write_model(Path(folder) / "model", run, run_id, model.model_id)
                client.log_model_artifacts(model.model_id, folder + "/model")
            client.finalize_logged_model(model.model_id, "READY")
            client.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
            number = _register(client, run, run_id, model.model_id, digest)
            client.update_run(run_id, name=f"{run.model_name} {number} {run.verdict}".strip())
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


def _experiment(client: MlflowClient, name: str, artifact_root: Path | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = (artifact_root.resolve() / name).as_uri() if artifact_root is not None else None
    tags = _MODEL_TRAINING | {MLFLOW_RUN_NOTE: _description(name)}
    try:
        return str(client.create_experiment(name, artifact_location=location, tags=tags))
    except MlflowException:
        # A run beside this one made it in between.
        found = client.get_experiment_by_name(name)
        if found is None:
            raise
        return str(found.experiment_id)


def _log_numbers(client: MlflowClient, run_id: str, run: TrainingRun, model_id: str) -> None:
    """Metrics on the run, a few of them linked to its model; intervals go into a table, and few of them into charts."""
    now = time.time_ns() // 1_000_000
    shown, table = split_intervals(run.metrics)
    linked = {"model_id": model_id, "dataset_name": _dataset_name(run), "dataset_digest": run.dataset_digest}
    metrics = [
        Metric(key, value, now, 0, run_id=run_id, **(linked if key in OF_VERSION else {}))
        for key, value in shown.items()
    ]
    client.log_batch(run_id, metrics=metrics, params=[Param(key, text) for key, text in _texts(run.params).items()])
    _log_curves(client, run_id, run.curves)
    if table["metric"]:
        client.log_table(run_id, table, METRICS_TABLE)


def split_intervals(metrics: Mapping[str, float]) -> tuple[dict[str, float], dict[str, list[Any]]]:
    """Finite metrics, and as a table those that have intervals, with them.

    Of the ends only those that other programs rely on (`PROMISED`) are metrics too: fifty one-bar charts tell nobody
    anything.
    """
    finite = {key: float(value) for key, value in metrics.items() if np.isfinite(value)}
    whole = [key for key in finite if f"{key}_low" in finite and f"{key}_high" in finite]
    ends = {f"{key}{end}" for key in whole if key not in PROMISED for end in ENDS}
    columns = {name: [finite[f"{key}{end}"] for key in whole] for name, end in (("value", ""), *_COLUMNS)}
    return {key: value for key, value in finite.items() if key not in ends}, {"metric": whole, **columns}


def _log_dataset(client: MlflowClient, run_id: str, run: TrainingRun) -> None:
    # MLflow guesses a schema from the values; nullable integers would draw a warning about missing values.
    table = run.dataset.head(1000).astype(dict.fromkeys(run.dataset.select_dtypes("integer").columns, float))
    dataset = mlflow.data.from_pandas(table, name=_dataset_name(run), digest=run.dataset_digest)  # type: ignore[attr-defined]
    told = dataset._to_mlflow_entity()
    size = json.dumps({"num_rows": len(run.dataset), "num_elements": run.dataset.size})  # not of the rows looked at
    whole = Dataset(told.name, told.digest, told.source_type, told.source, schema=told.schema, profile=size)
    tag = InputTag("mlflow.data.context", "training")
    client.log_inputs(run_id, [DatasetInput(whole, [tag])])


def _log_candidate(client: MlflowClient, experiment: str, parent: str, candidate: Candidate, began: int) -> None:
    """A candidate's run; it lasts as long as fitting it did."""
    tags = {MLFLOW_PARENT_RUN_ID: parent}
    child = client.create_run(experiment, began, tags, candidate.name).info.run_id
    now = time.time_ns() // 1_000_000
    finite = {key: float(value) for key, value in candidate.metrics.items() if np.isfinite(value)}
    client.log_batch(
        child,
        metrics=[Metric(key, value, now, 0) for key, value in finite.items()],
        params=[Param(key, text) for key, text in _texts(candidate.params).items()],
    )
    _log_curves(client, child, candidate.curves)
    client.set_terminated(child, end_time=began + round(1000 * finite.get("train_seconds", 0.0)))


def _log_curves(client: MlflowClient, run_id: str, curves: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    now = time.time_ns() // 1_000_000
    points = [Metric(key, value, now, step) for key, curve in curves.items() for step, value in curve]
    for at in range(0, len(points), MAX_METRICS_PER_BATCH):
        client.log_batch(run_id, metrics=points[at : at + MAX_METRICS_PER_BATCH])


def _write_files(folder: Path, run: TrainingRun) -> None:
    folder.mkdir()
    for name, content in run.files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def _write_model(folder: Path, run: TrainingRun, run_id: str, model_id: str) -> None:
    """The MLflow model: the artifact's files, and how MLflow loads them."""
    mlflow.pyfunc.save_model(
        folder,
        loader_module="cs2_pipeline.registry.served",
        mlflow_model=Model(model_id=model_id, run_id=run_id),
        pip_requirements=list(_INFERENCE_REQUIREMENTS),
    )
    for name in files(run.artifact):
        shutil.copyfile(run.artifact / name, folder / name)


def _register(client: MlflowClient, run: TrainingRun, run_id: str, model_id: str, digest: str) -> str:
    try:
        client.create_registered_model(run.model_name, description=_description(run.model_name))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    _, table = split_intervals(run.metrics)
    intervals = {
        key: [low, high] for key, low, high in zip(*(table[name] for name in ("metric", "low", "high")), strict=True)
    }
    tags = {
        **_short(run.tags),
        EXPERIMENT_TAG: client.get_run(run_id).info.experiment_id,
        "dataset_digest": run.dataset_digest,
        "manifest_sha256": digest,
        "intervals": json.dumps({key: ends for key, ends in intervals.items() if key.startswith("test_")}),
    }
    card = run.files.get("model_card.md", "")
    with _default_store(client):
        version = client.create_model_version(
            run.model_name,
            f"models:/{model_id}",
            run_id=run_id,
            tags=tags,
            description=_cut(card if isinstance(card, str) else card.decode()),
            model_id=model_id,
        )
    return str(version.version)


@contextmanager
def _default_store(client: MlflowClient) -> Iterator[None]:
    """An embedded store looks a version's model up in the process's default store: make that its own for a moment."""
    former = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(client.tracking_uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(former)  # type: ignore[arg-type]  # None unsets it


def _cut(card: str) -> str:
    more = "\n\n… The whole card is the run's model_card.md."
    return card if len(card) <= LONGEST_DESCRIPTION else card[: LONGEST_DESCRIPTION - len(more)] + more


def _description(name: str) -> str:
    """What a model answers, as its entry says; empty for a model that has none."""
    return catalog.spec_of(name).description if name in catalog.names() else ""


def _note(dagster_address: str | None) -> dict[str, str]:
    """The run's description, which leads back to Dagster."""
    return {MLFLOW_RUN_NOTE: f"Trained by [this Dagster run]({dagster_address})."} if dagster_address else {}


def _dataset_name(run: TrainingRun) -> str:
    return f"{run.model_name}_dataset"


def _short(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value[:LONGEST_TAG] for key, value in tags.items()}


def _texts(params: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in params.items()}
