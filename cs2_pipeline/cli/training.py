"""`cs2 train`: extract new data, build the datasets, train, evaluate, and promote models that pass."""

from typing import Any, Final

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import ModelSpec
from cs2_pipeline.cli.console import CliError, answer, note, stage
from cs2_pipeline.cli.runs import run_job
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.automation.due_days import due_days, extraction_tags
from cs2_pipeline.defs.io import of_run
from cs2_pipeline.defs.partitions import ranges, with_first_day
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
    ingested = from_file(settings, what, published=published)
    if not ingested:
        if not as_json:
            stage("Extraction")
        extract_new(settings, quiet=as_json)
    chosen = [spec for spec in catalog.MODELS if what in (spec.command, ALL)]
    job = jobs.TRAIN_ALL if what == ALL else chosen[0].job
    if not as_json:
        stage("Training")
    result = run_job(settings, job, config=source_config(chosen, ingested=ingested), quiet=as_json)
    if as_json:
        platform = Platform(settings)
        documents = [platform.tables.read_json(of_run(spec.name, result.run_id)) for spec in chosen]
        versions = [platform.models.version(document["name"], document["version"]) for document in documents]
        answer([version.to_dict() for version in versions])


def from_file(settings: Settings, what: str, *, published: bool) -> bool:
    """Whether to train on what was ingested from a file: where it is asked for, or where there is no demo database.

    Raises:
        CliError: there is nothing to train on.
    """
    has_database = settings.database_url is not None or settings.embedded_database.exists()
    asset = next((spec.ingested for spec in catalog.MODELS if spec.command == what), None)
    has_ingested = asset is not None and Platform(settings).tables.exists(asset)
    if published and not has_ingested:
        if what == ALL or asset is None:
            raise CliError(
                "--published needs one model that can learn from a file: `cs2 train round` or `cs2 train match`."
            )
        raise CliError(f"no such file was ingested: run `cs2 ingest {asset.removeprefix('published_')} FILE` first.")
    if published or (has_ingested and not has_database):
        return True
    if not has_database:
        raise CliError(
            "there is no demo database: run `cs2 simulate` or `cs2 ingest demos PATH…` to make one, "
            "or set CS2_DATABASE_URL to a server."
        )
    return False


def source_config(chosen: list[ModelSpec], *, ingested: bool) -> dict[str, Any] | None:
    """Run configuration that builds the datasets from what was extracted, or from what was ingested."""
    name = "PUBLISHED" if ingested else "DATABASE"
    datasets = [spec.dataset for spec in chosen if spec.ingested is not None]
    return {"ops": {dataset: {"config": {"source": name}} for dataset in datasets}} if datasets else None


def extract_new(settings: Settings, *, quiet: bool = False) -> None:
    """Extract the days with demos that no extraction has seen, one run for each range of them.

    Raises:
        CliError: days lie before the first partition, or a run failed; its days are asked for again the next time.
    """
    settings = with_first_day(settings)
    platform = Platform(settings)
    with platform.demo_database() as database:
        require_demos(database)
        due = due_days(database, Verdicts(platform.tables), settings.first_day)
    if due.early:
        raise CliError(due.impossible(settings.first_day))
    if not quiet and (impossible := due.impossible(settings.first_day)):
        note(impossible)
    if not due.days and not quiet:
        note(f"nothing new in the demo database since the last extraction ({due.newest})")
    for first, last in ranges(due.days):
        run_job(settings, jobs.EXTRACT, tags=extraction_tags(first, last, due.newest), quiet=quiet)
