"""Rules that tie the fields of an input together, written once for one item and for a table of them.

What the rules are stands beside the fields (`state.rules`, `player.rules`); here is what is made of them.
"""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

Rule = tuple[str, Any, str, tuple[Any, ...]]
"""The field that is to blame; whether the rule is broken, for one item or as an array for many; what is then said, and
the values that it names (`str.format`)."""


def broken(rules: Iterable[Rule]) -> list[tuple[str, str]]:
    """What makes an item impossible, as pairs of field and message; empty for a possible one."""
    return [(field, words.format(*about)) for field, is_broken, words, about in rules if is_broken]


def any_broken(rules: Iterable[Rule]) -> Any:
    """Which items of a table are impossible: an array of booleans, or False where there is no rule at all."""
    return reduce(or_, (is_broken for _, is_broken, _, _ in rules), False)
