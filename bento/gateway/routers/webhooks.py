"""Webhooks of keys: registering an address for updates of the key's own live matches, testing it, deleting it.

Posting to them is the business of whoever prices (`live/webhooks.py`); here only tests are posted.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import Field

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.http.paging import Page
from bento.gateway.http.wire import Wire, answer
from bento.gateway.live.stream import KINDS
from bento.http.problems import WRONG, FieldError, Problem, bad_values, overloaded, rate_limited
from cs2_pipeline.live.hub import Kind
from cs2_pipeline.live.registered import target
from cs2_pipeline.live.webhooks import Target, WebhookError, client, post, written
from cs2_pipeline.records import webhooks
from cs2_pipeline.records.buckets import Limits
from cs2_pipeline.records.webhooks import Webhook, WebhookQuotaError

ADDRESS: Final = "/api/v1/webhooks"
MOST_TESTS: Final = 8
"""Tests under way at once."""
TESTS: Final = 5
"""Tests of a key at once; after them one every ten seconds."""
LONGEST_URL: Final = 500

router: Final = APIRouter(tags=["webhooks"])
Writer = Annotated[Caller, Depends(allow(Scope.LIVE_WRITE))]


class WebhookAsked(Wire):
    """A webhook to register."""

    url: Annotated[str, Field(max_length=LONGEST_URL, description="http:// or https://, at a public address")]
    kinds: Annotated[list[Kind], Field(default=[*KINDS], min_length=1, max_length=20, description="of updates")]


class WebhookItem(Wire):
    """A webhook. `state` is `working`, `failing` or `disabled`; `reason` says what failed last."""

    id: str
    url: str
    kinds: list[Kind]
    created_at: datetime
    state: Literal["working", "failing", "disabled"]
    failing_since: datetime | None
    disabled_at: datetime | None
    reason: str


class WebhookMade(WebhookItem):
    """A new webhook with its secret, which is never shown again."""

    secret: str


class Tested(Wire):
    """Whether a test arrived; `detail` says why not."""

    delivered: bool
    detail: str


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Be ready to post tests."""
    app.state.webhook_tests = Limits(rate=0.1, most=TESTS)
    app.state.webhook_tests_at_once = asyncio.Semaphore(MOST_TESTS)
    async with client() as sender:
        app.state.webhook_sender = sender
        yield


@router.post(ADDRESS, status_code=201, response_model=WebhookMade)
async def register(request: Request, caller: Writer, asked: WebhookAsked) -> Response:
    """Have updates of this key's live matches posted to an address. The answer holds the secret that signs them."""
    key_id = _key(caller)
    _checked(asked.url)
    try:
        made = await asyncio.to_thread(
            webhooks.add, request.app.state.records, key_id, asked.url, asked.kinds, at=datetime.now(UTC)
        )
    except WebhookQuotaError as error:
        raise Problem(409, "too_many_webhooks", "Too many webhooks", str(error)) from None
    item = _item(made)
    return await answer(request, WebhookMade(**item.model_dump(), secret=made.secret), 201)


@router.get(ADDRESS, response_model=Page[WebhookItem])
async def listed(request: Request, caller: Writer) -> Response:
    """The webhooks of this key, the oldest first."""
    found = await asyncio.to_thread(webhooks.own, request.app.state.records, _key(caller))
    return await answer(request, Page[WebhookItem](items=[_item(one) for one in found], next=None))


@router.get(f"{ADDRESS}/{{identifier}}", response_model=WebhookItem)
async def one(request: Request, caller: Writer, identifier: str) -> Response:
    """A webhook of this key."""
    return await answer(request, _item(await _own(request, caller, identifier)))


@router.post(f"{ADDRESS}/{{identifier}}/test", response_model=Tested)
async def test(request: Request, caller: Writer, identifier: str) -> Response:
    """Post one update of the kind `test`, signed as all are. If it arrives, a disabled webhook is enabled again."""
    webhook = await _own(request, caller, identifier)
    state = request.app.state
    if wait := state.webhook_tests.take(webhook.key_id):
        raise rate_limited(int(wait) + 1)
    if state.webhook_tests_at_once.locked():
        raise overloaded()
    body = written([("test", "", {"webhook_id": webhook.id})])
    private = state.settings.webhooks_to_private
    async with state.webhook_tests_at_once:
        try:
            await post(state.webhook_sender, target(webhook, private=private), body)
        except WebhookError as error:
            return await answer(request, Tested(delivered=False, detail=str(error)))
    await asyncio.to_thread(webhooks.worked, state.records, webhook.id)
    return await answer(request, Tested(delivered=True, detail=""))


@router.delete(f"{ADDRESS}/{{identifier}}", status_code=204)
async def forget(request: Request, caller: Writer, identifier: str) -> Response:
    """Delete a webhook; a few seconds later nothing is posted to it any more."""
    key_id = _key(caller)
    if not await asyncio.to_thread(webhooks.remove, request.app.state.records, key_id, _id(identifier)):
        raise _nobody()
    return Response(status_code=204)


def _key(caller: Caller) -> str:
    """The key that asks.

    Raises:
        Problem: 403, a webhook belongs to a key and there is none.
    """
    if caller.key_id is None:
        raise Problem(
            403, "no_key", "This needs a key of its own", "a webhook belongs to a key that `cs2 keys create` made"
        )
    return caller.key_id


async def _own(request: Request, caller: Caller, identifier: str) -> Webhook:
    found = await asyncio.to_thread(webhooks.one, request.app.state.records, _key(caller), _id(identifier))
    if found is None:
        raise _nobody()
    return found


def _id(identifier: str) -> str:
    if not identifier.isalnum():
        raise _nobody()
    return identifier


def _nobody() -> Problem:
    return Problem(404, "not_found", "Nothing has this id", "this key has no webhook with this id")


def _checked(url: str) -> None:
    """Refuse what can never be posted to. Whether the address is public is asked at every post.

    Raises:
        Problem: 422.
    """
    try:
        Target(url, b"", private=False)
        if urlsplit(url).username is not None or not url.isprintable():
            raise WebhookError("a name and a password do not belong into the address: the signature tells who posts")
    except WebhookError as error:
        raise bad_values([FieldError("url", str(error))], WRONG) from None


def _item(webhook: Webhook) -> WebhookItem:
    failing: Literal["working", "failing"] = "working" if webhook.failing_since is None else "failing"
    return WebhookItem(
        id=webhook.id, url=webhook.url, kinds=[kind for kind in KINDS if kind in webhook.kinds],
        created_at=webhook.created_at, state="disabled" if webhook.disabled_at else failing,
        failing_since=webhook.failing_since, disabled_at=webhook.disabled_at, reason=webhook.reason,
    )  # fmt: skip
