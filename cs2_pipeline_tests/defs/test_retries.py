"""Transient failures are tried again, permanent ones are not, and each run says which it was."""

import dagster as dg
import pytest

from cs2_pipeline.defs import retries
from cs2_pipeline.defs.automation.failures import root_cause
from cs2_pipeline.defs.retries import ATTENDED_TAG, FAILURE_TAG, MAX_RETRIES, PERMANENT, TRANSIENT, kind_of, retried
from cs2_pipeline.defs.verdicts import UncheckedError
from cs2_pipeline.demodb.connection import errors
from cs2_pipeline.registry.champion import RegistryError, RegistryUnavailableError


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.UnreachableError("a"), TRANSIENT),
        (errors.ConnectionLostError("a"), TRANSIENT),
        (RegistryUnavailableError("a"), TRANSIENT),
        (UncheckedError("a"), TRANSIENT),
        (errors.SchemaMismatchError("a"), PERMANENT),
        (errors.LoginRefusedError("a"), PERMANENT),
        (RegistryError("a"), None),
        (ValueError("a"), None),
    ],
)
def test_what_a_failure_is(error, kind):
    assert kind_of(error) == kind


def materialized(raises, monkeypatch, **options):
    """Outcome of an asset that raises these errors, one a call, then succeeds; and how often it was called."""
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.001)
    left, calls = list(raises), []

    def table() -> None:
        """A table."""
        calls.append(1)
        if left:
            raise left.pop(0)

    with dg.DagsterInstance.ephemeral() as instance:
        made = dg.asset(retry_policy=dg.RetryPolicy(max_retries=9))(retried(table))
        result = dg.materialize([made], instance=instance, raise_on_error=False, **options)
        return result, len(calls), instance.get_run_by_id(result.run_id).tags.get(FAILURE_TAG)


def test_a_connection_that_comes_back_makes_the_run_succeed(monkeypatch):
    result, calls, tag = materialized([errors.ConnectionLostError("lost")] * 2, monkeypatch)
    assert (result.success, calls, tag) == (True, 3, None)


def test_each_pause_is_twice_as_long_as_the_one_before(monkeypatch):
    result, _, _ = materialized([errors.ConnectionLostError("lost")] * 9, monkeypatch)
    pauses = [event.step_retry_data.seconds_to_wait for event in result.all_events if event.is_step_up_for_retry]
    assert pauses == [0.001, 0.002, 0.004]


def test_who_waits_for_a_run_is_told_at_once(monkeypatch):
    result, calls, tag = materialized([errors.UnreachableError("away")] * 9, monkeypatch, tags={ATTENDED_TAG: "true"})
    assert (result.success, calls, tag) == (False, 1, TRANSIENT)


def test_a_server_that_stays_away_fails_after_the_retries_and_is_marked_transient(monkeypatch):
    away = [errors.UnreachableError("nothing answers at db:1433")] * 9
    result, calls, tag = materialized(away, monkeypatch)
    assert (result.success, calls, tag) == (False, MAX_RETRIES + 1, TRANSIENT)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert root_cause(failure.step_failure_data) == "nothing answers at db:1433"


def test_a_schema_that_does_not_fit_fails_at_once_with_its_own_words(monkeypatch):
    result, calls, tag = materialized([errors.SchemaMismatchError("Rounds has no RoundNumber")], monkeypatch)
    assert (result.success, calls, tag) == (False, 1, PERMANENT)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert root_cause(failure.step_failure_data) == "Rounds has no RoundNumber"


def test_a_defect_is_neither_retried_nor_marked(monkeypatch):
    _, calls, tag = materialized([KeyError("oops")], monkeypatch, tags={ATTENDED_TAG: "true"})
    assert (calls, tag) == (2, None), "what Dagster does with it is the asset's own policy"
