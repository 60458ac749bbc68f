"""Nothing that was acknowledged is lost, whoever is killed and whenever: real processes, real SIGKILL."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks import live_classic
from cs2_pipeline.live.history import queries
from cs2_pipeline.live.history.sqlite import SqliteHistory
from cs2_pipeline.live.intake import Intake
from cs2_pipeline.live.log import SHARDS, LogUnavailableError
from cs2_pipeline.live.log.redis import RedisLog
from cs2_pipeline.live.log.sqlite import SqliteLog
from cs2_pipeline.live.verify import verify
from cs2_pipeline_tests.live.made import play, uid
from cs2_pipeline_tests.live.redis_server import RedisServer

INTAKE = """
import json, sys
from cs2_pipeline.live.intake import BusyError, Intake
from cs2_pipeline.live.log import LogUnavailableError
from cs2_pipeline.live.runtime import open_log
from cs2_pipeline.settings import load
door = Intake(open_log(load()))
for line in sys.stdin:
    try:
        taken = door.take([json.dumps(event).encode() for event in json.loads(line)])
    except (BusyError, LogUnavailableError):  # 429 and 503
        taken = []
    print(json.dumps([one.event_id for one in taken if one.error is None]), flush=True)
"""
CONSUMER = """
import threading
from cs2_pipeline.live import consumer
from cs2_pipeline.live.runtime import Live
from cs2_pipeline.settings import load
consumer.LEASE = 1.0
Live(load()).start()
print("started", flush=True)
threading.Event().wait()
"""


class Killed:
    """A process that is killed and started again."""

    def __init__(self, program: str, environment: dict[str, str]) -> None:
        self._program, self._environment = program, environment
        self.kills = -1
        self.restart()

    def restart(self) -> None:
        if self.kills >= 0:
            os.kill(self.process.pid, signal.SIGKILL)
            self.end()
        self.kills += 1
        self.process = subprocess.Popen(
            [sys.executable, "-c", self._program], env=os.environ | self._environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):  # what was still to be written
                pipe.close()


def send_all(door: Killed, batches: list[list[dict]], acknowledged: set[str]) -> None:
    """Send every batch until it is acknowledged, as a client does."""
    for batch in batches:
        while True:
            process = door.process
            try:
                process.stdin.write(json.dumps(batch) + "\n")
                process.stdin.flush()
                answer = process.stdout.readline()
            except (OSError, ValueError):
                answer = ""
            taken = json.loads(answer) if answer.endswith("\n") else []
            acknowledged |= set(taken)
            if taken:
                break
            time.sleep(0.05)


def survives(home: Path, matches: list[list[dict]], *, kills: int, seconds: float, redis: RedisServer | None) -> None:
    environment = {"CS2_HOME": str(home)} | ({"CS2_REDIS_URL": redis.url} if redis else {})
    chance = random.Random(1)
    door, consumers = Killed(INTAKE, environment), [Killed(CONSUMER, environment) for _ in range(2)]
    lines = [list(match) for match in matches]
    batches = []
    while any(lines):
        batch = [event for line in lines for event in line[:5]]
        lines = [line[5:] for line in lines]
        batches += [batch[start : start + 500] for start in range(0, len(batch), 500)]
    acknowledged: set[str] = set()
    sender = threading.Thread(target=send_all, args=(door, batches, acknowledged))
    sender.start()
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(0.2, 1.0) * seconds)
            victim = chance.choice([door, *consumers, *([redis] if redis else [])])
            if victim is redis:
                redis.kill()
                redis.start()
            else:
                victim.restart()
        sender.join(1_200)
        assert not sender.is_alive()
        everything_arrived(home, matches, acknowledged, redis)
    finally:
        for process in (door, *consumers):
            process.end()


def everything_arrived(
    home: Path, matches: list[list[dict]], acknowledged: set[str], redis: RedisServer | None
) -> None:
    sent = [event["event_id"] for match in matches for event in match]
    assert acknowledged == set(sent)
    history = SqliteHistory(home / "live" / "history.sqlite")
    log = RedisLog(redis.url) if redis else SqliteLog(home / "live" / "log.sqlite")
    until = time.monotonic() + 1_200
    while time.monotonic() < until:
        counted = history.ask(queries.EVENTS_COUNTED)[0]
        if counted["different"] >= len(sent) and not log.depth():  # what waits for a gap counts as well
            break
        time.sleep(0.2)
    assert counted == {"events": len(sent), "different": len(sent)}
    until = time.monotonic() + 600
    for match in matches[:: max(1, len(matches) // 20)]:
        while not ((found := verify(match[0]["match_id"], history, log)).holds and found.prices == len(match)):
            assert time.monotonic() < until, found  # whatever waits for a gap goes on
            time.sleep(0.2)
    log.close()


@pytest.mark.parametrize("engine", ["sqlite", "redis"])
def test_nothing_is_lost_when_processes_are_killed(tmp_path, engine) -> None:
    matches = [play(n, match=f"k{n}", rounds=3) for n in range(8)]
    redis = RedisServer(tmp_path) if engine == "redis" else None
    survives(tmp_path, matches, kills=4, seconds=1.5, redis=redis)
    if redis:
        redis.kill()


@pytest.mark.slow
def test_nothing_is_lost_when_clickhouses_engine_is_killed(tmp_path) -> None:
    pytest.importorskip("chdb", reason="ClickHouse's engine is not installed: pip install '.[clickhouse-test]'")
    from cs2_pipeline.live.history.clickhouse import ClickHouseHistory

    store = f"chdb://{tmp_path / 'clickhouse'}"
    matches = [play(n, match=f"ch{n}", rounds=6) for n in range(20)]
    events = [event for match in matches for event in match]
    environment = {"CS2_HOME": str(tmp_path), "CS2_EVENT_STORE_URL": store}
    door, consumer = Killed(INTAKE, environment), Killed(CONSUMER, environment)  # the engine runs in the consumer
    acknowledged: set[str] = set()
    batches = [events[start : start + 100] for start in range(0, len(events), 100)]
    sender = threading.Thread(target=send_all, args=(door, batches, acknowledged))
    sender.start()
    log = SqliteLog(tmp_path / "live" / "log.sqlite")
    try:
        for _ in range(5):
            assert consumer.process.stdout.readline() == "started\n"  # what is killed has begun to work
            time.sleep(random.Random(len(acknowledged)).uniform(0.5, 3.0))
            consumer.restart()
        sender.join(1_200)
        until = time.monotonic() + 1_200
        while log.depth() and time.monotonic() < until:
            time.sleep(0.2)
    finally:
        door.end()
        consumer.end()
    assert acknowledged == {event["event_id"] for event in events} and consumer.kills == 5
    history = ClickHouseHistory(store)
    assert history.ask(queries.EVENTS_COUNTED)[0] == {"events": len(events), "different": len(events)}
    for match in matches:
        found = verify(match[0]["match_id"], history, log)
        assert found.holds and found.events == found.prices == len(match), found
    history.close()
    log.close()


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "redis"])
def test_nothing_of_100_000_events_is_lost(tmp_path, engine) -> None:
    matches, count = [], 0
    while count < 100_000:
        matches.append(play(len(matches), match=f"s{len(matches)}", rounds=24))
        count += len(matches[-1])
    redis = RedisServer(tmp_path) if engine == "redis" else None
    survives(tmp_path, matches, kills=25, seconds=3.0, redis=redis)
    if redis:
        redis.kill()


@pytest.mark.slow
def test_the_classic_queue_design_loses_events_in_the_same_test(tmp_path) -> None:
    events = [event for n in range(54) for event in play(n, match=f"c{n}", rounds=24)]
    acknowledged, lost = live_classic.lost_when_killed(events, tmp_path, kills=10, seconds=3.0)
    print(f"classic design: {lost} of {acknowledged} acknowledged events were never priced")
    assert acknowledged == len(events)
    assert lost > 0


def test_a_consumer_on_redis_goes_on_after_the_server_was_killed(tmp_path, champions) -> None:
    from cs2_pipeline.live.champion import Champion
    from cs2_pipeline.live.consumer import Consumer
    from cs2_pipeline.live.history import HistoryUnavailableError

    server = RedisServer(tmp_path)
    log, history = RedisLog(server.url), SqliteHistory(tmp_path / "history.sqlite")
    consumer = Consumer(log, history, Champion(champions), lambda _: None)
    events = play(3, rounds=2)
    Intake(log).take([json.dumps(event).encode() for event in events[:30]])
    while consumer.step():
        pass
    server.kill()
    with pytest.raises((LogUnavailableError, HistoryUnavailableError)):
        consumer.step()
    consumer._fail("as `run` does")
    server.start()
    Intake(log).take([json.dumps(event).encode() for event in events[30:]])
    deadline = time.monotonic() + 600
    while history.ask(queries.EVENTS_COUNTED)[0]["events"] < len(events) and time.monotonic() < deadline:
        consumer.step()
        time.sleep(0.05)
    consumer.catch_up()
    assert verify(uid("one"), history, log).holds
    assert len(consumer._positions) == SHARDS
    server.kill()
