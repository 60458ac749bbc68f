"""Databases for the tests: SQLite files and a real PostgreSQL server, on every route that is installed."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text

from cs2_pipeline.demodb.connect import DemoDatabase
from cs2_pipeline_tests.demodb.small_database import SmallDatabase

ROUTES = ("sqlite portable", "sqlite fast", "postgresql portable", "postgresql fast")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server's own database."""
    pgserver = pytest.importorskip("pgserver", reason="pgserver is not installed")
    with tempfile.TemporaryDirectory() as folder:
        server = pgserver.get_server(folder)
        engine = create_engine(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for command in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
                connection.execute(text(command))
        engine.dispose()
        yield server.get_uri()
        server.cleanup()


def new_postgres(server: str) -> str:
    """The URL of a new empty schema on the server: quicker to have than a database."""
    name = f"demos_{uuid4().hex}"
    engine = create_engine(server.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    return f"{server}&options=-csearch_path%3D{name}"


def write_postgres(small: SmallDatabase, url: str) -> str:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    small.write(engine)
    engine.dispose()
    return url


@pytest.fixture(params=ROUTES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[SmallDatabase], DemoDatabase]]:
    """A function that writes a database and opens it by one of the routes."""
    server, route = request.param.split()
    given: list[DemoDatabase] = []

    def write_and_open(small: SmallDatabase) -> DemoDatabase:
        if server == "sqlite":
            url = small.write(tmp_path / "demos.sqlite")
        else:
            url = write_postgres(small, new_postgres(request.getfixturevalue("postgres_server")))
        given.append(DemoDatabase(url, portable=route == "portable"))
        return given[-1]

    yield write_and_open
    for db in given:
        db.close()
