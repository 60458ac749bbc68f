"""`cs2 doctor`: every setting and connection tried, and what to do about what is wrong."""

import os
from collections.abc import Iterator
from dataclasses import asdict
from tempfile import TemporaryFile

from pydantic import SecretStr

from cs2_pipeline.artifact import catalog
from cs2_pipeline.cli import processes
from cs2_pipeline.cli.console import CliError, answer, out
from cs2_pipeline.cli.data import origins_of
from cs2_pipeline.datasets import origins
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.demodb.doctor import Finding, diagnose
from cs2_pipeline.registry import listing
from cs2_pipeline.registry.errors import RegistryError, masked
from cs2_pipeline.settings import Settings

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


def run(settings: Settings, *, as_json: bool) -> None:
    """Print all findings.

    Raises:
        CliError: there is at least one error among them.
    """
    parts = (_settings, _home, _tables, _database, _mlflow, _service)
    findings = [finding for part in parts for finding in part(settings)]
    if as_json:
        answer([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            out.print(f"{finding.level:<9}", style=_COLOURS[finding.level], end="")
            out.print(f"{finding.topic}: {finding.message}")
    errors = sum(finding.level == "error" for finding in findings)
    if errors:
        raise CliError(f"{errors} of {len(findings)} checks failed")


def _settings(settings: Settings) -> Iterator[Finding]:
    known = {f"CS2_{name.upper()}" for name in type(settings).model_fields}
    for name in sorted(os.environ):
        if name.startswith("CS2_") and name not in known | {"CS2_GIT_COMMIT"}:
            yield Finding("warning", "settings", f"{name} is not a setting of the platform; is it misspelt?")
    for name in sorted(settings.model_fields_set):
        value = getattr(settings, name)
        shown = "(set)" if isinstance(value, SecretStr) else masked(str(value))  # an address may hold a password
        yield Finding("ok", "settings", f"CS2_{name.upper()} = {shown}")


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home.resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=home):
            yield Finding("ok", "home", f"{home} is writable")
    except OSError as error:
        yield Finding(
            "error", "home", f"{home} cannot be written to ({error.strerror}): choose another folder with CS2_HOME"
        )


def _tables(settings: Settings) -> Iterator[Finding]:
    if settings.data_url is None:
        return
    try:
        Platform(settings).tables.exists("rounds")
        yield Finding("ok", "tables", f"{masked(settings.data_url)} can be read")
    except Exception as error:  # each kind of store has errors of its own
        yield Finding(
            "error",
            "tables",
            f"CS2_DATA_URL: {masked(settings.data_url)} cannot be read ({masked(str(error))}): set a folder or an "
            "address such as s3://bucket/folder with its fsspec package installed",
        )


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None and not settings.embedded_database.exists():
        message = "no demo database yet: `cs2 simulate`, `cs2 ingest demos PATH…`, or set CS2_DATABASE_URL"
        yield Finding("warning", "demo database", message)
        return
    findings = diagnose(settings.resolved_database_url())
    for finding in findings:
        yield Finding(finding.level, f"demo database, {finding.topic}", finding.message)
    if all(finding.level != "error" for finding in findings):
        found = origins_of(settings.resolved_database_url())
        topic, mixed = "demo database, origin", origins.warning(found)
        yield Finding("warning", topic, mixed) if mixed else Finding("ok", topic, f"it holds {origins.told(found)}")


def _mlflow(settings: Settings) -> Iterator[Finding]:
    platform = Platform(settings)
    try:
        champions = {name: listing.champion(platform.tracking_uri, name) for name in catalog.names()}
    except (RegistryError, OSError) as error:
        yield Finding("error", "MLflow", str(error))
        return
    yield Finding("ok", "MLflow", f"{masked(platform.tracking_uri)} answers")
    for name, champion in champions.items():
        if champion is None:
            yield Finding("warning", "MLflow", f"{name} has no champion yet: `cs2 train` creates one")
        else:
            yield Finding("ok", "MLflow", f"{name} champion is version {champion}")


def _service(settings: Settings) -> Iterator[Finding]:
    programs = [processes.dagster(settings), processes.mlflow(settings), processes.service(settings)]
    for program in programs:
        url = f"http://{settings.host}:{program.port}{program.ready_path}"
        if processes.answers(url):
            yield Finding("ok", program.name, f"answers on port {program.port}")
            continue
        try:
            processes.require_free_port(program, settings.host)
            yield Finding("ok", program.name, f"not running; its port {program.port} is free")
        except CliError as error:
            yield Finding("error", program.name, str(error))
