"""Facts about the benchmarks: they import today's code, and the page has a section for each."""

import importlib

import pytest

from benchmarks import snapshots
from benchmarks.__main__ import BENCHMARKS, REPORT


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_is_written_against_todays_code(name):
    assert importlib.import_module(f"benchmarks.{name}").__doc__


def test_the_page_knows_no_other_section():
    sections = [line.removeprefix("## ").lower() for line in REPORT.read_text().splitlines() if line.startswith("## ")]

    assert set(sections) <= set(BENCHMARKS)
    assert sections == sorted(sections, key=BENCHMARKS.index)


def test_the_snapshots_of_the_benchmarks_own_tables_agree_with_the_loop():
    table = snapshots.measure(matches=2)

    assert "| baseline: a plain loop over rounds |" in table
