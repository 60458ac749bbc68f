"""The live feed of one process: put together from its settings, and what it says of itself while it works."""

import json
import sys
import threading

import pytest
from pydantic import SecretStr

from cs2_pipeline.live import runtime
from cs2_pipeline.live.history.sqlite import SqliteHistory
from cs2_pipeline.live.hub import Update
from cs2_pipeline.live.log.redis import RedisLog
from cs2_pipeline.live.log.sqlite import SqliteLog
from cs2_pipeline.live.runtime import Live, open_history, open_log
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.live.made import play, uid
from cs2_pipeline_tests.live.redis_server import RedisServer


def test_a_process_that_only_takes_events_prices_nothing_and_has_nothing_to_complain_of(tmp_path) -> None:
    live = Live(Settings(home=tmp_path), consume=False)
    live.start()
    assert live.complaint() is None and not live.wanted
    assert live.courier is None
    live.close()


def test_a_consumer_that_does_not_run_is_said_not_to(tmp_path) -> None:
    live = Live(Settings(home=tmp_path))
    assert live.complaint() == "the consumer is not running"
    live.start()
    assert live.complaint() is None and not live.wanted
    live._consumer.complaint = "the disk is full"
    assert live.complaint() == "the disk is full"
    live.close()
    assert live.complaint() == "the consumer is not running"
    assert live.history._local.connection is None, "this thread's connection is closed"
    with pytest.raises(Exception, match="closed"):
        live.log.append([object()])


def test_with_no_setting_log_and_history_are_files_in_the_home(tmp_path) -> None:
    settings = Settings(home=tmp_path)
    log, history = open_log(settings), open_history(settings)
    assert isinstance(log, SqliteLog) and isinstance(history, SqliteHistory)
    assert {path.name for path in (tmp_path / "live").iterdir()} >= {"log.sqlite", "history.sqlite"}
    log.close()
    history.close()


def test_an_event_stores_address_is_used(tmp_path) -> None:
    pytest.importorskip("chdb", reason="ClickHouse's engine is not installed: pip install '.[clickhouse-test]'")
    with pytest.raises(Exception, match="begins with clickhouse://, not postgresql://"):
        open_history(Settings(home=tmp_path, event_store_url=SecretStr("postgresql://host/live")))


def test_matches_in_memory_are_wanted_and_python_gives_requests_their_turn(tmp_path, champions) -> None:
    before = sys.getswitchinterval()
    live = Live(Settings(home=tmp_path))
    try:
        live.start()
        assert sys.getswitchinterval() == pytest.approx(0.001)
        live.intake.take([json.dumps(event).encode() for event in play(3, rounds=1)])
        while not live.wanted:
            threading.Event().wait(0.01)
    finally:
        live.close()
        sys.setswitchinterval(before)
    assert SqliteHistory(tmp_path / "live" / "history.sqlite").ask(
        "select count(*) as events from events_now"
    ) == [{"events": len(play(3, rounds=1))}], "what was taken is durable once it is closed"  # fmt: skip


def test_updates_go_to_subscribers_first_and_to_webhooks_too() -> None:
    told = []
    publish = runtime._both(
        lambda updates: told.append(("hub", updates)), lambda updates: told.append(("hook", updates))
    )
    publish([Update("score", "m", "", {})])
    assert [name for name, _ in told] == ["hub", "hook"] and told[0][1] == told[1][1]


def test_webhooks_of_the_settings_are_split_at_commas_and_signed(tmp_path) -> None:
    live = Live(Settings(
        home=tmp_path, live_webhooks=SecretStr(" http://one.example , ,http://two.example,"),
        event_secret=SecretStr("shared"), webhooks_to_private=True,
    ))  # fmt: skip
    assert [(one.url, one.secret, one.private) for one in live.courier._targets] == [
        ("http://one.example", b"shared", True), ("http://two.example", b"shared", True),
    ]  # fmt: skip
    live.close()
    with pytest.raises(ValueError, match="CS2_LIVE_WEBHOOKS is set without CS2_EVENT_SECRET"):
        Live(Settings(home=tmp_path, live_webhooks=SecretStr("http://one.example")))


def test_with_redis_every_process_publishes_through_it(tmp_path) -> None:
    server = RedisServer(tmp_path)
    settings = Settings(home=tmp_path, redis_url=SecretStr(server.url))
    assert isinstance(open_log(settings), RedisLog)
    live = Live(settings, consume=False)
    assert live._relay is not None
    live.intake.take([json.dumps(event).encode() for event in play(3, rounds=1)[:2]])
    assert len(RedisLog(server.url).kept(uid("one"))) == 2
    live.close()
    assert not live._relay._listener.is_alive()
    server.kill()
