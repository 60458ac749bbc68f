"""Failures are told to a real HTTP server, or to the log; the same cause at most once an hour."""

import json
import logging
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cs2_pipeline.datasets.store import TableStore
from cs2_pipeline.defs.automation.failures import described, failed_runs
from cs2_pipeline.defs.automation.notifications import Notifier
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.receiver import Receiver

log = logging.getLogger("notifications")


@pytest.fixture
def channel():
    with Receiver() as server:
        yield server


def bodies(channel):
    return [json.loads(post.body) for post in channel.posts]


class Clock:
    def __init__(self):
        self.now = datetime(2026, 2, 1, 12, tzinfo=UTC)

    def __call__(self):
        return self.now


def notifier(home, url, clock):
    return Notifier(Settings(home=home, webhook_url=url), TableStore(str(home)), clock)


def test_a_message_has_the_form_that_slack_takes(channel, tmp_path):
    assert notifier(tmp_path, channel.url, Clock()).tell("a cause", "extract failed", log)
    assert bodies(channel) == [{"text": "extract failed"}]


def test_a_cause_is_told_once_an_hour_also_by_another_process_and_then_says_how_many_were_not(channel, tmp_path):
    clock = Clock()
    assert notifier(tmp_path, channel.url, clock).tell("a", "first", log)
    for _ in range(3):
        clock.now += timedelta(minutes=15)
        assert not notifier(tmp_path, channel.url, clock).tell("a", "again", log)
    assert notifier(tmp_path, channel.url, clock).tell("b", "another", log)
    clock.now += timedelta(minutes=16)
    assert notifier(tmp_path, channel.url, clock).tell("a", "again", log)
    texts = [body["text"] for body in bodies(channel)]
    assert texts == ["first", "another", "again\n3 more of these since 2026-02-01T12:00 UTC were not reported."]


@pytest.mark.parametrize(("later", "told"), [(timedelta(minutes=59, seconds=59), False), (timedelta(hours=1), True)])
def test_an_hour_later_a_cause_is_told_again(channel, tmp_path, later, told):
    clock = Clock()
    notifier(tmp_path, channel.url, clock).tell("a", "first", log)
    clock.now += later
    assert notifier(tmp_path, channel.url, clock).tell("a", "again", log) is told
    assert [body["text"] for body in bodies(channel)] == ["first", "again"][: 1 + told], "none was held back"


@pytest.mark.parametrize(("later", "kept"), [(timedelta(hours=23, minutes=59), 2), (timedelta(days=1), 1)])
def test_a_day_later_a_cause_is_forgotten(channel, tmp_path, later, kept):
    clock = Clock()
    notifier(tmp_path, channel.url, clock).tell("a", "first", log)
    clock.now += later
    notifier(tmp_path, channel.url, clock).tell("b", "another", log)
    assert len(TableStore(str(tmp_path)).read_json("notifications")) == kept


def test_a_cause_that_was_told_again_is_counted_anew(channel, tmp_path):
    clock = Clock()
    for _ in range(2):
        notifier(tmp_path, channel.url, clock).tell("a", "said", log)
    for hours in (1, 2):
        clock.now += timedelta(hours=hours)
        notifier(tmp_path, channel.url, clock).tell("a", "said", log)
    assert [body["text"] for body in bodies(channel)] == [
        "said", "said\n1 more of these since 2026-02-01T12:00 UTC were not reported.", "said",
    ]  # fmt: skip


def test_without_a_webhook_the_log_has_it(tmp_path, caplog):
    assert notifier(tmp_path, None, Clock()).tell("a", "extract failed", log)
    assert "extract failed" in caplog.text


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/services/secret-token", "no address: secret-token"])
def test_a_webhook_that_does_not_answer_leaves_the_message_in_the_log_and_the_cause_untold(url, tmp_path, caplog):
    assert not notifier(tmp_path, url, Clock()).tell("a", "extract failed", log)
    assert "extract failed" in caplog.text
    assert "CS2_WEBHOOK_URL did not accept" in caplog.text
    assert "secret-token" not in caplog.text


def test_a_webhook_that_refuses_is_asked_again_the_next_time(channel, tmp_path, caplog):
    channel.status = 500
    assert not notifier(tmp_path, channel.url, Clock()).tell("a", "first", log)
    assert "HTTPError 500" in caplog.text
    channel.status = 200
    assert notifier(tmp_path, channel.url, Clock()).tell("a", "second", log)


def test_a_failed_run_is_told_with_job_step_and_cause_and_its_like_is_not(channel, tmp_path):
    @dg.op
    def rounds():
        raise ValueError(f"round {len(bodies(channel)) + 41} has no winner")

    @dg.job
    def extract():
        rounds()

    platform = Platform(Settings(home=tmp_path, webhook_url=channel.url))
    with dg.DagsterInstance.ephemeral() as instance:

        def fail(day):
            tags = {"dagster/partition": day}
            return extract.execute_in_process(instance=instance, raise_on_error=False, tags=tags).run_id

        fail("2025-12-31")
        cursor = tick(instance, platform)
        cursor = tick(instance, platform, cursor)
        assert bodies(channel) == []

        fail("2026-01-01")
        fail("2026-01-02")
        for _ in range(3):
            cursor = tick(instance, platform, cursor)
    (body,) = bodies(channel)
    assert body["text"].startswith("cs2_pipeline: extract (2026-01-01) failed. rounds: round 41 has no winner\n")


@pytest.mark.parametrize(("also", "told"), [([], 0), (["players"], 1)])
def test_a_quarantine_is_not_told_again_unless_something_else_failed_with_it(channel, tmp_path, also, told):
    @dg.asset
    def rounds():
        pass

    @dg.asset_check(asset=rounds, blocking=True)
    def expectations():
        return dg.AssetCheckResult(passed=False)

    @dg.asset
    def players():
        raise ValueError("the disk is full")

    wanted = dg.AssetSelection.assets("rounds", *also)
    platform = Platform(Settings(home=tmp_path, webhook_url=channel.url))
    with dg.DagsterInstance.ephemeral() as instance:
        cursor = tick(instance, platform)
        failed = dg.materialize(
            [rounds, expectations, players], instance=instance, selection=wanted, raise_on_error=False
        )
        assert {step.step_key for step in failed.get_step_failure_events()} == {"rounds_expectations", *also}
        tick(instance, platform, cursor)
    assert len(bodies(channel)) == told
    assert all("players: the disk is full" in body["text"] for body in bodies(channel))


def tick(instance, platform, cursor=None):
    """The cursor of the failure sensor after a tick."""
    with dg.build_sensor_context(
        instance, cursor=cursor, resources={"platform": platform}, sensor_name="failed_runs"
    ) as context:
        failed_runs.evaluate_tick(context)
        return context.cursor


def test_a_run_of_chosen_assets_is_called_by_their_names(tmp_path):
    run = dg.DagsterRun("__ASSET_JOB", asset_selection={dg.AssetKey("players"), dg.AssetKey("player_dataset")})
    cause, text = described(run, [], "the run worker was killed")
    assert text.startswith("cs2_pipeline: player_dataset, players failed. run: the run worker was killed")
    assert cause == "player_dataset, players: run: the run worker was killed"
