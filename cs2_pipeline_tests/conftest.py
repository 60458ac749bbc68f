"""What holds for every test: how fast the machine is decides nothing, and what is dear is made once.

Files that take longest begin first: with one file at a time for each worker, a long one at the end would leave the
other workers idle.
"""

import fcntl
import gc
import os
import shutil
import signal
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, settings

# Four workers share two processors: threads of one that wait for each other would only take time from the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything imports NumPy or PyTorch

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

LONGEST = (
    "acceptance/test_end_to_end", "deploy/test_wiring", "operations/test_survival", "champions/test_champions",
    "predictions/http/", "pages/test_access", "pages/test_keyboard", "pages/test_matches", "importers/test_ingest",
    "training/test_train", "cli/test_bad_input", "evaluation/test_drift", "datasets/test_snapshots",
    "simulator/test_match_truth", "gateway/test_fuzz", "training/test_changed_play", "stats/test_metrics",
    "coaching/test_league", "models/player/test_classifier", "models/round/test_predictor", "third_model/",
    "live/test_durability", "defs/test_extraction", "defs/test_monitoring", "automation/test_new_demos",
    "defs/test_coaching", "gateway/test_killed", "registry/test_registry",
)  # fmt: skip

TOGETHER = {
    "one prediction service": ("bento/predictions/http/", "bento/clients/", "bento/predictions/test_"),
    "one browser and one gateway": ("bento/gateway/pages/",),
    "one simulation of each patch": ("evaluation/test_drift", "evaluation/test_live_calibration"),
}
"""Files that share what is dear to make → the files."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """One file at a time for each worker; files that share what is dear to make go to one worker: it is made once."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            shared = (what for what, places in TOGETHER.items() if any(place in nodeid for place in places))
            return next(shared, super()._split_scope(nodeid))

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while tests are collected: what they import stays, and looking takes a fifth of the time.

    One worker collects before the others: it compiles the tests, and the others read what it compiled.
    """
    gc.disable()
    try:
        with Path(__file__).open() as lock:
            if "PYTEST_XDIST_WORKER" in os.environ:
                _first_or_shared(lock)
            return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _first_or_shared(lock: IO[str]) -> None:
    """Take a lock alone if nobody has it, else together with all who wait for the first to give it back."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fcntl.flock(lock, fcntl.LOCK_SH)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, in the order of `LONGEST`."""

    def place(item: pytest.Item) -> int:
        return next((place for place, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST))

    items.sort(key=place)


@pytest.fixture(autouse=True)
def signals_as_at_first():
    """What a test starts inherits no ignored signal, whatever an earlier test left: a shell cannot trap those."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Makes a folder once for all workers of this run, by the name it is given; whoever wants to write copies it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], object]) -> Path:
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            folder = base / name
            if not folder.exists():
                half = base / f"{name}.part"
                shutil.rmtree(half, ignore_errors=True)  # of a worker that failed to make it
                half.mkdir()
                make(half)
                half.rename(folder)
        return folder

    return made


@pytest.fixture(scope="session")
def empty_store(once):
    """The file of an MLflow store without any model: making its tables takes a second, a copy nothing."""
    from cs2_pipeline.registry.client import connect

    def make(folder):
        connect(f"sqlite:///{folder / 'mlflow.db'}").search_experiments()

    return once("empty-store", make) / "mlflow.db"


@pytest.fixture
def mlflow_uri(tmp_path, empty_store):
    """The address of a new, empty MLflow store, where a platform whose home is `tmp_path` looks for it."""
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"
