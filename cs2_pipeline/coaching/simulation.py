"""Observations of simulated players whose skills are known: what the coach itself is judged on.

Players of a group have skills drawn from its distribution, matches have exposures and chance, and a chosen player's
skill may rise from a chosen match on. Nothing here is read by the coach.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from cs2_pipeline.coaching.skills import Skill
from cs2_pipeline.stats.intervals import Floats

SIDES: Final = ("CT", "T")


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
    maps: int = 0,
    tiers: int = 1,
) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """Play matches.

    Args:
        skills: which.
        populations: of each skill.
        matches: how many each player plays, one a day.
        seed: of everything random.
        drift: what every player's skill gains from the first to the last day, in standard deviations.
        gains: by player number and skill, from which match on the skill is higher and by how many standard deviations.
        maps: how many there are; each moves everybody's value on either side by as much as players differ, and players
            have their own favourites. 0: nothing but the players differs.
        tiers: of players; each is a standard deviation better than the one below it, and is a group.

    Returns:
        A table of observations, and the players' true skills on the first day by skill, shape (players,).
    """
    random = np.random.default_rng(seed)
    start = pd.Timestamp("2026-01-01", tz="UTC")
    longest = max(matches)
    frames, truth = [], {}
    favourites = random.dirichlet(np.full(maps, 0.7), len(matches)) if maps else None
    for skill in skills:
        population = populations[skill.name]
        tier = np.arange(len(matches)) % tiers
        skilled = skill.sign * tier + random.standard_normal(len(matches))
        truth[skill.name] = population.mean + population.spread * skilled
        moved = population.spread * random.standard_normal((maps, len(SIDES)))
        moved -= moved.mean() if maps else 0.0
        for player, count in enumerate(matches):
            since, gain = (gains or {}).get((player, skill.name), (count, 0.0))
            number = np.arange(count)
            level = truth[skill.name][player] + skill.sign * population.spread * (
                drift * number / longest + gain * (number >= since)
            )
            about: dict[str, Any] = {
                "player": f"player{player:04d}",
                "match": [f"{player}-{one}" for one in number],
                "at": start + pd.to_timedelta(number, unit="D"),
                "group": "all" if tiers == 1 else f"tier {tier[player]}",
                "skill": skill.name,
            }
            parts: list[tuple[Any, float, Any]] = [("", population.exposure, 0.0)]
            if favourites is not None:
                played = random.choice(maps, count, p=favourites[player])
                half = max(population.exposure / len(SIDES), 1.0)
                names = [np.char.add(np.char.add("map", played.astype("str")), f" {side}") for side in SIDES]
                parts = [(name, half, moved[played, place]) for place, name in enumerate(names)]
            for context, mean, easier in parts:
                exposure = 1.0 + random.poisson(mean - 1, count)
                value = level + easier + np.sqrt(population.noise / exposure) * random.standard_normal(count)
                told = about | {"context": context, "total": value * exposure, "exposure": exposure}
                frames.append(pd.DataFrame(told))
    return pd.concat(frames, ignore_index=True), truth
