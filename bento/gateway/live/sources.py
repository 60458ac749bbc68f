"""Game servers and clients that speak their own language: log lines, state integration.

What a source said before is needed to understand what it says next, so a server posts to one gateway. After that was
restarted the adapter knows the match again from the next round on.
"""

import asyncio
import hmac
import time
import uuid
from collections import OrderedDict
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.http.wire import Wire, answer
from bento.gateway.live.intake import forbidden_match, json_body, require_plain, take
from bento.http.problems import WRONG, FieldError, bad_values, not_json, unauthorized
from cs2_pipeline.live.events import MAX_BATCH
from cs2_pipeline.live.sources.gsi import StateIntegration
from cs2_pipeline.live.sources.server_log import ServerLog

router: Final = APIRouter(prefix="/api/v1/sources", tags=["live intake"])
Writer = Annotated[Caller, Depends(allow(Scope.LIVE_WRITE))]
MAX_SOURCES: Final = 2_000
"""Servers and clients remembered; who was silent longest is forgotten first."""
MatchId = Annotated[uuid.UUID | None, Query(description="id of the match; default: one per source and day")]


class Read(Wire):
    """What was understood."""

    match_id: str
    events: int


class Sources:
    """The adapters in use, by source."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Any] = OrderedDict()
        self.lock = asyncio.Lock()

    def of(self, key: str, make: Any) -> Any:
        """The adapter of a source."""
        found = self._known.pop(key, None)
        self._known[key] = found = make() if found is None else found
        while len(self._known) > MAX_SOURCES:
            self._known.popitem(last=False)
        return found


def sources_of(request: Request) -> Sources:
    """The adapters of this process."""
    state = request.app.state
    if not hasattr(state, "live_sources"):
        state.live_sources = Sources()
    found: Sources = state.live_sources
    return found


@router.post("/server-log", response_model=Read, status_code=202)
async def server_log(
    request: Request, caller: Writer, match_id: MatchId = None, best_of: Annotated[int, Query(ge=1, le=5)] = 1
) -> Response:
    """A game server's log lines as it posts them (`logaddress_add_http`)."""
    require_plain(request)
    text = (await request.body()).decode(errors="replace")
    key = f"{caller.name}/{request.headers.get('x-server-addr', '') or (request.client.host if request.client else '')}"
    match = str(match_id or _made_up(key))
    sources = sources_of(request)
    async with sources.lock:  # lines of one server in the order they came
        log = sources.of(f"log/{key}/{match}", lambda: ServerLog(match, f"{key}/{time.time():.3f}", best_of))
        events = log.read(text.splitlines())
        await _take(request, events, caller)
    return await answer(request, Read(match_id=match, events=len(events)), 202)


@router.post("/gsi", response_model=Read, status_code=202)
async def state_integration(request: Request, match_id: MatchId = None) -> Response:
    """A game client's state integration; its key stands in the body as `auth.token`, as the game sends it."""
    try:
        body = msgspec.json.decode(await json_body(request), type=dict[str, Any])
    except msgspec.ValidationError:
        raise bad_values([FieldError("body", "must be an object")], WRONG) from None
    except msgspec.DecodeError as error:
        raise not_json(str(error)) from None
    caller = await _gsi_caller(request, body)
    provider = body.get("provider")
    who = provider.get("steamid") if isinstance(provider, dict) else None
    key = f"{caller.name}/{who}"
    match = str(match_id or _made_up(key))
    sources = sources_of(request)
    async with sources.lock:
        client = sources.of(f"gsi/{key}/{match}", lambda: StateIntegration(match, f"{key}/{time.time():.3f}"))
        try:
            events = client.read(body, time.time())
        except (TypeError, ValueError) as error:
            raise bad_values([FieldError("body", f"is not what the game sends: {error}")], WRONG) from None
        await _take(request, events, caller)
    return await answer(request, Read(match_id=match, events=len(events)), 202)


async def _gsi_caller(request: Request, body: dict[str, Any]) -> Caller:
    """The caller by the token in the body, unless a header tells."""
    auth = body.get("auth")
    token = auth.get("token") if isinstance(auth, dict) else None
    headers = dict(request.scope["headers"])
    if isinstance(token, str) and token and b"x-api-key" not in headers and b"authorization" not in headers:
        settings = request.app.state.settings
        expected = settings.gsi_token.get_secret_value() if settings.gsi_token else None
        if expected is not None:
            if not hmac.compare_digest(token.encode(), expected.encode()):
                raise unauthorized("the token in the body does not match CS2_GSI_TOKEN")
            return Caller("gsi", frozenset({Scope.LIVE_WRITE}))
    return await allow(Scope.LIVE_WRITE)(request)


async def _take(request: Request, events: list[dict[str, Any]], caller: Caller) -> None:
    bodies = [msgspec.json.encode(event) for event in events]
    for start in range(0, len(bodies), MAX_BATCH):
        taken = await take(request, bodies[start : start + MAX_BATCH], caller)
        if not_theirs := [one for one in taken if one.forbidden]:
            raise forbidden_match(not_theirs[0])


def _made_up(key: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{key}/{time.strftime('%Y-%m-%d', time.gmtime())}")
