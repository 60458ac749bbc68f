"""The log on a real Redis: addresses, durability, limits and ownership, each at its edge."""

import time
from types import SimpleNamespace

import pytest

from cs2_pipeline.live.log import (
    CLAIM_KEPT,
    FOREIGN,
    IDS_KEPT,
    SHARDS,
    TOO_MANY,
    DeadLetter,
    LogUnavailableError,
    Submitted,
    shard_of,
)
from cs2_pipeline.live.log import redis as engine
from cs2_pipeline.live.log.redis import RedisLog
from cs2_pipeline_tests.live.redis_server import RedisServer


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def log(server):
    made = RedisLog(server.url)
    made._redis.flushall()
    yield made
    made.close()


def events(count, match="m", begin=0):
    return [Submitted(f"{match}-{begin + n}", match, b"\xff{}") for n in range(count)]


def test_an_address_is_told_without_its_password() -> None:
    log = RedisLog("redis://me:secret@127.0.0.1:1/2")
    with pytest.raises(LogUnavailableError, match=r"Redis at redis://127\.0\.0\.1:1/2 does not work") as caught:
        log.append(events(1))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value", "durable"),
    [("appendfsync", "always", True), ("appendfsync", "everysec", False), ("appendonly", "no", False)],
)
def test_a_server_that_may_lose_what_it_acknowledged_is_told_of(log, setting, value, durable) -> None:
    log._redis.config_set(setting, value)
    try:
        said = log.durability()
        assert (said is None) is durable
        assert durable or "set `appendonly yes` and `appendfsync always`" in said
    finally:
        log._redis.config_set("appendonly", "yes")
        log._redis.config_set("appendfsync", "always")


def test_ids_and_claims_expire_after_their_time(log) -> None:
    log.append(events(1))
    log.claim(["m"], "one", 9)
    assert IDS_KEPT - 60 < log._redis.ttl("cs2:live:id:m-0") <= IDS_KEPT == 7 * 86_400
    assert CLAIM_KEPT - 60 < log._redis.ttl("cs2:live:tenant:m") <= CLAIM_KEPT == 90 * 86_400


def test_a_tenant_is_refused_for_its_own_reason(log) -> None:
    assert log.claim(["a", "b"], "one", 2) == {}
    assert log.claim(["a", "c", "b"], "one", 2) == {"c": TOO_MANY}
    assert log.claim(["a", "c"], "other", 2) == {"a": FOREIGN}
    assert log.claim([], "one", 2) == {}
    log._redis.zadd("cs2:live:begun:one", {"a": time.time() - 86_500})  # begun more than a day ago
    assert log.claim(["d"], "one", 2) == {}


def test_a_key_may_send_five_seconds_worth_at_once_and_all_that_was_sent_is_counted(log) -> None:
    slow = 0.001  # so slow that no time of a test gives anything back
    assert log.spend("one", 4, slow) > 0 and log.used("one") == 0
    assert log.spend("one", 500, 100.0) == 0.0
    assert log.spend("one", 100_000, 100.0) == pytest.approx(1_000, abs=5.1)
    assert (log.used("one"), log.used("nobody")) == (500, 0)


def test_what_history_has_is_gone_at_once_and_positions_never_go_back(log) -> None:
    shard = shard_of("m")
    log.append(events(4))
    found = log.read({shard: ""}, 100)
    log.done({shard: found[2].position, shard + 1 if shard < SHARDS - 1 else 0: ""})
    log.done({shard: found[0].position})
    assert log.position(shard) == found[2].position
    assert log.depth() == {shard: 1} and log.kept("m") == found[3:]
    assert log.trim() == 0, "nothing is left to remove"
    assert log.read({}, 5) == [] and log.append([]) == []


def test_what_an_interrupted_step_left_is_trimmed(log) -> None:
    shard = shard_of("m")
    log.append(events(3))
    found = log.read({shard: ""}, 100)
    log._redis.set(f"cs2:live:done:{shard}", found[1].position)  # noted, and not trimmed any more
    assert log.trim() == 2 and log.kept("m") == found[2:]


def test_positions_sort_as_their_ids_do() -> None:
    entries = ["5-0", "5-1", "5-10", "10-0", "1700000000000-0", "1700000000000-12"]
    assert [engine._text(one) for one in entries] == sorted(engine._text(one) for one in entries)
    assert [engine._id(engine._text(one)) for one in entries] == entries
    assert engine._following(engine._text("5-1")) == "5-2"


def test_many_that_were_read_are_acknowledged_in_steps(log) -> None:
    shard = shard_of("m")
    log.lease("one", SHARDS, 600.0)
    log.append(events(2_100))
    found = log.read({shard: ""}, 10_000)
    log.done({shard: found[-1].position})
    assert log._redis.xpending(f"cs2:live:log:{shard}", "consumers")["pending"] == 0 and log.depth() == {}


def test_a_shard_taken_over_is_claimed_once(log, server) -> None:
    shard, other = shard_of("m"), RedisLog(server.url)
    log.lease("first", SHARDS, 600.0)
    log.append(events(3))
    log.read({shard: ""}, 100)
    log.release("first")
    assert log.consumers() == 0
    assert other.lease("second", SHARDS, 600.0) == set(range(SHARDS)) and other.consumers() == 1
    pending = other._redis.xpending(f"cs2:live:log:{shard}", "consumers")["consumers"]
    assert pending == [{"name": b"second", "pending": 3}]
    assert log.lease("first", SHARDS, 600.0) == set() and log.consumers() == 2
    other.close()


def test_a_lease_of_so_many_seconds_ends_then(log) -> None:
    log.lease("one", 2, 100.0)
    left = log._redis.pttl("cs2:live:owner:0")
    assert 40_000 < left <= 100_000
    assert log.lease("one", 1, 100.0) == {0}
    assert log._redis.get("cs2:live:owner:1") is None


def test_dead_letters_of_a_match_are_kept_newest_first_and_once(log, monkeypatch) -> None:
    monkeypatch.setattr(engine, "MAX_LETTERS", 3)
    log.bury([DeadLetter(f"n{n}", n, "why", "m", b"\xff") for n in range(5)])
    log.bury([DeadLetter("n4", 99, "why", "m", b"\xff"), DeadLetter("of another", 50, "why", "x", b"")])
    assert [one.id for one in log.dead_letters()] == ["of another", "n4", "n3", "n2"]
    assert [one.id for one in log.dead_letters(1)] == ["of another"]
    log.forget("n4")
    log.forget("n4")
    log.bury([DeadLetter("n5", 5, "why", "m", b"")])
    assert [one.id for one in log.dead_letters()] == ["of another", "n5", "n3", "n2"], "what was removed takes no place"
    assert log.dead_letter("n4") is None and log.dead_letter("n2").body == b"\xff"
    log.bury([DeadLetter(f"m{n}", n, "why", f"match {n}", b"") for n in range(120)])
    assert len(log.dead_letters()) == 100


def test_when_an_event_was_taken_is_told_in_seconds(log) -> None:
    began = time.time()
    log.append(events(1))
    (one,) = log.kept("m")
    assert began - 1 <= one.received <= time.time() + 1 and one.body == b"\xff{}"


def test_an_empty_log_is_looked_at_a_hundred_times_a_second(log, monkeypatch) -> None:
    slept = []
    monkeypatch.setattr(engine, "time", SimpleNamespace(sleep=slept.append))
    log.wait(5.0)
    log.wait(0.002)
    assert slept == [0.01, 0.002]


def test_an_empty_log_has_nothing_to_tell(log) -> None:
    assert (log.dead_letters(), log.dead_letter("a"), log.depth(), log.trim()) == ([], None, {}, 0)
    assert (log.kept("m"), log.position(3), log.owners([]), log.consumers()) == ([], "", {}, 0)


def test_a_consumer_counts_until_its_lease_ends_by_itself(log) -> None:
    log.lease("a", 1, 100.0)
    log.lease("short", 1, 0.05)
    while log.consumers() == 2:
        time.sleep(0.01)
    assert log.consumers() == 1 and log._redis.zcard("cs2:live:consumers") == 2, "nobody has tidied up yet"
