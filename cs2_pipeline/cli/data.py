"""Commands that bring data in: simulate, ingest snapshots, demos and exports."""

import os
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cs2_pipeline.cli.console import CliError, UsageError, answer, err, note, out, progress, stage
from cs2_pipeline.datasets import origins
from cs2_pipeline.settings import Settings

if TYPE_CHECKING:
    from cs2_pipeline.demodb.importers.ingest import IngestReport


def simulate(
    settings: Settings,
    *,
    matches: int,
    seed: int | None,
    equal_skill: bool,
    replace: bool,
    like_real: bool = False,
    as_json: bool = False,
) -> None:
    """Fill the embedded database. What was extracted from one that is replaced is forgotten with it.

    Raises:
        CliError: there is one already and it is not to be replaced.
    """
    from cs2_pipeline.datasets.store import TableStore  # noqa: PLC0415  needs pandas
    from cs2_pipeline.defs.verdicts import forget_extracted  # noqa: PLC0415
    from cs2_pipeline.demodb import simulator  # noqa: PLC0415  needs pandas and sqlalchemy
    from cs2_pipeline.demodb.simulator import real_play  # noqa: PLC0415

    path = settings.embedded_database
    _say_if_another_is_read(settings)
    if path.exists() and not replace:
        raise CliError(
            f"{path} exists already. Replace it with --replace, or choose another folder: CS2_HOME=<folder>."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if settings.database_url is None:
        forget_extracted(TableStore(settings.resolved_data_url()))
    with _progress("simulating matches") as bar:
        task = bar.add_task("", total=matches)
        report = simulator.simulate(
            path,
            matches=matches,
            seed=settings.seed if seed is None else seed,
            equal_skill=equal_skill,
            model=real_play.like_real() if like_real else None,
            overwrite=replace,
            progress=lambda done, _: bar.update(task, completed=done),
        )
    if as_json:
        answer(asdict(report))
        return
    rows = ", ".join(f"{count:,} {table}" for table, count in report.rows.items())
    note(f"{path}: {rows}")


def ingest_snapshots(settings: Settings, file: Path, *, as_json: bool) -> None:
    """Read the public file into the table `published_snapshots`."""
    _ingest_file(settings, file, "published_snapshots", {}, as_json=as_json)
    if not as_json:
        note("train on it: cs2 train round --published")


def ingest_series(settings: Settings, file: Path, maps: Path | None, *, as_json: bool) -> None:
    """Read a table of series into the table `published_series`, which it replaces."""
    if maps is not None and not maps.is_file():
        raise CliError(f"there is no file {maps}")
    more = {} if maps is None else {"maps": str(maps.resolve())}
    _ingest_file(settings, file, "published_series", more, as_json=as_json)
    if not as_json:
        note("train on it: cs2 train match --published")


def _ingest_file(settings: Settings, file: Path, asset: str, more: dict[str, str], *, as_json: bool) -> None:
    """Read a file into the table of the same name as its asset, and say what was found in it."""
    from cs2_pipeline.cli.runs import run_job  # noqa: PLC0415  needs dagster

    if not file.is_file():
        raise CliError(f"there is no file {file}")
    if not as_json:
        stage(f"Reading {file.name}")
    config = {"ops": {asset: {"config": {"path": str(file.resolve()), **more}}}}
    job = asset.replace("published", "ingest")
    result = run_job(settings, job, config=config, quiet=as_json)
    (found,) = result.get_asset_materialization_events()
    metadata = found.step_materialization_data.materialization.metadata
    figures = {key.removeprefix("report/"): value.value for key, value in metadata.items() if key.startswith("report/")}
    if as_json:
        answer(figures)
        return
    for name, figure in figures.items():
        shown = f"{figure:,}" if isinstance(figure, int) else figure
        note(f"{name.replace('_', ' '):<34} {shown:>10}")


def ingest_demos(
    settings: Settings,
    paths: list[Path],
    *,
    played_on: date | None,
    file_times: bool,
    retry: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Parse demos into the embedded database; exit status 1 when one of them could not be read."""
    from cs2_pipeline.demodb.importers import ingest  # noqa: PLC0415  needs pandas and sqlalchemy

    if not paths:
        raise UsageError("give demo files or folders: cs2 ingest demos PATH…")
    _say_if_another_is_read(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    with _progress("reading demos") as bar:
        task = bar.add_task("", total=None)
        report = ingest.ingest(
            paths,
            settings.embedded_database,
            played_on=played_on,
            file_times=file_times,
            workers=workers or os.cpu_count() or 1,
            retry=retry,
            progress=lambda done, total, _: bar.update(task, completed=done, total=total),
        )
    _tell(settings, report, as_json=as_json, remedy=_remedy(report))


def ingest_exports(
    settings: Settings, paths: list[Path], *, played_on: date | None, retry: bool, as_json: bool = False
) -> None:
    """Read exports into the embedded demo database; exit status 1 when one of them could not be read."""
    from cs2_pipeline.demodb.importers import exported, exports  # noqa: PLC0415  needs pandas and sqlalchemy

    if not paths:
        raise UsageError("give exported files or folders: cs2 ingest exports PATH…")
    _say_if_another_is_read(settings)
    settings.home.mkdir(parents=True, exist_ok=True)
    with _progress("reading exports") as bar:
        task = bar.add_task("", total=None)
        report = exports.ingest_exports(
            paths,
            settings.embedded_database,
            played_on=played_on,
            retry=retry,
            progress=lambda done, total, _: bar.update(task, completed=done, total=total),
        )
    remedy = ""
    if left := [*report.of("refused"), *report.of("quarantined")]:
        remedy = " `cs2 ingest exports --failed` lists what could not be read and why."
        if undated := sum(exported.NO_DATE in outcome.detail for outcome in left):
            remedy += f" {undated} only lack{'s' * (undated == 1)} a date: say it with --date YYYY-MM-DD."
    _tell(settings, report, as_json=as_json, remedy=remedy)


def say_what_is_next(settings: Settings) -> None:
    """Name the command to go on with once the embedded database is filled, unless another database is read."""
    if settings.database_url is None:
        note("next: `cs2 train` extracts what is new, trains, evaluates, and promotes what passes")


def _tell(settings: Settings, report: "IngestReport", *, as_json: bool, remedy: str) -> None:
    """Show what became of each recording.

    Raises:
        CliError: not all are in the database.
    """
    if as_json:
        answer([asdict(outcome) for outcome in report.outcomes])
    else:
        for outcome in report.outcomes:
            rounds = f"{outcome.rounds} rounds  " if outcome.status == "imported" else ""
            out.print(f"{outcome.status:<12} {outcome.path}  {rounds}{outcome.detail}")
    if not report.ok:
        raise CliError(f"not everything is in {settings.embedded_database}: {report.summary()}.{remedy}")
    if not as_json:
        note(f"{settings.embedded_database}: {report.summary()}")
        if report.of("imported"):
            say_what_is_next(settings)
    if mixed := origins.warning(origins_of(f"sqlite:///{settings.embedded_database}")):
        err.print(f"warning: {mixed}")


def origins_of(database_url: str) -> dict[str, float]:
    """The share of each kind of origin among the demos of a database.

    Raises:
        DemoDatabaseError: the database cannot be read.
    """
    from cs2_pipeline.demodb.connection.connect import DemoDatabase  # noqa: PLC0415  needs pandas and sqlalchemy
    from cs2_pipeline.demodb.content import sources  # noqa: PLC0415

    with DemoDatabase(database_url) as database:
        return origins.shares(sources(database))


def _remedy(report: "IngestReport") -> str:
    """What to do about recordings that did not come in."""
    from cs2_pipeline.demodb.importers.ingest import UNDATED  # noqa: PLC0415  needs pandas and sqlalchemy

    remedy = ""
    left = [*report.of("refused"), *report.of("quarantined")]
    undated = sum(outcome.detail.startswith(UNDATED) for outcome in left)
    if len(left) > undated:
        remedy += " `cs2 ingest demos --failed` lists what could not be read and why; fix the files and try again."
    if undated:
        remedy += f" {undated} only lack{'s' * (undated == 1)} a date: say it with --date YYYY-MM-DD, or take the "
        remedy += "files' modification times with --file-times."
    if report.of("missing"):
        remedy += " Give .dem files, folders that contain some, or folders of per-event Parquet files."
    return remedy


def failed_demos(settings: Settings, *, as_json: bool) -> None:
    """Show the quarantine list."""
    from cs2_pipeline.demodb.importers import ingest  # noqa: PLC0415  needs pandas and sqlalchemy

    found = ingest.failed(settings.embedded_database)
    if as_json:
        answer([asdict(entry) for entry in found])
        return
    for entry in found:
        out.print(f"{entry.path}  {entry.reason}")
    if not found:
        note("no demo is in quarantine")


def _say_if_another_is_read(settings: Settings) -> None:
    """Say that what is filled here is not what extraction reads, where CS2_DATABASE_URL names another database.

    Raises:
        BadAddressError: CS2_DATABASE_URL cannot be read.
    """
    from cs2_pipeline.demodb.connection import urls  # noqa: PLC0415  needs sqlalchemy

    read, filled = urls.parse(settings.resolved_database_url()), settings.embedded_database
    if read.kind == "sqlite" and read.path.resolve() == filled.resolve():
        return
    err.print(
        f"note: this command fills {filled}, but extraction reads {read}, which CS2_DATABASE_URL names. "
        "Unset CS2_DATABASE_URL to work with the database filled here.",
    )


def _progress(title: str) -> Progress:
    return progress(TextColumn(f"  {title}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
