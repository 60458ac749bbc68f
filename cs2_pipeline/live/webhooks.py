"""Live updates posted to webhooks: signed, in batches, never to private addresses unless allowed, nobody waited for.

What a webhook does not take after `ATTEMPTS` is given up; the history has it. A hook that is too slow loses the newest
updates, and is told how many: its `missed` counts them.
"""

import hashlib
import hmac
import ipaddress
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final
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
TIMEOUT: Final = 5.0
"""Seconds that one attempt may take to connect, and again to be answered."""
ATTEMPTS: Final = 5
FIRST_WAIT: Final = 0.5
"""Seconds before the second attempt; each further wait is twice the one before."""
_TRANSLATED: Final = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""Addresses that stand for IPv4 ones, which may be private."""


class WebhookError(Exception):
    """A webhook cannot be told; the message says why, without what is secret in its address."""


def signature(secret: bytes, body: bytes, at: int) -> str:
    """What a webhook's receiver computes too: ``t=<unix time>,v1=<HMAC-SHA256 of "time.body" in hex>``."""
    return f"t={at},v1={hmac.new(secret, b'%d.' % at + body, hashlib.sha256).hexdigest()}"


def public_address(host: str, port: int) -> str:
    """The address of a host that everybody may reach.

    Raises:
        WebhookError: it has none, or one of its addresses is private.
    """
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError) as error:
        raise WebhookError(f"{host} has no address") from error
    for text in sorted(found):
        address = ipaddress.ip_address(text.partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not address.is_global or address.is_multicast or any(address in network for network in _TRANSLATED):
            raise WebhookError(f"{host} is a private address ({text}); CS2_WEBHOOKS_TO_PRIVATE=true allows it")
    return min(found)


class Webhook:
    """One address, told by a thread of its own.

    Args:
        url: http:// or https://.
        secret: signs what is posted.
        private: whether it may be an address of a private network.
    """

    def __init__(self, url: str, secret: bytes, *, private: bool) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise WebhookError("a webhook is an http:// or https:// address")
        self._url, self._secret, self._private = httpx.URL(url), secret, private
        self._queue: queue.Queue[Update] = queue.Queue(QUEUE)
        self._stop = threading.Event()
        self._missed = 0
        self._client = httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False)
        self._thread = threading.Thread(target=self._run, name="live-webhook", daemon=True)
        self._thread.start()

    def offer(self, updates: Sequence[Update]) -> None:
        """Have updates posted; never waits."""
        for update in updates:
            try:
                self._queue.put_nowait(update)
            except queue.Full:
                self._miss(1)

    def close(self) -> None:
        """Stop telling."""
        self._stop.set()
        self._thread.join(6)
        self._client.close()

    def _miss(self, count: int) -> None:
        self._missed += count
        metrics.HOOKS.labels("missed").inc(count)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                batch = [self._queue.get(timeout=0.5)]
            except queue.Empty:
                continue
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            self._tell(batch)

    def _tell(self, batch: list[Update]) -> None:
        updates = [{"kind": one.kind, "match_id": one.match_id, "data": one.data} for one in batch]
        body = msgspec.json.encode({"missed": self._missed, "updates": updates})
        wait = FIRST_WAIT
        for left in reversed(range(ATTEMPTS)):
            try:
                self._post(body)
            except WebhookError as error:
                metrics.HOOKS.labels("failed").inc()
                if not left or self._stop.wait(wait):
                    logger.warning("a webhook did not get %d updates: %s", len(batch), error)
                    break
                wait *= 2
            else:
                metrics.HOOKS.labels("told").inc(len(batch))
                return
        self._miss(len(batch))

    def _post(self, body: bytes) -> None:
        """Post to the very address that was looked at: a name may point elsewhere a moment later."""
        host = self._url.host
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        url = self._url if self._private else self._url.copy_with(host=public_address(host, port))
        headers = {
            "content-type": "application/json",
            "host": self._url.netloc.decode(),
            SIGNATURE: signature(self._secret, body, int(time.time())),
        }
        try:
            with self._client.stream(
                "POST", url, content=body, headers=headers, extensions={"sni_hostname": host}
            ) as answered:
                if not answered.is_success:
                    raise WebhookError(f"{host} answers {answered.status_code}")
        except httpx.HTTPError as error:
            raise WebhookError(f"{host} cannot be reached ({type(error).__name__})") from error


class Told:
    """Publishes to subscribers, and to webhooks beside them.

    Args:
        publish: tells the subscribers.
        hooks: who else is told.
    """

    def __init__(self, publish: Callable[[list[Update]], None], hooks: Sequence[Webhook]) -> None:
        self._publish, self._hooks = publish, hooks

    def __call__(self, updates: list[Update]) -> None:
        """Tell everybody."""
        self._publish(updates)
        for hook in self._hooks:
            hook.offer(updates)

    def close(self) -> None:
        """Stop telling the webhooks."""
        for hook in self._hooks:
            hook.close()
