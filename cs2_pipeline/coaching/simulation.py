"""Observations of simulated players whose skills are known: what the coach itself is judged on.

Players of a group have skills drawn from its distribution, matches have exposures and chance, and a chosen player's
skill may rise from a chosen match on. Nothing here is read by the coach.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cs2_pipeline.coaching.skills import Skill
from cs2_pipeline.stats.intervals import Floats


@dataclass(frozen=True)
class Population:
    """How a skill is distributed and how noisy its matches are.

    Attributes:
        mean, spread: of the players' true skills.
        noise: variance of a match's value for one unit of exposure.
        exposure: mean exposure of a match.
    """

    mean: float
    spread: float
    noise: float
    exposure: float


def observe(
    skills: Sequence[Skill],
    populations: Mapping[str, Population],
    matches: Sequence[int],
    *,
    seed: int,
    drift: float = 0.0,
    gains: Mapping[tuple[int, str], tuple[int, float]] | None = None,
) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """Play matches.

    Args:
        skills: which.
        populations: of each skill.
        matches: how many each player plays, one a day.
        seed: of everything random.
        drift: what every player's skill gains from the first to the last day, in standard deviations.
        gains: by player number and skill, from which match on the skill is higher and by how many standard deviations.

    Returns:
        A table of observations, and the players' true skills on the first day by skill, shape (players,).
    """
    random = np.random.default_rng(seed)
    start = pd.Timestamp("2026-01-01", tz="UTC")
    longest = max(matches)
    frames, truth = [], {}
    for skill in skills:
        population = populations[skill.name]
        truth[skill.name] = population.mean + population.spread * random.standard_normal(len(matches))
        for player, count in enumerate(matches):
            since, gain = (gains or {}).get((player, skill.name), (count, 0.0))
            number = np.arange(count)
            level = truth[skill.name][player] + skill.sign * population.spread * (
                drift * number / longest + gain * (number >= since)
            )
            exposure = 1.0 + random.poisson(population.exposure - 1, count)
            value = level + np.sqrt(population.noise / exposure) * random.standard_normal(count)
            frames.append(
                pd.DataFrame(
                    {
                        "player": f"player{player:04d}",
                        "match": [f"{player}-{one}" for one in number],
                        "at": start + pd.to_timedelta(number, unit="D"),
                        "group": "all",
                        "skill": skill.name,
                        "total": value * exposure,
                        "exposure": exposure,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True), truth
