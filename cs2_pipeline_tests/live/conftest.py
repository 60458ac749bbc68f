"""A champion in a cache, and a feed of log, history and consumer that a test steps by hand."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cs2_pipeline.artifact.cache import Cache, ModelVersion
from cs2_pipeline.live.champion import Champion
from cs2_pipeline.live.consumer import Consumer
from cs2_pipeline.live.history import queries
from cs2_pipeline.live.history.sqlite import SqliteHistory
from cs2_pipeline.live.hub import Update
from cs2_pipeline.live.intake import Intake
from cs2_pipeline.live.log.sqlite import SqliteLog
from cs2_pipeline_tests.tiny_models import round_artifact


def promote(cache: Path, version: str = "1", *, bias: float = 0.0) -> None:
    """Make a tiny round model the champion."""
    described = ModelVersion("round_predictor", version, f"run{version}", "", "", "", "", "", {}, {})
    folder = Cache(cache).folder(described)
    digest = round_artifact(folder, bias=bias).digest
    Cache(cache).note(ModelVersion(**{**described.to_dict(), "digest": digest}))


@pytest.fixture(scope="session")
def champions(tmp_path_factory) -> Path:
    cache = tmp_path_factory.mktemp("champions")
    promote(cache)
    return cache


@pytest.fixture(scope="session", autouse=True)
def patience():
    """However slow the machine is, no consumer in this process loses its shards to another one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cs2_pipeline.live.consumer.LEASE", 3_600.0)
        yield


@dataclass
class Bench:
    """A feed on files."""

    folder: Path
    champions: Path
    told: list[Update] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log, self.history = SqliteLog(self.folder / "log.sqlite"), SqliteHistory(self.folder / "history.sqlite")
        self.intake = Intake(self.log)
        self.consumer = self.another()

    def another(self, **how: Any) -> Consumer:
        """A consumer, as a new process would have one."""
        return Consumer(self.log, self.history, Champion(self.champions), self.told.extend, **how)

    def send(self, events: list[dict[str, Any]]) -> None:
        self.intake.take([json.dumps(event).encode() for event in events])

    def consume(self) -> None:
        while self.consumer.step():
            pass
        self.consumer.catch_up()

    def kill(self) -> None:
        """Let the consumer's leases end as after a kill: what it had not written is lost with it."""
        self.log.release(self.consumer.name)

    def prices(self, match: str) -> dict[str, tuple[Any, ...]]:
        """By event, the odds that stand."""
        rows = self.history.ask(queries.PRICES, match_id=match, map_id="")
        gone = {row["supersedes"] for row in rows}
        names = ("state_version", "round_p", "round_low", "round_high", "map_p", "map_low", "map_high", "series_p")
        return {
            row["event_id"]: tuple(row[name] for name in names)
            for row in rows
            if row["price_id"] not in gone and row["basis"] != "void"
        }

    def state(self, match: str) -> str:
        (row,) = self.history.ask(queries.MATCH, match_id=match)
        return row["state"]


@pytest.fixture
def bench(tmp_path, champions) -> Bench:
    return Bench(tmp_path, champions)
