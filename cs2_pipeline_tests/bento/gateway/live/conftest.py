"""A gateway with a champion in its cache, and the live feed running."""

import fcntl
import time

import pytest

from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.conftest import open_gateway
from cs2_pipeline_tests.live.conftest import promote
from cs2_pipeline_tests.live.made import play, uid
from cs2_pipeline_tests.live.sources.test_server_log import Lines

EVENTS = "/api/v1/events"


@pytest.fixture(scope="session")
def feed(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    cache = Settings(home=home).champion_cache
    promote(cache)
    with (cache / "follower.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as where the prediction service runs its follower already
        with open_gateway(home, max_body_bytes=2**20) as client:
            yield client


def await_that(condition):
    """Wait for the consumer, which works on its own."""
    until = time.monotonic() + 600
    while not (found := condition()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
    return found


def finished(feed, name, **how):
    """A match that was played and priced; its id."""
    events = play(3, match=name, **how)
    assert feed.post(f"{EVENTS}/batch", json=events).json()["accepted"] == len(events)
    return uid(name), await_that(
        lambda: (
            (seen := feed.get(f"/api/v1/matches/{uid(name)}")).status_code == 200
            and seen.json()["state_version"] == len(events)
            and seen.json()
        )
    )


def log_lines() -> bytes:
    lines = Lines()
    lines.start()
    return "\n".join(lines.text).encode()
