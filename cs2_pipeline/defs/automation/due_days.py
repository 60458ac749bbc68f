"""Which match days have to be extracted: the one rule of the sensor and of the command line.

A day is due when the demo database holds a demo of it that was not there when the day was last extracted and checked,
or when an extraction of it died before it was checked.
What was extracted is read from the verdicts beside the tables, so it does not matter who ran the extraction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from cs2_pipeline.defs.partitions import range_tags
from cs2_pipeline.defs.verdicts import State, Verdict, Verdicts
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import watermark
from cs2_pipeline.demodb.extraction.watermark import Watermark

WATERMARK_TAG: Final = "cs2/source_watermark"
"""Run tag: what the demo database held when the extraction was asked for, which is before it was read."""


@dataclass(frozen=True)
class DueDays:
    """What has to be extracted.

    Attributes:
        newest: the demo database's watermark.
        days: the days, each with the newest demo of it.
        early: days with new demos before the first partition: they cannot be extracted.
        future: days with new demos after today: some clock was wrong; they cannot be extracted.
        undated: a sentence about the matches that no day holds; empty where there is none.
    """

    newest: Watermark
    days: Mapping[date, Watermark]
    early: list[date]
    future: list[date]
    undated: str = ""

    def impossible(self, first_day: date) -> str:
        """A sentence about the days and matches that cannot be extracted and the remedy; empty where there is none."""
        said = []
        if self.early:
            said.append(
                f"{len(self.early)} match days lie before the first partition ({first_day}), the earliest is "
                f"{self.early[0]}: set CS2_FIRST_DAY={self.early[0]}."
            )
        if self.future:
            said.append(f"{len(self.future)} match days lie in the future, such as {self.future[-1]}: left out.")
        if self.undated:
            said.append(f"Left out: {self.undated}")
        return " ".join(said)


def due_days(database: DemoDatabase, verdicts: Verdicts, first_day: date, *, since: Watermark | None = None) -> DueDays:
    """The days to extract.

    Args:
        database: what to extract from.
        verdicts: what was extracted.
        first_day: of the partitions.
        since: a watermark at which nothing was due, to look at newer demos only; not heeded where an extraction died
            since.

    Raises:
        DemoDatabaseError: the database cannot be read.
    """
    newest = watermark.read(database)
    heeded = since is not None and newest.covers(since) and not verdicts.unchecked()
    touched = watermark.newest_by_day(database, since if heeded else None)
    today = datetime.now(UTC).date()
    possible = sorted(day for day in touched if first_day <= day <= today)
    known = verdicts.of_days(day.isoformat() for day in possible)
    return DueDays(
        newest,
        {day: touched[day] for day in possible if not _is_done(known[day.isoformat()].values(), touched[day], newest)},
        sorted(day for day in touched if day < first_day),
        sorted(day for day in touched if day > today),
        watermark.without_a_day(database),
    )


def extraction_tags(first: date, last: date, newest: Watermark) -> dict[str, str]:
    """Tags of a run that extracts a range of days."""
    return {**range_tags(first, last), WATERMARK_TAG: str(newest)}


def _is_done(verdicts: Iterable[Verdict], demo: Watermark, newest: Watermark) -> bool:
    """Whether verdicts on a day's tables speak of all its demos. A day in quarantine stays so until new demos come."""
    verdicts = list(verdicts)
    # A watermark beyond the database's own was noted from another database.
    speaking = [
        verdict.state
        for verdict in verdicts
        if verdict.watermark is not None and verdict.watermark.covers(demo) and newest.covers(verdict.watermark)
    ]
    return State.QUARANTINED in speaking or speaking == [State.PASSED] * len(verdicts)
