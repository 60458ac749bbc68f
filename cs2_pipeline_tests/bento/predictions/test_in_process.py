"""Predictions inside the process: from plain values or BentoML's bodies, with errors as BentoML has them."""

import asyncio
from dataclasses import replace

import pytest
from bentoml.exceptions import InvalidArgument, ServiceUnavailable
from pydantic import BaseModel

from bento.predictions import in_process
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import Cache, ModelVersion
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.serving import PLAYER, ROUND
from cs2_pipeline_tests.tiny_models import player_artifact, round_artifact


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home without champions, which the process looks into."""
    for name in ("CS2_MLFLOW_TRACKING_URI", "CS2_SERVED_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CS2_HOME", str(tmp_path))
    in_process._champions.cache_clear()
    yield Settings(home=tmp_path)
    in_process._champions.cache_clear()


def promote(home, name, make):
    cache, version = Cache(home.champion_cache), ModelVersion(name, "7", "run", "", "", "", "", "", {}, {})
    cache.note(replace(version, digest=make(cache.folder(version)).digest))


def one(spec, item):
    return asyncio.run(in_process.one(spec, item))


def test_a_champion_answers_as_soon_as_there_is_one(home):
    with pytest.raises(ServiceUnavailable, match="there is no champion of round_predictor yet"):
        one(catalog.ROUND, ROUND)
    promote(home, "round_predictor", round_artifact)
    promote(home, "player_classifier", player_artifact)
    answer = one(catalog.ROUND, ROUND)
    assert (answer["ct_win_probability"], answer["model_version"]) == (0.689974, "7")
    many = asyncio.run(in_process.many(catalog.ROUND, {"states": [ROUND, ROUND | {"ct_alive": 1}]}))
    assert many["model_version"] == "7"
    first, second = many["predictions"]
    assert first == {key: value for key, value in answer.items() if key != "model_version"}
    assert second["ct_win_probability"] < first["ct_win_probability"]
    assert one(catalog.PLAYER, PLAYER)["skill_level"] == "Advanced"


def test_a_body_as_bentoml_declares_it_is_read_and_a_wrong_one_refused_by_field(home):
    promote(home, "round_predictor", round_artifact)
    body = type("Body", (BaseModel,), {"__annotations__": dict.fromkeys(ROUND, float)})(**ROUND)
    assert one(catalog.ROUND, body) == one(catalog.ROUND, ROUND)
    with pytest.raises(InvalidArgument, match="ct_alive"):
        one(catalog.ROUND, ROUND | {"ct_alive": 6})
    with pytest.raises(InvalidArgument, match="ct_alive"):
        asyncio.run(in_process.many(catalog.ROUND, {"states": [ROUND, ROUND | {"ct_alive": 6}]}))
