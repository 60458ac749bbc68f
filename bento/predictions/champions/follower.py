"""Keeps the cache of champions up to date: a process of its own, one for all workers of all services of a home.

MLflow's client weighs more than the rest of the service and its calls would delay answers, so no worker has it: this
process asks MLflow, fetches and proves new champions, and notes them in the cache that the workers watch. What it
found is in its `status`. It ends when its standard input closes; a line there makes it look at once.
"""

import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bento.predictions.champions.file_stamps import Note, notes_in
from bento.predictions.champions.status import Status
from cs2_pipeline import settings
from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import Cache
from cs2_pipeline.registry.champion import (
    ArtifactError,
    ModelStore,
    ModelVersion,
    RegistryError,
    RegistryUnavailableError,
)

logger = logging.getLogger("bentoml.champions")

RETRY_REFUSED: Final = 60.0
"""Seconds before a version that was turned down is fetched and checked again."""
LONGEST_LOOK: Final = 60.0
"""Seconds of waiting after which a look is given up: drivers of databases wait for ever for one that accepts and says
nothing."""
LEAST_WORK: Final = 0.01
"""Share of these seconds that a look must have computed to go on: on a busy machine, loading MLflow takes minutes."""


class Follower:
    """Follows the champions of some models.

    Args:
        store: where champions come from.
        cache: the folder it fetches into.
        names: the models.
    """

    def __init__(self, store: ModelStore, cache: Path, names: tuple[str, ...]) -> None:
        self._store = store
        self._cache = Cache(cache)
        self._names = names
        self._refused: dict[tuple[str, str, str], tuple[str, float]] = {}
        self._proven: dict[str, tuple[ModelVersion, dict[str, Note]]] = {}
        former = Status.read(cache)
        self.known = former.champions if former else {}

    def forget(self) -> None:
        """Check everything again at the next look: versions that were refused and artifacts that were proven."""
        self._refused.clear()
        self._proven.clear()

    def look(self) -> Status:
        """Ask MLflow once and take up what changed. Never raises: what went wrong is in the status."""
        status = Status(time.time(), champions=dict(self.known))
        for name in self._names:
            try:
                self._look_at(name, status)
            except RegistryUnavailableError as error:
                status.error = str(error)
                break  # asking for the next one would take as long
            except RegistryError as error:
                status.error = str(error)
            except Exception as error:
                # A defect here must not end the service's only way to new models.
                logger.exception("looking for the champion of %s failed", name)
                status.error = f"looking for the champion of {name} failed: {type(error).__name__}"
        self.known = status.champions
        return status

    def _look_at(self, name: str, status: Status) -> None:
        version = self._store.champion(name)
        status.champions[name] = version.version if version else None
        if version is None:
            return
        key = (name, version.version, version.run_id)
        reason, until = self._refused.get(key, ("", 0.0))
        if time.time() < until:
            status.refused[name] = reason
        elif not self._is_kept(version):
            try:
                self._store.fetch(version)
            except ArtifactError as error:
                self._refused[key] = (str(error), time.time() + RETRY_REFUSED)
                status.refused[name] = str(error)
                logger.error("champion refused: %s", error)
            else:
                self._proven[name] = version, notes_in(self._cache.folder(version))
                logger.info("champion of %s: version %s", name, version.version)

    def _is_kept(self, version: ModelVersion) -> bool:
        """Whether the cache notes a version and holds its artifact as it was when this process proved it."""
        proven = self._proven.get(version.name)
        if proven != (version, notes_in(self._cache.folder(version))):
            return False
        return self._cache.current(version.name) == version


@contextmanager
def bounded(follower: Follower, cache: Path) -> Iterator[None]:
    """End this process when the block waits too long, saying so in the status. Whoever follows starts another."""

    def give_up() -> None:
        error = f"MLflow has not answered within {LONGEST_LOOK:g} s"
        Status(time.time(), error, champions=follower.known).write(cache)
        logger.error("%s: giving up", error)
        os._exit(1)

    def watch() -> None:
        worked = time.process_time()
        while not done.wait(LONGEST_LOOK):
            before, worked = worked, time.process_time()
            if worked - before < LEAST_WORK * LONGEST_LOOK:
                give_up()

    done = threading.Event()
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def main() -> None:
    """Follow until standard input closes."""
    # Signals to the whole group are the service's: it closes our input when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s [%(levelname)s] [champions] %(message)s")
    chosen = settings.load()
    cache = chosen.champion_cache
    cache.mkdir(parents=True, exist_ok=True)
    store = ModelStore(chosen.resolved_tracking_uri(), cache)
    follower = Follower(store, cache, tuple(dict.fromkeys((*chosen.served_model_names(), *catalog.names()))))
    told = select.poll()
    told.register(sys.stdin, select.POLLIN)
    while True:
        with bounded(follower, cache):
            follower.look().write(cache)
        if told.poll(1000 * chosen.reload_interval):
            if not os.read(sys.stdin.fileno(), 4096):
                return
            follower.forget()


if __name__ == "__main__":
    main()
