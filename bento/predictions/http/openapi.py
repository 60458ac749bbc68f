"""The OpenAPI document, built from the game's tables of fields, and the page that shows it.

The page uses the Swagger UI that BentoML brings along, so that it works without the internet.
"""

from importlib.metadata import version as installed_version
from typing import Any, Final

import msgspec

from bento.predictions.http.answers import version_key
from bento.predictions.http.requests import CAMEL, MAX_BATCH, MAX_TEXT, SNAKE, Form, Style, form_of
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.spec import Serving, serving_of
from cs2_pipeline.game.state import Field

Schema = dict[str, Any]

_PROBABILITY: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}
_TEXT: Final[Schema] = {"type": "string"}

_DESCRIPTION: Final = """\
Win probabilities of Counter-Strike 2 rounds and skill tiers of players.

A request is written in snake_case or in camelCase, and answered in the same. Unknown fields are refused. A state that
cannot exist (such as more health than the living players can have) is refused with 422, though each of its fields is
within its bounds. Decided states get exactly 0 or 1. Errors are `application/problem+json` (RFC 9457).
"""


def pages() -> dict[str, tuple[bytes, bytes]]:
    """Media type and content by path."""
    specification = (b"application/json", msgspec.json.encode(document()))
    page = (b"text/html; charset=utf-8", _PAGE.encode())
    return {"/": page, "/docs": page, "/openapi.json": specification, "/docs.json": specification}


def document() -> Schema:
    """The OpenAPI 3.1 document."""
    models = [(serving_of(spec), form_of(serving_of(spec))) for spec in catalog.served()]
    paths: Schema = {}
    schemas: Schema = {}
    for serving, form in models:
        paths[serving.one] = _one(serving)
        paths[serving.many] = _many(serving, form)
        schemas |= _spelled(serving, form)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Counter-Strike 2 predictions",
            "version": installed_version("cs2-pipeline"),
            "description": _DESCRIPTION,
        },
        "paths": paths | _about_the_service(),
        "components": {
            "schemas": schemas | {"Problem": _PROBLEM, "Model": _model()},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


_PROBLEM: Final[Schema] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": _TEXT, "message": _TEXT},
            },
        },
    },
}


def _spelled(serving: Serving, form: Form) -> dict[str, Schema]:
    """A form's schemas and its answer's, in both spellings."""
    name, answer = serving.item, serving.answer
    schemas: dict[str, Schema] = {}
    for style, suffix in ((SNAKE, ""), (CAMEL, "Camel")):
        request = {style.spell(field.name): _field(field) for field in form.fields}
        identifiers = {style.spell(key): _identifier(key) for key in form.ids}
        schemas[name + suffix] = {
            "type": "object",
            "properties": request | identifiers,
            "required": [style.spell(field.name) for field in form.fields if field.required],
            "additionalProperties": False,
        }
        parts = {style.spell(key): schema for key, schema in answer.items()}
        required = [style.spell(key) for key in answer if key not in serving.optional_parts]
        schemas[f"{name}Prediction{suffix}"] = {"type": "object", "properties": parts, "required": required}
        key = version_key(style)
        schemas[f"{name}Answer{suffix}"] = {
            "type": "object",
            "properties": parts | {key: _TEXT},
            "required": [*required, key],
            "additionalProperties": False,
        }
        schemas[f"{name}Answers{suffix}"] = _answers(f"{name}Prediction{suffix}", style)
    return schemas


def _answers(item: str, style: Style) -> Schema:
    key = version_key(style)
    return {
        "type": "object",
        "properties": {"predictions": {"type": "array", "items": _ref(item)}, key: _TEXT},
        "required": ["predictions", key],
        "additionalProperties": False,
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
    either = {"anyOf": [_ref(name), _ref(f"{name}Camel")]}
    answer = {"anyOf": [_ref(f"{name}Answer"), _ref(f"{name}AnswerCamel")]}
    return {"post": _operation(serving.question, either, dict(serving.example), answer)}


def _many(serving: Serving, form: Form) -> Schema:
    name = serving.item

    def body(item: str) -> Schema:
        items = {"type": "array", "items": _ref(item), "minItems": 1, "maxItems": MAX_BATCH}
        return {
            "type": "object",
            "properties": {form.many: items},
            "required": [form.many],
            "additionalProperties": False,
        }

    either = {"anyOf": [body(name), body(f"{name}Camel")]}
    answer = {"anyOf": [_ref(f"{name}Answers"), _ref(f"{name}AnswersCamel")]}
    return {"post": _operation(serving.questions, either, {form.many: [dict(serving.example)]}, answer)}


_REFUSALS: Final = {
    "400": "the body is not JSON",
    "401": "the service asks for an API key, and none or an unknown one was sent",
    "408": "the body did not arrive in time",
    "413": "the body is too large",
    "415": "the body is not declared to be JSON",
    "422": "values are missing, of a wrong type, out of range or contradict each other: `errors` names them all",
    "429": "too many requests: try again after `Retry-After` seconds",
    "500": "a defect of the service: its log has the id",
    "503": "no model is loaded yet",
}


def _operation(summary: str, request: Schema, example: Schema, answer: Schema) -> Schema:
    return {
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": request, "example": example}},
        },
        "responses": {"200": _json("the prediction", answer)} | {code: _problem(code) for code in _REFUSALS},
        "security": [{}, {"key": []}, {"bearer": []}],
    }


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
        "summary": "Look for new champions now",
        "responses": {
            "200": _json("the state after the look", status),
            "401": _problem("401", "the admin token is missing or wrong"),
            "403": _problem("403", "closed: the service was started without an admin token"),
            "500": _problem("500"),
            "503": _problem("503", "MLflow has not answered yet: try again after `Retry-After` seconds"),
        },
        "security": [{"bearer": []}],
    }
    models_responses = {"200": _json("one entry for each loaded model", models), "401": _problem("401")}
    models_security: list[Schema] = [{}, {"key": []}, {"bearer": []}]
    text = {"description": "Prometheus text", "content": {"text/plain": {"schema": _TEXT}}}
    ready = {"200": _json("ready", alive), "503": _problem("503", "a model that should be served is not loaded yet")}
    return {
        "/health": {"get": {"summary": "How the service is", "responses": {"200": _json("its state", status)}}},
        "/livez": {"get": {"summary": "Is the process alive?", "responses": {"200": _json("yes", alive)}}},
        "/readyz": {"get": {"summary": "Is every model that should be served loaded?", "responses": ready}},
        "/models": {
            "get": {
                "summary": "The versions being served and where they come from",
                "responses": models_responses,
                "security": models_security,
            }
        },
        "/metrics": {"get": {"summary": "Metrics", "responses": {"200": text}}},
        "/admin/reload": {"post": reload},
    }


def _model() -> Schema:
    schema: Schema = msgspec.json.schema(ModelVersion)
    (definition,) = schema["$defs"].values()
    return {key: definition[key] for key in ("type", "properties", "required")}


def _json(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem(code: str, description: str | None = None) -> Schema:
    response: Schema = {
        "description": description or _REFUSALS[code],
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }
    if code in ("429", "503"):
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "required": True}}
    return response


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


SWAGGER_FILES: Final = ("swagger-ui.css", "swagger-ui-bundle.js")
"""Files of Swagger UI that the page takes from BentoML."""

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Counter-Strike 2 predictions</title>
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="static_content/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="static_content/swagger-ui-bundle.js" charset="utf-8"></script>
  <script>
    SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", tryItOutEnabled: true});
  </script>
</body>
</html>
"""
