"""The table of observations, a row for each player, match and skill: everything the coach knows is computed from it."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.coaching.skills import CoachingError, Skill

OBSERVATIONS: Final = ("player", "match", "at", "group", "context", "skill", "total", "exposure")
"""Columns of a table of observations.

``player`` and ``match`` are text, ``at`` is when the match was played (UTC), ``group`` names the peers (a tier, a rank,
or `EVERYBODY`; parts from wide to narrow may be joined by `WITHIN`), ``context`` what the match was played in (map and
side; "" where nothing is told apart), ``total`` is the skill's sum over the match in that context, ``exposure`` how
much there was to sum over (rounds, duels, minutes).
The skill's value there is ``total / exposure``.
"""
WITHIN: Final = " / "
"""Joins the parts of a group's name: ``3v3 / ballchasing ranked-standard / diamond``. Players of another first part are
never compared."""
EVERYBODY: Final = "all"
"""The group of all players: of who has no rank, and of ranks too few players have."""


def checked(observations: pd.DataFrame, skills: Iterable[Skill]) -> pd.DataFrame:
    """Observations that can be computed with: known skills, positive finite exposure, finite totals.

    Rows without exposure say nothing and are left out.

    Raises:
        CoachingError: a column is missing, a skill is not known, a total is not finite, or a player has two rows for
            one skill in one match and context.
    """
    if missing := set(OBSERVATIONS) - set(observations.columns):
        raise CoachingError(f"observations lack the columns {', '.join(sorted(missing))}")
    known = {skill.name for skill in skills}
    if unknown := set(observations["skill"].unique()) - known:
        raise CoachingError(f"observations of skills that are not defined: {', '.join(sorted(unknown))}")
    found = observations[list(OBSERVATIONS)]
    found = found[found["exposure"].notna() & (found["exposure"] > 0)]
    figures = found[["total", "exposure"]].apply(pd.to_numeric, errors="coerce").to_numpy("float64")
    broken = found[~np.isfinite(figures).all(axis=1)]
    if not broken.empty:
        row = broken.iloc[0]
        raise CoachingError(
            f"{row['skill']} of player {row['player']} in match {row['match']} is {row['total']} over {row['exposure']}"
        )
    twice = found.duplicated(["player", "match", "context", "skill"])
    if twice.any():
        row = found[twice].iloc[0]
        raise CoachingError(
            f"{row['skill']} of player {row['player']} stands twice for match {row['match']} {row['context']}".rstrip()
        )
    return found.reset_index(drop=True)
