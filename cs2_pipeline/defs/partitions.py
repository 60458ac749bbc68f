"""Daily partitions by the day (UTC) a match started, and the days a run is about."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final

import dagster as dg

from cs2_pipeline.demodb.extraction.watermark import first_match_day
from cs2_pipeline.settings import Settings

PARTITION_TAG: Final = "dagster/partition"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"
"""Dagster's documented tags of a run over one partition or a range of them."""
MAX_GAP: Final = timedelta(days=7)
"""Days closer than this are read in one range: a few days more cost less than another run."""


def with_first_day(settings: Settings) -> Settings:
    """Settings with a first day: that of the embedded database's first match, unless one is set."""
    if "first_day" in settings.model_fields_set or settings.database_url is not None:
        return settings
    first = first_match_day(settings.embedded_database)
    return settings if first is None else settings.model_copy(update={"first_day": first})


def match_days(first_day: date) -> dg.DailyPartitionsDefinition:
    """One partition a day from the first day on, today included: its matches are extracted as they come."""
    return dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), end_offset=1)


def run_days(context: dg.AssetExecutionContext) -> list[date]:
    """The days of the partitions a run materialises, in order."""
    return [date.fromisoformat(key) for key in context.partition_keys]


def range_tags(first: date, last: date) -> dict[str, str]:
    """Tags of one run over all days from first to last."""
    return {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}


def ranges(days: Iterable[date], max_gap: timedelta = MAX_GAP) -> list[tuple[date, date]]:
    """First and last days of the fewest ranges that hold the days and no gap longer than that between two of them."""
    found: list[tuple[date, date]] = []
    for day in sorted(days):
        if found and day - found[-1][1] <= max_gap:
            found[-1] = found[-1][0], day
        else:
            found.append((day, day))
    return found


def partitions_of_run(tags: Mapping[str, str]) -> list[str] | None:
    """The partition keys a run is about, from its tags; None for a run about no partition."""
    if PARTITION_TAG in tags:
        return [tags[PARTITION_TAG]]
    if RANGE_START_TAG not in tags:
        return None
    first, last = (date.fromisoformat(tags[tag]) for tag in (RANGE_START_TAG, RANGE_END_TAG))
    return [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
