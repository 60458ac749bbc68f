"""What a suite's failures mean: which matches and days go into quarantine, and how both are told."""

from datetime import UTC, datetime

import dagster as dg
import pandas as pd
import pytest

from cs2_pipeline.datasets.expectations import SUITES, Outcome
from cs2_pipeline.datasets.store import MissingTableError
from cs2_pipeline.defs.automation.due_days import WATERMARK_TAG, extraction_tags
from cs2_pipeline.defs.checks import expectations
from cs2_pipeline.defs.checks.expectations import Quarantine, quarantined
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import DAILY_TABLES, State, Verdicts
from cs2_pipeline.demodb.extraction.watermark import Watermark
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.datasets.test_expectations import ROUNDS

FIRST, SECOND = "2026-01-01", "2026-01-02"
SEEN = Watermark(7, datetime(2026, 1, 3, tzinfo=UTC))


def outcome(name, *matches, rows=3, ids=("1", "2")):
    return Outcome(name, False, None, rows, ids, matches)


def rows(**matches):
    """Rows of matches by day, as `d1=[1, 2]`."""
    found = [(match, f"2026-01-0{day[1:]}T12:00Z") for day, of_day in matches.items() for match in of_day]
    frame = pd.DataFrame(found, columns=["match_id", "started_at"])
    return frame.assign(started_at=pd.to_datetime(frame["started_at"]))


def test_a_bad_match_leaves_its_day_good_and_is_named_with_all_that_it_fails():
    found = Quarantine.of(rows(d1=[1, 2, 3]), {FIRST: [outcome("a", 1, 2), outcome("b", 2)]})
    assert found.days == frozenset()
    assert found.matches == {FIRST: {1: ("a",), 2: ("a", "b")}}
    verdict = found.verdict(FIRST, SEEN, "run")
    assert (verdict.state, verdict.reasons, verdict.watermark, verdict.run_id) == (State.PASSED, (), SEEN, "run")
    assert verdict.matches == {1: ("a",), 2: ("a", "b")}
    assert found.verdict(SECOND, None, "run").matches == {}


@pytest.mark.parametrize(
    "failed",
    [[outcome("a", 1, 2, 3)], [outcome("a", 1), outcome("b", 2, 3)], [outcome("a", 1), outcome("b")], [outcome("a")]],
    ids=["all its matches", "all together", "one failure names no match", "none does"],
)
def test_a_day_is_bad_when_all_its_matches_are_or_nobody_can_say_which(failed):
    found = Quarantine.of(rows(d1=[1, 2, 3], d2=[9]), {FIRST: failed})
    assert (found.days, found.matches) == (frozenset({FIRST}), {})
    verdict = found.verdict(FIRST, SEEN, "run")
    assert verdict.state is State.QUARANTINED
    assert verdict.reasons == tuple(one.expectation for one in failed)
    assert (verdict.watermark, verdict.run_id, verdict.matches) == (SEEN, "run", {})
    assert found.verdict(SECOND, SEEN, "run").state is State.PASSED


def test_a_day_without_rows_that_fails_is_bad():
    assert Quarantine.of(rows(), {FIRST: [outcome("a", 1)]}).days == {FIRST}


def test_a_quarantine_is_told_by_day_with_its_reasons_and_three_days_at_most():
    failed = {f"2026-01-0{n}": [outcome("a", 1, rows=1_234), outcome("b", 1)] for n in range(1, 5)}
    failed["2026-01-05"] = [outcome("c", 1)]
    found = Quarantine.of(rows(**{f"d{n}": [1] for n in range(1, 5)}, d5=[1, 2]), failed)
    assert found.told()[0] == "2026-01-01 (a: 1,234 rows; b: 3 rows)"
    assert found.told()[-1] == "2026-01-05 1 matches (c: 3 rows)"
    cause, text = quarantined("rounds", found, of=9)
    assert cause == "quarantine of rounds: a, b, c"
    assert text.startswith("cs2_pipeline: 4 of 9 match days and 1 matches of rounds are in quarantine: 2026-01-01 (a")
    assert text.endswith("2026-01-03 (a: 1,234 rows; b: 3 rows) and 2 more")


def test_only_what_there_is_is_told_of():
    day = Quarantine.of(rows(d1=[1]), {FIRST: [outcome("a", 1)]})
    assert quarantined("rounds", day, of=1)[1].startswith("cs2_pipeline: 1 of 1 match days of rounds are")
    match = Quarantine.of(rows(d1=[1, 2]), {FIRST: [outcome("a", 1)]})
    text = quarantined("rounds", match, of=1)[1]
    assert text.startswith("cs2_pipeline: 1 matches of rounds are in quarantine")
    assert "more" not in text
    three = Quarantine.of(rows(), {f"2026-01-0{n}": [outcome("a")] for n in range(1, 4)})
    assert "more" not in quarantined("rounds", three, of=3)[1]


def test_a_day_names_three_of_the_expectations_that_it_fails():
    many = Quarantine.of(rows(d1=[1]), {FIRST: [outcome(name, 1) for name in "abcd"]})
    assert many.told() == ["2026-01-01 (a: 3 rows; b: 3 rows; c: 3 rows)"]


@pytest.fixture
def platform(tmp_path):
    return Platform(Settings(home=tmp_path / "cs2"))


def checked(platform, table, tags=None):
    """Results of the checks of one table, by name, on what is stored."""
    definitions = dg.Definitions(
        assets=[dg.AssetSpec(table)],
        asset_checks=[
            check for check in expectations.build() if next(iter(check.check_keys)).asset_key.path == [table]
        ],
        resources={"platform": platform},
        jobs=[dg.define_asset_job("check", dg.AssetSelection.all_asset_checks())],
    )
    result = definitions.resolve_job_def("check").execute_in_process(tags=tags, raise_on_error=False)
    return {found.check_name: found for found in result.get_asset_check_evaluations()}, result.run_id


def day_of(number, **changes):
    frame = ROUNDS.assign(
        round_id=ROUNDS["round_id"] + 10 * number, match_id=ROUNDS["match_id"] + number,
        started_at=pd.Timestamp(f"2026-01-0{number}T10:00Z"),
    )  # fmt: skip
    return frame.assign(**changes)


def test_what_passes_has_nothing_to_tell_and_what_fails_is_told_with_its_rows():
    good, bad = Outcome("a", True, None, 0, (), ()), outcome("b", 7, rows=1_234)
    passed, failed = (expectations._result(found, 9) for found in ([good], [good, bad]))
    assert (passed.passed, passed.description, "failures" in passed.metadata) == (True, None, False)
    assert (failed.passed, failed.description, "failures" in failed.metadata) == (False, "b: 1,234 rows", True)
    counts = [
        tuple(one.metadata[name].value for name in ("rows", "expectations", "failed")) for one in (passed, failed)
    ]
    assert counts == [(9, 1, 0), (9, 2, 1)]
    days = [FIRST, SECOND]
    blocking, warns = expectations._daily_results("rounds", 9, days, Quarantine.of(rows(d1=[1], d2=[2]), {}))
    assert (blocking.passed, blocking.description) == (True, "2 of 2 days are good")
    assert (warns.passed, warns.description) == (True, None)
    none_good = Quarantine.of(rows(d1=[1], d2=[2]), dict.fromkeys(days, (bad, good)))
    blocking, warns = expectations._daily_results("rounds", 9, days, none_good)
    assert (blocking.passed, blocking.description) == (False, "b: 1,234 rows; a: 0 rows")
    assert not warns.passed
    assert warns.severity is dg.AssetCheckSeverity.WARN


def test_every_suite_has_a_check_and_daily_tables_one_more_that_shows_the_quarantine():
    names = {str(key.asset_key.path[0]): set() for check in expectations.build() for key in check.check_keys}
    for check in expectations.build():
        for spec in check.check_specs:
            names[spec.asset_key.path[0]].add((spec.name, spec.blocking))
    assert names.keys() == SUITES.keys()
    for table, found in names.items():
        more = {("quarantine", False)} if table in DAILY_TABLES else set()
        assert found == {("expectations", True)} | more, table


def test_the_days_of_a_run_are_judged_and_what_the_database_held_is_noted(platform):
    platform.tables.write("rounds", day_of(1), FIRST)
    platform.tables.write("rounds", day_of(2, ct_wins=7), SECOND)
    platform.tables.write("rounds", day_of(3, ct_wins=7), "2026-01-03")
    tags = extraction_tags(pd.Timestamp(FIRST).date(), pd.Timestamp(SECOND).date(), SEEN)
    found, run_id = checked(platform, "rounds", tags)
    assert tags[WATERMARK_TAG] == str(SEEN)
    verdicts = {day: Verdicts(platform.tables).of("rounds", day) for day in (FIRST, SECOND, "2026-01-03")}
    assert [verdict.state for verdict in verdicts.values()] == [State.PASSED, State.QUARANTINED, State.UNCHECKED]
    assert verdicts[FIRST].watermark == verdicts[SECOND].watermark == SEEN
    assert verdicts[FIRST].run_id == run_id
    failed = "expect_column_values_to_be_in_set(ct_wins)"
    assert verdicts[SECOND].reasons == (failed,)
    whole, quarantine = found["expectations"], found["quarantine"]
    assert (whole.passed, whole.description) == (True, "1 of 2 days are good")
    assert (quarantine.passed, quarantine.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert quarantine.description == f"2026-01-02 ({failed}: 3 rows)"
    shown = {name: value.value for name, value in whole.metadata.items()}
    told = shown.pop("failures")
    assert shown == {
        "rows": 6, "days": 2, "expectations": len(SUITES["rounds"]), "days_in_quarantine": 1,
        "matches_in_quarantine": 0,
    }  # fmt: skip
    assert told.splitlines()[0] == "| day | expectation | failing rows | matches | ids of some | observed |"
    assert told.splitlines()[2].startswith(f"| 2026-01-02 | {failed} | 3 | 9 | 21, 22, 23 |")
    assert len(platform.tables.read_json("notifications")) == 1, "somebody was told"


def test_a_run_without_a_good_day_fails_and_twenty_failures_and_ten_matches_are_shown(platform):
    days = [f"2026-01-{number:02}" for number in range(1, 23)]
    for number, day in enumerate(days):
        many = pd.concat([day_of(1).iloc[:1]] * (13 if number == 0 else 10 if number == 1 else 1), ignore_index=True)
        ids = pd.Series(range(100 * number + 1, 100 * number + len(many) + 1))
        bad = many.assign(round_id=ids, match_id=ids, started_at=pd.Timestamp(f"{day}T10:00Z"), ct_wins=7)
        platform.tables.write("rounds", bad, day)
    found, _ = checked(platform, "rounds")
    assert not found["expectations"].passed
    assert found["expectations"].description == "expect_column_values_to_be_in_set(ct_wins): 13 rows"
    lines = found["expectations"].metadata["failures"].value.splitlines()
    assert len(lines) == 22
    assert "1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 3 more |" in lines[2]
    assert "| 101, 102, 103, 104, 105, 106, 107, 108, 109, 110 |" in lines[3]
    assert "| 1 | 201 | 201 |" in lines[4]


def test_a_run_without_a_bad_day_shows_no_failure_and_tells_nobody(platform):
    platform.tables.write("rounds", day_of(1), FIRST)
    found, _ = checked(platform, "rounds")
    assert (found["expectations"].passed, found["expectations"].description) == (True, "1 of 1 days are good")
    assert (found["quarantine"].passed, found["quarantine"].description) == (True, None)
    assert "failures" not in found["expectations"].metadata
    with pytest.raises(MissingTableError):
        platform.tables.read_json("notifications")


def test_another_table_passes_or_fails_as_a_whole(platform):
    figures = {"kd_ratio": [None, 1.2], "headshot_pct": [0.4, 0.5], "clutch_rate": [0.1, 0.2], "adr": [80.0, 90.0]}
    frame = pd.DataFrame({"steam_id": ["1", "2"], "total_rounds": [50, 60], **figures})
    platform.tables.write("players", frame)
    found, _ = checked(platform, "players")
    failed = found["expectations"]
    assert not failed.passed
    assert failed.description == "expect_column_values_to_not_be_null(kd_ratio): 1 rows"
    assert failed.metadata["rows"].value == 2
    assert failed.metadata["expectations"].value == len(SUITES["players"])
    assert failed.metadata["failed"].value == 1
    assert failed.metadata["failures"].value.splitlines()[2].startswith("| all | expect_")


def test_the_data_docs_show_every_table_that_was_extracted(platform):
    platform.settings.home.mkdir()
    platform.tables.write("rounds", day_of(1), FIRST)
    platform.tables.write("rounds", day_of(2), SECOND)
    shown = expectations.data_docs(platform).metadata
    assert shown["tables"] == "rounds"
    page = platform.settings.data_docs_folder
    assert shown["file"].value.startswith(str(page.resolve()))
    assert shown["page"].value == f"{platform.settings.address(platform.settings.gateway_port)}/data-docs"
