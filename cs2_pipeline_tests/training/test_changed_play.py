"""After a change of play: which matches are learned from."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets import rounds
from cs2_pipeline.datasets.snapshots import rebuild
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline.models.round.predictor import RoundTraining
from cs2_pipeline.training import changed_play
from cs2_pipeline_tests.evaluation.play import whole_rounds
from cs2_pipeline_tests.models.round.quick import train_quickly
from cs2_pipeline_tests.tiny_models import round_artifact

FIRST, DAYS, MATCHES = date(2026, 1, 1), 10, 50
CHANGE = pd.Timestamp("2026-01-06", tz="UTC")


def changed_snapshots(folder):
    """Five matches a day; from the sixth day on each side wins what the other would have won."""
    path = folder / "demos.sqlite"
    simulate(path, matches=MATCHES, days=DAYS, teams=6, first_day=FIRST)
    with DemoDatabase(f"sqlite:///{path}") as database:
        events = event_tables(database, FIRST, date(2026, 1, DAYS))
    found = rebuild(events.rounds, events.participants, events.kills, events.damages, events.bombs, interval=60).frame
    changed = found["started_at"] >= CHANGE
    found["ct_wins"] = found["ct_wins"].where(~changed, 1 - found["ct_wins"]).astype("int8")
    return found


def test_when_all_is_different_since_the_change_what_was_before_is_not_learned(tmp_path, monkeypatch):
    train_quickly(monkeypatch, epochs=2)
    dataset, said = rounds.build(changed_snapshots(tmp_path), changed_at=CHANGE).frame, []
    training = changed_play.train(dataset, seed=0, folder=tmp_path, progress=said.append)
    assert training.learned_since >= CHANGE
    assert said[-1] == "taken: the model of the matches since play changed"
    counts = dataset.groupby("part")["match_id"].nunique()
    assert training.matches == counts["train"] + counts["calibrate"], "the matches that decided are not learned from"


def made_by(artifact, rows):
    one = SimpleNamespace(name="student")
    return RoundTraining(
        candidates=(one,), chosen=one, baseline=one, artifact=artifact, folder=None, train_seconds=1.0,
        rows=len(rows), matches=rows["match_id"].nunique(),
    )  # fmt: skip


@pytest.fixture
def trainings(monkeypatch, tmp_path):
    """What is handed to each training of the round model, whose artifact is as good as it is told to be."""
    asked = []

    def train(rows, *, seed, folder, progress):
        progress(f"training {len(asked)}")
        asked.append((rows, seed, folder))
        return made_by(round_artifact(tmp_path / f"artifact{len(asked)}", bias=train.biases[len(asked) - 1]), rows)

    monkeypatch.setattr(changed_play.predictor, "train", train)
    return SimpleNamespace(asked=asked, train=train)


ENDS = {"former": 3, "train": 6, "calibrate": 7, "validate": 9, "test": 12}
"""Of each part the number of the first match that is not in it."""


def parted():
    """Twelve matches, one an hour, in parts one after the other."""
    play = whole_rounds(1, matches=12, rounds=6)
    part = [next(name for name, end in ENDS.items() if match < end) for match in play["match_id"]]
    return play.assign(part=part)


@pytest.mark.parametrize(
    ("biases", "taken", "since"), [((0.0, 3.0), "all matches", 0), ((3.0, 0.0), "the matches since play changed", 3)]
)
def test_of_both_histories_the_better_on_the_validation_part_is_taken(trainings, tmp_path, biases, taken, since):
    trainings.train.biases = biases
    said, dataset = [], parted()
    found = changed_play.train(dataset, seed=4, folder=tmp_path / "made", progress=said.append)
    matches = [sorted(set(rows["match_id"])) for rows, *_ in trainings.asked]
    assert matches == [[*range(7), 9, 10, 11], [*range(3, 7), 9, 10, 11]], (
        "the validation part decides and teaches nothing"
    )
    assert [asked[1:] for asked in trainings.asked] == [(4, tmp_path / f"made/history{n}") for n in (0, 1)]
    assert found.learned_since == datetime(2026, 1, 1, since, tzinfo=UTC)
    assert found.matches == len(matches[taken != "all matches"])
    judged = dataset[dataset["part"] == "validate"]
    logit = 0.8 * (judged["ct_alive"] - judged["t_alive"]).to_numpy()
    losses = [np.log1p(np.exp(-(2 * judged["ct_wins"] - 1) * (logit + bias))).mean() for bias in biases]
    on = "on the validation part, which is of changed play"
    both = zip(("all matches", "the matches since play changed"), losses, strict=True)
    lines = [
        [f"learning from {name}", f"training {n}", f"learned from {name}: log loss {loss:.4f} {on}"]
        for n, (name, loss) in enumerate(both)
    ]
    assert said == [*lines[0], *lines[1], f"taken: the model of {taken}"]


def test_where_play_never_changed_the_training_is_the_plain_one(trainings, tmp_path):
    trainings.train.biases = (0.0,)
    dataset = parted().replace({"part": {"former": "train"}})
    found = changed_play.train(dataset, seed=4, folder=tmp_path / "made", progress=[].append)
    ((rows, *asked),) = trainings.asked
    assert (len(rows), asked) == (len(dataset), [4, tmp_path / "made"])
    assert found.learned_since is None
