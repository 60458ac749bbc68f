"""From what FastAPI and Starlette raise to problem documents: the same form for every error of the gateway."""

import logging
import re
import uuid
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException

from bento.gateway.http import metrics
from bento.gateway.http.middleware import DEFECT
from bento.gateway.http.wire import to_snake, wants_camel
from bento.gateway.pages.site import problem_page, wants_html
from bento.http.problems import (
    MEDIA_TYPE,
    WRONG,
    FieldError,
    Problem,
    bad_values,
    internal,
    no_records,
    not_found,
    not_json,
    wrong_media_type,
    wrong_method,
)
from cs2_pipeline.records.database import RecordsError, UnkeepableError

logger = logging.getLogger("bentoml.gateway")
_JSON: Final = "application/json"


def install(app: FastAPI) -> None:
    """Answer all errors of an application with problem documents."""
    app.add_exception_handler(Problem, _expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RecordsError, _expected)
    app.add_exception_handler(UnkeepableError, _expected)
    app.add_exception_handler(Exception, _defect)


def response(request: Request, problem: Problem) -> Response:
    """A problem as a response: a page for a browser that opens one, a document for everybody else."""
    if wants_html(request):
        return problem_page(request, problem)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in problem.headers}
    return Response(problem.body(), problem.status, headers, MEDIA_TYPE.decode())


def of(request: Request, error: Problem | RecordsError | UnkeepableError) -> Response:
    """What a request is answered with that failed. Which database failed and why is for the log alone."""
    if isinstance(error, Problem):
        return response(request, error)
    if isinstance(error, UnkeepableError):  # which value it was the database does not say
        logger.info("a request held what the records cannot: %s", error)
        told = "a text is too long or holds a character that cannot be kept, or a number is too large"
        return response(request, bad_values([FieldError("", told)], WRONG))
    logger.error("%s", error)
    metrics.ERRORS.labels("records").inc()
    return response(request, no_records())


async def _expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem | RecordsError | UnkeepableError)  # noqa: S101  the handler is registered for them
    return of(request, error)


async def _defect(request: Request, _: Exception) -> Response:
    """Starlette raises the exception again behind this answer; `Counted` logs it under the same id."""
    identifier = request.scope[DEFECT] = uuid.uuid4().hex
    return response(request, internal(identifier))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if isinstance(error.__cause__, Problem):
        return response(request, error.__cause__)  # raised while FastAPI read the body
    if error.status_code == 404:
        return response(request, not_found())
    if error.status_code == 405:
        return response(request, wrong_method(", ".join(_allowed(request)) or (error.headers or {}).get("Allow", "")))
    if error.status_code == 400:
        return response(request, not_json("the body cannot be read as JSON"))
    title = str(error.detail)
    return response(request, Problem(error.status_code, "refused", title, title))


def _allowed(request: Request) -> list[str]:
    """The documented methods of a path, most literal template first: Starlette names those of its first route only."""
    paths = request.app.openapi()["paths"]
    fitting = [
        path for path in paths if re.fullmatch(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)), request.url.path)
    ]
    best = min(fitting, key=lambda path: path.count("{"), default=None)
    return sorted(method.upper() for method in paths[best]) if best is not None else []


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    found = error.errors()
    if found[0]["type"] == "json_invalid":  # then it is the only one
        return response(request, not_json(f"{found[0]['ctx']['error']} at position {found[0]['loc'][-1]}"))
    media_type = request.headers.get("content-type", "")
    if any(one["loc"] == ("body",) for one in found) and not _is_json(media_type):
        return response(request, wrong_media_type(media_type))
    spell = to_camel if await wants_camel(request) else to_snake
    return response(request, bad_values([FieldError(_path(one, spell), _message(one)) for one in found], WRONG))


def _is_json(media_type: str) -> bool:
    return media_type.partition(";")[0].strip().lower() == _JSON


def _path(one: dict[str, Any], spell: Any) -> str:
    """`body.team1.player_ids[3]`, without the `body` in front: the path in the request's own spelling."""
    parts: list[str] = []
    for part in one["loc"][1:]:
        if isinstance(part, int) and parts:
            parts[-1] += f"[{part}]"
        else:
            text = str(part)
            parts.append(spell(text) if text.isidentifier() else text)
    return ".".join(parts) or "body"


def _message(one: dict[str, Any]) -> str:
    words = {"missing": "is missing", "extra_forbidden": "is not a field of this request"}
    return words.get(one["type"], str(one["msg"]))
