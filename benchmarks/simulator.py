"""Rows per second of the simulator: inventing and writing a database, against SQLAlchemy only writing the same rows.

The baseline reads a finished database and inserts its rows into a new SQLite file through SQLAlchemy Core's bulk
insert (one `executemany` for each 20,000 rows of a table, tables without indexes, which are made at the end, no
journal, one transaction): as the simulator writes, but through the library's types. Reading is not timed.

``python -m benchmarks.simulator [--matches N] [--runs N] [--out FILE]``
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, insert, select
from sqlalchemy.schema import CreateIndex, CreateTable

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.simulator import simulate

CHUNK = 20_000
Rows = dict[str, list[dict[str, Any]]]


def read(path: Path) -> Rows:
    """All rows of a database, by table."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        rows = {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in tables.METADATA.sorted_tables
        }
    engine.dispose()
    return rows


def load(rows: Rows, path: Path) -> float:
    """Seconds to insert the rows with SQLAlchemy Core."""
    started = time.perf_counter()
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", lambda connection, _: connection.executescript(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
    ))  # fmt: skip
    with engine.begin() as connection:
        for table in tables.METADATA.sorted_tables:
            connection.execute(CreateTable(table))
            values = rows[table.name]
            for first in range(0, len(values), CHUNK):
                connection.execute(insert(table), values[first : first + CHUNK])
        for table in tables.METADATA.sorted_tables:
            for index in table.indexes:
                connection.execute(CreateIndex(index))
    engine.dispose()
    return time.perf_counter() - started


def measure(matches: int, runs: int) -> str:
    """The table: medians of alternating runs."""
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = [], []
        path = Path(folder) / "demos.sqlite"
        for run in range(runs):
            started = time.perf_counter()
            simulate(path, matches=matches, seed=1, overwrite=True)
            ours.append(time.perf_counter() - started)
            rows = read(path)
            copy = Path(folder) / f"copy{run}.sqlite"
            theirs.append(load(rows, copy))
            if run == 0 and read(copy) != rows:
                raise AssertionError("the baseline wrote other rows than the simulator")
            copy.unlink()
        count = sum(len(values) for values in rows.values())
    mine, other = statistics.median(ours), statistics.median(theirs)
    return "\n".join([
        f"{matches} matches, {count:,} rows, SQLite. Medians of {runs} runs on {os.cpu_count()} cores,"
        f" Python {platform.python_version()}.",
        "",
        "| Route | Seconds | Rows/s | Ratio |",
        "|---|---|---|---|",
        f"| SQLAlchemy Core bulk insert of the finished rows (baseline: writing only) | {other:.2f}"
        f" | {count / other:,.0f} | 1.0 |",
        f"| `simulate`: inventing and writing them | {mine:.2f} | {count / mine:,.0f} | {other / mine:.1f} |",
        "",
    ])  # fmt: skip


def main() -> None:
    """Measure and print, or write, the table."""
    parser = argparse.ArgumentParser(description="Rows per second of the simulator.")
    parser.add_argument("--matches", type=int, default=400)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    table = measure(options.matches, options.runs)
    print(table)
    if options.out is not None:
        options.out.write_text(table)


if __name__ == "__main__":
    main()
