"""`cs2 doctor`: what it finds wrong decides how it ends."""

import json
import shutil
import socket
import sqlite3
from contextlib import ExitStack, closing

import pytest

from cs2_pipeline.cli import doctor, processes
from cs2_pipeline.datasets import origins
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.demodb.small_database import SmallDatabase


@pytest.fixture(autouse=True)
def store(home, empty_store):
    """An MLflow store without a model in the home: making its tables takes a second."""
    home.mkdir()
    shutil.copy(empty_store, home / "mlflow.db")


PORTS = ("CS2_DAGSTER_PORT", "CS2_MLFLOW_PORT", "CS2_SERVICE_PORT")


@pytest.fixture
def free_ports(monkeypatch):
    """Ports on which nothing runs, whatever else does on this machine."""
    with ExitStack() as sockets:
        for name in PORTS:
            one = sockets.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            monkeypatch.setenv(name, str(one.getsockname()[1]))


def errors(ended):
    return [found["topic"] for found in json.loads(ended.out) if found["level"] == "error"]


def test_without_an_error_it_ends_well(cs2, free_ports):
    ended = cs2("doctor", "--json")
    assert errors(ended) == []
    assert ended.status == 0


def test_a_single_error_is_told_and_is_the_status(cs2, free_ports, monkeypatch):
    monkeypatch.setenv("CS2_MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")
    ended = cs2("doctor", "--json")
    assert errors(ended) == ["MLflow"]
    assert ended.status == 1
    assert "1 of" in ended.err


def found(ended):
    return {(one["topic"], one["message"]): one["level"] for one in json.loads(ended.out)}


def test_settings_are_shown_but_no_secret_and_what_is_none_is_warned_of(cs2, free_ports, monkeypatch):
    monkeypatch.setenv("CS2_ADMIN_TOKEN", "hunter2")
    monkeypatch.setenv("CS2_SEED", "7")
    monkeypatch.setenv("CS2_GIT_COMMIT", "abc")
    monkeypatch.setenv("CS2_SEAD", "8")
    levels = found(cs2("doctor", "--json"))
    assert levels["settings", "CS2_ADMIN_TOKEN = (set)"] == "ok"
    assert levels["settings", "CS2_SEED = 7"] == "ok"
    assert levels["settings", "CS2_SEAD is not a setting of the platform; is it misspelt?"] == "warning"
    assert not [told for _, told in levels if "CS2_GIT_COMMIT" in told or "hunter2" in told]


def test_a_home_is_made_where_there_is_none(tmp_path):
    home = tmp_path / "to" / "be" / "made"
    for _ in range(2):
        (found,) = doctor._home(Settings(home=home))
        assert (found.level, found.message) == ("ok", f"{home} is writable")
    assert list(home.iterdir()) == [], "nothing is left of the trial"


def test_what_is_not_there_yet_is_a_warning_with_the_command_that_makes_it(cs2, free_ports, home):
    levels = found(cs2("doctor", "--json"))
    assert levels["home", f"{home} is writable"] == "ok"
    (database,) = [(told, level) for (topic, told), level in levels.items() if topic == "demo database"]
    assert database[1] == "warning" and "`cs2 simulate`" in database[0]
    assert levels["MLflow", "round_predictor has no champion yet: `cs2 train` creates one"] == "warning"
    assert not [topic for topic, _ in levels if topic == "tables"], "the folder of the home needs no test"
    for name in ("Dagster", "MLflow", "prediction service"):
        ((told, level),) = [(t, v) for (topic, t), v in levels.items() if topic == name and "port" in t]
        assert level == "ok" and told.startswith("not running; its port ") and told.endswith(" is free")


def test_a_folder_of_tables_that_can_be_read_and_a_port_in_use_are_told(cs2, free_ports, tmp_path, monkeypatch):
    monkeypatch.setenv("CS2_DATA_URL", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(0)
        monkeypatch.setenv("CS2_SERVICE_PORT", str(taken.getsockname()[1]))
        monkeypatch.setattr(processes, "answers", lambda _: False)
        ended = cs2("doctor")
    assert ended.status == 1
    assert f"ok       tables: {tmp_path} can be read" in ended.out
    assert "error    prediction service: prediction service cannot listen on " in ended.out
    assert "CS2_SERVICE_PORT=<port>" in ended.out
    monkeypatch.setattr(processes, "answers", lambda url: url.endswith("/livez"))
    levels = found(cs2("doctor", "--json"))
    (port,) = [told for (topic, told), level in levels.items() if topic == "prediction service" and level == "ok"]
    assert port.startswith("answers on port ")


def told_of_database(home):
    """By topic, the level and the message."""
    return {one.topic: (one.level, one.message) for one in doctor._database(Settings(home=home))}


def test_a_database_is_told_with_whose_matches_it_holds_unless_it_cannot_be_read(home, monkeypatch):
    SmallDatabase().write(home / "demos.sqlite")
    levels = told_of_database(home)
    assert levels["demo database, origin"][0] == "ok"
    assert levels["demo database, origin"][1].startswith("it holds ")
    assert len(levels) > 1 and all(topic.startswith("demo database, ") for topic in levels)
    mixed = origins.shares({"simulator": 1, "demo": 1})
    monkeypatch.setattr(doctor, "origins_of", lambda _: mixed)
    assert told_of_database(home)["demo database, origin"] == ("warning", origins.warning(mixed))
    with closing(sqlite3.connect(home / "demos.sqlite")) as connection, connection:
        connection.execute('DROP TABLE "Rounds"')
    levels = told_of_database(home)
    assert "demo database, origin" not in levels
    assert "error" in {level for level, _ in levels.values()}
