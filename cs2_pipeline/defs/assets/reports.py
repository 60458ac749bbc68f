"""Reports for the gateway's pages: what is stored and what was left out, and the latest look at each champion.

The gateway reads no tables and knows no Dagster; what its pages say of them is put into the records here, once a day.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

import dagster as dg

from cs2_pipeline.datasets import origins
from cs2_pipeline.datasets.store import MissingTableError, TableStore
from cs2_pipeline.defs import left_out, metadata
from cs2_pipeline.defs.assets import monitoring
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import retried
from cs2_pipeline.defs.verdicts import DAILY_TABLES, Verdict, Verdicts
from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.watermark import Watermark
from cs2_pipeline.records import reports
from cs2_pipeline.records.database import open_records

NAME: Final = "page_reports"
SAMPLE: Final = 50
"""Refused rows, days and matches that are named; all are counted."""


def _reports(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[None]:
    """What the gateway's pages say of the data and of the monitored champions."""
    now = datetime.now(UTC)
    found = data(platform.tables)
    looks = {spec.name: monitoring.latest(platform, spec) for spec in monitoring.watched()}
    with closing(open_records(platform.settings)) as records:
        reports.replace(records, reports.DATA, found, at=now)
        for model, look in looks.items():
            if look:
                reports.replace(records, reports.monitoring(model), look, at=now)
    figures = {"matches": found["matches"], "refused_rows": found["refused_rows"]}
    quarantined = {"days_in_quarantine": len(found["quarantine"]), "matches_left_out": len(found["matches_left_out"])}
    return dg.MaterializeResult(metadata=figures | quarantined | {"looks": sum(map(bool, looks.values()))})


def data(tables: TableStore) -> dict[str, Any]:
    """The account of the extracted tables, as JSON.

    Returns:
        ``matches`` and their ``sources`` (kind, matches, share); ``mixed``: a warning or None; ``first_day`` and
        ``last_day`` stored; ``watermark``: the newest demo that was seen, None before any; ``tables``: days, rows,
        rows left out and refused by reason; ``refused_rows`` and the newest of them; ``quarantine``,
        ``matches_left_out`` and ``unchecked`` days with reasons.
    """
    verdicts = Verdicts(tables)
    usable, unchecked = verdicts.usable(), verdicts.unchecked()
    days = sorted({*usable.days, *usable.left_out})
    sources = _sources(tables)
    shares = origins.shares(sources)
    refused = [row for table in DAILY_TABLES for row in _refused(tables, table)]
    refused.sort(key=lambda row: row["day"], reverse=True)
    return {
        "matches": sum(sources.values()),
        "sources": [{"kind": kind, "share": share} for kind, share in shares.items()],
        "mixed": origins.warning(shares),
        "first_day": days[0] if days else None,
        "last_day": days[-1] if days else None,
        "watermark": _watermark(verdicts.of_days(days)),
        "tables": [_table(tables, table, refused) for table in DAILY_TABLES],
        "refused_rows": len(refused),
        "refused": refused[:SAMPLE],
        "quarantine": [{"day": day, "why": why} for day, why in usable.left_out.items() if day not in unchecked],
        "matches_left_out": [
            {"day": day, "match_id": match, "why": why} for (day, match), why in usable.matches.items()
        ],
        "unchecked": unchecked,
    }


def _sources(tables: TableStore) -> dict[str, int]:
    """Matches by the source that was recorded with them."""
    try:
        rows = tables.read("round_snapshots", columns=["match_id", "source"])
    except MissingTableError:
        return {}
    counted = rows.drop_duplicates("match_id")["source"].astype("str").value_counts()
    return {str(name): int(count) for name, count in counted.items()}


def _table(tables: TableStore, table: str, refused: list[dict[str, Any]]) -> dict[str, Any]:
    days = tables.partitions(table)
    why = Counter(row["reason"] for row in refused if row["table"] == table)
    not_read = left_out.of(tables, table)
    return {
        "table": table,
        "days": len(days),
        "rows": len(tables.read(table, columns=["match_id"])) if days else 0,
        "left_out": [
            {"reason": reason, "rows": rows, "expected": reason in reasons.EXPECTED}
            for reason, rows in not_read.most_common()
        ],
        "refused": [{"reason": reason, "rows": rows} for reason, rows in why.most_common()],
    }


def _refused(tables: TableStore, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for day in tables.partitions(f"refused/{table}"):
        for row in tables.read(f"refused/{table}", [day]).to_dict("records"):
            named = {
                "row": f"{row['table']} {row['row_id']}",
                "reason": str(row["reason"]),
                "detail": str(row["detail"]),
            }
            found.append({"table": table, "day": day, **named})
    return found


def _watermark(by_day: Mapping[str, Mapping[str, Verdict]]) -> dict[str, Any] | None:
    marks = [one.watermark for of_day in by_day.values() for one in of_day.values() if one.watermark is not None]
    if not marks:
        return None
    newest = marks[0]
    for mark in marks[1:]:
        newest = newest.joined(mark)
    return _told(newest)


def _told(mark: Watermark) -> dict[str, Any]:
    return {"demo_id": mark.demo_id, "parsed_at": mark.parsed_at.isoformat() if mark.parsed_at else None}


def build() -> list[dg.AssetsDefinition]:
    """The asset."""
    watched = [spec.monitoring for spec in monitoring.watched()]
    made: dg.AssetsDefinition = dg.asset(
        name=NAME, deps=[*DAILY_TABLES, *watched], group_name="monitoring", owners=metadata.OWNERS, kinds={"sqlalchemy"}
    )(retried(_reports))
    return [made]
