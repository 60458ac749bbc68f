"""``make pictures``: the pictures of README and docs, taken from the pages, Dagster and MLflow over the demo's home.

Needs Chromium and a home in which `cs2 demo` has promoted models. Everything runs on free ports, simulated matches are
played as fast as they are taken, and each page is photographed as a visitor sees it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from cs2_pipeline import settings
from cs2_pipeline.cli import processes
from cs2_pipeline.settings import Settings

IMAGES: Final = Path(__file__).parent / "images"
HEIGHT: Final = 1150
WIDTH: Final = 1200


def main() -> None:
    """Take all pictures."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("no Chromium is installed: on Debian, apt install chromium")
    with gateway() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.set_default_timeout(300_000)  # Dagster and MLflow take long to load on a busy machine
        for name, path in pages(address):
            taken(page, f"{address}{path}", IMAGES / f"{name}.png")
            print(f"{name}.png of {path}")
        forecast(page, address)
        chosen = settings.load().model_copy(update={"dagster_port": free_port(), "mlflow_port": free_port()})
        with processes.running([processes.dagster(chosen), processes.mlflow(chosen)], chosen):
            lineage(page, chosen)
            candidates(page, chosen)
        browser.close()


def pages(address: str) -> Iterator[tuple[str, str]]:
    """Name and path of each picture: of the match with the biggest swing its round."""
    await_champion(address)
    command = [sys.executable, "-m", "cs2_pipeline.cli", "live", "simulate", "--matches", "6", "--speed", "0"]
    subprocess.run([*command, "--url", address], check=True)  # noqa: S603  our own command
    curves = []
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        matches = asked(f"{address}/api/v1/matches?status=finished")["items"]
        if len(matches) >= 6:
            break
        time.sleep(1)
    for match in matches:
        for of_map in asked(f"{address}/api/v1/matches/{match['match_id']}/curve"):
            curves += [(abs(swing["change"]), match["match_id"], swing["round_no"]) for swing in of_map["swings"]]
    if not curves:
        raise SystemExit("no price moved: is there a champion? `cs2 demo` promotes one")
    _, match_id, round_no = max(curves)
    yield "match", f"/matches/{match_id}?round={round_no}"
    yield "what-if", "/what-if?ct_alive=3&t_alive=4&time_remaining=35"
    yield "model", "/models/round_predictor"
    players = asked(f"{address}/api/v1/players?limit=500")["items"]
    yield "player", f"/players/{max(players, key=lambda one: one['matches'])['id']}"


def taken(page: Page, address: str, file: Path) -> None:
    """Photograph a page once it is quiet."""
    page.goto(address, wait_until="networkidle")
    if page.locator("#curve, #along, [data-chart]").count():
        page.wait_for_selector("svg.main-svg")
    page.wait_for_timeout(1500)
    page.screenshot(path=str(file), full_page=False)


def await_champion(address: str) -> None:
    """Ask for a price until there is one: the gateway fetches a champion once somebody asks."""
    state = {
        "ct_alive": 5, "t_alive": 5, "ct_equip_value": 25000, "t_equip_value": 25000, "ct_money": 9000,
        "t_money": 9000, "bomb_planted": 0, "time_remaining": 100, "ct_score": 5, "t_score": 5,
    }  # fmt: skip
    for _ in range(150):
        try:
            asked(f"{address}/api/v1/what-if/round", state)
        except OSError:
            time.sleep(2)
        else:
            return


def forecast(page: Page, address: str) -> None:
    """The forecasts' page with an answer: the two teams that played most, with a bookmaker's odds."""
    teams = asked(f"{address}/api/v1/teams?limit=500")["items"]
    first, second = sorted(teams, key=lambda one: (-one["matches"], one["id"]))[:2]
    page.goto(f"{address}/forecasts?team1={first['id']}&team2={second['id']}", wait_until="networkidle")
    page.fill("[name=market1]", "3.40")
    page.fill("[name=market2]", "1.31")
    page.click("#ask button[type=submit]")
    page.wait_for_selector("#scores svg.main-svg")
    page.wait_for_timeout(1500)
    page.screenshot(path=str(IMAGES / "forecasts.png"), full_page=False)
    print("forecasts.png of /forecasts")


def lineage(page: Page, chosen: Settings) -> None:
    """Dagster: what the round model's champion is made of."""
    page.set_viewport_size({"width": 1800, "height": 920})
    asset = f"{chosen.address(chosen.dagster_port)}/assets/round_predictor_promotion"
    page.goto(f"{asset}?view=lineage&lineageScope=upstream&lineageDepth=6")
    page.wait_for_selector("text=round_snapshots")
    page.wait_for_timeout(8000)
    page.screenshot(path=str(IMAGES / "lineage.png"))
    print("lineage.png of Dagster")


def candidates(page: Page, chosen: Settings) -> None:
    """MLflow: the candidates of the round model's newest training side by side."""
    page.set_viewport_size({"width": 1480, "height": 800})
    address = chosen.address(chosen.mlflow_port)
    api = f"{address}/api/2.0/mlflow"
    experiment = asked(f"{api}/experiments/get-by-name?experiment_name=round_predictor")["experiment"]["experiment_id"]

    def children(of: str) -> list[str]:
        question = {"experiment_ids": [experiment], "filter": of, "order_by": ["attributes.start_time DESC"]}
        return [run["info"]["run_id"] for run in asked(f"{api}/runs/search", question).get("runs", [])]

    newest = next(run for run in children("") if children(f"tags.`mlflow.parentRunId` = '{run}'"))
    runs = children(f"tags.`mlflow.parentRunId` = '{newest}'")
    shown = f"runs={quote(json.dumps(runs))}&experiments={quote(json.dumps([experiment]))}"
    page.goto(f"{address}/#/compare-runs?{shown}&workflowType=machine_learning")
    page.get_by_label("Close", exact=True).click()
    for part in ("Visualizations", "Parameters"):
        page.get_by_text(part, exact=True).first.click()
    page.wait_for_timeout(2000)
    page.screenshot(path=str(IMAGES / "mlflow.png"))
    print("mlflow.png of MLflow")


def asked(address: str, body: Mapping[str, Any] | None = None) -> Any:
    """A document of the API."""
    data = None if body is None else json.dumps(body).encode()
    question = urllib.request.Request(address, data, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(question, timeout=60) as response:  # noqa: S310  our own http address
        return json.load(response)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def gateway() -> Iterator[str]:
    """The address of a gateway over CS2_HOME."""
    port = free_port()
    command = [sys.executable, "-m", "bento.gateway", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ, "CS2_GATEWAY_PORT": str(port)}) as process:  # noqa: S603
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                try:
                    asked(f"{address}/readyz")
                    break
                except OSError:
                    time.sleep(0.2)
            yield address
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
