"""A gateway as a process of its own: started, awaited for as long as it lives, and ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from cs2_pipeline_tests.bento.serving import PATIENCE, free_port

LEAGUE = ("cs2_pipeline_tests.bento.gateway.league_gateway", "{port}")
"""The gateway over a made-up league."""
SERVICE = ("bento.gateway", "--port", "{port}")


def start(home: Path, module: tuple[str, ...] = LEAGUE, **environment: str) -> tuple[int, "subprocess.Popen[bytes]"]:
    """Start a gateway over a home; its port and its process. What it prints stands in log-PORT."""
    port = free_port()
    command = [sys.executable, "-m", *(part.format(port=port) for part in module)]
    with (home / f"log-{port}").open("wb") as log:
        known = {**os.environ, "CS2_HOME": str(home), "CS2_BODY_TIMEOUT": str(PATIENCE)} | environment
        process = subprocess.Popen(command, env=known, stdout=log, stderr=log)
    return port, process


def await_ready(port: int, process: "subprocess.Popen[bytes]", home: Path) -> None:
    """Wait until it answers, however long that takes; a gateway that has ended fails with what it printed."""
    while process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/livez", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError((home / f"log-{port}").read_text())


@contextmanager
def gateway(home: Path, module: tuple[str, ...] = LEAGUE, **environment: str) -> Iterator[int]:
    """The port of a gateway that answers; it is ended as a supervisor ends it."""
    port, process = start(home, module, **environment)
    try:
        await_ready(port, process, home)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
