"""A consumer in a process of its own: it prices what a gateway takes in, and answers for its health."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

from starlette.testclient import TestClient

from bento.gateway import consumer
from cs2_pipeline.live.history import queries
from cs2_pipeline.live.history.sqlite import SqliteHistory
from cs2_pipeline.live.intake import Intake
from cs2_pipeline.live.log.sqlite import SqliteLog
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.serving import free_port
from cs2_pipeline_tests.live.conftest import promote
from cs2_pipeline_tests.live.made import play, uid


def test_it_prices_tells_how_it_is_and_ends_when_told(tmp_path) -> None:
    cache = Settings(home=tmp_path).champion_cache
    promote(cache)
    port = free_port()
    with (cache / "follower.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(
            [sys.executable, "-m", "bento.gateway.consumer", "--port", str(port)],
            env=os.environ | {"CS2_HOME": str(tmp_path)},
        )
        try:
            _until(lambda: _get(port, "/readyz") == (200, {"status": "ready"}))
            events = play(3, rounds=1)
            log = SqliteLog(tmp_path / "live" / "log.sqlite")
            Intake(log).take([json.dumps(event).encode() for event in events])
            history = SqliteHistory(tmp_path / "live" / "history.sqlite")
            _until(lambda: len(history.ask(queries.STANDING_PRICES, match_id=uid("one"))) == len(events))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as metrics:
                assert f"live_events_kept_total {len(events)}.0" in metrics.read().decode()
            process.send_signal(signal.SIGTERM)
            assert process.wait(600) in (0, -signal.SIGTERM)  # uvicorn closes everything, then ends by the signal
            assert log.consumers() == 0  # it gave its shards up
            log.close()
        finally:
            process.kill()
            process.wait()


def _get(port: int, path: str) -> tuple[int, dict]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.status, json.load(answer)


def _until(condition) -> None:
    until = time.monotonic() + 600
    while True:
        try:
            if condition():
                return
        except OSError:
            pass
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.1)


def test_what_is_wrong_with_it_is_a_problem_document_and_there_is_nothing_else_to_ask(tmp_path) -> None:
    client = TestClient(consumer.build_app(Settings(home=tmp_path)))
    client.app.state.complaints["live"] = lambda: "the log cannot be read"
    answered = client.get("/readyz")
    assert (answered.status_code, answered.headers["content-type"]) == (503, "application/problem+json")
    assert "live: the log cannot be read" in answered.json()["detail"]
    assert client.get("/livez").status_code == 200
    for path in ("/docs", "/redoc", "/openapi.json", "/api/v1/matches"):
        assert client.get(path).headers["content-type"] == "application/problem+json"


def test_it_listens_on_this_machine_unless_told_otherwise(tmp_path, monkeypatch) -> None:
    served = []
    monkeypatch.setenv("CS2_HOME", str(tmp_path))
    monkeypatch.setattr(consumer.uvicorn, "run", lambda _app, **how: served.append((how["host"], how["port"])))
    for arguments in ([], ["--host", "0.0.0.0", "--port", "9"]):  # noqa: S104  only written down
        monkeypatch.setattr(sys, "argv", ["consumer", *arguments])
        consumer.main()
    assert served == [("127.0.0.1", 9102), ("0.0.0.0", 9)]  # noqa: S104
