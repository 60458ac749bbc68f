"""What both logs promise: nothing lost, nothing twice, in order, one owner a shard."""

import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from cs2_pipeline.live.log import (
    BURST,
    CLAIM_KEPT,
    FOREIGN,
    IDS_KEPT,
    MAX_ALL_LETTERS,
    MAX_LETTERS,
    SHARDS,
    TOO_MANY,
    Arrival,
    DeadLetter,
    LogUnavailableError,
    Submitted,
    shard_of,
)
from cs2_pipeline.live.log.redis import RedisLog
from cs2_pipeline.live.log.sqlite import SqliteLog
from cs2_pipeline_tests.live.redis_server import RedisServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture(params=["sqlite", "redis"])
def log(request, tmp_path):
    if request.param == "sqlite":
        made = SqliteLog(tmp_path / "log.sqlite")
    else:
        made = RedisLog(request.getfixturevalue("server").url)
        made._redis.flushall()
    yield made
    made.close()


def events(count, match="m"):
    return [Submitted(str(uuid.uuid4()), match, b'{"n": %d}' % n) for n in range(count)]


def everything(log):
    return log.read(dict.fromkeys(range(SHARDS), ""), 100_000)


def test_events_come_back_in_order_with_their_bytes(log) -> None:
    sent, began = events(50), time.time()
    assert log.append(sent) == [True] * 50
    found = log.read({shard_of("m"): ""}, 1000)
    assert [(one.event_id, one.match_id, one.body) for one in found] == [(e.event_id, "m", e.body) for e in sent]
    assert [one.position for one in found] == sorted(one.position for one in found)
    assert all(began - 1 <= one.received <= time.time() + 1 for one in found)
    assert log.read({shard_of("m"): found[19].position}, 10) == found[20:30]
    assert log.kept("m") == found and log.kept("other") == []


def test_a_repeat_is_recognised_also_within_a_batch(log) -> None:
    one, two = events(2)
    assert log.append([one, two, one]) == [True, True, False]
    assert log.append([two]) == [False]
    assert len(everything(log)) == 2


def test_callers_at_once_lose_nothing(log) -> None:
    batches = [events(20, match=f"m{n}") for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert all(all(new) for new in pool.map(log.append, batches))
    found = everything(log)
    for number, batch in enumerate(batches):
        assert [one.event_id for one in found if one.match_id == f"m{number}"] == [e.event_id for e in batch]


def test_who_reads_step_by_step_misses_nothing_whoever_writes_and_trims(tmp_path) -> None:
    mine, other = SqliteLog(tmp_path / "log.sqlite"), SqliteLog(tmp_path / "log.sqlite")  # as of two processes
    chance, sent, found = random.Random(1), [], []
    positions = dict.fromkeys(range(0, SHARDS, 2), "")
    for _ in range(60):
        batch = [event for _ in range(chance.randint(0, 4)) for event in events(1, match=f"m{chance.randint(0, 40)}")]
        sent += batch
        chance.choice([mine, other]).append(batch)
        if chance.random() < 0.7:
            for one in mine.read(positions, chance.choice([1, 1_000])):
                positions[one.shard] = one.position
                found.append(one)
        if chance.random() < 0.2:
            mine.done(positions)
            chance.choice([mine, other]).trim()
    while more := mine.read(positions, 1):
        positions |= {one.shard: one.position for one in more}
        found += more
    wanted = [event for event in sent if shard_of(event.match_id) in positions]
    assert [(one.event_id, one.body) for one in found] == [(event.event_id, event.body) for event in wanted]
    mine.close()
    other.close()


def test_only_what_history_has_is_trimmed(log) -> None:
    shard = shard_of("m")
    log.append(events(10))
    assert log.trim() == 0 and log.depth() == {shard: 10}
    found = log.read({shard: ""}, 100)
    log.done({shard: found[6].position})
    assert log.position(shard) == found[6].position
    assert log.depth() == {shard: 3}
    log.trim()
    assert len(everything(log)) == 3
    assert log.read({shard: ""}, 100) == found[7:]
    assert log.append([Submitted(found[0].event_id, "m", b"{}")]) == [False]  # its id is remembered


def test_a_shard_has_one_owner_at_a_time(log) -> None:
    assert log.lease("a", SHARDS, 600) == set(range(SHARDS))
    assert log.lease("b", SHARDS, 600) == set() and log.consumers() == 2
    half = log.lease("a", SHARDS // 2, 600)
    assert len(half) == SHARDS // 2
    assert log.lease("b", SHARDS, 600) == set(range(SHARDS)) - half
    log.release("a")
    assert log.lease("b", SHARDS, 600) == set(range(SHARDS)) and log.consumers() == 1


def test_shards_of_a_dead_consumer_are_free_when_its_lease_ends(log) -> None:
    log.lease("dead", SHARDS, 0.2)
    time.sleep(0.4)
    assert log.lease("b", SHARDS, 600) == set(range(SHARDS))


def test_dead_letters_are_kept_newest_first_and_not_without_end(log) -> None:
    log.bury(DeadLetter(f"{n:05d}", n, "why", "m", b"\xff%d" % n) for n in range(MAX_LETTERS + 5))
    newest = log.dead_letters(2)
    assert [one.id for one in newest] == [f"{MAX_LETTERS + 4:05d}", f"{MAX_LETTERS + 3:05d}"]
    assert newest[0].body == b"\xff%d" % (MAX_LETTERS + 4) and newest[0].reason == "why"
    assert log.dead_letter("00000") is None and log.dead_letter("00005") is not None
    log.forget("00005")
    assert log.dead_letter("00005") is None


def test_made_up_matches_do_not_fill_the_disk_with_dead_letters(log, monkeypatch) -> None:
    for engine in ("sqlite", "redis"):
        monkeypatch.setattr(f"cs2_pipeline.live.log.{engine}.MAX_ALL_LETTERS", 50)
    log.bury(DeadLetter(f"{n:03d}", n, "why", f"made up {n}", b"") for n in range(80))
    assert [one.id for one in log.dead_letters(1000)] == [f"{n:03d}" for n in reversed(range(30, 80))]


def test_what_redis_read_is_pending_until_history_has_it(server) -> None:
    log = RedisLog(server.url)
    log._redis.flushall()
    shard, stream = shard_of("m"), f"cs2:live:log:{shard_of('m')}"
    log.lease("first", SHARDS, 0.1)
    log.append(events(5))
    found = log.read({shard: ""}, 100)
    assert log._redis.xpending(stream, "consumers")["consumers"] == [{"name": b"first", "pending": 5}]
    time.sleep(0.3)
    log.close()
    log = RedisLog(server.url)
    log.lease("second", SHARDS, 0.1)
    assert log._redis.xpending(stream, "consumers")["consumers"] == [{"name": b"second", "pending": 5}]
    log.done({shard: found[-1].position})
    assert log._redis.xpending(stream, "consumers")["pending"] == 0
    assert log.durability() is None
    log.close()


def test_what_redis_acknowledged_survives_its_kill(tmp_path) -> None:
    server = RedisServer(tmp_path)
    log = RedisLog(server.url)
    acknowledged, stop = [], threading.Event()

    def write():
        while not stop.is_set():
            batch = events(3)
            try:
                log.append(batch)
            except LogUnavailableError:
                time.sleep(0.05)
            else:
                acknowledged.extend(event.event_id for event in batch)

    writer = threading.Thread(target=write)
    writer.start()
    for kills in range(2):
        while len(acknowledged) <= 10 * kills:
            time.sleep(0.05)
        time.sleep(0.2)
        server.kill()
        server.start()
    while len(acknowledged) <= 20:
        time.sleep(0.05)
    stop.set()
    writer.join()
    kept = [one.event_id for one in log.kept("m")]
    assert set(acknowledged) <= set(kept) and len(kept) == len(set(kept))
    server.kill()
    with pytest.raises(LogUnavailableError, match=r"127\.0\.0\.1"):
        log.append(events(1))


def test_a_file_that_cannot_be_written_is_told_to_every_caller(tmp_path) -> None:
    log = SqliteLog(tmp_path / "log.sqlite")
    log._transact(lambda c: c.execute("drop table events"))
    with pytest.raises(LogUnavailableError, match=r"log\.sqlite"):
        log.append(events(1))
    log.close()
    with pytest.raises(LogUnavailableError, match="closed"):
        log.append(events(1))


def test_a_match_is_claimed_by_one_tenant_and_a_tenant_claims_so_many(log) -> None:
    assert log.claim(["a", "b"], "one", 3) == {}
    assert log.claim(["a", "c"], "other", 3) == {"a": FOREIGN}
    assert log.claim(["a", "d", "e"], "one", 3) in ({"d": TOO_MANY}, {"e": TOO_MANY})
    assert log.claim(["c"], "one", 3) == {"c": FOREIGN}
    assert log.owners(["a", "b", "c", "nobody's"]) == {"a": "one", "b": "one", "c": "other"}
    assert log.owners([]) == {}


def test_a_tenant_spends_its_rate_and_is_told_how_long_to_wait(log) -> None:
    rate, much = 2.0, 1_000  # so much that a slow machine does not let it through
    assert log.spend("one", int(rate * BURST), rate) == 0.0
    assert 0 < log.spend("one", much, rate) <= much / rate
    assert log.spend("other", 1, rate) == 0.0


def test_gateways_on_redis_count_a_key_together_and_exactly(server) -> None:
    gateways = [RedisLog(server.url) for _ in range(3)]
    gateways[0]._redis.flushall()
    rate, at_once = 1.0, 7  # each asks for so many that what comes back in a second cannot let another one through
    with ThreadPoolExecutor(6) as pool:
        waits = list(pool.map(lambda n: gateways[n % 3].spend("key", at_once, at_once * rate), range(60)))
    assert sum(wait == 0.0 for wait in waits) * at_once == gateways[0].used("key")
    assert 5 <= sum(wait == 0.0 for wait in waits) < 60
    for gateway in gateways:
        gateway.close()


def test_what_is_promised_of_a_log_in_numbers() -> None:
    """docs/live.md names them; a match must also stay in its shard from one version to the next."""
    assert (SHARDS, BURST, MAX_LETTERS, MAX_ALL_LETTERS) == (16, 5.0, 1_000, 20_000)
    assert (IDS_KEPT, CLAIM_KEPT) == (7 * 24 * 3_600, 90 * 24 * 3_600)
    assert [shard_of(match) for match in ("m", "00000000-0000-0000-0000-000000000000", "one")] == [8, 9, 1]


def test_what_an_event_was_read_as_does_not_make_it_another_one() -> None:
    one, same = (Arrival(3, "5", 1.0, "e", "m", b"{}", event) for event in (None, object()))
    assert one == same and "object" not in repr(same)
    assert one != Arrival(3, "6", 1.0, "e", "m", b"{}")
