"""The resources as the UI shows them, and as a run that sets one of them anew gets them."""

import dagster as dg
import pandas as pd
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap

from cs2_pipeline.defs import resources
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings, load

SECRETS = {
    "CS2_DATABASE_URL": "postgresql://demolens:hunter2@demos/demos",
    "CS2_MLFLOW_TRACKING_URI": "https://cs2:hunter2@mlflow",
    "CS2_RECORDS_URL": "postgresql://cs2:hunter2@records/cs2",
    "CS2_EVENT_STORE_URL": "clickhouse://cs2:hunter2@history/cs2",
    "CS2_WEBHOOK_URL": "https://hooks.example.org/hunter2",
}


@dg.asset
def seen(platform: dg.ResourceParam[Platform]) -> pd.DataFrame:
    settings = platform.settings
    said = {"database": settings.resolved_database_url(), "seed": settings.seed, "data": settings.resolved_data_url()}
    return pd.DataFrame([said])


def definitions(settings):
    return dg.Definitions(assets=[seen], resources=resources.build(settings))


def test_addresses_of_the_environment_are_shown_by_the_name_of_their_variable_alone(monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    shown = RepositorySnap.from_def(definitions(load()).get_repository_def())
    assert "hunter2" not in dg.serialize_value(shown)
    variables = [getattr(value, "name", "") for one in shown.resources for value in one.configured_values.values()]
    assert set(variables) >= set(SECRETS)


def test_each_outside_system_is_a_resource_that_the_platform_is_built_on(tmp_path):
    shown = RepositorySnap.from_def(definitions(Settings(home=tmp_path)).get_repository_def())
    (platform,) = [one for one in shown.resources if one.name == "platform"]
    assert set(platform.nested_resources) == {
        "demo_database",
        "mlflow",
        "data_store",
        "records",
        "event_store",
        "webhook",
        "ballchasing",
    }


def test_the_platform_of_a_run_is_that_of_the_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("CS2_DATABASE_URL", SECRETS["CS2_DATABASE_URL"])
    given = load().model_copy(update={"home": tmp_path, "seed": 3, "training_days": 7, "exports_url": "memory://in"})
    with dg.build_resources(resources.build(given)) as built:
        assert built.platform.settings == given


@pytest.mark.parametrize("elsewhere", ["a", "b"])
def test_what_a_run_sets_anew_reaches_the_assets_and_their_io_manager(tmp_path, elsewhere):
    job = definitions(Settings(home=tmp_path)).resolve_implicit_global_asset_job_def()
    told = {
        "demo_database": {"config": {"url": "sqlite:///other.sqlite"}},
        "data_store": {"config": {"url": str(tmp_path / elsewhere)}},
        "platform": {"config": {"seed": 5}},
    }
    assert job.execute_in_process(run_config={"resources": told}).success
    row = pd.read_parquet(tmp_path / elsewhere / "seen.parquet").iloc[0]
    assert row.to_dict() == {"database": "sqlite:///other.sqlite", "seed": 5, "data": str(tmp_path / elsewhere)}
