"""The gateway as a process: BentoML's worker with our application in it."""

import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from cs2_pipeline_tests.bento.serving import free_port


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    home = tmp_path_factory.mktemp("gateway")
    port = free_port()
    environment = {**os.environ, "CS2_HOME": str(home), "BENTOML_HOME": str(home / "bentoml")}
    environment["BENTOML_DO_NOT_TRACK"] = "True"
    with (home / "log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-m", "bento.gateway", "--port", str(port)], env=environment, stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            deadline = time.monotonic() + 60
            while running.poll() is None and time.monotonic() < deadline:
                try:
                    client.get("/livez")
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            assert running.poll() is None, (home / "log").read_text()
            yield client
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(20)


def test_it_answers_in_front_of_bentomls_own_pages(process):
    assert process.get("/livez").json() == {"status": "alive"}
    assert process.get("/nothing").headers["content-type"] == "application/problem+json"
    assert process.get("/healthz").status_code == 200  # BentoML's
    assert "swagger" in process.get("/static_content/swagger-ui.css").text


def test_requests_are_counted_by_route_and_status(process):
    process.get("/wp-admin.php")
    text = process.get("/metrics").text
    assert 'api_requests_total{route="/livez",status="200"}' in text
    assert 'api_requests_total{route="unknown",status="404"}' in text
    assert "wp-admin" not in text
