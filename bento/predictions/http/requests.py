"""From a request's body to values: the forms a body may take, built from the game's tables of fields.

A body is decoded and checked in one step by msgspec (the fast path). Whatever that refuses is read again slowly, to
name everything that is wrong with it, or to accept what is right but unusual (``4.0`` for a whole number).

What the tables leave open is decided here:

- snake_case or camelCase, one of them in one body; the other spelling is an unknown field;
- an unknown field is refused, because a mistyped optional field would silently change the prediction;
- an optional field that is null is not given; true, false and text are not numbers; ``NaN`` and ``Infinity``, which
  some JSON writers emit, are named as wrong values;
- `match_id` and `round_id` may come with a round: they are kept in the prediction log and have no other effect.
"""

import difflib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final

import msgspec
from msgspec.structs import asdict, astuple

from bento.http.problems import MAX_ERRORS, FieldError, bad_values, not_json
from cs2_pipeline.artifact.spec import Columns, Serving, Values
from cs2_pipeline.game.contradictions import Rule, broken
from cs2_pipeline.game.state import Field

MAX_BATCH: Final = 10_000
MAX_TEXT: Final = 100
MAX_LISTS: Final = 2 * MAX_BATCH
"""Lists and objects in a body that is read slowly, where each item of the largest batch holds one more."""
MAX_COMMAS: Final = 40 * MAX_BATCH
"""Commas in it: twice as many fields as an item has."""


def camel(name: str) -> str:
    """The camelCase form of a snake_case name."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@dataclass(frozen=True)
class Style:
    """A spelling of field names: what a field is called in the body, and back."""

    name: str
    spell: Callable[[str], str]


SNAKE: Final = Style("snake_case", str)
CAMEL: Final = Style("camelCase", camel)


class Form:
    """One kind of request: its fields, one or many to a body.

    Args:
        fields: the table of fields.
        rules: the rules that tie fields together, of one item's values or of a table's columns.
        many: the name of the list in a body with many.
        ids: names of the caller's own identifiers that may come along.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        rules: Callable[[Mapping[str, Any]], Iterable[Rule]],
        *,
        many: str,
        ids: tuple[str, ...] = (),
    ) -> None:
        self.fields = tuple(fields)
        self.ids = ids
        self.many = many
        self.rules = rules
        # The first field that the two spellings write differently tells them apart in a well-formed body.
        marks = (camel(field.name) for field in self.fields if camel(field.name) != field.name)
        self._camel_mark = f'"{next(marks)}"'.encode()
        self._by_name = {style.name: {style.spell(f.name): f for f in self.fields} for style in (SNAKE, CAMEL)}
        self._ids_by_name = {style.name: {style.spell(name): name for name in ids} for style in (SNAKE, CAMEL)}
        self._names = (*(field.name for field in self.fields), *ids)
        self.known = {field.name: frozenset(field.known) for field in self.fields if field.known}
        self._one, self._many = {}, {}
        for style in (SNAKE, CAMEL):
            one = _struct(self.fields, ids, style)
            listed = Annotated[list[one], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]  # type: ignore[valid-type]
            batch = msgspec.defstruct("Batch", [(many, listed)], forbid_unknown_fields=True)
            self._one[style.name] = msgspec.json.Decoder(one)
            self._many[style.name] = msgspec.json.Decoder(batch)

    def read_one(self, body: bytes) -> tuple[Values, Style]:
        """The values of a body with one state or record, by snake_case name, and the body's spelling.

        Raises:
            Problem: 400 or 422.
        """
        style = CAMEL if self._camel_mark in body else SNAKE
        try:
            values = asdict(self._one[style.name].decode(body))
        except (ValueError, RecursionError):  # msgspec's errors and malformed UTF-8 are ValueErrors
            return self._read_one_slowly(body)
        if found := broken(self.rules(values)):
            raise bad_values([FieldError(style.spell(name), message) for name, message in found])
        return values, style

    def read_many(self, body: bytes) -> tuple[list[msgspec.Struct], Style] | None:
        """The items of a body with many, still to be put into columns; None where `read_many_slowly` must look."""
        style = CAMEL if self._camel_mark in body else SNAKE
        try:
            return getattr(self._many[style.name].decode(body), self.many), style
        except (ValueError, RecursionError):
            return None

    def columns(self, decoded: Sequence[msgspec.Struct]) -> Columns:
        """The values of decoded items by field, None where one is not given. Some may still be impossible."""
        return dict(zip(self._names, zip(*map(astuple, decoded), strict=True), strict=True))

    def columns_of(self, rows: Sequence[Values]) -> Columns:
        """The same from the values of each item."""
        return {name: [values[name] for values in rows] for name in self._names}

    def unknown(self, columns: Columns) -> dict[str, int]:
        """How many of right items hold a text that the models do not know, by field; only fields with such items."""
        counts = {
            name: sum(value is not None and value not in known for value in columns[name])
            for name, known in self.known.items()
        }
        return {name: count for name, count in counts.items() if count}

    def read_many_slowly(self, document: Any) -> Iterator[tuple[list[Values], Style] | None]:
        """Read a parsed body with many item by item. Yields None now and then, so that others get their turn; then the
        result.

        Raises:
            Problem: 422, with every wrong field of every item.
        """
        rows = self._listed(document)
        style = self._style_of(rows[0]) if isinstance(rows[0], dict) else SNAKE
        errors: list[FieldError] = []
        read: list[Values] = []
        for number, row in enumerate(rows):
            values, wrong = self._check(row, style, f"{self.many}[{number}]", listed=len(errors) < MAX_ERRORS)
            errors += wrong
            read.append(values)
            if number % 100 == 99:
                yield None
        if errors:
            raise bad_values(errors)
        yield read, style

    def _listed(self, document: Any) -> list[Any]:
        if not isinstance(document, dict):
            raise bad_values([FieldError("", f"must be an object with the list {self.many!r}")])
        unknown = [name for name in document if name != self.many]
        errors = _unknown_fields("", unknown, lambda _: "unknown field")
        rows = document.get(self.many)
        if self.many not in document:
            errors.append(FieldError(self.many, "missing"))
        elif not isinstance(rows, list):
            errors.append(FieldError(self.many, f"must be a list, not {_kind(rows)}"))
        elif not 1 <= len(rows) <= MAX_BATCH:
            errors.append(FieldError(self.many, f"must hold 1 to {MAX_BATCH} items, not {len(rows)}"))
        if errors or not isinstance(rows, list):
            raise bad_values(errors)
        return rows

    def _read_one_slowly(self, body: bytes) -> tuple[Values, Style]:
        document = parse(body)
        style = self._style_of(document) if isinstance(document, dict) else SNAKE
        values, errors = self._check(document, style, "")
        if errors:
            raise bad_values(errors)
        return values, style

    def _style_of(self, document: Mapping[str, Any]) -> Style:
        known = {style: len(document.keys() & self._by_name[style.name].keys()) for style in (SNAKE, CAMEL)}
        return CAMEL if known[CAMEL] > known[SNAKE] else SNAKE

    def _check(
        self, document: Any, style: Style, place: str, *, listed: bool = True
    ) -> tuple[Values, list[FieldError]]:
        """One item's values and everything wrong with it.

        Args:
            document: the item.
            style: the body's spelling.
            place: where it stands in the body.
            listed: False where so much is wrong before it that its errors are only counted.
        """
        if not isinstance(document, dict):
            return {}, [FieldError(place, f"must be an object, not {_kind(document)}")]
        prefix = f"{place}." if place else ""
        known, ids = self._by_name[style.name], self._ids_by_name[style.name]
        values: Values = {}
        unknown = [name for name in document if name not in known and name not in ids]
        if listed:
            errors = _unknown_fields(prefix, unknown, lambda name: self._unknown(name, style))
        else:
            errors = [_COUNTED] * len(unknown)
        for spelled, field in known.items():
            value, message = _checked(field, document.get(spelled, _ABSENT))
            values[field.name] = value
            if message:
                errors.append(FieldError(prefix + spelled, message))
        for spelled, name in ids.items():
            values[name] = document.get(spelled)
            if values[name] is not None and (message := _wrong_text(values[name])):
                errors.append(FieldError(prefix + spelled, message))
        if not errors:
            found = broken(self.rules(values))
            errors += [FieldError(prefix + style.spell(name), message) for name, message in found]
        return values, sorted(errors, key=lambda error: error.field)

    def _unknown(self, name: str, style: Style) -> str:
        other = self._by_name[(CAMEL if style is SNAKE else SNAKE).name].get(name)
        if other:
            return f"this body is {style.name}: write {style.spell(other.name)}"
        known = [*self._by_name[style.name], *self._ids_by_name[style.name]]
        close = difflib.get_close_matches(name[:MAX_TEXT], known, n=1)
        return f"unknown field; did you mean {close[0]}?" if close else "unknown field"


_ABSENT: Final = object()
_COUNTED: Final = FieldError("", "unknown field")
"""Stands for unknown fields that are not listed: saying which and why takes time for each."""


def _struct(fields: Sequence[Field], ids: tuple[str, ...], style: Style) -> type[msgspec.Struct]:
    """A msgspec type that decodes and checks one item. Attribute names are snake_case whatever the body's spelling."""
    required = [(field.name, _type(field)) for field in fields if field.required]
    optional = [(field.name, _type(field) | None, None) for field in fields if not field.required]
    identifiers = [(name, Annotated[str, msgspec.Meta(max_length=MAX_TEXT)] | None, None) for name in ids]
    return msgspec.defstruct(
        "Item", [*required, *optional, *identifiers], rename=style.spell, forbid_unknown_fields=True, gc=False
    )


def _type(field: Field) -> Any:
    if field.text:
        return Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
    if field.integer:
        return Annotated[int, msgspec.Meta(ge=int(field.low), le=int(field.high))]
    return Annotated[float, msgspec.Meta(ge=field.low, le=field.high)]


def parse(body: bytes) -> Any:
    """A body as JSON.

    Raises:
        Problem: 400.
    """
    # Whatever it holds, the parser stops the whole worker until it is done: what no batch can hold is not begun.
    if body.count(b"[") + body.count(b"{") > MAX_LISTS or body.count(b",") > MAX_COMMAS:
        raise not_json("it holds more lists, objects or values than a batch can")
    try:
        return json.loads(body.decode(), parse_int=_whole)
    except RecursionError:
        raise not_json("it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise not_json(f"it is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise not_json(f"{error.msg} at line {error.lineno}, column {error.colno}") from None


def _unknown_fields(prefix: str, names: list[str], why: Callable[[str], str]) -> list[FieldError]:
    """Errors for unknown fields; beyond what is listed anyway, one for the rest: saying why takes time for each."""
    errors = [FieldError(prefix + _shown(name), why(name)) for name in names[:MAX_ERRORS]]
    rest = len(names) - len(errors)
    return [*errors, FieldError(prefix.rstrip("."), f"{rest} more unknown fields")] if rest else errors


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 20 else float(digits)


def _checked(field: Field, value: Any) -> tuple[Any, str | None]:
    """A field's value as the fast path would give it, and what is wrong with it, if anything."""
    if value is _ABSENT or value is None:
        message = ("must not be null" if value is None else "missing") if field.required else None
        return None, message
    if field.text:
        return value, _wrong_text(value)
    if message := _wrong_number(field, value):
        return None, message
    return (int(value) if field.integer else float(value)), None


def _wrong_number(field: Field, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {_kind(value)}"
    if not math.isfinite(value):
        return "must be a finite number"
    if not field.low <= value <= field.high:
        return f"must be from {field.low:g} to {field.high:g}, not {value:g}"
    if field.integer and value != int(value):
        return f"must be a whole number, not {value:g}"
    return None


def _wrong_text(value: Any) -> str | None:
    if not isinstance(value, str):
        return f"must be text, not {_kind(value)}"
    if len(value) > MAX_TEXT:
        return f"must have at most {MAX_TEXT} characters, not {len(value)}"
    if any("\ud800" <= character <= "\udfff" for character in value):
        return "must be Unicode, without half a surrogate pair"
    return None


_KINDS: Final = {bool: "true or false", str: "text", list: "a list", dict: "an object", type(None): "null"}


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a number")


def _shown(name: str) -> str:
    """A field name from a request, fit to be sent back: short, and without what UTF-8 cannot hold."""
    return name[:MAX_TEXT].encode("utf-8", "replace").decode()


@cache
def form_of(serving: Serving) -> Form:
    """The form of a model's requests."""
    return Form(serving.fields, serving.rules, many=serving.listed, ids=serving.ids)
