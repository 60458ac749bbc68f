"""Takes in files that people send: to the disk as they come, no larger than allowed, never looked into here."""

import asyncio
import hashlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any, Final

from fastapi import FastAPI, Request
from starlette.requests import ClientDisconnect

from bento.http.problems import WRONG, FieldError, Problem, bad_values, overloaded, too_large
from cs2_pipeline.coaching.uploads.inbox import Inbox, clear_stale
from cs2_pipeline.coaching.uploads.kinds import ENDINGS
from cs2_pipeline.records import uploads
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.uploads import Quota, QuotaError, Received, TooManyWaitingError, Upload
from cs2_pipeline.settings import Settings

MOST_OF_ONE: Final = 3
"""Files that one account may send at the same time."""
MOST_AT_ONCE: Final = 16
RETRY_AFTER: Final = 60
"""Seconds after which an account may try again whose files wait: reading one takes about that long."""
BLOCK: Final = 2**20
"""Bytes that are gathered before they are written."""


@dataclass
class Receiving:
    """What the gateway needs to take in files.

    Attributes:
        inbox: where they go.
        incoming: folder of those that are still coming.
        quota: of one account, and of all.
        most_bytes: of a file.
        under_way: files that are coming, by account.
    """

    inbox: Inbox
    incoming: Path
    quota: Quota
    most_bytes: int
    under_way: Counter[str]


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Know where files go, and clear away what a gateway that was killed left half-way."""
    settings: Settings = app.state.settings
    incoming = settings.home / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(clear_stale, incoming, now=datetime.now(UTC))
    quota = Quota(settings.upload_quota_bytes, settings.uploads_total_bytes)
    inbox = Inbox(settings.resolved_uploads_url())
    app.state.receiving = Receiving(inbox, incoming, quota, settings.upload_max_bytes, Counter())
    yield


async def receive(
    request: Request, user_id: str, *, name: str, ending: str, played_on: date | None
) -> tuple[Upload, bool]:
    """Take in the body of a request as a file; returns the upload, and whether its file is to be read.

    Raises:
        Problem: 413, it is too large or there is no room; 422, it is empty; 429, too many come at once; 400, it broke
            off.
    """
    state: Receiving = request.app.state.receiving
    records: Records = request.app.state.records
    if state.under_way[user_id] >= MOST_OF_ONE or state.under_way.total() >= MOST_AT_ONCE:
        raise overloaded()
    state.under_way[user_id] += 1
    try:
        most = min(state.most_bytes, await room(request, user_id))
        with tempfile.TemporaryDirectory(dir=state.incoming) as folder:
            local = Path(folder) / "file"
            digest, size = await _written(request, local, most)
            place = state.inbox.new_place(ending)
            file = Received(name, digest, ENDINGS[ending].value, size, place, played_on)
            await asyncio.to_thread(state.inbox.put, local, place)
            before = await asyncio.to_thread(uploads.place_of, records, digest)
            kept = False
            try:
                upload, kept = await _asked(
                    uploads.add, records, user_id, file, at=datetime.now(UTC), quota=state.quota
                )
            finally:
                if not kept:
                    await asyncio.to_thread(state.inbox.remove, place)
                elif before is not None:  # it was in quarantine: the copy that is read now is the only one
                    await asyncio.to_thread(state.inbox.remove, before)
        return upload, kept
    finally:
        state.under_way -= Counter({user_id: 1})  # who has none left is forgotten


async def forget(request: Request, user_id: str, identifier: str) -> bool:
    """Delete an upload, and its file where nobody else sent the same; returns whether it was there."""
    records: Records = request.app.state.records
    inbox: Inbox = request.app.state.receiving.inbox
    there = await asyncio.to_thread(uploads.forget, records, user_id, identifier)
    for place in await asyncio.to_thread(uploads.orphans, records):
        await asyncio.to_thread(inbox.remove, place)
    return there


async def room(request: Request, user_id: str) -> int:
    """Bytes that an account may send now.

    Raises:
        Problem: 413, there are none; 429, too many of its files wait.
    """
    quota: Quota = request.app.state.receiving.quota
    found: int = await _asked(uploads.room, request.app.state.records, user_id, quota)
    return found


async def _asked(function: Any, *arguments: Any, **options: Any) -> Any:
    """What the records answer; 413 where there is no room, 429 where too many of the account's files wait."""
    try:
        return await asyncio.to_thread(function, *arguments, **options)
    except TooManyWaitingError as error:
        later = [(b"retry-after", str(RETRY_AFTER).encode())]
        raise Problem(429, "too_many_waiting", "Too many uploads wait", str(error), headers=later, close=True) from None
    except QuotaError as error:
        raise Problem(413, "no_room", "There is no room", str(error), close=True) from None


async def _written(request: Request, local: Path, most: int) -> tuple[str, int]:
    """Write a body to a file; returns its SHA-256 and size."""
    whole, size, block = hashlib.sha256(), 0, bytearray()
    with local.open("wb") as file:
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > most:
                    raise too_large(most)
                block += chunk
                if len(block) >= BLOCK:
                    await asyncio.to_thread(_append, file, whole, bytes(block))
                    block.clear()
        except ClientDisconnect:
            raise Problem(400, "cut_short", "The file broke off", "the connection ended before the file did") from None
        await asyncio.to_thread(_append, file, whole, bytes(block))
    if size == 0:
        raise bad_values([FieldError("body", "the file is empty")], WRONG)
    return whole.hexdigest(), size


def _append(file: IO[bytes], whole: Any, block: bytes) -> None:
    whole.update(block)
    file.write(block)
