import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from cs2_pipeline.demodb.simulator import simulate


class Database:
    """A simulated database, read table by table."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __getitem__(self, table: str) -> pd.DataFrame:
        connection = sqlite3.connect(self.path)
        try:
            return pd.read_sql_query(f'SELECT * FROM "{table}" ORDER BY "Id"', connection)  # noqa: S608
        finally:
            connection.close()


@pytest.fixture(scope="session")
def read() -> Callable[[Path], Database]:
    return Database


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """80 matches of teams that differ."""
    path = tmp_path_factory.mktemp("simulated") / "demos.sqlite"
    simulate(path, matches=80, seed=5, days=12, teams=16)
    return Database(path)
