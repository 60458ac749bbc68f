"""The failure sensor: whatever run fails, somebody is told why."""

import re
from collections.abc import Sequence
from typing import Final

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData

from cs2_pipeline.defs.automation.notifications import Notifier
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import DAILY_TABLES

INTERVAL: Final = 30
_AT_ONCE: Final = 50
"""Failures looked at in one tick; the next ones in the next."""
_BLOCKED: Final = "DagsterAssetCheckFailedError"
"""Dagster's error, which it does not export, of a step whose blocking check failed."""


@dg.sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=INTERVAL,
    description="Tells the webhook, else the log, which run failed and why; the same cause once an hour.",
)
def failed_runs(context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]) -> dg.SkipReason:
    """Asks for no run; tells of each failed run once: job, days, step and cause go to the webhook, else to the log.

    The same cause is told at most once an hour. A run that failed because none of its days was good is not told again:
    its check has told of the quarantine. The cursor is the last failure looked at; what failed before the first tick is
    not told. Dagster's own failure sensor does the same, but its ticks do not say what they did.
    """
    last = int(context.cursor) if context.cursor and context.cursor.isdigit() else None
    if last is None:
        newest = _failures(context.instance, None, limit=1)
        context.update_cursor(str(newest[0].storage_id if newest else 0))
        return dg.SkipReason("failures are told from now on")
    found = _failures(context.instance, last, limit=_AT_ONCE)
    said = [_tell(context, platform, record) for record in found]
    if found:
        context.update_cursor(str(found[-1].storage_id))
    return dg.SkipReason("; ".join(said) or "no run has failed since the last look")


def _failures(instance: dg.DagsterInstance, after: int | None, *, limit: int) -> Sequence[dg.EventLogRecord]:
    """The failures after one, the oldest first; the newest of all where `after` is None."""
    wanted = dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_FAILURE, after_storage_id=after)
    return instance.fetch_run_status_changes(wanted, limit=limit, ascending=after is not None).records


def _tell(context: dg.SensorEvaluationContext, platform: Platform, record: dg.EventLogRecord) -> str:
    """Tell of a failure; returns what was done."""
    run = context.instance.get_run_by_id(record.run_id)
    if run is None:
        return f"run {record.run_id} failed and was deleted since"
    failed = context.instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    steps = [event for found in failed if (event := found.event_log_entry.dagster_event) is not None]
    if was_told_as_quarantine(steps):
        return f"run {run.run_id} had no good day: told as the quarantine of its days"
    cause, text = described(run, steps, record.event_log_entry.message or "")
    told = Notifier(platform.settings, platform.tables).tell(cause, text, context.log)
    return f"run {run.run_id} failed: {'told' if told else 'not told, see the log of this tick'}"


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


def root_cause(failure: StepFailureData) -> str:
    """The message of the outermost error of ours, which names thing and remedy; else that of the innermost."""
    chain = [failure.error]
    while chain[-1] is not None and chain[-1].cause is not None:
        chain.append(chain[-1].cause)
    # "module.ClassName: message", as Python prints an exception without its trace.
    messages = [error.message.strip() for error in chain if error is not None]
    ours = [message for message in messages if message.startswith("cs2_pipeline.")]
    chosen = (ours or messages[-1:] or [failure.error_display_string])[0 if ours else -1]
    return chosen.partition(": ")[2] or chosen
