"""Live updates posted to webhooks: signed, in batches, never to private addresses unless allowed, nobody waited for.

One thread posts to all of them, each in its own time. What a webhook does not take after `ATTEMPTS` is given up; the
history has it. A webhook that is too slow loses the newest updates, and is told how many: its `missed` counts them.
Which webhooks there are comes from the settings and from those that owners of keys registered (`Register`).
"""

import asyncio
import hashlib
import hmac
import ipaddress
import logging
import socket
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx
import msgspec

from cs2_pipeline.live import metrics
from cs2_pipeline.live.hub import Update

logger = logging.getLogger("cs2.live")

SIGNATURE: Final = "X-CS2-Signature"
BATCH: Final = 200
"""Updates in one post at most."""
QUEUE: Final = 5_000
"""Updates that a webhook may be behind."""
TIMEOUT: Final = 10.0
"""Seconds that one attempt may take in all: an answer that only trickles in is none."""
ATTEMPTS: Final = 5
FIRST_WAIT: Final = 0.5
"""Seconds before the second attempt; each further wait is twice the one before, until an attempt succeeds."""
LONGEST_WAIT: Final = 60.0
REREAD: Final = 5.0
"""Seconds between two looks at which webhooks are registered."""
WAITING: Final = 1_000
"""Publications that may wait for it to be known whose matches they are about."""
OWNERS_KEPT: Final = 50_000
NOBODYS: Final = 30.0
"""Seconds for which a match that was nobody's is taken to be so."""
_TRANSLATED: Final = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""Addresses that stand for IPv4 ones, which may be private."""


_RESOLVING: Final = ThreadPoolExecutor(16, thread_name_prefix="webhook-names")
"""Looks names up. A slow name server holds up other webhooks at most: nothing else runs here."""


class WebhookError(Exception):
    """A webhook cannot be told; the message says why, without what is secret in its address."""


def signature(secret: bytes, body: bytes, at: int) -> str:
    """What a webhook's receiver computes too: ``t=<unix time>,v1=<HMAC-SHA256 of "time.body" in hex>``."""
    return f"t={at},v1={hmac.new(secret, b'%d.' % at + body, hashlib.sha256).hexdigest()}"


def public_address(host: str, port: int) -> str:
    """The address of a host that everybody may reach.

    Raises:
        WebhookError: it has none, or one of its addresses is private. Which of the two is not told, for else whoever
            registers webhooks could learn the names of a private network.
    """
    none = WebhookError(f"{host} has no public address (private ones need CS2_WEBHOOKS_TO_PRIVATE=true)")
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise none from error
    for text in sorted(found):
        address = ipaddress.ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not address.is_global or address.is_multicast or any(address in network for network in _TRANSLATED):
            raise none
    return min(found)


@dataclass(frozen=True)
class Target:
    """Where updates are posted.

    Attributes:
        url: http:// or https://.
        secret: signs what is posted.
        private: whether it may be an address of a private network.
        kinds: of updates that it gets; None for all.
        owner: it gets updates of this tenant's matches only; None for all.
        id: of a registered one; "" for one of the settings.
    """

    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    private: bool
    kinds: frozenset[str] | None = None
    owner: str | None = None
    id: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no web address.

        Raises:
            WebhookError: it is none.
        """
        try:
            parts = urlsplit(self.url)
            good = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
            httpx.URL(self.url)
        except (ValueError, httpx.InvalidURL):
            good = False
        if not good:
            raise WebhookError("a webhook is an http:// or https:// address")


class Register(Protocol):
    """The webhooks that owners of keys registered. Called in a thread of its own; every method may raise anything."""

    def targets(self) -> list[Target]:
        """Those to post to now."""

    def worked(self, identifier: str) -> None:
        """A post arrived."""

    def failed(self, identifier: str, reason: str) -> None:
        """Posts were given up."""

    def close(self) -> None:
        """Nothing is asked any more."""


def client() -> httpx.AsyncClient:
    """What posts are sent with: straight to the address, without redirects, proxies and cookies."""
    jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))  # a receiver must not fill our memory with cookies
    # No timeouts of its own: `post` limits the whole attempt.
    return httpx.AsyncClient(timeout=None, follow_redirects=False, trust_env=False, cookies=jar)  # noqa: S113


async def post(sender: httpx.AsyncClient, target: Target, body: bytes) -> None:
    """Post to the very address that was checked: a name may point elsewhere a moment later.

    Raises:
        WebhookError: it was not taken.
    """
    url = httpx.URL(target.url)
    try:
        async with asyncio.timeout(TIMEOUT):
            await _post(sender, target, url, body)
    except TimeoutError:
        raise WebhookError(f"{url.host} does not answer within {TIMEOUT:g} s") from None
    except WebhookError:
        raise
    except Exception as error:  # what a hostile receiver can provoke in the client must not end the deliveries
        raise WebhookError(f"{url.host} cannot be reached ({type(error).__name__})") from error


async def _post(sender: httpx.AsyncClient, target: Target, url: httpx.URL, body: bytes) -> None:
    host, port = url.host, url.port or (443 if url.scheme == "https" else 80)
    headers = {
        "content-type": "application/json",
        "host": url.netloc.decode(),
        SIGNATURE: signature(target.secret, body, int(time.time())),
    }
    if not target.private:
        loop = asyncio.get_running_loop()
        url = url.copy_with(host=await loop.run_in_executor(_RESOLVING, public_address, host, port))
    named: dict[str, Any] = {"sni_hostname": host}
    async with sender.stream("POST", url, content=body, headers=headers, extensions=named) as answered:
        if not answered.is_success:
            raise WebhookError(f"{host} answers {answered.status_code}")


def written(updates: Iterable[tuple[str, str, dict[str, Any]]], missed: int = 0) -> bytes:
    """The body of a post.

    Args:
        updates: kind, match and data of each.
        missed: updates that the receiver did not get, ever.
    """
    told = [{"kind": kind, "match_id": match_id, "data": data} for kind, match_id, data in updates]
    return msgspec.json.encode({"missed": missed, "updates": told})


class _Webhook:
    """One webhook while it is posted to; used in the courier's event loop only."""

    def __init__(self, target: Target, sender: httpx.AsyncClient, settle: Callable[..., Any]) -> None:
        self.target, self._sender, self._settle = target, sender, settle
        self._queue: asyncio.Queue[Update] = asyncio.Queue(QUEUE)
        self._wait, self._sure = FIRST_WAIT, False
        self.missed = 0
        self.task = asyncio.create_task(self._run())

    def offer(self, update: Update, owner: str | None) -> None:
        """Have an update posted, if it is for this webhook; never waits."""
        of = self.target
        if (of.kinds is not None and update.kind not in of.kinds) or (of.owner is not None and of.owner != owner):
            return
        try:
            self._queue.put_nowait(update)
        except asyncio.QueueFull:
            self.miss(1)

    def miss(self, count: int) -> None:
        """Count updates that it does not get."""
        self.missed += count
        metrics.HOOKS.labels("missed").inc(count)

    async def _run(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._tell(batch)

    async def _tell(self, batch: list[Update]) -> None:
        body = written(((one.kind, one.match_id, one.data) for one in batch), self.missed)
        for left in reversed(range(ATTEMPTS)):
            try:
                await post(self._sender, self.target, body)
            except WebhookError as error:
                reason = str(error)
            else:
                metrics.HOOKS.labels("told").inc(len(batch))
                self._wait = FIRST_WAIT
                if not self._sure:
                    self._sure = True
                    await self._settle(self.target, None)
                return
            metrics.HOOKS.labels("failed").inc()
            if not left:
                break
            await self._back_off()
        logger.warning("a webhook did not get %d updates: %s", len(batch), reason)
        self._sure = False
        self.miss(len(batch))
        await self._settle(self.target, reason)
        await self._back_off()

    async def _back_off(self) -> None:
        wait, self._wait = self._wait, min(2 * self._wait, LONGEST_WAIT)
        await asyncio.sleep(wait)


class Courier:
    """Posts updates to all webhooks, in a thread of its own.

    Args:
        targets: those of the settings.
        register: knows those that were registered.
        owners: by match, whose it is; may raise.
    """

    def __init__(
        self, targets: Sequence[Target], register: Register | None = None,
        owners: Callable[[Collection[str]], dict[str, str]] | None = None,
    ) -> None:  # fmt: skip
        self._targets, self._register, self._owners = list(targets), register, owners
        self._inbox: deque[list[Update]] = deque()
        self._known: OrderedDict[str, tuple[str | None, float]] = OrderedDict()
        self._dropped = 0
        self.webhooks: dict[Target, _Webhook] = {}
        self._come, self._over, begun = asyncio.Event(), asyncio.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(begun)), name="live-webhooks", daemon=True)
        self._thread.start()
        begun.wait()

    def offer(self, updates: Sequence[Update]) -> None:
        """Have updates posted; never waits."""
        if not updates or not (self.webhooks or self._targets):
            return
        if len(self._inbox) >= WAITING:
            self._dropped += len(updates)
            return
        self._inbox.append(list(updates))
        with suppress(RuntimeError):  # it is closed
            self._loop.call_soon_threadsafe(self._come.set)

    def close(self) -> None:
        """Stop posting."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(6)
        if self._register is not None:
            self._register.close()

    async def _run(self, begun: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        begun.set()
        async with client() as sender:
            self._follow(self._targets, sender)
            tasks = [asyncio.create_task(self._distribute()), asyncio.create_task(self._reread(sender))]
            await self._over.wait()
            tasks += [webhook.task for webhook in self.webhooks.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _reread(self, sender: httpx.AsyncClient) -> None:
        if self._register is None:
            return
        failing = False
        while True:
            try:
                self._follow([*self._targets, *await asyncio.to_thread(self._register.targets)], sender)
                failing = False
            except Exception as error:  # whatever is wrong with the records, the next look may succeed
                if not failing:
                    logger.warning("registered webhooks cannot be read, trying again: %s", error)
                failing = True
            await asyncio.sleep(REREAD)

    def _follow(self, targets: Sequence[Target], sender: httpx.AsyncClient) -> None:
        """Begin with webhooks that are new, and let go of those that are not there any more."""
        for gone in self.webhooks.keys() - set(targets):
            self.webhooks.pop(gone).task.cancel()
        for target in targets:
            if target not in self.webhooks:
                self.webhooks[target] = _Webhook(target, sender, self._settle)

    async def _settle(self, target: Target, reason: str | None) -> None:
        """Note whether a registered webhook works."""
        if self._register is None or not target.id:
            return
        try:
            if reason is None:
                await asyncio.to_thread(self._register.worked, target.id)
            else:
                await asyncio.to_thread(self._register.failed, target.id, reason)
        except Exception as error:
            logger.warning("what became of a webhook cannot be noted: %s", error)

    async def _distribute(self) -> None:
        while True:
            await self._come.wait()
            self._come.clear()
            while self._inbox:
                updates = self._inbox.popleft()
                owners = await self._whose({update.match_id for update in updates})
                dropped, self._dropped = self._dropped, 0
                for webhook in self.webhooks.values():
                    if dropped:
                        webhook.miss(dropped)
                    for update in updates:
                        webhook.offer(update, owners.get(update.match_id))

    async def _whose(self, matches: set[str]) -> dict[str, str | None]:
        """The owners of matches, as far as they are known and a webhook depends on it."""
        if self._owners is None or all(target.owner is None for target in self.webhooks):
            return {}
        now = time.monotonic()
        new = {one for one in matches if (seen := self._known.get(one)) is None or seen[1] < now}
        if new:
            try:
                found = await asyncio.to_thread(self._owners, new)
            except Exception as error:
                logger.warning("webhooks of keys do not get %d matches' updates: %s", len(new), error)
                return {one: self._known[one][0] for one in matches - new}
            for one in new:
                owner = found.get(one)
                self._known[one] = owner, float("inf") if owner else now + NOBODYS
                self._known.move_to_end(one)
        owned = {one: self._known[one][0] for one in matches}
        while len(self._known) > OWNERS_KEPT:
            self._known.popitem(last=False)
        return owned
