"""`cs2 up`: which programs run, where they are found, and when simulated matches run beside them."""

from contextlib import contextmanager, nullcontext

import pytest

from cs2_pipeline.cli import processes, runs, up
from cs2_pipeline.settings import Settings


@pytest.fixture
def started(monkeypatch):
    """What would run, without running it."""
    found = {"programs": [], "beside": [], "asked": []}

    @contextmanager
    def running(programs, _settings):
        found["programs"] += [program.name for program in programs]
        yield

    @contextmanager
    def beside(name, command, _settings):
        found["beside"].append((name, *command))
        yield

    monkeypatch.setattr(processes, "running", running)
    monkeypatch.setattr(processes, "beside", beside)
    monkeypatch.setattr(processes, "wait_until_interrupted", lambda: found["asked"].append("wait"))
    monkeypatch.setattr(runs, "instance", lambda _: nullcontext())
    monkeypatch.setattr(runs, "end_killed", lambda *_, quiet: found["asked"].append(("end killed", quiet)))
    monkeypatch.setattr(runs, "report_nothing_ingested", lambda _: found["asked"].append("report"))
    return found


LIVE = [("live", "live", "simulate", "--matches", "4")]


@pytest.mark.parametrize(
    ("options", "live", "beside"),
    [({}, None, LIVE), ({}, False, []), ({"database_url": "postgresql://x/y"}, None, []),
     ({"database_url": "postgresql://x/y"}, True, LIVE)],
)  # fmt: skip
def test_simulated_matches_run_where_there_is_nothing_else_to_watch_or_as_asked(  # noqa: PLR0917
    tmp_path, started, capsys, options, live, beside
):
    home = tmp_path / "to" / "be" / "made"
    up.run(Settings(home=home, **options), live=live)
    assert started["beside"] == beside
    assert started["programs"] == ["MLflow", "Dagster", "prediction service", "gateway"]
    assert started["asked"] == [("end killed", False), "report", "wait"]
    shown = capsys.readouterr().out
    assert f"logs         {home / 'logs'}" in shown and "Press Ctrl-C to stop." in shown
    for name, address in up.addresses(Settings(home=home)).items():
        assert f"{name:<12} {address}\n" in shown
    assert shown.endswith("  stopping …\n  stopped\n")


def test_an_mlflow_of_its_own_runs_only_where_none_is_named(tmp_path, started):
    settings = Settings(home=tmp_path, mlflow_tracking_uri="http://mlflow.example")
    up.run(settings, live=False)
    assert started["programs"] == ["Dagster", "prediction service", "gateway"]
    assert "MLflow" not in up.addresses(settings)


def test_each_address_is_that_of_its_program():
    found = up.addresses(Settings(gateway_port=1, service_port=2, dagster_port=3, mlflow_port=4, host="127.0.0.1"))
    assert found == {
        "pages": "http://127.0.0.1:1  look here first",
        "API": "http://127.0.0.1:1/docs",
        "Dagster": "http://127.0.0.1:3/asset-groups",
        "MLflow": "http://127.0.0.1:4/#/experiments?workflowType=machine_learning",
        "data docs": "http://127.0.0.1:1/data-docs",
        "predictions": "http://127.0.0.1:2",
    }
