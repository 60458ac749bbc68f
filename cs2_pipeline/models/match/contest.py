"""A contest as the match model reads it: who plays whom, when, where, over how many maps.

Whatever is in here is known before the first round. The outcome is handed over beside it, when it is learned from.
"""

from dataclasses import dataclass
from typing import Final

from cs2_pipeline.game import rules

UNKNOWN_LENGTH: Final = 3
"""A series whose length was not recorded counts as a best of three: most are."""


@dataclass(frozen=True)
class LineUp:
    """One side of a contest.

    Attributes:
        players: ids of those known to play, at most five. Fewer than five make the price less certain.
        points: published ranking points on the day before, where the line-up was listed.
    """

    players: tuple[str, ...]
    points: float | None = None

    def __post_init__(self) -> None:
        if len(self.players) > rules.TEAM_SIZE:
            raise ValueError(f"a line-up has at most {rules.TEAM_SIZE} players, got {len(self.players)}")
        if len(set(self.players)) < len(self.players):
            raise ValueError(f"a player is named twice in the line-up {', '.join(sorted(self.players))}")


@dataclass(frozen=True)
class Contest:
    """A map or series to be played.

    Attributes:
        day: days since 1970-01-01, UTC.
        first, second: the two line-ups. Exchanging them gives the complementary probability, exactly.
        best_of: 1, 3 or 5 maps.
        map_name: the map, where one map is played and known.
    """

    day: int
    first: LineUp
    second: LineUp
    best_of: int = UNKNOWN_LENGTH
    map_name: str | None = None

    def __post_init__(self) -> None:
        if both := set(self.first.players) & set(self.second.players):
            raise ValueError(f"{', '.join(sorted(both))} cannot play on both sides")
