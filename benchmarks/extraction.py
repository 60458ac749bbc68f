"""How fast a million rounds leave a demo database, against `pandas.read_sql` through SQLAlchemy on the same server.

Run `python -m benchmarks.extraction`. SQLite and a PostgreSQL started for the purpose are measured; SQL Server too when
``CS2_BENCH_SQLSERVER_URL`` names a database whose Rounds table may be read. Every measurement is a process of its own,
so that its peak memory is its own; times are medians, memory is what the read added to the process.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, create_engine, insert, select

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.connection.connect import DemoDatabase

ROUTES = ("pandas.read_sql", "portable", "fast", "fast, streamed")
START = datetime(2025, 1, 1)
_WRITTEN = 20_000
"""Rounds written one by one; the others are copies of them, made by the server."""


def fill(engine: Engine, rounds: int) -> None:
    """Rounds of one match each twenty-four, with the tables they hang on left empty."""
    tables.METADATA.create_all(engine)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql('ALTER TABLE "Rounds" DISABLE TRIGGER ALL')
    copies = max(1, rounds // _WRITTEN)
    columns = list(tables.ROUNDS.columns)
    with engine.begin() as connection:
        written = [_round(number) for number in range(1, rounds // copies + 1)]
        connection.execute(insert(tables.ROUNDS), written)
        for copy in range(1, copies):
            moved = [column + copy * len(written) if column.name == "Id" else column for column in columns]
            copied = select(*moved).where(tables.ROUNDS.c.Id <= len(written))
            connection.execute(insert(tables.ROUNDS).from_select([column.name for column in columns], copied))


def _round(number: int) -> dict[str, Any]:
    match, round_number = divmod(number, 24)
    begun = START + timedelta(seconds=100 * number)
    return {
        "Id": number,
        "DemoFileId": match,
        "MatchId": match,
        "RoundNumber": round_number + 1,
        "StartTick": 6400 * round_number,
        "EndTick": 6400 * round_number + 6000,
        "StartTime": begun,
        "EndTime": begun + timedelta(seconds=90),
        "Duration": 90.5,
        "WinnerTeam": ("CT", "T")[number % 2],
        "EndReason": "Elimination",
        "CTScore": round_number // 2,
        "TScore": (round_number + 1) // 2,
        "CTEquipmentValue": 20_000 + number % 7_000,
        "BombPlanted": number % 3 == 0,
    }


def measure(url: str, route: str) -> dict[str, float]:
    """Seconds, rows and added peak memory of one read, in this process."""
    query = select(tables.ROUNDS)
    with DemoDatabase(url, portable=not route.startswith("fast")) as db:
        db.read(query.limit(1))  # imports and connection are not what is measured
        _ = pd.read_sql(query.limit(1), db.engine)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # begin the peak anew
        before = _memory("VmRSS")
        begun = time.perf_counter()
        if route == "pandas.read_sql":
            rows = len(pd.read_sql(query, db.engine))
        elif route == "fast, streamed":
            rows = sum(batch.num_rows for batch in db.batches(query))
        else:
            rows = len(db.read(query).to_pandas())  # as far as the baseline goes: the frame the pipeline works on
        seconds = time.perf_counter() - begun
        added = _memory("VmHWM") - before
    return {"seconds": seconds, "rows": rows, "megabytes": added}


def _memory(name: str) -> float:
    """One of this process's memory figures as Linux keeps them, in megabytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(float(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(name))


def _in_own_process(url: str, route: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.extraction", "--measure", route]
    environment = os.environ | {"CS2_BENCH_URL": url}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


@contextmanager
def _servers(rounds: int) -> Iterator[dict[str, str]]:
    """URLs of the filled databases by the server's name."""
    from pgserver import get_server  # type: ignore[attr-defined]  # noqa: PLC0415  # a development tool

    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": f"sqlite:///{folder}/demos.sqlite"}
        server = get_server(Path(folder) / "postgres")
        found["PostgreSQL"] = server.get_uri()
        for url in found.values():
            engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
            fill(engine, rounds)
            engine.dispose()
        if "CS2_BENCH_SQLSERVER_URL" in os.environ:
            found["SQL Server"] = os.environ["CS2_BENCH_SQLSERVER_URL"]
        yield found
        server.cleanup()


def table_of(results: dict[str, dict[str, list[dict[str, float]]]]) -> str:
    """The results as a markdown table, each route beside the baseline of its server."""
    lines = [
        "| Server | Route | Seconds | Rows/s | Times as fast | Peak memory added (MB) | Part of the baseline's |",
        "|---|---|---|---|---|---|---|",
    ]
    for server, routes in results.items():
        median = {
            route: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            for route, runs in routes.items()
        }
        base = median[ROUTES[0]]
        for route, of in median.items():
            lines.append(
                f"| {server} | {route} | {of['seconds']:.2f} | {of['rows'] / of['seconds']:,.0f} "
                f"| {base['seconds'] / of['seconds']:.1f} | {of['megabytes']:.0f} "
                f"| {of['megabytes'] / base['megabytes']:.2f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--measure", choices=ROUTES)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(os.environ["CS2_BENCH_URL"], given.measure)))
        return
    with _servers(given.rounds) as servers:
        results: dict[str, dict[str, list[dict[str, float]]]] = {
            server: {route: [] for route in ROUTES} for server in servers
        }
        for _ in range(given.runs):
            for server, url in servers.items():
                for route in ROUTES:
                    results[server][route].append(_in_own_process(url, route))
    print(
        f"{given.rounds:,} rounds of {len(tables.ROUNDS.columns)} columns, medians of {given.runs} runs, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}.\n"
    )
    print(table_of(results))


if __name__ == "__main__":
    main()
