"""Redis channels for other systems: one message an announcement, heard by whoever listens at the moment."""

from typing import Any

import redis


class ChannelError(Exception):
    """The message could not be published; the message says why."""


class Channels:
    """Publishes to the channels of a Redis.

    Args:
        url: redis://host:port; connected to when something is published.
    """

    def __init__(self, url: str) -> None:
        self._redis: Any = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=3)

    def publish(self, channel: str, message: str) -> None:
        """Publish a message.

        Raises:
            ChannelError: Redis does not take it.
        """
        try:
            self._redis.publish(channel, message)
        except redis.RedisError as error:
            raise ChannelError(f"Redis does not take a message for {channel} ({type(error).__name__})") from error

    def close(self) -> None:
        """Give back the connection."""
        self._redis.close()
