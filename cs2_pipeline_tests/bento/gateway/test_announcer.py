"""Announcements reach Redis, webhooks and event streams: in order, at least once, and those missed later."""

import asyncio
import hashlib
import hmac
import json
import time
from types import SimpleNamespace

import pytest
import redis

from bento.gateway import announcer
from bento.gateway.announcer import RedisListener, RefusedError, Webhook
from bento.gateway.routers.announcements import _events, _position
from cs2_pipeline.forecasting import directories
from cs2_pipeline.records import announcements
from cs2_pipeline.records.announcements import FORECASTS, MODELS
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway
from cs2_pipeline_tests.forecasting import league
from cs2_pipeline_tests.live.redis_server import RedisServer
from cs2_pipeline_tests.receiver import Receiver

SECRET = "opensesame"


@pytest.fixture
def receiver():
    with Receiver(status=204) as server:
        yield server


@pytest.fixture
def gateway(tmp_path):
    with open_gateway(tmp_path) as client:
        league.fill(client.app.state.records)
        client.app.state.forecasting.forecaster = league.Strengths()
        client.app.state.forecasting.directories = directories.load(client.app.state.records)
        yield client


def forecast(gateway):
    return gateway.post("/api/v1/forecasts/map", json={"team1_id": "t1", "team2_id": "t2"}).json()["id"]


def promote(records, version):
    what = {"type": "model_promoted", "name": "match_forecaster", "version": version}
    return announcements.note(records, MODELS, f"match_forecaster:{version}", what)


def tell(gateway, listener, channel):
    asyncio.run(announcer.tell_all(gateway.app.state.records, listener, channel))


def test_a_promotion_is_announced_once(gateway):
    records = gateway.app.state.records
    assert promote(records, "1")
    assert not promote(records, "1")
    told = gateway.get("/api/v1/announcements", params={"channel": MODELS}).json()["items"]
    assert [(one["type"], one["version"]) for one in told] == [("model_promoted", "1")]


def test_forecasts_and_promotions_reach_a_webhook_signed_and_in_order(gateway, receiver):
    records = gateway.app.state.records
    hook = Webhook(receiver.url, SECRET)
    for channel in (FORECASTS, MODELS):
        announcements.position(records, hook.name, channel)  # from here on it listens
    ids = [forecast(gateway) for _ in range(3)]
    promote(records, "1")
    for channel in (FORECASTS, MODELS):
        tell(gateway, hook, channel)
    told = [json.loads(post.body) for post in receiver.posts]
    assert [one.get("forecast_id") for one in told] == [*ids, None]
    assert told[0]["type"] == "forecast_given"
    assert told[0]["probability"] > 0.5
    for headers, body in receiver.posts:
        at, given = (part.partition("=")[2] for part in headers["X-CS2-Signature"].split(","))
        assert hmac.new(SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest() == given
        assert abs(int(at) - time.time()) < 3600


def test_what_a_webhook_did_not_take_comes_later_and_nothing_comes_twice(gateway, receiver):
    records = gateway.app.state.records
    hook = Webhook(receiver.url, SECRET)
    announcements.position(records, hook.name, FORECASTS)
    first = forecast(gateway)
    tell(gateway, hook, FORECASTS)
    receiver.status = 503
    second = forecast(gateway)
    with pytest.raises(RefusedError, match="answers 503"):
        tell(gateway, hook, FORECASTS)
    third = forecast(gateway)
    receiver.status = 204
    tell(gateway, Webhook(receiver.url, SECRET), FORECASTS)  # also after a restart
    posted = [json.loads(post.body)["forecast_id"] for post in receiver.posts]
    assert posted == [first, second, second, third], "what was refused came again, and nothing else did"


def test_a_new_listener_is_not_told_what_happened_before_it_came(gateway, receiver):
    forecast(gateway)
    tell(gateway, Webhook(receiver.url, SECRET), FORECASTS)
    assert receiver.posts == []


def test_redis_channels_carry_the_same(gateway, tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    try:
        with redis.Redis.from_url(server.url) as client, client.pubsub(ignore_subscribe_messages=True) as heard:
            heard.subscribe(FORECASTS, MODELS)
            while {count for _, count in client.pubsub_numsub(FORECASTS, MODELS)} != {1}:
                heard.get_message(timeout=0.1)
            listener = RedisListener(server.url)
            announcements.position(gateway.app.state.records, listener.name, FORECASTS)
            made = forecast(gateway)
            tell(gateway, listener, FORECASTS)
            message = None
            while message is None:
                message = heard.get_message(timeout=5)
            assert message["channel"] == FORECASTS.encode()
            assert json.loads(message["data"])["forecast_id"] == made
        server.kill()
        second = forecast(gateway)
        with pytest.raises(RefusedError, match="Redis"):
            tell(gateway, listener, FORECASTS)
        at = announcements.position(gateway.app.state.records, listener.name, FORECASTS)
        waiting = announcements.after(gateway.app.state.records, FORECASTS, at, 10)
        assert [json.loads(one.body)["forecast_id"] for one in waiting] == [second]
    finally:
        server.kill() if server._process.poll() is None else None


def test_webhooks_need_a_secret_and_never_show_their_address(tmp_path):
    with pytest.raises(ValueError, match="CS2_EVENT_SECRET"):
        announcer.listeners(Settings(home=tmp_path, event_webhooks="http://user:sesame@example.org/hook"))
    (hook,) = announcer.listeners(
        Settings(home=tmp_path, event_webhooks="http://u:sesame@example.org", event_secret="x")
    )
    assert "sesame" not in hook.name


def test_an_event_stream_goes_on_where_it_broke_off(gateway):
    first, second = forecast(gateway), forecast(gateway)
    records = gateway.app.state.records

    async def read(after, wanted):
        chunks = []
        async for chunk in _events(records, FORECASTS, after):
            chunks.append(chunk.decode())
            if len(chunks) > wanted:
                break
        return chunks[1:]

    told = asyncio.run(read(0, 2))
    assert [json.loads(one.split("data: ")[1])["forecast_id"] for one in told] == [first, second]
    assert told[0].startswith("id: forecast_events:1\nevent: forecast_given\n")
    (again,) = asyncio.run(read(_position("forecast_events:1", FORECASTS), 1))
    assert second in again
    assert _position("ml_models:1", FORECASTS) is None
    assert _position("forecast_events:x", FORECASTS) is None


@pytest.fixture
def waits(monkeypatch):
    """The pauses of those who keep telling, none of which takes time; the tenth ends them."""
    found = []

    async def at_once(seconds):
        found.append(seconds)
        if len(found) == 10:
            raise asyncio.CancelledError

    monkeypatch.setattr(announcer, "asyncio", SimpleNamespace(sleep=at_once, to_thread=asyncio.to_thread))
    return found


class Deaf:
    """Refuses so many announcements and takes the next ones."""

    name = "deaf"

    def __init__(self, refusals):
        self.refusals, self.told = refusals, []

    async def tell(self, announcement):
        if self.refusals:
            self.refusals -= 1
            raise RefusedError("not now")
        self.told.append(announcement.seq)


def test_a_listener_that_refuses_is_asked_ever_more_seldom_and_at_once_again_when_it_takes(gateway, waits):
    records, listener = gateway.app.state.records, Deaf(8)
    announcements.position(records, listener.name, MODELS)
    promote(records, "1")
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(announcer._keep_telling(records, listener, MODELS))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 0.5, 0.5]
    assert listener.told == [1]


def test_everything_is_told_however_much_it_is_and_the_place_is_kept(gateway, monkeypatch):
    monkeypatch.setattr(announcer, "GROUP", 2)
    records, listener = gateway.app.state.records, Deaf(0)
    announcements.position(records, listener.name, MODELS)
    for number in range(5):
        promote(records, str(number))
    tell(gateway, listener, MODELS)
    assert listener.told == [1, 2, 3, 4, 5]
    assert announcements.position(records, listener.name, MODELS) == 5
    tell(gateway, listener, MODELS)
    assert listener.told == [1, 2, 3, 4, 5]


def test_the_settings_name_redis_and_every_webhook_each_under_a_name_of_its_own(tmp_path):
    assert announcer.listeners(Settings(home=tmp_path)) == []
    named = announcer.listeners(Settings(
        home=tmp_path, redis_url="redis://localhost:1", event_secret="x",
        event_webhooks=" https://one.example/a ,, https://one.example/b",
    ))  # fmt: skip
    assert [one.name.partition(":")[0] for one in named] == ["redis", "webhook", "webhook"]
    assert len({one.name for one in named}) == 3
    assert all(len(one.name.partition(":")[2]) == 16 for one in named)


def test_a_webhook_is_not_followed_elsewhere_and_one_that_is_away_refuses(gateway, receiver):
    receiver.status = 302
    records = gateway.app.state.records
    promote(records, "1")
    (announcement,) = announcements.after(records, MODELS, 0, 10)
    with pytest.raises(RefusedError, match="answers 302"):
        asyncio.run(Webhook(receiver.url, SECRET).tell(announcement))
    assert len(receiver.posts) == 1
    with pytest.raises(RefusedError, match=r"cannot be reached \(ConnectError\)") as away:
        asyncio.run(Webhook("http://u:sesame@127.0.0.1:9/", SECRET).tell(announcement))
    assert "sesame" not in str(away.value)


def test_a_gateway_tells_its_listeners_what_happens_while_it_is_open(tmp_path, receiver):
    with open_gateway(tmp_path, event_webhooks=receiver.url, event_secret=SECRET) as client:
        promote(client.app.state.records, "1")
        receiver.wait_for(1)
    assert json.loads(receiver.posts[0].body)["version"] == "1"
