"""The live feed: event to price, intake, burst, subscribers, memory, two consumers, queries; the classic design beside.

The gateway runs as a newcomer's does (one process: intake, log, consumer, history); the load comes from this process.
Prices are timed end to end: from before the request that carries an event until its price is read from a stream.
Its champion is the round model that a user trains (`benchmarks.champion`), or that of the cache which ``--champions``
names (``.cs2/champions/<store>`` of a home).

The whole load (10 million events in the history, 1,000 subscribers, 20 seconds a phase) is that of scale 1; the default
is a fifth of it and takes some five minutes. ``python -m benchmarks.live [--scale SHARE] [--champions FOLDER]``
"""

import argparse
import asyncio
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks import live_classic, live_scaling
from benchmarks.champion import train
from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.artifact.cache import Cache, ModelVersion
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.simulator.simulation import FIRST_DAY, simulate
from cs2_pipeline.live.history import queries
from cs2_pipeline.live.history.sqlite import SqliteHistory
from cs2_pipeline.live.sources.demo_database import Recorded, recorded_matches
from cs2_pipeline.settings import Settings

RATE: Final = 2_000
BURST: Final = 10_000
"""Events a second; a burst lasts half as long as another load."""
MATCHES: Final = 100
MANY: Final = 500
"""Matches at once."""
DIFFERENT: Final = 10
"""Simulated matches, each of them played several times at once."""
WATCHED: Final = 10
"""Matches whose prices are timed."""
TICK: Final = 0.02
SECONDS: Final = 20.0
EVENTS: Final = 10_000_000
SUBSCRIBERS: Final = 1_000
"""Seconds of each load, events in the history that is asked, subscribers of one match: at scale 1."""


@dataclass
class Times:
    """Seconds from sending to price, events sent, and batches refused."""

    seconds: list[float] = field(default_factory=list)
    sent: int = 0
    refused: int = 0

    def row(self, name: str, more: str = "") -> str:
        """A row of the table."""
        cut = statistics.quantiles(self.seconds, n=100) if len(self.seconds) > 1 else [0.0] * 99
        p50, p95, p99 = (cut[n - 1] * 1e3 for n in (50, 95, 99))
        return f"| {name} | {p50:.1f} ms | {p95:.1f} ms | {p99:.1f} ms | {len(self.seconds)} | {more} |"


@contextmanager
def gateway(champions: Path) -> Iterator[tuple[int, int, Path]]:
    """A gateway on a free port, with a cache of champions: port, process id, home."""
    home = Path(tempfile.mkdtemp(prefix="live-bench-"))
    port = free_port()
    cache = Settings(home=home).champion_cache  # type: ignore[call-arg]  # every field has a default
    shutil.copytree(champions, cache)
    environment = os.environ | {"CS2_HOME": str(home), "CS2_GATEWAY_PORT": str(port), "CS2_MAX_BODY_BYTES": "8388608"}
    lock = (cache / "follower.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # the champion is here: fetching one is not what is measured
    process = subprocess.Popen([sys.executable, "-m", "bento.gateway"], env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=1).status == 200)
        yield port, process.pid, home
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        lock.close()
        shutil.rmtree(home, ignore_errors=True)


def trained(folder: Path) -> Path:
    """A cache with the round model that a user trains."""
    version = ModelVersion("round_predictor", "1", "bench", "", "", "", "", "", {}, {})
    train(Cache(folder).folder(version))
    digest = Artifact.load(Cache(folder).folder(version)).digest
    Cache(folder).note(ModelVersion(**{**version.to_dict(), "digest": digest}))
    return folder


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait until something holds.

    Raises:
        TimeoutError: it did not.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise TimeoutError("the gateway did not do it")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def recorded(count: int) -> list[Recorded]:
    """Simulated matches."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demos.sqlite"
        simulate(path, matches=count, days=1, seed=5)
        with DemoDatabase(f"sqlite:///{path}") as db:
            return list(recorded_matches(db, FIRST_DAY, FIRST_DAY))


def again(
    matches: list[Recorded], run: int, count: int = MATCHES, most: int | None = None
) -> list[list[dict[str, Any]]]:
    """So many matches' events under new ids: each recorded match is played several times at once.

    Args:
        most: events of each match at most; None for all.
    """
    found = []
    for copy in range(count):
        line = matches[copy % len(matches)].begun_at(time.time())[:most]
        tail = f"{run:04x}{copy:08x}"
        for event in line:
            for name in ("event_id", "match_id", "map_id"):
                event[name] = event[name][:-12] + tail
        found.append(line)
    return found


def post(connection: http.client.HTTPConnection, events: list[dict[str, Any]]) -> int:
    """Send a batch; returns the status."""
    connection.request("POST", "/api/v1/events/batch", json.dumps(events), {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def steady(port: int, lines: list[list[dict[str, Any]]], rate: int, seconds: float) -> Times:
    """Events at a steady rate over all matches; prices of some are timed."""
    times, sent_at = Times(), dict[str, float]()
    stop = threading.Event()
    watched = [line[0]["match_id"] for line in lines[:WATCHED]]
    watchers = [threading.Thread(target=watch, args=(port, match, sent_at, times, stop)) for match in watched]
    for watcher in watchers:
        watcher.start()
    time.sleep(0.5)
    flat = [event for part in zip(*(line[: min(map(len, lines))] for line in lines), strict=True) for event in part]
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began, at = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds and at < len(flat):
        due = min(int(passed * rate), len(flat), at + 1000)
        if due > at:
            now = time.monotonic()
            sent_at |= {event["event_id"]: now for event in flat[at:due]}
            if post(connection, flat[at:due]) == 429:
                times.refused += 1
                continue
            at = times.sent = due
        time.sleep(TICK)
    time.sleep(2.0)
    stop.set()
    for watcher in watchers:
        watcher.join(12)
    return times


def watch(port: int, match: str, sent_at: dict[str, float], times: Times, stop: threading.Event) -> None:
    """Read a match's stream and note when each price came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/api/v1/matches/{match}/stream")
    stream = connection.getresponse()
    while not stop.is_set():
        try:
            line = stream.readline()
        except TimeoutError:
            return
        if line.startswith(b'data: {"match_id"') and b'"price_id"' in line:
            found = json.loads(line[6:])
            sent = sent_at.get(found["event_id"])
            if sent is not None and found["trigger_event_type"] != "clock":
                times.seconds.append(time.monotonic() - sent)


def intake(
    port: int, lines: list[list[dict[str, Any]]], seconds: float, rate: float = float("inf"), senders: int = 4
) -> tuple[int, float, int]:
    """Batches of 500 at a rate, or as fast as they are taken: events taken, seconds, and how often it said 429."""
    flat = [event for line in lines for event in line][: int(min(rate, 1e6) * seconds)]
    chunks = [flat[start : start + 500] for start in range(0, len(flat), 500)]
    turned_away = 0
    began = time.monotonic()
    taken = 0
    lock = threading.Lock()

    def send(number: int) -> None:
        nonlocal taken, turned_away
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for place in range(number, len(chunks), senders):
            chunk, due = chunks[place], began + place * 500 / rate
            time.sleep(max(0.0, due - time.monotonic()))
            if rate == float("inf") and time.monotonic() - began > seconds:
                return
            while (status := post(connection, chunk)) == 429:
                with lock:
                    turned_away += 1
                time.sleep(0.2)
            with lock:
                taken += len(chunk) if status == 202 else 0

    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(send, range(senders)))
    return taken, time.monotonic() - began, turned_away


async def subscribers(port: int, line: list[dict[str, Any]], count: int) -> Times:
    """Many subscribers of one match: from the price's calculation until each has it."""
    times = Times()
    match = line[0]["match_id"]

    async def subscriber() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /api/v1/matches/{match}/stream HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        while text := await reader.readline():
            if b'"price_id"' in text and b'"clock"' not in text:
                times.seconds.append(time.time() - json.loads(text.partition(b"data: ")[2])["ts_calc"])

    tasks = [asyncio.create_task(subscriber()) for _ in range(count)]
    await asyncio.sleep(3)
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for start in range(0, 100, 5):
        await asyncio.to_thread(post, connection, line[start : start + 5])
        await asyncio.sleep(0.5)
    await asyncio.sleep(2)
    for task in tasks:
        task.cancel()
    return times


def computed(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


def memory(pid: int) -> float:
    """Resident MB of the gateway's processes without the follower of champions."""
    held = 0
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        with suppress(psutil.Error):  # it has ended meanwhile
            held += 0 if "follower" in " ".join(process.cmdline()) else process.memory_info().rss
    return held / 2**20


def questions(count: int) -> list[str]:
    """The common queries over a history of so many events."""
    folder = Path(tempfile.mkdtemp(prefix="live-history-"))
    history = SqliteHistory(folder / "history.sqlite")
    fill(folder / "history.sqlite", count)
    asked: dict[str, tuple[str, dict[str, Any]]] = {
        "a match": (queries.MATCH, {"match_id": "m0000100"}),
        "page of matches": (queries.MATCHES, {"status": "FINISHED", "began": 1e12, "match_id": "", "count": 50}),
        "events of a match by type": (queries.EVENTS_BY_TYPE, {"match_id": "m0000100"}),
        "rounds of a match": (queries.ROUNDS, {"match_id": "m0000100", "map_id": ""}),
        "metrics of a team": (queries.TEAM_METRICS, {"team_id": "team7"}),
    }
    rows = []
    for name, (query, values) in asked.items():
        times = Times()
        for _ in range(30):
            began = time.perf_counter()
            history.ask(query, **values)
            times.seconds.append(time.perf_counter() - began)
        rows.append(times.row(f"{name}, {count:,} events"))
    history.close()
    shutil.rmtree(folder)
    return rows


def fill(path: Path, count: int, per_match: int = 1_000) -> None:
    """A seeded history."""
    connection = sqlite3.connect(path)
    kinds = ("kill", "player_hurt", "economy_update", "round_start", "round_end")
    for number in range(count // per_match):
        match = f"m{number:07d}"
        connection.executemany(
            "insert into events values (?, ?, 'map', ?, ?, 's', ?, ?, ?, ?, x'7b7d', ?)",
            [(match, f"{n:06d}", n // 40, kinds[n % 5], n, n, n, f"{n:020d}", number % 90) for n in range(per_match)],
        )
        connection.executemany(
            "insert into rounds values (?, 'map', ?, 5, 3, 2, 1, 0.1, 0.4, ?, 'elimination', 'CT', 1)",
            [(match, n, "AB"[(n + number) % 2]) for n in range(25)],
        )
        connection.execute(
            "insert into matches values"
            " (?, 'FINISHED', '', 'bo1', ?, ?, 'a', 'b', 1, 0, 'A', ?, ?, 1, '', 1, '', '{}', '')",
            (match, f"team{number % 200}", f"team{(number + 7) % 200}", number, number),
        )
    connection.commit()
    connection.execute("analyze")
    connection.commit()
    connection.close()


def main() -> None:
    """Measure and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=0.2, help="share of the whole load")
    parser.add_argument("--champions", type=Path, help="a cache of champions")
    arguments = parser.parse_args()
    scale = arguments.scale
    seconds = max(5.0, SECONDS * scale)
    matches = recorded(DIFFERENT)
    print(f"Scale {scale:g}: {seconds:g} s a phase.\n")
    print("| What | p50 | p95 | p99 | samples | |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="live-champions-") as folder:
        champions = arguments.champions or trained(Path(folder))
        of_a_gateway(matches, champions, seconds, max(10, int(SUBSCRIBERS * scale)))
        one, two = (live_scaling.events_a_second(again(matches, 7), champions, count) for count in (1, 2))
    print(f"| one consumer of a full log on Redis | {one:,.0f} events/s | | | | |")
    print(f"| two, on shards of their own | {two:,.0f} events/s | | | | {two / one:.2f} times as fast |", flush=True)
    for row in questions(int(EVENTS * scale)):
        print(row, flush=True)
    classic = live_classic.measured(again(matches, 4), RATE, seconds)
    print(Times(classic.seconds).row(f"classic design, {RATE} events/s", f"priced {classic.priced} of {classic.sent}"))
    print(f"| classic design, as fast as it goes | {classic.fastest:,.0f} events/s | | | | |")
    print(f"| classic design, worker killed ten times | {classic.lost} of {classic.tried} events lost | | | | |")


def of_a_gateway(matches: list[Recorded], champions: Path, seconds: float, listeners: int) -> None:
    """Print what a gateway does that takes, prices and tells by itself."""
    with gateway(champions) as (port, pid, home):
        empty = memory(pid)
        print(priced(port, pid, again(matches, 1), seconds))
        print(f"| memory a live match | {(memory(pid) - empty) / MATCHES:.2f} MB | | | | |", flush=True)
        enough = -(-int(BURST * seconds / 2) // min(len(one.events) for one in matches))
        for number, rate in ((2, float("inf")), (5, BURST)):
            what = "as fast as they are taken" if number == 2 else f"{BURST:,} events/s"
            lines = again(matches, number, max(MATCHES, enough))
            taken, took, busy = intake(port, lines, seconds if number == 2 else seconds / 2, rate)
            told = f"{taken / took:,.0f} events/s | | | {taken} | 429: {busy}, {took:.1f} s"
            print(f"| intake in batches of 500, {what} | {told} |", flush=True)
            drained(home)
        (line,) = again(matches, 3, 1)
        print(asyncio.run(subscribers(port, line, listeners)).row(f"{listeners} subscribers of one match"), flush=True)
        many = again(matches, 6, MANY, most=int(RATE * seconds / MANY) + 1)
        print(priced(port, pid, many, seconds), flush=True)


def priced(port: int, pid: int, lines: list[list[dict[str, Any]]], seconds: float) -> str:
    """A row: the time from event to price at a steady rate."""
    used = computed(pid)
    times = steady(port, lines, RATE, seconds)
    each = (computed(pid) - used) / times.sent * 1e6
    more = f"429: {times.refused}, {each:.0f} µs of CPU an event"
    return times.row(f"event in to price out, {RATE} events/s, {len(lines)} matches", more)


def drained(home: Path) -> None:
    """Wait until history has everything, and check that it has all of it once."""
    log = sqlite3.connect(home / "live" / "log.sqlite")
    wait_for(
        lambda: (
            not log.execute(
                "select count(*) from events e where position > coalesce((select position from positions p"
                " where p.shard = e.shard), 0)"
            ).fetchone()[0]
        ),
        600,
    )
    history = SqliteHistory(home / "live" / "history.sqlite")
    (counted,) = history.ask(queries.EVENTS_COUNTED)
    known = log.execute("select count(*) from ids").fetchone()[0]
    print(f"| taken and in history once | {counted['different']:,} of {known:,} | | | | |", flush=True)


if __name__ == "__main__":
    main()
