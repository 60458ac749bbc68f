"""After a change of play: which matches are learned from."""

from datetime import date

import pandas as pd
import pytest

from cs2_pipeline.datasets import rounds
from cs2_pipeline.datasets.snapshots import rebuild
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline.training import changed_play
from cs2_pipeline_tests.models.round.quick import train_quickly

FIRST, DAYS, MATCHES = date(2026, 1, 1), 10, 50
CHANGE = pd.Timestamp("2026-01-06", tz="UTC")


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """Five matches a day; from the sixth day on each side wins what the other would have won."""
    path = tmp_path_factory.mktemp("simulated") / "demos.sqlite"
    simulate(path, matches=MATCHES, days=DAYS, teams=6, first_day=FIRST)
    with DemoDatabase(f"sqlite:///{path}") as database:
        events = event_tables(database, FIRST, date(2026, 1, DAYS))
    found = rebuild(events.rounds, events.participants, events.kills, events.damages, events.bombs, interval=60).frame
    changed = found["started_at"] >= CHANGE
    found["ct_wins"] = found["ct_wins"].where(~changed, 1 - found["ct_wins"]).astype("int8")
    return found


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    train_quickly(monkeypatch, epochs=2)


def trained(dataset, folder):
    said = []
    training = changed_play.train(dataset, seed=0, folder=folder, progress=said.append)
    return (
        training,
        training.learned_since,
        [line for line in said if "history" in line or "learned from" in line or "taken" in line],
    )


def test_when_all_is_different_since_the_change_what_was_before_is_not_learned(snapshots, tmp_path):
    dataset = rounds.build(snapshots, changed_at=CHANGE).frame
    training, since, said = trained(dataset, tmp_path)
    assert since >= CHANGE
    assert said[-1] == "taken: the model of the matches since play changed"
    counts = dataset.groupby("part")["match_id"].nunique()
    assert training.matches == counts["train"] + counts["calibrate"], "the matches that decided are not learned from"


def test_where_the_few_new_matches_mislead_the_old_ones_are_learned_too(snapshots, tmp_path):
    dataset = rounds.build(unchanged(snapshots), changed_at=CHANGE).frame
    misleading = dataset["part"].isin(["train", "calibrate"])
    dataset["ct_wins"] = dataset["ct_wins"].where(~misleading, 1 - dataset["ct_wins"]).astype("int8")
    _, since, said = trained(dataset, tmp_path)
    assert said[-1] == "taken: the model of all matches"
    assert since == dataset["started_at"].min()


def test_without_a_change_there_is_one_training_on_everything_before_the_test_part(snapshots, tmp_path):
    dataset = rounds.build(unchanged(snapshots)).frame
    training, since, said = trained(dataset, tmp_path)
    assert since is None, "learned from everything: registration names the oldest match"
    assert said == []
    assert training.matches == 35


def unchanged(snapshots):
    """With the outcomes that were simulated."""
    before = snapshots["started_at"] < CHANGE
    return snapshots.assign(ct_wins=snapshots["ct_wins"].where(before, 1 - snapshots["ct_wins"]).astype("int8"))
