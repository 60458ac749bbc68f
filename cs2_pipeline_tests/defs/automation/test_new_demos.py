"""The watermark sensor, tick by tick, on a real demo database and a real Dagster instance."""

import sqlite3
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from cs2_pipeline.cli import training as cli_training
from cs2_pipeline.defs.automation.due_days import WATERMARK_TAG, DueDays, extraction_tags
from cs2_pipeline.defs.automation.new_demos import Attempt, earlier_attempts, new_demos, planned
from cs2_pipeline.defs.partitions import RANGE_END_TAG, RANGE_START_TAG, range_tags
from cs2_pipeline.defs.retries import FAILURE_TAG, PERMANENT, TRANSIENT
from cs2_pipeline.demodb.extraction.watermark import Watermark
from cs2_pipeline.demodb.simulator import append_days, simulate
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.defs.conftest import DAYS, FIRST, LAST, World

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
SEEN, NEWER = Watermark(8, NOW - timedelta(days=1)), Watermark(9, NOW)


def due(*days):
    return DueDays(NEWER, dict.fromkeys(days, SEEN), [], [])


def attempt(day, *, hours_ago=1.0, failure=None, seen=SEEN, under_way=False, succeeded=False):
    ended = None if under_way else NOW - timedelta(hours=hours_ago)
    return Attempt(frozenset([day.isoformat()]), seen, ended, failure, succeeded)


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        ([], 1),
        ([attempt(FIRST)], 2),
        ([attempt(FIRST, hours_ago=0.05)], "next attempt at 2026-02-01 12:02 UTC"),
        ([attempt(FIRST, hours_ago=9), attempt(FIRST, hours_ago=0.15)], "next attempt at 2026-02-01 12:01 UTC"),
        ([attempt(FIRST, hours_ago=9), attempt(FIRST, hours_ago=8)], 3),
        ([attempt(FIRST, hours_ago=hours) for hours in (7, 8, 9)], "given up after 3"),
        ([attempt(FIRST, failure=PERMANENT)], "repeating cannot mend"),
        ([attempt(FIRST, failure=PERMANENT, seen=Watermark(7, SEEN.parsed_at))], 1),
        ([attempt(FIRST, failure=PERMANENT, hours_ago=2), attempt(LAST, succeeded=True)], 2),
        ([attempt(FIRST, failure=PERMANENT), attempt(LAST, succeeded=True, hours_ago=2)], "repeating cannot mend"),
        (
            [
                *(attempt(FIRST, failure=PERMANENT, hours_ago=hours) for hours in (7, 8, 9)),
                attempt(LAST, succeeded=True),
            ],
            "given up after 3",
        ),
        ([attempt(FIRST, under_way=True)], "under way"),
        ([attempt(LAST, under_way=True)], 1),
    ],
)
def test_a_day_is_asked_for_at_most_three_times_with_longer_and_longer_pauses(attempts, expected):
    plan = planned(due(FIRST), attempts, NOW)
    if isinstance(expected, int):
        assert plan.requests == [(FIRST, FIRST, expected)]
    else:
        assert plan.requests == []
        assert expected in next(iter(plan.waiting))


def test_after_a_failure_of_its_own_a_range_is_asked_for_day_by_day_so_that_the_bad_one_is_found():
    days = [FIRST, LAST]
    failed = [attempt(day) for day in days]
    assert planned(due(*days), failed, NOW).requests == [(FIRST, FIRST, 2), (LAST, LAST, 2)]
    away = [attempt(day, failure=TRANSIENT) for day in days]
    assert planned(due(*days), away, NOW).requests == [(FIRST, LAST, 2)]


@pytest.mark.parametrize(("minutes", "asked"), [(5.0, True), (4.99, False)])
def test_the_first_pause_is_five_minutes(minutes, asked):
    plan = planned(due(FIRST), [attempt(FIRST, hours_ago=minutes / 60)], NOW)
    assert bool(plan.requests) == asked


def test_the_second_pause_is_ten_minutes_since_the_last_of_both():
    earlier = [attempt(FIRST, hours_ago=9 / 60), attempt(FIRST, hours_ago=5)]
    assert "12:01" in next(iter(planned(due(FIRST), earlier, NOW).waiting))
    assert planned(due(FIRST), [attempt(FIRST, hours_ago=10 / 60), *earlier[1:]], NOW).requests == [(FIRST, FIRST, 3)]


def test_days_wait_each_for_its_reason_and_the_rest_is_asked_for_in_order():
    middle = date(2026, 1, 2)
    plan = planned(due(FIRST, middle, LAST), [attempt(middle, under_way=True), attempt(LAST)], NOW)
    assert plan.requests == [(FIRST, FIRST, 1), (LAST, LAST, 2)]
    assert plan.waiting == {"an extraction is under way": [middle]}


def test_ranges_of_other_numbers_of_attempts_are_not_joined():
    middle = date(2026, 1, 2)
    plan = planned(due(FIRST, middle, LAST), [attempt(LAST, failure=TRANSIENT)], NOW)
    assert plan.requests == [(FIRST, middle, 1), (LAST, LAST, 2)]


def test_what_was_tried_before_a_demo_came_does_not_count():
    assert planned(due(FIRST), [attempt(FIRST, seen=Watermark(7, SEEN.parsed_at))] * 3, NOW).requests == [
        (FIRST, FIRST, 1)
    ]
    assert planned(due(FIRST), [attempt(FIRST, seen=NEWER)], NOW).requests == [(FIRST, FIRST, 2)]


def tick(world, cursor=None):
    context = dg.build_sensor_context(
        instance=world.instance, cursor=cursor, resources={"platform": world.platform}, sensor_name="new_demos"
    )
    return new_demos(context)


def launched(world, tags, status):
    """The requested run as the daemon records it, ended as if something outside had ended it."""
    return world.instance.create_run_for_job(
        dg.Definitions(jobs=[dg.define_asset_job("extract")], assets=[dg.asset(name="a")(lambda: 1)]).resolve_job_def(
            "extract"
        ),
        tags=tags,
        status=status,
    )


def span(request):
    return request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]


def test_a_database_never_extracted_is_asked_for_in_one_run(world):
    (request,) = tick(world).run_requests
    assert span(request) == (DAYS[0], DAYS[-1])
    assert request.tags[WATERMARK_TAG] == str(world.due().newest)


def test_the_same_tick_asks_under_the_same_key(world):
    first, second = tick(world), tick(world)
    assert first.run_requests[0].run_key == second.run_requests[0].run_key


def test_what_is_extracted_is_not_asked_for_and_the_cursor_moves(extracted):
    found = tick(extracted)
    assert not found.run_requests
    assert found.cursor == str(extracted.due().newest)
    assert "every match day is extracted" in found.skip_reason.skip_message
    again = tick(extracted, found.cursor)
    assert "nothing new in the demo database since" in again.skip_reason.skip_message


def test_a_new_day_is_asked_for_alone_and_so_is_an_old_day_whose_demo_was_parsed_late(extracted):
    cursor = tick(extracted).cursor
    append_days(extracted.database, first_day=date(2026, 2, 10), matches=1, teams=4)
    with sqlite3.connect(extracted.database) as connection:
        connection.execute(
            'UPDATE "DemoFiles" SET "ParsedAt" = ? WHERE "Id" = 1', (datetime(2026, 2, 10, 23).isoformat(" "),)
        )
    found = tick(extracted, cursor)
    assert [span(request) for request in found.run_requests] == [(DAYS[0], DAYS[0]), ("2026-02-10", "2026-02-10")]


def test_an_extraction_by_the_command_line_is_not_repeated(world, monkeypatch):
    def run_job(settings, job, *, tags, quiet):
        assert world.run(job, tags).success

    monkeypatch.setattr(cli_training, "run_job", run_job)
    cli_training.extract_new(world.settings, quiet=True)
    assert not tick(world).run_requests


def test_a_day_whose_repeated_extraction_died_before_its_check_is_asked_for_again(extracted, monkeypatch):
    cursor = tick(extracted).cursor

    def die(*_):
        raise OSError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr("cs2_pipeline.datasets.expectations.validate_days", die)
        assert not extracted.run("extract", range_tags(FIRST, FIRST)).success
    found = tick(extracted, cursor)
    (request,) = found.run_requests
    assert span(request) == (DAYS[0], DAYS[0])
    assert extracted.run("extract", request.tags).success
    assert "nothing new in the demo database" in tick(extracted, cursor).skip_reason.skip_message


def test_a_day_that_is_being_extracted_by_hand_is_not_taken_for_one_whose_extraction_died(extracted):
    cursor = tick(extracted).cursor
    extracted.verdicts.withdraw("rounds", DAYS[0])
    launched(extracted, range_tags(FIRST, FIRST), dg.DagsterRunStatus.STARTED)
    assert "nothing new in the demo database" in tick(extracted, cursor).skip_reason.skip_message


def test_while_its_run_is_under_way_nothing_more_is_asked_for_and_the_cursor_stays(world):
    (request,) = tick(world).run_requests
    launched(world, request.tags, dg.DagsterRunStatus.STARTED)
    found = tick(world)
    assert not found.run_requests
    assert found.cursor is None
    assert "2026-01-01 to 2026-01-04: an extraction is under way" in found.skip_reason.skip_message


def test_a_failed_run_is_asked_for_again_after_a_pause_not_at_once(world):
    (request,) = tick(world).run_requests
    launched(world, request.tags, dg.DagsterRunStatus.FAILURE)
    found = tick(world)
    assert not found.run_requests
    assert "the last extraction failed; next attempt at" in found.skip_reason.skip_message


def test_a_schema_that_does_not_fit_is_given_up_until_newer_demos_come(world):
    with sqlite3.connect(world.database) as connection:
        connection.execute('ALTER TABLE "Rounds" RENAME COLUMN "RoundNumber" TO "Nth"')
    (request,) = tick(world).run_requests
    result = world.run("extract", request.tags)
    assert not result.success
    assert world.instance.get_run_by_id(result.run_id).tags[FAILURE_TAG] == PERMANENT
    found = tick(world)
    assert "repeating cannot mend" in found.skip_reason.skip_message

    with sqlite3.connect(world.database) as connection:
        connection.execute('UPDATE "DemoFiles" SET "ParsedAt" = ? WHERE "Id" = 1', ("2026-06-01 00:00:00",))
        connection.execute('ALTER TABLE "Rounds" RENAME COLUMN "Nth" TO "RoundNumber"')
    assert [span(request) for request in tick(world).run_requests] == [(DAYS[0], DAYS[0])]


def test_a_database_that_cannot_be_read_is_a_reason_and_no_crash(tmp_path):
    world = World(Settings(home=tmp_path), dg.DagsterInstance.ephemeral())
    found = tick(world)
    assert "could not be read: there is no file" in found.skip_reason.skip_message

    settings = Settings(home=tmp_path, database_url="postgresql://cs2:secret@127.0.0.1:9/demos")
    found = tick(World(settings, dg.DagsterInstance.ephemeral()))
    assert "could not be read" in found.skip_reason.skip_message
    assert "secret" not in found.skip_reason.skip_message


def test_days_before_the_first_partition_are_named_with_the_setting_to_change(world):
    world.settings = world.settings.model_copy(update={"first_day": date(2026, 1, 3)})
    found = tick(world)
    assert [span(request) for request in found.run_requests] == [("2026-01-03", "2026-01-04")]
    said = world.due().impossible(world.settings.first_day)
    assert said == (
        "2 match days lie before the first partition (2026-01-03), the earliest is 2026-01-01: "
        "set CS2_FIRST_DAY=2026-01-01."
    )


def test_days_before_the_first_partition_are_asked_for_once_the_setting_is_changed(world):
    world.settings = world.settings.model_copy(update={"first_day": date(2026, 1, 10)})
    waiting = tick(world)
    assert not waiting.run_requests
    assert "set CS2_FIRST_DAY=2026-01-01" in waiting.skip_reason.skip_message

    world.settings = world.settings.model_copy(update={"first_day": FIRST})
    assert [span(request) for request in tick(world, waiting.cursor).run_requests] == [(DAYS[0], DAYS[-1])]


def test_a_day_in_the_future_is_asked_for_when_it_has_come(extracted, monkeypatch):
    append_days(extracted.database, first_day=date(2026, 2, 10), matches=1, teams=4)

    class Before(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 2, 9, 12, tzinfo=tz)

    with monkeypatch.context() as clock:
        clock.setattr("cs2_pipeline.defs.automation.due_days.datetime", Before)
        waiting = tick(extracted)
    assert not waiting.run_requests
    assert "lie in the future, such as 2026-02-10" in waiting.skip_reason.skip_message
    assert [span(request) for request in tick(extracted, waiting.cursor).run_requests] == [("2026-02-10",) * 2]


def test_a_database_that_was_replaced_by_an_older_one_is_extracted_anew(extracted):
    cursor = str(Watermark(1000, NOW))
    for day in DAYS:
        for table in ("rounds", "player_match_stats", "round_snapshots"):
            verdict = extracted.verdicts.of(table, day)
            extracted.verdicts.pronounce(table, day, type(verdict)(verdict.state, watermark=Watermark(1000, NOW)))
    assert [span(request) for request in tick(extracted, cursor).run_requests] == [(DAYS[0], DAYS[-1])]


def test_an_extraction_without_a_watermark_is_no_attempt(world):
    launched(world, range_tags(FIRST, LAST), dg.DagsterRunStatus.FAILURE)
    assert earlier_attempts(world.instance) == []
    launched(world, extraction_tags(FIRST, LAST, SEEN), dg.DagsterRunStatus.FAILURE)
    (found,) = earlier_attempts(world.instance)
    assert (found.days, found.seen, found.failure) == (frozenset(DAYS), SEEN, None)


def test_the_matches_of_today_are_due_today(tmp_path):
    settings = Settings(home=tmp_path)
    today = datetime.now(UTC).date()
    simulate(settings.embedded_database, matches=2, days=1, teams=4, first_day=today)
    due = World(settings, dg.DagsterInstance.ephemeral()).due()
    assert list(due.days) == [today]
    assert not due.future
