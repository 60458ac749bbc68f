"""Made contests between teams of known strength, in the order of play."""

import json
import math

import numpy as np
import pandas as pd

from cs2_pipeline.datasets.schema import CONTESTS
from cs2_pipeline.game.series import series_odds
from cs2_pipeline.models.match.contest import Contest, LineUp


def season(days: int = 60, teams: int = 12, per_day: int = 6, seed: int = 0) -> tuple[list[Contest], list[bool]]:
    """Contests and outcomes; a player's strength is normal, now and then somebody stands in or joins anew."""
    rng = np.random.default_rng(seed)
    strength = {f"p{number}": rng.normal(0, 0.9) for number in range(teams * 6)}
    contests, won = [], []
    for day in range(days):
        for _ in range(per_day):
            pair = rng.permutation(teams)[:2]
            sides = []
            for team in pair:
                players = [f"p{team * 6 + place}" for place in rng.permutation(6)[:5]]
                points = float(900 + 300 * rng.normal()) if rng.random() < 0.6 else None
                sides.append(LineUp(tuple(players), points))
            best_of = int(rng.choice([1, 3, 5]))
            advantage = np.mean([strength[p] for p in sides[0].players]) - np.mean(
                [strength[p] for p in sides[1].players]
            )
            odds = 1 / (1 + math.exp(-advantage))
            map_name = ["de_nuke", None][int(rng.integers(2))] if best_of == 1 else None
            contests.append(Contest(20_000 + day, sides[0], sides[1], best_of, map_name))
            won.append(bool(rng.random() < series_odds(best_of, [odds] * best_of)))
    return contests, won


def contests_table(**asked: int) -> pd.DataFrame:
    """The same season as a table of contests (`schema.CONTESTS`)."""
    contests, won = season(**asked)
    rows = []
    for number, (contest, outcome) in enumerate(zip(contests, won, strict=True)):
        sides = {"first": contest.first, "second": contest.second}
        rows.append(
            {
                "match_id": str(number), "started_at": pd.Timestamp(contest.day, unit="D", tz="UTC"), "place": number,
                "best_of": contest.best_of, "map_name": contest.map_name, "first_wins": int(outcome), "source": "demo",
                **{f"{name}_players": json.dumps(sorted(side.players)) for name, side in sides.items()},
                **{f"{name}_name": f"Team {int(side.players[0][1:]) // 6}" for name, side in sides.items()},
                **{f"{name}_points": side.points for name, side in sides.items()},
                **{f"{name}_score": None for name in sides},
                **{f"{name}_rounds": None for name in sides},
            }
        )  # fmt: skip
    return CONTESTS.conform(pd.DataFrame(rows))
