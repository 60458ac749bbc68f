"""The Great Expectations suites as blocking checks on the extracted tables, and their data docs as an asset.

A daily table has two checks, made in one step. `expectations` blocks: it fails when no day of the run is good.
`quarantine` does not: it fails when some days of the run are bad. Those are singled out and kept from everything
downstream, somebody is told, and the run goes on with the others.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import dagster as dg

from cs2_pipeline.datasets import expectations
from cs2_pipeline.datasets.expectations import SUITES, Outcome
from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.automation.due_days import WATERMARK_TAG
from cs2_pipeline.defs.automation.notifications import Notifier
from cs2_pipeline.defs.partitions import partitions_of_run
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import DAILY_TABLES, State, Verdict, Verdicts
from cs2_pipeline.demodb.extraction.watermark import Watermark

SHOWN_FAILURES: Final = 20
TOLD_DAYS: Final = 3


def build() -> list[dg.AssetChecksDefinition]:
    """A blocking check per suite, and beside each one on a daily table the check that shows its quarantine."""
    return [_daily_check(table) if table in DAILY_TABLES else _check(table) for table in SUITES]


def data_docs(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[None]:
    """Great Expectations' pages on all extracted rows: every expectation, met or not. Open the link in the metadata."""
    tables = platform.tables
    frames = {table: tables.read(table) for table in SUITES if tables.exists(table)}
    page = expectations.publish(frames, platform.settings.home / "data_docs")
    return dg.MaterializeResult(
        metadata={"page": dg.MetadataValue.url(Path(page).resolve().as_uri()), "tables": ", ".join(frames)}
    )


def data_docs_asset() -> dg.AssetsDefinition:
    """The data docs as an asset downstream of the tables they describe."""
    return dg.asset(
        deps=list(SUITES), group_name="validation", owners=metadata.OWNERS, kinds={"greatexpectations", "html"}
    )(data_docs)


def _daily_check(table: str) -> dg.AssetChecksDefinition:
    blocking = f"Great Expectations suite of {len(SUITES[table])} expectations on {table}; days in quarantine left out"

    @dg.multi_asset_check(
        name=f"{table}_expectations",
        specs=[
            dg.AssetCheckSpec("expectations", asset=table, blocking=True, description=blocking),
            dg.AssetCheckSpec("quarantine", asset=table, description=f"no day of {table} is kept from the datasets"),
        ],
    )
    def check(
        context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.AssetCheckResult]:
        days = partitions_of_run(context.run.tags) or platform.tables.partitions(table)
        frame = platform.tables.read(table, days)
        bad = expectations.validate_days(table, frame, days)
        tag = context.run.tags.get(WATERMARK_TAG)
        watermark = Watermark.parse(tag) if tag is not None else None
        for day in days:
            state = State.QUARANTINED if day in bad else State.PASSED
            reasons = tuple(outcome.expectation for outcome in bad.get(day, []))
            Verdicts(platform.tables).pronounce(table, day, Verdict(state, reasons, watermark, context.run.run_id))
        if bad:
            cause, text = quarantined(table, bad, of=len(days))
            notifier = Notifier(platform.settings, platform.tables)
            notifier.tell(cause, f"{text}\nDagster run {context.run.run_id}", context.log)
        yield from _daily_results(table, len(frame), days, bad)

    return check


def quarantined(table: str, bad: Mapping[str, Sequence[Outcome]], *, of: int) -> tuple[str, str]:
    """What makes two quarantines the same, which are table and expectations, and what to say of this one."""
    failed = sorted({outcome.expectation for outcomes in bad.values() for outcome in outcomes})
    days = "; ".join(f"{day} ({_told(outcomes)})" for day, outcomes in list(bad.items())[:TOLD_DAYS])
    more = f" and {len(bad) - TOLD_DAYS} more" if len(bad) > TOLD_DAYS else ""
    text = f"cs2_pipeline: {len(bad)} of {of} match days of {table} are in quarantine: {days}{more}"
    return f"quarantine of {table}: {', '.join(failed)}", text


def _daily_results(
    table: str, rows: int, days: Sequence[str], bad: dict[str, list[Outcome]]
) -> Iterator[dg.AssetCheckResult]:
    failed = next(iter(bad.values()), [])
    left = f"{len(days) - len(bad)} of {len(days)} days are good"
    found: dict[str, Any] = {"rows": rows, "days": len(days), "expectations": len(SUITES[table])}
    found["days_in_quarantine"] = len(bad)
    if bad:
        found["failures"] = dg.MetadataValue.md(_failures(bad))
    yield dg.AssetCheckResult(
        check_name="expectations",
        asset_key=table,
        passed=len(bad) < len(days),
        metadata=found,
        description=_told(failed) if len(bad) == len(days) else left,
    )
    yield dg.AssetCheckResult(
        check_name="quarantine",
        asset_key=table,
        passed=not bad,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=found,
        description="; ".join(f"{day}: {_told(outcomes)}" for day, outcomes in list(bad.items())[:TOLD_DAYS]) or None,
    )


def _check(table: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=table,
        name="expectations",
        blocking=True,
        description=f"Great Expectations suite of {len(SUITES[table])} expectations on {table}",
    )
    def check(context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
        frame = platform.tables.read(table, partitions_of_run(context.run.tags))
        return _result(expectations.validate(table, frame), len(frame))

    return check


def _failed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if not outcome.success]


def _result(outcomes: list[Outcome], rows: int) -> dg.AssetCheckResult:
    failed = _failed(outcomes)
    found: dict[str, Any] = {"rows": rows, "expectations": len(outcomes), "failed": len(failed)}
    if failed:
        found["failures"] = dg.MetadataValue.md(_failures({"all": failed}))
    return dg.AssetCheckResult(passed=not failed, metadata=found, description=_told(failed) or None)


def _failures(failed: dict[str, list[Outcome]]) -> str:
    """Failed expectations by day as a Markdown table."""
    lines = ["| day | expectation | failing rows | ids of some | observed |", "|---|---|---|---|---|"]
    lines += [
        f"| {day} | {outcome.expectation} | {outcome.failing_rows:,} | {', '.join(outcome.ids)} | {outcome.observed} |"
        for day, outcomes in failed.items()
        for outcome in outcomes
    ]
    return "\n".join(lines[: SHOWN_FAILURES + 2])


def _told(failed: Sequence[Outcome]) -> str:
    return "; ".join(f"{outcome.expectation}: {outcome.failing_rows:,} rows" for outcome in failed[:3])
