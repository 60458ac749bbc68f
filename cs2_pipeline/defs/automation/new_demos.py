"""The watermark sensor: new demos in the database become runs of the extraction over the days they touch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import dagster as dg

from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.automation.due_days import WATERMARK_TAG, DueDays, due_days, extraction_tags
from cs2_pipeline.defs.automation.unfinished import end_of, under_way
from cs2_pipeline.defs.partitions import partitions_of_run, ranges
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import FAILURE_TAG, PERMANENT, TRANSIENT
from cs2_pipeline.defs.verdicts import Verdicts
from cs2_pipeline.demodb.connection.errors import DemoDatabaseError
from cs2_pipeline.demodb.extraction import watermark
from cs2_pipeline.demodb.extraction.watermark import Watermark

INTERVAL: Final = 60
"""Seconds between two looks: an idle one reads a single row and lists a folder that is empty."""
MAX_ATTEMPTS: Final = 3
FIRST_PAUSE: Final = timedelta(minutes=5)
"""Before a failed extraction is asked for again; doubled for each further attempt."""
_RUNS_LOOKED_AT: Final = 500


@dataclass(frozen=True)
class Attempt:
    """An earlier run of the extraction that knew what the database held.

    Attributes:
        days: partition keys.
        seen: the database's watermark when it was asked for.
        ended: when it ended; None while it is under way.
        failure: `retries.PERMANENT`, `retries.TRANSIENT`, or None for a success or a failure of another kind.
        succeeded: whether it went through.
    """

    days: frozenset[str]
    seen: Watermark
    ended: datetime | None
    failure: str | None
    succeeded: bool = False


@dataclass(frozen=True)
class Plan:
    """What to ask for, and why the other due days are not asked for.

    Attributes:
        requests: first and last day, and the number of the attempt.
        waiting: days by reason.
    """

    requests: list[tuple[date, date, int]]
    waiting: dict[str, list[date]]


@dg.sensor(
    job_name=jobs.EXTRACT,
    minimum_interval_seconds=INTERVAL,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Extracts match days with demos that no extraction has seen, including demos parsed late.",
)
def new_demos(context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]) -> dg.SensorResult:
    """Fires when demos are in the database that no extraction has seen, also demos parsed late for an old day.

    One run for each range of days with gaps of at most a week. A day is asked for until an extraction of it was
    checked, passed or quarantined, and again where a later one died half-way. What failed is asked for again after a
    pause, at most three times in all, and not after a failure that repeating cannot mend: then newer demos of that day,
    a person, or a later extraction that went through, of whatever day (what was broken is mended then), open it again.
    The cursor holds the watermark at which nothing was due and no day was waiting to become possible: one before the
    first partition does when the setting is changed, one in the future when it comes.
    """
    settings, verdicts = platform.settings, Verdicts(platform.tables)
    since = Watermark.parse(context.cursor) if context.cursor else None
    try:
        with platform.demo_database() as database:
            if since is not None and watermark.read(database) == since and not _died(context.instance, verdicts):
                return dg.SensorResult(skip_reason=f"nothing new in the demo database since {since}")
            due = due_days(database, verdicts, settings.first_day, since=since)
    except DemoDatabaseError as error:
        return dg.SensorResult(skip_reason=f"the demo database could not be read: {error}")
    plan = planned(due, earlier_attempts(context.instance), datetime.now(UTC))
    impossible = due.impossible(settings.first_day)
    if impossible:
        context.log.warning(impossible)
    said = " ".join(filter(None, (_said(due, plan), impossible)))
    if not plan.requests:
        nothing_left = not (due.days or due.early or due.future)
        return dg.SensorResult(skip_reason=said, cursor=str(due.newest) if nothing_left else context.cursor)
    context.log.info(said)
    return dg.SensorResult(run_requests=[_request(due.newest, *wanted) for wanted in plan.requests])


def planned(due: DueDays, attempts: Sequence[Attempt], now: datetime) -> Plan:
    """Which of the due days to ask for now, given what was tried.

    Days that failed for a reason of their own are asked for one by one, so that a bad day is singled out.
    """
    mended = max((attempt.ended for attempt in attempts if attempt.succeeded and attempt.ended), default=None)
    together: dict[int, list[date]] = {}
    alone: list[tuple[date, date, int]] = []
    waiting: dict[str, list[date]] = {}
    for day, demo in due.days.items():
        tried = [attempt for attempt in attempts if day.isoformat() in attempt.days and attempt.seen.covers(demo)]
        reason = _why_not(tried, now, mended)
        if reason:
            waiting.setdefault(reason, []).append(day)
        elif all(attempt.failure == TRANSIENT for attempt in tried):
            together.setdefault(len(tried) + 1, []).append(day)
        else:
            alone.append((day, day, len(tried) + 1))
    joined = [(first, last, number) for number, days in together.items() for first, last in ranges(days)]
    return Plan(sorted(joined + alone), waiting)


def earlier_attempts(instance: dg.DagsterInstance) -> list[Attempt]:
    """The latest runs of the extraction that noted a watermark, whoever started them."""
    records = instance.get_run_records(dg.RunsFilter(job_name=jobs.EXTRACT), limit=_RUNS_LOOKED_AT)
    found = []
    for record in records:
        run = record.dagster_run
        days = partitions_of_run(run.tags)
        if days is None or WATERMARK_TAG not in run.tags:
            continue
        seen = Watermark.parse(run.tags[WATERMARK_TAG])
        succeeded = run.status == dg.DagsterRunStatus.SUCCESS
        found.append(Attempt(frozenset(days), seen, end_of(record), run.tags.get(FAILURE_TAG), succeeded))
    return found


def _died(instance: dg.DagsterInstance, verdicts: Verdicts) -> bool:
    """Whether an extraction left days unchecked. While one is under way, whoever started it, its days are so too."""
    return bool(verdicts.unchecked()) and not under_way(instance, [jobs.EXTRACT])


def _why_not(tried: Sequence[Attempt], now: datetime, mended: datetime | None) -> str:
    """Why a day is not asked for now; `mended` is when an extraction last went through, of whatever day."""
    ended = [attempt.ended for attempt in tried if attempt.ended is not None]
    if len(ended) < len(tried):
        return "an extraction is under way"
    broken = [attempt.ended for attempt in tried if attempt.failure == PERMANENT and attempt.ended is not None]
    if broken and (mended is None or mended < max(broken)):
        return (
            "given up, for the extraction failed in a way that repeating cannot mend: see its run; it is asked for "
            "again once an extraction of another day goes through, or run it by hand"
        )
    if len(tried) >= MAX_ATTEMPTS:
        return f"given up after {MAX_ATTEMPTS} failed extractions: see their runs, then run it by hand"
    if ended and now < (again := max(ended) + FIRST_PAUSE * 2 ** (len(tried) - 1)):
        return f"the last extraction failed; next attempt at {again:%Y-%m-%d %H:%M} UTC"
    return ""


def _request(newest: Watermark, first: date, last: date, attempt: int) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{newest} {first} {last} attempt {attempt}", tags=extraction_tags(first, last, newest)
    )


def _said(due: DueDays, plan: Plan) -> str:
    if not due.days:
        return f"every match day is extracted up to {due.newest}."
    asked = [f"asked for {_span(first, last)} (attempt {number})" for first, last, number in plan.requests]
    waited = [f"{_days(days)}: {reason}" for reason, days in plan.waiting.items()]
    return f"{len(due.days)} match days have new demos up to {due.newest}: {'; '.join(asked + waited)}."


def _span(first: date, last: date) -> str:
    return str(first) if first == last else f"{first} to {last}"


def _days(days: Iterable[date]) -> str:
    return ", ".join(_span(*found) for found in ranges(days, timedelta(days=1)))
