"""What a command does about runs that an earlier one left behind."""

from types import SimpleNamespace

import dagster as dg
import pytest

from cs2_pipeline.cli import runs
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
