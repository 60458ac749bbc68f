"""What other parts read of a card: plain documents, and the weaknesses in them. Needs no pandas.

A card is made where the observations are, and kept in `records`; who shows it or plans from it reads it here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Weakness:
    """A known weakness.

    Attributes:
        skill, title: identifier and what a player reads.
        percentile: share of peers whose skill is worse, with its interval, from 0 to 1.
        matches: it was seen in.
        worth: what reaching the peers' median goes with, in win probability; None where that is not known.
    """

    skill: str
    title: str
    percentile: tuple[float, float, float]
    matches: int
    worth: float | None = None

    @classmethod
    def of_line(cls, line: Mapping[str, Any]) -> Self:
        """Of a line of a card's document."""
        low, high = line["interval"]
        return cls(line["skill"], line["title"], (line["percentile"], low, high), line["matches"], line["worth"])


def weaknesses(card: Mapping[str, Any]) -> list[Weakness]:
    """The weaknesses of a card's document, in its order."""
    lines = {line["skill"]: line for line in card["lines"]}
    return [Weakness.of_line(lines[skill]) for skill in card["weaknesses"]]
