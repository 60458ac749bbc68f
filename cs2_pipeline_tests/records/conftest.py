"""Records of both kinds: a SQLite file, and a schema of a real PostgreSQL server."""

import pytest

from cs2_pipeline.records.database import Records
from cs2_pipeline_tests.demodb.conftest import new_postgres, postgres_server  # noqa: F401


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'records.db'}"
    return new_postgres(request.getfixturevalue("postgres_server"))


@pytest.fixture
def records(url):
    records = Records(url)
    records.migrate()
    yield records
    records.close()
