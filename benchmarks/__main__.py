"""`make bench`: run every benchmark, or those named, and write their tables to docs/benchmarks.md.

Each benchmark is a module that prints a Markdown report: its figures are ratios against a baseline that it names and
measures in the same run. Of those that are not run, the page keeps the tables of their last run.
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
    "positions",
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
    """Run the benchmarks named, or all, and write each one's section as soon as it is measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which; default: all")
    for name in parser.parse_args().names or BENCHMARKS:
        report = f"Measured on {datetime.now(UTC):%Y-%m-%d}.\n\n{_run(name).strip()}\n"
        sections = {**_written(), name: report}
        kept = (f"## {one.capitalize()}\n\n{sections[one]}" for one in BENCHMARKS if one in sections)
        REPORT.write_text("\n".join([_header(), *kept]))
        print(f"written to {REPORT}", file=sys.stderr)


def _written() -> dict[str, str]:
    """The sections that the page has, by benchmark."""
    _, *sections = REPORT.read_text().split("\n## ")
    parts = (section.split("\n\n", 1) for section in sections)
    return {title.lower(): text.strip() + "\n" for title, text in parts}


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
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, "
        f"Python {platform.python_version()}, no GPU, a shared machine.\n"
    )


if __name__ == "__main__":
    main()
