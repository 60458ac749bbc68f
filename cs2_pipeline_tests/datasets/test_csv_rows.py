"""Tables that people write: every wrong row is told with its column and why, and nothing of the file is taken."""

import gzip

import pandas as pd
import pytest

from cs2_pipeline.datasets import csv_rows
from cs2_pipeline.datasets.csv_rows import RowError, RowsError

NAMES = {"day": ("day", "date"), "points": ("points", "pts")}


def read(path):
    """Rows as day and points, with their number."""
    return csv_rows.read(
        path,
        lambda file, header: csv_rows.known(header, NAMES),
        lambda columns, row, number: (
            number, csv_rows.day(columns, v := csv_rows.values(columns, row)), csv_rows.whole(columns, v, "points")
        ),
    )  # fmt: skip


@pytest.fixture
def table(tmp_path):
    def write(text, name="a.csv"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / name

    return write


def test_rows_are_read_with_their_number_in_the_file_plain_packed_or_with_a_mark(table):
    text = "Day,PTS,other\n2026-01-02, 7 ,x\n2026-01-03,,y\n"
    expected = [(2, pd.Timestamp("2026-01-02", tz="UTC"), 7), (3, pd.Timestamp("2026-01-03", tz="UTC"), None)]
    assert read(table(text)) == expected
    assert read(table(gzip.compress(text.encode()), "a.csv.gz")) == expected
    assert read(table("\ufeff" + text)) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"\xff\xfe", "a.csv cannot be read as CSV"),
        ('day,points\n"2026-01-02,7\n', "cannot be read as CSV"),
        ("day,points\n", "a.csv has no rows"),
        ("day,points\n2026-01-02\n", "row 2: has not as many values"),
        ("day,points\n2026-01-02,1,2\n", "row 2: has not as many values"),
        ("date,points\n9999-12-31T23:00-05:00,1\n", "row 2: column date: '9999-12-31T23:00-05:00' is no day such as"),
        ("date,points\nlater,1\n", "row 2: column date: 'later' is no day such as 2025-03-01"),
        ("day,points\n2026-01-02,many\n", "row 2: column points: 'many' is no number"),
        ("day,points\n2026-01-02,1e9\n", "'1e9' is no number"),
        ("day,points\n2026-01-02,nan\n", "'nan' is no number"),
        ("day,pts\n2026-01-02,1.5\n", "column pts: '1.5' is no whole number"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_row_and_column(table, text, told):
    with pytest.raises(RowsError, match=told):
        read(table(text))


@pytest.mark.parametrize("wrong", [1, csv_rows._SHOWN_ERRORS, csv_rows._SHOWN_ERRORS + 2])
def test_of_many_wrong_rows_the_first_are_shown_and_all_are_counted(table, wrong):
    with pytest.raises(RowsError) as refused:
        read(table("day,points\n2026-01-02,1\n" + "never,1\n" * wrong))
    said = str(refused.value)
    assert f"a.csv: {wrong} of {wrong + 1} rows cannot be read; nothing was taken" in said
    assert said.count("is no day") == min(wrong, csv_rows._SHOWN_ERRORS)
    assert ("... and 2 more" in said) == (wrong > csv_rows._SHOWN_ERRORS)
    assert said.count("more") == (wrong > csv_rows._SHOWN_ERRORS)


def test_a_needed_column_is_asked_for_by_all_its_names():
    found = csv_rows.known([" Date ", "x"], NAMES)
    assert found == {"day": " Date "}
    with pytest.raises(RowsError, match=r"points \(points, pts\).*A table of points\. Its columns are Date, x\."):
        csv_rows.require("a.csv", ["Date", "x"], found, NAMES, "A table of points.")
    with pytest.raises(RowsError, match="Its columns are none"):
        csv_rows.require("a.csv", [], {}, NAMES, "")
    csv_rows.require("a.csv", [], {"day": "day", "points": "pts"}, NAMES, "")


def test_a_day_is_a_moment_in_utc_whatever_zone_it_was_written_in():
    columns = {"day": "when"}
    for text in ("2026-01-02T12:00:00+02:00", "2026-01-02T10:00:00", "2026-01-02 10:00:00Z"):
        assert csv_rows.day(columns, {"day": text}) == pd.Timestamp("2026-01-02T10:00", tz="UTC")


@pytest.mark.parametrize(("text", "found"), [("", None), ("-3", -3.0), ("2.5", 2.5), ("999999999", 999_999_999.0)])
def test_a_number_may_be_missing_negative_and_broken(text, found):
    assert csv_rows.number({"points": "pts"}, {"points": text}, "points") == found
    assert csv_rows.number({}, {}, "points") is None


@pytest.mark.parametrize("text", ["-1e9", "inf", "1,5"])
def test_what_no_table_holds_is_no_number(text):
    with pytest.raises(RowError, match="is no number"):
        csv_rows.number({"points": "pts"}, {"points": text}, "points")
