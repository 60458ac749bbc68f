"""Bodies in both spellings: requests may be snake_case or camelCase, and are answered as they were asked.

A request model derives from `Wire`; an endpoint answers with `answer(request, model)`. Keys that are data (map names,
ids) are never respelled: only the names of fields are. A request without any field name, such as most GETs, is
answered in snake_case, or in camelCase with the header ``Prefer: spelling=camel``.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request, Response
from pydantic import AliasChoices, AliasGenerator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import to_json

_TELLING_KEY: Final = re.compile(rb'"[a-z][a-z0-9]*(?:(_)[a-z0-9_]*|[A-Z][A-Za-z0-9]*)"\s*:')
"""A key that is in one of the spellings only; its group is the underscore."""
_BOUNDARY: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")
CAMEL_QUERY: Final = "camel_query"
"""Where `SpelledQuery` notes in the scope's state that the query string was camelCase."""
STREAMED: Final = "streamed"
"""Where `LimitedBody` notes that a body is a file, too large to be looked into."""


def to_snake(name: str) -> str:
    """``mapId`` → ``map_id``."""
    return _BOUNDARY.sub(lambda match: "_" + match.group(1).lower(), name)


def _either(name: str) -> AliasChoices:
    return AliasChoices(name, to_camel(name))


class Wire(BaseModel):
    """A body. Unknown fields and numbers that are not finite are refused."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(validation_alias=_either),
        populate_by_name=True,
        extra="forbid",
        allow_inf_nan=False,
    )


async def wants_camel(request: Request) -> bool:
    """Whether a request is written in camelCase."""
    if getattr(request.state, CAMEL_QUERY, False):
        return True
    # The first such key: keys that are data (map names) stand inside of a field, behind its name.
    written = request.method in ("POST", "PUT", "PATCH") and not getattr(request.state, STREAMED, False)
    body = await request.body() if written else b""
    if telling := _TELLING_KEY.search(body):
        return telling.group(1) is None
    return "spelling=camel" in request.headers.get("prefer", "").lower()


async def answer(
    request: Request, content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in the request's spelling. Models are trusted: they are not validated again.

    Args:
        content: a model, or anything of models, lists and plain values.
    """
    spelled = camel(content) if await wants_camel(request) else content
    return Response(to_json(spelled), status, headers, "application/json")


def camel(content: Any) -> Any:
    """The same with the fields of all models in camelCase; keys of mappings stay."""
    if isinstance(content, BaseModel):
        return {to_camel(name): camel(getattr(content, name)) for name in type(content).model_fields}
    if isinstance(content, Mapping):
        return {key: camel(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [camel(value) for value in content]
    return content
