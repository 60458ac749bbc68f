"""Forecasts: how fast ratings are replayed and series priced, how good they are on real series, and beside the market.

``python -m benchmarks.forecasting`` times; ``python -m benchmarks.forecasting quality|market`` reads ``../shared/data``
where it is there and prints the figures of docs/forecasting.md.
"""

import json
import sys
import time
import timeit
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.datasets import series
from cs2_pipeline.game.series import BEST_OF, RoundOdds, map_odds, series_odds
from cs2_pipeline.game.teams import nameless
from cs2_pipeline.models.match import forecaster
from cs2_pipeline.models.match.contest import Contest, LineUp
from cs2_pipeline.models.match.price import Step
from cs2_pipeline.models.match.ratings import Ratings
from cs2_pipeline.stats import metrics
from cs2_pipeline.training import match_table

SHARED: Final = Path(__file__).parents[2] / "shared" / "data"
REPLAYED: Final = 20_000
TESTED_FROM: Final = "2025-03-01"
Floats = NDArray[np.float64]


def run() -> dict[str, float]:
    """Seconds of a replay of 20,000 series, microseconds of series odds."""
    contests, won = season(REPLAYED)
    started = time.perf_counter()
    Ratings().learn(contests, won)
    seconds = time.perf_counter() - started
    found = {"seconds to replay 20,000 series": seconds}
    for best_of in BEST_OF:
        known, pool = [0.6] * best_of, [0.6, 0.5, 0.4, 0.55, 0.45, 0.5, 0.5]
        found[f"µs for the odds of a best of {best_of}, maps known"] = _micros(
            lambda b=best_of, k=known: series_odds(b, k)
        )
        found[f"µs for the odds of a best of {best_of}, veto unknown"] = _micros(
            lambda b=best_of, p=pool: series_odds(b, pool=p)
        )
    found["µs for the odds of a map"] = _micros(lambda: map_odds(RoundOdds(0.55, 0.47), (7, 5)))
    return found


def _micros(call: Any) -> float:
    return min(timeit.repeat(call, number=1000, repeat=5)) * 1000


def season(count: int) -> tuple[list[Contest], list[bool]]:
    """Made series as many and as dense as the real ones: 21 a day among 300 line-ups that change now and then."""
    rng = np.random.default_rng(0)
    line_ups = [[f"p{5 * team + place}" for place in range(5)] for team in range(300)]
    contests, won, fresh = [], [], 1500
    for number in range(count):
        pair = rng.choice(300, 2, replace=False)
        for team in pair:
            if rng.random() < 0.03:
                line_ups[team][int(rng.integers(5))] = f"p{fresh}"
                fresh += 1
        first, second = (LineUp(tuple(line_ups[team]), float(900 + 3 * team)) for team in pair)
        contests.append(Contest(20_000 + number // 21, first, second))
        won.append(bool(rng.random() < 1 / (1 + np.exp((pair[0] - pair[1]) / 150))))
    return contests, won


def quality() -> None:
    """The figures on the real series from 2025-03-01 on, predicted in order."""
    played, _ = series.read(SHARED / "valve_series" / "series.csv.gz", SHARED / "map_results" / "maps.csv.gz")
    table = match_table.build(played)
    tested = (table["started_at"] >= TESTED_FROM).to_numpy()
    before = table.assign(part=np.where(tested, "test", "train"))
    step, stretch = forecaster.steps(before)
    rows = table.loc[tested, ["latent", "variance", "best_of", "elo"]].to_numpy(dtype=np.float64)
    outcome, group = table.loc[tested, "first_wins"].to_numpy(), table.loc[tested, "match_id"].to_numpy()
    answers = {
        "ratings": step(*rows.T[:3])["probability"],
        "Elo of players": 1 / (1 + np.exp(-stretch * rows[:, 3])),
    }
    for name, probability in answers.items():
        print(name, {key: str(value) for key, value in metrics.binary_metrics(outcome, probability, group).items()})


def market() -> None:
    """CS:GO series of 2018 beside the bookmakers' normalised median; learned from earlier days' maps alone."""
    odds, contests, won = _market_contests()
    ratings = Ratings()
    answers: dict[int, list[float]] = {}
    for asked, results in _days(contests, won, odds):
        for number, contest in asked:
            outlook = ratings.outlook(contest)
            answers[number] = [outlook.latent, outlook.variance, contest.best_of]
        if results:
            ratings.learn([contest for contest, _ in results], [outcome for _, outcome in results])
    rows = np.array([answers[number] for number in odds.index])
    ours = Step()(*rows.T)["probability"]
    theirs = odds["market"].to_numpy()
    outcome, group = odds["first_wins"].to_numpy(), odds["matchLinkId"].to_numpy()
    mean = 1 / (1 + np.exp(-(_logit(ours) + _logit(theirs)) / 2))
    for name, probability in {"ratings": ours, "market": theirs, "mean of both": mean}.items():
        print(name, {key: str(value) for key, value in metrics.binary_metrics(outcome, probability, group).items()})


def _logit(probability: Floats) -> Floats:
    found: Floats = np.log(probability / (1 - probability))
    return found


def _market_contests() -> tuple[pd.DataFrame, list[Contest], list[bool]]:
    folder = SHARED / "odds_2018"
    maps = pd.read_csv(folder / "maps.csv.gz", parse_dates=["date"]).query("difScore != 0")
    maps = maps[maps["date"] >= "2017-01-01"].sort_values(["date", "matchlinkId"], kind="stable")
    day = (maps["date"].dt.normalize() - pd.Timestamp(0)).dt.days
    contests = [
        Contest(when, LineUp(nameless(f"{one}")), LineUp(nameless(f"{two}")), 1, name)
        for when, one, two, name in zip(day, maps["teamAId"], maps["teamBId"], maps["map"], strict=True)
    ]
    won = (maps["difScore"] > 0).tolist()
    played = (
        maps.assign(won=maps["difScore"] > 0)
        .groupby("matchlinkId")
        .agg(one=("teamAId", "first"), wins=("won", "sum"), maps=("won", "size"))
    )
    odds = pd.read_csv(folder / "odds.csv.gz", parse_dates=["date"])
    odds = odds.merge(played, left_on="matchLinkId", right_index=True).query("wins * 2 != maps")
    swapped = odds["one"] != odds["teamAId"]
    wins = odds["wins"].where(~swapped, odds["maps"] - odds["wins"])
    quoted = [1 / np.array(json.loads(text)) for text in odds["kefs"]]
    shares = [np.median(each / each.sum(axis=1, keepdims=True), axis=0) for each in quoted]
    odds = odds.assign(
        first_wins=(wins * 2 > odds["maps"]).astype(int),
        market=[share[0] / share.sum() for share in shares],
        # The winner's maps tell the length, which everybody knew beforehand.
        best_of=np.maximum(wins, odds["maps"] - wins) * 2 - 1,
        day=(odds["date"].dt.normalize() - pd.Timestamp(0)).dt.days,
    )
    usable = (odds["best_of"] <= 5) & np.isfinite(odds["market"])
    return odds[usable].reset_index(drop=True), contests, won


def _days(contests: list[Contest], won: list[bool], odds: pd.DataFrame) -> Iterator[Any]:
    """Each day's series to be priced, then its maps to be learned from."""
    asked: dict[int, list[tuple[int, Contest]]] = {}
    for number, row in enumerate(odds.to_dict("records")):
        line_ups = (LineUp(nameless(f"{row['teamAId']}")), LineUp(nameless(f"{row['teamBId']}")))
        asked.setdefault(row["day"], []).append((number, Contest(row["day"], *line_ups, int(row["best_of"]))))
    results = {day: list(those) for day, those in groupby(zip(contests, won, strict=True), key=lambda one: one[0].day)}
    for day in sorted({*asked, *results}):
        yield asked.get(day, []), results.get(day, [])


def report() -> str:
    """The timings as Markdown."""
    lines = ["| What | Measured |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {figure:,.2f} |" for name, figure in run().items())]) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"quality": quality, "market": market}[sys.argv[1]]()
    else:
        print(report())
