"""Runs of real processes that were killed, and what they left open in MLflow."""

import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from mlflow.tracking import MlflowClient

from cs2_pipeline.defs.automation import abandoned
from cs2_pipeline.defs.automation.abandoned import HOST_TAG, abandoned_runs, close_trainings, end_vanished
from cs2_pipeline.defs.automation.unfinished import ABANDONED_AFTER
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import FAILURE_TAG, TRANSIENT
from cs2_pipeline.settings import Settings

HERE = socket.gethostname()


class Runs:
    """An instance, and runs in it whose processes are real."""

    def __init__(self, home):
        self.instance = dg.DagsterInstance.ephemeral()
        self.platform = Platform(Settings(home=home))

    def started(self, pid, host=HERE, status=dg.DagsterRunStatus.STARTED):
        job = dg.Definitions(assets=[dg.asset(name="a")(lambda: 1)], jobs=[dg.define_asset_job("train_round")])
        tags = {HOST_TAG: host} if host else {}
        made = job.resolve_job_def("train_round")
        run = self.instance.create_run_for_job(made, status=status, tags=tags)
        if pid is not None:
            self.tells(run, pid)
        return run

    def tells(self, run, pid, step=None):
        data = EngineEventData.in_process(pid)
        self.instance.report_engine_event("Executing steps in process", run, data, step_key=step)

    def status(self, run):
        return self.instance.get_run_by_id(run.run_id).status

    def tick(self, cursor=None):
        with dg.build_sensor_context(
            self.instance, cursor=cursor, resources={"platform": self.platform}, sensor_name="abandoned_runs"
        ) as context:
            answer = abandoned_runs(context)
            return answer.skip_message, context.cursor


@pytest.fixture
def runs(tmp_path, mlflow_uri):
    return Runs(tmp_path)


@pytest.fixture
def process():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield child
    child.kill()
    child.communicate()


def test_a_run_whose_process_was_killed_is_ended_with_a_reason_and_one_that_lives_is_not(runs, process):
    lives, silent = runs.started(os.getpid()), runs.started(None)
    runs.instance.report_engine_event("Starting", silent)  # names no process
    killed = runs.started(process.pid)
    assert end_vanished(runs.instance, launched_here=False) == []
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and its parent has not taken note
    ended = end_vanished(runs.instance, launched_here=False)
    assert [run.run_id for run in ended] == [killed.run_id]
    assert runs.status(killed) is dg.DagsterRunStatus.FAILURE
    assert runs.status(lives) is runs.status(silent) is dg.DagsterRunStatus.STARTED
    assert runs.instance.get_run_by_id(killed.run_id).tags[FAILURE_TAG] == TRANSIENT
    messages = [event.message for event in runs.instance.all_logs(killed.run_id)]
    assert any(f"pid {process.pid}) is gone: it was killed, or its host restarted" in said for said in messages)
    assert end_vanished(runs.instance, launched_here=False) == []


def test_a_run_that_was_to_be_cancelled_when_its_process_was_killed_is_ended_too(runs, process):
    process.kill()
    process.wait()
    ending = runs.started(process.pid, status=dg.DagsterRunStatus.CANCELING)
    waiting = runs.started(process.pid, status=dg.DagsterRunStatus.NOT_STARTED)
    assert [run.run_id for run in end_vanished(runs.instance, launched_here=False)] == [ending.run_id]
    assert runs.status(waiting) is dg.DagsterRunStatus.NOT_STARTED, "what has not begun has no process"


def test_the_process_of_a_run_is_the_one_that_it_told_of_last_and_none_of_its_steps(runs, process):
    process.kill()
    process.wait()
    resumed = runs.started(process.pid)
    runs.tells(resumed, os.getpid())
    runs.tells(resumed, process.pid, step="a")
    assert end_vanished(runs.instance, launched_here=False) == []
    assert runs.status(resumed) is dg.DagsterRunStatus.STARTED


def test_a_process_of_another_user_or_of_a_system_without_proc_lives(runs, tmp_path, monkeypatch):
    runs.started(os.getpid())
    with monkeypatch.context() as patch:
        patch.setattr("cs2_pipeline.defs.automation.abandoned._PROC", tmp_path)
        assert end_vanished(runs.instance, launched_here=False) == []

    def forbidden(*_):
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert end_vanished(runs.instance, launched_here=False) == []


def test_a_run_that_comes_to_its_end_while_it_is_looked_at_is_no_failure(runs, process, monkeypatch):
    run = runs.started(process.pid)

    def ends(*_):
        runs.instance.report_dagster_event(
            dg.DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, "train_round", message="done"), run.run_id
        )
        return False

    monkeypatch.setattr("cs2_pipeline.defs.automation.abandoned._lives", ends)
    assert end_vanished(runs.instance, launched_here=False) == []
    assert runs.status(run) is dg.DagsterRunStatus.SUCCESS


def test_a_process_that_inherited_the_id_of_a_dead_one_does_not_keep_its_run_alive(runs, monkeypatch):
    young = runs.started(os.getpid())
    monkeypatch.setattr("cs2_pipeline.defs.automation.abandoned._SLACK", timedelta(days=-1))
    assert [run.run_id for run in end_vanished(runs.instance, launched_here=False)] == [young.run_id]


def test_a_run_of_another_host_is_not_judged_here_and_a_launched_one_where_its_workers_are(runs, process, monkeypatch):
    process.kill()
    process.wait()
    elsewhere, launched = runs.started(process.pid, host="another"), runs.started(process.pid, host=None)
    assert end_vanished(runs.instance, launched_here=False) == []
    with monkeypatch.context() as patch:
        asks = property(lambda _: True)
        patch.setattr(type(runs.instance.run_launcher), "supports_check_run_worker_health", asks)
        assert end_vanished(runs.instance, launched_here=True) == [], "Dagster asks its launcher itself"
    assert [run.run_id for run in end_vanished(runs.instance, launched_here=True)] == [launched.run_id]
    assert runs.status(elsewhere) is dg.DagsterRunStatus.STARTED


def left_open(runs, dagster_run_id, *, parent=None, ago=timedelta(0)):
    client = MlflowClient(runs.platform.tracking_uri)
    found = client.get_experiment_by_name("round_predictor")
    experiment = found.experiment_id if found else client.create_experiment("round_predictor")
    tags = {"mlflow.parentRunId": parent} if parent else {"dagster_run_id": dagster_run_id}
    begun = int((datetime.now(UTC) - ago).timestamp() * 1000)
    return client.create_run(experiment, start_time=begun, tags=tags).info.run_id


def test_what_a_killed_training_left_open_in_mlflow_is_marked_as_killed_with_the_reason_and_the_tick_says_so(
    runs, process
):
    client = MlflowClient(runs.platform.tracking_uri)
    process.kill()
    process.wait()
    lives, killed = runs.started(os.getpid()), runs.started(process.pid)
    working = left_open(runs, lives.run_id)
    parent = left_open(runs, killed.run_id)
    candidate = left_open(runs, None, parent=parent)
    somebody, forgotten = (left_open(runs, "unknown", ago=ABANDONED_AFTER * times) for times in (0.9, 1.1))

    said, cursor = runs.tick()

    assert f"ended train_round {killed.run_id}, whose process is gone" in said
    for run_id in (parent, candidate, forgotten):
        assert client.get_run(run_id).info.status == "KILLED"
        assert f"marked MLflow run {run_id} as killed" in said
    note = client.get_run(candidate).data.tags["mlflow.note.content"]
    assert note == f"Dagster run {killed.run_id} ended (failure) while it was being written; it holds no version"
    assert {client.get_run(run_id).info.status for run_id in (working, somebody)} == {"RUNNING"}
    assert close_trainings(runs.instance, runs.platform) == []

    said, again = runs.tick(cursor)
    assert said == "every run that is under way has its process, and none was left open"
    assert again == cursor

    runs.instance.report_run_canceled(lives)
    said, again = runs.tick(cursor)
    assert said == f"marked MLflow run {working} as killed"
    assert again > cursor


def test_while_mlflow_is_away_the_tick_says_so_and_looks_again_the_next_time(tmp_path):
    runs = Runs(tmp_path)
    runs.platform = Platform(Settings(home=tmp_path, mlflow_tracking_uri="sqlite:////proc/nowhere/mlflow.db"))
    said, cursor = runs.tick()
    assert said.startswith("MLflow could not be looked at: ")
    assert cursor is None


@pytest.mark.parametrize(("later", "lives"), [(0.0, True), (5.0, True), (5.001, False), (-3600.0, True)])
def test_a_process_that_began_seconds_after_it_told_its_id_is_another(monkeypatch, later, lives):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(abandoned, "_stat", lambda _: ("S", at + timedelta(seconds=later)))
    assert abandoned._lives(os.getpid(), at) is lives


def test_the_system_knows_when_a_process_began_and_that_it_is_no_corpse(process):
    state, began = abandoned._stat(process.pid)
    assert state in ("R", "S", "D")
    assert abs(began - datetime.now(UTC)) < timedelta(hours=1), "it has just begun"
    assert abandoned._stat(2**30) == ("", None)
