"""The prediction service against the classic design: requests a second, latency, start, memory, size, a swap.

The server has one core and the client (wrk) the other. Both designs are measured in turn, several rounds, medians.
The service carries the round model that a user trains and promotes, and so do FastAPI with the same model in ONNX
Runtime and BentoML as its documentation shows it; the classic design carries its own network. Requests differ from one
to the next, with all inputs and with the required ones. Writes a Markdown table.

``python -m benchmarks.serving [--rounds N] [--seconds N] [--out FILE]``; needs wrk and taskset on the path.
"""

import argparse
import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from packaging.requirements import Requirement

from benchmarks.champion import train
from bento.predictions.http.answers import spelled
from bento.predictions.http.requests import SNAKE, form_of
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.predictors import predictor
from cs2_pipeline.artifact.spec import serving_of
from cs2_pipeline.game.features import round_features
from cs2_pipeline.game.state import contradictions
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import TrainingRun, record

STATE = {
    "ct_alive": 4, "t_alive": 3, "ct_equip_value": 20000, "t_equip_value": 15000, "ct_money": 8000, "t_money": 4000,
    "bomb_planted": 0, "time_remaining": 90, "ct_score": 7, "t_score": 8,
}  # fmt: skip
OPTIONAL = {
    "map_name": "de_mirage", "ct_health": 340, "t_health": 260, "ct_armor": 300, "t_armor": 200, "ct_helmets": 3,
    "t_helmets": 2, "ct_defuse_kits": 2,
}  # fmt: skip
CHAMPION = "champion-artifact"
DIFFERENT = 500
"""Different states that are asked about in turn."""
SERVER_CORE, CLIENT_CORE = "0", "1"
with socket.socket() as _free:
    _free.bind(("127.0.0.1", 0))
    PORT: int = _free.getsockname()[1]
"""Free when this began: two benchmarks at once must not meet."""
SETTLE = 4.0
"""Seconds after the start before anything is measured: by then each design is done with what it does only once."""


@dataclass(frozen=True)
class Load:
    """One run of wrk: requests a second, latencies in milliseconds, and the server's CPU microseconds for a request.

    The CPU time does not depend on what else the machine does, the others do.
    """

    rate: float
    p50: float
    p99: float
    failed: int
    cpu: float


def champion(home: Path) -> ModelVersion:
    """Register the trained model anew in the home's MLflow store and make that version the champion."""
    uri = f"sqlite:///{home / 'mlflow.db'}"
    run = TrainingRun(
        model_name="round_predictor",
        artifact=home / CHAMPION,
        dataset=pd.DataFrame({"ct_wins": [1]}),
        dataset_digest="0" * 32,
        params={},
        metrics={},
        tags={"trained_at": "2026-01-01T00:00:00+00:00"},
        files={},
    )
    version = record(uri, run, artifact_root=home / "artifacts")
    promotion.promote(uri, version, reason="to be measured")
    return version


def service_command(port: int) -> list[str]:
    """The service through `bentoml serve`, with all that production has on."""
    serve = [sys.executable, "-m", "bentoml", "serve", "bento.predictions.service:CounterStrike"]
    return [*serve, "--host", "127.0.0.1", "--port", str(port)]


def one_process_command(port: int) -> list[str]:
    """The service as its container starts it, without a supervisor."""
    return [sys.executable, "-m", "bento.predictions", "--host", "127.0.0.1", "--port", str(port)]


def empty_command(port: int) -> list[str]:
    """The floor of a start: `bentoml serve` with a service that does nothing."""
    serve = [sys.executable, "-m", "bentoml", "serve", "benchmarks.empty_service:Empty"]
    return [*serve, "--host", "127.0.0.1", "--port", str(port)]


def classic_command(port: int) -> list[str]:
    """The classic design."""
    return _uvicorn("benchmarks.classic_service:app", port)


def onnx_command(port: int) -> list[str]:
    """FastAPI before the same champion."""
    return _uvicorn("benchmarks.onnx_service:app", port)


def bento_command(port: int) -> list[str]:
    """BentoML before the same champion."""
    serve = [sys.executable, "-m", "bentoml", "serve", "benchmarks.bento_service:Rounds"]
    return [*serve, "--host", "127.0.0.1", "--port", str(port)]


def echo_command(port: int) -> list[str]:
    """The floor: an ASGI application that reads the body and sends a fixed answer."""
    return _uvicorn("benchmarks.serving:echo", port)


def _uvicorn(app: str, port: int) -> list[str]:
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning"]
    return [sys.executable, "-m", "uvicorn", app, *options]


async def echo(scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[dict[str, Any]], Any]) -> None:
    """A bare ASGI application."""
    if scope["type"] != "http":
        return
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


@contextmanager
def serving(command: list[str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server on its core until the block ends, ready when the block begins."""
    environment = os.environ | {
        "CS2_HOME": str(home),
        "CS2_SERVED_MODELS": "round_predictor",
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "OMP_NUM_THREADS": "1",
        "CS2_BENCH_ARTIFACT": str(home / CHAMPION),
    }
    log = (home / "server.log").open("wb")
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *command], env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        await_answer(process, 60)
        yield process
    finally:
        log.close()
        for step in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, step)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)


def await_answer(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait for the first good answer to /readyz (any answer at all from the bare application)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.01)
    raise RuntimeError(f"the server did not get ready (exit status {process.poll()})")


def different(state: dict[str, Any]) -> list[dict[str, Any]]:
    """States that differ from one to the next in their clock and equipment."""
    steps = range(DIFFERENT)
    return [
        state | {"time_remaining": 20 + step * 0.19, "ct_equip_value": 4_000 + 37 * step, "t_money": 100 * (step % 80)}
        for step in steps
    ]


def wrk(folder: Path, path: str, documents: list[Any], *, pid: int, connections: int, seconds: int) -> Load:
    """Load the server, whose answering process is `pid`, from the client's core; documents are sent in turn."""
    script = folder / "request.lua"
    bodies = ",".join(f"[[{json.dumps(document)}]]" for document in documents)
    script.write_text(
        f"local bodies = {{{bodies}}}\nlocal requests = {{}}\nlocal turn = 0\n"
        'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
        "init = function() for i = 1, #bodies do requests[i] = wrk.format(nil, nil, nil, bodies[i]) end end\n"
        "request = function() turn = turn % #requests + 1; return requests[turn] end\n"
        "done = function(summary, latency, requests)\n"
        '  io.write(string.format("RESULT %d %d %f %f %d\\n", summary.requests, summary.duration,'
        " latency:percentile(50), latency:percentile(99), summary.errors.status + summary.errors.read"
        " + summary.errors.connect + summary.errors.timeout))\nend\n"
    )
    options = ["-t", "1", "-c", str(connections), "-d", f"{seconds}s", "-s", str(script)]
    cpu = _cpu_seconds(pid)
    done = subprocess.run(
        ["taskset", "-c", CLIENT_CORE, "wrk", *options, f"http://127.0.0.1:{PORT}{path}"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)", done.stdout)
    if found is None:
        raise RuntimeError(f"wrk said nothing that can be read:\n{done.stdout}")
    requests, micros, p50, p99, failed = (float(part) for part in found.groups())
    cpu = (_cpu_seconds(pid) - cpu) / requests * 1e6
    return Load(requests / micros * 1e6, p50 / 1000, p99 / 1000, int(failed), cpu)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def median_of(loads: list[Load]) -> Load:
    """The medians; failures are added up."""
    return Load(
        statistics.median(load.rate for load in loads),
        statistics.median(load.p50 for load in loads),
        statistics.median(load.p99 for load in loads),
        sum(load.failed for load in loads),
        statistics.median(load.cpu for load in loads),
    )


Figures = dict[tuple[str, str], Load]


def loads(home: Path, *, rounds: int, seconds: int) -> Figures:
    """All loads on all designs, in turn, so that a busy moment of the machine hits them alike."""
    commands = {
        "service": service_command(PORT),
        "classic": classic_command(PORT),
        "FastAPI": onnx_command(PORT),
        "BentoML": bento_command(PORT),
        "bare ASGI": echo_command(PORT),
    }
    few, all_inputs = different(STATE), different(STATE | OPTIONAL)
    kinds: dict[str, tuple[str, list[Any], int]] = {
        "1 connection": ("/predict/round", few, 1),
        "16 connections": ("/predict/round", few, 16),
        "16 connections, all inputs": ("/predict/round", all_inputs, 16),
        "batches of 1,000": ("/predict/rounds", [{"states": few * 2}], 1),
    }
    found: dict[tuple[str, str], list[Load]] = {}
    for number in range(rounds):
        for name, command in commands.items():
            with serving(command, home) as process:
                time.sleep(SETTLE)
                (pid,) = _answering(process.pid)
                for kind, (path, documents, connections) in kinds.items():
                    wrk(home, path, documents, pid=pid, connections=connections, seconds=1)  # warm
                    load = wrk(home, path, documents, pid=pid, connections=connections, seconds=seconds)
                    found.setdefault((name, kind), []).append(load)
            rates = ", ".join(f"{kind} {found[name, kind][-1].rate:,.0f}/s" for kind in kinds)
            print(f"round {number + 1} of {rounds}: {name}: {rates}", file=sys.stderr, flush=True)
    return {key: median_of(runs) for key, runs in found.items()}


@dataclass(frozen=True)
class Start:
    """Seconds from the command to the first good answer to /readyz, and MiB of the process that answers."""

    seconds: float
    memory: float


def starts(home: Path, *, rounds: int) -> dict[str, Start]:
    """All designs started in turn, so that a busy moment of the machine hits them alike; medians."""
    commands = {
        "classic": classic_command(PORT),
        "service": service_command(PORT),
        "one process": one_process_command(PORT),
        "empty": empty_command(PORT),
    }
    found: dict[str, list[Start]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            started = time.monotonic()
            with serving(command, home) as process:
                seconds = time.monotonic() - started
                for _ in range(20 if name != "empty" else 0):
                    wrk_free_request(STATE)
                found[name].append(Start(seconds, max(_resident(pid) for pid in _answering(process.pid))))
    return {
        name: Start(statistics.median(one.seconds for one in runs), statistics.median(one.memory for one in runs))
        for name, runs in found.items()
    }


def wrk_free_request(document: Any) -> dict[str, Any]:
    """One request, without wrk."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
    connection.request("POST", "/predict/round", json.dumps(document), {"Content-Type": "application/json"})
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    return answer


def _answering(pid: int) -> list[int]:
    """The process itself, or the workers it started."""
    children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [c for c in children if b"worker" in Path(f"/proc/{c}/cmdline").read_bytes()] or [pid]


def _resident(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024  # type: ignore[union-attr]


def installed_size(requirements: list[str]) -> float:
    """MiB on disk of packages and all that they need, as installed here."""
    seen: set[str] = set()
    waiting = [Requirement(requirement) for requirement in requirements]
    total = 0
    while waiting:
        wanted = waiting.pop()
        extras = wanted.extras or {""}
        key = f"{wanted.name.lower().replace('_', '-')}[{','.join(sorted(extras))}]"
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(wanted.name)
        except PackageNotFoundError:
            continue
        if not any(other.startswith(wanted.name.lower().replace("_", "-") + "[") for other in seen - {key}):
            paths = [Path(str(file.locate())) for file in found.files or ()]
            total += sum(path.stat().st_size for path in paths if path.is_file())
        for line in found.requires or ():
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return total / 2**20


def swap_under_load(home: Path, *, swaps: int) -> tuple[int, int, float, float]:
    """Requests, failed ones, p99 in milliseconds within half a second of a swap, and p99 of all others."""
    seen: list[tuple[float, float, int, str]] = []
    stop = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=10)
        body = json.dumps(STATE)
        while not stop.is_set():
            started = time.perf_counter()
            connection.request("POST", "/predict/round", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            version = json.loads(response.read()).get("model_version", "")
            seen.append((started, time.perf_counter() - started, response.status, version))

    with serving(service_command(PORT), home):
        thread = threading.Thread(target=ask)
        thread.start()
        for _ in range(swaps):
            time.sleep(2)
            version = champion(home)
            while seen[-1][3] != version.version:
                time.sleep(0.01)
        time.sleep(1)
        stop.set()
        thread.join()
    moments = [one[0] for former, one in pairwise(seen) if former[3] != one[3]]
    near = [one[1] for one in seen if any(abs(one[0] - moment) <= 0.5 for moment in moments)]
    far = [one[1] for one in seen if all(abs(one[0] - moment) > 0.5 for moment in moments)]
    failed = sum(one[2] != 200 for one in seen)
    return len(seen), failed, _p99(near), _p99(far)


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)] * 1000


def steps(home: Path) -> dict[str, float]:
    """CPU microseconds of each step of one prediction, in this process."""
    artifact = Artifact.load(home / CHAMPION)
    version = ModelVersion("round_predictor", "1", "run", "", "", "", "", "", {}, {})
    model: Any = predictor(version, artifact)
    form = form_of(serving_of(catalog.ROUND))
    body = json.dumps(STATE).encode()
    values, _ = form.read_one(body)
    odds = model.one(values)
    row = np.array([round_features(values)], dtype=np.float32)
    return {
        "body to checked values": _micros(lambda: form.read_one(body)),
        "of which the rules between fields": _micros(lambda: contradictions(values)),
        "features and model": _micros(lambda: model.one(values)),
        "of which the model (ONNX Runtime)": _micros(
            lambda: artifact.session.run(["probability", "low", "high"], {"features": row})
        ),
        "answer": _micros(lambda: msgspec.json.encode(spelled(model.word(odds), SNAKE))),
        "the whole of it behind HTTP": _whole(home, body),
    }


def _micros(step: Callable[[], Any], number: int = 20_000) -> float:
    runs = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(number):
            step()
        runs.append((time.process_time() - started) / number * 1e6)
    return statistics.median(runs)


def _whole(home: Path, body: bytes, number: int = 20_000) -> float:
    """CPU microseconds of a request in the ASGI application, limits and metrics included."""
    from bento.predictions.http.app import (  # noqa: PLC0415 (its metrics must not be registered by the other servers here)
        PredictionApp,
    )
    from cs2_pipeline.settings import Settings  # noqa: PLC0415

    async def run() -> float:
        app: Any = PredictionApp(Settings(home=home, served_models="round_predictor"), echo)  # type: ignore[call-arg]
        await app._champions.glance()
        headers = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        scope = {"type": "http", "method": "POST", "path": "/predict/round", "headers": headers}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(_: dict[str, Any]) -> None:
            pass

        started = time.process_time()
        for count in range(number):
            await app(scope, receive, send)
            if count % 100 == 0:
                await asyncio.sleep(0)
        return (time.process_time() - started) / number * 1e6

    return statistics.median(asyncio.run(run()) for _ in range(5))


SERVING = ["cs2-pipeline[serving]"]
CLASSIC = ["fastapi", "uvicorn[standard]", "pydantic", "torch", "scikit-learn", "mlflow"]


def report(rounds: int, seconds: int) -> str:
    """Measure everything; the Markdown report."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        trained_on = train(home / CHAMPION)
        champion(home)
        with serving(service_command(PORT), home):
            pass  # fills the cache of champions: a service that starts for the second time
        found = loads(home, rounds=rounds, seconds=seconds)
        started = starts(home, rounds=rounds)
        requests, failed, near, far = swap_under_load(home, swaps=rounds)
        each = steps(home)
    sizes = installed_size(SERVING), installed_size(CLASSIC)
    return "\n".join(
        [
            f"{_machine()}; medians of {rounds} rounds of {seconds} s; the server on one core, wrk on the other.",
            f"Service, FastAPI and BentoML carry the champion of {trained_on}.",
            "",
            "| Figure | classic | FastAPI, same champion | BentoML, same champion | service | times the classic "
            "| times the best other |",
            "|---|---|---|---|---|---|---|",
            *_load_rows(found),
            "",
            _bento_layers(found),
            "",
            "| Figure | classic | service | ratio |",
            "|---|---|---|---|",
            *_start_rows(started),
            _row("installed size, MiB", sizes[1], sizes[0], better="lower"),
            "",
            f"A swap under load: {requests:,} requests over {rounds} swaps, {failed} failed; p99 within half a second "
            f"of a swap {near:.2f} ms, otherwise {far:.2f} ms (a Python client).",
            "",
            *_step_rows(each, found),
        ]
    )


def _bento_layers(found: Figures) -> str:
    with_bento, without = (found[name, "16 connections"].cpu for name in ("BentoML", "FastAPI"))
    return f"BentoML's own layers cost {with_bento - without:.0f} µs of CPU a request more than FastAPI's."


DESIGNS = ("classic", "FastAPI", "BentoML", "service")


def _load_rows(found: Figures) -> list[str]:
    rows = []
    for kind in ("16 connections", "16 connections, all inputs", "1 connection"):
        loads = [found[name, kind] for name in DESIGNS]
        rows.append(_compared(f"requests/s, {kind}", [load.rate for load in loads]))
        rows.append(_compared(f"p50 ms, {kind}", [load.p50 for load in loads], better="lower"))
        rows.append(_compared(f"p99 ms, {kind}", [load.p99 for load in loads], better="lower"))
        rows.append(_compared(f"CPU µs/request, {kind}", [load.cpu for load in loads], better="lower"))
    batches = [found[name, "batches of 1,000"] for name in DESIGNS]
    rows.append(_compared("states/s, batches of 1,000", [load.rate * 1000 for load in batches]))
    rows.append(_compared("states per second of CPU, batches of 1,000", [1e9 / load.cpu for load in batches]))
    failures = sum(load.failed for load in found.values())
    rows.append(f"| failed requests, all runs together | | | | {failures} | | |")
    return rows


def _compared(name: str, figures: list[float], *, better: str = "higher") -> str:
    """A row of all designs, the service last, which is compared with the classic design and the best of the others."""
    classic, *others, service = figures
    best = max(others) if better == "higher" else min(others)
    ratios = [service / other if better == "higher" else other / service for other in (classic, best)]
    cells = [*map(_number, figures), *(f"{ratio:.1f} ×" for ratio in ratios)]
    return f"| {name} | {' | '.join(cells)} |"


def _start_rows(started: dict[str, Start]) -> list[str]:
    classic, service, alone = started["classic"], started["service"], started["one process"]
    return [
        _row(
            "cold start to ready in one process (python -m bento.predictions), s",
            classic.seconds,
            alone.seconds,
            better="lower",
        ),
        _row(
            "cold start to ready under a supervisor (bentoml serve), s",
            classic.seconds,
            service.seconds,
            better="lower",
        ),
        f"| floor: an empty BentoML service (bentoml serve), s | | {_number(started['empty'].seconds)} | |",
        _row("memory of a worker, MiB", classic.memory, service.memory, better="lower"),
    ]


def _row(name: str, classic: float, service: float, *, better: str = "higher") -> str:
    ratio = service / classic if better == "higher" else classic / service
    return f"| {name} | {_number(classic)} | {_number(service)} | {ratio:.1f} × |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _step_rows(each: dict[str, float], found: Figures) -> list[str]:
    request = found["service", "16 connections"].cpu
    bare = found["bare ASGI", "16 connections"].cpu
    return [
        "Where the microseconds of a request go (16 connections):",
        "",
        "| Step | µs of CPU |",
        "|---|---|",
        *[f"| {name} | {micros:.1f} |" for name, micros in each.items()],
        f"| floor: CPU for a request of a bare ASGI application in uvicorn | {bare:.1f} |",
        f"| the service: CPU for a request | {request:.1f} |",
    ]


def _machine() -> str:
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{cpu.group(1) if cpu else 'unknown processor'}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"


def require_tools() -> None:
    """Say so where a tool that is needed is missing.

    Raises:
        SystemExit: one is not installed.
    """
    for tool in ("wrk", "taskset"):
        if shutil.which(tool) is None:
            raise SystemExit(f"{tool} is not installed; on Debian: apt-get install wrk util-linux")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--out", type=Path, help="also write the report here")
    options = parser.parse_args()
    require_tools()
    text = report(options.rounds, options.seconds)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
