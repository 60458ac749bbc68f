"""`cs2 doctor`: what it finds wrong decides how it ends."""

import json
import socket
from contextlib import ExitStack

import pytest

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
