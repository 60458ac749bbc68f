"""Updates between processes over a real Redis: all subscribers hear each once, also while Redis is away."""

import asyncio
import time
from contextlib import aclosing

import pytest

from cs2_pipeline.live.hub import Hub, Update
from cs2_pipeline.live.relay import CHANNEL, Relay
from cs2_pipeline_tests.live.redis_server import RedisServer

ONE = Update("prediction", "m", "Major", {"n": 1, "trigger_event_type": "kill"}, 5.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


class Told:
    """A hub that notes what it is given."""

    def __init__(self):
        self.updates, self.batches = [], 0

    def publish(self, updates):
        self.updates += updates
        self.batches += 1

    def wait(self, count):
        while len(self.updates) < count:
            time.sleep(0.01)


def listened(relays):
    """Return once all listen: what is published before reaches nobody."""
    while relays[0]._redis.pubsub_numsub(CHANNEL)[0][1] < len(relays):
        time.sleep(0.01)


def test_what_one_process_publishes_all_hear_once(server) -> None:
    hubs = [Told(), Told()]
    relays = [Relay(server.url, hub) for hub in hubs]
    listened(relays)
    relays[0].publish([])
    relays[0].publish([ONE, ONE])
    relays[1].publish([ONE])
    for hub in hubs:
        hub.wait(3)
        assert hub.updates == [ONE] * 3 and hub.batches == 2
    for relay in relays:
        relay.close()
        assert not relay._listener.is_alive()
    assert relays[0]._redis.pubsub_numsub(CHANNEL)[0][1] == 0


def test_subscribers_of_this_process_are_told_while_redis_is_away(tmp_path) -> None:
    server, hub = RedisServer(tmp_path), Told()
    relay = Relay(server.url, hub)
    listened([relay])
    server.kill()
    relay.publish([ONE])
    assert hub.updates == [ONE]
    server.start()
    listened([relay])  # it has come back by itself
    relay.publish([ONE])
    hub.wait(2)
    assert hub.updates == [ONE, ONE]
    relay.close()
    server.kill()


def test_a_subscriber_gets_what_another_process_published(server) -> None:
    async def scene():
        hub = Hub()
        hub.attach(asyncio.get_running_loop())
        relays = [Relay(server.url, hub), Relay(server.url, Hub())]
        try:
            listened(relays)
            async with aclosing(hub.subscribe(["prediction"], "m")) as batches:
                await anext(batches)
                relays[1].publish([ONE])
                return await anext(batches)
        finally:
            for relay in relays:
                relay.close()

    assert asyncio.run(scene()) == [ONE]
