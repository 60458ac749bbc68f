"""How numbers are worded: nothing that is open reads as certain."""

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


@pytest.mark.parametrize(
    ("seconds", "text"), [(115, "1:55"), (60, "1:00"), (59.9, "0:59"), (120, "2:00"), (185.4, "3:05"), (-1, "0:00")]
)
def test_the_clock_counts_minutes_and_two_digits_of_seconds(seconds, text):
    assert words.clock(seconds) == text
