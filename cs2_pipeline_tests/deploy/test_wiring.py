"""The compose file's processes on one machine: same commands, environment and configuration, a real PostgreSQL."""

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.champion import ModelVersion
from cs2_pipeline.registry.runs import TrainingRun, record
from cs2_pipeline_tests.bento.serving import ROUND
from cs2_pipeline_tests.deploy.compose import Machine
from cs2_pipeline_tests.deploy.conftest import Postgres
from cs2_pipeline_tests.tiny_models import round_artifact

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("deploy")]

LAUNCH = """mutation($job: String!, $tags: [ExecutionTag!]!, $config: RunConfigData!) {
  launchRun(executionParams: {
    selector: {repositoryName: "__repository__", repositoryLocationName: "cs2_pipeline", jobName: $job}
    executionMetadata: {tags: $tags}
    runConfigData: $config
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}"""
SENSORS = """{ sensorsOrError(repositorySelector: {
  repositoryName: "__repository__", repositoryLocationName: "cs2_pipeline"
}) { ... on Sensors { results { id name } } } }"""
STOP = """mutation($id: String!) { stopSensor(id: $id) {
  ... on StopSensorMutationResult { instigationState { status } } ... on PythonError { message }
} }"""
STATUS = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


@pytest.fixture(scope="module")
def platform(machine: Machine) -> Iterator[Machine]:
    """Everything but the prediction service runs."""
    with machine.running("mlflow"):
        machine.run("migrate")
        with machine.running("code-location", "exporter"):
            machine.run("code-location", "cs2", "simulate", "--matches", "1")
            machine.await_healthy("code-location")
            with machine.running("dagster-webserver"):
                machine.await_healthy("dagster-webserver")
                # What runs by itself is tested where it is written; here it would only take the processor.
                for sensor in graphql(machine, SENSORS, {})["sensorsOrError"]["results"]:
                    answer = graphql(machine, STOP, {"id": sensor["id"]})["stopSensor"]
                    assert answer["instigationState"]["status"] == "STOPPED", answer
                with machine.running("dagster-daemon"):
                    machine.await_healthy("mlflow")
                    yield machine


def test_a_run_goes_from_the_webserver_through_the_queue_to_the_code_location_and_is_kept_in_postgres(
    platform: Machine, postgres: Postgres
) -> None:
    with sqlite3.connect(platform.folder / "lib" / "cs2" / "demos.sqlite") as database:
        (day,) = database.execute("SELECT date(min(StartTime)) FROM Matches").fetchone()
    run = launch(platform, "extract", {"dagster/partition": day})

    assert finished(platform, run) == "SUCCESS", platform.log("code-location").read_text()[-3000:]
    assert postgres.sql("dagster", f"SELECT status FROM runs WHERE run_id = '{run}'") == "SUCCESS"  # noqa: S608
    assert int(postgres.sql("dagster", "SELECT count(*) FROM asset_keys")) >= 3
    assert (platform.folder / "lib" / "cs2" / "data" / "rounds" / f"{day}.parquet").exists()
    # Dagster's home holds configuration alone, so that it may be read-only.
    kept = {path.name for path in (platform.folder / "etc").rglob("*") if path.is_file()}
    assert kept == {"dagster.yaml", "workspace.yaml"}


def test_the_exporter_shows_what_postgres_and_mlflow_hold(platform: Machine) -> None:
    platform.await_healthy("exporter")
    platform.await_healthy("dagster-daemon")
    found = metrics(platform, "exporter")

    assert value(found, "pipeline_dagster_up") == 1
    assert value(found, "pipeline_mlflow_up") == 1
    assert value(found, "pipeline_runs", dagster_job="extract", status="SUCCESS") == 1
    assert value(found, "pipeline_asset_rows", asset="rounds") > 0
    assert value(found, "pipeline_runs_unfinished") == 0
    assert value(found, "pipeline_daemon_healthy", daemon="QUEUED_RUN_COORDINATOR") == 1
    assert value(found, "champion_present", name="round_predictor") == 0


def test_the_service_follows_a_promotion_and_a_rollback_through_mlflow_on_postgres(
    platform: Machine, postgres: Postgres, tmp_path: Path
) -> None:
    uri = platform.url("mlflow")
    first, second = (registered(uri, tmp_path / name, bias) for name, bias in (("first", 0.0), ("second", 1.5)))
    promotion.promote(uri, first, reason="for a test")
    with platform.running("predictions"):
        platform.await_healthy("predictions")
        assert served(platform, first) == pytest.approx(0.69, abs=0.01)
        promotion.promote(uri, second, reason="for a test")
        assert served(platform, second) == pytest.approx(0.91, abs=0.01)
        platform.run("code-location", "cs2", "models", "rollback", "round_predictor", "--reason", "for a test")
        assert served(platform, first) == pytest.approx(0.69, abs=0.01)
        found = metrics(platform, "exporter")
        assert value(found, "champion_metric", name="round_predictor", metric="test_log_loss") == 0.5
        assert value(found, "champion_info", name="round_predictor", version=first.version, run_id=first.run_id) == 1
        assert value(found, "model_decisions", name="round_predictor", action="rolled_back") == 1
        predictions = metrics(platform, "predictions")
        assert value(predictions, "model_info", name="round_predictor", version=first.version, run_id=first.run_id) == 1
    assert postgres.sql("mlflow", "SELECT count(*) FROM model_versions") == "2"


def launch(machine: Machine, job: str, tags: dict[str, str]) -> str:
    """Launch a job in the webserver as its UI does; the steps in the run's own process, which is quicker."""
    config = {"execution": {"config": {"in_process": {}}}}
    given = [{"key": key, "value": text} for key, text in tags.items()]
    answer = graphql(machine, LAUNCH, {"job": job, "tags": given, "config": json.dumps(config)})["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def finished(machine: Machine, run: str, seconds: float = 120.0) -> str:
    deadline = time.monotonic() + seconds
    while True:
        status = str(graphql(machine, STATUS, {"id": run})["runOrError"]["status"])
        if status in ("SUCCESS", "FAILURE", "CANCELED") or time.monotonic() > deadline:
            return status
        time.sleep(0.3)


def graphql(machine: Machine, query: str, variables: dict[str, Any]) -> Any:
    answer = posted(machine.url("dagster-webserver", "/graphql"), {"query": query, "variables": variables})
    assert "errors" not in answer, answer
    return answer["data"]


def posted(url: str, document: Any) -> Any:
    return httpx.post(url, json=document, timeout=60).raise_for_status().json()


def registered(uri: str, folder: Path, bias: float) -> ModelVersion:
    folder.mkdir()
    round_artifact(folder, bias=bias)
    run = TrainingRun(
        model_name="round_predictor",
        artifact=folder,
        dataset=pd.DataFrame({"ct_alive": [5, 4], "ct_wins": [1, 0]}),
        dataset_digest="d" * 32,
        params={"seed": 0},
        metrics={"test_log_loss": 0.5},
        tags={"source_watermark": "demo 7", "trained_at": "2026-01-01T00:00:00+00:00"},
        files={},
    )
    return record(uri, run, artifact_root=None)


def served(machine: Machine, version: ModelVersion, seconds: float = 60.0) -> float:
    """The CT's chance as the given version says, once it is the one that answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = posted(machine.url("predictions", "/predict/round"), ROUND)
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == 503
        else:
            if answer["model_version"] == version.version:
                return float(answer["ct_win_probability"])
        time.sleep(0.2)
    raise AssertionError(f"version {version.version} was not served\n{machine.log('predictions').read_text()[-3000:]}")


def metrics(machine: Machine, service: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = machine.await_answer(service, "/metrics").decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: dict[tuple[str, frozenset[tuple[str, str]]], float], series: str, /, **labels: str) -> float:
    return found[series, frozenset(labels.items())]
