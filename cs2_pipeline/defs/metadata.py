"""What the Dagster UI shows of a table: row count, column schema with meanings, a sample, what was left out."""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.datasets.schema import Table

SAMPLE_ROWS: Final = 5
OWNERS: Final = ["team:machine-learning"]


def column_schema(table: Table) -> dg.TableSchema:
    """The columns of a table with dtypes and meanings, for an asset's definition."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                column.dtype,
                column.meaning,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in table
        ]
    )


def column_lineage(table: Table, upstream: Mapping[str, Table]) -> dg.TableColumnLineage:
    """Which upstream columns a table's columns are taken from, by equal name."""
    deps = {
        column.name: [
            dg.TableColumnDep(asset_key=dg.AssetKey(asset), column_name=column.name)
            for asset, source in upstream.items()
            if column.name in source.names
        ]
        for column in table
    }
    return dg.TableColumnLineage({name: found for name, found in deps.items() if found})


def of_frame(frame: pd.DataFrame, left_out: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Metadata of a materialised table."""
    found: dict[str, Any] = {
        "dagster/row_count": len(frame),
        "sample": dg.MetadataValue.md(markdown(frame.head(SAMPLE_ROWS))),
    }
    if left_out is not None:
        found["left_out"] = dg.MetadataValue.md(counts(left_out))
        found["left_out_total"] = sum(left_out.values())
    return found


def of_days_left_out(reasons: Mapping[str, str]) -> dict[str, Any]:
    """Metadata of a training table: which extracted days and matches are not in it, each with its reason."""
    lines = ["| day or match | reason |", "|---|---|", *(f"| {day} | {reason} |" for day, reason in reasons.items())]
    return {
        "days_left_out": dg.MetadataValue.md("\n".join(lines) if reasons else "none"),
        "days_left_out_total": len(reasons),
    }


def counts(by_reason: Mapping[str, int]) -> str:
    """Counts by reason as a Markdown table."""
    if not by_reason:
        return "nothing"
    return "\n".join(
        ["| reason | count |", "|---|---|", *(f"| {reason} | {count:,} |" for reason, count in by_reason.items())]
    )


def markdown(frame: pd.DataFrame) -> str:
    """A small frame as a Markdown table."""
    header = f"| {' | '.join(map(str, frame.columns))} |"
    rule = f"|{'---|' * frame.shape[1]}"
    rows = (f"| {' | '.join(_cell(value) for value in row)} |" for row in frame.itertuples(index=False))
    return "\n".join([header, rule, *rows])


def _cell(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|")
