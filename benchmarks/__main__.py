"""`make bench`: run every benchmark and write the tables to docs/benchmarks.md.

Each benchmark is a module that prints a Markdown report: its figures are ratios against a baseline that it names and
measures in the same run.
"""

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

BENCHMARKS: Final = (
    "simulator",
    "extraction",
    "snapshots",
    "exports",
    "training",
    "serving",
    "forecasting",
    "gateway",
    "live",
    "coaching",
    "pages",
)
REPORT: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def main() -> None:
    """Run the benchmarks named, or all, and write the report when all were run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which; default: all")
    names = parser.parse_args().names or BENCHMARKS
    reports = {name: _run(name) for name in names}
    if tuple(names) == BENCHMARKS:
        sections = (f"## {name.capitalize()}\n\n{report}" for name, report in reports.items())
        REPORT.write_text("\n".join([_header(), *sections]))
        print(f"written to {REPORT}", file=sys.stderr)


def _run(name: str) -> str:
    print(f"… {name}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    report = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    print(report, flush=True)
    return report


def _header() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        "# Benchmarks\n\n"
        "Written by `make bench`. Every figure is a median of several runs, and a ratio against a baseline measured in "
        "the same run: machines differ, ratios less so.\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, "
        f"Python {platform.python_version()}, no GPU, a shared machine.\n"
    )


if __name__ == "__main__":
    main()
