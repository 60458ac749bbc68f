"""Records of both kinds: a SQLite file, and a schema of a real PostgreSQL server."""

import pytest
from argon2 import PasswordHasher

from cs2_pipeline.records import accounts
from cs2_pipeline.records.database import Records
from cs2_pipeline_tests.demodb.conftest import new_postgres, postgres_server  # noqa: F401


@pytest.fixture(scope="module", autouse=True)
def weak_passwords():
    """Passwords are hashed cheaply: as strong as they really are, each hash takes a fifth of a second of computing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


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
