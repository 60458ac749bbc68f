"""The round model from a database as Demo Lens fills it, beside the one from the simulator's, on the same matches."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from cs2_pipeline.datasets import rounds, snapshots
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline.evaluation.domain import state_features, states_of
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.models.round import predictor
from cs2_pipeline.stats import metrics
from cs2_pipeline_tests.demodb.as_application_writes import files_of, rewrite

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
MATCHES = 400
ALWAYS = (date(2026, 1, 1), date(2026, 12, 31))


def dataset_of(path: Path) -> pd.DataFrame:
    """The training table of a database, with the file of each match."""
    with DemoDatabase(str(path)) as db:
        found = event_tables(db, *ALWAYS)
    rebuilt = snapshots.rebuild(found.rounds, found.participants, found.kills, found.damages, found.bombs).frame
    played_at = found.rounds.drop_duplicates("match_id").set_index("match_id")["played_at"]
    at = rebuilt["match_id"].map(played_at).fillna(rebuilt["started_at"])
    built = rounds.build(rebuilt.assign(started_at=at, game="cs2")).frame
    return built.merge(files_of(path), on="match_id")


def log_loss(dataset: pd.DataFrame, folder: Path) -> float:
    training = predictor.train(dataset.drop(columns="file"), seed=0, folder=folder)
    test = dataset[dataset["part"] == "test"]
    told = training.artifact.predict(state_features(states_of(test)), ROUND_FEATURES)["probability"]
    return float(metrics.log_losses(test["ct_wins"].to_numpy(), told.astype(float)).mean())


def test_the_round_model_is_as_good_on_the_same_matches(tmp_path):
    first = tmp_path / "first.sqlite"
    simulate(first, matches=MATCHES, seed=5)
    second = rewrite(first, tmp_path / "second.sqlite")
    tables = [dataset_of(path) for path in (first, second)]
    part = tables[0].drop_duplicates("file").set_index("file")["part"]
    # Files tell the day alone: within the day at which a part ends, the order of matches may differ.
    moved = tables[1].drop_duplicates("file").set_index("file")["part"].reindex(part.index) != part
    assert moved.mean() < 0.05
    tables[1]["part"] = tables[1]["file"].map(part).astype("str")
    losses = [log_loss(table, tmp_path / name) for table, name in zip(tables, "12", strict=True)]
    print(f"test log loss: {losses[0]:.4f} from the simulator's database, {losses[1]:.4f} from the application's")
    assert losses[1] == pytest.approx(losses[0], abs=0.003)
