"""Real service processes for tests: an MLflow store with tiny models in a folder, and the service over it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import httpx

from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.champion import ModelVersion
from cs2_pipeline.registry.runs import record
from cs2_pipeline_tests.tiny_models import player_artifact, round_artifact, training_run

ROUND = {
    "ct_alive": 4, "t_alive": 3, "ct_equip_value": 20000, "t_equip_value": 15000, "ct_money": 8000, "t_money": 4000,
    "bomb_planted": 0, "time_remaining": 90, "ct_score": 7, "t_score": 8,
}  # fmt: skip
PLAYER = {
    "avg_kills": 18.5, "avg_deaths": 15.2, "avg_headshots": 8.1, "avg_damage": 1850, "total_clutches": 12,
    "total_clutch_attempts": 40, "avg_first_kills": 2.1, "total_rounds": 480, "kd_ratio": 1.22, "headshot_pct": 0.44,
    "clutch_rate": 0.3, "adr": 82.0,
}  # fmt: skip

PATIENCE: Final = 600.0
"""Seconds after which something hangs; no limit of a server under test is nearer, so a busy machine decides nothing."""
get = partial(httpx.get, timeout=PATIENCE, trust_env=False)
post = partial(httpx.post, timeout=PATIENCE, trust_env=False)

SUPERVISED = ("bentoml", "serve", "bento.predictions.service:CounterStrike")
ONE_PROCESS = ("bento.predictions",)


@dataclass(frozen=True)
class Home:
    """A CS2_HOME with its own MLflow store."""

    path: Path

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.path / 'mlflow.db'}"

    def register_round(self, *, bias: float = 0.0) -> ModelVersion:
        """Register a round model; another bias makes another model."""
        folder = Path(mkdtemp(dir=self.path))
        round_artifact(folder, bias=bias)
        return self._record("round_predictor", folder)

    def register_player(self, *, min_rounds: int = 50, **evidence: Any) -> ModelVersion:
        """Register a player model, with evidence of its training if given (`tiny_models.training_run`)."""
        folder = Path(mkdtemp(dir=self.path))
        player_artifact(folder, min_rounds=min_rounds)
        return self._record("player_classifier", folder, **evidence)

    def promote(self, version: ModelVersion) -> None:
        """Make a version the champion."""
        promotion.promote(self.uri, version, reason="for a test")

    def _record(self, name: str, folder: Path, **evidence: Any) -> ModelVersion:
        run = training_run(name, folder, **({"metrics": {"test_log_loss": 0.5}} | evidence))
        return record(self.uri, run, artifact_root=self.path / "artifacts")


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A running service."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, None, headers)

    def post(self, path: str, document: Any, **headers: str) -> Answer:
        """Send a document as JSON; text and bytes are sent as they are."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.send("POST", path, body, {"Content-Type": "application/json"} | headers)

    def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        response = self.client.request(method, path, content=body, headers=headers)
        return Answer(response.status_code, response.headers, response.content)

    def await_that(self, condition) -> None:
        """Wait until a condition on this server holds; connection errors mean not yet."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(httpx.TransportError):
                if condition(self):
                    return
            assert self.process.poll() is None, f"the service ended:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"it did not happen in {PATIENCE} s:\n{self.log.read_text()[-5000:]}"
            time.sleep(0.05)

    def workers(self) -> list[int]:
        """Process ids of the workers: the process itself where it has no supervisor."""
        if b"serve" not in Path(f"/proc/{self.process.pid}/cmdline").read_bytes().split(b"\0"):
            return [self.process.pid]
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(child) for child in children if b"_bentoml_impl" in Path(f"/proc/{child}/cmdline").read_bytes()]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


def ready(server: Server) -> bool:
    return server.get("/readyz").status == 200


def alive(server: Server) -> bool:
    return server.get("/livez").status == 200


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(home: Path, *, until=ready, module: tuple[str, ...] = SUPERVISED, **settings: Any) -> Iterator[Server]:
    """A service over a home, with settings given by their names; its whole process group is gone afterwards.

    In `ONE_PROCESS` it starts in half the time: for tests to which the supervisor does not matter.
    """
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CS2_")}
    environment |= {"CS2_HOME": str(home), "CS2_RELOAD_INTERVAL": "0.5", "CS2_BODY_TIMEOUT": str(PATIENCE)}
    environment |= {f"CS2_{key.upper()}": str(value) for key, value in settings.items()}
    environment |= {"BENTOML_HOME": str(home / f"bentoml-{port}"), "BENTOML_DO_NOT_TRACK": "True"}
    log = home / f"service-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *module, "--host", "127.0.0.1", "--port", str(port)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
        )  # fmt: skip
    server = Server(port, process, log)
    try:
        server.await_that(until)
        yield server
    finally:
        server.client.close()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
