"""A real PostgreSQL server that listens on a port, made ready as the compose file's is."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cs2_pipeline_tests import real_postgres
from cs2_pipeline_tests.deploy.compose import ROOT, SECRETS, Machine, free_port


@dataclass(frozen=True)
class Postgres:
    """A server: its port, and the environment psql and its like need."""

    port: int
    environment: dict[str, str]

    def sql(self, database: str, query: str) -> str:
        """The answer to a query, unadorned."""
        return self.run("psql", "--no-psqlrc", "-qtAc", query, database).strip()

    def run(self, *command: str, **more: str) -> str:
        done = subprocess.run(
            command, check=False, env=self.environment | more, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def script(self, name: str, *arguments: str) -> str:
        """One of the scripts in deploy/postgres."""
        return self.run("sh", str(ROOT / "deploy" / "postgres" / name), *arguments, POSTGRES_USER="postgres", **SECRETS)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with new_postgres() as server:
        yield server


@contextmanager
def new_postgres() -> Iterator[Postgres]:
    """A server on which nothing but `init.sh` has run."""
    pgserver = pytest.importorskip("pgserver", reason="pgserver is not installed")
    # Not below pytest's own folder, which the next pytest closes to others: the server is another user for root.
    with tempfile.TemporaryDirectory() as folder:
        yield from _serving(pgserver, Path(folder))


def _serving(pgserver: Any, folder: Path) -> Iterator[Postgres]:
    server = real_postgres.start(folder / "data")
    port = free_port()
    # pgserver listens on a socket alone; the compose file's services come by TCP.
    options = f"-h 127.0.0.1 -p {port} -c fsync=off -k {folder / 'data'}"
    pgserver.pg_ctl(
        ["-w", "-m", "fast", "-l", str(folder / "data" / "log"), "-o", options, "restart"],
        pgdata=folder / "data", user=server.system_user, timeout=600,
    )  # fmt: skip
    binaries = Path(pgserver.__file__).parent / "pginstall" / "bin"
    environment = {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "PGHOST": "127.0.0.1", "PGPORT": str(port)}
    environment |= {"PGUSER": "postgres", "HOME": str(folder)}
    found = Postgres(port, environment)
    found.script("init.sh")
    try:
        yield found
    finally:
        pgserver.pg_ctl(["-w", "-m", "immediate", "stop"], pgdata=folder / "data", user=server.system_user, timeout=600)


@pytest.fixture(scope="module")
def machine(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine on which nothing runs yet but PostgreSQL."""
    return Machine(tmp_path_factory.mktemp("machine"), postgres.port, {"CS2_RELOAD_INTERVAL": "0.5"})
