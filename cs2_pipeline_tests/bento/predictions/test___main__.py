"""Both services as containers start them: one process that listens where it is told, or a supervisor of workers."""

import gc
import importlib
import socket
import sys
from types import SimpleNamespace

import pytest

from cs2_pipeline_tests.bento.serving import free_port

GATEWAY, PREDICTIONS = "bento.gateway.__main__", "bento.predictions.__main__"


class EndedError(Exception):
    """The process has become another program."""


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Start a service; what its worker was told, and where it listened meanwhile."""
    monkeypatch.setenv("CS2_HOME", str(tmp_path))

    def start(name, *arguments, **settings):
        main = importlib.import_module(name)
        gc.enable()  # the module leaves it to the application
        told = []

        def worker(given):
            told.extend(given)
            with socket.socket(fileno=int(given[given.index("--fd") + 1])) as listening:
                address = listening.getsockname()[:2]
                with socket.create_connection(address):
                    told.append(address)

        known = {"service_workers": 1, "host": "127.0.0.1", "service_port": free_port(), "gateway_port": free_port()}
        monkeypatch.setattr(main, "SETTINGS", SimpleNamespace(**known | settings))
        monkeypatch.setattr(main, "worker", worker)
        monkeypatch.setattr(sys, "argv", ["main", *arguments])
        main.main()
        return told, main.SETTINGS

    return start


@pytest.mark.parametrize(
    ("module", "service", "name", "port"),
    [(GATEWAY, "bento.gateway.service:Gateway", "gateway", "gateway_port"),
     (PREDICTIONS, "bento.predictions.service:CounterStrike", "counter_strike", "service_port")],
)  # fmt: skip
def test_it_listens_where_the_settings_say_or_the_command_line(started, module, service, name, port):
    told, settings = started(module)
    assert (told[0], told[1], told[3:7]) == (service, "--fd", ["--service-name", name, "--worker-id", "1"])
    assert told[-1] == ("127.0.0.1", getattr(settings, port))
    other = free_port()
    told, _ = started(module, "--host", "127.0.0.2", "--port", str(other))
    assert told[-1] == ("127.0.0.2", other)


def test_several_workers_are_started_by_bentomls_supervisor(started, monkeypatch):
    became = []

    def execute(path, command):
        became.append((path, command))
        raise EndedError

    monkeypatch.setattr("os.execv", execute)
    with pytest.raises(EndedError):
        started(PREDICTIONS, "--port", "9", service_workers=2)
    assert became == [(sys.executable, [
        sys.executable, "-m", "bentoml", "serve", "bento.predictions.service:CounterStrike", "--host", "127.0.0.1",
        "--port", "9",
    ])]  # fmt: skip
