"""Verdicts on extracted days: which days and matches training tables may read, and why not the others."""

import pandas as pd
import pytest

from cs2_pipeline.datasets.schema import DatasetError
from cs2_pipeline.datasets.store import TableStore
from cs2_pipeline.defs.verdicts import (
    DAILY_TABLES,
    State,
    UncheckedError,
    Verdict,
    Verdicts,
    forget_extracted,
    read_usable,
)
from cs2_pipeline.demodb.extraction.watermark import Watermark

DAYS = ("2026-01-01", "2026-01-02")
NOON = pd.Timestamp("2026-01-01T12:00", tz="UTC")
PASSED, BAD = Verdict(State.PASSED, run_id="r1"), Verdict(State.QUARANTINED, ("too few", "too many"))


@pytest.fixture
def tables(tmp_path):
    """Two days of every table, a match each, checked and found good."""
    store = TableStore(str(tmp_path))
    for table in DAILY_TABLES:
        for number, day in enumerate(DAYS):
            store.write(table, pd.DataFrame({"match_id": [number + 1], "started_at": [NOON]}), partition=day)
            Verdicts(store).pronounce(table, day, PASSED)
    return store


def ids(tables, name="rounds"):
    return read_usable(tables, name).frame["match_id"].tolist()


def test_a_day_is_read_when_every_table_of_it_passed(tables):
    assert ids(tables) == [1, 2]
    assert read_usable(tables, "rounds").left_out == {}
    Verdicts(tables).pronounce("matches", DAYS[0], BAD)
    assert ids(tables) == [2]
    assert read_usable(tables, "rounds").left_out == {DAYS[0]: "matches in quarantine (too few, too many)"}


def test_a_day_written_anew_is_not_read_until_it_is_checked_and_keeps_what_it_had_seen(tables):
    seen, verdicts = Watermark(7, NOON.to_pydatetime()), Verdicts(tables)
    verdicts.pronounce("rounds", DAYS[0], Verdict(State.PASSED, watermark=seen))
    verdicts.withdraw("rounds", DAYS[0])
    assert (verdicts.of("rounds", DAYS[0]).state, verdicts.of("rounds", DAYS[0]).watermark) == (State.UNCHECKED, seen)
    assert verdicts.unchecked() == [DAYS[0]]
    assert read_usable(tables, "rounds").left_out == {DAYS[0]: "rounds not checked since it was written"}
    verdicts.pronounce("rounds", DAYS[0], PASSED)
    assert verdicts.of("rounds", DAYS[0]).watermark == seen
    assert verdicts.unchecked() == []


def test_a_day_in_quarantine_by_another_table_waits_for_new_demos_and_not_for_a_check(tables):
    verdicts = Verdicts(tables)
    verdicts.withdraw("rounds", DAYS[0])
    verdicts.pronounce("matches", DAYS[0], BAD)
    assert verdicts.unchecked() == []


def test_where_no_day_can_be_read_it_is_told_whether_waiting_can_help(tables):
    verdicts = Verdicts(tables)
    for day in DAYS:
        verdicts.pronounce("rounds", day, BAD)
    with pytest.raises(
        DatasetError, match="none of the 2 extracted days passed its checks; 2026-01-01: rounds in"
    ) as told:
        read_usable(tables, "rounds")
    assert not isinstance(told.value, UncheckedError)
    verdicts.withdraw("rounds", DAYS[1])
    with pytest.raises(UncheckedError):
        read_usable(tables, "rounds")


def test_a_match_bad_in_one_table_is_left_out_of_all_and_named_with_every_reason(tables):
    both = pd.DataFrame({"match_id": [1, 9], "started_at": [NOON, NOON]})
    tables.write("rounds", both, partition=DAYS[0])
    verdicts = Verdicts(tables)
    verdicts.pronounce("matches", DAYS[0], Verdict(State.PASSED, matches={9: ("a", "b")}))
    verdicts.pronounce("rounds", DAYS[0], Verdict(State.PASSED, matches={9: ("c",)}))
    assert ids(tables) == [1, 2]
    assert read_usable(tables, "rounds").left_out == {"2026-01-01, match 9": "rounds (c); matches (a, b)"}
    assert verdicts.usable().days == list(DAYS)


def test_what_is_read_is_dated_by_when_it_was_played_as_well_as_that_is_known(tables):
    day = pd.Timestamp("2025-07-07", tz="UTC")
    frame = pd.DataFrame({"match_id": [1, 9], "started_at": [NOON, NOON], "played_at": [day, None]})
    tables.write("rounds", frame.astype({"played_at": "datetime64[us, UTC]"}), partition=DAYS[0])
    found = read_usable(tables, "rounds").frame
    assert "played_at" not in found
    assert found.set_index("match_id")["started_at"].to_dict() == {1: day, 9: NOON, 2: NOON}


def test_the_version_of_what_can_be_read_is_another_as_soon_as_a_day_comes_goes_or_is_extracted_anew(tables):
    verdicts, versions = Verdicts(tables), []
    versions.append(verdicts.usable().version)
    assert verdicts.usable().version == versions[0]
    verdicts.pronounce("rounds", DAYS[0], Verdict(State.PASSED, run_id="r2"))
    versions.append(verdicts.usable().version)
    verdicts.pronounce("rounds", DAYS[1], BAD)
    versions.append(verdicts.usable().version)
    assert len(set(versions)) == 3


def test_a_verdict_survives_its_document():
    whole = Verdict(State.PASSED, ("x",), Watermark(3), "r", {17: ("a", "b")})
    for verdict in (whole, Verdict(), BAD):
        assert Verdict.of_document(verdict.to_document()) == verdict
    older = {name: value for name, value in whole.to_document().items() if name != "matches"}
    assert Verdict.of_document(older).matches == {}


def test_of_some_days_those_are_told_that_passed_a_tables_own_check(tables):
    verdicts = Verdicts(tables)
    verdicts.pronounce("rounds", DAYS[0], BAD)
    assert verdicts.passed("rounds", [*DAYS, "2026-01-03"]) == [DAYS[1]]
    assert verdicts.passed("matches", DAYS) == list(DAYS)


def test_when_the_database_is_another_nothing_that_was_extracted_stays(tables):
    Verdicts(tables).withdraw("rounds", DAYS[0])
    tables.write_json(f"left_out/rounds/{DAYS[0]}", {"warm-up round": 3})
    forget_extracted(tables)
    assert all(tables.partitions(table) == [] for table in DAILY_TABLES)
    assert Verdicts(tables).of("rounds", DAYS[1]) == Verdict()
    assert (Verdicts(tables).unchecked(), tables.documents("left_out/rounds")) == ([], [])


def test_days_are_told_in_their_order(tmp_path):
    days = [f"2026-01-{day:02}" for day in range(1, 10)]
    store = TableStore(str(tmp_path))
    verdicts = Verdicts(store)
    for day in reversed(days):
        for table in DAILY_TABLES:
            store.write(table, pd.DataFrame({"match_id": [int(day[-2:])], "started_at": [NOON]}), partition=day)
            verdicts.pronounce(table, day, PASSED)
    assert verdicts.usable().days == days
    read = read_usable(store, "rounds").frame
    assert read.columns.tolist() == ["match_id", "started_at"]
    assert read["match_id"].to_dict() == {row: row + 1 for row in range(9)}
    for day in days[::-2]:
        verdicts.withdraw("rounds", day)
    assert verdicts.unchecked() == days[::2]
    assert list(verdicts.usable().left_out) == days[::2]
    assert verdicts.usable().days == days[1::2]
