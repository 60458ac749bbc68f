"""The datasets' condition, tick by tick, on the real asset graph with events written by hand."""

from datetime import date, timedelta

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs.automation.conditions import conditions, freshness
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.partitions import range_tags
from cs2_pipeline.defs.verdicts import DAILY_TABLES
from cs2_pipeline.settings import Settings

DATASET = dg.AssetKey("round_dataset")
PLAYER_LINES = dg.AssetKey("player_match_stats")
SNAPSHOTS = dg.AssetKey("round_snapshots")
MATCHES = dg.AssetKey("matches")


class Ticks:
    """The automation sensor's ticks over an instance in memory."""

    def __init__(self, definitions, assets=None):
        self.definitions, self.assets = definitions, assets or tuple(conditions())
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor = None

    def tick(self):
        """The assets asked for."""
        found = dg.evaluate_automation_conditions(
            self.definitions,
            self.instance,
            asset_selection=dg.AssetSelection.assets(*self.assets),
            cursor=self.cursor,
        )
        self.cursor = found.cursor
        return {name for name in self.assets if found.get_num_requested(dg.AssetKey(name))}

    def write(self, asset, day=None, run=None):
        self._report(dg.AssetMaterialization(asset, partition=day), run)

    def check(self, asset, *, passed, name="expectations", blocking=True, run=None):
        evaluation = dg.AssetCheckEvaluation(
            asset_key=asset, check_name=name, passed=passed, metadata={}, blocking=blocking
        )
        self._report(evaluation, run)

    def begin_extraction(self):
        """A run of the extraction that has planned everything and done nothing yet."""
        job = self.definitions.resolve_job_def("extract")
        return self.instance.create_run_for_job(
            job,
            tags=range_tags(date(2026, 1, 1), date(2026, 1, 1)),
            status=dg.DagsterRunStatus.STARTED,
        )

    def end(self, run):
        self.instance.report_run_failed(run)

    def _report(self, event, run):
        if run is None:
            self.instance.report_runless_asset_event(event)
            return
        kind = (
            DagsterEventType.ASSET_MATERIALIZATION
            if isinstance(event, dg.AssetMaterialization)
            else DagsterEventType.ASSET_CHECK_EVALUATION
        )
        data = StepMaterializationData(event) if isinstance(event, dg.AssetMaterialization) else event
        self.instance.report_dagster_event(
            DagsterEvent(kind.value, run.job_name, event_specific_data=data), run_id=run.run_id
        )


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    return assemble(Settings(home=tmp_path_factory.mktemp("home")))


@pytest.fixture
def ticks(definitions):
    found = Ticks(definitions)
    assert found.tick() == set()
    return found


def test_nothing_is_asked_for_while_nothing_changes(ticks):
    assert [ticks.tick() for _ in range(3)] == [set()] * 3


def test_new_snapshots_that_passed_are_asked_for_once(ticks):
    ticks.write(SNAPSHOTS, "2026-01-01")
    ticks.check(SNAPSHOTS, passed=True)
    assert ticks.tick() == {"round_dataset"}
    assert [ticks.tick() for _ in range(3)] == [set()] * 3


def test_new_player_lines_ask_for_careers_and_player_dataset_only(ticks):
    ticks.write(PLAYER_LINES, "2026-01-01")
    ticks.check(PLAYER_LINES, passed=True)
    assert ticks.tick() == {"players", "player_dataset"}


def test_unchecked_or_failed_snapshots_wait_and_are_asked_for_once_they_pass(ticks):
    ticks.write(SNAPSHOTS, "2026-01-01")
    assert ticks.tick() == set()
    ticks.check(SNAPSHOTS, passed=False)
    assert [ticks.tick() for _ in range(2)] == [set()] * 2
    ticks.check(SNAPSHOTS, passed=True)
    assert ticks.tick() == {"round_dataset"}


def test_days_in_quarantine_do_not_hold_up_the_others(ticks):
    ticks.write(SNAPSHOTS, "2026-01-01")
    ticks.check(SNAPSHOTS, passed=True)
    ticks.check(SNAPSHOTS, passed=False, name="quarantine", blocking=False)
    assert ticks.tick() == {"round_dataset"}


def test_a_dataset_that_fails_is_not_asked_for_again_before_something_upstream_changes(ticks):
    ticks.write(SNAPSHOTS, "2026-01-01")
    ticks.check(SNAPSHOTS, passed=True)
    assert ticks.tick() == {"round_dataset"}
    assert [ticks.tick() for _ in range(3)] == [set()] * 3
    ticks.write(SNAPSHOTS, "2026-01-02")
    assert ticks.tick() == {"round_dataset"}


def test_player_tables_wait_for_the_end_of_the_extraction_for_a_day_counts_only_when_all_its_tables_were_checked(ticks):
    run = ticks.begin_extraction()
    ticks.write(PLAYER_LINES, "2026-01-01", run)
    ticks.check(PLAYER_LINES, passed=True, run=run)
    assert ticks.tick() == set()
    ticks.write(dg.AssetKey("rounds"), "2026-01-01", run)
    ticks.check(dg.AssetKey("rounds"), passed=True, run=run)
    ticks.write(SNAPSHOTS, "2026-01-01", run)
    assert ticks.tick() == set()
    ticks.check(SNAPSHOTS, passed=True, run=run)
    ticks.write(MATCHES, "2026-01-01", run)
    assert ticks.tick() == set()
    ticks.check(MATCHES, passed=True, run=run)
    ticks.end(run)
    forecasts = {"match_dataset", "directories", "forecast_settlements"}
    assert ticks.tick() == {"players", "player_dataset", "round_dataset"} | forecasts
    assert ticks.tick() == set()


def test_a_dataset_built_by_somebody_else_meanwhile_is_built_again_for_it_may_have_read_too_early(ticks):
    ticks.write(SNAPSHOTS, "2026-01-01")
    assert ticks.tick() == set()
    ticks.write(DATASET)
    ticks.check(SNAPSHOTS, passed=True)
    assert ticks.tick() == {"round_dataset"}
    assert ticks.tick() == set()


def orders(*processes):
    """Every order in which the steps of several processes can happen, each process keeping its own."""
    if not any(processes):
        yield ()
    for at, steps in enumerate(processes):
        if steps:
            rest = [*processes[:at], steps[1:], *processes[at + 1 :]]
            yield from ((steps[0], *later) for later in orders(*rest))


ONE_BY_ONE = ("write 1", "check", "write 2", "check")
IN_ONE_RUN = ("begin", "write 1", "write 2", "check", "end")


@pytest.mark.parametrize(
    ("extraction", "ticks", "count"),
    [
        (ONE_BY_ONE, ("tick",), 30),
        (IN_ONE_RUN, (), 6),
        pytest.param(ONE_BY_ONE, ("tick", "tick"), 105, marks=pytest.mark.slow),
        pytest.param(IN_ONE_RUN, ("tick",), 42, marks=pytest.mark.slow),
    ],
)
def test_the_last_extraction_is_asked_for_in_whatever_order_things_happen(definitions, extraction, ticks, count):
    """Ticks, and a build that somebody else asked for, at any moment of an extraction; then the sensor ticks on.

    Only the dataset's own condition is asked: what else is asked for, and when, the other tests tell.
    """
    happened = set(orders(extraction, ticks, ("build",)))
    assert len(happened) == count
    assert [order for order in sorted(happened) if not remembered(Ticks(definitions, ["round_dataset"]), order)] == []


def remembered(ticks, order):
    """Whether the dataset was asked for after the last write, and nothing more is asked for once all is quiet."""
    ticks.tick()
    asked, run = False, None
    for step in (*order, "tick"):
        match step.split():
            case ["tick"]:
                asked = ticks.tick() == {"round_dataset"} or asked
            case ["begin"]:
                run = ticks.begin_extraction()
            case ["write", day]:
                ticks.write(SNAPSHOTS, f"2026-01-0{day}", run)
                asked = False
            case ["check"]:
                for table in DAILY_TABLES if run else [SNAPSHOTS.to_user_string()]:
                    ticks.check(dg.AssetKey(table), passed=True, run=run)
            case ["end"]:
                ticks.end(run)
            case ["build"]:
                ticks.write(DATASET)
    return asked and ticks.tick() == set()


def test_the_public_file_asks_for_nothing(ticks):
    ticks.write("published_snapshots")
    assert ticks.tick() == set()


def test_a_table_is_late_after_days_and_a_model_after_weeks():
    late = {
        name: tuple(window.to_timedelta() / timedelta(days=1) for window in (policy.warn_window, policy.fail_window))
        for name, policy in freshness().items()
    }
    tables = (*DAILY_TABLES, *(spec.dataset for spec in catalog.MODELS))
    assert late == dict.fromkeys(tables, (2, 7)) | dict.fromkeys(catalog.names(), (7, 30))


def test_conditions_and_freshness_are_on_the_assets(ticks):
    specs = {spec.key.to_user_string(): spec for spec in ticks.definitions.resolve_all_asset_specs()}
    assert {name for name, spec in specs.items() if spec.automation_condition} >= set(conditions())
    assert {name for name, spec in specs.items() if spec.freshness_policy} >= set(freshness())
