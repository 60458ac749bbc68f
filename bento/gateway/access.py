"""Who asks, and what for: API keys, signed-in people, the admin token, and the newcomer on the same machine.

A route says what it needs: ``caller: Annotated[Caller, Depends(allow(Scope.FORECAST))]``. With no key configured, a
newcomer on the same machine needs none; whoever comes from elsewhere, or through a proxy, always does. Who signed in on
a page is known by its session cookie, which opens nothing that changes anything without the token of its forms.
"""

import asyncio
import hmac
import ipaddress
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from fastapi import Request
from fastapi.security import APIKeyHeader, HTTPBearer

from bento.http.problems import Problem, forbidden, rate_limited, unauthorized
from cs2_pipeline.records import accounts, keys
from cs2_pipeline.records.accounts import User
from cs2_pipeline.records.buckets import Bucket, Limits, TooOftenError
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.keys import KeyRing
from cs2_pipeline.records.tokens import Signer, TokenError
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
    UPLOAD = "upload"
    ADMIN = "admin"


EVERYDAY: Final = frozenset(Scope) - {Scope.ADMIN}
"""What needs no administrator."""
PEOPLE: Final = EVERYDAY - {Scope.LIVE_WRITE}
"""What signed-in people may do: events are sent by programs."""
PERSON_RATE: Final = 20.0
REREAD_SECONDS: Final = 0.5
"""The keys are read again at most this often, however many unknown ones are tried."""
SESSION: Final = "cs2_session"
"""The cookie of who signed in on a page: scripts cannot read it, and other sites' forms and scripts cannot send it."""
CSRF_HEADER: Final = "x-csrf-token"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
UNKNOWN: Final = "this key or token is not known, or not any more"


@dataclass(frozen=True)
class Caller:
    """Who asks: a name for logs, and the scopes.

    Attributes:
        user, session_id: of signed-in people.
        key_id: of a key of the records.
        owner: the account that such a key acts for, if any.
    """

    name: str
    scopes: frozenset[Scope]
    user: User | None = None
    session_id: str | None = None
    key_id: str | None = None
    owner: User | None = None


NEWCOMER: Final = Caller("local", EVERYDAY)
ADMINISTRATOR: Final = Caller("admin-token", frozenset(Scope))


class Access:
    """The keys, tokens and people that the gateway knows, and how often they may try.

    Attributes:
        signer: of access tokens, once there are records.
        name_tries: sign-ins tried for one name: ten at once, then one every ten seconds.
        address_tries: sign-ins and registrations tried from one address.
        hashing: passwords hashed at once; each takes 64 MB.
    """

    def __init__(self, settings: Settings) -> None:
        given = settings.api_keys.get_secret_value() if settings.api_keys else ""
        digests = {entry.strip().lower() for entry in given.split(",") if entry.strip()}
        self._configured = {digest: Bucket(settings.api_key_rate) for digest in digests}
        self._token = settings.admin_token.get_secret_value() if settings.admin_token else ""
        self._people = Limits(PERSON_RATE)
        self._reread_at = -math.inf
        self._next_reading: asyncio.Task[None] | None = None
        self._records: Records | None = None
        self._ring: KeyRing | None = None
        self.signer: Signer | None = None
        self.name_tries = Limits(rate=0.1, most=10)
        self.address_tries = Limits(rate=1, most=30)
        self.hashing = asyncio.Semaphore(2)

    def use(self, records: Records) -> KeyRing:
        """Know the keys and people of the records, too."""
        self._records, self._ring, self.signer = records, KeyRing(records), Signer(records)
        self._ring.refresh()
        return self._ring

    async def caller(self, request: Request) -> Caller:
        """Who sent a request.

        Raises:
            Problem: 401 without a known credential where one is needed, 429 when it asks too often.
        """
        found = await self._caller(request)
        request.state.caller = found
        return found

    async def _caller(self, request: Request) -> Caller:
        sent = credential(request.headers)
        if not sent:
            if (session := request.cookies.get(SESSION)) and (person := await self._of_cookie(request, session)):
                return person
            key_made = self._ring is not None and bool(self._ring.needed_for)
            if not self._configured and not key_made and on_this_machine(request):
                return NEWCOMER
            raise unauthorized("send a key as X-API-Key or Authorization: Bearer; `cs2 keys create` makes one")
        if self._token and hmac.compare_digest(sent.encode(), self._token.encode()):
            return ADMINISTRATOR
        if sent.startswith(keys.PREFIX):
            return await self._program(keys.digest(sent))
        if (bucket := self._configured.get(digest := keys.digest(sent))) is not None:
            if wait := bucket.take():
                raise rate_limited(math.ceil(wait))
            return Caller(f"key:{digest[:8]}", EVERYDAY)
        return await self._person(sent)

    async def _program(self, digest: str) -> Caller:
        if self._ring is None or self._records is None:
            raise unauthorized(UNKNOWN)
        try:
            key = self._ring.admit(digest)
            if key is None:  # it may have been made a moment ago
                await self._read_again(self._ring)
                key = self._ring.admit(digest)
        except TooOftenError as error:
            raise rate_limited(math.ceil(error.wait), daily=error.daily) from None
        if key is None:
            raise unauthorized(UNKNOWN)
        owner = None
        if key.user_id is not None:
            owner = await asyncio.to_thread(accounts.user, self._records, key.user_id)
            if owner is None:
                raise unauthorized("the account that this key acts for is closed")
        return Caller(f"key:{key.id}", frozenset(map(Scope, key.scopes)), key_id=key.id, owner=owner)

    async def _read_again(self, ring: KeyRing) -> None:
        """Wait for the next reading of the keys; everybody who comes before it begins waits for the same one."""
        if self._next_reading is None:
            self._next_reading = asyncio.create_task(self._read_when_due(ring))
        await asyncio.shield(self._next_reading)

    async def _read_when_due(self, ring: KeyRing) -> None:
        try:
            await asyncio.sleep(max(0.0, self._reread_at + REREAD_SECONDS - time.monotonic()))
        finally:
            self._next_reading, self._reread_at = None, time.monotonic()
        await asyncio.to_thread(ring.refresh)

    async def _person(self, token: str) -> Caller:
        if self._records is None or self.signer is None:
            raise unauthorized(UNKNOWN)
        try:
            claims = await asyncio.to_thread(self.signer.read, token)
        except TokenError as error:
            raise unauthorized(str(error)) from None
        user = await asyncio.to_thread(accounts.session_user, self._records, claims.session_id)
        if user is None or user.id != claims.user_id:
            raise unauthorized("this session has ended: sign in again")
        if wait := self._people.take(user.id):
            raise rate_limited(math.ceil(wait))
        return _person(user, claims.session_id)

    async def _of_cookie(self, request: Request, session: str) -> Caller | None:
        """Who signed in on a page; None where the session has ended.

        Raises:
            Problem: 403, the request changes something and was not made by one of our pages; 429, too many.
        """
        if self._records is None:
            return None
        found = await asyncio.to_thread(accounts.session_of, self._records, session)
        if found is None:
            return None
        if request.scope.get("method") not in READING and not _made_here(request, session):
            raise Problem(
                403,
                "csrf",
                "Not sent by one of our pages",
                "the request lacks the token that our pages send: reload the page",
            )
        session_id, user = found
        if wait := self._people.take(user.id):
            raise rate_limited(math.ceil(wait))
        return _person(user, session_id)


def _person(user: User, session_id: str) -> Caller:
    return Caller(f"user:{user.id}", frozenset(Scope) if user.is_admin else PEOPLE, user, session_id)


def csrf_token(session: str) -> str:
    """The token that forms of a session carry. Who has it has seen one of our pages with that session's cookie."""
    return hmac.new(session.encode(), b"forms", "sha256").hexdigest()


def _made_here(request: Request, session: str) -> bool:
    """Whether one of our pages made a request: it sends the session's token, from our own address."""
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    if origin and origin.partition("://")[2] != host:
        return False
    if request.scope["type"] == "websocket":  # it cannot carry headers: only its origin tells
        return bool(origin)
    return hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), csrf_token(session).encode())


async def signed_in(request: Request) -> Caller:
    """A dependency that lets signed-in people pass, and hands on who they are."""
    found: Caller = await request.app.state.access.caller(request)
    if found.user is None:
        raise unauthorized("this needs an account: sign in at /sign-in, or with POST /auth/login")
    return found


async def sending(request: Request) -> User:
    """A dependency that hands on the account whose uploads are meant: of who signed in, or of a key for uploads."""
    found: Caller = await request.app.state.access.caller(request)
    account = found.user or (found.owner if Scope.UPLOAD in found.scopes else None)
    if account is None:
        raise unauthorized(
            "uploads belong to an account: sign in at /sign-in or with POST /auth/login, or send a key of one with the "
            "scope upload"
        )
    return account


async def known(request: Request) -> Caller:
    """A dependency that lets everybody pass who may ask for anything at all."""
    found: Caller = await request.app.state.access.caller(request)
    return found


def allow(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """A dependency that lets callers with a scope pass, and hands on who they are."""

    async def caller(request: Request) -> Caller:
        found: Caller = await request.app.state.access.caller(request)
        if scope not in found.scopes:
            raise forbidden(scope)
        return found

    return caller


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


@lru_cache(maxsize=256)
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
