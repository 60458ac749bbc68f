"""`cs2 train`: what it trains on, and what it says where there is nothing to train on."""

import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.cli import training
from cs2_pipeline.cli.console import CliError
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings

ROUND, MATCH = catalog.ROUND, catalog.MATCH


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def ingested(settings, spec=ROUND):
    Platform(settings).tables.write(spec.ingested, pd.DataFrame({"round_id": [1]}))


def filled(settings):
    settings.embedded_database.touch()


def test_without_a_database_what_was_ingested_is_trained_on(settings):
    ingested(settings)
    assert training.from_file(settings, ROUND.command, published=False)
    for other in (MATCH.command, "all"):
        with pytest.raises(CliError, match="there is no demo database: run `cs2 simulate`"):
            training.from_file(settings, other, published=False)


def test_a_database_goes_before_what_was_ingested_unless_that_is_asked_for(settings):
    ingested(settings)
    filled(settings)
    assert not training.from_file(settings, ROUND.command, published=False)
    assert training.from_file(settings, ROUND.command, published=True)
    assert not training.from_file(settings, "all", published=False)
    server = Settings(home=settings.home / "other", database_url="postgresql://x/y")
    assert not training.from_file(server, ROUND.command, published=False)


@pytest.mark.parametrize("with_database", [True, False])
@pytest.mark.parametrize(
    ("what", "said"),
    [(ROUND.command, "run `cs2 ingest snapshots FILE` first"), (MATCH.command, "run `cs2 ingest series FILE` first"),
     ("player", "--published needs one model"), ("all", "--published needs one model")],
)  # fmt: skip
def test_what_was_never_ingested_cannot_be_trained_on(settings, what, said, with_database):
    if with_database:
        filled(settings)
    with pytest.raises(CliError, match=said):
        training.from_file(settings, what, published=True)


def test_only_datasets_that_a_file_can_fill_are_told_where_to_read(settings):
    asked = training.source_config(list(catalog.MODELS), ingested=False)
    assert asked == {"ops": {
        spec.dataset: {"config": {"source": "DATABASE"}} for spec in (ROUND, MATCH)
    }}  # fmt: skip
    assert training.source_config([MATCH], ingested=True) == {
        "ops": {MATCH.dataset: {"config": {"source": "PUBLISHED"}}}
    }
    assert training.source_config([catalog.PLAYER], ingested=False) is None
