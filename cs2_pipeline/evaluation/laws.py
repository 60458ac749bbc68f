"""The laws of the game that every promoted model obeys, and the check that it does.

A law is a statement about probabilities that follows from the rules alone, whatever the data say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LawResult:
    """What the check of one law found.

    Attributes:
        name: the law's short name.
        holds: whether no violation was found.
        checked, violations: number of cases.
        worst: the size of the worst violation (for the drift law, the mean change); 0 where there is none.
        example: the worst case, or None.
        sentence: the finding in words, with its numbers.
    """

    name: str
    holds: bool
    checked: int
    violations: int
    worst: float
    example: Mapping[str, Any] | None
    sentence: str
