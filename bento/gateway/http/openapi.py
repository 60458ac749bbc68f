"""The OpenAPI documents: FastAPI's own, in groups, with the errors as they are really answered, in each spelling."""

from typing import Any, Final

from pydantic.alias_generators import to_camel

from bento.http import openapi

_SNAKE: Final = """\
Requests are written in snake_case, as described here, or with the same names in camelCase (`mapId`), and answered in
the same; a request without field names is answered in camelCase with the header `Prefer: spelling=camel`. The same API
in camelCase is described at `/openapi.camel.json`."""
_CAMEL: Final = """\
Requests and answers in camelCase, as described here, with the header `Prefer: spelling=camel`. The same API in
snake_case is described at `/openapi.json`."""
DESCRIPTION: Final = f"""\
Everything of the platform that is not a prediction of a state at hand.

{_SNAKE} Lists come in pages: send `next` of one as `after` for the one behind it.
Errors are `application/problem+json` (RFC 9457). On the machine it runs on, and with no key configured, no credential
is needed.
"""

TAGS: Final = (
    {"name": "health", "description": "How the gateway is."},
    {"name": "forecasts", "description": "Who wins a match or a series, and the ledger that keeps every forecast."},
    {"name": "directories", "description": "Maps, teams and players of the demo database."},
    {"name": "live matches", "description": "What live matches look like now: lists, states, prices, streams."},
    {"name": "live intake", "description": "How events of live matches come in."},
    {"name": "webhooks", "description": "Addresses that a key's own live matches are posted to."},
    {"name": "what if", "description": "How the price of a round changes with each input."},
    {"name": "coaching", "description": "Skill cards, plans, and whether they helped."},
    {"name": "uploads", "description": "Demos and replays that people send, and what became of them."},
    {"name": "announcements", "description": "Forecasts given and settled, models promoted, as they happen."},
    {"name": "accounts", "description": "Who asks: signing in, accounts, keys."},
)
"""The groups of the document, in the order in which they are shown."""
_REPLACED: Final = ("HTTPValidationError", "ValidationError")


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The document with `Problem` as the answer to everything that fails."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _REPLACED:
        schemas.pop(name, None)
    schemas["Problem"] = openapi.PROBLEM
    components["responses"] = {"Problem": openapi.problem("a problem: what is wrong, and with which fields")}
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
            if "security" in operation:
                operation["security"] = [{}, *operation["security"]]
    return document


_PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "enum": ["spelling=camel"]},
}


def in_camel_case(document: dict[str, Any]) -> dict[str, Any]:
    """A document of the same API as those see it who write and read camelCase."""
    made: dict[str, Any] = _respelled(document)
    made["info"] = document["info"] | {"description": document["info"]["description"].replace(_SNAKE, _CAMEL)}
    for path in made["paths"].values():
        for operation in path.values():
            parameters = operation.get("parameters", [])
            for one in parameters:
                if one["in"] == "query":
                    one["name"] = to_camel(one["name"])
            operation["parameters"] = [*parameters, _PREFER]
    return made


def _respelled(part: Any) -> Any:
    """A part of a document with the names of fields in camelCase. Keys that are data are named in no schema."""
    if isinstance(part, list):
        return [_respelled(one) for one in part]
    if not isinstance(part, dict):
        return part
    made = {key: _respelled(value) for key, value in part.items()}
    if isinstance(part.get("properties"), dict):
        made["properties"] = {to_camel(name): _respelled(value) for name, value in part["properties"].items()}
        if "required" in part:
            made["required"] = [to_camel(name) for name in part["required"]]
    return made
