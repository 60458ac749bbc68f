"""A gateway of this machine over a home with promoted models, and a browser that looks at it."""

import fcntl
import shutil
import socket
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import uvicorn

from bento.gateway.app import build_app
from cs2_pipeline.forecasting import directories
from cs2_pipeline.records import directories as stored_directories
from cs2_pipeline.records import reports as stored
from cs2_pipeline.registry.champion import ModelStore
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.pages import reports
from cs2_pipeline_tests.forecasting import league

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 300_000
"""Milliseconds a page may take on a busy machine; it only ends what hangs."""
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@contextmanager
def gateway_on_a_port(home, *, opened=lambda app: None):
    """The address of a gateway that browsers can ask, with its champions fetched; `opened` is told once it runs."""
    settings = Settings(home=home, body_timeout=3600)
    store = ModelStore(settings.resolved_tracking_uri(), settings.champion_cache)
    if (champion := store.champion("round_predictor")) is not None:
        store.fetch(champion)
    listening = socket.create_server(("127.0.0.1", 0))
    settings.champion_cache.mkdir(parents=True, exist_ok=True)
    lock = (settings.champion_cache / "follower.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # as where the prediction service runs its follower already
    app = build_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    opened(app)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    lock.close()


@pytest.fixture(scope="session")
def site(new_home, tmp_path_factory):
    """The address of a gateway over a home with promoted models; a home of its own, for it fetches champions itself."""
    home = new_home(tmp_path_factory.mktemp("site"))
    home.promote(home.register_round())
    home.promote(home.register_player(**reports.EVIDENCE))
    with gateway_on_a_port(home.path, opened=filled) as address:
        yield address


def filled(app):
    """A league to forecast for, and what the pipeline reports."""
    with_a_league(app)
    known = (
        replace(one, about={**one.about, **reports.PLAYER}) if one.id == reports.KNOWN_PLAYER else one
        for one in league.entries()
    )
    stored_directories.replace(app.state.records, known)
    app.state.forecasting.directories = directories.load(app.state.records)
    now = datetime(2026, 1, 11, 6, tzinfo=UTC)
    stored.replace(app.state.records, stored.DATA, reports.DATA, at=now)
    stored.replace(app.state.records, stored.monitoring("round_predictor"), reports.LOOK, at=now)


def with_a_league(app):
    """Teams and players to forecast for, and a forecaster of known strengths."""
    league.fill(app.state.records)
    app.state.forecasting.forecaster = league.Strengths()
    app.state.forecasting.directories = directories.load(app.state.records)


@pytest.fixture(scope="session")
def empty_site(new_home, tmp_path_factory):
    """The address of a gateway over a home in which nothing has happened yet."""
    with gateway_on_a_port(new_home(tmp_path_factory.mktemp("nothing")).path) as address:
        yield address


@pytest.fixture(scope="package")
def chromium():
    """A real browser; for this folder alone, since an event loop runs in this thread for as long as it is open."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    sync_api.expect.set_options(timeout=PATIENCE)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET), timeout=PATIENCE)
        yield browser
        browser.close()


class Watched:
    """A page of the browser, with everything it complained about and everybody it asked."""

    def __init__(self, page):
        self.page = page
        self._size = page.viewport_size
        self.complaints = []
        self.hosts = set()
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(request.url.split("/")[2].partition(":")[0]))

    def forget(self):
        """Be as new, of the first size, with nothing routed or kept; its complaints and hosts stay to be looked at."""
        self.page.unroute_all()
        self.page.context.set_offline(False)
        self.page.set_viewport_size(self._size)
        self.page.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
        self.page.context.clear_cookies()
        self.page.goto("about:blank")
        self.page.mouse.click(1, 1)  # the keyboard goes to the page again, not to the browser's own controls


@pytest.fixture(scope="package")
def unused(chromium):
    """Pages no test looks at, by their options: to open one costs the browser more than most tests do."""
    return defaultdict(list)


@pytest.fixture
def watched(chromium, unused):
    """Opens pages; whatever a page complained of in the console, or asked of another host, fails the test."""
    opened = []

    def open_page(address, **options):
        kind = unused[repr(sorted(options.items()))]
        if not kind:
            context = chromium.new_context(**options)
            context.set_default_timeout(PATIENCE)
            kind.append(Watched(context.new_page()))
        found = kind.pop()
        opened.append((kind, found))
        found.page.goto(address, wait_until="networkidle")
        return found

    yield open_page
    for _, found in opened:
        found.forget()
    for _, found in opened:
        assert found.complaints == []
        assert found.hosts <= {"127.0.0.1"}
    for kind, found in opened:
        found.hosts.clear()
        kind.append(found)
