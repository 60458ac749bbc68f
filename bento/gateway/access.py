"""Who asks, and what for: API keys, signed-in people, the admin token, and the newcomer on the same machine.

A route says what it needs: ``caller: Annotated[Caller, Depends(allow(Scope.FORECAST))]``. With no key configured, a
newcomer on the same machine needs none; whoever comes from elsewhere, or through a proxy, always does.
"""

import hashlib
import hmac
import ipaddress
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fastapi import Request
from fastapi.security import APIKeyHeader, HTTPBearer

from bento.http.buckets import Bucket
from bento.http.problems import Problem, rate_limited, unauthorized
from cs2_pipeline.settings import Settings

FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers by which a proxy is known: behind one, everybody's address is the proxy's."""

BEARER: Final = HTTPBearer(auto_error=False, scheme_name="bearer", description="a signed-in person's token, or a key")
KEY: Final = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="key", description="a program's key")


class Scope(StrEnum):
    """What a caller may ask for."""

    PREDICT = "predict"
    FORECAST = "forecast"
    LIVE_READ = "live:read"
    LIVE_WRITE = "live:write"
    ADMIN = "admin"


EVERYDAY: Final = frozenset(Scope) - {Scope.ADMIN}
"""What needs no administrator."""


@dataclass(frozen=True)
class Caller:
    """Who asks: a name for logs and the ledger, and the scopes. `user_id` is set for signed-in people."""

    name: str
    scopes: frozenset[Scope]
    user_id: str | None = None


NEWCOMER: Final = Caller("local", EVERYDAY)
ADMINISTRATOR: Final = Caller("admin-token", frozenset(Scope))


class Access:
    """The keys and the token of the gateway."""

    def __init__(self, settings: Settings) -> None:
        keys = settings.api_keys.get_secret_value() if settings.api_keys else ""
        digests = {entry.strip().lower() for entry in keys.split(",") if entry.strip()}
        self._configured = {digest: Bucket(settings.api_key_rate) for digest in digests}
        self._token = settings.admin_token.get_secret_value() if settings.admin_token else ""

    async def caller(self, request: Request) -> Caller:
        """Who sent a request.

        Raises:
            Problem: 401 without a known credential where one is needed, 429 when a key asks too often.
        """
        sent = credential(request.headers)
        if not sent:
            if not self._configured and on_this_machine(request):
                return NEWCOMER
            raise unauthorized("send a key as X-API-Key or Authorization: Bearer; `cs2 keys create` makes one")
        if self._token and hmac.compare_digest(sent.encode(), self._token.encode()):
            return ADMINISTRATOR
        digest = hashlib.sha256(sent.encode()).hexdigest()
        bucket = self._configured.get(digest)
        if bucket is None:
            raise unauthorized("this key or token is not known, or not any more")
        if wait := bucket.take():
            raise rate_limited(math.ceil(wait))
        return Caller(f"key:{digest[:8]}", EVERYDAY)


def allow(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that lets callers with a scope pass, and hands on who they are."""

    async def caller(request: Request) -> Caller:
        found: Caller = await request.app.state.access.caller(request)
        if scope not in found.scopes:
            raise forbidden(scope)
        return found

    return caller


def forbidden(scope: Scope) -> Problem:
    """403: known, but not allowed this."""
    return Problem(403, "forbidden", "Not allowed", f"this needs a key with the scope {scope}")


def credential(headers: Mapping[str, str]) -> str:
    """The key or token that a request carries; empty without one."""
    if key := headers.get("x-api-key"):
        return key.strip()
    scheme, _, value = headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def on_this_machine(request: Request) -> bool:
    """Whether a request comes from this machine and from nobody else through it.

    A page of another site open in a browser here is somebody else: browsers tell by `Origin` and `Sec-Fetch-Site`. So
    is a name that somebody else's name server points at this machine: then `Host` is not a name of it.
    """
    headers = request.headers
    if request.client is None or not _is_loopback(request.client.host):
        return False
    if any(name in headers for name in FORWARDED) or headers.get("sec-fetch-site") == "cross-site":
        return False
    origin = headers.get("origin", "")
    hosts = [headers.get("host", ""), origin.partition("://")[2]] if origin else [headers.get("host", "")]
    return all(_is_loopback(_without_port(host)) for host in hosts)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
