"""`cs2 demo`: everything once, from an empty folder to predictions and a forecast over HTTP, saying what happened."""

import time
from datetime import date
from pathlib import Path

from cs2_pipeline.artifact import catalog
from cs2_pipeline.cli import data, forecast, predict, processes, training, up
from cs2_pipeline.cli.console import CliError, note, stage
from cs2_pipeline.cli.runs import TooLittleDataError, run_job
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.assets import forecasts, impact
from cs2_pipeline.defs.assets.prices import ROUND_MODEL
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings

READY_TIMEOUT = 300.0


def run(settings: Settings, matches: int, exports: list[Path], played_on: date | None) -> None:
    """Run all stages, on simulated matches or on the real ones of exports.

    Raises:
        CliError: a stage failed; what it had not finished is not there.
    """
    begun = time.monotonic()
    service, gateway = processes.service(settings), processes.gateway(settings)
    for program in (service, gateway):
        processes.require_free_port(program, settings.host)
    stage("1  Demo database")
    if exports:
        data.ingest_exports(settings, exports, played_on=played_on, retry=False)
    else:
        _database(settings, matches)
    stage("2  Extraction and validation")
    training.extract_new(settings)
    stage("3  Datasets, training, evaluation, promotion")
    try:
        run_job(settings, jobs.TRAIN_ALL, config=training.source_config(list(catalog.MODELS), ingested=False))
    except TooLittleDataError as error:
        if not exports:
            raise
        _say_what_lacks(error)
    champions = _champions(settings, all_needed=not exports)
    if not champions:
        _end_without_champions(settings, begun)
        return
    if ROUND_MODEL.name in champions:
        run_job(settings, impact.JOB)
    run_job(settings, jobs.COACH)
    if catalog.MATCH.name in champions:
        run_job(settings, forecasts.JOB)
    if not exports:
        stage("4  Known truth")
        _known_truth(settings)
    stage("5  Predictions over HTTP" if not exports else "4  Predictions over HTTP")
    served = [spec for spec in catalog.served() if spec.name in champions]
    # Of real matches there may be too few for one of the models; the service is ready with those that are there.
    settings = settings.model_copy(update={"served_models": ",".join(spec.name for spec in served)})
    with processes.running([processes.service(settings), gateway], settings):
        _await_models(settings)
        for spec in served:
            predict.predict(settings, spec, {}, (), as_json=False)
        if catalog.MATCH.name in champions:
            stage("6  Tonight's match" if not exports else "5  Tonight's match")
            _forecast(settings)
    note(f"done in {time.monotonic() - begun:.0f} s; `cs2 up` keeps it running. Then open:")
    for name, address in up.addresses(settings).items():
        note(f"{name:<12} {address}")


def _forecast(settings: Settings) -> None:
    """Forecast a series between the two teams that played most, and verify the ledger that holds it."""
    listed = forecast.ask(settings, "/api/v1/teams?limit=500")["items"]
    first, second = sorted(listed, key=lambda one: (-one["matches"], one["id"]))[:2]
    asked = {"team1_id": first["id"], "team2_id": second["id"], "best_of": 3}
    deadline = time.monotonic() + READY_TIMEOUT
    while True:
        try:
            made = forecast.ask(settings, forecast.SERIES, asked)
            break
        except CliError:  # the champion is not fetched yet
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    forecast.show(made)
    found = forecast.ask(settings, f"{forecast.LEDGER}/verify")
    if not found["holds"]:
        raise CliError(f"the ledger is damaged: entry {found['faults'][0]['seq']} {found['faults'][0]['what']}")
    note(f"the ledger is intact: no entry ({found['entries']} so far) was changed, removed or reordered")


def _database(settings: Settings, matches: int) -> None:
    if settings.database_url is not None:
        note("reading the server that CS2_DATABASE_URL names")
    elif settings.embedded_database.exists():
        note(f"re-using {settings.embedded_database}; `cs2 simulate --replace` makes a new one")
    else:
        data.simulate(settings, matches=matches, seed=None, equal_skill=False, replace=False)


def _say_what_lacks(error: TooLittleDataError) -> None:
    """Name each model that could not be trained on so few matches, and why."""
    for spec in catalog.MODELS:
        steps = (*spec.built_first, spec.dataset, spec.name, spec.promotion)
        for reason in (error.reasons[step] for step in steps if step in error.reasons):
            note(f"✗ {spec.name} could not be trained: {reason}")


def _end_without_champions(settings: Settings, begun: float) -> None:
    """Say what there is although nothing can be served."""
    note("there is no model to serve yet, so this is where the demo of these matches ends")
    note(f"the matches are in {settings.embedded_database}, and in the tables that `cs2 up` shows in Dagster")
    note("once there are more: `cs2 ingest exports PATH…`, then `cs2 train`; CS:GO's public rounds and played series")
    note("can be ingested as well: `cs2 ingest snapshots FILE`, `cs2 ingest series FILE`")
    note(f"done in {time.monotonic() - begun:.0f} s")


def _champions(settings: Settings, *, all_needed: bool) -> list[str]:
    """The models that have a champion; all of them, where they are needed.

    Raises:
        CliError: a model that is needed has none.
    """
    models = Platform(settings).models
    missing = [name for name in catalog.names() if models.champion(name) is None]
    there = [name for name in catalog.names() if name not in missing]
    if missing and not all_needed:
        note(f"{', '.join(missing)}: not promoted; `cs2 models list` shows what was trained, and why not")
        return there
    if missing:
        raise CliError(
            f"{' and '.join(missing)} not promoted, so there is nothing to serve: `cs2 models list` says why. "
            "More matches help."
        )
    return there


def _known_truth(settings: Settings) -> None:
    from cs2_pipeline.training import known_truth  # noqa: PLC0415  needs the simulator

    note("a second simulation, with equal skill and exactly known probabilities; a model trained on it alone")
    found = known_truth.measure(matches=known_truth.DEMO_MATCHES, seed=settings.seed)
    note(
        f"root mean square error against the exact probability: {found.rmse:.4f} "
        f"(test part: {found.rows:,} states of {found.matches:,} matches, trained on {found.training_matches:,})"
    )


def _await_models(settings: Settings) -> None:
    url = f"http://{settings.host}:{settings.service_port}/readyz"
    deadline = time.monotonic() + READY_TIMEOUT
    while not processes.answers(url):
        if time.monotonic() > deadline:
            raise CliError(f"the prediction service loaded no model within {READY_TIMEOUT:.0f} s; {url} says why.")
        time.sleep(0.2)
