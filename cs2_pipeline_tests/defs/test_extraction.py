"""Extraction as a job: what it leaves in the table store when days are good, bad, re-run, or the run dies."""

import logging
import shutil
import sqlite3
from contextlib import redirect_stderr
from datetime import date
from io import StringIO

import dagster as dg
import pytest

from cs2_pipeline.datasets.schema import DatasetError
from cs2_pipeline.datasets.store import TableStore
from cs2_pipeline.defs import retries
from cs2_pipeline.defs.automation.failures import failed_runs
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.partitions import range_tags
from cs2_pipeline.defs.verdicts import DAILY_TABLES, State, UncheckedError, Verdict, Verdicts, read_usable
from cs2_pipeline.demodb.extraction.watermark import Watermark
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.defs.conftest import DAYS, FIRST, LAST, World


def corrupt(world, day="2026-01-02"):
    """Rounds of a day that claim more equipment than the game can hold."""
    with sqlite3.connect(world.database) as connection:
        connection.execute(
            'UPDATE "Rounds" SET "CTEquipmentValue" = 10000000 WHERE "MatchId" IN '
            '(SELECT "Id" FROM "Matches" WHERE "StartTime" LIKE ?)',
            (f"{day}%",),
        )


@pytest.fixture(scope="module")
def bad_day_once(tmp_path_factory, simulated):
    """The home of a platform after an extraction of four days, one of them corrupt, and what that told."""
    home = tmp_path_factory.mktemp("bad day") / "cs2"
    home.mkdir()
    shutil.copy(simulated, home / "demos.sqlite")
    world = World(Settings(home=home), dg.DagsterInstance.ephemeral())
    corrupt(world)
    with redirect_stderr(StringIO()) as told:
        result = world.extract()
    return home, result, told.getvalue()


@pytest.fixture
def bad_day(tmp_path, bad_day_once):
    """A platform of which one extracted day is in quarantine, with an empty Dagster instance."""
    shutil.copytree(bad_day_once[0], tmp_path / "cs2")
    return World(Settings(home=tmp_path / "cs2"), dg.DagsterInstance.ephemeral())


def files(world):
    root = world.settings.home / "data"
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*.parquet")}


def check(result, asset, name):
    return next(
        found
        for found in result.get_asset_check_evaluations()
        if (found.asset_key.to_user_string(), found.check_name) == (asset, name)
    )


def materialized(result, asset):
    return next(
        event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key.to_user_string() == asset
    )


def test_every_day_of_a_good_range_passes_and_knows_what_the_database_held(extracted):
    for day, verdicts in extracted.verdicts.of_days(DAYS).items():
        assert {verdict.state for verdict in verdicts.values()} == {State.PASSED}, day
        assert {verdict.watermark for verdict in verdicts.values()} == {extracted.due().newest}
    assert extracted.verdicts.usable().left_out == {}


def test_a_day_extracted_again_is_the_same_to_the_byte(extracted):
    before = files(extracted)
    assert extracted.extract(FIRST, FIRST).success
    assert {path.parent.name for path in before} >= set(DAILY_TABLES)
    again = files(extracted)
    assert {path: again[path] for path in before} == before


def test_rounds_that_cannot_be_rebuilt_and_rows_taken_with_a_correction_are_shown_and_forgotten_once_mended(
    world, simulated
):
    with sqlite3.connect(world.database) as connection:
        connection.execute('UPDATE "Rounds" SET "EndTick" = "StartTick" - 1 WHERE "Id" = 3')
        connection.execute('UPDATE "Matches" SET "RoundTimeLimit" = 1.92 WHERE "Id" = 5')
    shown = materialized(world.extract(), "round_snapshots")
    refused = world.platform.tables.read("refused/round_snapshots")
    assert refused[["table", "row_id", "reason"]].values.tolist() == [["Rounds", 3, "ticks that run backwards"]]
    assert shown["refused_rows"].value == 1
    assert "ticks that run backwards" in shown["left_out"].value
    assert "round clock recorded in minutes: taken as seconds" in shown["mapped"].value
    assert shown["mapped_total"].value > 0

    world.database.write_bytes(simulated.read_bytes())
    shown = materialized(world.extract(), "round_snapshots")
    assert (shown["refused_rows"].value, shown["mapped_total"].value) == (0, 0)
    assert world.platform.tables.read("refused/round_snapshots").empty


def test_refused_rows_are_kept_day_by_day_and_a_mended_day_forgets_its_own(world, simulated):
    with sqlite3.connect(world.database) as connection:
        connection.execute('UPDATE "Rounds" SET "WinnerTeam" = \'nobody\' WHERE "RoundNumber" = 2')
    world.extract()
    kept = world.platform.tables
    assert kept.partitions("refused/rounds") == DAYS
    per_day = {day: len(kept.read("refused/rounds", [day])) for day in DAYS}
    assert per_day == dict.fromkeys(DAYS, 2)

    world.database.write_bytes(simulated.read_bytes())
    world.extract(FIRST, FIRST)
    assert {day: len(kept.read("refused/rounds", [day])) for day in DAYS} == per_day | {DAYS[0]: 0}


def test_a_bad_day_in_a_range_is_singled_out_and_the_rest_goes_on(bad_day, bad_day_once):
    _, result, _ = bad_day_once
    assert result.success
    assert check(result, "rounds", "expectations").passed
    quarantine = check(result, "rounds", "quarantine")
    assert not quarantine.passed
    assert "2026-01-02" in quarantine.description
    assert "ct_equipment_value" in quarantine.description

    snapshots, left_out, _ = read_usable(bad_day.platform.tables, "round_snapshots")
    assert sorted(snapshots["started_at"].dt.strftime("%Y-%m-%d").unique()) == [DAYS[0], *DAYS[2:]]
    assert list(left_out) == ["2026-01-02"]
    assert "rounds in quarantine (expect_column_values_to_be_between(ct_equipment_value))" in left_out["2026-01-02"]


def test_a_bad_match_is_left_out_of_its_day_and_the_other_matches_go_on(world):
    with sqlite3.connect(world.database) as connection:
        (match_id,) = connection.execute(
            'SELECT MIN("Id") FROM "Matches" WHERE "StartTime" LIKE ?', ("2026-01-02%",)
        ).fetchone()
        connection.execute('UPDATE "Rounds" SET "CTEquipmentValue" = 10000000 WHERE "MatchId" = ?', (match_id,))
    result = world.extract()
    assert result.success
    quarantine = check(result, "rounds", "quarantine")
    assert not quarantine.passed
    assert "2026-01-02 1 matches (expect_column_values_to_be_between(ct_equipment_value)" in quarantine.description
    assert str(match_id) in quarantine.metadata["failures"].value
    assert world.verdicts.of("rounds", "2026-01-02").state is State.PASSED

    for table in DAILY_TABLES:
        frame, left_out, _ = read_usable(world.platform.tables, table)
        assert set(DAYS) == set(frame["started_at"].dt.strftime("%Y-%m-%d"))
        assert match_id not in set(frame["match_id"])
        assert left_out == {
            f"2026-01-02, match {match_id}": "rounds (expect_column_values_to_be_between(ct_equipment_value))"
        }


def look_for_failures(world, cursor):
    with dg.build_sensor_context(
        world.instance, cursor=cursor, resources={"platform": world.platform}, sensor_name="failed_runs"
    ) as context:
        failed_runs.evaluate_tick(context)
        return context.cursor


def test_a_quarantine_is_told_with_its_reasons_once_an_hour_for_each_table_and_cause(bad_day, bad_day_once):
    told = "cs2_pipeline: 1 of 4 match days of rounds are in quarantine: 2026-01-02 (expect_column_values_to_be_between"
    assert told in bad_day_once[2]
    cursor = look_for_failures(bad_day, None)
    assert not bad_day.extract(date(2026, 1, 2), date(2026, 1, 2)).success
    assert look_for_failures(bad_day, cursor) != cursor
    (entry,) = bad_day.platform.tables.read_json("notifications").values()
    assert entry["held_back"] == 1, "the same table and expectation again, and no second message for the failed run"


def test_a_bad_day_is_kept_from_the_player_tables_too_and_named_in_their_metadata(bad_day):
    result = bad_day.run("train_player")
    shown = materialized(result, "players")
    assert shown["days_left_out_total"].value == 1
    assert "2026-01-02" in shown["days_left_out"].value


def test_a_run_without_a_good_day_fails_at_the_check_and_its_days_are_not_asked_for_again(world):
    corrupt(world, DAYS[0])
    result = world.extract(FIRST, FIRST)
    assert not result.success
    assert not check(result, "rounds", "expectations").passed
    assert world.verdicts.of("rounds", DAYS[0]).state is State.QUARANTINED
    assert not world.platform.tables.exists("round_snapshots")
    assert FIRST not in world.due().days
    with pytest.raises(DatasetError, match="none of the 1 extracted days passed its checks; 2026-01-01: rounds in"):
        read_usable(world.platform.tables, "round_snapshots")


def test_where_no_day_was_checked_yet_reading_says_that_later_may_do(extracted):
    for day in DAYS:
        extracted.verdicts.withdraw("rounds", day)
    with pytest.raises(UncheckedError, match="rounds not checked since it was written"):
        read_usable(extracted.platform.tables, "round_snapshots")


def test_a_run_that_came_before_the_checks_waits_for_them_and_succeeds(extracted, monkeypatch):
    """As with "Materialize all", whose runs overlap: the days are checked while the step waits to be tried again."""
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.001)
    before = {day: extracted.verdicts.of("rounds", day) for day in DAYS}
    for day in DAYS:
        extracted.verdicts.withdraw("rounds", day)
    happened = []

    class Checks(logging.Handler):
        def emit(self, record):
            event = getattr(record, "dagster_event", None)
            happened.append(event.event_type if event else record.getMessage())
            if event and event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY:
                for day, verdict in before.items():
                    extracted.verdicts.pronounce("rounds", day, verdict)

    @dg.logger
    def checks(_):
        logger = logging.Logger("checks")
        logger.addHandler(Checks())
        return logger

    made = dg.Definitions.merge(assemble(extracted.settings), dg.Definitions(loggers={"checks": checks}))
    result = made.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=extracted.instance, asset_selection=[dg.AssetKey("players")], run_config={"loggers": {"checks": {}}}
    )
    assert result.success
    assert happened.count(dg.DagsterEventType.STEP_UP_FOR_RETRY) == 1
    assert happened.count(dg.DagsterEventType.STEP_RESTARTED) == 1
    assert any("rounds not checked since it was written" in str(said) for said in happened)
    assert materialized(result, "players")["dagster/row_count"].value > 0


def test_a_day_that_turns_bad_is_withheld_though_its_former_snapshots_are_still_there(extracted):
    corrupt(extracted, DAYS[0])
    extracted.extract(FIRST, FIRST)
    assert DAYS[0] in extracted.platform.tables.partitions("round_snapshots")
    assert list(extracted.verdicts.usable().left_out) == [DAYS[0]]


def test_a_mended_day_leaves_quarantine(bad_day, simulated):
    bad_day.database.write_bytes(simulated.read_bytes())
    bad_day.extract()
    assert bad_day.verdicts.usable().left_out == {}


def test_a_day_on_which_no_match_counts_is_no_failure_alone_or_in_a_range(world):
    with sqlite3.connect(world.database) as connection:
        connection.execute('UPDATE "Matches" SET "IsFinished" = 0 WHERE "StartTime" LIKE ?', (f"{DAYS[0]}%",))
    assert world.extract(FIRST, FIRST).success
    assert world.extract().success
    assert world.verdicts.usable().left_out == {}
    assert world.due().days == {}
    assert set(world.platform.tables.read("rounds")["started_at"].dt.strftime("%Y-%m-%d")) == set(DAYS[1:])


def test_a_run_that_dies_while_it_reads_leaves_the_former_partitions_and_verdicts(extracted):
    before, verdicts = files(extracted), extracted.verdicts.of_days(DAYS)
    with sqlite3.connect(extracted.database) as connection:
        connection.execute('ALTER TABLE "Rounds" RENAME COLUMN "StartTick" TO "Begin"')
        connection.execute('ALTER TABLE "PlayerMatchStats" RENAME COLUMN "Kills" TO "Frags"')
    result = extracted.extract()
    assert not result.success
    assert {path: content for path, content in files(extracted).items() if path in before} == before
    assert (
        extracted.verdicts.of_days(DAYS)["2026-01-01"]["player_match_stats"]
        == verdicts["2026-01-01"]["player_match_stats"]
    )


def test_a_run_that_dies_between_writing_and_checking_leaves_no_day_that_is_taken_for_good(extracted, monkeypatch):
    def die(*_):
        raise OSError("disk full")

    monkeypatch.setattr("cs2_pipeline.datasets.expectations.validate_days", die)
    assert not extracted.extract(FIRST, FIRST).success
    usable = extracted.verdicts.usable()
    assert usable.days == DAYS[1:]
    assert "rounds not checked since it was written" in usable.left_out[DAYS[0]]
    assert list(extracted.due().days) == [FIRST]


def test_a_run_started_by_hand_without_a_watermark_does_not_make_its_days_due(extracted):
    assert extracted.run("extract", range_tags(FIRST, LAST)).success
    assert extracted.due().days == {}


def test_a_verdict_is_kept_beside_the_tables_and_withdrawn_before_a_day_is_written(tmp_path):
    verdicts, mark = Verdicts(TableStore(str(tmp_path))), Watermark(7)
    assert verdicts.of("rounds", DAYS[0]).state is State.UNCHECKED
    verdicts.pronounce("rounds", DAYS[0], Verdict(State.PASSED, watermark=mark, run_id="a"))
    assert Verdicts(TableStore(str(tmp_path))).of("rounds", DAYS[0]) == Verdict(State.PASSED, (), mark, "a")
    verdicts.withdraw("rounds", DAYS[0])
    assert verdicts.of("rounds", DAYS[0]) == Verdict(State.UNCHECKED, (), mark)
    assert verdicts.unchecked() == [DAYS[0]]
    verdicts.pronounce("rounds", DAYS[0], Verdict(State.PASSED))
    verdicts.withdraw("round_snapshots", DAYS[1])
    verdicts.pronounce("rounds", DAYS[1], Verdict(State.QUARANTINED))
    assert verdicts.unchecked() == []
