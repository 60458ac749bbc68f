"""How numbers are worded: nothing that is open reads as certain."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bento.gateway.pages import words


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.694, "69 %"), (0.9996, "> 99 %"), (0.0004, "< 1 %"), (1.0, "100 %"), (0.0, "0 %"), (None, "–")],
)
def test_a_share_is_a_percentage(share, text):
    assert words.percent(share) == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True), st.integers(0, 3))
def test_an_open_probability_never_reads_as_certain(share, digits):
    assert words.percent(share, digits) not in (f"{0:.{digits}f} %", f"{100:.{digits}f} %")


def test_the_words_for_the_rest():
    assert words.interval((0.651, 0.73)) == "65–73 %"
    assert words.points(-0.124) == "−12"
    assert words.points(0.08) == "+8"
    assert words.money(4750) == "$4,750"
    assert words.clock(75.9) == "1:15"
    assert words.figure(0.5084) == ".508"
    assert words.figure(-0.0072, 4) == "-.0072"
    assert [words.cell(text) for text in ("de_nuke", "0.475123", "17", "inf")] == ["de_nuke", "0.4751", "17", "inf"]
    assert words.moment("2026-01-18T12:00:00+01:00") == "2026-01-18 11:00 UTC"
    assert words.moment(datetime(2026, 1, 18, 23, 30, tzinfo=UTC)) == "2026-01-18 23:30 UTC"
    assert words.moment("2026-01-18T12:00:00") == "2026-01-18 12:00 UTC", "what names no zone is UTC"


@pytest.mark.parametrize(
    ("text", "worded"),
    [
        ("round 9, match of 2026-01-18T12:00:30.5+01:00", "round 9, match of 2026-01-18 11:00 UTC"),
        ("match of 2026-01-18T12:00:00Z", "match of 2026-01-18 12:00 UTC"),
        ("match of 2026-01-18T12:00:00", "match of 2026-01-18 12:00 UTC"), ("demo 7", "demo 7"), ("", "–"),
    ],
)  # fmt: skip
def test_the_newest_row_of_a_model_is_dated_as_everything_else_on_the_pages(text, worded):
    assert words.moments(text) == worded


def test_what_is_not_known_is_a_dash():
    for word in (words.percent, words.interval, words.money, words.clock, words.moment, words.figure):
        assert word(None) == "–", word
    assert words.moment("") == "–"


def test_a_figure_loses_the_nought_before_the_point_and_no_other():
    assert [words.figure(value) for value in (1.25, 10.5, 0.0, 1.0004, -10.25)] == [
        "1.250", "10.500", ".000", "1.000", "-10.250",
    ]  # fmt: skip


def test_nothing_and_everything_have_digits_where_asked_for():
    assert [words.percent(share, 1) for share in (0.694, 0.9999, 0.0001, 1, 0)] == [
        "69.4 %", "> 99.9 %", "< 0.1 %", "100.0 %", "0.0 %",
    ]  # fmt: skip
    assert words.points(-0.1246, 1) == "−12.5"


@pytest.mark.parametrize(
    ("seconds", "text"), [(115, "1:55"), (60, "1:00"), (59.9, "0:59"), (120, "2:00"), (185.4, "3:05"), (-1, "0:00")]
)
def test_the_clock_counts_minutes_and_two_digits_of_seconds(seconds, text):
    assert words.clock(seconds) == text
