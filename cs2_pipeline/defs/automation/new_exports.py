"""New exports of other programs in a watched folder: ingested as they come.

The folder is local or any address fsspec knows (CS2_EXPORTS_URL). A file is taken once it looks the same at two ticks,
so that one still being written is left alone; tables, which are read together, once all in their folder do. What became
of it is in the run's log, what could not be read on the quarantine list (`cs2 ingest exports --failed`). Of files from
elsewhere a copy is read; it stays only as long as something of it is on that list.
"""

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Any, Final

import dagster as dg
import fsspec

from cs2_pipeline.defs.assets.extraction import DATABASE_POOL
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.demodb.importers import csv_export
from cs2_pipeline.demodb.importers.exports import ingest_exports, is_export
from cs2_pipeline.demodb.importers.ingest import failed

INTERVAL: Final = 60
JOB: Final = "ingest_exports"
OP: Final = "take_exports"
_STAMPS: Final = ("mtime", "LastModified", "last_modified", "updated", "ETag", "created")
"""What file systems call the mark of a file's version."""


class ExportFiles(dg.Config):
    """Which files of the watched folder to read."""

    files: list[str]


@dg.op(name=OP, pool=DATABASE_POOL, description="Read exports into the embedded demo database.")
def take_exports(
    context: dg.OpExecutionContext, config: ExportFiles, platform: dg.ResourceParam[Platform]
) -> dict[str, int]:
    """Reads files of the watched folder; answers how many matches came to each end."""
    local = [fetched(platform, name) for name in config.files]
    report = ingest_exports(local, platform.settings.embedded_database)
    _forget_copies(platform)
    counts: dict[str, int] = {}
    for outcome in report.outcomes:
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
        say = context.log.info if outcome.status in ("imported", "known") else context.log.warning
        say(f"{outcome.status} {outcome.path}: {outcome.rounds} rounds; {outcome.detail}")
    context.add_output_metadata(dict(counts))
    return counts


def fetched(platform: Platform, name: str) -> Path:
    """A watched file on this machine: itself, or a copy in the home under the same name."""
    fs, base = fsspec.core.url_to_fs(platform.settings.exports_url)
    if "file" in fs.protocol:
        return Path(name)
    target = _copies(platform) / PurePosixPath(name).relative_to(PurePosixPath(base))
    target.parent.mkdir(parents=True, exist_ok=True)
    fs.get_file(name, str(target))
    return target


def _copies(platform: Platform) -> Path:
    """Where copies of files from elsewhere are, and nothing else."""
    return platform.settings.home.resolve() / "cache" / "exports"


def _forget_copies(platform: Platform) -> None:
    """Remove the copies that were read; what could not be is kept, to be read again or with parts that come later."""
    listed = [Path(entry.path) for entry in failed(platform.settings.embedded_database)]
    needed = {place for path in listed for place in (path, *path.parents)}  # a match in an archive lies below its path
    together = {path.parent for path in listed}
    for file in [path for path in _copies(platform).rglob("*") if path.is_file()]:
        tables = csv_export.table_of(file.name) is not None
        if file not in needed and not (tables and file.parent in together):
            file.unlink()


def listing(url: str) -> dict[str, str]:
    """The exports below an address, each with a mark that changes when the file does."""
    fs, base = fsspec.core.url_to_fs(url)
    found: dict[str, Any] = fs.find(base, detail=True)
    return {name: _mark(info) for name, info in sorted(found.items()) if is_export(name)}


def _mark(info: dict[str, Any]) -> str:
    return f"{info.get('size')}:{next((str(info[key]) for key in _STAMPS if key in info), '')}"


def settled(now: dict[str, str], seen: dict[str, dict[str, str]]) -> tuple[list[str], dict[str, dict[str, str]]]:
    """The files to take, and what to remember for the next look.

    Args:
        now: the files and their marks.
        seen: "waiting" and "taken" of the last look, files and marks each.
    """
    waiting, taken = seen.get("waiting", {}), seen.get("taken", {})
    together: dict[str, list[str]] = {}
    for name in now:
        together.setdefault(_unit(name), []).append(name)
    ready = [
        name
        for names in together.values()
        if all(waiting.get(name) == now[name] for name in names) and any(taken.get(name) != now[name] for name in names)
        for name in names
    ]
    remembered = {name: mark for name, mark in taken.items() if name in now} | {name: now[name] for name in ready}
    return ready, {"waiting": now, "taken": remembered}


def _unit(name: str) -> str:
    """What a file is read with: the tables of its folder, else nothing but itself."""
    return str(PurePosixPath(name).parent) if csv_export.table_of(name) is not None else name


@dg.job(name=JOB, description="Read exports of other programs into the embedded demo database.")
def ingest_exports_job() -> None:
    """The job that the sensor asks for."""
    take_exports()


@dg.sensor(
    job_name=JOB,
    minimum_interval_seconds=INTERVAL,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads new exports in the folder that CS2_EXPORTS_URL names; without it nothing is watched.",
)
def new_exports(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.SensorResult | dg.SkipReason:
    """Asks for one run for all files that are new or changed, and whole."""
    if platform.settings.exports_url is None:
        return dg.SkipReason("no folder is watched: CS2_EXPORTS_URL is not set")
    try:
        now = listing(platform.settings.exports_url)
    except (OSError, ImportError, ValueError) as error:
        return dg.SkipReason(f"the watched folder cannot be listed: {error}")
    ready, remembered = settled(now, json.loads(context.cursor) if context.cursor else {})
    cursor = json.dumps(remembered)
    if not ready:
        context.update_cursor(cursor)
        return dg.SkipReason(f"{len(now)} exports in the folder, none of them new and whole")
    key = hashlib.sha256(json.dumps([(name, now[name]) for name in ready]).encode()).hexdigest()
    config = {"ops": {OP: {"config": {"files": ready}}}}
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=key, run_config=config)], cursor=cursor)
