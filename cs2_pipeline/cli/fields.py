"""The fields of a request as options of a command, made from the game's tables: help and request agree.

A field may be given as an option (``--ct-alive 4``) or as in a request (``ct_alive=4``). Whether the values make
sense is for the service to say; here they only become numbers and text.
"""

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from cs2_pipeline.cli.console import UsageError
from cs2_pipeline.game.state import Field


def options(fields: Sequence[Field]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option for each field. The command takes them as keyword arguments, text or None."""

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        kept = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        added = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[str | None, _option(field)],
            )
            for field in fields
        ]
        command.__signature__ = own.replace(parameters=[*kept, *added])  # type: ignore[attr-defined]
        return command

    return with_options


def given(fields: Sequence[Field], by_option: Mapping[str, str | None], assignments: Sequence[str]) -> dict[str, Any]:
    """The values given by options and as ``name=value``, by field name.

    Raises:
        UsageError: unknown or repeated names, or values that are no numbers; all of them are named.
    """
    known = {field.name: field for field in fields}
    texts = [(name, text) for name, text in by_option.items() if text is not None]
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for name, text in [*texts, *_split(assignments, wrong)]:
        if name not in known:
            wrong.append(f"{name}: unknown field{_suggestion(name, known)}")
        elif name in values:
            wrong.append(f"{name}: given twice")
        else:
            try:
                values[name] = _value(known[name], text)
            except ValueError:
                wrong.append(f"{name}: must be a number, not {text!r}")
    if wrong:
        raise UsageError("\n  ".join(["these values are not valid:", *wrong]) + f"\nThe fields are {', '.join(known)}.")
    return values


def _option(field: Field) -> Any:
    limits = "" if field.text else f" ({field.low:,.0f} to {field.high:,.0f})"
    return typer.Option(
        f"--{field.name.replace('_', '-')}",
        metavar="TEXT" if field.text else "WHOLE" if field.integer else "NUMBER",
        help=f"{field.meaning}{limits}",
        rich_help_panel="Fields" if field.required else "Optional fields",
    )


def _split(assignments: Sequence[str], wrong: list[str]) -> Iterator[tuple[str, str]]:
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if separator:
            yield name, text
        else:
            wrong.append(f"{assignment!r}: give fields as --option value or as name=value")


def _suggestion(name: str, known: Mapping[str, Field]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _value(field: Field, text: str) -> str | int | float:
    if field.text:
        return text
    number = float(text)
    return int(number) if number.is_integer() else number
