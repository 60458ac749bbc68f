"""The directories as they are served: replaced as a whole, each time a revision."""

from datetime import UTC, datetime

import pytest

from cs2_pipeline.records import directories
from cs2_pipeline.records.directories import MAP, TEAM, Entry

AT = datetime(2026, 1, 18, 12, tzinfo=UTC)
pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def test_what_is_read_is_what_was_put_there_last(records):
    assert directories.read(records) == (0, [])
    first = [Entry(MAP, "m", "de_nuke", 3, AT, {"ct_share": 0.5}), Entry(TEAM, "m", "Mousers", 2, None, {})]
    assert directories.replace(records, first) == 2
    assert directories.revision(records) == 1
    number, found = directories.read(records)
    assert number == 1 and sorted(found, key=lambda one: one.kind) == first
    assert directories.replace(records, first[1:]) == 1
    assert directories.read(records) == (2, first[1:])
    assert directories.replace(records, []) == 0
    assert directories.read(records) == (3, [])


def test_a_name_is_kept_up_to_three_hundred_characters(records):
    directories.replace(records, [Entry(TEAM, "a", "x" * 301, 1, None), Entry(TEAM, "b", "y" * 300, 1, None)])
    assert sorted(one.name for one in directories.read(records)[1]) == ["x" * 300, "y" * 300]


def test_the_replacement_of_one_moment_is_read_with_its_number(records):
    for number in range(1, 4):
        directories.replace(records, [Entry(TEAM, "a", f"name {number}", number, AT, {"n": number})])
        assert directories.read(records) == (number, [Entry(TEAM, "a", f"name {number}", number, AT, {"n": number})])
        assert directories.revision(records) == number
