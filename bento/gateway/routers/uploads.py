"""Uploads: demos, exports and replays that people send, what became of each, and deleting them.

The body is the file as it is. It is read later, by the pipeline and in a process of its own; here it is only kept.
Nobody sees another's uploads.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from bento.gateway import receiving
from bento.gateway.access import sending
from bento.gateway.http import paging
from bento.gateway.http.paging import After, Limit, Page
from bento.gateway.http.wire import Wire, answer
from bento.http.problems import WRONG, FieldError, Problem, bad_values, wrong_encoding
from cs2_pipeline.coaching.uploads.kinds import LONGEST_NAME, ending_of, why_not
from cs2_pipeline.records import uploads
from cs2_pipeline.records.accounts import User
from cs2_pipeline.records.uploads import Upload

ADDRESS: Final = "/api/v1/uploads"
OLDEST_DAY: Final = date(2012, 8, 21)
"""Counter-Strike: Global Offensive came out: no match that is read was played before."""
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

router: Final = APIRouter(tags=["uploads"])
Account = Annotated[User, Depends(sending)]


class UploadItem(Wire):
    """An upload. `state` is `waiting`, `accepted` or `quarantined`; `reason` says what came of the file."""

    id: str
    name: str
    kind: str
    size: Annotated[int, Field(description="bytes")]
    sha256: str
    at: datetime
    state: str
    reason: str
    settled_at: datetime | None


class UploadLimits(Wire):
    """What may be sent now: `file_bytes` for one file, `room_bytes` altogether."""

    file_bytes: int
    room_bytes: int


@router.post(ADDRESS, status_code=201, response_model=UploadItem, openapi_extra=_BODY)
async def send(
    request: Request,
    account: Account,
    name: Annotated[str, Query(min_length=1, max_length=LONGEST_NAME, description="the file's name, with its ending")],
    played_on: Annotated[date | None, Query(description="UTC day of the match, where the file does not say it")] = None,
) -> Response:
    """Send a file: the body as it is. A file that was sent before is not read again, and the answer is 200."""
    if encoding := request.headers.get("content-encoding"):
        raise wrong_encoding(encoding)
    ending = ending_of(name)
    if ending is None:
        raise Problem(
            415, "wrong_kind", "Files of this kind are not read", f"{name[:100]!a}: {why_not(name)}", close=True
        )
    if played_on is not None and not OLDEST_DAY <= played_on <= datetime.now(UTC).date() + timedelta(days=1):
        raise bad_values([FieldError("played_on", f"must be a day from {OLDEST_DAY} until today")], WRONG)
    upload, to_read = await receiving.receive(
        request, account.id, name=_printable(name), ending=ending, played_on=played_on
    )
    return await answer(request, _item(upload), 201 if to_read else 200)


@router.get(ADDRESS, response_model=Page[UploadItem])
async def listed(request: Request, account: Account, limit: Limit = 50, after: After = None) -> Response:
    """The uploads of whoever asks, the newest first."""
    records, before = request.app.state.records, _position(after)
    found = await asyncio.to_thread(uploads.own, records, account.id, limit=limit + 1, before=before)
    return await answer(
        request, paging.page([_item(one) for one in found], limit, lambda one: f"{one.at.isoformat()} {one.id}")
    )


@router.get(f"{ADDRESS}/limits", response_model=UploadLimits)
async def limits(request: Request, account: Account) -> Response:
    """What whoever asks may send now; 413 and 429 as sending a file would answer."""
    state = request.app.state.receiving
    room = await receiving.room(request, account.id)
    return await answer(request, UploadLimits(file_bytes=state.most_bytes, room_bytes=room))


@router.get(f"{ADDRESS}/{{identifier}}", response_model=UploadItem)
async def one(request: Request, account: Account, identifier: str) -> Response:
    """An upload of whoever asks."""
    if not identifier.isalnum():
        raise _nobody()
    found = await asyncio.to_thread(uploads.one, request.app.state.records, account.id, identifier)
    if found is None:
        raise _nobody()
    return await answer(request, _item(found))


@router.delete(f"{ADDRESS}/{{identifier}}", status_code=204)
async def forget(request: Request, account: Account, identifier: str) -> Response:
    """Delete an upload, and its file where nobody else sent the same. Matches that were read from it stay."""
    if not identifier.isalnum() or not await receiving.forget(request, account.id, identifier):
        raise _nobody()
    return Response(status_code=204)


def _nobody() -> Problem:
    return Problem(404, "not_found", "Nothing has this id", "you have no upload with this id")


def _position(after: str | None) -> tuple[datetime, str] | None:
    """Where the page before ended."""
    cursor = paging.decode(after, str)
    if cursor is None:
        return None
    at, _, identifier = cursor.partition(" ")
    try:
        if identifier.isalnum():
            return datetime.fromisoformat(at).astimezone(UTC), identifier
    except (ValueError, OverflowError):
        pass
    raise bad_values([FieldError("after", "is not a cursor of this list: send `next` as it is")], WRONG)


def _printable(name: str) -> str:
    """A name without what moves a cursor or turns text around."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)


def _item(upload: Upload) -> UploadItem:
    return UploadItem(
        id=upload.id, name=upload.name, kind=upload.kind, size=upload.size, sha256=upload.digest, at=upload.at,
        state=upload.state.value, reason=upload.reason, settled_at=upload.settled_at,
    )  # fmt: skip
