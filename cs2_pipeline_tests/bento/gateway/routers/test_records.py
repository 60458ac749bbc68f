"""The records while the gateway is open: what a stranger is told of them, and keys that are read again in any case."""

import asyncio

from sqlalchemy import text

from bento.gateway.routers import records as room
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway


def test_health_says_that_keys_cannot_be_read_and_not_from_where(tmp_path):
    with open_gateway(tmp_path) as client:
        access = client.app.state.access
        with access._records.writing() as connection:
            connection.execute(text("DROP TABLE quota_use"))
        access._ring.refresh()
        assert str(tmp_path) in access._ring.complaint
        for path in ("/health", "/readyz"):
            told = client.get(path).text
            assert "keys and quotas could not be read" in told
            assert "records.db" not in told


class Broken:
    """A ring whose refresh has a defect."""

    def __init__(self):
        self.tries = 0

    def refresh(self):
        self.tries += 1
        raise LookupError("a defect")


def test_keys_are_read_again_after_a_defect(monkeypatch):
    monkeypatch.setattr(room, "REFRESH_SECONDS", 0)
    ring = Broken()

    async def follow():
        following = asyncio.create_task(room._follow(ring))
        while ring.tries < 2 and not following.done():
            await asyncio.sleep(0)
        following.cancel()

    asyncio.run(follow())
    assert ring.tries >= 2
