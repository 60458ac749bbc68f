"""Running Dagster jobs from the command line, in this process, with progress as they go.

The runs are recorded in the same Dagster instance that `cs2 up` shows.
"""

import logging
import os
import socket
import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import dagster as dg

# Private uses: Dagster does not export what says that a run belongs to a code location.
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from cs2_pipeline.artifact import catalog
from cs2_pipeline.cli.console import CliError, note
from cs2_pipeline.datasets.schema import WIN_PROBABILITY_ADDED
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.automation.abandoned import HOST_TAG, close_trainings, end_vanished
from cs2_pipeline.defs.automation.failures import lacks_data, root_cause, was_interrupted
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import ATTENDED_TAG
from cs2_pipeline.registry.errors import RegistryError
from cs2_pipeline.settings import Settings

_LOCATION: Final = "cs2_pipeline"
"""The code location in `workspace.yaml`."""
_DAGSTER_YAML: Final = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_monitoring:
  enabled: true
  max_runtime_seconds: 21600
"""


class TooLittleDataError(CliError):
    """A job stopped only where there is too little data, or data of another kind, for one of its steps.

    Attributes:
        reasons: what each of these steps lacks, by its asset.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(next(iter(reasons.values())))
        self.reasons = dict(reasons)


def instance(settings: Settings) -> dg.DagsterInstance:
    """The Dagster instance of the home folder, or the one DAGSTER_HOME names."""
    home = settings.home.resolve() / "dagster"
    if "DAGSTER_HOME" not in os.environ:
        home.mkdir(parents=True, exist_ok=True)
        config = home / "dagster.yaml"
        if not config.exists():
            config.write_text(_DAGSTER_YAML)
        os.environ["DAGSTER_HOME"] = str(home)
    return dg.DagsterInstance.get()


def run_job(
    settings: Settings,
    job: str,
    *,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> dg.ExecuteInProcessResult:
    """Run a job to its end, noting each table, check and model as it comes.

    Raises:
        KeyboardInterrupt: the run was interrupted.
        TooLittleDataError: nothing but too little data kept steps from their end.
        CliError: a step failed or a blocking check did; the message is that of the cause.
    """
    _quieten()
    logger = silence if quiet else progress
    definitions = dg.Definitions.merge(assemble(settings), dg.Definitions(loggers={"progress": logger}))
    with instance(settings) as dagster:
        end_killed(settings, dagster, quiet=quiet)
        _create_in_code_location(dagster, job)
        report_nothing_ingested(dagster)
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=dagster,
            tags={
                ATTENDED_TAG: "true",
                HOST_TAG: socket.gethostname(),
                "dagster/max_retries": "0",
                **(tags or {}),
            },
            run_config={**(config or {}), "loggers": {"progress": {}}},
            raise_on_error=False,
        )
    require_success(result)
    return result


def require_success(result: dg.ExecuteInProcessResult) -> None:
    """Say why a run did not succeed, if it did not.

    Raises:
        KeyboardInterrupt: it was interrupted, which Dagster records as the failure of a step.
        TooLittleDataError: nothing but too little data kept steps from their end.
        CliError: a step failed or a blocking check did.
    """
    if result.success:
        return
    failed = {str(event.step_key): event.step_failure_data for event in result.all_events if event.is_step_failure}
    if any(was_interrupted(failure) for failure in failed.values()):
        raise KeyboardInterrupt
    if failed and all(lacks_data(failure) for failure in failed.values()):
        raise TooLittleDataError({step: root_cause(failure) for step, failure in failed.items()})
    raise CliError(_why(result))


def report_nothing_ingested(dagster: dg.DagsterInstance) -> None:
    """Report each table of an ingested file as empty where no file was ever ingested, and what no champion priced.

    The UI would otherwise warn at the first click on Materialize that what a dataset may read, too, is not there.
    """
    absent = {spec.ingested: "no file was ingested yet" for spec in catalog.MODELS if spec.ingested is not None}
    absent[WIN_PROBABILITY_ADDED.name] = "not made yet"
    for name, why in sorted(absent.items()):
        if dagster.get_latest_materialization_event(dg.AssetKey(name)) is None:
            empty: dict[str, Any] = {"dagster/row_count": 0, "summary": f"empty: {why}"}
            dagster.report_runless_asset_event(dg.AssetMaterialization(name, metadata=empty))


def _create_in_code_location(dagster: dg.DagsterInstance, job: str) -> None:
    """Make the instance create runs as the UI does: its Timeline and Jobs show those of a code location alone."""
    target = LoadableTargetOrigin(module_name="cs2_pipeline.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=_LOCATION)
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job)
    dagster.create_run_for_job = partial(dagster.create_run_for_job, remote_job_origin=origin)  # type: ignore[method-assign]


def end_killed(settings: Settings, dagster: dg.DagsterInstance, *, quiet: bool) -> None:
    """End runs of the command line that were killed on this host, and say so."""
    ended = end_vanished(dagster, launched_here=False)
    for run in [] if quiet else ended:
        note(f"an earlier {run.job_name} was killed; its run {run.run_id} is marked as failed")
    if any(run.job_name in jobs.trainings() for run in ended):
        try:
            close_trainings(dagster, Platform(settings))
        except RegistryError as error:  # no reason to keep from what was asked for, which may not need MLflow
            if not quiet:
                note(f"what it left open in MLflow stays so for now: {error}")


def _quieten() -> None:
    """Keep what the libraries say about themselves out of a user's terminal."""
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    for category in (dg.BetaWarning, dg.PreviewWarning, dg.SupersessionWarning):
        warnings.simplefilter("ignore", category)


def _why(result: dg.ExecuteInProcessResult) -> str:
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed and evaluation.blocking:
            asset = evaluation.asset_key.to_user_string()
            return (
                f"the check {evaluation.check_name} on {asset} failed: {evaluation.description or 'see its metadata'}"
            )
    for event in result.all_events:
        if event.is_step_failure:
            return root_cause(event.step_failure_data)
    return "the run failed; the Dagster UI shows its log"


class ProgressHandler(logging.Handler):
    """Turns a run's events into a line per asset and check; what assets log themselves is shown as it is."""

    def __init__(self) -> None:
        super().__init__()
        self._materialized: dict[str, list[dg.AssetMaterialization]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Print what is worth reading of a record."""
        event: dg.DagsterEvent | None = getattr(record, "dagster_event", None)
        if event is None:
            # Errors are told once, by `run_job`, with their cause.
            if record.levelno < logging.ERROR:
                note(f"… {getattr(record, 'dagster_meta', {}).get('orig_message', record.getMessage())}")
        elif event.is_step_materialization:
            found = event.step_materialization_data.materialization
            self._materialized.setdefault(str(event.step_key), []).append(found)
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            _note_check(event.asset_check_evaluation_data)
        elif event.is_step_success:
            _note_assets(self._materialized.pop(str(event.step_key), []), event.step_success_data.duration_ms / 1000)


def _note_assets(materialized: list[dg.AssetMaterialization], seconds: float) -> None:
    if not materialized:
        return
    metadata = {key: value.value for key, value in materialized[0].metadata.items()}
    words = [materialized[0].asset_key.to_user_string()]
    if "dagster/row_count" in metadata:
        words.append(f"{metadata['dagster/row_count']:,} rows")
    if len(materialized) > 1:
        words.append(f"in {len(materialized)} daily partitions")
    if metadata.get("left_out_total"):
        words.append(f"({metadata['left_out_total']:,} left out)")
    note(f"✓ {' '.join(words)} [{seconds:.1f} s]")
    for line in str(metadata.get("summary", "")).splitlines():
        note(f"    {line}")


def _note_check(evaluation: dg.AssetCheckEvaluation) -> None:
    mark = "✓" if evaluation.passed else "✗"
    asset = evaluation.asset_key.to_user_string()
    note(
        f"{mark} check {evaluation.check_name} on {asset}: {'passed' if evaluation.passed else evaluation.description}"
    )


@dg.logger
def progress(_: dg.InitLoggerContext) -> logging.Logger:
    """The logger the command line gives its runs."""
    logger = logging.Logger("cs2", logging.DEBUG)
    logger.addHandler(ProgressHandler())
    return logger


@dg.logger
def silence(_: dg.InitLoggerContext) -> logging.Logger:
    """The logger of runs whose answer is JSON."""
    return logging.Logger("cs2", logging.CRITICAL + 1)
