"""What the blocking checks said of each match day of each extracted table, kept beside the tables.

One small document per table and day. It is withdrawn before the day is written anew and pronounced by the check, so a
day that was written and never checked is not taken for a good one. In between, a mark lies in a folder of its own:
days whose extraction died are found without a look at every document. A training table reads a day only when every
extracted table of that day passed. A day passes without its bad matches: a day is the day of import in some databases
and holds hundreds of matches, of which one must not cost the others. What is left out is named with its reason.
"""

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

import pandas as pd

from cs2_pipeline.datasets.schema import DatasetError
from cs2_pipeline.datasets.store import MissingTableError, TableStore
from cs2_pipeline.demodb.extraction.watermark import Watermark

DAILY_TABLES: Final = ("rounds", "player_match_stats", "round_snapshots", "matches")
"""The extracted tables; each has a blocking check that pronounces on its days."""
_MARKS: Final = "unchecked"
"""Folder of an empty document ``<day>.<table>`` for each verdict that was withdrawn and not pronounced since."""
_OF_EXTRACTION: Final = (*DAILY_TABLES, "skill_observations", "refused", "left_out", "verdicts", _MARKS)
"""Folders of what extraction writes."""
_READERS: Final = 16
"""Documents read at a time: on an object store each takes a round trip."""


class State(StrEnum):
    """What is known of a day of a table."""

    UNCHECKED = "not checked since it was written"
    PASSED = "passed"
    QUARANTINED = "in quarantine"


class UncheckedError(DatasetError):
    """No day of a table can be read yet: a run that wrote some has not checked them. Trying again later can help."""


@dataclass(frozen=True)
class Verdict:
    """What the check said of a day of a table.

    Attributes:
        state: the outcome.
        reasons: the expectations that failed.
        watermark: what the demo database held when the day was extracted; None where nobody noted it.
        run_id: the Dagster run that checked it.
        matches: the matches of a day that passed without them, each with the expectations that its rows failed.
    """

    state: State = State.UNCHECKED
    reasons: tuple[str, ...] = ()
    watermark: Watermark | None = None
    run_id: str = ""
    matches: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """As JSON."""
        watermark = str(self.watermark) if self.watermark is not None else None
        matches = {str(match_id): reasons for match_id, reasons in self.matches.items()}
        return {
            "state": self.state.name,
            "reasons": self.reasons,
            "watermark": watermark,
            "run_id": self.run_id,
            "matches": matches,
        }

    @classmethod
    def of_document(cls, document: dict[str, Any]) -> "Verdict":
        """From JSON."""
        watermark = Watermark.parse(document["watermark"]) if document["watermark"] is not None else None
        matches = {int(match_id): tuple(reasons) for match_id, reasons in document.get("matches", {}).items()}
        return cls(State[document["state"]], tuple(document["reasons"]), watermark, document["run_id"], matches)


@dataclass(frozen=True)
class Usable:
    """Which stored days training tables may read.

    Attributes:
        days: partition keys, in order.
        left_out: why each of the other stored days is left out.
        matches: why matches of the usable days are left out, by day and match_id.
        version: of what can be read: another one as soon as a day is added, taken away or extracted anew.
    """

    days: list[str]
    left_out: dict[str, str]
    matches: dict[tuple[str, int], str]
    version: str


class ReadDays(NamedTuple):
    """An extracted table as a training table reads it: without the days and matches that did not pass (`Usable`)."""

    frame: pd.DataFrame
    left_out: dict[str, str]
    version: str


class Verdicts:
    """The verdicts of a table store.

    Args:
        tables: where the extracted tables are.
    """

    def __init__(self, tables: TableStore) -> None:
        self._tables = tables

    def of(self, table: str, day: str) -> Verdict:
        """The verdict on a day; an unchecked one where there is none."""
        try:
            return Verdict.of_document(self._tables.read_json(_name(table, day)))
        except MissingTableError:
            return Verdict()

    def of_days(self, days: Iterable[str]) -> dict[str, dict[str, Verdict]]:
        """By day, the verdicts by table."""
        wanted = [(day, table) for day in days for table in DAILY_TABLES]
        with ThreadPoolExecutor(_READERS) as pool:
            found = list(pool.map(lambda pair: self.of(pair[1], pair[0]), wanted))
        by_day: dict[str, dict[str, Verdict]] = {}
        for (day, table), verdict in zip(wanted, found, strict=True):
            by_day.setdefault(day, {})[table] = verdict
        return by_day

    def withdraw(self, table: str, day: str) -> None:
        """Before a day is written anew. What was extracted before is remembered: it is not made undone."""
        self._tables.write_json(_mark(table, day), {})
        self._tables.write_json(_name(table, day), Verdict(watermark=self.of(table, day).watermark).to_document())

    def pronounce(self, table: str, day: str, verdict: Verdict) -> None:
        """After a day was checked. A verdict without a watermark keeps the one that was noted."""
        if verdict.watermark is None:
            verdict = replace(verdict, watermark=self.of(table, day).watermark)
        self._tables.write_json(_name(table, day), verdict.to_document())
        self._tables.remove_json(_mark(table, day))

    def unchecked(self) -> list[str]:
        """Days with a table that was written, or about to be, and not checked since, in order.

        Not those in quarantine by another table: nothing is read of them until new demos come.
        """
        marked = {name.split(".")[0] for name in self._tables.documents(_MARKS)}
        states = {
            day: {verdict.state for verdict in found.values()} for day, found in self.of_days(sorted(marked)).items()
        }
        return [day for day, found in states.items() if State.UNCHECKED in found and State.QUARANTINED not in found]

    def passed(self, table: str, days: Iterable[str]) -> list[str]:
        """Those of the days on which the table's own check passed."""
        return [day for day in days if self.of(table, day).state is State.PASSED]

    def usable(self) -> Usable:
        """The stored days on which every extracted table passed, and why the others are left out."""
        stored = sorted({day for table in DAILY_TABLES for day in self._tables.partitions(table)})
        left_out: dict[str, str] = {}
        matches: dict[tuple[str, int], str] = {}
        read = hashlib.blake2b(digest_size=8)
        for day, verdicts in self.of_days(stored).items():
            reasons = [_reason(table, verdict) for table, verdict in verdicts.items()]
            if any(reasons):
                left_out[day] = "; ".join(filter(None, reasons))
                continue
            read.update(f"{day} {' '.join(verdict.run_id for verdict in verdicts.values())};".encode())
            for table, verdict in verdicts.items():
                for match_id, failed in verdict.matches.items():
                    said = f"{table} ({', '.join(failed)})"
                    matches[day, match_id] = "; ".join(filter(None, [matches.get((day, match_id)), said]))
        return Usable([day for day in stored if day not in left_out], left_out, matches, read.hexdigest())


def read_usable(tables: TableStore, name: str) -> ReadDays:
    """An extracted table without the days and matches that did not pass, and why each of those is left out.

    `started_at` of what is returned is when the match was played, as well as that is known.

    A match bad in one table is left out of all. It is named by its day and number: ``2026-01-31, match 17``.

    Raises:
        MissingTableError: the table was never extracted.
        UncheckedError: no day of it passed, and some are still to be checked.
        DatasetError: no day of it passed.
    """
    verdicts = Verdicts(tables)
    usable = verdicts.usable()
    if usable.left_out and not usable.days:
        day, reason = next(iter(usable.left_out.items()))
        raise (UncheckedError if verdicts.unchecked() else DatasetError)(
            f"none of the {len(usable.left_out)} extracted days passed its checks; {day}: {reason}. "
            "The checks' metadata in the Dagster UI names the rows."
        )
    frame = tables.read(name, usable.days)
    bad = {match_id for _, match_id in usable.matches}
    named = {f"{day}, match {match_id}": reason for (day, match_id), reason in usable.matches.items()}
    frame = frame[~frame["match_id"].isin(bad)].reset_index(drop=True)
    # Partitions go by the start that the database has; everything that learns goes by the order of play.
    started = frame["played_at"].fillna(frame["started_at"]) if "played_at" in frame else frame["started_at"]
    frame = frame.assign(started_at=started).drop(columns="played_at", errors="ignore")
    return ReadDays(frame, usable.left_out | named, usable.version)


def forget_extracted(tables: TableStore) -> None:
    """Remove every extracted day with what was said of it: the database that it was read from was replaced.

    A watermark cannot tell: the new database may well hold as many demos as the former one, parsed no earlier.
    """
    for folder in _OF_EXTRACTION:
        tables.remove_folder(folder)


def _name(table: str, day: str) -> str:
    return f"verdicts/{table}/{day}"


def _mark(table: str, day: str) -> str:
    return f"{_MARKS}/{day}.{table}"


def _reason(table: str, verdict: Verdict) -> str:
    if verdict.state is State.PASSED:
        return ""
    reasons = f" ({', '.join(verdict.reasons)})" if verdict.reasons else ""
    return f"{table} {verdict.state}{reasons}"
