"""The failure sensor: whatever run fails, somebody is told why."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData

from cs2_pipeline.datasets.schema import TooLittleDataError
from cs2_pipeline.defs.automation.notifications import Notifier
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import DAILY_TABLES
from cs2_pipeline.models.training import TrainingError

INTERVAL: Final = 30
_BLOCKED: Final = "DagsterAssetCheckFailedError"
"""Dagster's error, which it does not export, of a step whose blocking check failed."""
_INTERRUPTED: Final = "DagsterExecutionInterruptedError"
"""Dagster's error, which it does not export, of a step whose process got a signal to stop."""
_LACKING: Final = {TooLittleDataError.__name__, TrainingError.__name__}
"""Errors of data that more matches would mend."""


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=INTERVAL,
    monitor_all_code_locations=True,
    description="Reports failed runs and their cause to the webhook, else to the log; each cause at most once an hour.",
)
def failed_runs(context: dg.RunFailureSensorContext, platform: dg.ResourceParam[Platform]) -> None:
    """Asks for no run; tells of each failed run once: job, days, step and cause go to the webhook, else to the log.

    The same cause is told at most once an hour. A run that failed because none of its days was good is not told again:
    its check has told of the quarantine. What failed before the first tick is not told.
    """
    run, steps = context.dagster_run, context.get_step_failure_events()
    if was_told_as_quarantine(steps):
        context.log.info(f"run {run.run_id} had no good day: reported as the quarantine of its days")
        return
    cause, text = described(run, steps, context.failure_event.message or "")
    Notifier(platform.settings, platform.tables).tell(cause, text, context.log)


def was_told_as_quarantine(failed_steps: Sequence[dg.DagsterEvent]) -> bool:
    """Whether nothing failed but blocking checks of daily tables, which tell of the days they put into quarantine."""
    checks = {f"{table}_expectations" for table in DAILY_TABLES}
    errors = [(event.step_key, event.step_failure_data.error) for event in failed_steps]
    return bool(errors) and all(
        step in checks and error is not None and error.cls_name == _BLOCKED for step, error in errors
    )


def described(run: dg.DagsterRun, failed_steps: Sequence[dg.DagsterEvent], message: str) -> tuple[str, str]:
    """What makes two failures the same, and what to say of this one.

    Numbers do not tell causes apart: ids, counts and days differ between two failures of one cause.
    """
    about = dict.fromkeys(value for key, value in sorted(run.tags.items()) if "partition" in key)
    days = f" ({' to '.join(reversed(about))})" if about else ""
    steps = [(str(event.step_key), root_cause(event.step_failure_data)) for event in failed_steps] or [("run", message)]
    cause = "; ".join(f"{step}: {said}" for step, said in steps)
    name = run.job_name if not run.job_name.startswith("__") else _assets(run)
    text = f"cs2_pipeline: {name}{days} failed. {cause}\nDagster run {run.run_id}"
    return f"{name}: {re.sub(r'[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+', '#', cause)}", text


def _assets(run: dg.DagsterRun) -> str:
    """What a run is called that is of no job but of a choice of assets."""
    return ", ".join(sorted(key.to_user_string() for key in run.asset_selection or ())) or "a run of assets"


def lacks_data(failure: StepFailureData) -> bool:
    """Whether a step failed because its data is too little, or not what it needs, and not by a defect."""
    return any(name in _LACKING for name, _ in _chain(failure))


def was_interrupted(failure: StepFailureData) -> bool:
    """Whether a step ended because its process was told to stop: Ctrl-C, or SIGTERM."""
    return any(name == _INTERRUPTED for name, _ in _chain(failure))


def root_cause(failure: StepFailureData) -> str:
    """The message of the outermost error of ours, which names thing and remedy; else that of the innermost."""
    # "module.ClassName: message", as Python prints an exception without its trace.
    messages = [message for _, message in _chain(failure)]
    ours = [message for message in messages if message.startswith("cs2_pipeline.")]
    chosen = (ours or messages[-1:] or [failure.error_display_string])[0 if ours else -1]
    return chosen.partition(": ")[2] or chosen


def _chain(failure: StepFailureData) -> Iterator[tuple[str | None, str]]:
    """Class name and message of a step's error and of those that it came from, outermost first."""
    error = failure.error
    while error is not None:
        yield error.cls_name, error.message.strip()
        error = error.cause
