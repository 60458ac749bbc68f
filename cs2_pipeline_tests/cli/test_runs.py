"""Runs of the command line: what they say, where they are seen, and what becomes of those left behind."""

import shutil
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import dagster as dg
import pytest

from cs2_pipeline.cli import runs, training
from cs2_pipeline.cli.console import CliError
from cs2_pipeline.defs.partitions import range_tags
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
