"""The HTTP face of the service: paths, bodies, limits, answers. Plain ASGI, in front of BentoML's own application.

BentoML's middlewares (tracing, access log, timeout, context) cost several times what a prediction does, so the
service's paths are answered before them. What BentoML itself serves (`PASSED_ON`) goes through to it.
"""

import asyncio
import collections
import gc
import logging
import os
import signal
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec
from prometheus_client import Counter

from bento.http.openapi import SWAGGER_FILES
from bento.http.problems import (
    MEDIA_TYPE,
    Problem,
    internal,
    no_model,
    not_found,
    not_ready,
    not_reloaded,
    overloaded,
    too_large,
    too_slow,
    wrong_encoding,
    wrong_media_type,
    wrong_method,
)
from bento.http.together import Together
from bento.predictions.champions.champions import Champions, request_reload
from bento.predictions.http import batches, metrics, openapi
from bento.predictions.http.access import Access
from bento.predictions.http.answers import spelled, version_key
from bento.predictions.http.requests import Form, Style, form_of
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.predictors import Predictor
from cs2_pipeline.artifact.spec import ModelSpec, serving_of
from cs2_pipeline.settings import Settings

if TYPE_CHECKING:
    from bento.predictions.prediction_log import PredictionLog

logger = logging.getLogger("bentoml.predictions")

PASSED_ON: Final = {"/schema.json", "/healthz", *(f"/{name}" for name in SWAGGER_FILES)}
SMALL_BODY: Final = 64 * 1024
"""Largest body of a request with one state or player."""
RELOAD_WAIT: Final = 15.0
"""Seconds that `/admin/reload` waits for what MLflow says."""

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Handler = Callable[[Scope, Receive], Awaitable[bytes]]
Headers = Sequence[tuple[bytes, bytes]]
PredictionHandler = Callable[[Scope, Receive], Awaitable[tuple[bytes, Headers]]]

_JSON: Final = b"application/json"
_JSON_HEADER: Final = (b"content-type", _JSON)
_encode = msgspec.json.encode


class DisconnectedError(Exception):
    """The client went away before its request was complete."""


class _Endpoint(NamedTuple):
    """What answering a model's requests takes beside the model."""

    name: str
    form: Form
    counter: Counter
    together: Together

    @classmethod
    def of(cls, spec: ModelSpec) -> "_Endpoint":
        return cls(spec.name, form_of(serving_of(spec)), metrics.PREDICTIONS.labels(spec.name), Together())


class PredictionApp:
    """The ASGI application.

    Args:
        settings: the service's settings.
        inner: BentoML's application.
    """

    def __init__(self, settings: Settings, inner: App) -> None:
        self._settings = settings
        self._inner = inner
        self._champions = Champions(settings)
        self._access = Access(settings)
        self._log = _prediction_log(settings)
        self._in_flight = 0
        self._this_turn = 0
        self._held_bytes = 0
        self._pages = openapi.pages()
        self._predictions: dict[str, PredictionHandler] = {}
        for spec in catalog.served():
            endpoint, serving = _Endpoint.of(spec), serving_of(spec)
            self._predictions[serving.one] = partial(self._one, endpoint)
            self._predictions[serving.many] = partial(self._many, endpoint)
        self._others: dict[tuple[str, str], Handler] = {
            ("GET", "/health"): self._health,
            ("GET", "/livez"): self._livez,
            ("GET", "/readyz"): self._readyz,
            ("GET", "/models"): self._models,
            ("POST", "/admin/reload"): self._reload,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":
            await self._other_protocol(scope, receive, send)
            return
        handler = self._predictions.get(scope["path"])
        if handler is None or scope["method"] != "POST":
            await self._other_path(scope, receive, send)
            return
        started = time.perf_counter()
        try:
            self._admit(scope)
            self._in_flight += 1
            try:
                body, warnings = await handler(scope, receive)
            finally:
                self._in_flight -= 1
        except Problem as problem:
            metrics.ERRORS.labels(problem.reason).inc()
            await self._refuse(problem, receive, send)
        except DisconnectedError:
            metrics.ERRORS.labels("disconnected").inc()
        except Exception:
            metrics.ERRORS.labels("internal").inc()
            await _send_problem(_internal(scope), send)
        else:
            metrics.LATENCY.observe(time.perf_counter() - started)
            await _send(send, 200, _JSON, body, warnings)

    def _admit(self, scope: Scope) -> None:
        """Turn a request away when too many wait already, when it has no key, or when it does not carry JSON.

        All requests that are ready at once are worked on in one turn of the event loop, one after the other: their
        number is the length of the queue.
        """
        limit = self._settings.max_in_flight
        if self._in_flight >= limit or self._this_turn >= limit:
            raise overloaded()
        if self._this_turn == 0:
            asyncio.get_running_loop().call_soon(self._turn_is_over)
        self._this_turn += 1
        headers = scope["headers"]
        self._access.admit(headers)
        if _JSON_HEADER not in headers:
            _require_json(headers)
        for name, value in headers:
            if name == b"content-encoding" and value.strip().lower() != b"identity":
                raise wrong_encoding(value.decode("latin-1"))

    def _turn_is_over(self) -> None:
        self._this_turn = 0

    async def _one(self, endpoint: "_Endpoint", scope: Scope, receive: Receive) -> tuple[bytes, Headers]:
        """Answer about one item, and warn of what of it was left out."""
        model = self._require(endpoint.name)
        values, style = endpoint.form.read_one(await self._body(scope, receive, SMALL_BODY))
        prediction = await endpoint.together.predict(model, values)
        endpoint.counter.inc()
        if self._log is not None:
            self._log.note(model, values, prediction)
        answer = spelled(model.answer(values, prediction), style)
        answer[version_key(style)] = model.version.version
        unknown = endpoint.form.unknown({name: (values[name],) for name in endpoint.form.known})
        return _encode(answer), _warnings(endpoint.form, unknown, 1)

    async def _many(self, endpoint: "_Endpoint", scope: Scope, receive: Receive) -> tuple[bytes, Headers]:
        """Answer a batch chunk by chunk, so that other requests are answered in between."""
        model = self._require(endpoint.name)
        body = await self._body(scope, receive, self._settings.max_body_bytes)
        with self._holding(len(body)):
            parts, style, count, unknown = [], None, 0, collections.Counter[str]()
            async for items, style in batches.chunks(endpoint.form, body):
                predictions = model.table(items.table)
                if self._log is not None:
                    for values, one in zip(items.rows(), predictions, strict=True):
                        self._log.note(model, values, one)
                answers = [spelled(worded, style) for worded in model.answers(items.columns, predictions)]
                parts.append(_encode(answers)[1:-1])
                endpoint.counter.inc(len(items))
                count += len(items)
                unknown.update(endpoint.form.unknown(items.columns))
            self._access.owe(scope["headers"], count - 1)
        version = _encode(version_key(cast(Style, style))) + b":" + _encode(model.version.version)
        answer = b'{"predictions":[' + b",".join(parts) + b"]," + version + b"}"
        return answer, _warnings(endpoint.form, unknown, count)

    def _require(self, name: str) -> Predictor[Any]:
        model = self._champions.predictors.get(name)
        if model is None:
            raise no_model(name)
        return model

    async def _body(self, scope: Scope, receive: Receive, limit: int) -> bytes:
        """The request's body."""
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > limit:
            raise too_large(limit)  # before a client that asked whether to go on is told so
        message = await receive()
        if message["type"] != "http.request":
            raise DisconnectedError
        body: bytes = message["body"]
        if len(body) > limit:
            raise too_large(limit)
        if not message.get("more_body"):
            return body
        try:
            async with asyncio.timeout(self._settings.body_timeout):
                return await self._rest_of_body(body, receive, limit)
        except TimeoutError:
            raise too_slow(self._settings.body_timeout) from None

    async def _rest_of_body(self, first: bytes, receive: Receive, limit: int) -> bytes:
        parts, size, more = [first], len(first), True
        with self._holding(size) as hold:
            while more:
                message = await receive()
                if message["type"] != "http.request":
                    raise DisconnectedError
                part, more = message["body"], bool(message.get("more_body"))
                parts.append(part)
                size += len(part)
                hold.more(len(part))
                if size > limit:
                    raise too_large(limit)
        return b"".join(parts)

    def _holding(self, size: int) -> "_Hold":
        return _Hold(self, size)

    def hold(self, size: int) -> None:
        """Count bytes of large bodies in memory; two of the largest may be there at once.

        Raises:
            Problem: 429 when there is no more room.
        """
        if self._held_bytes and self._held_bytes + size > 2 * self._settings.max_body_bytes:
            raise overloaded()
        self._held_bytes += size

    def release(self, size: int) -> None:
        """Forget them."""
        self._held_bytes -= size

    async def _refuse(self, problem: Problem, receive: Receive, send: Send) -> None:
        """Send a problem; when the rest of the body is not wanted, let the client finish sending for a moment.

        A connection closed while the client still sends is reset, and the client never sees the answer.
        """
        if not problem.close:
            await _send_problem(problem, send)
            return
        await _send_problem(problem, send, more=True)
        try:
            async with asyncio.timeout(1):
                while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                    pass
        except TimeoutError:
            pass
        await send({"type": "http.response.body", "body": b""})

    async def _other_path(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], "GET" if scope["method"] == "HEAD" else scope["method"]
        if path in PASSED_ON and method == "GET":
            await self._inner(scope, receive, send)
            return
        try:
            if path in self._pages and method == "GET":
                await _send(send, 200, *self._pages[path])
            elif path == "/metrics" and method == "GET":
                content = metrics.render(self._champions.versions)
                await _send(send, 200, b"text/plain; version=0.0.4; charset=utf-8", content)
            elif handler := self._others.get((method, path)):
                await _send(send, 200, _JSON, await handler(scope, receive))
            else:
                raise self._nowhere(path)
        except Problem as problem:
            await _send_problem(problem, send)
        except Exception:
            await _send_problem(_internal(scope), send)

    def _nowhere(self, path: str) -> Problem:
        if path in self._predictions:
            return wrong_method("POST")
        allowed = [method for method, known in self._others if known == path]
        if path in self._pages or path in PASSED_ON or path == "/metrics":
            allowed.append("GET")
        return wrong_method(", ".join(allowed)) if allowed else not_found()

    async def _other_protocol(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        await self._lifespan(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Start before BentoML's application does, and be done before it says that it is."""
        stack = AsyncExitStack()

        async def ours_first() -> dict[str, Any]:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await stack.enter_async_context(self._running())
            else:
                await stack.aclose()
            return message

        await self._inner(scope, ours_first, send)

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        if self._log is not None:
            self._log.start()
        orphaned = asyncio.create_task(_end_when_orphaned())
        following = asyncio.create_task(self._access.follow_records())
        try:
            async with self._champions.followed():
                # What is there after the start stays: looking through it in every full collection took 60 ms.
                gc.freeze()
                gc.enable()
                yield
        finally:
            orphaned.cancel()
            following.cancel()
            if self._log is not None:
                await asyncio.to_thread(self._log.stop)

    async def _health(self, scope: Scope, _receive: Receive) -> bytes:
        loaded = {name: name in self._champions.predictors for name in self._champions.names}
        complaints = self._champions.complaints(detailed=self._access.is_admin(scope["headers"]))
        status = "unavailable" if self._champions.missing() else "degraded" if complaints else "healthy"
        answer: dict[str, Any] = {"status": status, "models_loaded": loaded, "version": VERSION}
        if complaints:
            answer["reasons"] = complaints
        return _encode(answer)

    async def _livez(self, _scope: Scope, _receive: Receive) -> bytes:
        return b'{"status":"alive"}'

    async def _readyz(self, _scope: Scope, _receive: Receive) -> bytes:
        if missing := self._champions.missing():
            raise not_ready(", ".join(missing))
        if self._access.unread:
            raise not_ready("the keys of the platform's records")
        return b'{"status":"ready"}'

    async def _models(self, scope: Scope, _receive: Receive) -> bytes:
        self._access.admit(scope["headers"])
        return _encode(
            {
                "models": [
                    version.to_dict() | {"learned_from": version.learned_from} for version in self._champions.versions
                ]
            }
        )

    async def _reload(self, scope: Scope, receive: Receive) -> bytes:
        self._access.admit_admin(scope["headers"])
        asked = time.time()
        request_reload(self._settings)
        while not await self._champions.reloaded_since(asked):
            if time.time() - asked > RELOAD_WAIT:
                raise not_reloaded(RELOAD_WAIT)
            await asyncio.sleep(0.05)
        return await self._health(scope, receive)


VERSION: Final = installed_version("cs2-pipeline")


class _Hold:
    """Bytes counted as held while a block runs."""

    def __init__(self, app: PredictionApp, size: int) -> None:
        self._app, self._size = app, size

    def __enter__(self) -> "_Hold":
        self._app.hold(self._size)
        return self

    def more(self, size: int) -> None:
        self._app.hold(size)
        self._size += size

    def __exit__(self, *_: object) -> None:
        self._app.release(self._size)


async def _end_when_orphaned() -> None:
    """End this worker when the process that started it is gone: it would hold the port, and nobody would stop it."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(0.5)
    logger.error("the supervisor is gone: exiting")
    os.kill(os.getpid(), signal.SIGTERM)


def _prediction_log(settings: Settings) -> "PredictionLog | None":
    if not settings.prediction_log:
        return None
    from bento.predictions.prediction_log import PredictionLog  # noqa: PLC0415 (brings pyarrow, 60 MB, along)

    return PredictionLog(settings.prediction_log_folder, settings.prediction_log_max_bytes)


def _require_json(headers: Sequence[tuple[bytes, bytes]]) -> None:
    given = dict(headers).get(b"content-type", b"")
    media_type, _, parameters = given.partition(b";")
    charset = parameters.replace(b" ", b"").replace(b'"', b"").lower()
    if media_type.strip().lower() != _JSON or charset not in (b"", b"charset=utf-8"):
        raise wrong_media_type(given.decode("latin-1"))


def _warnings(form: Form, unknown: Mapping[str, int], items: int) -> Headers:
    """Headers that say which texts the models do not know and left out: not their words, which may be anything."""
    found = []
    for name, count in unknown.items():
        known = next(", ".join(field.known) for field in form.fields if field.name == name)
        where = f" in {count} of {items} items" if items > 1 else ""
        found.append((b"warning", f'299 - "{name} is unknown{where} and was left out; known: {known}"'.encode()))
    return found


def _internal(scope: Scope) -> Problem:
    identifier = uuid.uuid4().hex
    logger.exception("request %s %s failed (id %s)", scope["method"], scope["path"], identifier)
    return internal(identifier)


async def _send_problem(problem: Problem, send: Send, *, more: bool = False) -> None:
    headers = [*problem.headers, (b"connection", b"close")] if problem.close else problem.headers
    await _send(send, problem.status, MEDIA_TYPE, problem.body(), headers, more=more)


async def _send(
    send: Send,
    status: int,
    media_type: bytes,
    body: bytes,
    headers: Sequence[tuple[bytes, bytes]] = (),
    *,
    more: bool = False,
) -> None:
    about = [(b"content-type", media_type), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": about})
    await send({"type": "http.response.body", "body": body, "more_body": more})
