"""``docs/settings.md``, written from the settings themselves: ``python -m cs2_pipeline.settings_reference``.

It prints the page; ``> docs/settings.md`` keeps it. A test says when the two differ.
"""

from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from cs2_pipeline.settings import Settings

_HEADER = """# Settings

One environment variable each. With none set, everything lives in one folder. This page is written by
`python -m cs2_pipeline.settings_reference > docs/settings.md`; `cs2 doctor` shows the values in force and names
variables that are misspelt. Secrets are never shown. An empty variable counts as not set.

| Variable | Meaning | Default | Kind |
|---|---|---|---|"""


def page() -> str:
    """The page, as Markdown."""
    return "\n".join([_HEADER, *_rows()]) + "\n"


def _rows() -> Iterator[str]:
    prefix = str(Settings.model_config.get("env_prefix", ""))
    for name, field in Settings.model_fields.items():
        cells = (f"`{prefix}{name.upper()}`", field.description or "", _default(field), kind(field))
        yield f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(cell: str) -> str:
    return cell.replace("|", r"\|")


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    return "–" if default is None or default == "" else f"`{default}`"


def kind(field: FieldInfo) -> str:
    """What values a setting takes, in words."""
    kinds = [member for member in _members(field.annotation) if member is not type(None)]
    words = ["secret text" if member is SecretStr else _word(member) for member in kinds]
    bounds = [f"{sign} {limit}" for sign, limit in _bounds(field)]
    return ", ".join([" or ".join(words), *bounds])


def _members(annotation: Any) -> tuple[Any, ...]:
    is_union = get_origin(annotation) is Union or type(annotation).__name__ == "UnionType"
    return get_args(annotation) if is_union else (annotation,)


def _word(kind: Any) -> str:
    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return words.get(kind, getattr(kind, "__name__", str(kind)).lower())


def _bounds(field: FieldInfo) -> Iterator[tuple[str, Any]]:
    for bound in field.metadata:
        for attribute, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤")):
            if (limit := getattr(bound, attribute, None)) is not None:
                yield sign, limit


if __name__ == "__main__":
    print(page(), end="")
