"""The pipeline's metrics: what runs, assets, checks and champions are, and a source that is away hides no other."""

import os
import signal
import sys
import threading
import time
import urllib.request
from datetime import UTC, datetime
from types import SimpleNamespace

import dagster as dg
import pytest
from prometheus_client import CollectorRegistry

from cs2_pipeline.defs import exporter
from cs2_pipeline.defs.exporter import ChampionCollector, DagsterCollector
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import record
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.serving import free_port
from cs2_pipeline_tests.tiny_models import round_artifact, training_run


@dg.asset
def rounds():
    return dg.MaterializeResult(
        metadata={"dagster/row_count": 120, "left_out_total": 7, "refused_rows": 2, "note": "a text"}
    )


@dg.asset
def players():
    return dg.MaterializeResult(metadata={"dagster/row_count": dg.MetadataValue.text("many")})


@dg.asset_check(asset=rounds, name="expectations")
def good():
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=rounds, name="quarantine")
def bad():
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


@dg.op
def breaks():
    raise ValueError("no")


@dg.job
def extract():
    breaks()


@dg.job
def train():
    pass


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def metrics(collector):
    """By name and labels in order, the value of each sample."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return {
        (sample.name.removeprefix("pipeline_"), *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


def keys(*names):
    return [dg.AssetCheckKey(dg.AssetKey("rounds"), name) for name in names]


def ended(instance, run_id):
    return instance.get_run_record_by_id(run_id).end_time


def test_runs_are_counted_by_job_and_result_and_the_end_of_the_newest_is_told(instance):
    runs = [extract.execute_in_process(instance=instance, raise_on_error=False).run_id for _ in range(2)]
    done = train.execute_in_process(instance=instance).run_id
    waiting = instance.create_run_for_job(train, status=dg.DagsterRunStatus.NOT_STARTED)
    instance.create_run_for_job(extract, status=dg.DagsterRunStatus.STARTED)
    instance.create_run_for_job(train, status=dg.DagsterRunStatus.MANAGED)
    found = metrics(DagsterCollector(instance, []))
    assert found["dagster_up",] == 1
    counted = {labels[1:]: value for labels, value in found.items() if labels[0] == "runs"}
    assert counted == {
        ("extract", "FAILURE"): 2, ("train", "SUCCESS"): 1, ("train", "NOT_STARTED"): 1, ("extract", "STARTED"): 1,
        ("train", "MANAGED"): 1,
    }  # fmt: skip
    ends = {labels[1:]: value for labels, value in found.items() if labels[0] == "run_ended_timestamp_seconds"}
    assert ends == {
        ("extract", "FAILURE"): max(ended(instance, run_id) for run_id in runs),
        ("train", "SUCCESS"): ended(instance, done),
    }
    assert found["runs_unfinished",] == 2
    oldest = instance.get_run_record_by_id(waiting.run_id).create_timestamp.timestamp()
    assert found["oldest_unfinished_run_timestamp_seconds",] == pytest.approx(oldest, abs=1e-3)


def test_without_a_run_under_way_there_is_no_oldest_one(instance):
    train.execute_in_process(instance=instance)
    found = metrics(DagsterCollector(instance, []))
    assert found["runs_unfinished",] == 0
    assert not any(labels[0].startswith("oldest") for labels in found)


def test_runs_of_before_yesterday_are_not_counted_but_their_end_is_remembered(instance, monkeypatch):
    train.execute_in_process(instance=instance)
    monkeypatch.setattr(exporter, "COUNTED", exporter.COUNTED * 0)
    found = metrics(DagsterCollector(instance, []))
    assert not any(labels[0] == "runs" for labels in found)
    assert ("run_ended_timestamp_seconds", "train", "SUCCESS") in found
    monkeypatch.setattr(exporter, "REMEMBERED", exporter.REMEMBERED * 0)
    assert not any(labels[0] == "run_ended_timestamp_seconds" for labels in metrics(DagsterCollector(instance, [])))


def test_an_asset_has_the_time_and_the_counts_of_its_newest_materialisation(instance):
    for _ in range(2):
        dg.materialize([rounds, players], instance=instance)
    found = metrics(DagsterCollector(instance, []))
    newest = instance.get_latest_materialization_event(dg.AssetKey("rounds")).timestamp
    assert found["asset_materialized_timestamp_seconds", "rounds"] == newest
    assert found["asset_rows", "rounds"] == 120
    assert found["asset_left_out_rows", "rounds"] == 7
    assert found["asset_refused_rows", "rounds"] == 2
    assert ("asset_rows", "players") not in found, "no number, no metric"
    assert ("asset_materialized_timestamp_seconds", "players") in found


def test_checks_are_told_with_their_severity_and_those_never_evaluated_are_not(instance):
    dg.materialize([rounds, good, bad], instance=instance)
    found = metrics(DagsterCollector(instance, keys("expectations", "quarantine", "never")))
    told = {labels[1:]: value for labels, value in found.items() if labels[0] == "check_passed"}
    assert told == {("rounds", "expectations", "ERROR"): 1, ("rounds", "quarantine", "WARN"): 0}


def test_a_check_that_is_only_planned_has_not_passed(instance):
    checks = dg.AssetSelection.all_asset_checks()
    made = dg.Definitions([rounds], asset_checks=[good], jobs=[dg.define_asset_job("check", checks)])
    instance.create_run_for_job(made.resolve_job_def("check"))
    assert instance.get_latest_asset_check_evaluation_record(*keys("expectations")) is not None
    found = metrics(DagsterCollector(instance, keys("expectations")))
    assert found["dagster_up",] == 1
    assert not any(labels[0] == "check_passed" for labels in found)


def test_a_source_that_cannot_be_read_is_down_and_shows_no_old_numbers(instance, monkeypatch, caplog):
    train.execute_in_process(instance=instance)
    monkeypatch.setattr(instance, "get_asset_records", lambda: 1 / 0)
    assert metrics(DagsterCollector(instance, [])) == {("dagster_up",): 0}
    assert "dagster cannot be read: ZeroDivisionError" in caplog.text


METRICS = {"test_log_loss": 0.5, "test_ece": 0.01}


@pytest.fixture
def platform(tmp_path, mlflow_uri):
    return Platform(Settings(home=tmp_path, mlflow_tracking_uri=mlflow_uri))


def test_without_a_champion_only_its_absence_is_told(platform):
    assert metrics(ChampionCollector(platform, ["round_predictor"])) == {
        ("mlflow_up",): 1, ("champion_present", "round_predictor"): 0,
    }  # fmt: skip


def test_a_champion_is_told_with_its_figures_and_the_decisions_about_it(platform, tmp_path):
    round_artifact(tmp_path / "artifact")
    made = record(
        platform.tracking_uri, training_run("round_predictor", tmp_path / "artifact", metrics=METRICS),
        artifact_root=tmp_path / "mlartifacts",
    )  # fmt: skip
    promotion.promote(platform.tracking_uri, made, reason="a test")
    champion = platform.models.champion("round_predictor")
    promoted = datetime.fromisoformat(champion.promoted_at).timestamp()
    assert metrics(ChampionCollector(platform, ["round_predictor", "player_classifier"])) == {
        ("mlflow_up",): 1,
        ("champion_present", "round_predictor"): 1,
        ("champion_present", "player_classifier"): 0,
        ("champion_info", "round_predictor", champion.version, champion.run_id): 1,
        ("champion_trained_timestamp_seconds", "round_predictor"): datetime(2026, 1, 1, tzinfo=UTC).timestamp(),
        ("champion_promoted_timestamp_seconds", "round_predictor"): promoted,
        ("champion_metric", "round_predictor", "test_ece"): 0.01,
        ("champion_metric", "round_predictor", "test_log_loss"): 0.5,
        ("model_decisions", "round_predictor", "promoted"): 1,
    }


def test_all_registered_models_are_looked_at_unless_some_are_named(platform):
    names = {labels[1] for labels in metrics(ChampionCollector(platform)) if labels[0] == "champion_present"}
    assert {"round_predictor", "player_classifier"} <= names


def test_mlflow_away_hides_nothing_of_dagster(instance, tmp_path):
    away = Platform(Settings(home=tmp_path, mlflow_tracking_uri="sqlite:////proc/nowhere/mlflow.db"))
    assert metrics(ChampionCollector(away, ["round_predictor"])) == {("mlflow_up",): 0}
    registry = exporter.registry(instance, away)
    up = {
        sample.name: sample.value for family in registry.collect() for sample in family.samples if "_up" in sample.name
    }
    assert up == {"pipeline_dagster_up": 1, "pipeline_mlflow_up": 0}


def test_an_asset_that_was_only_observed_has_no_materialisation(instance):
    instance.report_runless_asset_event(dg.AssetObservation("rounds"))
    dg.materialize([players], instance=instance)
    assets = {labels[1] for labels in metrics(DagsterCollector(instance, [])) if labels[0].startswith("asset_")}
    assert assets == {"players"}


def test_daemons_are_told_with_whether_their_hearts_beat(instance, monkeypatch):
    hearts = {name: SimpleNamespace(healthy=beats) for name, beats in (("B", True), ("A", False), ("C", None))}
    monkeypatch.setattr(instance, "get_daemon_statuses", lambda: hearts)
    found = metrics(DagsterCollector(instance, []))
    told = {labels[1]: value for labels, value in found.items() if labels[0] == "daemon_healthy"}
    assert told == {"A": 0, "B": 1, "C": 0}


def test_nothing_is_read_before_it_is_asked_for(instance, platform, monkeypatch):
    read = []
    for collector in (DagsterCollector, ChampionCollector):
        monkeypatch.setattr(collector, "collect", lambda self: read.append(type(self)) or iter(()))
    registry = exporter.registry(instance, platform)
    assert read == []
    list(registry.collect())
    assert read == [DagsterCollector, ChampionCollector]


def test_metrics_are_served_until_a_signal_ends_it(tmp_path, platform, monkeypatch):
    port, seen, over = free_port(), [], threading.Event()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("CS2_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["exporter", "--port", str(port)])

    def ask():
        while not over.is_set() and not seen:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    seen.append(answer.read().decode().splitlines())
            except OSError:
                time.sleep(0.02)
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        exporter.main()
    finally:
        over.set()
    asking.join()
    assert {"pipeline_dagster_up 1.0", "pipeline_mlflow_up 1.0", "pipeline_runs_unfinished 0.0"} <= set(seen[0])
    assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler, "Ctrl-C ends it, too"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics")
