"""What the OpenAPI documents of both services share: how a problem is described, and the page that shows a document.

The page uses the Swagger UI that BentoML brings along, so that it works without the internet.
"""

from typing import Any, Final

Schema = dict[str, Any]

PROBLEM: Final[Schema] = {
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
"""The schema of an error (RFC 9457), which both documents call ``Problem``."""


def problem(description: str, *, retry_after: bool = False) -> Schema:
    """A response that is a problem; with ``retry_after``, one that says when to try again."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = {"headers": {"Retry-After": {"schema": {"type": "integer"}, "required": True}}} if retry_after else {}
    return {"description": description, "content": content, **headers}


SWAGGER_FILES: Final = ("static_content/swagger-ui.css", "static_content/swagger-ui-bundle.js")
"""Files of Swagger UI that the page takes from BentoML."""

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>TITLE</title>
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


def page(title: str) -> str:
    """The HTML page that shows the service's ``openapi.json``."""
    return _PAGE.replace("TITLE", title)
