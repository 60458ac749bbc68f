"""Gateways in this process: the real application over a home of its own."""

from contextlib import contextmanager

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from bento.gateway.app import build_app
from cs2_pipeline.records import accounts
from cs2_pipeline.settings import Settings

HERE = ("127.0.0.1", 50000)
ELSEWHERE = ("203.0.113.7", 50000)


@contextmanager
def open_gateway(home, *, client=HERE, **settings):
    """A client of an open gateway; as from another machine with `client=ELSEWHERE`."""
    app = build_app(Settings(home=home, **settings))
    with TestClient(app, base_url="http://127.0.0.1", client=client, raise_server_exceptions=False) as http:
        yield http


@pytest.fixture(scope="module", autouse=True)
def weak_passwords():
    """Passwords are hashed cheaply: as strong as they really are, each hash takes a fifth of a second of computing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture
def gateway(tmp_path):
    with open_gateway(tmp_path) as client:
        yield client
