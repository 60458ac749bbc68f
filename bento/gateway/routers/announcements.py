"""Announcements over HTTP: what a listener missed, and server-sent events that go on where they broke off."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.http import paging
from bento.gateway.http.paging import After, Limit, Page
from bento.gateway.http.wire import Wire, answer
from cs2_pipeline.records import announcements
from cs2_pipeline.records.database import Records, RecordsError

router: Final = APIRouter(prefix="/api/v1/announcements", tags=["announcements"])

Channel = Literal["ml_models", "forecast_events", "ledger_heads"]
Reader = Annotated[Caller, Depends(allow(Scope.FORECAST))]
LOOK_SECONDS: Final = 0.5
HEARTBEAT_LOOKS: Final = 30
GROUP: Final = 100


class Told(Wire):
    """An announcement; what else it holds depends on its `type`."""

    model_config = ConfigDict(extra="allow")

    id: str
    channel: str
    at: str
    type: str


@router.get("", response_model=Page[Told])
async def listed(request: Request, _: Reader, channel: Channel, limit: Limit = 50, after: After = None) -> Response:
    """Announcements of a channel, the oldest first."""
    position = paging.decode(after, int) or 0
    found = await asyncio.to_thread(announcements.after, request.app.state.records, channel, position, limit + 1)
    page = paging.page(found, limit, lambda one: one.seq)
    page.items = [json.loads(one.body) for one in page.items]
    return await answer(request, page)


@router.get("/stream", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
async def stream(
    request: Request,
    _: Reader,
    channel: Channel,
    after_seq: Annotated[int | None, Query(ge=0, le=2**62, description="continue after this one; default: now")] = None,
    last_event_id: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Announcements as they come, as server-sent events; a browser goes on by itself where it broke off."""
    records: Records = request.app.state.records
    position = _position(last_event_id, channel)
    if position is None:
        position = after_seq
    if position is None:
        position = await asyncio.to_thread(announcements.newest, records, channel)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_events(records, channel, position), headers=headers, media_type="text/event-stream")


async def _events(records: Records, channel: str, position: int) -> AsyncIterator[bytes]:
    yield b": connected\n\n"
    quiet = 0
    while True:
        try:
            found: list[Any] = await asyncio.to_thread(announcements.after, records, channel, position, GROUP)
        except RecordsError:
            found = []  # they come when the records are back
        for one in found:
            position = one.seq
            yield f"id: {one.id}\nevent: {json.loads(one.body)['type']}\ndata: {one.body}\n\n".encode()
        quiet = 0 if found else quiet + 1
        if quiet and quiet % HEARTBEAT_LOOKS == 0:
            yield b": still here\n\n"
        if len(found) < GROUP:
            await asyncio.sleep(LOOK_SECONDS)


def _position(last_event_id: str | None, channel: str) -> int | None:
    name, _, seq = (last_event_id or "").rpartition(":")
    return int(seq) if name == channel and seq.isascii() and seq.isdigit() and len(seq) < 19 else None
