"""What happens to every request before its route is looked for, as plain ASGI: counting, limits, spelling of queries.

Starlette's `BaseHTTPMiddleware` costs more than all of it and breaks long answers such as server-sent events.
"""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from bento.gateway.http import metrics
from bento.gateway.http.wire import CAMEL_QUERY, STREAMED, to_snake
from bento.http.problems import MEDIA_TYPE, Problem, internal, too_large, too_slow

logger = logging.getLogger("bentoml.gateway")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

DEFECT: Final = "cs2.defect"
"""Where in the scope the id of a defect stands that was answered already."""
_CAMEL_PARAMETER: Final = re.compile(rb"(?:^|&)[a-z][a-z0-9]*[A-Z][A-Za-z0-9]*=")
FILE_SECONDS: Final = 3600.0
"""Seconds that a file may take to arrive."""
UNKNOWN_ROUTE: Final = "unknown"
"""Label of requests for paths that are none: a scanner must not fill the metrics with its guesses."""


class Counted:
    """Counts requests by route and status, and answers what nobody caught with a problem document and an id."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Problem as problem:
            await send_problem(problem, noting)
        except Exception:
            identifier = scope.get(DEFECT) or uuid.uuid4().hex
            logger.exception("request %s %s failed (id %s)", scope["method"], scope["path"], identifier)
            metrics.ERRORS.labels("gateway").inc()
            if status == 0:
                await send_problem(internal(identifier), noting)
        finally:
            route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
            metrics.REQUESTS.labels(route, str(status or 499)).inc()


class LimitedBody:
    """Refuses bodies that are too large or come too slowly.

    Args:
        app: what answers.
        limit: bytes of a body.
        seconds: in which it must have come.
        files: paths to which files are sent, and the bytes of each; they may take `FILE_SECONDS`, with something new
            at least every `seconds`.
    """

    def __init__(self, app: App, limit: int, seconds: float, files: Mapping[str, int] | None = None) -> None:
        self._app, self._limit, self._seconds, self._files = app, limit, seconds, files or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body is counted while it is read."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        limit, whole = self._limit, self._seconds
        if is_file := scope["path"] in self._files:
            limit, whole = self._files[scope["path"]], FILE_SECONDS
            scope["state"] = {**scope.get("state", {}), STREAMED: True}
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > limit:
                raise too_large(limit)
        size, complete, begun = 0, False, time.monotonic()

        async def counted() -> Message:
            nonlocal size, complete
            if complete:
                return await receive()  # only a disconnect is to come, whenever that is
            left = max(0.0, begun + whole - time.monotonic())
            try:
                async with asyncio.timeout(min(left, self._seconds) if is_file else left):
                    message = await receive()
            except TimeoutError:
                raise too_slow(whole) from None
            size += len(message.get("body", b""))
            complete = not message.get("more_body")
            if size > limit:
                raise too_large(limit)
            return message

        await self._app(scope, counted, send)


class SpelledQuery:
    """Turns a camelCase query string into snake_case and remembers that it was camelCase."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose query is spelt as the routes declare it."""
        query = scope.get("query_string", b"")
        if scope["type"] == "http" and _CAMEL_PARAMETER.search(query):
            pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
            spelled = urlencode([(to_snake(name), value) for name, value in pairs]).encode()
            scope["query_string"] = spelled
            scope["state"] = {**scope.get("state", {}), CAMEL_QUERY: True}
        await self._app(scope, receive, send)


async def send_problem(problem: Problem, send: Send) -> None:
    """Answer with a problem document."""
    body = problem.body()
    headers = [(b"content-type", MEDIA_TYPE), (b"content-length", b"%d" % len(body)), *problem.headers]
    if problem.close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
