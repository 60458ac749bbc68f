"""Which runs are under way: what every sensor looks at before it asks for more."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

ABANDONED_AFTER: Final = timedelta(hours=6)
"""A run that was made longer ago and never ended was killed with its host. It holds nothing up any more: whatever it
was about is asked for again."""
_ENDED: Final = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
_UNFINISHED: Final = [status for status in dg.DagsterRunStatus if status not in (*_ENDED, dg.DagsterRunStatus.MANAGED)]


def end_of(record: dg.RunRecord) -> datetime | None:
    """When a run ended or was given up as abandoned; None while it is under way."""
    made = record.create_timestamp.replace(tzinfo=UTC)
    if record.dagster_run.status not in _ENDED:
        return made + ABANDONED_AFTER if datetime.now(UTC) - made > ABANDONED_AFTER else None
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else made


def under_way(instance: dg.DagsterInstance, jobs: Iterable[str]) -> bool:
    """Whether a run of one of the jobs is under way."""
    return any(
        end_of(record) is None
        for job in jobs
        for record in instance.get_run_records(dg.RunsFilter(job_name=job, statuses=_UNFINISHED))
    )
