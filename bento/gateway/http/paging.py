"""Pages of long lists: `limit` and `after` in, `items` and `next` out.

A cursor is opaque: the sort key of the last item shown, so that a page stays right while items are added.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query

from bento.gateway.http.wire import Wire
from bento.http.problems import WRONG, FieldError, Problem, bad_values

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=500, description="items in this page")]
After = Annotated[str | None, Query(max_length=1000, description="`next` of the page before")]


class Page(Wire, Generic[Item]):
    """A page of a list; `next` is null at its end."""

    items: list[Item]
    next: str | None


def encode(position: Any) -> str:
    """A cursor for the place after an item with this sort key (anything that JSON holds)."""
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode().rstrip("=")


def decode(cursor: str | None, kind: type | tuple[type, ...]) -> Any:
    """The sort key that a cursor holds; None without a cursor.

    Raises:
        Problem: 422 when it is none of ours.
    """
    if cursor is None:
        return None
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        position = None
    whole = not isinstance(position, int) or abs(position) < 2**63  # no database holds larger ones
    if not isinstance(position, kind) or isinstance(position, bool) or not whole:
        raise _not_ours()
    return position


def decode_moment(cursor: str | None) -> tuple[float, str] | None:
    """The time and the id that a cursor of a list ordered by both holds; None without a cursor.

    Raises:
        Problem: 422 when it is none of ours.
    """
    match decode(cursor, list):
        case None:
            return None
        case [int() | float() as at, str() as identifier] if abs(at) < 2**63:  # nor NaN, which is not less
            return float(at), identifier
    raise _not_ours()


def _not_ours() -> Problem:
    return bad_values(
        [FieldError("after", "is not a cursor of this list: send `next` of the page before as it is")], WRONG
    )


def page(found: Sequence[Item], limit: int, key: Callable[[Item], Any]) -> Page[Any]:
    """A page of what was found, which is one item more than the limit when there is a next page."""
    shown = list(found[:limit])
    return Page(items=shown, next=encode(key(shown[-1])) if len(found) > limit else None)
