"""The datasets' condition, tick by tick, on the real asset graph with events written by hand."""

from datetime import date

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData

from cs2_pipeline.defs.automation.conditions import conditions, freshness
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.defs.partitions import range_tags
from cs2_pipeline.settings import Settings

DATASET = dg.AssetKey("round_dataset")
PLAYER_LINES = dg.AssetKey("player_match_stats")
SNAPSHOTS = dg.AssetKey("round_snapshots")


class Ticks:
    """The automation sensor's ticks over an instance in memory."""

    def __init__(self, home):
        self.definitions = assemble(Settings(home=home))
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor = None

    def tick(self):
        """The assets asked for."""
        found = dg.evaluate_automation_conditions(
            self.definitions,
            self.instance,
            asset_selection=dg.AssetSelection.assets(*conditions()),
            cursor=self.cursor,
        )
        self.cursor = found.cursor
        return {name for name in conditions() if found.get_num_requested(dg.AssetKey(name))}

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


@pytest.fixture
def ticks(tmp_path):
    found = Ticks(tmp_path)
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
    ticks.end(run)
    assert ticks.tick() == set(conditions())
    assert ticks.tick() == set()


def test_a_dataset_built_by_somebody_else_meanwhile_is_not_built_again(ticks):
    ticks.write(SNAPSHOTS, "2026-01-01")
    assert ticks.tick() == set()
    ticks.write(DATASET)
    ticks.check(SNAPSHOTS, passed=True)
    assert ticks.tick() == set()


def test_the_public_file_asks_for_nothing(ticks):
    ticks.write("published_snapshots")
    assert ticks.tick() == set()


def test_conditions_and_freshness_are_on_the_assets(ticks):
    specs = {spec.key.to_user_string(): spec for spec in ticks.definitions.resolve_all_asset_specs()}
    assert {name for name, spec in specs.items() if spec.automation_condition} >= set(conditions())
    assert {name for name, spec in specs.items() if spec.freshness_policy} >= set(freshness())
