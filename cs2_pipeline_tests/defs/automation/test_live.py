"""The night's look at finished live matches: only where a match was followed live."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from cs2_pipeline.defs.automation.live import nightly_live_matches
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.live.runtime import folder
from cs2_pipeline.settings import Settings


def tick(settings):
    with dg.DagsterInstance.ephemeral() as instance:
        at = datetime(2026, 2, 1, 3, 30, tzinfo=UTC)
        context = dg.build_schedule_context(
            instance, scheduled_execution_time=at, resources={"platform": Platform(settings)}
        )
        with context:
            return nightly_live_matches.evaluate_tick(context)


def test_where_no_match_was_followed_nothing_is_asked_for(tmp_path):
    answer = tick(Settings(home=tmp_path))
    assert answer.run_requests == []
    assert answer.skip_message == "no match was followed live"


@pytest.mark.parametrize("where", ["here", "store", "both"])
def test_a_history_here_or_a_store_of_events_is_enough(tmp_path, where):
    settings = Settings(home=tmp_path, event_store_url=None if where == "here" else "clickhouse://host/live")
    if where != "store":
        folder(settings).mkdir(parents=True)
        (folder(settings) / "history.sqlite").touch()
    assert len(tick(settings).run_requests) == 1


def test_it_is_half_an_hour_before_the_nightly_training():
    assert nightly_live_matches.cron_schedule == "30 3 * * *"
    assert nightly_live_matches.execution_timezone == "UTC"
    assert nightly_live_matches.default_status is dg.DefaultScheduleStatus.RUNNING
