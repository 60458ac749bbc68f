"""`cs2 train`: extract what is new, build the datasets, train, evaluate, promote what earned it."""

from typing import Any, Final

from cs2_pipeline.artifact import catalog
from cs2_pipeline.cli.console import CliError, answer, note, stage
from cs2_pipeline.cli.runs import run_job
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.automation.due_days import due_days, extraction_tags
from cs2_pipeline.defs.io import of_run
from cs2_pipeline.defs.partitions import ranges
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import Verdicts
from cs2_pipeline.demodb.doctor import require_demos
from cs2_pipeline.settings import Settings

ALL: Final = "all"


def run(settings: Settings, what: str, *, published: bool, as_json: bool = False) -> None:
    """Train one model, or all of them.

    Args:
        what: a model's word for the command line, or `ALL`.

    Raises:
        CliError: there is no data to train on, or a stage failed.
    """
    source = round_source(settings, what, published=published)
    if source == "round_snapshots":
        if not as_json:
            stage("Extraction")
        extract_new(settings, quiet=as_json)
    chosen = [spec for spec in catalog.MODELS if what in (spec.command, ALL)]
    job = jobs.TRAIN_ALL if what == ALL else chosen[0].job
    if not as_json:
        stage("Training")
    result = run_job(settings, job, config=round_config(source) if catalog.ROUND in chosen else None, quiet=as_json)
    if as_json:
        platform = Platform(settings)
        documents = [platform.tables.read_json(of_run(spec.name, result.run_id)) for spec in chosen]
        versions = [platform.models.version(document["name"], document["version"]) for document in documents]
        answer([version.to_dict() for version in versions])


def round_source(settings: Settings, what: str, *, published: bool) -> str:
    """The table of snapshots to train on: the demo database's where there is one, unless the ingested are asked for.

    Raises:
        CliError: there is nothing to train on.
    """
    has_database = settings.database_url is not None or settings.embedded_database.exists()
    has_published = Platform(settings).tables.exists("published_snapshots")
    if published and not has_published:
        raise CliError("no snapshots were ingested: run `cs2 ingest snapshots FILE` first.")
    if published or (what == catalog.ROUND.command and has_published and not has_database):
        return "published_snapshots"
    if not has_database:
        raise CliError(
            "there is no demo database: run `cs2 simulate` or `cs2 ingest demos PATH…` to make one, "
            "or name a server with CS2_DATABASE_URL."
        )
    return "round_snapshots"


def round_config(source: str) -> dict[str, Any]:
    """Run configuration that builds the round dataset from a table of snapshots."""
    name = "PUBLISHED" if source == "published_snapshots" else "DATABASE"
    return {"ops": {"round_dataset": {"config": {"source": name}}}}


def extract_new(settings: Settings, *, quiet: bool = False) -> None:
    """Extract the days with demos that no extraction has seen, one run for each range of them.

    Raises:
        CliError: days lie before the first partition, or a run failed; its days are asked for again the next time.
    """
    platform = Platform(settings)
    with platform.demo_database() as database:
        require_demos(database)
        due = due_days(database, Verdicts(platform.tables), settings.first_day)
    if due.early:
        raise CliError(due.impossible(settings.first_day))
    if not quiet and due.future:
        note(due.impossible(settings.first_day))
    if not due.days and not quiet:
        note(f"nothing new in the demo database since the last extraction ({due.newest})")
    for first, last in ranges(due.days):
        run_job(settings, jobs.EXTRACT, tags=extraction_tags(first, last, due.newest), quiet=quiet)
