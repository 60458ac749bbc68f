"""Runs of the command line: what they say, where they are seen, and what becomes of those left behind."""

import logging
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from types import SimpleNamespace

import dagster as dg
import pytest
import yaml
from dagster._core.events import EngineEventData

from cs2_pipeline.cli import runs, training
from cs2_pipeline.cli.console import CliError
from cs2_pipeline.defs.automation.abandoned import HOST_TAG
from cs2_pipeline.defs.partitions import range_tags
from cs2_pipeline.defs.retries import ATTENDED_TAG
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline.demodb.simulator.simulation import FIRST_DAY
from cs2_pipeline.settings import Settings


@pytest.mark.parametrize("quiet", [False, True])
def test_a_killed_training_keeps_nobody_from_work_while_mlflow_is_away(tmp_path, monkeypatch, capsys, quiet):
    killed = SimpleNamespace(job_name="train_round", run_id="r")
    monkeypatch.setattr(runs, "end_vanished", lambda *_, **__: [killed])
    settings = Settings(home=tmp_path, mlflow_tracking_uri="sqlite:////proc/nowhere/mlflow.db")
    with dg.DagsterInstance.ephemeral() as instance:
        runs.end_killed(settings, instance, quiet=quiet)
    said = capsys.readouterr().out
    assert ("its run r is marked as failed" in said) == ("left open in MLflow" in said) == (not quiet)


def test_what_no_training_left_behind_is_no_matter_of_mlflow(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "end_vanished", lambda *_, **__: [SimpleNamespace(job_name="extract", run_id="r")])
    settings = Settings(home=tmp_path, mlflow_tracking_uri="sqlite:////proc/nowhere/mlflow.db")
    with dg.DagsterInstance.ephemeral() as instance:
        runs.end_killed(settings, instance, quiet=False)
    assert capsys.readouterr().out == "  an earlier extract was killed; its run r is marked as failed\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A home with the demo database of eight matches."""
    home = tmp_path_factory.mktemp("runs")
    simulate(home / "demos.sqlite", matches=8, days=2, teams=4)
    return home


def test_a_run_says_what_it_made_and_is_kept_where_the_browser_shows_it(small, monkeypatch, capsys):
    monkeypatch.setenv("DAGSTER_HOME", str(small))
    settings = Settings(home=small)
    training.extract_new(settings)
    said = capsys.readouterr().out
    assert "✓ rounds" in said and "in 2 daily partitions" in said
    assert "✓ check expectations on round_snapshots: passed" in said
    with dg.DagsterInstance.get() as instance:
        # By the label the UI's Jobs find the runs of the code location of workspace.yaml, by the origin its Timeline.
        shown = instance.get_runs(dg.RunsFilter(tags={".dagster/repository": "__repository__@cs2_pipeline"}))
        assert [run.job_name for run in shown] == [run.job_name for run in instance.get_runs()] == ["extract"]
        assert shown[0].tags["dagster/max_retries"] == "0"
        assert (shown[0].tags[ATTENDED_TAG], shown[0].tags[HOST_TAG]) == ("true", socket.gethostname())
        assert shown[0].remote_job_origin.job_name == "extract"
        assert shown[0].remote_job_origin.repository_origin.get_label() == "__repository__@cs2_pipeline"
    training.extract_new(settings)
    assert "nothing new in the demo database since the last extraction" in capsys.readouterr().out
    runs.run_job(settings, "extract", tags=range_tags(FIRST_DAY, FIRST_DAY), quiet=True)
    assert capsys.readouterr().out == ""
    with dg.DagsterInstance.get() as instance:
        for name in (
            "published_snapshots",
            "published_series",
            "win_probability_added",
        ):  # else the UI warns of them at the first click
            (record,) = instance.fetch_materializations(dg.AssetKey(name), limit=10).records
            assert record.asset_materialization.metadata["dagster/row_count"].value == 0


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ('UPDATE "Rounds" SET "CtStartMoney" = -1', "the check expectations on rounds failed"),
        ('DROP TABLE "Kills"', "Kills"),
    ],
)
def test_a_run_that_fails_ends_in_the_sentence_of_its_cause(small, tmp_path, monkeypatch, statement, said):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    shutil.copy(small / "demos.sqlite", tmp_path / "demos.sqlite")
    with closing(sqlite3.connect(tmp_path / "demos.sqlite")) as connection, connection:
        connection.execute(statement)
    with pytest.raises(CliError) as ended:
        runs.run_job(Settings(home=tmp_path), "extract", tags=range_tags(FIRST_DAY, FIRST_DAY))
    assert said in str(ended.value)
    assert "Traceback" not in str(ended.value)


def test_an_instance_is_made_in_the_home_unless_dagster_home_names_another(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settings = Settings(home=tmp_path / "home")
    with runs.instance(settings) as made:
        assert made.root_directory == str(tmp_path / "home" / "dagster")
        assert not made.telemetry_enabled
    kept = tmp_path / "home" / "dagster" / "dagster.yaml"
    assert yaml.safe_load(kept.read_text())["run_monitoring"]["enabled"]
    kept.write_text("telemetry:\n  enabled: false\n")
    with runs.instance(settings):
        assert "run_monitoring" not in kept.read_text(), "what its owner wrote stays"
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "other"))
    with runs.instance(settings) as named:
        assert named.root_directory == str(tmp_path / "other")


@pytest.mark.parametrize("quiet", [False, True])
def test_a_run_whose_process_was_killed_is_ended_and_said_before_the_next_one(tmp_path, capsys, quiet):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    job = dg.Definitions(assets=[dg.asset(name="a")(lambda: 1)], jobs=[dg.define_asset_job("extract")])
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(
            job.resolve_job_def("extract"), status=dg.DagsterRunStatus.STARTED, tags={HOST_TAG: socket.gethostname()}
        )
        launched = instance.create_run_for_job(job.resolve_job_def("extract"), status=dg.DagsterRunStatus.STARTED)
        for one in (run, launched):
            instance.report_engine_event("Executing", one, EngineEventData.in_process(child.pid))
        runs.end_killed(Settings(home=tmp_path), instance, quiet=quiet)
        assert capsys.readouterr().out == "", "it lives"
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        runs.end_killed(Settings(home=tmp_path), instance, quiet=quiet)
        assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_run_by_id(launched.run_id).status == dg.DagsterRunStatus.STARTED, "the daemon's own"
    assert (f"an earlier extract was killed; its run {run.run_id} is marked" in capsys.readouterr().out) == (not quiet)


def test_too_little_data_is_told_by_the_step_that_lacks_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    simulate(tmp_path / "demos.sqlite", matches=2, days=1, teams=4)
    settings = Settings(home=tmp_path)
    training.extract_new(settings, quiet=True)
    with pytest.raises(runs.TooLittleDataError, match=r"needs at least \d+ matches, there are 2") as ended:
        runs.run_job(settings, "train_round", config={"ops": {"round_dataset": {"config": {"source": "DATABASE"}}}})
    assert list(ended.value.reasons) == ["round_dataset"]
    assert str(ended.value) == ended.value.reasons["round_dataset"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_interrupted_ends_as_an_interrupt_and_not_as_a_failure(number):
    @dg.asset
    def stopped():
        os.kill(os.getpid(), number)
        signal.pause()

    result = dg.materialize([stopped], raise_on_error=False)
    with pytest.raises(KeyboardInterrupt):
        runs.require_success(result)


@dg.asset
def told(context):
    """An asset that has much to say."""
    context.log.info("looking closely")
    context.log.error("what stopped it is told at the end")
    return dg.MaterializeResult(metadata={"dagster/row_count": 1234, "left_out_total": 5_678, "summary": "one\ntwo"})


@dg.asset_check(asset=told)
def doubts():
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="3 odd rows")


def test_progress_tells_tables_with_their_rows_what_they_log_and_checks_that_did_not_pass(capsys):
    made = dg.Definitions(assets=[told], asset_checks=[doubts], loggers={"progress": runs.progress})
    job = made.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(run_config={"loggers": {"progress": {}}}).success
    lines = capsys.readouterr().out.splitlines()
    assert "  … looking closely" in lines
    assert "  ✗ check doubts on told: 3 odd rows" in lines
    (at,) = [number for number, line in enumerate(lines) if line.startswith("  ✓ told 1,234 rows (5,678 left out) [")]
    assert lines[at + 1 : at + 3] == ["      one", "      two"]
    assert not any("what stopped it" in line for line in lines)


@dg.asset
def plain(context):
    """An asset that tells nothing of itself."""
    context.log.warning("mind this")
    return dg.MaterializeResult(metadata={"left_out_total": 0})


@dg.asset_check(asset=plain)
def sound():
    return dg.AssetCheckResult(passed=True, description="all 3 rows")


@dg.op
def no_asset():
    """A step that makes no table."""


def test_progress_tells_no_more_of_a_step_than_there_is_to_tell(capsys):
    made = dg.Definitions(assets=[plain], asset_checks=[sound], loggers={"progress": runs.progress})
    job = made.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(run_config={"loggers": {"progress": {}}})
    (seconds,) = [
        event.step_success_data.duration_ms / 1000
        for event in result.all_events
        if event.is_step_success and event.step_key == "plain"
    ]
    assert capsys.readouterr().out.splitlines() == [
        "  … mind this", f"  ✓ plain [{seconds:.1f} s]", "  ✓ check sound on plain: passed",
    ]  # fmt: skip
    job = dg.GraphDefinition(name="steps", node_defs=[no_asset]).to_job(logger_defs={"progress": runs.progress})
    job.execute_in_process(run_config={"loggers": {"progress": {}}})
    assert capsys.readouterr().out == ""


@dg.asset_check(asset=plain, blocking=True)
def stops():
    return dg.AssetCheckResult(passed=False)


@dg.asset_check(asset=plain)
def only_doubts():
    return dg.AssetCheckResult(passed=False, description="odd")


def test_a_run_that_a_check_stopped_names_the_blocking_one():
    result = dg.materialize([plain, only_doubts, stops], raise_on_error=False)
    with pytest.raises(CliError) as ended:
        runs.require_success(result)
    assert str(ended.value) == "the check stops on plain failed: see its metadata"


def test_a_run_that_went_through_is_no_error_though_a_check_doubts():
    runs.require_success(dg.materialize([plain, only_doubts]))


def test_libraries_notices_about_themselves_are_not_shown():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        runs._quieten()
        for category in (dg.BetaWarning, dg.PreviewWarning, dg.SupersessionWarning, UserWarning):
            warnings.warn(category("a notice"), stacklevel=1)
    assert [one.category for one in shown] == [UserWarning]


def test_what_was_never_made_is_reported_as_empty_once_and_what_was_made_is_not():
    names = {"published_snapshots", "published_series", "win_probability_added"}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("published_series"))
        for _ in range(2):
            runs.report_nothing_ingested(instance)
        told = {
            name: [one.asset_materialization.metadata.get("summary") for one in records.records]
            for name in names
            for records in [instance.fetch_materializations(dg.AssetKey(name), limit=10)]
        }
    assert {name: [one and one.value for one in each] for name, each in told.items()} == {
        "published_snapshots": ["empty: no file was ingested yet"],
        "published_series": [None],
        "win_probability_added": ["empty: not made yet"],
    }


def test_what_answers_with_json_says_nothing_else(capsys):
    made = dg.Definitions(assets=[told], asset_checks=[doubts], loggers={"progress": runs.silence})
    made.resolve_implicit_global_asset_job_def().execute_in_process(run_config={"loggers": {"progress": {}}})
    assert capsys.readouterr().out == ""


def test_libraries_keep_what_they_say_about_themselves_to_themselves(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    logging.getLogger("mlflow").setLevel(logging.INFO)
    with pytest.raises(CliError):
        runs.run_job(Settings(home=tmp_path), "extract", tags=range_tags(FIRST_DAY, FIRST_DAY), quiet=True)
    assert logging.getLogger("mlflow").level == logging.WARNING
