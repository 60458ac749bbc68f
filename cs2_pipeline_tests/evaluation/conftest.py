"""Simulated play before and after patches of the game, with the exact probabilities of the game before them."""

from datetime import date

import pytest

from cs2_pipeline.datasets.rounds import is_decided
from cs2_pipeline.datasets.snapshots import rebuild
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.simulator import GameModel, simulate, truth_path

LEARNT, PATCHED = date(2026, 1, 1), date(2026, 3, 1)
PATCHES = {
    "none": GameModel(),
    "shorter rounds": GameModel(round_time=95),
    "a poorer economy": GameModel(win_reward=2_000, loss_reward_change=-700),
    "a stronger T rifle": GameModel(t_rifle_edge=0.5),
    "a stronger CT side": GameModel(ct_edge=0.42),
}


@pytest.fixture(scope="session")
def learnt(tmp_path_factory):
    """Open states of 200 matches between equal players, and the file of the game's exact probabilities."""
    path = tmp_path_factory.mktemp("learnt") / "demos.sqlite"
    return _played(path, GameModel(), matches=200, seed=0, first_day=LEARNT), truth_path(path)


@pytest.fixture(scope="session")
def patched(tmp_path_factory):
    """Open states of 140 matches after a patch, by its name in `PATCHES`."""
    made = {}

    def play(patch):
        if patch not in made:
            path = tmp_path_factory.mktemp("patched") / "demos.sqlite"
            made[patch] = _played(path, PATCHES[patch], matches=140, seed=1, first_day=PATCHED)
        return made[patch]

    return play


def _played(path, model, *, matches, seed, first_day):
    simulate(path, matches=matches, seed=seed, equal_skill=True, first_day=first_day, days=20, teams=40, model=model)
    with DemoDatabase(f"sqlite:///{path}") as database:
        events = event_tables(database, first_day, date(2026, 12, 31))
    tables = (events.rounds, events.participants, events.kills, events.damages, events.bombs)
    snapshots = rebuild(*tables, interval=20).frame
    return snapshots[~is_decided(snapshots)]
