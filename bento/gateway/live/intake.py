"""Events in, over HTTP."""

import asyncio
import math
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from bento.gateway.access import NEWCOMER, Caller, Scope, allow
from bento.gateway.http.wire import answer
from bento.gateway.live.room import live_of
from bento.gateway.live.views import BatchTaken, Refused, Taken
from bento.http.problems import WRONG, FieldError, Problem, bad_values, not_json, wrong_encoding, wrong_media_type
from cs2_pipeline.live import intake
from cs2_pipeline.live.events import EventError, split
from cs2_pipeline.live.log import LogUnavailableError
from cs2_pipeline.settings import Settings

router: Final = APIRouter(tags=["live intake"])
Writer = Annotated[Caller, Depends(allow(Scope.LIVE_WRITE))]


@router.post("/api/v1/events", response_model=Taken, status_code=202, responses={200: {"model": Taken}})
@router.post("/events", response_model=Taken, status_code=202, include_in_schema=False)
async def one_event(request: Request, caller: Writer) -> Response:
    """Take one event: 202 once it is durable, 200 when it had been taken before."""
    (taken,) = await take(request, [await json_body(request)], caller)
    if taken.forbidden:
        raise forbidden_match(taken)
    if taken.error is not None:
        raise refused(taken.error)
    body = Taken(success=True, event_id=taken.event_id, accepted=1 - taken.duplicate, duplicate=taken.duplicate)
    return await answer(request, body, 200 if taken.duplicate else 202)


@router.post("/api/v1/events/batch", response_model=BatchTaken, status_code=202)
@router.post("/events/batch", response_model=BatchTaken, status_code=202, include_in_schema=False)
async def many_events(request: Request, caller: Writer) -> Response:
    """Take 1 to 1,000 events: a list, or an object with one under `events`. Broken ones are named, the rest taken."""
    try:
        bodies = split(await json_body(request))
    except EventError as error:
        raise refused(error) from None
    taken = await take(request, bodies, caller)
    if all(one.forbidden for one in taken):
        raise forbidden_match(taken[0])
    wrong = [
        Refused(
            index=place, event_id=one.event_id, field=one.error.field, message=one.error.message, dead_letter=one.letter
        )
        for place, one in enumerate(taken)
        if one.error is not None
    ]
    if len(wrong) == len(taken):
        raise bad_values([FieldError(f"[{one.index}].{one.field}".rstrip("."), one.message) for one in wrong], WRONG)
    accepted = sum(one.error is None and not one.duplicate for one in taken)
    body = BatchTaken(
        success=not wrong, accepted=accepted, duplicates=len(taken) - len(wrong) - accepted, refused=wrong
    )
    return await answer(request, body, 202)


async def take(request: Request, bodies: list[bytes], caller: Caller) -> list[intake.Taken]:
    """Put a caller's events into the log.

    Raises:
        Problem: 429 when too many come at once, 503 when the log cannot be written; nothing was taken then.
    """
    door = live_of(request).intake
    try:
        return await asyncio.get_running_loop().run_in_executor(door.pool, door.take, bodies, _tenant(request, caller))
    except intake.BusyError as error:
        retry = str(math.ceil(error.seconds)).encode()
        raise Problem(429, "busy", "Too many events at once", str(error), headers=[(b"retry-after", retry)]) from error
    except LogUnavailableError as error:
        raise Problem(
            503, "log_unavailable", "Events cannot be taken now", str(error), headers=[(b"retry-after", b"5")]
        ) from error


def _tenant(request: Request, caller: Caller) -> intake.Tenant | None:
    """Whose events they are; None where they are this machine's or an administrator's."""
    if caller is NEWCOMER or Scope.ADMIN in caller.scopes:
        return None
    settings: Settings = request.app.state.settings
    return intake.Tenant(caller.name, settings.live_key_rate, settings.live_key_matches)


def forbidden_match(taken: intake.Taken) -> Problem:
    """403: the match is another key's, or the key has begun as many as it may."""
    return Problem(403, "forbidden", "Not this key's match", str(taken.error))


def require_plain(request: Request) -> None:
    """Refuse compressed bodies: a few bytes could become any number.

    Raises:
        Problem: 415.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise wrong_encoding(encoding)


async def json_body(request: Request) -> bytes:
    """The body of a request that says it is JSON.

    Raises:
        Problem: 415 when it says something else, or that it is compressed.
    """
    require_plain(request)
    media_type = request.headers.get("content-type", "application/json")
    if media_type.partition(";")[0].strip().lower() != "application/json":
        raise wrong_media_type(media_type)
    return await request.body()


def refused(error: EventError) -> Problem:
    """422, or 400 where the bytes are no JSON at all."""
    if error.message.startswith(("JSON is malformed", "Input data was truncated", "Invalid UTF-8")):
        return not_json(error.message)
    return bad_values([FieldError(error.field or "body", error.message)], WRONG)
