"""The follower keeps the cache as MLflow has it, and repairs what was damaged there."""

import asyncio
import os

import pytest

from bento.champions import Champions
from bento.follower import Follower
from cs2_pipeline.registry.champion import ModelStore
from cs2_pipeline.settings import Settings


@pytest.fixture
def settings(home):
    home.promote(home.register_round())
    return Settings(home=home.path, mlflow_tracking_uri=home.uri, served_models="round_predictor")


def new_follower(settings):
    store = ModelStore(settings.resolved_tracking_uri(), settings.champion_cache)
    return Follower(store, settings.champion_cache, settings.served_model_names())


def glance(champions):
    asyncio.run(champions.glance())
    return champions.predictors.get("round_predictor")


def model_file(settings):
    (file,) = settings.champion_cache.glob("round_predictor/1-*/model.onnx")
    return file


def truncate(file):
    file.write_bytes(file.read_bytes()[:-1])


def damage_unseen(file):
    """Change a file as a failing disk does: size and times stay."""
    before = file.stat()
    with file.open("r+b") as content:
        content.write(b"\xff")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_follower_that_starts_repairs_a_damaged_cache_and_the_worker_takes_it_up(settings):
    new_follower(settings).look()
    truncate(model_file(settings))
    champions = Champions(settings)
    assert glance(champions) is None
    assert new_follower(settings).look().refused == {}
    assert glance(champions).version.version == "1"
    assert champions.refused == {}


def test_a_running_follower_repairs_what_changes_under_it(settings):
    follower = new_follower(settings)
    follower.look()
    truncate(model_file(settings))
    follower.look()
    assert glance(Champions(settings)).version.version == "1"


def test_a_reload_checks_also_what_seems_unchanged(settings):
    follower = new_follower(settings)
    follower.look()
    damage_unseen(model_file(settings))
    follower.look()
    assert glance(Champions(settings)) is None
    follower.forget()
    follower.look()
    assert glance(Champions(settings)).version.version == "1"


def test_what_is_proven_is_left_alone(settings):
    follower = new_follower(settings)
    follower.look()
    note = settings.champion_cache / "round_predictor" / "champion.json"
    before = note.stat().st_ino, note.stat().st_mtime_ns
    follower.look()
    assert (note.stat().st_ino, note.stat().st_mtime_ns) == before
