"""The Great Expectations suites as blocking checks on the extracted tables, and their data docs as an asset."""

from pathlib import Path
from typing import Any, Final

import dagster as dg

from cs2_pipeline.datasets import expectations
from cs2_pipeline.datasets.expectations import SUITES, Outcome
from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.partitions import partitions_of_run
from cs2_pipeline.defs.platform import Platform

SHOWN_FAILURES: Final = 20


def build() -> list[dg.AssetChecksDefinition]:
    """One blocking check per suite."""
    return [_check(table) for table in SUITES]


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


def _result(outcomes: list[Outcome], rows: int) -> dg.AssetCheckResult:
    failed = [outcome for outcome in outcomes if not outcome.success]
    found: dict[str, Any] = {"rows": rows, "expectations": len(outcomes), "failed": len(failed)}
    if failed:
        lines = ["| expectation | failing rows | ids of some | observed |", "|---|---|---|---|"]
        lines += [
            f"| {outcome.expectation} | {outcome.failing_rows:,} | {', '.join(outcome.ids)} | {outcome.observed} |"
            for outcome in failed[:SHOWN_FAILURES]
        ]
        found["failures"] = dg.MetadataValue.md("\n".join(lines))
    description = "; ".join(f"{outcome.expectation}: {outcome.failing_rows:,} rows" for outcome in failed[:3])
    return dg.AssetCheckResult(passed=not failed, metadata=found, description=description or None)
