"""What extraction left out, kept beside the tables so that a later step can say why it has too little.

One small document per table and run, for the range of days that the run covered. A later run over all of them replaces
it. After one over some of them both stay, since neither says what was of which day; of each reason the larger count is
then told, for together they would count rows twice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Final

from cs2_pipeline.datasets.schema import DatasetError
from cs2_pipeline.datasets.store import TableStore
from cs2_pipeline.demodb.extraction import reasons

SHOWN: Final = 4
_FOLDER: Final = "left_out"
_TO: Final = "_to_"
_AT, _COUNTS = "at", "counts"


def keep(tables: TableStore, table: str, days: Sequence[date], counts: Mapping[str, int]) -> None:
    """Keep what a run over some days left out of a table, by reason."""
    first, last, folder = days[0].isoformat(), days[-1].isoformat(), f"{_FOLDER}/{table}"
    own = f"{first}{_TO}{last}"
    tables.write_json(f"{folder}/{own}", {_AT: datetime.now(UTC).isoformat(), _COUNTS: dict(counts)})
    for name in tables.documents(folder):
        if name != own and first <= _range(name)[0] and _range(name)[1] <= last:
            tables.remove_json(f"{folder}/{name}")


def of(tables: TableStore, table: str) -> Counter[str]:
    """What all extractions left out of a table, by reason: at least that many, where ranges of days overlap."""
    folder = f"{_FOLDER}/{table}"
    kept = {name: tables.read_json(f"{folder}/{name}") for name in tables.documents(folder)}
    oldest_first = sorted(kept, key=lambda name: str(kept[name].get(_AT, "")))
    # What was kept before ranges were holds the counts alone, under the first day.
    return _total([(name, Counter(kept[name].get(_COUNTS, kept[name]))) for name in oldest_first])


def _total(kept: Sequence[tuple[str, Counter[str]]]) -> Counter[str]:
    """The counts of documents, the oldest first; of those that overlap the larger."""
    total: Counter[str] = Counter()
    while kept:
        (name, counts), *others = kept
        over = [one for one in others if _overlap(one[0], name)]
        kept = [one for one in others if not _overlap(one[0], name)]
        total += counts | _total(over)
    return total


def _range(name: str) -> tuple[str, str]:
    """First and last day of a document."""
    first, _, last = name.partition(_TO)
    return first, last or first


def _overlap(one: str, other: str) -> bool:
    return _range(one)[0] <= _range(other)[1] and _range(other)[0] <= _range(one)[1]


@contextmanager
def told(tables: TableStore, table: str) -> Iterator[None]:
    """A training table that cannot be built from an extracted one also says what extraction left out of it, and why.

    Raises:
        DatasetError: as raised within, with the leading reasons.
    """
    try:
        yield
    except DatasetError as error:
        found = {reason: count for reason, count in of(tables, table).items() if reason not in reasons.EXPECTED}
        if not found:
            raise
        leading = [f"{reason} ({count:,})" for reason, count in Counter(found).most_common(SHOWN)]
        raise DatasetError(
            f"{error}. Extraction left out of {table}: {'; '.join(leading)}. "
            "`cs2 doctor` says what to do about them; docs/demo-database.md explains each."
        ) from error
