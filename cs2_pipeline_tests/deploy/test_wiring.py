"""The compose file's processes on one machine: same commands, environment and configuration, a real PostgreSQL."""

import json
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.champion import ModelStore, ModelVersion
from cs2_pipeline.registry.runs import record
from cs2_pipeline_tests.bento.serving import PLAYER, ROUND
from cs2_pipeline_tests.deploy.compose import Machine, free_port
from cs2_pipeline_tests.deploy.conftest import Postgres, new_postgres
from cs2_pipeline_tests.deploy.queries import PROMETHEUS, labels_grouped_by, live_rules, queries, selectors_of
from cs2_pipeline_tests.tiny_models import player_artifact, round_artifact, training_run

pytestmark = pytest.mark.timeout(1800)

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
Ask = Callable[..., Any]
"""A question to Prometheus' API → its answer's data."""
VOLUMES = {"mlflow": "lib/mlflow", "pipeline": "lib/cs2"}
ONLY_AFTER_SOMETHING_BAD = {
    'pipeline_check_passed{check=~".*(drift|calibration).*"}': 'pipeline_check_passed{check!=""}',
    'pipeline_check_passed{check="ledger_chain"}': 'pipeline_check_passed{check!=""}',
    'pipeline_run_ended_timestamp_seconds{status="FAILURE"}': 'pipeline_run_ended_timestamp_seconds{status!=""}',
    "pipeline_oldest_unfinished_run_timestamp_seconds": None,
    'ALERTS{alertstate="firing"}': None,
}
"""Series that are there only later → what is there in calm, with the same labels."""
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


def test_mlflow_keeps_no_workers_for_jobs_that_nobody_gives_it(platform: Machine) -> None:
    platform.await_healthy("mlflow")
    # Its own process and the one worker asked for; eight more of 200 MB each would not fit into its container.
    assert platform.processes("mlflow") == 2


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


@pytest.fixture(scope="module")
def service(platform: Machine) -> Iterator[Machine]:
    """The prediction service runs too."""
    with platform.running("predictions"):
        platform.await_healthy("predictions")
        yield platform


def test_the_service_follows_a_promotion_and_a_rollback_through_mlflow_on_postgres(
    service: Machine, postgres: Postgres, tmp_path: Path
) -> None:
    uri = service.url("mlflow")
    biased = {"first": 0.0, "second": 1.5}
    first, second = (
        registered(uri, partial(round_artifact, bias=bias), tmp_path / name) for name, bias in biased.items()
    )
    promotion.promote(uri, first, reason="for a test")
    assert served(service, first) == pytest.approx(0.69, abs=0.01)
    promotion.promote(uri, second, reason="for a test")
    assert served(service, second) == pytest.approx(0.91, abs=0.01)
    service.run("code-location", "cs2", "models", "rollback", "round_predictor", "--reason", "for a test")
    assert served(service, first) == pytest.approx(0.69, abs=0.01)
    found = metrics(service, "exporter")
    assert value(found, "champion_metric", name="round_predictor", metric="test_log_loss") == 0.5
    assert value(found, "champion_info", name="round_predictor", version=first.version, run_id=first.run_id) == 1
    assert value(found, "model_decisions", name="round_predictor", action="rolled_back") == 1
    predictions = metrics(service, "predictions")
    assert value(predictions, "model_info", name="round_predictor", version=first.version, run_id=first.run_id) == 1
    assert postgres.sql("mlflow", "SELECT count(*) FROM model_versions") == "2"


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
def test_every_panel_and_rule_finds_its_series_in_a_prometheus_that_scrapes_the_platform(
    service: Machine, tmp_path: Path
) -> None:
    # Nobody was promoted to classify players: an error of the service, for the panels to show.
    assert httpx.post(service.url("predictions", "/classify/player"), json=PLAYER, timeout=600).status_code == 503
    uri = service.url("mlflow")
    promotion.promote(uri, registered(uri, player_artifact, tmp_path / "player"), reason="for a test")
    with prometheus(service, tmp_path / "prometheus") as ask:
        for place, query in queries():
            ask("query", query=query)
            if place.startswith(("gateway.json", "live.json")) or place.removeprefix("alerts.yml: ") in live_rules():
                continue  # the gateway does not run on this machine; its own tests read its metrics
            for selector in selectors_of(query) - set(ONLY_AFTER_SOMETHING_BAD):
                found = ask("series", **{"match[]": selector})
                assert found, f"{place}: nothing matches {selector}"
                if len(selectors_of(query)) == 1:
                    assert labels_grouped_by(query) <= set(found[0]), f"{place}: {found[0]}"
        for in_calm in ONLY_AFTER_SOMETHING_BAD.values():
            assert in_calm is None or ask("series", **{"match[]": in_calm}), f"nothing matches {in_calm}"
        assert {rule["health"] for group in ask("rules")["groups"] for rule in group["rules"]} == {"ok"}


def test_a_backup_taken_at_work_makes_another_machine_what_this_one_was(
    platform: Machine, postgres: Postgres, tmp_path: Path
) -> None:
    uri = platform.url("mlflow")
    decided = promotion.history(uri, "round_predictor")
    runs = postgres.sql("dagster", "SELECT run_id, status FROM runs ORDER BY id")
    postgres.script("backup.sh", str(tmp_path))
    archived(platform, tmp_path)

    with new_postgres() as server, tempfile.TemporaryDirectory() as folder:
        other = Machine(Path(folder), server.port, {"CS2_RELOAD_INTERVAL": "0.5"})
        server.script("restore.sh", str(tmp_path))
        unpacked(tmp_path, other)
        with other.running("mlflow", "predictions"):
            other.run("migrate")
            assert server.sql("dagster", "SELECT run_id, status FROM runs ORDER BY id") == runs
            assert [path.name for path in tables(other)] == [path.name for path in tables(platform)] != []
            other.await_healthy("mlflow")
            assert promotion.history(other.url("mlflow"), "round_predictor") == decided
            champion = ModelStore(other.url("mlflow"), tmp_path / "cache").champion("round_predictor")
            assert champion is not None
            assert served(other, champion) == pytest.approx(0.69, abs=0.01)


def archived(machine: Machine, folder: Path) -> None:
    """The volumes, as the operations guide archives them."""
    for volume, place in VOLUMES.items():
        subprocess.run(["tar", "-C", machine.folder / place, "-czf", folder / f"{volume}.tar.gz", "."], check=True)


def unpacked(folder: Path, machine: Machine) -> None:
    for volume, place in VOLUMES.items():
        subprocess.run(["tar", "-C", machine.folder / place, "-xzpf", folder / f"{volume}.tar.gz"], check=True)


def tables(machine: Machine) -> list[Path]:
    """What was extracted."""
    return sorted((machine.folder / "lib" / "cs2" / "data").rglob("*.parquet"))


@contextmanager
def prometheus(machine: Machine, folder: Path) -> Iterator[Ask]:
    """A real Prometheus with the platform's configuration, which has scraped twice; asks its API."""
    port = free_port()
    shutil.copytree(PROMETHEUS, folder)
    configuration = yaml.safe_load((folder / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    there = {"predictions:8000": machine.ports["predictions"], "exporter:9101": machine.ports["exporter"]}
    # Neither the gateway nor a consumer runs on this machine.
    jobs = [job for job in configuration["scrape_configs"] if job["job_name"] not in ("gateway", "consumer")]
    configuration["scrape_configs"] = jobs
    for job in jobs:
        job.pop("scrape_interval", None), job.pop("scrape_timeout", None)
        (targets,) = job["static_configs"]
        targets["targets"] = [f"127.0.0.1:{there.get(target, port)}" for target in targets["targets"]]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command = ["prometheus", *options, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def ask(what: str, **parameters: str) -> Any:
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/{what}", params=parameters, timeout=600)
        assert answer.status_code == 200, (parameters, answer.text)
        return answer.json()["data"]

    try:
        deadline = time.monotonic() + 600
        while not scraped_twice(ask):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.3)
        yield ask
    finally:
        process.kill()
        process.wait()


def scraped_twice(ask: Ask) -> bool:
    with suppress(httpx.TransportError, AssertionError):
        found = ask("query", query="sum by (job) (sum_over_time(up[1m])) >= 2")["result"]
        return len(found) == 3
    return False


def launch(machine: Machine, job: str, tags: dict[str, str]) -> str:
    """Launch a job in the webserver as its UI does; the steps in the run's own process, which is quicker."""
    config = {"execution": {"config": {"in_process": {}}}}
    given = [{"key": key, "value": text} for key, text in tags.items()]
    answer = graphql(machine, LAUNCH, {"job": job, "tags": given, "config": json.dumps(config)})["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def finished(machine: Machine, run: str, seconds: float = 600.0) -> str:
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
    return httpx.post(url, json=document, timeout=600).raise_for_status().json()


def registered(uri: str, make: Callable[[Path], Artifact], folder: Path) -> ModelVersion:
    folder.mkdir()
    figures = {"test_log_loss": 0.5, "test_ece": 0.02, "test_auc": 0.8, "test_accuracy": 0.7}
    metrics = {f"{name}{end}": figure for name, figure in figures.items() for end in ("", "_low", "_high")}
    run = training_run(make(folder).name, folder, metrics=metrics)
    return record(uri, run, artifact_root=None)


def served(machine: Machine, version: ModelVersion, seconds: float = 600.0) -> float:
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
