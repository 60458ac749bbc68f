"""The live feed of one process, put together from the settings: log, history, champion, consumer, hub."""

import logging
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cs2_pipeline.live.champion import Champion
from cs2_pipeline.live.consumer import Consumer
from cs2_pipeline.live.history import History
from cs2_pipeline.live.history.sqlite import SqliteHistory
from cs2_pipeline.live.hub import Hub, Update
from cs2_pipeline.live.intake import Intake
from cs2_pipeline.live.log import EventLog
from cs2_pipeline.live.log.sqlite import SqliteLog
from cs2_pipeline.settings import Settings

if TYPE_CHECKING:
    from cs2_pipeline.live.relay import Relay
    from cs2_pipeline.live.webhooks import Courier

logger = logging.getLogger("cs2.live")

SWITCH: Final = 0.001
"""Seconds for which the consumer may hold Python's lock while a request waits for it; Python's own choice is 5 ms."""


def open_log(settings: Settings) -> EventLog:
    """The log: a file in the home, or Redis."""
    if settings.redis_url is not None:
        from cs2_pipeline.live.log.redis import RedisLog  # noqa: PLC0415  an extra, needed here alone

        return RedisLog(settings.redis_url.get_secret_value())
    return SqliteLog(folder(settings) / "log.sqlite")


def open_history(settings: Settings) -> History:
    """The event store: a file in the home, or ClickHouse."""
    if settings.event_store_url is not None:
        from cs2_pipeline.live.history.clickhouse import ClickHouseHistory  # noqa: PLC0415  an extra, needed here alone

        return ClickHouseHistory(settings.event_store_url.get_secret_value())
    return SqliteHistory(folder(settings) / "history.sqlite")


def folder(settings: Settings) -> Path:
    """Where the embedded parts of the live feed are."""
    return settings.home / "live"


def _relay(settings: Settings, hub: Hub) -> "Relay | None":
    if settings.redis_url is None:
        return None
    from cs2_pipeline.live.relay import Relay  # noqa: PLC0415  an extra, needed here alone

    return Relay(settings.redis_url.get_secret_value(), hub)


def _courier(settings: Settings, log: EventLog) -> "Courier":
    from cs2_pipeline.live.registered import Registered  # noqa: PLC0415  needs httpx, which serving has
    from cs2_pipeline.live.webhooks import Courier, Target  # noqa: PLC0415

    if settings.live_webhooks is not None and settings.event_secret is None:
        raise ValueError("CS2_LIVE_WEBHOOKS is set without CS2_EVENT_SECRET: receivers could not verify the sender")
    given = settings.live_webhooks.get_secret_value() if settings.live_webhooks else ""
    urls = [url.strip() for url in given.split(",") if url.strip()]
    secret = settings.event_secret.get_secret_value().encode() if settings.event_secret else b""
    targets = [Target(url, secret, settings.webhooks_to_private) for url in urls]
    return Courier(targets, Registered(settings), log.owners)


def _both(
    subscribers: Callable[[list[Update]], None], webhooks: Callable[[list[Update]], None]
) -> Callable[[list[Update]], None]:
    def publish(updates: list[Update]) -> None:
        subscribers(updates)
        webhooks(updates)

    return publish


class Live:
    """The live feed of one process.

    Args:
        settings: the platform's.
        consume: whether this process prices; without it, it only takes events and answers questions.
    """

    def __init__(self, settings: Settings, *, consume: bool = True) -> None:
        self.log = open_log(settings)
        self.history = open_history(settings)
        self.hub = Hub()
        self.intake = Intake(self.log)
        self.champion = Champion(settings.champion_cache)
        self._stop = threading.Event()
        self._relay = _relay(settings, self.hub)
        publish: Callable[[list[Update]], None] = self._relay.publish if self._relay else self.hub.publish
        self.courier = _courier(settings, self.log) if consume else None  # who prices tells: each update once
        if self.courier is not None:
            publish = _both(publish, self.courier.offer)
        self._consumer = Consumer(self.log, self.history, self.champion, publish) if consume else None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to consume."""
        if self._consumer is not None:
            sys.setswitchinterval(SWITCH)
            run: Callable[[threading.Event], None] = self._consumer.run
            self._thread = threading.Thread(target=run, args=(self._stop,), name="live-consumer", daemon=True)
            self._thread.start()

    @property
    def wanted(self) -> bool:
        """Whether there is anything to price."""
        return self._consumer is not None and self._consumer.matches > 0

    def complaint(self) -> str | None:
        """What keeps the feed from working; None when nothing does."""
        if self._consumer is None:
            return None
        if self._thread is None or not self._thread.is_alive():
            return "the consumer is not running"
        return self._consumer.complaint

    def close(self) -> None:
        """Stop, with everything that was taken durable."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)
        for part in (self.courier, self._relay):
            if part is not None:
                part.close()
        self.intake.pool.shutdown(wait=True)
        self.log.close()
        self.history.close()
