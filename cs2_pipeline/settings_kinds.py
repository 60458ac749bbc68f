"""What values a setting takes, in words: for the settings' page and for errors about settings."""

from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo


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
