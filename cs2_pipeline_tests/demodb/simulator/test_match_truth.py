"""The true probability of simulated matches, in its own file, and intervals that cover it."""

import math
import sqlite3
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from cs2_pipeline.datasets.matches import of_maps
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.maps import maps
from cs2_pipeline.demodb.simulator import match_truth, population, simulate
from cs2_pipeline.demodb.simulator.model import GameModel
from cs2_pipeline.models.match.forecaster import contests, rounds
from cs2_pipeline.models.match.price import Step
from cs2_pipeline.models.match.ratings import Ratings


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("truth") / "demos.sqlite"
    simulate(path, matches=6, days=2, teams=4, seed=1, true_matches=2)
    return path


def test_it_stands_in_its_own_file_and_not_in_the_database(small):
    truth = match_truth.load(match_truth.path_of(small))
    assert truth.match_id.tolist() == [5, 6]
    assert ((truth.probability >= 0) & (truth.probability <= 1)).all()
    with sqlite3.connect(small) as connection:
        assert connection.execute('SELECT COUNT(*) FROM "Matches"').fetchone() == (6,)


def test_a_seed_gives_the_same_truth_in_every_version(small):
    truth = match_truth.load(match_truth.path_of(small))
    assert (truth.won.tolist(), truth.replays) == ([146, 125], 200)
    assert truth.probability.tolist() == [won / 200 for won in truth.won.tolist()]
    assert match_truth.path_of(small).name == "demos.match_truth.parquet"
    assert not list(small.parent.glob("*.part"))


def test_who_is_far_better_wins_every_replay_on_whichever_side_they_begin(monkeypatch):
    """In batches smaller than the replays of one match."""
    monkeypatch.setattr(match_truth, "_BATCH", 3)
    model, pool = GameModel(), population.create(1, 2, equal_skill=False)
    plan = population.day_schedule(
        model, 1, pool, teams=2, day=date(2026, 1, 1), matches=3, equal_skill=False
    )  # fmt: skip
    better = plan.teams[:, 0] * 5
    skill = np.where(np.isin(np.arange(len(pool.skill)), np.arange(better[0], better[0] + 5)), 9.0, -9.0)
    whole = replace(plan, players=plan.teams[:, [0] * 5 + [1] * 5] * 5 + np.tile(np.arange(5), 2))
    won = match_truth.replay(model, whole, replace(pool, skill=skill), seed=1, replays=4)
    assert won.tolist() == [4 if first == better[0] else 0 for first in better]


def test_the_same_seed_gives_the_same_truth_and_no_truth_changes_no_match(small, tmp_path):
    again, without = tmp_path / "again.sqlite", tmp_path / "without.sqlite"
    simulate(again, matches=6, days=2, teams=4, seed=1, true_matches=2)
    simulate(without, matches=6, days=2, teams=4, seed=1)
    first, second = (match_truth.load(match_truth.path_of(path)) for path in (small, again))
    assert first.won.tolist() == second.won.tolist()
    assert not match_truth.path_of(without).exists()
    scores = []
    for path in (small, without):
        with sqlite3.connect(path) as connection:
            scores.append(connection.execute('SELECT "CTScore", "TScore" FROM "Matches"').fetchall())
    assert scores[0] == scores[1]


def test_equal_players_win_about_half(tmp_path):
    path = tmp_path / "equal.sqlite"
    simulate(path, matches=2, days=1, teams=2, equal_skill=True, true_matches=1)
    truth = match_truth.load(match_truth.path_of(path))
    assert truth.probability.mean() == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / truth.replays))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_intervals_of_90_percent_cover_the_truth(tmp_path):
    """Before the last four days of 1,600 matches: the truth of each lies in its interval, nine times of ten."""
    path = tmp_path / "demos.sqlite"
    simulate(path, matches=1_600, days=80, true_matches=80)
    truth = match_truth.load(match_truth.path_of(path))
    with DemoDatabase(f"sqlite:///{path}") as db:
        table = of_maps(maps(db, date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=80)).frame)
    asked, won = contests(table)
    expected = dict(zip(table["match_id"].astype(int), Ratings().learn(asked, won, rounds(table)), strict=True))
    # A match that broke off has no winner and is not in the table.
    there = np.isin(truth.match_id, list(expected))
    assert there.sum() >= 75
    outlooks = [expected[match] for match in truth.match_id[there]]
    answer = Step()(*np.array([[one.latent, one.variance, 1] for one in outlooks]).T)
    probability = truth.probability[there]
    error = 1.645 * np.sqrt(probability * (1 - probability) / truth.replays)
    inside = (answer["low"] - error <= probability) & (probability <= answer["high"] + error)
    assert inside.mean() >= 0.83, f"{inside.mean():.2f} of the intervals cover"
