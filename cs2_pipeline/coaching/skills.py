"""What a skill is: a quantity of a player with a definition, a unit, an exposure and a direction.

A table of *observations* holds one row for each player, match and skill; everything else in the coach is computed from
it and from the skills' entries here, whatever the game.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pandas as pd

OBSERVATIONS: Final = ("player", "match", "at", "group", "skill", "total", "exposure")
"""Columns of a table of observations.

``player`` and ``match`` are text, ``at`` is when the match was played (UTC), ``group`` names the peers (a tier, a rank,
or ``all``), ``total`` is the skill's sum over the match, ``exposure`` how much there was to sum over (rounds, duels,
minutes). The skill's value in the match is ``total / exposure``.
"""


class CoachingError(Exception):
    """Something that keeps the coach from an answer; the message says what and what to do."""


@dataclass(frozen=True)
class Skill:
    """A quantity of a player.

    Attributes:
        name: identifier, unique in its game.
        title: what a player reads.
        category: the heading it stands under.
        definition: how it is computed, in a sentence.
        unit: of the value.
        exposure: what it is averaged over, in the plural: rounds, duels, minutes.
        higher_is_better: its direction.
        depends_on: what moves it besides the player.
    """

    name: str
    title: str
    category: str
    definition: str
    unit: str
    exposure: str
    higher_is_better: bool
    depends_on: tuple[str, ...] = ()

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.higher_is_better else -1


def checked(observations: pd.DataFrame, skills: Iterable[Skill]) -> pd.DataFrame:
    """Observations that can be computed with: known skills, positive finite exposure, finite totals.

    Rows without exposure say nothing and are left out.

    Raises:
        CoachingError: a column is missing, a skill is not known, a total is not finite, or a player has two rows for
            one skill in one match.
    """
    if missing := set(OBSERVATIONS) - set(observations.columns):
        raise CoachingError(f"observations lack the columns {', '.join(sorted(missing))}")
    known = {skill.name for skill in skills}
    if unknown := set(observations["skill"].unique()) - known:
        raise CoachingError(f"observations of skills that are not defined: {', '.join(sorted(unknown))}")
    found = observations[list(OBSERVATIONS)]
    found = found[found["exposure"].notna() & (found["exposure"] > 0)]
    broken = found[~found["total"].map(pd.api.types.is_number) | found["total"].isna()]
    if not broken.empty:
        row = broken.iloc[0]
        raise CoachingError(f"{row['skill']} of player {row['player']} in match {row['match']} is {row['total']}")
    twice = found.duplicated(["player", "match", "skill"])
    if twice.any():
        row = found[twice].iloc[0]
        raise CoachingError(f"{row['skill']} of player {row['player']} stands twice for match {row['match']}")
    return found.reset_index(drop=True)
