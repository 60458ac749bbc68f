"""What counts as under way."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from cs2_pipeline.defs.automation.unfinished import ABANDONED_AFTER, end_of, under_way


@pytest.fixture
def instance():
    return dg.DagsterInstance.ephemeral()


def made(instance, status, *, ago=timedelta(0)):
    """A run of that status, made that long ago."""
    job = dg.Definitions(assets=[dg.asset(name="a")(lambda: 1)], jobs=[dg.define_asset_job("extract")])
    instance.create_run_for_job(job.resolve_job_def("extract"), status=status)
    (record,) = instance.get_run_records()
    return record._replace(create_timestamp=datetime.now(UTC) - ago) if ago else record


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (dg.DagsterRunStatus.NOT_STARTED, True),
        (dg.DagsterRunStatus.STARTED, True),
        (dg.DagsterRunStatus.CANCELING, True),
        (dg.DagsterRunStatus.SUCCESS, False),
        (dg.DagsterRunStatus.FAILURE, False),
        (dg.DagsterRunStatus.CANCELED, False),
    ],
)
def test_a_run_is_under_way_until_it_has_ended(instance, status, expected):
    assert (end_of(made(instance, status)) is None) == expected
    assert under_way(instance, ["train_all", "extract"]) == expected
    assert not under_way(instance, ["train_all"])


def test_a_run_that_was_killed_with_its_host_holds_nothing_up_for_ever(instance):
    record = made(instance, dg.DagsterRunStatus.STARTED, ago=ABANDONED_AFTER + timedelta(minutes=1))
    assert end_of(record) == record.create_timestamp + ABANDONED_AFTER


def test_a_run_counts_as_ended_at_its_end_and_where_none_was_noted_when_it_was_made(instance):
    ended = made(instance, dg.DagsterRunStatus.SUCCESS)
    assert end_of(ended._replace(end_time=1_700_000_000.5)) == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)
    when = datetime(2026, 1, 1)
    assert end_of(ended._replace(end_time=None, create_timestamp=when)) == when.replace(tzinfo=UTC)


def test_a_run_is_given_up_after_six_hours_and_not_before(instance):
    young = made(instance, dg.DagsterRunStatus.STARTED, ago=ABANDONED_AFTER - timedelta(hours=1))
    assert timedelta(hours=6) == ABANDONED_AFTER
    assert end_of(young) is None


def test_runs_that_the_daemon_makes_for_itself_are_not_under_way(instance):
    made(instance, dg.DagsterRunStatus.MANAGED)
    assert not under_way(instance, ["extract"])
