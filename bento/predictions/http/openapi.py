"""The OpenAPI document, built from the table of models and the game's tables of fields."""

from importlib.metadata import version as installed_version
from typing import Any, Final

import msgspec

from bento.http.openapi import PROBLEM, Schema, page, problem
from bento.predictions.http.answers import version_key
from bento.predictions.http.requests import MAX_BATCH, MAX_TEXT, SNAKE, Form, form_of
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.spec import IGNORED, Serving, serving_of
from cs2_pipeline.game.state import Field

_TEXT: Final[Schema] = {"type": "string"}
_TITLE: Final = "Counter-Strike 2 predictions"
_SERVICE: Final = "Service"
_KEY: Final[list[Schema]] = [{}, {"key": []}, {"bearer": []}]

_DESCRIPTION: Final = """\
Win probabilities of Counter-Strike 2 rounds and skill tiers of players.

A request is written in snake_case, as described here, or with the same names in camelCase (`ctAlive`), and answered in
the same (`ctWinProbability`). Unknown fields are refused. A state that
cannot exist (such as more health than the living players can have) is refused with 422, though each of its fields is
within its bounds. Decided states get exactly 0 or 1. Errors are `application/problem+json` (RFC 9457).
"""


def pages() -> dict[str, tuple[bytes, bytes]]:
    """Media type and content by path."""
    specification = (b"application/json", msgspec.json.encode(document()))
    shown = (b"text/html; charset=utf-8", page(_TITLE).encode())
    return {"/": shown, "/docs": shown, "/openapi.json": specification, "/docs.json": specification}


def document() -> Schema:
    """The OpenAPI 3.1 document."""
    paths: Schema = {}
    schemas: Schema = {}
    groups = []
    for spec in catalog.served():
        serving, form = serving_of(spec), form_of(serving_of(spec))
        groups.append({"name": serving.item, "description": spec.description})
        paths |= {serving.one: _one(serving), serving.many: _many(serving, form)}
        schemas |= _schemas(serving, form)
    refusals = {name: problem(why, retry_after=code in _RETRIED) for code, (name, why) in _REFUSALS.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": _TITLE, "version": installed_version("cs2-pipeline"), "description": _DESCRIPTION},
        "tags": [*groups, {"name": _SERVICE, "description": "The service itself and what it serves."}],
        "paths": paths | _about_the_service(),
        "components": {
            "schemas": schemas | {"Problem": PROBLEM, "Model": _model()},
            "responses": refusals,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


_IGNORED: Final[Schema] = {
    "type": "array",
    "items": _TEXT,
    "description": "values given that the model ignores, because they never varied in its training; absent for none",
}


def _schemas(serving: Serving, form: Form) -> dict[str, Schema]:
    """A form's schema and its answers'."""
    name, required = serving.item, [key for key in serving.answer if key not in serving.optional_parts]
    request = {field.name: _field(field) for field in form.fields} | {key: _identifier(key) for key in form.ids}
    answer = {**serving.answer, IGNORED: _IGNORED}
    version = version_key(SNAKE)
    return {
        name: {
            "type": "object",
            "properties": request,
            "required": [field.name for field in form.fields if field.required],
            "additionalProperties": False,
        },
        f"{name}Prediction": {"type": "object", "properties": answer, "required": required},
        f"{name}Answer": {
            "type": "object",
            "properties": answer | {version: _TEXT},
            "required": [*required, version],
            "additionalProperties": False,
        },
        f"{name}Answers": {
            "type": "object",
            "properties": {"predictions": {"type": "array", "items": _ref(f"{name}Prediction")}, version: _TEXT},
            "required": ["predictions", version],
            "additionalProperties": False,
        },
    }


def _field(field: Field) -> Schema:
    if field.text:
        return {"type": ["string", "null"], "maxLength": MAX_TEXT, "description": field.meaning}
    kind = "integer" if field.integer else "number"
    schema = {
        "type": kind if field.required else [kind, "null"],
        "minimum": field.low,
        "maximum": field.high,
        "description": field.meaning,
    }
    if field.integer:
        schema |= {"minimum": int(field.low), "maximum": int(field.high)}
    return schema


def _identifier(name: str) -> Schema:
    what = name.replace("_", " ")
    return {"type": ["string", "null"], "maxLength": MAX_TEXT, "description": f"the caller's own {what}, for the log"}


def _one(serving: Serving) -> Schema:
    name = serving.item
    return {"post": _operation(serving, serving.question, _ref(name), dict(serving.example), _ref(f"{name}Answer"))}


def _many(serving: Serving, form: Form) -> Schema:
    name = serving.item
    items = {"type": "array", "items": _ref(name), "minItems": 1, "maxItems": MAX_BATCH}
    body = {"type": "object", "properties": {form.many: items}, "required": [form.many], "additionalProperties": False}
    example = {form.many: [dict(serving.example)]}
    return {"post": _operation(serving, serving.questions, body, example, _ref(f"{name}Answers"))}


_REFUSALS: Final = {
    "400": ("NotJson", "the body is not JSON"),
    "401": ("Unauthorized", "the service asks for an API key, and none or an unknown one was sent"),
    "408": ("TooSlow", "the body did not arrive in time"),
    "413": ("TooLarge", "the body is too large"),
    "415": ("WrongMediaType", "the body is not declared to be JSON"),
    "422": (
        "BadValues",
        "values are missing, of a wrong type, out of range or contradict each other: `errors` names them all",
    ),
    "429": ("TooManyRequests", "too many requests: try again after `Retry-After` seconds"),
    "500": ("Failed", "a defect of the service: its log has the id"),
    "503": ("NotReady", "no model is loaded yet, or not every one: try again after `Retry-After` seconds"),
}
"""Name and meaning of each error, by status."""
_RETRIED: Final = ("429", "503")


def _operation(serving: Serving, summary: str, request: Schema, example: Schema, answer: Schema) -> Schema:
    answered = _json("the prediction", answer)
    if any(field.known for field in serving.fields):
        answered["headers"] = {"Warning": {"description": "what was left out, as it is unknown", "schema": _TEXT}}
    return {
        "tags": [serving.item],
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": request, "example": example}},
        },
        "responses": {"200": answered} | _refusals(*_REFUSALS),
        "security": _KEY,
    }


def _refusals(*codes: str) -> Schema:
    return {code: {"$ref": f"#/components/responses/{_REFUSALS[code][0]}"} for code in codes}


def _about_the_service() -> Schema:
    status: Schema = {
        "type": "object",
        "required": ["status", "models_loaded", "version"],
        "properties": {
            "status": {"enum": ["healthy", "degraded", "unavailable"]},
            "models_loaded": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "version": _TEXT,
            "reasons": {"type": "array", "items": _TEXT, "description": "what is not as it should be"},
        },
    }
    alive: Schema = {"type": "object", "required": ["status"], "properties": {"status": _TEXT}}
    models = {"type": "object", "required": ["models"], "properties": {"models": {"items": _ref("Model")}}}
    reload = {
        "tags": [_SERVICE],
        "summary": "Look for new champions now",
        "responses": {
            "200": _json("the state after the look", status),
            "401": problem("the admin token is missing or wrong"),
            "403": problem("closed: the service was started without an admin token"),
            **_refusals("500"),
            "503": problem("MLflow has not answered yet: try again after `Retry-After` seconds", retry_after=True),
        },
        "security": [{"bearer": []}],
    }
    text = {"description": "Prometheus text", "content": {"text/plain": {"schema": _TEXT}}}
    loaded = {"200": _json("one entry for each loaded model", models)} | _refusals("401")
    ready = {"200": _json("ready", alive)} | _refusals("503")
    return {
        "/health": _get("How the service is", {"200": _json("its state", status)}),
        "/livez": _get("Is the process alive?", {"200": _json("yes", alive)}),
        "/readyz": _get("Is every model that should be served loaded?", ready),
        "/models": _get("The versions being served and where they come from", loaded, security=_KEY),
        "/metrics": _get("Metrics", {"200": text}),
        "/admin/reload": {"post": reload},
    }


def _get(summary: str, responses: Schema, **more: Any) -> Schema:
    return {"get": {"tags": [_SERVICE], "summary": summary, "responses": responses, **more}}


def _model() -> Schema:
    schema: Schema = msgspec.json.schema(ModelVersion)
    (definition,) = schema["$defs"].values()
    return {key: definition[key] for key in ("type", "properties", "required")}


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
