"""CSV files that somebody else wrote, row by row: columns known by several names, and every wrong row named at once."""

import csv
import gzip
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import pandas as pd

from cs2_pipeline.datasets.schema import DatasetError

_SHOWN_ERRORS: Final = 20

Columns = dict[str, str]
"""What is read -> the column it is read from."""
Row = TypeVar("Row")


class RowsError(DatasetError):
    """A file that cannot be taken; the message names rows and columns."""


class RowError(Exception):
    """A value that cannot be read: its column and why."""


def read(
    path: Path,
    columns_of: Callable[[str, list[str]], dict[str, str]],
    parse: Callable[[Columns, dict[str, str], int], Row],
) -> list[Row]:
    """What `parse` makes of each row of a file (.csv or .csv.gz).

    Args:
        path: the file.
        columns_of: from its name and header to the columns that are read.
        parse: from columns, a row and its number in the file; row 2 is the first below the header.

    Raises:
        RowsError: the file cannot be read, lacks a column, has no rows, or rows that cannot be read.
    """
    try:
        with (gzip.open(path, "rt", encoding="utf-8-sig", newline="") if path.suffix == ".gz" else path.open(
            encoding="utf-8-sig", newline=""
        )) as file:  # fmt: skip
            reader = csv.DictReader(file, restkey="", strict=True)
            header = [name for name in reader.fieldnames or [] if name]
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise RowsError(f"{path.name} cannot be read as CSV: {error}") from error
    columns = columns_of(path.name, header)
    if not rows:
        raise RowsError(f"{path.name} has no rows")
    found, errors = [], []
    for number, row in rows:
        try:
            found.append(parse(columns, row, number))
        except RowError as error:
            errors.append(f"row {number}: {error}")
    if errors:
        more = f"\n... and {len(errors) - _SHOWN_ERRORS} more" if len(errors) > _SHOWN_ERRORS else ""
        raise RowsError(
            f"{path.name}: {len(errors)} of {len(rows)} rows cannot be read; nothing was taken. Row 2 is the first "
            "below the header.\n" + "\n".join(errors[:_SHOWN_ERRORS]) + more
        )
    return found


def known(header: Sequence[str], names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The columns of a header that are known by any of their names, upper or lower case."""
    lower = {name.strip().lower(): name for name in header}
    return {
        meaning: next(lower[name] for name in those if name in lower)
        for meaning, those in names.items()
        if any(name in lower for name in those)
    }


def require(file: str, header: Sequence[str], found: Columns, needed: Mapping[str, Sequence[str]], what: str) -> None:
    """Make sure that nothing needed is missing.

    Raises:
        RowsError: something is; the message gives its possible names, `what` the file should be, and its columns.
    """
    missing = "; ".join(f"{meaning} ({', '.join(names)})" for meaning, names in needed.items() if meaning not in found)
    if missing:
        raise RowsError(f"{file} has no column for: {missing}. {what} Its columns are {', '.join(header) or 'none'}.")


def values(columns: Columns, row: Mapping[str, str]) -> dict[str, str]:
    """The values of a row by what they mean.

    Raises:
        RowError: the row is longer or shorter than the header.
    """
    if any(value is None or isinstance(value, list) for value in row.values()):
        raise RowError("has not as many values as the header has columns")
    return {meaning: row[name].strip() for meaning, name in columns.items()}


def day(columns: Columns, value: Mapping[str, str]) -> pd.Timestamp:
    """The moment in UTC that stands in the column ``day``.

    Raises:
        RowError: none does.
    """
    text = value["day"]
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise RowError(f"column {columns['day']}: {text!r} is no day such as 2025-03-01") from None
    return pd.Timestamp(moment)


def number(columns: Columns, value: Mapping[str, str], meaning: str) -> float | None:
    """A number; None where nothing stands.

    Raises:
        RowError: something else does.
    """
    text = value.get(meaning, "")
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not abs(found) < 1e9:
        raise RowError(f"column {columns[meaning]}: {text!r} is no number")
    return found


def whole(columns: Columns, value: Mapping[str, str], meaning: str) -> int | None:
    """A whole number; None where nothing stands.

    Raises:
        RowError: something else does.
    """
    found = number(columns, value, meaning)
    if found is not None and found != int(found):
        raise RowError(f"column {columns[meaning]}: {value[meaning]!r} is no whole number")
    return None if found is None else int(found)
