"""What extraction left out, kept beside the tables so that a later step can say why it has too little.

One small document per table for each run's first day: an extraction of the same days replaces it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Final

from cs2_pipeline.datasets.schema import DatasetError
from cs2_pipeline.datasets.store import TableStore
from cs2_pipeline.demodb.extraction import reasons

SHOWN: Final = 4
_FOLDER: Final = "left_out"


def keep(tables: TableStore, table: str, days: Sequence[date], counts: Mapping[str, int]) -> None:
    """Keep what a run over some days left out of a table, by reason."""
    for day in days[1:]:
        tables.remove_json(_name(table, day))
    tables.write_json(_name(table, days[0]), dict(counts))


def of(tables: TableStore, table: str) -> Counter[str]:
    """What all extractions left out of a table, by reason."""
    counts: Counter[str] = Counter()
    for day in tables.documents(f"{_FOLDER}/{table}"):
        counts.update(tables.read_json(f"{_FOLDER}/{table}/{day}"))
    return counts


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


def _name(table: str, day: date) -> str:
    return f"{_FOLDER}/{table}/{day.isoformat()}"
