"""The OpenAPI document: FastAPI's own, with the errors as they are really answered; and the page that shows it."""

from typing import Any, Final

DESCRIPTION: Final = """\
Everything of the platform that is not a prediction of a state at hand.

Requests are written in snake_case, as described here, or with the same names in camelCase (`mapId`), and answered in
the same; a request without field names is answered in camelCase with the header `Prefer: spelling=camel`. Lists come in
pages: send `next` of one as `after` for the one behind it. Errors are `application/problem+json` (RFC 9457). On the
machine it runs on, and with no key configured, no credential is needed.
"""

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_RESPONSE: Final = {
    "description": "a problem: what is wrong, and with which fields",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_REPLACED: Final = ("HTTPValidationError", "ValidationError")


def with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The document with `Problem` as the answer to everything that fails."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _REPLACED:
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = _RESPONSE
            if "security" in operation:
                operation["security"] = [{}, *operation["security"]]
    return document


PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Counter-Strike 2 platform: API</title>
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
"""Uses the Swagger UI that BentoML brings along, so that it works without the internet."""
