"""The round model's way from a small demo database to a registered version, with everything that MLflow keeps of it."""

import shutil
from datetime import date

import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets import rounds
from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.datasets.snapshots import rebuild
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline.evaluation.domain import state_features, states_of
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.registry.champion import ModelStore
from cs2_pipeline.registry.client import connect
from cs2_pipeline.registry.runs import PROMISED
from cs2_pipeline.stats import metrics
from cs2_pipeline.training.registration import Registry
from cs2_pipeline.training.release import train
from cs2_pipeline_tests.models.round.quick import train_quickly

FIRST, DAYS, MATCHES = date(2026, 1, 1), 5, 20
TAGS = {"git_commit": "a" * 40, "dagster_run_id": "a run"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Matches of six teams on five days."""
    path = tmp_path_factory.mktemp("simulated") / "demos.sqlite"
    simulate(path, matches=MATCHES, days=DAYS, teams=6, first_day=FIRST)
    with DemoDatabase(f"sqlite:///{path}") as database:
        events = event_tables(database, FIRST, date(2026, 1, DAYS))
    found = rebuild(events.rounds, events.participants, events.kills, events.damages, events.bombs, interval=60).frame
    return rounds.build(found).frame


@pytest.fixture(scope="module")
def registry(tmp_path_factory, empty_store):
    folder = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{shutil.copy(empty_store, folder)}"
    return Registry(uri, folder / "artifacts", ModelStore(uri, folder / "cache"))


@pytest.fixture(scope="module")
def released(dataset, registry):
    with pytest.MonkeyPatch.context() as patch:
        train_quickly(patch, epochs=2)
        return train(catalog.ROUND, dataset, registry, seed=4, tags=TAGS, progress=[].append)


def test_the_rows_logged_as_learned_from_are_those_and_not_the_part_that_is_called_train(dataset, registry, released):
    kept = connect(registry.tracking_uri).get_run(released.version.run_id).data.metrics
    parts = dataset["part"].value_counts()
    assert set(parts.index) == {"train", "validate", "calibrate", "test"}
    assert kept["rows_test"] == parts["test"]
    assert kept["rows_train"] == len(dataset) - parts["test"]
    assert kept["train_seconds"] > 0


def test_the_log_loss_kept_is_that_of_the_registered_artifact_on_the_test_part(dataset, registry, released):
    test = dataset[dataset["part"] == "test"]
    artifact = registry.models.fetch(registry.models.version(catalog.ROUND.name, released.version.version))
    told = artifact.predict(state_features(states_of(test)), ROUND_FEATURES)["probability"].astype(float)
    loss = metrics.log_losses(test["ct_wins"].to_numpy(), told).mean()
    assert released.version.metrics["test_log_loss"] == pytest.approx(loss, abs=1e-9)
    assert released.version.metrics["test_log_loss_low"] < loss < released.version.metrics["test_log_loss_high"]


def test_mlflow_keeps_every_figure_file_and_tag_that_is_promised(dataset, registry, released):
    client = connect(registry.tracking_uri)
    run = client.get_run(released.version.run_id)
    assert {f"{name}{end}" for name in PROMISED for end in ("", "_low", "_high")} <= run.data.metrics.keys()
    files = {file.path for file in client.list_artifacts(released.version.run_id)}
    assert files >= {"reliability.png", "model_card.md", "slices.csv", "audit.md", "promotion.md", "metrics.json"}
    assert run.data.tags.items() >= TAGS.items()
    assert run.data.tags["source_watermark"] == (
        f"round {dataset['round_id'].max()}, match of {dataset['started_at'].max().isoformat()}"
    )
    (told,) = run.inputs.dataset_inputs
    assert told.dataset.digest == digest(dataset) == released.version.dataset_digest
    children = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    assert len(children) >= 2, "the candidates, side by side"


def test_what_the_training_learned_until_is_the_last_match_before_the_test_part(dataset, released):
    before = dataset.loc[dataset["part"] != "test", "started_at"].max()
    assert pd.Timestamp(released.version.tags["learned_until"]) == before
    assert pd.Timestamp(released.version.tags["learned_since"]) == dataset["started_at"].min()
    assert before < dataset.loc[dataset["part"] == "test", "started_at"].min()
