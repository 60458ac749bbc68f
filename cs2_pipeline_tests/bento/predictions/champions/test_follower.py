"""The follower keeps the cache as MLflow has it, and repairs what was damaged there."""

import asyncio
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bento.predictions.champions import champions as champions_module
from bento.predictions.champions import follower as follower_module
from bento.predictions.champions.champions import STALE, STARTING, Champions
from bento.predictions.champions.follower import Follower
from bento.predictions.champions.status import Status
from cs2_pipeline.registry.champion import ModelStore, RegistryError, RegistryUnavailableError
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.serving import PATIENCE, free_port

SERVICE_GUIDE = Path(__file__).parents[4] / "docs" / "service.md"


@pytest.fixture
def settings(home):
    home.promote(home.register_round())
    return Settings(home=home.path, mlflow_tracking_uri=home.uri, served_models="round_predictor")


def new_follower(settings):
    store = ModelStore(settings.resolved_tracking_uri(), settings.champion_cache)
    return Follower(store, settings.champion_cache, settings.served_model_names())


def glance(champions):
    asyncio.run(champions.glance())
    return champions.predictors.get("round_predictor")


def model_file(settings):
    (file,) = settings.champion_cache.glob("round_predictor/1-*/model.onnx")
    return file


def truncate(file):
    file.write_bytes(file.read_bytes()[:-1])


def damage_unseen(file):
    """Change a file as a failing disk does: size and times stay."""
    before = file.stat()
    with file.open("r+b") as content:
        content.write(b"\xff")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_follower_that_starts_repairs_a_damaged_cache_and_the_worker_takes_it_up(settings):
    new_follower(settings).look()
    truncate(model_file(settings))
    champions = Champions(settings)
    assert glance(champions) is None
    assert new_follower(settings).look().refused == {}
    assert glance(champions).version.version == "1"
    assert champions.refused == {}


def test_a_running_follower_repairs_what_changes_under_it(settings):
    follower = new_follower(settings)
    follower.look()
    truncate(model_file(settings))
    follower.look()
    assert glance(Champions(settings)).version.version == "1"


def test_a_reload_checks_also_what_seems_unchanged(settings):
    follower = new_follower(settings)
    follower.look()
    damage_unseen(model_file(settings))
    follower.look()
    assert glance(Champions(settings)) is None
    follower.forget()
    follower.look()
    assert glance(Champions(settings)).version.version == "1"


def test_what_is_proven_is_left_alone(settings):
    follower = new_follower(settings)
    follower.look()
    note = settings.champion_cache / "round_predictor" / "champion.json"
    before = note.stat().st_ino, note.stat().st_mtime_ns
    follower.look()
    assert (note.stat().st_ino, note.stat().st_mtime_ns) == before


def on_postgres(tmp_path, port):
    uri = f"postgresql+psycopg2://mlflow:hidden@127.0.0.1:{port}/mlflow"
    settings = Settings(home=tmp_path, mlflow_tracking_uri=uri)
    settings.champion_cache.mkdir(parents=True)
    return settings


def test_a_postgres_that_is_not_there_is_said_at_once_and_what_was_known_stays(tmp_path):
    settings = on_postgres(tmp_path, free_port())
    known = {"round_predictor": "7", "player_classifier": None}
    Status(1.0, champions=known).write(settings.champion_cache)
    status = new_follower(settings).look()  # MLflow itself would take minutes
    assert status.error.startswith("MLflow at postgresql+psycopg2://***@127.0.0.1")
    assert "hidden" not in status.error
    assert status.champions == known


def test_a_postgres_that_accepts_and_says_nothing_does_not_hold_the_follower_for_ever(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = on_postgres(tmp_path, silent.getsockname()[1])
        environment = {"CS2_HOME": str(tmp_path), "CS2_MLFLOW_TRACKING_URI": settings.resolved_tracking_uri()}
        script = "from bento.predictions.champions import follower; follower.LONGEST_LOOK = 0.2; follower.main()"
        done = subprocess.run([sys.executable, "-c", script], env=environment, stdin=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert Status.read(settings.champion_cache).error == "MLflow has not answered within 0.2 s"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_look_that_computes_goes_on_however_long_it_takes_and_one_that_waits_is_given_up(tmp_path, monkeypatch):
    # The last first: twice a hundredth of the time and a little more was computed, then nothing.
    worked, gone = [2.2e-5, 2.2e-5, 1.1e-5, 0.0], threading.Event()

    def end(status):
        gone.set()
        raise SystemExit(status)

    monkeypatch.setattr(follower_module, "LONGEST_LOOK", 0.001)
    monkeypatch.setattr(follower_module.time, "process_time", worked.pop)
    monkeypatch.setattr(follower_module.os, "_exit", end)
    with follower_module.bounded(new_follower(Settings(home=tmp_path)), tmp_path):
        assert gone.wait(PATIENCE)
    assert worked == []
    assert Status.read(tmp_path).error == "MLflow has not answered within 0.001 s"


def test_the_bound_on_how_long_a_hanging_mlflow_goes_unsaid_is_the_one_in_the_docs(tmp_path, monkeypatch):
    settings = Settings(home=tmp_path, reload_interval=3.0)
    bound = STALE * 3.0 + STARTING
    Status(1_000.0).write(settings.champion_cache)
    monkeypatch.setattr(champions_module.time, "time", lambda: 900.0)
    champions = Champions(settings)
    glance(champions)

    def complains(now):
        monkeypatch.setattr(champions_module.time, "time", lambda: now)
        return any("has not answered" in one for one in champions.complaints(detailed=False))

    assert not complains(1_000.0 + bound)
    assert complains(math.nextafter(1_000.0 + bound, math.inf))
    (said,) = re.findall(r"(\d+) × `CS2_RELOAD_INTERVAL` \+ (\d+) s", SERVICE_GUIDE.read_text())
    assert tuple(map(float, said)) == (STALE, STARTING)


def test_an_mlflow_that_accepts_and_says_nothing_makes_the_service_say_so(tmp_path, monkeypatch):
    """Whatever the client's own limits are: here they are far away."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings = Settings(home=tmp_path, mlflow_tracking_uri=uri, reload_interval=0.1)
        settings.champion_cache.mkdir(parents=True)
        environment = {"CS2_HOME": str(tmp_path), "CS2_MLFLOW_TRACKING_URI": uri, "MLFLOW_HTTP_REQUEST_TIMEOUT": "600"}
        command = [sys.executable, "-m", "bento.predictions.champions.follower"]
        monkeypatch.setattr(champions_module, "STARTING", 0.5)
        champions = Champions(settings)
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as follower:
            try:
                asking, _ = silent.accept()
                with asking:
                    assert asking.recv(1)  # it asks, and gets no answer
                    while not any("has not answered" in one for one in champions.complaints()):
                        glance(champions)
                        time.sleep(0.05)
                    assert follower.poll() is None
                    assert Status.read(settings.champion_cache) is None
            finally:
                follower.kill()


@pytest.mark.parametrize("service", [0, 15])
def test_a_follower_is_never_less_nice_than_its_service(service):
    script = f"""
import os, subprocess
from bento.predictions.champions.champions import FOLLOWER_NICENESS, put_behind
os.nice({service})
with subprocess.Popen(["sleep", "600"]) as follower:
    put_behind(follower.pid)
    niceness = os.getpriority(os.PRIO_PROCESS, follower.pid)
    follower.kill()
assert niceness >= max(FOLLOWER_NICENESS, os.getpriority(os.PRIO_PROCESS, 0)), niceness
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_follower_that_cannot_be_started_is_tried_again(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("bento.predictions.champions.champions.RESTART", 0.01)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))

    async def told_three_times():
        async with asyncio.timeout(PATIENCE), Champions(Settings(home=tmp_path)).followed():
            while caplog.text.count("no follower of champions can be started") < 3:
                await asyncio.sleep(0.01)

    asyncio.run(told_three_times())


def test_a_refused_champion_is_fetched_again_after_a_minute_and_no_sooner(settings, monkeypatch):
    (file,) = settings.home.glob("artifacts/**/model.onnx")
    whole = file.read_bytes()
    truncate(file)
    clock = SimpleNamespace(time=lambda: 1_000.0)
    monkeypatch.setattr(follower_module, "time", clock)
    follower = new_follower(settings)
    first = follower.look()
    assert (first.champions, first.looked_at, first.error) == ({"round_predictor": "1"}, 1_000.0, None)
    assert "round_predictor" in first.refused
    file.write_bytes(whole)
    clock.time = lambda: 1_059.9
    assert follower.look().refused == first.refused
    clock.time = lambda: 1_060.0
    assert follower.look().refused == {}
    assert glance(Champions(settings)).version.version == "1"


def test_a_reload_tries_a_refused_champion_at_once(settings):
    (file,) = settings.home.glob("artifacts/**/model.onnx")
    whole = file.read_bytes()
    truncate(file)
    follower = new_follower(settings)
    assert follower.look().refused
    file.write_bytes(whole)
    assert follower.look().refused
    follower.forget()
    assert follower.look().refused == {}


def test_one_model_that_cannot_be_asked_for_keeps_no_other_from_being_followed_unless_mlflow_is_away(tmp_path, caplog):
    names = ("round_predictor", "player_classifier", "match_forecaster")

    class Store:
        def __init__(self, error):
            self.error, self.asked = error, []

        def champion(self, name):
            self.asked.append(name)
            if name == "player_classifier":
                raise self.error

    Status(1.0, champions=dict.fromkeys(names, "7")).write(tmp_path)
    for error, said, asked in (
        (RegistryError("an odd tag"), "an odd tag", names),
        (RegistryUnavailableError("it is away"), "it is away", names[:2]),
        (ZeroDivisionError(), "looking for the champion of player_classifier failed: ZeroDivisionError", names),
    ):
        store = Store(error)
        follower = Follower(store, tmp_path, names)
        status = follower.look()
        assert status.error == said and tuple(store.asked) == asked
        assert (
            follower.known
            == status.champions
            == dict.fromkeys(names, "7") | {name: None for name in asked if name != "player_classifier"}
        )
    assert "ZeroDivisionError" in caplog.text


def test_it_follows_every_model_until_its_input_closes_and_leaves_signals_to_the_service(home, monkeypatch):
    signals, refused = (signal.SIGINT, signal.SIGTERM), []
    before = [signal.getsignal(one) for one in signals]
    reading, writing = os.pipe()
    os.write(writing, b"\n")
    look = Follower.look

    def looked(self):
        refused.append(dict(self._refused))
        self._refused["a model"] = ("why", math.inf)
        if len(refused) == 2:
            os.close(writing)
        return look(self)

    settings = Settings(home=home.path, reload_interval=3_600.0, served_models="round_predictor")
    monkeypatch.setattr(follower_module, "settings", SimpleNamespace(load=lambda: settings))
    monkeypatch.setattr(Follower, "look", looked)
    try:
        with os.fdopen(reading) as given:
            monkeypatch.setattr(sys, "stdin", given)
            follower_module.main()
        assert [signal.getsignal(one) for one in signals] == [signal.SIG_IGN] * 2
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
    assert refused == [{}, {}], "a line makes it forget what it turned down"
    status = Status.read(settings.champion_cache)
    assert status.champions == {"round_predictor": None, "player_classifier": None, "match_forecaster": None}
    assert (status.error, status.refused) == (None, {})
