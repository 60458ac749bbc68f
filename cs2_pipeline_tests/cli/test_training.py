"""`cs2 train`: what it trains on, and what it says where there is nothing to train on."""

import json
from datetime import date, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.cli import training
from cs2_pipeline.cli.console import CliError
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.io import of_run
from cs2_pipeline.defs.partitions import range_tags
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

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


@pytest.fixture
def asked(monkeypatch):
    """The jobs that would run, without running them."""
    found = []

    def run_job(_settings, job, **named):
        found.append((job, named))
        return SimpleNamespace(run_id="this run")

    monkeypatch.setattr(training, "run_job", run_job)
    return found


def from_source(name, *specs):
    return {"ops": {spec.dataset: {"config": {"source": name}} for spec in specs}} if specs else None


@pytest.mark.parametrize(
    ("what", "job", "specs"),
    [("all", jobs.TRAIN_ALL, [ROUND, MATCH]), ("round", ROUND.job, [ROUND]), ("match", MATCH.job, [MATCH]),
     ("player", catalog.PLAYER.job, [])],
)  # fmt: skip
def test_what_is_new_is_extracted_then_what_was_asked_for_is_trained(  # noqa: PLR0917
    settings, asked, monkeypatch, capsys, what, job, specs
):
    filled(settings)
    monkeypatch.setattr(training, "extract_new", lambda _, quiet: asked.append(("extract", quiet)))
    training.run(settings, what, published=False)
    assert asked == [("extract", False), (job, {"config": from_source("DATABASE", *specs), "quiet": False})]
    assert capsys.readouterr().out == "\nExtraction\n\nTraining\n"


def test_what_was_ingested_is_trained_on_without_an_extraction(settings, asked, monkeypatch, capsys):
    ingested(settings)
    filled(settings)
    monkeypatch.setattr(training, "extract_new", lambda *_, **__: pytest.fail("no match of the database is needed"))
    training.run(settings, "round", published=True)
    assert asked == [(ROUND.job, {"config": from_source("PUBLISHED", ROUND), "quiet": False})]
    assert capsys.readouterr().out == "\nTraining\n"


def test_a_script_gets_the_versions_that_this_run_made_and_nothing_else(settings, asked, monkeypatch, capsys):
    filled(settings)
    monkeypatch.setattr(training, "extract_new", lambda _, quiet: asked.append(quiet))
    version = SimpleNamespace(to_dict=lambda: {"version": "2"})
    models = SimpleNamespace(version=lambda *named: version if named == ("round_predictor", "2") else None)
    monkeypatch.setattr(Platform, "models", models)
    for run, number in (("this run", "2"), ("another run", "3")):
        document = {"name": "round_predictor", "version": number}
        Platform(settings).tables.write_json(of_run("round_predictor", run), document)
    training.run(settings, "round", published=False, as_json=True)
    assert asked == [True, (ROUND.job, {"config": from_source("DATABASE", ROUND), "quiet": True})]
    assert json.loads(capsys.readouterr().out) == [{"version": "2"}]


@pytest.fixture
def played(settings):
    """A database with a match on one day, another the next day and a third two weeks later; by number their days."""
    small = SmallDatabase()
    small.add_match(2, NOON + timedelta(days=1))
    small.add_match(3, NOON + timedelta(days=15))
    small.write(settings.embedded_database)
    return {1: NOON.date(), 2: NOON.date() + timedelta(days=1), 3: NOON.date() + timedelta(days=15)}


@pytest.mark.parametrize("quiet", [False, True])
def test_days_far_apart_are_extracted_in_runs_of_their_own(settings, asked, played, capsys, quiet):
    training.extract_new(settings, quiet=quiet)
    spans = [(played[1], played[2]), (played[3], played[3])]
    assert [job for job, _ in asked] == [jobs.EXTRACT] * 2
    for span, (_, named) in zip(spans, asked, strict=True):
        assert range_tags(*span).items() <= named["tags"].items()
    assert {named["quiet"] for _, named in asked} == {quiet}
    assert capsys.readouterr().out == ""


def test_a_day_before_the_first_partition_is_an_error_that_names_the_setting(settings, asked, played):
    with pytest.raises(CliError, match=f"set CS2_FIRST_DAY={played[1]}"):
        training.extract_new(Settings(home=settings.home, first_day=played[2]))
    assert asked == []


@pytest.mark.parametrize("quiet", [False, True])
def test_a_day_in_the_future_is_told_and_the_others_extracted(settings, asked, capsys, quiet):
    small = SmallDatabase()
    small.add_match(2, NOON.replace(year=date.today().year + 2))
    small.write(settings.embedded_database)
    training.extract_new(settings, quiet=quiet)
    assert len(asked) == 1
    assert ("1 match days lie in the future" in capsys.readouterr().out) is (not quiet)
