"""What is said of a failed run: whose it is, when two are of one cause, and which error is the one to act on."""

import dagster as dg
import pytest

from cs2_pipeline.datasets.schema import DatasetError, TooLittleDataError
from cs2_pipeline.defs.automation.failures import (
    described,
    lacks_data,
    root_cause,
    was_interrupted,
    was_told_as_quarantine,
)
from cs2_pipeline.models.training import TrainingError


def failed(error, *, of="step"):
    """A run whose step raises an error, and its failures."""

    @dg.op(name=of)
    def step():
        raise error

    @dg.job
    def extract():
        step()

    result = extract.execute_in_process(raise_on_error=False)
    return result.dagster_run, [event for event in result.all_events if event.is_step_failure]


def caused_by(outer, inner):
    outer.__cause__ = inner
    return outer


def failure(error):
    return failed(error)[1][0].step_failure_data


def test_our_own_outermost_error_is_told_because_it_names_the_remedy():
    ours = caused_by(DatasetError("no day passed: look at the checks"), TrainingError("inner"))
    assert root_cause(failure(caused_by(RuntimeError("wrapper"), ours))) == "no day passed: look at the checks"


def test_of_others_errors_the_innermost_is_told():
    assert root_cause(failure(caused_by(RuntimeError("outer"), OSError("disk: full")))) == "disk: full"
    assert root_cause(failure(ValueError("round 3 has no winner"))) == "round 3 has no winner"


@pytest.mark.parametrize(
    ("error", "lacking"),
    [(TooLittleDataError("few"), True), (TrainingError("few"), True), (DatasetError("bad"), False),
     (caused_by(RuntimeError("x"), TrainingError("few")), True), (ValueError("few"), False)],
)  # fmt: skip
def test_too_little_data_is_no_defect(error, lacking):
    assert lacks_data(failure(error)) == lacking


def test_a_process_that_was_told_to_stop_was_interrupted():
    from dagster._core.errors import DagsterExecutionInterruptedError

    assert was_interrupted(failure(caused_by(RuntimeError("x"), DagsterExecutionInterruptedError())))
    assert not was_interrupted(failure(KeyError("x")))


def run(tags=(), **more):
    return dg.DagsterRun("extract", run_id="r", tags=dict(tags), **more)


@pytest.mark.parametrize(
    ("tags", "days"),
    [({}, ""), ({"dagster/partition": "2026-01-01"}, " (2026-01-01)"),
     ({"dagster/asset_partition_range_start": "2026-01-01", "dagster/asset_partition_range_end": "2026-01-05"},
      " (2026-01-01 to 2026-01-05)"),
     ({"dagster/asset_partition_range_start": "2026-01-01", "dagster/asset_partition_range_end": "2026-01-01"},
      " (2026-01-01)"), ({"owner": "x"}, "")],
)  # fmt: skip
def test_a_run_is_told_with_its_days(tags, days):
    _, text = described(run(tags), [], "it was killed")
    assert text == f"cs2_pipeline: extract{days} failed. run: it was killed\nDagster run r"


def test_numbers_ids_and_days_do_not_tell_causes_apart_and_words_do():
    _, [first] = failed(ValueError("round 3 of 2026-01-01 in 0a1b2c3d-0000-1111-2222-333344445555 has no winner"))
    _, [second] = failed(ValueError("round 41 of 2026-02-17 in ffffffff-0000-1111-2222-aaaabbbbcccc has no winner"))
    _, [third] = failed(ValueError("round 3 of 2026-01-01 in 0a1b2c3d-0000-1111-2222-333344445555 has no map"))
    causes = [described(run(), [one], "")[0] for one in (first, second, third)]
    assert causes[0] == causes[1] == "extract: step: round # of #-#-# in # has no winner"
    assert causes[2] != causes[0]


def test_all_steps_that_failed_are_told():
    steps = [failed(ValueError("a"), of="one")[1][0], failed(ValueError("b"), of="two")[1][0]]
    assert described(run(), steps, "x")[1].startswith("cs2_pipeline: extract failed. one: a; two: b\n")


def test_a_run_of_chosen_assets_is_called_by_their_names_and_one_of_none_is_one_of_assets():
    assert described(dg.DagsterRun("__ASSET_JOB"), [], "x")[0] == "a run of assets: run: x"
    chosen = dg.DagsterRun("__ASSET_JOB", asset_selection={dg.AssetKey("b"), dg.AssetKey("a")})
    assert described(chosen, [], "x")[0] == "a, b: run: x"


def test_only_blocking_checks_of_daily_tables_tell_of_their_quarantine_themselves():
    @dg.asset
    def rounds():
        pass

    @dg.asset
    def players():
        pass

    def check(asset):
        return dg.asset_check(asset=asset, name="expectations", blocking=True)(
            lambda: dg.AssetCheckResult(passed=False)
        )

    def steps(*assets):
        result = dg.materialize([*assets, *map(check, assets)], raise_on_error=False)
        return result.get_step_failure_events()

    assert was_told_as_quarantine(steps(rounds))
    assert not was_told_as_quarantine(steps(players))
    assert not was_told_as_quarantine(steps(rounds, players))
    assert not was_told_as_quarantine([])
    _, same_name = failed(ValueError("x"), of="rounds_expectations")
    assert not was_told_as_quarantine(same_name), "a defect in the check is no quarantine"
