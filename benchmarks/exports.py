"""How fast exports of cs-demo-analyzer come into a demo database, against the same files read into DataFrames.

Run `python -m benchmarks.exports`. The files are those of a folder that ``CS2_BENCH_EXPORTS`` names, or the real ones
beside the repository where they are, else made-up ones. The baseline only reads: each list of the JSON becomes a frame.
Ingesting also tells rounds and players apart, counts, checks and writes. Figures are medians of three runs.
"""

import gzip
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd

from cs2_pipeline.demodb.importers.exports import ingest_exports
from cs2_pipeline_tests.demodb.importers import made_exports

RUNS: Final = 3
MADE: Final = 20
"""Matches made up where there are no real ones."""
_REAL: Final = Path(__file__).parents[2] / "shared" / "data" / "cs_demo_analyzer"


def main() -> None:
    """Measure and print the report."""
    with tempfile.TemporaryDirectory(prefix="cs2-bench-") as scratch:
        folder = _folder(Path(scratch) / "exports")
        files = sorted(path for path in folder.iterdir() if path.name.endswith((".json", ".json.gz")))
        read = _seconds(lambda _: [_frames(path) for path in files], Path(scratch))
        taken = _seconds(lambda run: _ingest(folder, run), Path(scratch))
    size = sum(path.stat().st_size for path in files) / 2**20
    print(f"{len(files)} exports of cs-demo-analyzer, {size:.1f} MiB compressed.\n")
    print("| | Exports a second | |\n|---|---|---|")
    print(f"| JSON read into DataFrames | {len(files) / read:.1f} | baseline |")
    print(f"| `cs2 ingest exports`, into a new database | {len(files) / taken:.1f} | {read / taken:.2f} times |")


def _folder(made: Path) -> Path:
    named = os.environ.get("CS2_BENCH_EXPORTS")
    if named or _REAL.is_dir():
        return Path(named) if named else _REAL
    made.mkdir()
    for number in range(MADE):
        match = made_exports.match("AB" * 11 + "A", checksum=f"{number:016x}", demoFileName=f"made-{number}")
        made_exports.write(made, match, f"made-{number}.json.gz")
    return made


def _frames(path: Path) -> dict[str, pd.DataFrame]:
    content = path.read_bytes()
    match = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
    return {name: pd.DataFrame(rows) for name, rows in match.items() if isinstance(rows, list)}


def _ingest(folder: Path, run: Path) -> None:
    report = ingest_exports([folder], run / "demos.sqlite", played_on=date(2024, 1, 1))
    if not report.ok:
        raise SystemExit(f"not every export came in: {report.summary()}")


def _seconds(work: Callable[[Path], object], scratch: Path) -> float:
    taken = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(dir=scratch) as run:
            begun = time.perf_counter()
            work(Path(run))
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
