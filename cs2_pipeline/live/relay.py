"""Fan-out between processes over Redis pub/sub: what a consumer publishes reaches the subscribers of all gateways."""

import logging
import threading
from typing import Any, Final

import msgspec
import redis

from cs2_pipeline.live.hub import Hub, Update

logger = logging.getLogger("cs2.live")

CHANNEL: Final = "cs2:live:updates"
_DECODER: Final = msgspec.msgpack.Decoder(list[Update])


class Relay:
    """One process's end of it.

    Args:
        url: of the Redis.
        hub: this process's subscribers.
    """

    def __init__(self, url: str, hub: Hub) -> None:
        self._url, self._hub = url, hub
        self._redis: Any = redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=3)
        self._stop = threading.Event()
        self._listener = threading.Thread(target=self._listen, name="live-relay", daemon=True)
        self._listener.start()

    def publish(self, updates: list[Update]) -> None:
        """Tell all processes. Who is not reached reads it from history: a lost update loses no price."""
        if not updates:
            return
        try:
            self._redis.publish(CHANNEL, msgspec.msgpack.encode(updates))
        except redis.RedisError as error:
            logger.warning("subscribers of other gateways get no updates: %s", error)
            self._hub.publish(updates)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                client: Any = redis.Redis.from_url(self._url, socket_connect_timeout=3)
                with client, client.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(CHANNEL)
                    while not self._stop.is_set():
                        message = channel.get_message(timeout=0.5)
                        if message is not None:
                            self._hub.publish(_DECODER.decode(message["data"]))
            except redis.RedisError as error:
                logger.warning("the relay of live updates is broken: %s; trying again", error)
                self._stop.wait(1.0)

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._listener.join(3)
        self._redis.close()
