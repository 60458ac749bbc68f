"""Lists read from MLflow's own tables say what MLflow's client says, and leave to it what they cannot read."""

import math
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cs2_pipeline.registry import listing, promotion
from cs2_pipeline.registry.client import connect
from cs2_pipeline.registry.errors import RegistryUnavailableError
from cs2_pipeline.registry.runs import record
from cs2_pipeline_tests.tiny_models import round_artifact, training_run

NAME = "round_predictor"


@pytest.fixture(scope="module")
def store(tmp_path_factory, empty_store):
    """A store with three versions of one model, one of them deleted, and every kind of decision."""
    root = tmp_path_factory.mktemp("a store")
    uri = f"sqlite:///{shutil.copy(empty_store, root)}"
    round_artifact(root / "artifact")
    run = training_run(NAME, root / "artifact", tags={"decision": "promote", "trained_at": "2026-01-01T00:00:00+00:00"})
    run = replace(run, metrics={"test_log_loss": 0.5, "test_log_loss_low": 0.4, "test_log_loss_high": 0.6, "rows": 9.0})
    first, second, third = (record(uri, run, artifact_root=root / "artifacts") for _ in range(3))
    promotion.promote(uri, first, reason="the first")
    promotion.refuse(uri, second, reason="worse")
    promotion.promote(uri, second, reason="all the same", forced=True)
    promotion.rollback(uri, NAME, reason="it was worse indeed")
    client = connect(uri)
    client.delete_model_version(NAME, third.version)
    client.log_metric(first.run_id, "test_auc", 0.8)
    client.log_metric(first.run_id, "test_auc", math.nan, step=1)
    return root / "mlflow.db"


def by_mlflow(uri, name):
    return listing.Listing(
        promotion.versions(uri, name), promotion.aliases(uri, name), promotion.history(uri, name)
    )  # fmt: skip


def test_it_says_what_mlflow_says_and_changes_nothing(store):
    uri = f"sqlite:///{store}"
    before = store.read_bytes()
    found = listing.listing(uri, NAME)
    assert store.read_bytes() == before
    assert repr(found) == repr(by_mlflow(uri, NAME)), "compared as text: NaN equals nothing"
    assert [version.version for version in found.versions] == ["2", "1"]
    assert found.versions[1].metrics["test_log_loss_high"] == 0.6
    assert math.isnan(found.versions[1].metrics["test_auc"])
    assert [event.action for event in found.history] == ["promoted", "refused", "forced", "rolled_back"]
    assert found.aliases == {"champion": "1", "previous": "2"}
    assert listing.champion(uri, NAME) == "1"


def test_a_model_that_was_never_registered_has_nothing(store):
    uri = f"sqlite:///{store}"
    assert listing.listing(uri, "nobody") == by_mlflow(uri, "nobody") == listing.Listing([], {}, [])
    assert listing.champion(uri, "nobody") is None


@pytest.mark.parametrize("change", ["ALTER TABLE {} RENAME COLUMN workspace TO w", "DROP TABLE {}"])
def test_tables_that_are_not_as_expected_are_left_to_mlflow(store, tmp_path, monkeypatch, change):
    """As after an upgrade of MLflow: here its client, which would know them, is that of an unchanged copy."""
    other = tmp_path / "mlflow.db"
    other.write_bytes(store.read_bytes())
    with closing(sqlite3.connect(other)) as connection:
        connection.execute(change.format("registered_model_aliases"))
    original = f"sqlite:///{store}"
    for ask in (promotion.versions, promotion.aliases, promotion.history):
        monkeypatch.setattr(promotion, ask.__name__, lambda _, model, ask=ask: ask(original, model))
    assert repr(listing.listing(f"sqlite:///{other}", NAME)) == repr(by_mlflow(original, NAME))
    assert listing.champion(f"sqlite:///{other}", NAME) == "1"


def test_a_store_that_cannot_be_read_is_reported_as_mlflow_reports_it(tmp_path):
    broken = tmp_path / "mlflow.db"
    broken.write_bytes(b"no database at all" * 100)
    for ask in (listing.listing, listing.champion):
        with pytest.raises(RegistryUnavailableError, match="file is not a database"):
            ask(f"sqlite:///{broken}", NAME)


@pytest.mark.parametrize(
    "address",
    [
        "http:///{file}", "sqlite://", "sqlite:///", "sqlite:///{file}.none", "sqlite+pysqlite:///{file}",
        "sqlite:///{file}?mode=ro", "sqlite://host/{file}", "http://[{file}",
    ],
)  # fmt: skip
def test_other_addresses_are_not_taken_for_a_file(tmp_path, address):
    file = tmp_path / "mlflow.db"
    file.touch()
    assert listing._embedded(f"sqlite:///{file}") == file
    assert listing._embedded(address.format(file=file)) is None


@pytest.mark.parametrize(
    ("command", "said"),
    [(("models", "list"), "1        champion"), (("doctor",), "round_predictor champion is version 1")],
)
def test_the_list_and_the_champions_are_told_without_mlflow(store, command, said):
    code = (
        "import sys; sys.argv = ['cs2', *sys.argv[1:]]; from cs2_pipeline.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\nfinally: assert not {'mlflow', 'dagster'} & set(sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *command],
        check=False,
        env={"CS2_HOME": str(store.parent), "PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
        capture_output=True, text=True,
    )  # fmt: skip
    assert not ran.stderr, ran.stderr
    assert said in ran.stdout
