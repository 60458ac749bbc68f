"""Routes that are asked a thousand times a second: their endpoints, called before the framework.

FastAPI finds the route, its dependencies and its body anew for every request, which takes longer than a forecast. A
direct route calls the same endpoint with the same model of the body and the same access. The framework documents it,
and answers whatever is not a plain and correct request: that is handed on as it came.
"""

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple

from fastapi import Request, Response
from pydantic import BaseModel, TypeAdapter

from bento.gateway.access import Caller
from bento.gateway.http import errors
from bento.gateway.http.middleware import App, Message, Receive, Scope, Send
from bento.http.problems import Problem
from cs2_pipeline.records.database import RecordsError, UnkeepableError

_JSON: Final = (b"content-type", b"application/json")


class Route(NamedTuple):
    """A POST route that is answered directly.

    Attributes:
        path: without parameters.
        body: model of its body.
        access: who may ask, as the endpoint declares it.
        endpoint: as the framework knows it.
    """

    path: str
    body: type[BaseModel]
    access: Callable[[Request], Awaitable[Caller]]
    endpoint: Callable[[Request, Any, Caller], Awaitable[Response]]


class Direct:
    """Answers direct routes, and hands on everything else.

    Args:
        app: the framework.
        routes: which of its routes are direct.
    """

    def __init__(self, app: App, routes: Iterable[Route]) -> None:
        self._app = app
        self._routes = {route.path: (route, TypeAdapter(route.body)) for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        found = self._routes.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None or _JSON not in scope["headers"]:
            await self._app(scope, receive, send)
            return
        route, model = found
        message = await receive()
        again = _Again(message, receive)
        try:
            if message["type"] != "http.request" or message.get("more_body"):
                raise ValueError("comes in parts")
            body = model.validate_python(json.loads(message["body"]))
        except (ValueError, RecursionError):  # pydantic's and JSON's errors are ValueErrors
            await self._app(scope, again, send)
            return
        scope["route"] = route
        request = Request(scope, again)
        try:
            response = await route.endpoint(request, body, await route.access(request))
        except (Problem, RecordsError, UnkeepableError) as error:
            response = errors.of(request, error)
        await response(scope, receive, send)


class _Again:
    """A `Receive` whose first message was read already."""

    def __init__(self, message: Message, receive: Receive) -> None:
        self._message: Message | None = message
        self._receive = receive

    async def __call__(self) -> Message:
        if (message := self._message) is None:
            return await self._receive()
        self._message = None
        return message
