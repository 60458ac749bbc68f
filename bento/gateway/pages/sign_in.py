"""Signing in on a page: a session in a cookie that scripts cannot read, and forms that only our pages can send.

Before anybody is signed in a form is tied to its page by a cookie of its own, which other sites can neither read nor
send; afterwards by the session's token (`access.csrf_token`).
"""

import asyncio
import hmac
import secrets
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from bento.gateway.access import SESSION, Caller, csrf_token, signed_in
from bento.gateway.pages.site import page
from bento.gateway.routers.auth import Credentials, Registration, forgotten, keep_on_pages, limit, secure
from bento.http.problems import WRONG as WRONG_VALUES
from bento.http.problems import FieldError, Problem, bad_values, unauthorized
from cs2_pipeline.records import accounts
from cs2_pipeline.records.accounts import User

router: Final = APIRouter(include_in_schema=False)

FORM: Final = "cs2_form"
"""The cookie that ties a form to the page it was loaded with."""
FORM_SECONDS: Final = 3600
MOST_FIELDS: Final = 20
WRONG: Final = "The name or the password is wrong."
REGISTERED: Final = "Registered, unless the name or the address was taken. Sign in."
STALE: Final = "This form was not loaded in this browser, or too long ago. Try again."


@router.get("/sign-in")
async def sign_in_page(request: Request) -> Response:
    """The forms."""
    return _forms(request, _local(request.query_params.get("next", "/")))


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Begin a session."""
    sent, goal = await _sent(request)
    if not _own_form(request, sent):
        return _forms(request, goal, STALE, status=403)
    try:
        wanted = Credentials.model_validate({name: sent.get(name, "") for name in ("username", "password")})
    except ValidationError:
        return _forms(request, goal, WRONG, status=401)
    limit(request, wanted.username)
    records, password = request.app.state.records, wanted.password.get_secret_value()
    async with request.app.state.access.hashing:
        user: User | None = await asyncio.to_thread(accounts.authenticate, records, wanted.username, password)
    if user is None:
        return _forms(request, goal, WRONG, status=401)
    response = RedirectResponse(goal, 303)
    response.delete_cookie(FORM, path="/")
    session = await asyncio.to_thread(accounts.open_session, records, user)
    keep_on_pages(request, response, session.refresh_token)
    return response


@router.post("/register")
async def register(request: Request) -> Response:
    """Make an account; the answer does not tell whether the name was free."""
    sent, goal = await _sent(request)
    if not _own_form(request, sent):
        return _forms(request, goal, STALE, status=403)
    limit(request)
    try:
        wanted = Registration.model_validate({name: sent.get(name, "") for name in ("username", "email", "password")})
    except ValidationError as error:
        wrong = ", ".join(sorted({str(one["loc"][0]) for one in error.errors()}))
        return _forms(request, goal, f"This cannot be an account: look at {wrong}.", status=422)
    password = wanted.password.get_secret_value()
    async with request.app.state.access.hashing:
        await asyncio.to_thread(accounts.register, request.app.state.records, wanted.username, wanted.email, password)
    return _forms(request, goal, REGISTERED, failed=False)


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """End the session.

    Raises:
        Problem: 403, the form is not one of this session's.
    """
    _, session = await _own_session(request)
    records = request.app.state.records
    found = await asyncio.to_thread(accounts.session_of, records, session)
    if found is not None:
        await asyncio.to_thread(accounts.end_session, records, found[0])
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(SESSION, path="/")
    return response


@router.get("/account")
async def account(request: Request, _: Annotated[Caller, Depends(signed_in)]) -> Response:
    """What is known of whoever is signed in, and how to have it deleted."""
    return page(request, "account.html", mistyped="confirm" in request.query_params)


@router.post("/account/delete")
async def delete_account(request: Request) -> Response:
    """Delete the account, once its name was typed.

    Raises:
        Problem: 403, the form is not one of this session's; 401, the session has ended.
    """
    sent, session = await _own_session(request)
    found = await asyncio.to_thread(accounts.session_of, request.app.state.records, session)
    if found is None:
        raise unauthorized("this session has ended: sign in again")
    user = found[1]
    if sent.get("username", "").casefold() != user.username.casefold():
        return RedirectResponse("/account?confirm=wrong", 303)
    return await forgotten(request, user, RedirectResponse("/sign-in", 303))


async def _own_session(request: Request) -> tuple[dict[str, str], str]:
    """The fields of a form that a page of this session sent, and the session."""
    sent, _ = await _sent(request)
    session = request.cookies.get(SESSION, "")
    if not hmac.compare_digest(sent.get("csrf", "").encode(), csrf_token(session).encode()):
        raise Problem(403, "csrf", "Not sent by one of our pages", STALE)
    return sent, session


async def _sent(request: Request) -> tuple[dict[str, str], str]:
    """The fields of a form, and the page to go on to.

    Raises:
        Problem: 422, no form of ours has so many fields.
    """
    text = (await request.body()).decode("utf-8", errors="replace")
    try:
        sent = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise bad_values([FieldError("body", f"holds more than {MOST_FIELDS} fields")], WRONG_VALUES) from None
    return sent, _local(sent.get("next", "/"))


def _own_form(request: Request, sent: dict[str, str]) -> bool:
    kept = request.cookies.get(FORM, "")
    return bool(kept) and hmac.compare_digest(sent.get("form", "").encode(), kept.encode())


def _forms(request: Request, goal: str, said: str = "", *, failed: bool = True, status: int = 200) -> Response:
    form = secrets.token_urlsafe(24)
    response = page(request, "sign-in.html", status=status, form=form, next=goal, said=said, failed=failed)
    options: dict[str, Any] = {"path": "/", "httponly": True, "samesite": "strict", "secure": secure(request)}
    response.set_cookie(FORM, form, max_age=FORM_SECONDS, **options)
    return response


def _local(goal: str) -> str:
    """A page of ours to go on to: never another host's, whatever the address says."""
    plain = goal.startswith("/") and not goal.startswith("//") and "\\" not in goal and goal.isprintable()
    return goal if plain else "/"
