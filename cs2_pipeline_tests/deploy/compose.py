"""The compose file's services as processes of this machine: the same commands, environment and configuration.

What a container has and a process has not is replaced: paths, host names, ports.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
NOWHERE = "/proc/read-only"
"""Where nobody can write, not even root."""
SECRETS = {
    "POSTGRES_PASSWORD": "pa55postgres",
    "DAGSTER_POSTGRES_PASSWORD": "pa55dagster",
    "MLFLOW_POSTGRES_PASSWORD": "pa55mlflow",
    "RECORDS_POSTGRES_PASSWORD": "pa55records",
    "GRAFANA_ADMIN_PASSWORD": "pa55grafana",
    "REDIS_PASSWORD": "pa55redis",
    "CLICKHOUSE_PASSWORD": "pa55clickhouse",
}


def services(variables: Mapping[str, str] = SECRETS) -> dict[str, Any]:
    """The services with their variables filled in as compose does it."""
    found: dict[str, Any] = _filled_in(yaml.safe_load(COMPOSE.read_text()), variables)["services"]
    return found


def image_environment(dockerfile: Path) -> dict[str, str]:
    """The ENV of the last stage of a Dockerfile."""
    stage = dockerfile.read_text().replace("\\\n", " ").rsplit("\nFROM ", 1)[1]
    return {
        name: value
        for line in re.findall(r"^ENV (.*)$", stage, flags=re.MULTILINE)
        for name, _, value in (word.partition("=") for word in line.split())
        if name != "PATH"
    }


def writable(place: str, service: str) -> bool:
    """Whether a service may write to a place that its environment names: its root file system is read-only."""
    described = services()[service]
    mounted = [volume.split(":")[1] for volume in described.get("volumes", [])]
    mounted += [place.split(":")[0] for place in described.get("tmpfs", [])]
    return not place.startswith("/var/") or any(Path(place).is_relative_to(one) for one in mounted)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Machine:
    """One machine that stands for the compose file's network.

    Args:
        folder: takes the place of the containers' file systems.
        postgres_port: where the real PostgreSQL listens.
        settings: what `.env` holds besides the secrets.
    """

    def __init__(self, folder: Path, postgres_port: int, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._settings = dict(settings or {})
        self._groups: dict[str, int] = {}
        self.ports = {service: free_port() for service in ("mlflow", "code-location", "dagster-webserver")}
        self.ports |= {service: free_port() for service in ("predictions", "exporter")} | {"postgres": postgres_port}
        self._replacements = {
            "/etc/cs2": str(folder / "etc"),
            "/var/lib": str(folder / "lib"),
            "0.0.0.0": "127.0.0.1",  # noqa: S104
            "mlflow:5000": f"127.0.0.1:{self.ports['mlflow']}",
            "postgres:5432": f"127.0.0.1:{postgres_port}",
        }
        self._home_made()

    def url(self, service: str, path: str = "") -> str:
        return f"http://127.0.0.1:{self.ports[service]}{path}"

    def environment(self, service: str) -> dict[str, str]:
        """What the service's container would have in its environment."""
        role = {"mlflow": "mlflow", "predictions": "serving"}.get(service, "pipeline")
        given = image_environment(ROOT / "deploy" / role / "Dockerfile")
        asked: dict[str, str | None] = services()[service].get("environment") or {}
        # A name without a value hands on what `.env` holds.
        handed_on = {key: self._settings.get(key) if value is None else value for key, value in asked.items()}
        given |= {key: value for key, value in handed_on.items() if value}
        given = {key: self._local(value) if writable(value, service) else NOWHERE for key, value in given.items()}
        if "DAGSTER_POSTGRES_HOST" in given:
            given |= {"DAGSTER_POSTGRES_HOST": "127.0.0.1", "DAGSTER_POSTGRES_PORT": str(self.ports["postgres"])}
            given |= {"DAGSTER_CODE_HOST": "127.0.0.1"}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return given | {"PATH": path, "HOME": str(self.folder / "nowhere"), "OMP_NUM_THREADS": "1"}

    def command(self, service: str) -> list[str]:
        """The service's command, on its port here."""
        role = {"predictions": "serving"}.get(service, service)
        words = services()[service].get("command") or _image_command(ROOT / "deploy" / role / "Dockerfile")
        return self._on_its_port(service, words)

    def await_healthy(self, service: str, seconds: float = 600.0) -> None:
        """Wait as compose does: until the service's health check succeeds."""
        how, *words = services()[service]["healthcheck"]["test"]
        assert how == "CMD"
        deadline = time.monotonic() + seconds
        self._await_port(service, deadline)
        while True:
            command = self._on_its_port(service, words)
            done = subprocess.run(
                command, check=False, env=self.environment(service), cwd=self._work(service), capture_output=True
            )
            if done.returncode == 0:
                return
            assert time.monotonic() < deadline, f"{service}: {done.stderr.decode()}\n{self.log(service).read_text()}"

    def run(self, service: str, *command: str) -> str:
        """Run a command to its end as `docker compose run` would, or the service's own."""
        done = subprocess.run(
            list(command) or self.command(service),
            env=self.environment(service), cwd=self._work(service),
            check=False, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    @contextmanager
    def running(self, *names: str) -> Iterator[None]:
        """The services as processes; none is left afterwards."""
        started: list[subprocess.Popen[bytes]] = []
        try:
            for name in names:
                with self.log(name).open("ab") as log:
                    process = subprocess.Popen(
                        self.command(name), env=self.environment(name), cwd=self._work(name),
                        stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                    )  # fmt: skip
                started.append(process)
                self._groups[name] = process.pid
            yield
        finally:
            # Killed, not asked: how they end is not what is tested, and asking takes seconds each.
            for process in started:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def processes(self, service: str) -> int:
        """How many processes a running service has."""
        found = subprocess.run(
            ["ps", "-eo", "pgid="], check=True, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
        )
        return found.stdout.split().count(str(self._groups[service]))

    def log(self, service: str) -> Path:
        return self.folder / f"{service}.log"

    def await_answer(self, service: str, path: str, seconds: float = 600.0) -> bytes:
        """Wait until a page of a service answers with success."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(self.url(service, path), timeout=30) as response:  # noqa: S310
                    return bytes(response.read())
            except (urllib.error.URLError, OSError) as error:
                tail = self.log(service).read_text()[-3000:]
                assert time.monotonic() < deadline, f"{service}{path}: {error}\n{tail}"
            time.sleep(0.2)

    def _await_port(self, service: str, deadline: float) -> None:
        # Asking a closed port by the health check's own program would take the processor from what is awaited.
        while port := self.ports.get(service):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            assert time.monotonic() < deadline, f"{service}: nothing listens\n{self.log(service).read_text()[-3000:]}"
            time.sleep(0.1)

    def _home_made(self) -> None:
        for name in ("etc", "lib/cs2", "lib/dagster", "lib/mlflow", "work"):
            (self.folder / name).mkdir(parents=True)
        shutil.copy(ROOT / "deploy" / "dagster.yaml", self.folder / "etc")
        workspace = (ROOT / "deploy" / "workspace.yaml").read_text()
        workspace = workspace.replace("port: 4000", f"port: {self.ports['code-location']}")
        (self.folder / "etc" / "workspace.yaml").write_text(workspace)

    def _on_its_port(self, service: str, words: list[str]) -> list[str]:
        line = [self._local(word) for word in words]
        if port := self.ports.get(service):
            line = [re.sub(r"(--port |127\.0\.0\.1:)\d+", rf"\g<1>{port}", word) for word in line]
            if "--port" in line:
                line[line.index("--port") + 1] = str(port)
        return line

    def _work(self, service: str) -> Path:
        # `mlflow` and `bentoml` write where they stand; the containers stand in their volume.
        return self.folder / "lib" / ("mlflow" if service == "mlflow" else "cs2")

    def _local(self, text: str) -> str:
        for there, here in self._replacements.items():
            text = text.replace(there, here)
        return text


def _filled_in(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled_in(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled_in(item, variables) for item in value]
    if not isinstance(value, str):
        return value

    def one(match: re.Match[str]) -> str:
        name, sign, rest = match.group("name"), match.group("sign"), match.group("rest")
        if name is None:
            return "$"
        assert sign != ":?" or variables.get(name), f"{name}: {rest}"
        return variables.get(name) or (rest if sign == ":-" else "")

    return re.sub(r"\$\$|\$\{(?P<name>\w+)(?P<sign>:[-?])?(?P<rest>[^}]*)\}", one, value)


def _image_command(dockerfile: Path) -> list[str]:
    last = re.findall(r"^CMD (\[.*\])$", dockerfile.read_text(), flags=re.MULTILINE)[-1]
    return list(json.loads(last))
