"""Hands announcements over: to Redis channels and webhooks, where they are configured, in order and at least once.

A listener that does not take one is asked again later and told nothing else meanwhile; the others do not wait for it.
Webhooks carry an HMAC of time and body, so that nobody else can speak for the platform and nothing can be replayed.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Protocol

import httpx
from fastapi import FastAPI

from cs2_pipeline.live.webhooks import SIGNATURE, signature
from cs2_pipeline.records import announcements
from cs2_pipeline.records.announcements import CHANNELS, Announcement
from cs2_pipeline.records.database import Records, RecordsError
from cs2_pipeline.settings import Settings

logger = logging.getLogger("bentoml.gateway")

LOOK_SECONDS: Final = 0.5
LONGEST_WAIT: Final = 60.0
GROUP: Final = 100


class RefusedError(Exception):
    """A listener did not take an announcement; the message says why, without its address's secrets."""


class Listener(Protocol):
    """Somebody who is told. `name` is what its position is kept under."""

    name: str

    async def tell(self, announcement: Announcement) -> None:
        """Hand one over.

        Raises:
            RefusedError: it was not taken.
        """

    async def close(self) -> None:
        """Give back connections."""


class RedisListener:
    """The Redis of the settings; channels are called as announcements' are."""

    def __init__(self, url: str) -> None:
        from cs2_pipeline.live.channels import Channels  # noqa: PLC0415  redis is an extra

        self.name = f"redis:{_short(url)}"
        self._channels = Channels(url)

    async def tell(self, announcement: Announcement) -> None:
        """Publish it."""
        from cs2_pipeline.live.channels import ChannelError  # noqa: PLC0415

        try:
            await asyncio.to_thread(self._channels.publish, announcement.channel, announcement.body)
        except ChannelError as error:
            raise RefusedError(str(error)) from error

    async def close(self) -> None:
        """Give back the connection."""
        self._channels.close()


class Webhook:
    """An address that announcements are posted to."""

    def __init__(self, url: str, secret: str) -> None:
        self.name = f"webhook:{_short(url)}"
        self._url, self._secret = url, secret.encode()
        self._client = httpx.AsyncClient(timeout=10, follow_redirects=False)

    async def tell(self, announcement: Announcement) -> None:
        """Post it; anything but a 2xx counts as not taken."""
        body = announcement.body.encode()
        headers = {"content-type": "application/json", SIGNATURE: signature(self._secret, body, int(time.time()))}
        try:
            answered = await self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise RefusedError(f"{self.name} cannot be reached ({type(error).__name__})") from error
        if not answered.is_success:
            raise RefusedError(f"{self.name} answers {answered.status_code}")

    async def close(self) -> None:
        """Give back connections."""
        await self._client.aclose()


def listeners(settings: Settings) -> list[Listener]:
    """Whom the settings name.

    Raises:
        ValueError: there are webhooks and no secret to sign with.
    """
    found: list[Listener] = []
    if settings.redis_url is not None:
        found.append(RedisListener(settings.redis_url.get_secret_value()))
    hooks = settings.event_webhooks.get_secret_value() if settings.event_webhooks else ""
    addresses = [address.strip() for address in hooks.split(",") if address.strip()]
    if addresses and settings.event_secret is None:
        raise ValueError("CS2_EVENT_WEBHOOKS is set without CS2_EVENT_SECRET: receivers could not verify the sender")
    secret = settings.event_secret.get_secret_value() if settings.event_secret else ""
    return [*found, *(Webhook(address, secret) for address in addresses)]


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Tell the listeners of the settings while the gateway is open."""
    async with AsyncExitStack() as stack:
        for listener in listeners(app.state.settings):
            for channel in CHANNELS:
                await asyncio.to_thread(announcements.position, app.state.records, listener.name, channel)
                stack.callback(asyncio.create_task(_keep_telling(app.state.records, listener, channel)).cancel)
            stack.push_async_callback(listener.close)
        yield


async def _keep_telling(records: Records, listener: Listener, channel: str) -> None:
    wait = LOOK_SECONDS
    while True:
        try:
            await tell_all(records, listener, channel)
            wait = LOOK_SECONDS
        except (RefusedError, RecordsError) as error:
            wait = min(2 * wait, LONGEST_WAIT)
            logger.warning("announcements of %s wait for %.0f s: %s", channel, wait, error)
        await asyncio.sleep(wait)


async def tell_all(records: Records, listener: Listener, channel: str) -> None:
    """Tell a listener all that it was not told yet.

    Raises:
        RefusedError: it did not take one; those before it are noted as told.
    """
    at = await asyncio.to_thread(announcements.position, records, listener.name, channel)
    while found := await asyncio.to_thread(announcements.after, records, channel, at, GROUP):
        told = at
        try:
            for announcement in found:
                await listener.tell(announcement)
                told = announcement.seq
        finally:
            if told > at:
                await asyncio.to_thread(announcements.advance, records, listener.name, channel, told)
        at = told


def _short(url: str) -> str:
    """A name for an address that does not give away the secrets in it."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]
