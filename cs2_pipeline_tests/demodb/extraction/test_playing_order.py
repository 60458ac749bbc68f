"""When matches were played, as well as their files' names and the order of import tell."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.extraction.playing_order import date_in, played_at
from cs2_pipeline.demodb.extraction.reasons import Tally

IMPORTED = pd.Timestamp("2026-06-01T09:00", tz="UTC")


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("2026-01-05_de_nuke_000123.dem", datetime(2026, 1, 5, tzinfo=UTC)),
        ("auto0-20260118-203045-1187-de_dust2.dem", datetime(2026, 1, 18, 20, 30, 45, tzinfo=UTC)),
        ("navi_vs_faze_2025.12.31.dem", datetime(2025, 12, 31, tzinfo=UTC)),
        ("match730_003762601234567890123_0123456789_184.dem", None),
        ("2026-02-31_de_nuke.dem", None),
        ("1-a2026-0105.dem", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_read_from_a_files_name_only_where_one_stands(name, date):
    assert date_in(name) == date


def order_of(*names: str, start: pd.Timestamp = IMPORTED, max_rounds: int = 0) -> tuple[list, dict[str, int]]:
    matches = pd.DataFrame({"file_name": names, "started_at": start, "created_at": IMPORTED, "max_rounds": max_rounds})
    tally = Tally()
    return played_at(matches, tally).tolist(), dict(tally.mapped)


def test_matches_of_one_import_are_ordered_by_their_names():
    found, mapped = order_of("2026-01-05_a.dem", "2026-01-03_b.dem")
    assert found == [pd.Timestamp("2026-01-05", tz="UTC"), pd.Timestamp("2026-01-03", tz="UTC")]
    assert mapped == {reasons.PLAYED_BY_NAME: 2}


def test_without_dates_the_order_is_that_of_import_and_it_is_said():
    found, mapped = order_of("a.dem", "b.dem")
    assert found == [pd.NaT, pd.NaT]
    assert mapped == {reasons.IMPORT_ORDER: 2}


def test_a_start_that_is_of_the_match_is_kept():
    found, mapped = order_of("2026-05-31_a.dem", "b.dem", start=pd.Timestamp("2026-05-31T20:00", tz="UTC"))
    assert (found, mapped) == ([pd.NaT, pd.NaT], {})


def test_a_date_after_the_import_is_no_date_of_play():
    found, mapped = order_of("2027-01-01_a.dem")
    assert (found, mapped) == ([pd.NaT], {})


@pytest.mark.parametrize(
    ("start", "rounds", "noted"),
    [
        (IMPORTED, 0, True), (IMPORTED - pd.Timedelta(minutes=10), 0, True),
        (IMPORTED - pd.Timedelta(minutes=10, seconds=1), 0, False), (IMPORTED, 24, False),
    ],
)  # fmt: skip
def test_a_start_within_ten_minutes_of_the_import_is_the_imports_unless_the_rules_were_recorded(start, rounds, noted):
    _, mapped = order_of("a.dem", start=start, max_rounds=rounds)
    assert mapped == ({reasons.IMPORT_ORDER: 1} if noted else {})


@pytest.mark.parametrize(
    ("name", "taken"), [("2026-06-02_0859", True), ("2026-06-02_0900", False), ("2026-06-01_1000", False)]
)
def test_a_name_may_lie_up_to_a_day_after_the_start_where_it_names_another_day(name, taken):
    found, _ = order_of(f"{name}.dem")
    assert pd.notna(found[0]) == taken


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("2026-01-05T2359_a", datetime(2026, 1, 5, 23, 59, tzinfo=UTC)),
        ("2026-01-05_2460_a", datetime(2026, 1, 5, tzinfo=UTC)),
        ("2026-13-05_a", None),
        ("2026-01-32_a", None),
        ("2026-01_05", None),
        ("2026-02-30 of 2026-02-03", datetime(2026, 2, 3, tzinfo=UTC)),
        ("2026-02-31_2026-03-05_nuke", datetime(2026, 3, 5, tzinfo=UTC)),
        ("2026-02-31-2026-03-05T10-15", datetime(2026, 3, 5, 10, 15, tzinfo=UTC)),
        ("2026-03-05_2026-03-06", datetime(2026, 3, 5, tzinfo=UTC)),
        ("20260305-202610-11-nuke", datetime(2026, 3, 5, 20, 26, 10, tzinfo=UTC)),
        ("2009-01-05", None),
        ("2030-01-05", None),
    ],
)
def test_digits_that_are_no_date_of_the_games_years_are_passed_over(name, date):
    assert date_in(name) == date
