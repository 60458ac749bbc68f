"""The command line in this process, in an empty folder of its own."""

import sys
from typing import NamedTuple

import pytest

from cs2_pipeline.cli import console
from cs2_pipeline.cli.main import main


class Ended(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("CS2_DATABASE_URL", "CS2_MLFLOW_TRACKING_URI", "CS2_DATA_URL", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CS2_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def wide(monkeypatch):
    """No line of a table is broken. A console made while COLUMNS was set keeps the width of then."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(console.out, "_width", 200)


@pytest.fixture
def cs2(home, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.delenv("DAGSTER_HOME", raising=False)
        monkeypatch.setattr(sys, "argv", ["cs2", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
        return Ended(status, *capsys.readouterr())

    return run
