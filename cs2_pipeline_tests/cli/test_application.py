"""The command line on a PostgreSQL database as Demo Lens fills it, from `cs2 doctor` to registered models."""

import json

import pytest
from sqlalchemy import create_engine

from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline_tests.demodb.as_application_writes import copy_to, rewrite
from cs2_pipeline_tests.demodb.conftest import new_postgres, postgres_server  # noqa: F401

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
MATCHES, TEAMS = 400, 60
"""Enough players with enough matches each for every part of the player dataset."""


@pytest.fixture
def url(postgres_server, tmp_path):  # noqa: F811
    simulate(tmp_path / "first.sqlite", matches=MATCHES, teams=TEAMS, seed=5)
    address = new_postgres(postgres_server)
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))
    copy_to(engine, rewrite(tmp_path / "first.sqlite", tmp_path / "second.sqlite"))
    engine.dispose()
    return address


def test_every_model_is_trained_and_judged_from_end_to_end(cs2, url, monkeypatch):
    monkeypatch.setenv("CS2_DATABASE_URL", url)
    said = cs2("doctor")
    assert "round model: " in said.out and "live rounds of the last 20 matches can be used (100%)" in said.out
    trained = cs2("train")
    assert trained.status == 0, trained.err
    print(trained.out)
    listed = json.loads(cs2("models", "list", "--json").out)
    for name in ("round_predictor", "player_classifier", "match_forecaster"):
        (version,) = listed[name]["versions"]
        assert version["metrics"]["test_log_loss"] > 0
        assert version["tags"]["decision"] in ("promote", "refuse")
        assert version["learned_from"] == "another application's database"
