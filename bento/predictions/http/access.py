"""Who may ask: API keys with a rate each, and the admin token.

Only SHA-256 digests of API keys are known here, so neither settings nor memory give a key away.
"""

import asyncio
import hashlib
import hmac
import logging
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from bento.http.problems import closed, forbidden, no_records, rate_limited, unauthorized
from cs2_pipeline.records.buckets import Bucket, SharedBucket, TooOftenError
from cs2_pipeline.settings import Settings

if TYPE_CHECKING:
    from cs2_pipeline.records.keys import KeyRing

logger = logging.getLogger("bentoml.predictions")

SCOPE: Final = "predict"
INTERVAL: Final = 2.0
"""Seconds between two looks at the records' keys."""

Headers = Iterable[tuple[bytes, bytes]]


class Access:
    """The keys and the token of a service: those that the settings name, and those of the platform's records.

    Attributes:
        unread: whether there are records that could not be read yet, so that nobody knows whether a key is needed.
    """

    def __init__(self, settings: Settings) -> None:
        keys = settings.api_keys.get_secret_value() if settings.api_keys else ""
        digests = [entry.strip().lower() for entry in keys.split(",") if entry.strip()]
        if any(len(digest) != 64 or set(digest) - set("0123456789abcdef") for digest in digests):
            raise ValueError(
                "CS2_API_KEYS holds something that is not a SHA-256 hex digest. Make one for a key with: "
                "printf %s KEY | sha256sum"
            )
        # Connections stick to one worker: the workers count together.
        self._shared = settings.champion_cache / "rates" if settings.service_workers > 1 else None
        rate = settings.api_key_rate
        self._buckets = {
            digest: Bucket(rate) if self._shared is None else SharedBucket(self._shared / digest, rate)
            for digest in digests
        }
        self._token = settings.admin_token.get_secret_value() if settings.admin_token else ""
        self._settings = settings
        self._ring: KeyRing | None = None
        self.unread = settings.has_records()

    @property
    def open(self) -> bool:
        """Whether no key is needed: none was configured, and none ever made that may ask for predictions."""
        return not self._buckets and not self.unread and (self._ring is None or SCOPE not in self._ring.needed_for)

    async def follow_records(self) -> None:
        """Read the records' keys anew every few seconds, as soon as there are records, until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self._look)
            except Exception:
                # Whatever is wrong, keys must not stay as they are for good: one may have been revoked.
                logger.exception("looking at the records' keys failed")
            await asyncio.sleep(INTERVAL)

    def _look(self) -> None:
        if self._ring is None and self._settings.has_records():
            # SQLAlchemy is needed by nobody else here, and takes a while to import.
            from cs2_pipeline.records.database import Records, RecordsError  # noqa: PLC0415
            from cs2_pipeline.records.keys import KeyRing  # noqa: PLC0415

            records = Records(self._settings.resolved_records_url())
            try:
                made = records.revision() is not None
            except RecordsError as error:
                logger.warning("the keys could not be read from the records yet: %s", error)
                records.close()
                return
            if not made:  # the gateway is just making them
                self.unread = False
                records.close()
                return
            self._ring = KeyRing(records, self._shared)
        if self._ring is not None:
            self._ring.refresh()
            self.unread = self.unread and self._ring.complaint is not None

    def admit(self, headers: Headers) -> None:
        """Let a request for predictions pass.

        Raises:
            Problem: 401 without a known key, 429 when the key asks too often, 503 before the keys could be read.
        """
        if self.open:
            return
        # Looking up a digest tells nothing about a key by its timing: nobody can choose a digest bit by bit.
        digest = hashlib.sha256(_credential(headers)).hexdigest()
        if (bucket := self._buckets.get(digest)) is None:
            if self._ring is not None and self._of_records(self._ring, digest):
                return
            if self.unread:
                raise no_records()
            raise unauthorized("send a known key as X-API-Key or Authorization: Bearer")
        if wait := bucket.take():
            raise rate_limited(math.ceil(wait))

    def owe(self, headers: Headers, count: int) -> None:
        """Count what a batch holds beside the one that `admit` counted; the next request waits until it is paid off."""
        if self.open or count <= 0:
            return
        digest = hashlib.sha256(_credential(headers)).hexdigest()
        if (bucket := self._buckets.get(digest)) is not None:
            bucket.owe(count)
        elif self._ring is not None:
            self._ring.owe(digest, count)

    def _of_records(self, ring: "KeyRing", digest: str) -> bool:
        try:
            key = ring.admit(digest)
        except TooOftenError as error:
            raise rate_limited(math.ceil(error.wait), daily=error.daily) from None
        if key is not None and SCOPE not in key.scopes:
            raise forbidden(SCOPE)
        return key is not None

    def admit_admin(self, headers: Headers) -> None:
        """Let an admin request pass.

        Raises:
            Problem: 403 when the service has no token, 401 without the right one.
        """
        if not self._token:
            raise closed()
        if not self.is_admin(headers):
            raise unauthorized("send the admin token as Authorization: Bearer")

    def is_admin(self, headers: Headers) -> bool:
        """Whether a request carries the admin token."""
        return bool(self._token) and hmac.compare_digest(_credential(headers), self._token.encode())


def _credential(headers: Headers) -> bytes:
    given = dict(headers)
    if b"x-api-key" in given:
        return given[b"x-api-key"]
    scheme, _, credential = given.get(b"authorization", b"").partition(b" ")
    return credential.strip() if scheme.lower() == b"bearer" else b""
