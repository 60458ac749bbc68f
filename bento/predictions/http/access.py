"""Who may ask: API keys with a rate each, and the admin token.

Only SHA-256 digests of API keys are known here, so neither settings nor memory give a key away.
"""

import hashlib
import hmac
import math
from collections.abc import Iterable

from bento.http.buckets import Bucket
from bento.http.problems import closed, rate_limited, unauthorized
from cs2_pipeline.settings import Settings

Headers = Iterable[tuple[bytes, bytes]]


class Access:
    """The keys and the token of a service."""

    def __init__(self, settings: Settings) -> None:
        keys = settings.api_keys.get_secret_value() if settings.api_keys else ""
        digests = [entry.strip().lower() for entry in keys.split(",") if entry.strip()]
        if any(len(digest) != 64 or set(digest) - set("0123456789abcdef") for digest in digests):
            raise ValueError(
                "CS2_API_KEYS holds something that is not a SHA-256 hex digest. Make one for a key with: "
                "printf %s KEY | sha256sum"
            )
        # Each worker counts for itself, so each gives its share of the rate.
        self._buckets = {digest: Bucket(settings.api_key_rate / settings.service_workers) for digest in digests}
        self._token = settings.admin_token.get_secret_value() if settings.admin_token else ""
        self.open = not digests

    def admit(self, headers: Headers) -> None:
        """Let a request for predictions pass.

        Raises:
            Problem: 401 without a known key, 429 when the key asks too often.
        """
        if self.open:
            return
        # Looking up a digest tells nothing about a key by its timing: nobody can choose a digest bit by bit.
        bucket = self._buckets.get(hashlib.sha256(_credential(headers)).hexdigest())
        if bucket is None:
            raise unauthorized("send a known key as X-API-Key or Authorization: Bearer")
        if wait := bucket.take():
            raise rate_limited(math.ceil(wait))

    def admit_admin(self, headers: Headers) -> None:
        """Let an admin request pass.

        Raises:
            Problem: 403 when the service has no token, 401 without the right one.
        """
        if not self._token:
            raise closed()
        sent = _credential(headers)
        if not hmac.compare_digest(sent, self._token.encode()):
            raise unauthorized("send the admin token as Authorization: Bearer")


def _credential(headers: Headers) -> bytes:
    given = dict(headers)
    if b"x-api-key" in given:
        return given[b"x-api-key"]
    scheme, _, credential = given.get(b"authorization", b"").partition(b" ")
    return credential.strip() if scheme.lower() == b"bearer" else b""
