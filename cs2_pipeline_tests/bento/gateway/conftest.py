"""Gateways in this process: the real application over a home of its own."""

from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from bento.gateway.app import build_app
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests import empty_records
from cs2_pipeline_tests.records.conftest import weak_passwords  # noqa: F401

HERE = ("127.0.0.1", 50000)
ELSEWHERE = ("203.0.113.7", 50000)


@contextmanager
def open_gateway(home, *, client=HERE, **settings):
    """A client of an open gateway; as from another machine with `client=ELSEWHERE`."""
    empty_records.put_into(home)
    app = build_app(Settings(home=home, **settings))
    with TestClient(app, base_url="http://127.0.0.1", client=client, raise_server_exceptions=False) as http:
        yield http


@pytest.fixture
def gateway(tmp_path):
    with open_gateway(tmp_path) as client:
        yield client
