"""The local processes of the platform: Dagster, MLflow, the two services. Started, awaited, stopped, none left.

Each runs in a process group of its own with its output in a log file, so that stopping it stops its children too.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO, Final

from cs2_pipeline.cli.console import CliError
from cs2_pipeline.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[2]
"""The clone the package is installed from: `workspace.yaml` and `bento` live there."""
START_TIMEOUT: Final = 300.0
"""Only what hangs is given up: MLflow makes its tables on the first start, which takes minutes on a busy machine."""
STOP_TIMEOUT: Final = 15.0


@dataclass(frozen=True)
class Program:
    """One program to run: its name for messages, its command, the page that answers once it is ready."""

    name: str
    command: tuple[str, ...]
    port: int
    port_setting: str
    ready_path: str


def dagster(settings: Settings) -> Program:
    """Webserver and daemon, as `dagster dev` runs them together."""
    workspace = ROOT / "workspace.yaml"
    command = ("dagster", "dev", "-w", str(workspace), "-h", settings.host, "-p", str(settings.dagster_port))
    return Program("Dagster", _module(*command), settings.dagster_port, "CS2_DAGSTER_PORT", "/server_info")


def mlflow(settings: Settings) -> Program:
    """The MLflow server over the embedded store."""
    options = ("--backend-store-uri", settings.resolved_tracking_uri(), "--workers", "1")
    artifacts = ("--default-artifact-root", (settings.home / "mlartifacts").resolve().as_uri())
    address = ("--host", settings.host, "--port", str(settings.mlflow_port))
    command = _module("mlflow", "server", *options, *artifacts, *address)
    return Program("MLflow", command, settings.mlflow_port, "CS2_MLFLOW_PORT", "/health")


def service(settings: Settings) -> Program:
    """The prediction service, ready when it answers, with or without a model to serve."""
    address = ("--host", settings.host, "--port", str(settings.service_port))
    command = _module(
        "bentoml", "serve", "bento.predictions.service:CounterStrike", "--working-dir", str(ROOT), *address
    )
    return Program("prediction service", command, settings.service_port, "CS2_SERVICE_PORT", "/livez")


def gateway(settings: Settings) -> Program:
    """The platform API and pages."""
    command = _module("bento.gateway", "--host", settings.host, "--port", str(settings.gateway_port))
    return Program("gateway", command, settings.gateway_port, "CS2_GATEWAY_PORT", "/livez")


def require_free_port(program: Program, host: str) -> None:
    """Say so before anything is started when a port is taken.

    Raises:
        CliError: something listens there already.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, program.port))
        except OSError as error:
            raise CliError(
                f"{program.name} cannot listen on {host}:{program.port} ({error.strerror}). {_remedy(error, program)}"
            ) from error


def _remedy(error: OSError, program: Program) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Stop what uses the port, or choose another one: {program.port_setting}=<port>."
    return (
        "CS2_HOST must be a name or address of this machine, such as 127.0.0.1, and "
        f"{program.port_setting} a port that may be used, such as one above 1023."
    )


@contextmanager
def running(programs: Iterable[Program], settings: Settings) -> Iterator[None]:
    """Run programs until the block ends; then stop them all, whatever happened.

    Raises:
        CliError: a port is taken, or a program ended or did not get ready; the message names its log.
    """
    programs = list(programs)
    for program in programs:
        require_free_port(program, settings.host)
    logs = settings.home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    environment = child_environment(settings)
    started: list[tuple[Program, subprocess.Popen[bytes]]] = []
    # SIGTERM would end this process and leave its programs; and one started in the background by a script may have
    # inherited that SIGINT is ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        for program in programs:
            with log_path(settings, program).open("wb") as log:
                started.append((program, _start(program.command, environment, log)))
        for program, process in started:
            _await_ready(program, process, settings)
        yield
    finally:
        _stop([process for _, process in started])


@contextmanager
def beside(name: str, command: tuple[str, ...], settings: Settings) -> Iterator[None]:
    """Run one more command within `running`, which nobody waits for and which may end by itself.

    Args:
        name: of its log file.
        command: arguments of ``cs2``.
    """
    with (settings.home / "logs" / f"{name}.log").open("wb") as log:
        process = _start(_module("cs2_pipeline.cli", *command), child_environment(settings), log)
    try:
        yield
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def wait_until_interrupted(seconds: float = 0.5) -> None:
    """Sleep until Ctrl-C or SIGTERM, within `running`."""
    try:
        while True:
            time.sleep(seconds)
    except KeyboardInterrupt:
        return


def log_path(settings: Settings, program: Program) -> Path:
    """Where a program's output goes."""
    return settings.home / "logs" / f"{program.name.lower().replace(' ', '-')}.log"


def child_environment(settings: Settings) -> Mapping[str, str]:
    """The environment of the local processes: the same home for all, telemetry off (see `cs2_pipeline`).

    MLflow's server would start eight workers of 200 MB each for jobs that the platform never gives it.
    """
    return {
        **os.environ,
        "CS2_SERVED_MODELS": settings.served_models,
        "CS2_HOME": str(settings.home.resolve()),
        "DAGSTER_HOME": os.environ.get("DAGSTER_HOME", str((settings.home / "dagster").resolve())),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "BENTOML_HOME": str((settings.home / "bentoml").resolve()),
        "PYTHONUNBUFFERED": "1",
    }


def _module(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *arguments)


def _start(command: tuple[str, ...], environment: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  our own command lines
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def _await_ready(program: Program, process: subprocess.Popen[bytes], settings: Settings) -> None:
    url = f"http://{settings.host}:{program.port}{program.ready_path}"
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if answers(url):
            return
        time.sleep(0.1)
    ended = "ended" if process.poll() is not None else f"was not ready after {START_TIMEOUT:.0f} s"
    log = log_path(settings, program)
    raise CliError(f"{program.name} {ended}. Its output is in {log}; the end of it:\n{_tail(log)}")


def answers(url: str) -> bool:
    """Whether a page answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310  our own http address
            return bool(response.status == 200)
    except (OSError, HTTPException):  # the latter: what listens there does not speak HTTP
        return False


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    # A second Ctrl-C must not leave half of them running.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.1, deadline - time.monotonic()))
        # The leader may be gone and a child still there: the group is asked once more, so that none is left.
        _signal_group(process, signal.SIGKILL)
        process.wait()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
