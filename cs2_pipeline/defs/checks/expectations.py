"""The Great Expectations suites as blocking checks on the extracted tables, and their data docs as an asset.

A daily table has two checks, made in one step. `expectations` blocks: it fails when no day of the run is good.
`quarantine` does not: it fails when some matches or days of the run are bad. Those are singled out and kept from
everything downstream, somebody is told, and the run goes on with the others. A day is bad as a whole when all its
matches are, or when an expectation could not be evaluated.

The checks are not partitioned, although Dagster 1.13 knows partitioned checks (a preview): an evaluation is filed under
a partition only in a run of a single one, and extraction reads any number of days in one run. The verdict on each day
is kept beside the tables (`defs.verdicts`) and shown in the metadata of the check.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.datasets import expectations
from cs2_pipeline.datasets.expectations import SHOWN_IDS, SUITES, Outcome
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
    """Great Expectations' report on all extracted rows, with every expectation. Open the link in the metadata."""
    tables = platform.tables
    frames = {table: tables.read(table) for table in SUITES if tables.exists(table)}
    settings = platform.settings
    page = expectations.publish(frames, settings.data_docs_folder)
    return dg.MaterializeResult(
        metadata={
            "page": dg.MetadataValue.url(f"{settings.address(settings.gateway_port)}/data-docs"),
            "file": dg.MetadataValue.path(page.resolve()),
            "tables": ", ".join(frames),
        }
    )


def data_docs_asset() -> dg.AssetsDefinition:
    """The data docs as an asset downstream of the tables they describe."""
    return dg.asset(
        deps=list(SUITES), group_name="validation", owners=metadata.OWNERS, kinds={"greatexpectations", "html"}
    )(data_docs)


def _daily_check(table: str) -> dg.AssetChecksDefinition:
    blocking = (
        f"Great Expectations suite of {len(SUITES[table])} expectations on {table}; fails if no day of the run is good"
    )

    @dg.multi_asset_check(
        name=f"{table}_expectations",
        specs=[
            dg.AssetCheckSpec("expectations", asset=table, blocking=True, description=blocking),
            dg.AssetCheckSpec("quarantine", asset=table, description=f"No match of {table} is in quarantine."),
        ],
    )
    def check(
        context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.AssetCheckResult]:
        days = partitions_of_run(context.run.tags) or platform.tables.partitions(table)
        frame = platform.tables.read(table, days)
        found = Quarantine.of(frame, expectations.validate_days(table, frame, days))
        tag = context.run.tags.get(WATERMARK_TAG)
        watermark = Watermark.parse(tag) if tag is not None else None
        for day in days:
            Verdicts(platform.tables).pronounce(table, day, found.verdict(day, watermark, context.run.run_id))
        if found.failed:
            cause, text = quarantined(table, found, of=len(days))
            notifier = Notifier(platform.settings, platform.tables)
            notifier.tell(cause, f"{text}\nDagster run {context.run.run_id}", context.log)
        yield from _daily_results(table, len(frame), days, found)

    return check


@dataclass(frozen=True)
class Quarantine:
    """What of a daily table is bad.

    Attributes:
        failed: by day, the expectations that rows of it fail.
        days: the days that are bad as a whole.
        matches: of the other days with failing rows, the matches that are bad, each with the expectations it fails.
    """

    failed: Mapping[str, Sequence[Outcome]]
    days: frozenset[str]
    matches: Mapping[str, Mapping[int, tuple[str, ...]]]

    @classmethod
    def of(cls, frame: pd.DataFrame, failed: Mapping[str, Sequence[Outcome]]) -> "Quarantine":
        """From a table's rows and what its days fail."""
        there = frame["match_id"].groupby(frame["started_at"].dt.strftime("%Y-%m-%d")).agg(set).to_dict()
        whole, matches = set(), {}
        for day, outcomes in failed.items():
            bad: dict[int, tuple[str, ...]] = {}
            for outcome in outcomes:
                for match_id in outcome.matches:
                    bad[match_id] = (*bad.get(match_id, ()), outcome.expectation)
            if there.get(day, set()) <= set(bad) or not all(outcome.matches for outcome in outcomes):
                whole.add(day)
            else:
                matches[day] = bad
        return cls(failed, frozenset(whole), matches)

    def verdict(self, day: str, watermark: Watermark | None, run_id: str) -> Verdict:
        """What to pronounce on a day."""
        if day in self.days:
            reasons = tuple(outcome.expectation for outcome in self.failed[day])
            return Verdict(State.QUARANTINED, reasons, watermark, run_id)
        return Verdict(State.PASSED, (), watermark, run_id, self.matches.get(day, {}))

    def told(self) -> list[str]:
        """Each bad day, and each day with bad matches, with its reasons."""
        return [
            f"{day} ({_told(outcomes)})"
            if day in self.days
            else f"{day} {len(self.matches[day])} matches ({_told(outcomes)})"
            for day, outcomes in self.failed.items()
        ]


def quarantined(table: str, found: Quarantine, *, of: int) -> tuple[str, str]:
    """What makes two quarantines the same, which are table and expectations, and what to say of this one."""
    failed = sorted({outcome.expectation for outcomes in found.failed.values() for outcome in outcomes})
    told = found.told()
    more = f" and {len(told) - TOLD_DAYS} more" if len(told) > TOLD_DAYS else ""
    matches = sum(len(bad) for bad in found.matches.values())
    what = [f"{len(found.days)} of {of} match days"] if found.days else []
    what += [f"{matches} matches"] if matches else []
    text = f"cs2_pipeline: {' and '.join(what)} of {table} are in quarantine: {'; '.join(told[:TOLD_DAYS])}{more}"
    return f"quarantine of {table}: {', '.join(failed)}", text


def _daily_results(table: str, rows: int, days: Sequence[str], quarantine: Quarantine) -> Iterator[dg.AssetCheckResult]:
    bad = quarantine.failed
    good = len(days) - len(quarantine.days)
    found: dict[str, Any] = {"rows": rows, "days": len(days), "expectations": len(SUITES[table])}
    found["days_in_quarantine"] = len(quarantine.days)
    found["matches_in_quarantine"] = sum(len(matches) for matches in quarantine.matches.values())
    if bad:
        found["failures"] = dg.MetadataValue.md(_failures(bad))
    yield dg.AssetCheckResult(
        check_name="expectations",
        asset_key=table,
        passed=good > 0,
        metadata=found,
        description=f"{good} of {len(days)} days are good" if good else _told(next(iter(bad.values()), [])),
    )
    yield dg.AssetCheckResult(
        check_name="quarantine",
        asset_key=table,
        passed=not bad,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=found,
        description="; ".join(quarantine.told()[:TOLD_DAYS]) or None,
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


def _failures(failed: Mapping[str, Sequence[Outcome]]) -> str:
    """Failed expectations by day as a Markdown table."""
    lines = ["| day | expectation | failing rows | matches | ids of some | observed |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {day} | {outcome.expectation} | {outcome.failing_rows:,} | {_some(outcome.matches)} | "
        f"{', '.join(outcome.ids)} | {outcome.observed} |"
        for day, outcomes in failed.items()
        for outcome in outcomes
    ]
    return "\n".join(lines[: SHOWN_FAILURES + 2])


def _some(matches: Sequence[int]) -> str:
    shown = ", ".join(map(str, matches[:SHOWN_IDS]))
    return shown + (f" and {len(matches) - SHOWN_IDS} more" if len(matches) > SHOWN_IDS else "")


def _told(failed: Sequence[Outcome]) -> str:
    return "; ".join(f"{outcome.expectation}: {outcome.failing_rows:,} rows" for outcome in failed[:3])
