"""Accounts: register, sign in, stay signed in, sign out, and sign in through Steam.

An access token is answered; the refresh token is a cookie that scripts cannot read and other sites cannot send.
"""

import asyncio
import contextlib
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import AfterValidator, Field, SecretStr

from bento.gateway import steam
from bento.gateway.access import SESSION, Caller, signed_in
from bento.gateway.http.wire import Wire, answer
from bento.gateway.routers.coaching import GAMES
from bento.http.problems import Problem, rate_limited, unauthorized
from cs2_pipeline.records import accounts
from cs2_pipeline.records.accounts import SESSION_LIFE, Session, User
from cs2_pipeline.records.tokens import TOKEN_LIFE

router: Final = APIRouter(prefix="/auth", tags=["accounts"])

COOKIE: Final = "cs2_refresh"
STEAM_COOKIE: Final = "cs2_steam"
Username = Annotated[str, Field(min_length=3, max_length=32, pattern=r"^[A-Za-z0-9_.-]+$")]


def _unicode(password: SecretStr) -> SecretStr:
    """JSON can hold half a surrogate pair, which is no character and cannot be hashed."""
    if any("\ud800" <= character <= "\udfff" for character in password.get_secret_value()):
        raise ValueError("must be Unicode, without half a surrogate pair")
    return password


Secret = Annotated[SecretStr, AfterValidator(_unicode)]
Password = Annotated[Secret, Field(min_length=10, max_length=200, description="at least 10 characters")]
Email = Annotated[str, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


class Registration(Wire):
    """Who wants an account."""

    username: Username
    email: Email
    password: Password


class Registered(Wire):
    """The same whether or not the name and the address were free."""

    status: Literal["registered, unless the name or the address was taken: sign in"]


class Credentials(Wire):
    """Who signs in."""

    username: Annotated[str, Field(min_length=1, max_length=320, description="or the e-mail address")]
    password: Annotated[Secret, Field(min_length=1, max_length=200)]


class Token(Wire):
    """An access token, to be sent as `Authorization: Bearer`."""

    access_token: str
    token_type: Literal["bearer"]
    expires_in: int


class Me(Wire):
    """The account of who asks."""

    id: str
    username: str
    email: str | None
    steam_id: str | None
    is_admin: bool


@router.post("/register", status_code=202, response_model=Registered)
async def register(request: Request, body: Registration) -> Response:
    """Make an account."""
    limit(request)
    password = body.password.get_secret_value()
    async with request.app.state.access.hashing:
        await asyncio.to_thread(accounts.register, request.app.state.records, body.username, body.email, password)
    shown = Registered(status="registered, unless the name or the address was taken: sign in")
    return await answer(request, shown, 202)


@router.post("/login", response_model=Token)
async def login(request: Request, body: Credentials) -> Response:
    """Sign in."""
    limit(request, body.username)
    records, password = request.app.state.records, body.password.get_secret_value()
    async with request.app.state.access.hashing:
        user = await asyncio.to_thread(accounts.authenticate, records, body.username, password)
    if user is None:
        raise unauthorized("the name or the password is wrong")
    return await _opened(request, await asyncio.to_thread(accounts.open_session, records, user))


@router.post("/refresh", response_model=Token)
async def refresh(request: Request) -> Response:
    """Another access token, for the refresh token in the cookie, which is replaced."""
    limit(request)
    sent = request.cookies.get(COOKIE, "")
    try:
        session = await asyncio.to_thread(accounts.keep_alive, request.app.state.records, sent)
    except accounts.SessionEndedError:
        raise unauthorized("this session has ended: sign in again") from None
    return await _opened(request, session)


@router.post("/logout", status_code=204)
async def logout(request: Request) -> Response:
    """End the session of the cookie, or of the access token."""
    records = request.app.state.records
    found = await asyncio.to_thread(accounts.session_of, records, request.cookies.get(COOKIE, ""))
    session_id = found[0] if found else None
    with contextlib.suppress(Problem):
        session_id = (await signed_in(request)).session_id
    if session_id is not None:
        await asyncio.to_thread(accounts.end_session, records, session_id)
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/auth")
    response.delete_cookie(SESSION, path="/")
    return response


@router.get("/me", response_model=Me)
async def me(request: Request, caller: Annotated[Caller, Depends(signed_in)]) -> Response:
    """The account of who asks."""
    user = caller.user
    assert user is not None  # noqa: S101  `signed_in` lets nobody else pass
    shown = Me(id=user.id, username=user.username, email=user.email, steam_id=user.steam_id, is_admin=user.is_admin)
    return await answer(request, shown)


@router.delete("/me", status_code=204)
async def forget(request: Request, caller: Annotated[Caller, Depends(signed_in)]) -> Response:
    """Delete the account of who asks, with its sessions, uploads, plans and keys.

    The ledger keeps its forecasts: it
    names nobody.
    """
    assert caller.user is not None  # noqa: S101  `signed_in` lets nobody else pass
    return await forgotten(request, caller.user, Response(status_code=204))


async def forgotten(request: Request, user: User, response: Response) -> Response:
    """The response after an account was deleted, which also clears its cookies."""
    players = [(game.name, f"{game.steam}{user.steam_id}") for game in GAMES if user.steam_id is not None]
    await asyncio.to_thread(accounts.forget, request.app.state.records, user, players)
    response.delete_cookie(COOKIE, path="/auth")
    response.delete_cookie(SESSION, path="/")
    return response


@router.get("/steam", status_code=303)
async def to_steam(request: Request) -> Response:
    """Go to Steam: to link the SteamID to the account of the session, or to sign in with it."""
    limit(request)
    user = await _session_user(request)
    records = request.app.state.records
    state = await asyncio.to_thread(accounts.begin_steam, records, user.id if user else None)
    response = RedirectResponse(steam.address(request, state), 303)
    response.set_cookie(
        STEAM_COOKIE, state, max_age=600, path="/auth/steam", httponly=True, samesite="lax", secure=secure(request)
    )
    return response


@router.get("/steam/return", status_code=303)
async def from_steam(request: Request) -> Response:
    """Come back from Steam."""
    limit(request)
    state = request.query_params.get("state", "")
    if not state or request.cookies.get(STEAM_COOKIE) != state:
        raise unauthorized("this sign-in was not started in this browser, or too long ago: start again at /auth/steam")
    proven = await steam.verify(request, state)
    records = request.app.state.records
    try:
        user = await asyncio.to_thread(accounts.finish_steam, records, state, proven.nonce, proven.steam_id)
    except accounts.SteamTakenError:
        raise Problem(
            409, "steam_taken", "Linked already", "this SteamID belongs to another account; sign in with it there"
        ) from None
    if user is None:
        raise unauthorized("this sign-in was already completed, or started too long ago: start again at /auth/steam")
    session = await asyncio.to_thread(accounts.open_session, records, user)
    response = RedirectResponse("/", 303)
    response.delete_cookie(STEAM_COOKIE, path="/auth/steam")
    _keep(request, response, session)
    keep_on_pages(request, response, await asyncio.to_thread(accounts.another_token, records, session.id))
    return response


async def _session_user(request: Request) -> User | None:
    with contextlib.suppress(Problem):
        return (await signed_in(request)).user
    sent = request.cookies.get(COOKIE, "")
    found = await asyncio.to_thread(accounts.session_of, request.app.state.records, sent)
    return found[1] if found else None


async def _opened(request: Request, session: Session) -> Response:
    signer = request.app.state.access.signer
    token = await asyncio.to_thread(signer.issue, session.user.id, session.id)
    expires_in = int(TOKEN_LIFE.total_seconds())
    shown = Token(access_token=token, token_type="bearer", expires_in=expires_in)  # noqa: S106  no secret
    response = await answer(request, shown, headers={"cache-control": "no-store"})
    _keep(request, response, session)
    return response


def _keep(request: Request, response: Response, session: Session) -> None:
    life = int(SESSION_LIFE.total_seconds())
    options: dict[str, Any] = {"path": "/auth", "httponly": True, "samesite": "strict", "secure": secure(request)}
    response.set_cookie(COOKIE, session.refresh_token, max_age=life, **options)


def keep_on_pages(request: Request, response: Response, token: str) -> None:
    """Let the pages know a session by one of its tokens. Links from elsewhere open them signed in, forms do not."""
    life = int(SESSION_LIFE.total_seconds())
    options: dict[str, Any] = {"path": "/", "httponly": True, "samesite": "lax", "secure": secure(request)}
    response.set_cookie(SESSION, token, max_age=life, **options)


def secure(request: Request) -> bool:
    """Whether browsers reach the gateway over TLS, so that cookies need never go without."""
    public: str = request.app.state.settings.public_url or str(request.base_url)
    return public.startswith("https:")


def limit(request: Request, name: str | None = None) -> None:
    """Count a try.

    Raises:
        Problem: 429, there were too many from this address or for this name.
    """
    address = request.client.host if request.client else "nowhere"
    access = request.app.state.access
    wait = access.address_tries.take(address) or (access.name_tries.take(name.casefold()) if name else 0.0)
    if wait:
        problem = rate_limited(int(wait) + 1)
        problem.title = "Too many tries"
        raise problem
