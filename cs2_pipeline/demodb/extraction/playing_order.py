"""When matches were played, where the database tells only when they were imported.

Demo Lens keeps the moment of the import as a match's start, so that hundreds of matches played over months start
within one hour. The best order there is: the date in the demo's file name, else the order of import. Ticks count from
each recording's own beginning and tell nothing.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import pandas as pd

from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.reasons import Tally

_DATE: Final = re.compile(
    r"(?<!\d)(20[12]\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])"
    r"(?:[-_T ](?!20[12]\d([-_.]?)(?:0[1-9]|1[0-2])\5(?:0[1-9]|[12]\d|3[01])(?!\d))"
    r"([01]\d|2[0-3])[-_.:]?([0-5]\d)(?:[-_.:]?([0-5]\d))?)?(?!\d)"
)
"""A date, and perhaps a time, as recordings have it in their names: 2026-01-31, 20260131-204500.

Of two dates side by side, the second one's year is no time of the first.
"""
_IMPORT: Final = timedelta(minutes=10)
"""A start no longer before its demo's row was made than this is the import's moment: no match is that short."""


def played_at(matches: pd.DataFrame, tally: Tally) -> pd.Series:
    """When each match was played by its file's name, where that names another day than its start; else null.

    Args:
        matches: match_id, started_at, file_name, created_at (of the demo's row), max_rounds.
        tally: told how many matches go by their names, and how many by the order of import.
    """
    named = pd.Series(
        [date_in(name) for name in matches["file_name"].fillna("")], index=matches.index, dtype="datetime64[us, UTC]"
    )
    started = matches["started_at"]
    another = named.notna() & (named.dt.floor("D") != started.dt.floor("D")) & (named < started + timedelta(days=1))
    if another.any():
        tally.mapped[reasons.PLAYED_BY_NAME] += int(another.sum())
    imported = (started >= matches["created_at"] - _IMPORT) & matches["max_rounds"].eq(0).fillna(False).astype(bool)
    unknown = imported & named.isna()
    if unknown.any():
        tally.mapped[reasons.IMPORT_ORDER] += int(unknown.sum())
    return named.where(another)


def date_in(name: str | None) -> datetime | None:
    """The first date in a file's name, with its time if there is one; in UTC, None without one.

    >>> date_in("2026-01-05_de_nuke.dem").isoformat()
    '2026-01-05T00:00:00+00:00'
    """
    for found in _DATE.finditer(name or ""):
        year, _, month, day, _, *time = found.groups()
        try:
            hour, minute, second = (int(part or 0) for part in time)
            return datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=UTC)
        except ValueError:  # 31 February: digits that are no date
            continue
    return None
