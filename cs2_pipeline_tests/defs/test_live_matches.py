"""A match followed live is training data the next morning, once: real stores, the real job."""

import json
import sqlite3
import time

import dagster as dg
import pytest
from pydantic import SecretStr

from cs2_pipeline.defs import jobs
from cs2_pipeline.live import finished
from cs2_pipeline.live.champion import Champion
from cs2_pipeline.live.consumer import Consumer
from cs2_pipeline.live.intake import Intake
from cs2_pipeline.live.runtime import open_history, open_log
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.defs.conftest import World
from cs2_pipeline_tests.live.made import play
from cs2_pipeline_tests.live.test_finished import logged


@pytest.fixture(params=["sqlite", "clickhouse"])
def followed(request, tmp_path, monkeypatch):
    """A platform whose feed followed one match of a server and one that was played again from a demo database."""
    store = None
    if request.param == "clickhouse":
        pytest.importorskip("chdb", reason="ClickHouse's engine is not installed: pip install '.[clickhouse-test]'")
        pytest.importorskip("clickhouse_connect")
        store = f"chdb://{tmp_path / 'clickhouse'}"
    monkeypatch.setattr(finished, "SETTLED", 0.0)
    settings = Settings(home=tmp_path, event_store_url=store)
    log, history = open_log(settings), open_history(settings)
    consumer = Consumer(log, history, Champion(settings.champion_cache), lambda _: None)
    for events in (logged(), play(1, match="again", source="demo")):
        Intake(log).take([json.dumps(event).encode() for event in events])
    while consumer.step():
        pass
    consumer.close()
    log.close()
    history.close()
    time.sleep(0.01)
    with dg.DagsterInstance.ephemeral() as instance:
        yield World(settings, instance)


def test_where_nothing_was_followed_nothing_is_added(tmp_path) -> None:
    settings = Settings(home=tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        done = World(settings, instance).run(jobs.INGEST_LIVE)
    assert done.success
    (found,) = done.asset_materializations_for_node("live_matches")
    told = {name: found.metadata[name].value for name in ("matches_added", "exports_written", "left_out")}
    assert told == {"matches_added": 0, "exports_written": 0, "left_out": "none"}
    assert not settings.embedded_database.exists()


def test_a_finished_live_match_is_added_once_and_to_no_database_of_others(followed, tmp_path) -> None:
    added = []
    theirs = SecretStr(f"sqlite:///{tmp_path / 'theirs.sqlite'}")
    elsewhere = followed.settings.model_copy(update={"database_url": theirs})
    assert World(elsewhere, followed.instance).run(jobs.INGEST_LIVE).success
    assert not followed.database.exists()
    assert not (tmp_path / "theirs.sqlite").exists()
    for _ in range(2):
        done = followed.run(jobs.INGEST_LIVE)
        assert done.success
        (found,) = done.asset_materializations_for_node("live_matches")
        added.append(found.metadata["matches_added"].value)
        assert "played again" in str(found.metadata["left_out"].value)
    assert added == [1, 0]
    with sqlite3.connect(followed.database) as database:
        assert database.execute("select count(*) from Matches").fetchone() == (1,)
        assert database.execute("select count(*) from Rounds").fetchone() == (4,)
