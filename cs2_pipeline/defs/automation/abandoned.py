"""Runs whose process is gone: kill -9, a machine that restarted. They are ended as failures, with all they left open.

Dagster itself learns of a dead worker only from launchers that can ask (Docker, Kubernetes); a run of the command line
or of a code location that died with its workers would stay started for hours and hold the sensors up.
"""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg

from cs2_pipeline.defs.automation.unfinished import ABANDONED_AFTER, end_of
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import FAILURE_TAG, TRANSIENT
from cs2_pipeline.registry import runs
from cs2_pipeline.registry.champion import RegistryError

INTERVAL: Final = 60
HOST_TAG: Final = "cs2/host"
"""Run tag: the host of a run that the command line executes in its own process."""
_SLACK: Final = timedelta(seconds=5)
"""Start times of processes are known to a second or two."""
_PROC: Final = Path("/proc")
_ZOMBIE: Final = "Z"
_AT_WORK: Final = (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
_BROKEN: Final = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@dg.sensor(
    minimum_interval_seconds=INTERVAL,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends runs whose process was killed, and MLflow runs that a failed training left open.",
)
def abandoned_runs(context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]) -> dg.SkipReason:
    """Asks for no run; acts on each killed run once, for then it is ended.

    MLflow is looked at when a run has failed or was cancelled since the last look, and at the first tick. The cursor
    holds the time of that look.
    """
    ended = end_vanished(context.instance, launched_here=True)
    said = [f"ended {run.job_name} {run.run_id}, whose process is gone" for run in ended]
    now = datetime.now(UTC)
    since = datetime.fromisoformat(context.cursor) if context.cursor else None
    broken = dg.RunsFilter(statuses=list(_BROKEN), updated_after=since)
    if since is None or context.instance.get_run_records(broken, limit=1):
        try:
            closed = close_trainings(context.instance, platform)
        except RegistryError as error:
            return dg.SkipReason("; ".join([*said, f"MLflow could not be looked at: {error}"]))
        said += [f"marked MLflow run {run_id} as killed" for run_id in closed]
        context.update_cursor(now.isoformat())
    return dg.SkipReason("; ".join(said) or "every run that is under way has its process, and none was left open")


def end_vanished(instance: dg.DagsterInstance, *, launched_here: bool) -> list[dg.DagsterRun]:
    """End runs whose process is gone from this host, as failures that say so.

    Args:
        instance: the instance.
        launched_here: whether runs that the daemon had launched are looked at too: their processes are visible to the
            code location alone. Runs of the command line are looked at on the host that executed them.
    """
    ended = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(_AT_WORK))):
        run = record.dagster_run
        host = run.tags.get(HOST_TAG)
        here = host == socket.gethostname() if host else launched_here and not _asked_by_dagster(instance)
        worker = _worker(instance, run.run_id) if here else None
        # A run may have come to its end since it was listed: asked once its process is gone, its status is final.
        if worker is not None and not _lives(*worker) and _at_work(instance, run.run_id):
            message = f"The process of this run (pid {worker[0]}) is gone: it was killed, or its host restarted."
            # No fault of what it worked on: an extraction is asked for again as it was, not day by day.
            instance.add_run_tags(run.run_id, {FAILURE_TAG: TRANSIENT})
            instance.report_run_failed(run, message)
            ended.append(run)
    return ended


def close_trainings(instance: dg.DagsterInstance, platform: Platform) -> list[str]:
    """Mark MLflow runs as killed that a training left open when it ended; returns their ids.

    A run of a training that this Dagster does not know is somebody else's: it is left alone until it is hours old.
    """
    closed = []
    for left in runs.left_open(platform.tracking_uri):
        reason = _why_closed(instance, left)
        if reason:
            runs.mark_killed(platform.tracking_uri, left.run_id, reason)
            closed.append(left.run_id)
    return closed


def _why_closed(instance: dg.DagsterInstance, left: runs.LeftOpen) -> str:
    record = next(iter(instance.get_run_records(dg.RunsFilter(run_ids=[left.dagster_run_id]))), None)
    if record is None:
        old = datetime.now(UTC) - left.started_at > ABANDONED_AFTER
        return "the training that made it never ended it" if old else ""
    if end_of(record) is None:
        return ""
    status = record.dagster_run.status.value.lower()
    return f"Dagster run {left.dagster_run_id} ended ({status}) while it was being written; it holds no version"


def _asked_by_dagster(instance: dg.DagsterInstance) -> bool:
    """Whether Dagster's run monitoring asks the launcher whether workers live."""
    return instance.run_launcher.supports_check_run_worker_health


def _at_work(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in _AT_WORK


def _worker(instance: dg.DagsterInstance, run_id: str) -> tuple[int, datetime] | None:
    """The process id that a run has told of last, and when; None where it has not said yet."""
    return max(_told(instance, run_id), key=lambda told: told[1], default=None)


def _told(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[int, datetime]]:
    """Process ids in the messages of a run's worker; those of its steps are told with a step's name."""
    for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records:
        event = record.event_log_entry.get_dagster_event()
        pid = event.engine_event_data.metadata.get("pid")
        if pid is not None and event.step_key is None:
            yield int(str(pid.value)), datetime.fromtimestamp(record.event_log_entry.timestamp, UTC)


def _lives(pid: int, at: datetime) -> bool:
    """Whether the process that had the id at that time still runs; a younger one has only inherited the id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    state, began = _stat(pid)
    return state != _ZOMBIE and (began is None or began <= at + _SLACK)


def _stat(pid: int) -> tuple[str, datetime | None]:
    """State and beginning of a process from Linux's /proc; nothing where there is no such thing."""
    try:
        state, *numbers = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        boot = next(line for line in (_PROC / "stat").read_text().splitlines() if line.startswith("btime "))
        seconds = int(boot.split()[1]) + int(numbers[18]) / os.sysconf("SC_CLK_TCK")
    except (OSError, StopIteration, ValueError, IndexError):
        return "", None
    return state, datetime.fromtimestamp(seconds, UTC)
