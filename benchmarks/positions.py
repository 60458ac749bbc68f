"""What a day costs whose matches Demo Lens recorded position by position: ten million rows of PlayerPositions.

    python -m benchmarks.positions [--rows 10000000] [--index]

Makes a database as the application writes it (`cs2_pipeline_tests.demodb.as_application_writes`), all of its matches
imported on one day, fills PlayerPositions up to the number of rows with positions of the same players, and extracts the
day's events in a process of its own. Prints seconds and peak memory. `--index` adds the index that
docs/demo-database.md advises; without it the table has what Entity Framework makes, an index on each foreign key.
"""

import argparse
import multiprocessing
import resource
import sqlite3
import tempfile
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline_tests.demodb.as_application_writes import IMPORTED, Habits, copy_to, rewrite

ROWS = 10_000_000
MATCHES = 100
_INDEX = 'CREATE INDEX "ix_PlayerPositions_DemoFileId_Tick" ON "PlayerPositions" ("DemoFileId", "Tick")'
_THERE = 'SELECT COUNT(*), MAX("Id") FROM "PlayerPositions"'
_FILLER = """
INSERT INTO "PlayerPositions"
WITH RECURSIVE
  steps(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM steps WHERE n < {steps}),
  people AS (SELECT "DemoFileId" demo, "PlayerId" player, MAX("Tick") last FROM "PlayerPositions" GROUP BY 1, 2)
SELECT {first} + ROW_NUMBER() OVER (ORDER BY demo, n), demo, player, last + 16 * n, (last + 16 * n) / 64.0,
       TRUE, 100, 100, TRUE, FALSE, 'CKnife', '2', 1000
FROM steps, people
ORDER BY demo, n
"""
"""The application imports one demo after another, so the positions of a demo lie side by side."""


def filler(rows: int, there: int, last_id: int) -> str:
    """The command that adds positions after the last recorded one of each player, up to about so many rows."""
    return _FILLER.format(steps=max((rows - there) // (MATCHES * 10), 1), first=last_id)


def database(folder: Path) -> Path:
    """A SQLite database of matches imported on one day, with the few positions that extraction reads."""
    simulate(folder / "simulated.sqlite", matches=MATCHES, seed=3)
    return rewrite(folder / "simulated.sqlite", folder / "demos.sqlite", Habits())


def fill(path: Path, rows: int, *, index: bool) -> str:
    """Positions up to so many rows; the index of the foreign keys is made afterwards, which is quicker."""
    with sqlite3.connect(path) as connection:
        own = connection.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'PlayerPositions' AND sql IS NOT NULL"
        ).fetchall()
        for name in ("DemoFileId", "PlayerId"):
            connection.execute(f'DROP INDEX "ix_PlayerPositions_{name}"')
        connection.execute(filler(rows, *connection.execute(_THERE).fetchone()))
        for (command,) in [*own, *([(_INDEX,)] if index else [])]:
            connection.execute(command)
    return f"sqlite:///{path}"


def postgres(stack: ExitStack, source: Path, rows: int, *, index: bool) -> str:
    """The same on a PostgreSQL server of its own; `source` is not filled yet."""
    from pgserver import get_server  # type: ignore[attr-defined]  # noqa: PLC0415  # a development tool

    server = get_server(stack.enter_context(tempfile.TemporaryDirectory()))
    stack.callback(server.cleanup)
    url: str = server.get_uri()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    copy_to(engine, source)
    with engine.connect() as connection:
        there = connection.execute(text(_THERE)).one()
        connection.execute(text(filler(rows, *there)))
        for command in [*([_INDEX] if index else []), "VACUUM ANALYZE"]:
            connection.execute(text(command))
    engine.dispose()
    return url


def extract(url: str, found: Any) -> None:
    """Extract the day; tells rounds, seconds and the peak of memory in MB. To be run in a process of its own."""
    from cs2_pipeline.demodb.connection.connect import DemoDatabase  # noqa: PLC0415
    from cs2_pipeline.demodb.extraction.events import event_tables  # noqa: PLC0415

    day: date = IMPORTED.date()
    began = time.perf_counter()
    with DemoDatabase(url) as db:
        events = event_tables(db, day, day)
    seconds = time.perf_counter() - began
    found.put((len(events.rounds), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def measured(url: str) -> tuple[int, float, float]:
    """`extract` in a fresh process."""
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    process = context.Process(target=extract, args=(url, found))
    process.start()
    result: tuple[int, float, float] = found.get(timeout=1_800)
    process.join()
    return result


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--index", action="store_true", help='with an index on ("DemoFileId", "Tick")')
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = database(folder)
        urls = {"PostgreSQL": postgres(stack, path, options.rows, index=options.index)}
        urls["SQLite"] = fill(path, options.rows, index=options.index)
        print(
            f"A day of {MATCHES} matches with {options.rows:,} rows of PlayerPositions, read in a process of its own.\n"
        )
        print("| Server | Rounds | Seconds | Peak memory of the process (MB) |\n|---|---|---|---|")
        for name, url in urls.items():
            rounds, seconds, memory = measured(url)
            print(f"| {name} | {rounds:,} | {seconds:.1f} | {memory:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
