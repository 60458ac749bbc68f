"""The compose file's stack in real containers, where a Docker engine answers: built, started, contained, used.

Images that are neither here nor can be fetched leave their services out, and the test says which.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cs2_pipeline_tests.deploy.compose import ROOT, SECRETS, free_port, services
from cs2_pipeline_tests.deploy.test_images import copied_from_the_clone
from cs2_pipeline_tests.deploy.test_wiring import PLAYER, ROUND

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
PROJECT = "cs2test"
PORTS = ("CS2_DAGSTER_PORT", "CS2_MLFLOW_PORT", "CS2_SERVICE_PORT", "CS2_GATEWAY_PORT", "PROMETHEUS_PORT",
         "GRAFANA_PORT")  # fmt: skip
MONITORING = ("prometheus", "grafana")
"""Nothing else waits for these, so the stack is tried without them where their images cannot be had."""
LIVE = tuple(name for name, service in services().items() if "live" in service.get("profiles", []))
"""Without these the gateway prices live matches by itself."""
LIVE_SETTINGS = {
    "COMPOSE_PROFILES": "live",
    "CS2_REDIS_URL": f"redis://:{SECRETS['REDIS_PASSWORD']}@redis:6379",
    "CS2_EVENT_STORE_URL": f"clickhouse://cs2:{SECRETS['CLICKHOUSE_PASSWORD']}@clickhouse/default",
}
SERVING_IMAGE_BYTES = 500e6
HEALTHY_WITHIN = 900.0
RECEIVER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
HTTPServer(("0.0.0.0", 8765), Receiver).serve_forever()
"""
"""A program that takes what is posted to it, on port 8765."""


class Stack:
    """The containers of one project.

    Args:
        folder: a copy of what the compose file and the images are made from.
        compose: the words that call Compose.
        more: what `.env` holds besides secrets and ports.
    """

    def __init__(self, folder: Path, compose: list[str], more: dict[str, str]) -> None:
        self.folder, self.compose = folder, compose
        self.ports = {name: free_port() for name in PORTS}
        mine = {"COMPOSE_PROJECT_NAME": PROJECT, "BACKUP_USER": f"{os.getuid()}:{os.getgid()}",
                "CS2_PIPELINE_CPUS": str(min(2, os.cpu_count() or 1)), "CS2_RELOAD_INTERVAL": "1",
                "CS2_WEBHOOKS_TO_PRIVATE": "true"}  # fmt: skip
        settings = SECRETS | mine | more | {name: str(port) for name, port in self.ports.items()}
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        (folder / "backups").mkdir()

    def run(self, *words: str, timeout: float = 1200.0) -> str:
        """What a command of Compose prints; it must succeed."""
        done = subprocess.run([*self.compose, *words], cwd=self.folder, check=False, capture_output=True, text=True,
                              timeout=timeout)  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def state(self, service: str) -> dict:
        """What Docker says of a service's container."""
        (container,) = docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}",
                              "--filter", f"label=com.docker.compose.service={service}").split()  # fmt: skip
        return json.loads(docker("inspect", container))[0]

    def url(self, port: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def await_healthy(self, service: str) -> None:
        deadline = time.monotonic() + HEALTHY_WITHIN
        while (state := self.state(service)["State"])["Health"]["Status"] != "healthy":
            assert time.monotonic() < deadline and state["Status"] != "exited", (
                f"{service} is {state['Status']}, {state['Health']}\n{self.run('logs', '--tail', '60', service)}"
            )
            time.sleep(1)


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout


def answers(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, check=False, capture_output=True, timeout=120).returncode == 0


def obtainable(image: str) -> bool:
    return answers("docker", "image", "inspect", image) or answers("docker", "pull", "--quiet", image)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not answers("docker", "info"):
        pytest.skip("no Docker engine answers: the stack was not built or run")
    compose = next((one for one in (["docker", "compose"], ["docker-compose"]) if answers(*one, "version")), None)
    if compose is None:
        pytest.skip("Compose is not installed: the stack was not built or run")
    known = {name: service for name, service in services().items() if "profiles" not in service or name in LIVE}
    without = {name for name, service in known.items() if "build" not in service and ":local" not in service["image"]
               and not obtainable(service["image"])}  # fmt: skip
    if without & set(LIVE):
        without |= set(LIVE)
    if without - {*MONITORING, *LIVE}:
        pytest.skip(f"no image for {', '.join(sorted(without))}: the stack was not run")
    if without:
        print(f"\nnot run, because their images cannot be had: {', '.join(sorted(without))}")
    made = Stack(copied_clone(tmp_path_factory.mktemp("clone")), compose, {} if without & set(LIVE) else LIVE_SETTINGS)
    made.run("build", timeout=3600)
    try:
        made.run("up", "-d", *sorted(set(known) - without))
        yield made
    finally:
        subprocess.run([*compose, "down", "--volumes", "--timeout", "5"], cwd=made.folder, check=False)


def copied_clone(folder: Path) -> Path:
    """What the images are made from, and what the compose file mounts, without what else lies in a clone."""
    dockerfiles = (ROOT / "deploy").glob("*/Dockerfile")
    wanted = {"docker-compose.yml", ".dockerignore", "deploy"}.union(*map(copied_from_the_clone, dockerfiles))
    for name in sorted(one for one in wanted if not one.startswith("deploy/")):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def long_running(stack: Stack) -> list[str]:
    listed = docker("ps", "--all", "--filter", f"label=com.docker.compose.project={PROJECT}", "--format",
                    '{{.Label "com.docker.compose.service"}}').split()  # fmt: skip
    return sorted(set(listed) - {"migrate"})


def test_everything_becomes_healthy_and_the_migration_ends_well(stack: Stack) -> None:
    for service in long_running(stack):
        stack.await_healthy(service)
    migrated = stack.state("migrate")["State"]
    assert (migrated["Status"], migrated["ExitCode"]) == ("exited", 0)


def test_the_serving_image_is_small(stack: Stack) -> None:
    size = int(docker("image", "inspect", "--format", "{{.Size}}", "cs2-serving:local"))
    print(f"\nthe serving image has {size / 1e6:.0f} MB")
    assert size < SERVING_IMAGE_BYTES


def test_containers_are_read_only_without_capabilities_and_nobody_special(stack: Stack) -> None:
    for service in long_running(stack):
        found = stack.state(service)
        assert found["HostConfig"]["ReadonlyRootfs"], service
        assert found["HostConfig"]["CapDrop"] == ["ALL"], service
        assert found["Config"]["User"].split(":")[0] not in ("", "0", "root"), service
        assert found["RestartCount"] == 0, service


def test_only_who_keeps_state_in_postgres_reaches_it(stack: Stack) -> None:
    reach = "import socket; socket.create_connection(('postgres', 5432), 5)"
    stack.run("exec", "-T", "gateway", "python", "-c", reach)
    with pytest.raises(AssertionError, match=r"gaierror|Name or service|resolution"):
        stack.run("exec", "-T", "predictions", "python", "-c", reach)


def test_without_a_champion_the_service_is_alive_and_not_ready(stack: Stack) -> None:
    stack.await_healthy("predictions")
    assert httpx.get(stack.url("CS2_SERVICE_PORT", "/livez")).status_code == 200
    assert httpx.get(stack.url("CS2_SERVICE_PORT", "/readyz")).status_code == 503
    assert httpx.post(stack.url("CS2_SERVICE_PORT", "/classify/player"), json=PLAYER).status_code == 503


def test_the_gateway_wants_a_key_from_outside_its_container_and_takes_one_made_inside(stack: Stack, key: str) -> None:
    address = stack.url("CS2_GATEWAY_PORT", "/api/v1/forecasts")
    assert httpx.get(address).status_code == 401
    assert httpx.get(address, headers={"X-API-Key": key}, timeout=30).status_code == 200


@pytest.fixture(scope="module")
def key(stack: Stack) -> str:
    stack.await_healthy("gateway")
    scopes = (word for scope in ("predict", "forecast", "live:read", "live:write") for word in ("--scope", scope))
    printed = stack.run("exec", "-T", "gateway", "cs2", "keys", "create", "a test", *scopes)
    return next(word for word in printed.split() if word.startswith("cs2_"))


def test_models_trained_in_the_stack_are_served_by_it_after_a_restart_too(stack: Stack) -> None:
    """Whether they have earned it is not asked here: so few matches need not be enough."""
    for words in (("simulate", "--matches", "800"), ("train",)):
        stack.run("exec", "-T", "code-location", "cs2", *words, timeout=3000)
    listed = json.loads(stack.run("exec", "-T", "code-location", "cs2", "models", "list", "--json"))
    for name, model in listed.items():
        if model["versions"] and "champion" not in model["aliases"]:
            stack.run("exec", "-T", "code-location", "cs2", "models", "promote", name, model["versions"][0]["version"],
                      "--force", "--reason", "a test of the stack")  # fmt: skip
    version = listed["round_predictor"]["versions"][0]["version"]
    assert answered(stack)["model_version"] == version
    stack.run("restart", "predictions")
    assert answered(stack)["model_version"] == version
    player = httpx.post(stack.url("CS2_SERVICE_PORT", "/classify/player"), json=PLAYER, timeout=30)
    assert player.status_code == 200, player.text
    assert httpx.get(stack.url("CS2_SERVICE_PORT", "/readyz"), timeout=30).status_code == 200


def answered(stack: Stack) -> dict:
    address = stack.url("CS2_SERVICE_PORT", "/predict/round")
    return awaited(lambda: httpx.post(address, json=ROUND, timeout=30))


def awaited(ask: Callable[[], httpx.Response]) -> dict:
    """What is answered with 200, once it is."""
    deadline = time.monotonic() + HEALTHY_WITHIN
    while True:
        try:
            answer = ask()
        except httpx.TransportError:
            answer = None  # it is starting
        if answer is not None and answer.status_code == 200:
            return dict(answer.json())
        assert time.monotonic() < deadline, answer and answer.text
        time.sleep(1)


def test_a_forecast_is_an_entry_of_the_ledger(stack: Stack, key: str) -> None:
    def get(path: str) -> httpx.Response:
        return httpx.get(stack.url("CS2_GATEWAY_PORT", path), headers={"X-API-Key": key}, timeout=60)

    deadline = time.monotonic() + HEALTHY_WITHIN
    while len(teams := get("/api/v1/teams").raise_for_status().json()["items"]) < 2:
        assert time.monotonic() < deadline, "the gateway knows no teams"
        time.sleep(1)
    one, other, *_ = teams
    asked = {"team1_id": one["id"], "team2_id": other["id"], "best_of": 3}
    given = awaited(lambda: httpx.post(stack.url("CS2_GATEWAY_PORT", "/api/v1/forecasts/series"), json=asked,
                                       headers={"X-API-Key": key}, timeout=60))  # fmt: skip
    assert 0 < given["team1_win_probability"] < 1
    assert get(f"/api/v1/forecasts/{given['id']}").json()["id"] == given["id"]
    verified = get("/api/v1/forecasts/ledger/verify").json()
    assert verified["holds"] and verified["entries"] >= 1


def test_a_live_match_is_priced_to_its_end_and_outlives_a_restart(stack: Stack, key: str) -> None:
    """With Redis and ClickHouse by the consumer, without them by the gateway."""
    stack.run("exec", "-T", "-e", f"CS2_API_KEY={key}", "code-location", "cs2", "live", "simulate", "--matches", "1",
              "--speed", "0", "--url", "http://gateway:8080", timeout=3000)  # fmt: skip
    match = finished_match(stack, key)
    assert match["prediction"]["p_team_a_win"] in (0.0, 1.0)
    await_verified(stack, match["match_id"])
    restarted = ["gateway", *(name for name in LIVE if name in long_running(stack))]
    stack.run("restart", *restarted)
    for service in restarted:
        stack.await_healthy(service)
    again = finished_match(stack, key)
    assert (again["state"], again["prediction"]) == (match["state"], match["prediction"])


def await_verified(stack: Stack, match_id: str) -> None:
    """Wait until the history has all of a match, and state and prices follow from its events alone."""
    deadline = time.monotonic() + HEALTHY_WITHIN
    while True:
        try:
            stack.run("exec", "-T", "gateway", "cs2", "live", "verify", match_id)
        except AssertionError as error:
            if "not processed yet" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return


def finished_match(stack: Stack, key: str) -> dict:
    """The one match that was played, once it is over and everything of it is priced."""

    def found() -> httpx.Response:
        headers = {"X-API-Key": key}
        listed = httpx.get(stack.url("CS2_GATEWAY_PORT", "/api/v1/matches"), headers=headers, timeout=60)
        items = listed.json()["items"] if listed.status_code == 200 else []
        if [one["status"] for one in items] != ["FINISHED"]:
            return httpx.Response(503, text=listed.text)
        return httpx.get(f"{listed.url}/{items[0]['match_id']}", headers=headers, timeout=60)

    return awaited(found)


def test_an_update_is_posted_to_a_webhook_that_a_key_registered(stack: Stack, key: str) -> None:
    stack.run("exec", "-d", "-T", "code-location", "python", "-c", RECEIVER)
    address, headers = stack.url("CS2_GATEWAY_PORT", "/api/v1/webhooks"), {"X-API-Key": key}
    asked = {"url": "http://code-location:8765/hook"}
    made = httpx.post(address, json=asked, headers=headers, timeout=60).raise_for_status().json()
    tested = httpx.post(f"{address}/{made['id']}/test", headers=headers, timeout=60).raise_for_status().json()
    assert tested == {"delivered": True, "detail": ""}


@pytest.mark.parametrize("path", ["/", "/what-if", "/models", "/data-docs", "/docs"])
def test_a_page_is_shown(stack: Stack, key: str, path: str) -> None:
    headers = {"X-API-Key": key}
    page = httpx.get(stack.url("CS2_GATEWAY_PORT", path), headers=headers, timeout=60, follow_redirects=True)
    assert page.status_code == 200 and "</html>" in page.text


def test_prometheus_reaches_everything_it_is_told_to_scrape(stack: Stack) -> None:
    if "prometheus" not in long_running(stack):
        pytest.skip("Prometheus' image cannot be had")
    expected = {"predictions", "gateway", "pipeline", "prometheus"} | ({"consumer"} & set(long_running(stack)))

    def up() -> httpx.Response:
        answer = httpx.get(stack.url("PROMETHEUS_PORT", "/api/v1/targets"), timeout=60)
        well = {one["labels"]["job"] for one in answer.json()["data"]["activeTargets"] if one["health"] == "up"}
        return answer if well == expected else httpx.Response(503, text=answer.text)

    awaited(up)


def test_containers_stay_within_their_memory_and_say_nothing_secret(stack: Stack) -> None:
    for service in long_running(stack):
        found = stack.state(service)
        used, limit = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", found["Id"]).split(" / ")
        print(f"\n{service}: {used} of {limit}", end="")
        assert found["HostConfig"]["Memory"] > 0 and not found["State"]["OOMKilled"], service
        log = stack.run("logs", "--no-color", service)
        assert not [name for name, secret in SECRETS.items() if secret in log], service
        assert "Traceback (most recent call last)" not in log, f"{service}: {log[-6000:]}"


def test_a_backup_is_restored_once_everything_that_uses_the_databases_is_stopped(stack: Stack, key: str) -> None:
    stack.run("run", "--rm", "backup", "/opt/cs2/backup.sh", "/backups/one")
    assert {path.name for path in (stack.folder / "backups" / "one").iterdir()} == {
        "dagster.dump", "mlflow.dump", "records.dump",
    }  # fmt: skip
    restore = ("run", "--rm", "backup", "/opt/cs2/restore.sh", "/backups/one")
    with pytest.raises(AssertionError, match="still connected"):
        stack.run(*restore)
    served = answered(stack)
    stop = [name for name in long_running(stack) if "storage" in services()[name]["networks"] and name != "postgres"]
    stack.run("stop", *stop)
    stack.run(*restore)
    stack.run("up", "-d", *stop)
    for service in stop:
        stack.await_healthy(service)
    assert answered(stack)["model_version"] == served["model_version"]
    address = stack.url("CS2_GATEWAY_PORT", "/api/v1/forecasts/ledger/verify")
    assert httpx.get(address, headers={"X-API-Key": key}, timeout=60).json()["holds"]
