"""The definitions as Dagster and a stranger in its UI see them."""

import re
import subprocess
import sys
import warnings
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets.expectations import SUITES
from cs2_pipeline.definitions import build_definitions
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.verdicts import DAILY_TABLES
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.defs.conftest import DAYS


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    return build_definitions(Settings(home=tmp_path_factory.mktemp("home")))


@pytest.fixture(scope="module")
def repository(definitions):
    return definitions.get_repository_def()


def test_everything_that_fires_by_itself_is_in_the_page_about_it(repository):
    page = (Path(__file__).parents[2] / "docs" / "automation.md").read_text()
    fires = [*repository.schedule_defs, *repository.sensor_defs]
    assert [one.name for one in fires if f"`{one.name}`" not in page] == []
    assert [one.name for one in fires if one.default_status.value != "RUNNING"] == ["daily_rocket_league"]


def test_what_fires_at_a_time_of_day_fires_when_the_page_about_it_says(repository):
    page = (Path(__file__).parents[2] / "docs" / "automation.md").read_text().splitlines()
    for one in repository.schedule_defs:
        (line,) = [line for line in page if line.startswith("| schedule") and f"`{one.name}`" in line]
        hour, minute = re.search(r"(\d\d):(\d\d) UTC", line).groups()
        assert one.cron_schedule == f"{int(minute)} {int(hour)} * * *", one.name
        assert one.execution_timezone == "UTC"


def test_tables_are_late_after_two_days_and_models_after_a_week_and_much_later_it_is_an_error(definitions):
    windows = {
        spec.key.to_user_string(): spec.freshness_policy
        for spec in definitions.resolve_all_asset_specs()
        if spec.freshness_policy
    }
    assert windows.keys() == {*DAILY_TABLES, *(one.dataset for one in catalog.MODELS), *catalog.names()}
    for name, policy in windows.items():
        late = (7, 30) if name in catalog.names() else (2, 7)
        assert (policy.warn_window.to_timedelta().days, policy.fail_window.to_timedelta().days) == late, name


def test_they_load_and_open_nothing(definitions, tmp_path):
    dg.Definitions.validate_loadable(build_definitions(Settings(home=tmp_path / "nothing")))
    assert not (tmp_path / "nothing").exists()


def test_loading_them_warns_of_nothing_in_any_process(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_definitions(Settings(home=tmp_path)).get_repository_def()


def test_loading_them_needs_nothing_that_only_training_and_checking_use():
    code = "import sys, cs2_pipeline.definitions; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "sklearn", "great_expectations", "matplotlib"} & set(loaded)


def test_every_asset_says_what_it_is_whose_it_is_where_it_belongs_and_what_it_is_made_with(definitions):
    for spec in definitions.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.group_name not in (None, "default"), spec.key
        assert spec.kinds, spec.key


def test_every_daily_table_has_a_blocking_check_that_pronounces_on_its_days(definitions):
    graph = definitions.resolve_asset_graph()
    blocking = {(key.asset_key.to_user_string(), key.name): graph.get(key).blocking for key in graph.asset_check_keys}
    assert set(DAILY_TABLES) <= set(SUITES)
    assert all(blocking[table, "expectations"] for table in SUITES)
    assert not any(blocking[table, "quarantine"] for table in DAILY_TABLES)
    assert all(blocking[table, "leakage_audit"] for table in ("round_dataset", "player_dataset"))


def test_daily_tables_are_read_in_one_run_for_any_number_of_days_through_the_database_pool(definitions):
    graph = definitions.resolve_asset_graph()
    for table in DAILY_TABLES:
        node = graph.get(dg.AssetKey(table))
        assert node.backfill_policy == dg.BackfillPolicy.single_run()
        assert node.pools == {"demo_database"}


def test_everything_that_runs_by_itself_is_on_and_says_what_it_does(repository):
    automatic = [*repository.sensor_defs, *repository.schedule_defs]
    assert {found.name for found in automatic} >= {
        "abandoned_runs",
        "changed_tables",
        "enough_new_rounds",
        "failed_runs",
        "new_demos",
        "nightly_training",
        "retrain_on_drift",
    }
    for found in automatic:
        # Another company's servers are asked only by whoever switches that on.
        on = "STOPPED" if found.name == "daily_rocket_league" else "RUNNING"
        assert found.default_status.value == on, found.name
        assert found.description, found.name


def test_the_loop_from_monitoring_to_the_round_dataset_is_in_the_lineage(definitions):
    graph = definitions.resolve_asset_graph()
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey("round_dataset")).parent_keys}
    assert "round_play_changes" in parents
    assert "round_monitoring" in graph.get(dg.AssetKey("round_play_changes")).description


def test_partitions_begin_with_the_first_match_of_the_embedded_database_unless_a_day_is_set(world):
    def first(settings):
        days = build_definitions(settings).resolve_asset_graph().get(dg.AssetKey("rounds")).partitions_def
        return days.get_first_partition_key()

    assert first(world.settings) == "2026-01-01"
    assert first(world.settings.model_copy(update={"first_day": date(2025, 6, 1)})) == "2025-06-01"
    assert first(Settings(home=world.settings.home / "elsewhere")) == "2023-09-27"


def test_materialize_all_on_the_first_page_needs_no_configuration_and_reaches_every_day_of_the_database(world):
    today = datetime.now(UTC).date().isoformat()
    definitions = build_definitions(world.settings)
    assert dg.validate_run_config(definitions.resolve_implicit_global_asset_job_def(), {})
    graph = definitions.resolve_asset_graph()
    daily = {key.to_user_string(): graph.get(key) for key in graph.materializable_asset_keys}
    daily = {name: node for name, node in daily.items() if node.is_partitioned}
    assert daily.keys() >= {*DAILY_TABLES, "skill_observations"}
    for name, node in daily.items():
        days = node.partitions_def.get_partition_keys()
        assert days[: len(DAYS)] == DAYS, name
        assert days[-1] >= today, name
        assert node.backfill_policy == dg.BackfillPolicy.single_run(), name


def test_what_reads_a_file_can_be_materialised_without_one_and_keeps_what_was_read_before(world):
    tables = world.platform.tables
    tables.write("published_snapshots", pd.DataFrame({"match_id": [1]}))
    for job in (jobs.INGEST_SNAPSHOTS, jobs.INGEST_SERIES):
        result = world.run(job)
        assert result.success
        (made,) = result.asset_materializations_for_node(result.get_asset_materialization_events()[0].step_key)
        assert "names no file" in made.metadata["summary"].value
    assert len(tables.read("published_snapshots")) == 1
    assert not tables.exists("published_series")
