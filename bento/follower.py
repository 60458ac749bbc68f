"""Keeps the cache of champions up to date: a process of its own, one for all workers.

MLflow's client weighs more than the rest of the service and its calls would delay answers, so no worker has it: this
process asks MLflow, fetches and proves new champions, and notes them in the cache that the workers watch. What it
found is in its `status`. It ends when its standard input closes; a line there makes it look at once.
"""

import logging
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Final

from bento.files import Note, notes_in
from bento.status import Status
from cs2_pipeline import settings
from cs2_pipeline.registry.cache import Cache
from cs2_pipeline.registry.champion import ArtifactError, ModelStore, ModelVersion, RegistryError

logger = logging.getLogger("bentoml.champions")

RETRY_REFUSED: Final = 60.0
"""Seconds before a version that was turned down is fetched and checked again."""


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

    def forget(self) -> None:
        """Check everything again at the next look: versions that were refused and artifacts that were proven."""
        self._refused.clear()
        self._proven.clear()

    def look(self) -> Status:
        """Ask MLflow once and take up what changed. Never raises: what went wrong is in the status."""
        status = Status(time.time())
        for name in self._names:
            try:
                self._look_at(name, status)
            except RegistryError as error:
                status.error = str(error)
            except Exception as error:
                # A defect here must not end the service's only way to new models.
                logger.exception("looking for the champion of %s failed", name)
                status.error = f"looking for the champion of {name} failed: {type(error).__name__}"
        return status

    def _look_at(self, name: str, status: Status) -> None:
        version = self._store.champion(name)
        if version is None:
            return
        status.champions[name] = version.version
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


def main() -> None:
    """Follow until standard input closes."""
    # Signals to the whole group are the service's: it closes our input when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.nice(10)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s [%(levelname)s] [champions] %(message)s")
    chosen = settings.load()
    cache = chosen.champion_cache
    cache.mkdir(parents=True, exist_ok=True)
    store = ModelStore(chosen.resolved_tracking_uri(), cache)
    follower = Follower(store, cache, chosen.served_model_names())
    while True:
        follower.look().write(cache)
        ready, _, _ = select.select([sys.stdin], [], [], chosen.reload_interval)
        if ready:
            if not os.read(sys.stdin.fileno(), 4096):
                return
            follower.forget()


if __name__ == "__main__":
    main()
