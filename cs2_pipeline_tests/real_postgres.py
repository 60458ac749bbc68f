"""A real PostgreSQL server from pgserver's wheel."""

import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest


def start(folder: Path) -> Any:
    """A running server over a folder; pgserver alone gives up after ten seconds, which a busy machine may need."""
    pgserver = pytest.importorskip("pgserver", reason="pgserver is not installed")
    server = None
    while server is None:
        with suppress(subprocess.TimeoutExpired):
            server = pgserver.get_server(folder)
    while True:
        try:
            psycopg.connect(server.get_uri()).close()
        except psycopg.OperationalError:  # it is still starting
            time.sleep(0.1)
        else:
            return server
