"""The local processes: whatever ends the command, none of them is left."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from cs2_pipeline.cli import processes
from cs2_pipeline.cli.console import CliError
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.cli.desk import open_desk

PROGRAM = """
import signal, sys
from pathlib import Path
from cs2_pipeline.cli import processes
from cs2_pipeline.settings import Settings
signal.signal(signal.SIGINT, signal.SIG_IGN)
sleeper = (
    "import os, pathlib, signal, sys, time; signal.signal(signal.SIGTERM, getattr(signal, sys.argv[2]));"
    "pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(3600)"
)
home, port = Path(sys.argv[1]), int(sys.argv[2])
processes.STOP_TIMEOUT = 0.5
command = (sys.executable, "-c", sleeper, str(home / "pid"), sys.argv[3])
program = processes.Program("sleeper", command, port, "CS2_SERVICE_PORT", "/")
with processes.running([program], Settings(home=home)):
    pass
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("child", ["SIG_DFL", "SIG_IGN"])
def test_a_signal_while_they_start_leaves_none_behind_not_even_one_that_ignores_it(tmp_path, number, child):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(port), child]
    run = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(number)
    assert run.wait(timeout=600) != 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def programs(**settings):
    made = Settings(host="127.0.0.1", **settings)
    return {program.name: program for program in (processes.dagster(made), processes.mlflow(made),
                                                  processes.service(made), processes.gateway(made))}  # fmt: skip


def test_each_program_listens_where_its_setting_says_and_is_ready_by_its_own_page():
    found = programs(dagster_port=1, mlflow_port=2, service_port=3, gateway_port=4)
    assert {name: (one.port, one.port_setting, one.ready_path) for name, one in found.items()} == {
        "Dagster": (1, "CS2_DAGSTER_PORT", "/server_info"),
        "MLflow": (2, "CS2_MLFLOW_PORT", "/health"),
        "prediction service": (3, "CS2_SERVICE_PORT", "/livez"),
        "gateway": (4, "CS2_GATEWAY_PORT", "/livez"),
    }
    for one in found.values():
        assert one.command[:2] == (sys.executable, "-m")
        assert str(one.port) in one.command and "127.0.0.1" in one.command
    assert found["Dagster"].command[found["Dagster"].command.index("-w") + 1] == str(processes.ROOT / "workspace.yaml")
    assert (processes.ROOT / "workspace.yaml").is_file()


def test_children_share_the_home_of_the_command_whatever_folder_they_stand_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    given = processes.child_environment(Settings(home="here", served_models="round_predictor"))
    home = str(tmp_path / "here")
    assert (given["CS2_HOME"], given["DAGSTER_HOME"], given["BENTOML_HOME"]) == (
        home, f"{home}/dagster", f"{home}/bentoml",
    )  # fmt: skip
    assert (given["CS2_SERVED_MODELS"], given["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"]) == ("round_predictor", "false")
    assert given["PYTHONUNBUFFERED"] == "1" and given["PATH"] == os.environ["PATH"]
    monkeypatch.setenv("DAGSTER_HOME", "/elsewhere")
    assert processes.child_environment(Settings(home="here"))["DAGSTER_HOME"] == "/elsewhere"


def test_a_port_in_use_and_an_address_of_another_machine_are_told_apart():
    program = programs()["gateway"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = processes.Program("gateway", (), taken.getsockname()[1], "CS2_GATEWAY_PORT", "/")
        with pytest.raises(CliError, match="Stop what uses the port, or choose another one: CS2_GATEWAY_PORT=<port>"):
            processes.require_free_port(used, "127.0.0.1")
    processes.require_free_port(used, "127.0.0.1")
    with pytest.raises(CliError, match="CS2_HOST must be a name or address of this machine"):
        processes.require_free_port(program, "192.0.2.1")


@pytest.fixture
def signals_back():
    """What `running` does to signals is undone."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def small(code, port=0):
    return processes.Program("a program", (sys.executable, "-c", code), port, "CS2_SERVICE_PORT", "/")


def test_a_program_that_ends_is_an_error_with_the_end_of_its_log(tmp_path, signals_back, monkeypatch):
    monkeypatch.setattr(processes, "START_TIMEOUT", 3600.0)
    code = "import sys; [print('line', n) for n in range(1, 31)]; sys.exit('it cannot work')"
    home = tmp_path / "to be made"
    with pytest.raises(CliError) as ended, processes.running([small(code)], Settings(home=home)):
        pytest.fail("it never got ready")
    told = str(ended.value)
    log = home / "logs" / "a-program.log"
    assert told.startswith(f"a program ended. Its output is in {log}; the end of it:\n")
    assert told.splitlines()[1:] == [f"line {n}" for n in range(17, 31)] + ["it cannot work"]
    assert len(log.read_text().splitlines()) == 31


def test_a_program_that_does_not_answer_is_not_waited_for_without_end(tmp_path, signals_back, monkeypatch):
    monkeypatch.setattr(processes, "START_TIMEOUT", 0.01)
    monkeypatch.setattr(processes, "STOP_TIMEOUT", 0.01)
    code = "import time; time.sleep(3600)"
    (tmp_path / "logs").mkdir()
    running = processes.running([small(code)], Settings(home=tmp_path))
    with pytest.raises(CliError, match=r"a program was not ready after 0 s\."), running:
        pytest.fail("it never got ready")


def test_what_runs_beside_is_gone_at_the_end_and_its_output_kept(tmp_path, monkeypatch):
    (tmp_path / "logs").mkdir()
    with processes.beside("live", ("--version",), Settings(home=tmp_path)):
        log = tmp_path / "logs" / "live.log"
        while not log.read_text():
            time.sleep(0.02)
    assert log.read_text().strip()[0].isdigit()


def test_signals_are_as_at_first_after_everything_was_stopped(signals_back):
    processes._stop([])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize(("status", "good"), [(200, True), (204, False), (404, False), (503, False)])
def test_a_page_answers_when_it_answers_with_success(status, good):
    with open_desk() as desk:
        desk.put("GET /livez", (status, None))
        assert processes.answers(f"{desk.url}/livez") is good
    assert not processes.answers(f"{desk.url}/livez"), "nothing listens"


def test_waiting_ends_with_an_interrupt(monkeypatch):
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(processes, "time", type("Clock", (), {"sleep": staticmethod(sleep)}))
    processes.wait_until_interrupted()
    assert pauses == [0.5] * 3
