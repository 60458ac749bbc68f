"""What the gateway's document promises: the statuses of answers, and the limits of what is sent."""

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bento.gateway.app import build_app
from cs2_pipeline.settings import Settings

LIMITS = {"minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "minItems", "maxItems"}


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = build_app(Settings(home=Path(folder))).openapi()
        return found


def statuses(prefix: str) -> dict[str, str]:
    """The statuses of success of all operations below a path, where they are not 200 alone."""
    found = {
        f"{method.upper()} {path}": " ".join(sorted(code for code in operation["responses"] if code[0] in "23"))
        for path, operations in document()["paths"].items()
        if path.startswith(prefix)
        for method, operation in operations.items()
    }
    return {name: codes for name, codes in found.items() if codes != "200"}


def limits(schema: str) -> dict[str, tuple[float, ...]]:
    """The limits of a schema's fields, by field, in the order in which they stand."""
    properties = document()["components"]["schemas"][schema]["properties"]
    found = {name: tuple(_limits(field)) for name, field in properties.items()}
    return {name: numbers for name, numbers in found.items() if numbers}


def _limits(part: Any) -> Iterator[float]:
    if isinstance(part, dict):
        yield from (number for _, number in sorted((key, part[key]) for key in LIMITS & part.keys()))
        for key, inner in part.items():
            if key not in LIMITS:
                yield from _limits(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _limits(inner)
