"""Forecasts that were given and came out raise the alarm, and the alarm asks for a training: on real records."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import numpy as np
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets.schema import FORECAST_SETTLEMENTS
from cs2_pipeline.defs.assets.forecasts import JOB, SETTLEMENTS
from cs2_pipeline.defs.assets.monitoring import latest
from cs2_pipeline.defs.automation.retrain_on_drift import ALARM_TAG, retrain_match_on_alarm, retrain_on_drift
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.forecasting import outcomes
from cs2_pipeline.records import settlements
from cs2_pipeline.records.database import open_records
from cs2_pipeline.records.ledger import Draft, append
from cs2_pipeline.records.settlements import Verdict
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import record
from cs2_pipeline_tests.models.match.played import contests_table
from cs2_pipeline_tests.tiny_models import match_artifact, training_run

SPEC = catalog.MATCH
AT = datetime(2026, 1, 18, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("match")
    match_artifact(folder, contests_table(days=20))
    return folder


def promoted(world, folder):
    platform = world.platform
    run = training_run(SPEC.name, folder, tags={"source_watermark": "2026-01-17T00:00:00+00:00"})
    made = record(platform.tracking_uri, run, artifact_root=platform.artifact_root)
    promotion.promote(platform.tracking_uri, made, reason="a test")
    return made.version


def told_and_settled(records, version, *, matches, stretch):
    """Forecasts whose log odds are `stretch` times the true ones, each settled; one more is open, one forfeited."""
    rng = np.random.default_rng(1)
    latent = rng.normal(0, 1.2, matches)
    won = rng.random(matches) < 1 / (1 + np.exp(-latent))
    told = 1 / (1 + np.exp(-stretch * np.append(latent, [0.3, 0.4])))
    drafts = [
        Draft("map", {"probability": float(price), "interval": [0.0, 1.0], "model_version": version, "team1_id": "t1",
                      "team2_id": "t2"}, id=f"{version}-{number}", at=AT + timedelta(hours=number))
        for number, price in enumerate(told)
    ]  # fmt: skip
    with records.writing() as connection:
        append(connection, drafts)
    verdicts = [Verdict(draft.id, "won" if one else "lost", f"m{draft.id}", "") for draft, one in zip(drafts, won)]  # noqa: B905
    settlements.record(records, [*verdicts, Verdict(drafts[-1].id, "forfeited", "given up", "")])


def look(world):
    job = assemble(world.settings).resolve_job_def(JOB)
    ended = job.execute_in_process(
        instance=world.instance, asset_selection=[dg.AssetKey(SETTLEMENTS), dg.AssetKey(SPEC.monitoring)]
    )
    assert ended.success
    (check,) = ended.get_asset_check_evaluations()
    assert (check.check_name, check.asset_key.to_user_string()) == ("live_calibration", SPEC.monitoring)
    return check


def tick(world, sensor=retrain_match_on_alarm, cursor=None):
    with dg.build_sensor_context(
        world.instance, cursor=cursor, resources={"platform": world.platform}, sensor_name=sensor.name
    ) as context:
        return sensor(context)


def test_forecasts_that_boast_raise_the_alarm_and_ask_for_one_training_of_the_match_model(world, folder):
    assert "there is no champion yet" in look(world).description
    version = promoted(world, folder)
    assert f"no forecast of version {version} is settled yet" in look(world).description
    records = open_records(world.settings)
    told_and_settled(records, version, matches=600, stretch=3.0)

    check = look(world)
    assert not check.passed
    assert "favourites won -0." in check.description
    assert check.metadata["matches"].value == 600
    stored = world.platform.tables.read(SETTLEMENTS)
    assert len(stored) == 600, "what is open or was given up has no outcome"
    assert stored.equals(FORECAST_SETTLEMENTS.conform(outcomes.table(settlements.history(records))))
    assert set(latest(world.platform, SPEC)["alarms"][version]) == {"calibration"}

    first = tick(world)
    (request,) = first.run_requests
    assert request.run_key == f"alarm of version {version} calibration"
    assert request.tags[ALARM_TAG] == f"{version} calibration"
    assert retrain_match_on_alarm.job_name == SPEC.job
    assert tick(world, cursor=first.cursor).run_requests == []
    assert tick(world, retrain_on_drift).skip_reason.skip_message == "nobody has looked at the champion yet"

    promoted(world, folder)
    assert look(world).passed, "a new champion is not blamed for its predecessor's forecasts"
    records.close()


def test_calibrated_forecasts_raise_none(world, folder):
    version = promoted(world, folder)
    records = open_records(world.settings)
    told_and_settled(records, version, matches=300, stretch=1.0)
    records.close()
    check = look(world)
    assert check.passed
    assert check.metadata["odds"].value < 100
    assert tick(world).skip_reason.skip_message == f"no alarm has rung for version {version}"


def test_settled_forecasts_stand_in_the_lineage_between_results_and_the_match_models_monitoring(world):
    graph = assemble(world.settings).resolve_asset_graph()

    def parents(name):
        return {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}

    assert parents(SETTLEMENTS) >= {"matches", "published_series"}
    assert parents(SPEC.monitoring) == {SETTLEMENTS, SPEC.promotion}
    checks = {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys}
    assert {name for asset, name in checks if asset == SPEC.monitoring} == {"live_calibration"}, "none that cannot fail"
