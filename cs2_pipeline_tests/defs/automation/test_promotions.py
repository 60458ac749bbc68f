"""Promotions and rollbacks are announced once each, whoever decided and however often somebody looks."""

import json
from datetime import datetime

import dagster as dg

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs.automation.promotions import announced_promotions
from cs2_pipeline.records import announcements
from cs2_pipeline.records.database import open_records
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.runs import record
from cs2_pipeline_tests.tiny_models import round_artifact, training_run

NAME = catalog.ROUND.name


def tick(world):
    with dg.build_sensor_context(world.instance, resources={"platform": world.platform}) as context:
        return announced_promotions(context).skip_message


def told(world):
    records = open_records(world.settings)
    found = [json.loads(one.body) for one in announcements.after(records, announcements.MODELS, 0, 100)]
    records.close()
    return found


def test_each_decision_is_announced_once_in_its_order(world):
    uri, root = world.platform.tracking_uri, world.platform.artifact_root
    assert tick(world) == "0 new"
    folder = world.settings.home / "artifact"
    round_artifact(folder)
    made = [record(uri, training_run(NAME, folder), artifact_root=root) for _ in range(2)]
    promotion.promote(uri, made[0], reason="the first")
    assert tick(world) == "1 new"
    promotion.promote(uri, made[1], reason="a better one")
    promotion.rollback(uri, NAME, reason="it was worse")
    assert tick(world) == "2 new"
    assert tick(world) == "0 new"

    one, two = (version.version for version in made)
    found = [{key: body[key] for key in ("type", "name", "version", "reason")} for body in told(world)]
    assert found == [
        {"type": "model_promoted", "name": NAME, "version": one, "reason": "the first"},
        {"type": "model_promoted", "name": NAME, "version": two, "reason": "a better one"},
        {"type": "model_rolled_back", "name": NAME, "version": one, "reason": "it was worse"},
    ]
    assert [body["former"] for body in told(world)] == ["", one, two]
    assert all(datetime.fromisoformat(body["when"]).tzinfo for body in told(world))
    promotion.promote(uri, made[1], reason="as before", forced=True)
    assert tick(world) == "1 new"
    assert (told(world)[-1]["type"], told(world)[-1]["version"]) == ("model_promoted", two)
