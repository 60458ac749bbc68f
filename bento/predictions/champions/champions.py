"""The models a worker answers with, swapped while it answers.

The worker watches the cache that `follower` fills. A new champion is loaded, proven and warmed up beside the one that
is answering, then takes its place in one assignment: a request uses one version from beginning to end.
"""

import asyncio
import fcntl
import logging
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from bento.predictions.champions.file_stamps import Note, note_of, notes_in
from bento.predictions.champions.status import STATUS_FILE, Status
from bento.predictions.http import metrics
from cs2_pipeline.artifact.cache import ArtifactError, Cache, ModelVersion
from cs2_pipeline.artifact.predictors import Predictor, predictor
from cs2_pipeline.settings import Settings

logger = logging.getLogger("bentoml.champions")

GLANCE: Final = 0.2
"""Seconds between two looks at the cache: a few stat calls."""
RELOAD_FILE: Final = "reload"
LOCK_FILE: Final = "follower.lock"
RESTART: Final = 2.0
"""Seconds until a follower that ended, or could not be started, is started again."""
FOLLOWER_NICENESS: Final = 10
"""Answers go before the follower, from its first import on."""
STALE: Final = 5
STARTING: Final = 10.0
"""After so many intervals without news from the follower, and seconds for its start, the service says so."""


@dataclass(frozen=True)
class Refusal:
    """A version that is not served: why, and the files it was judged by."""

    reason: str
    folder: Path
    files: dict[str, Note]

    def is_outdated(self) -> bool:
        """Whether the files have changed since."""
        return notes_in(self.folder) != self.files


class Champions:
    """The loaded models of one worker."""

    def __init__(self, settings: Settings) -> None:
        self.names = settings.served_model_names()
        self.predictors: dict[str, Predictor[Any]] = {}
        self.refused: dict[str, Refusal] = {}
        self._root = settings.champion_cache
        self._interval = settings.reload_interval
        self._cache = Cache(self._root)
        self._notes: dict[str, Note] = {}
        self._status: Status | None = None
        self._status_note: Note | None = None
        self._started = time.time()
        self._glancing = asyncio.Lock()
        metrics.count_reloads_of(self.names)

    @property
    def versions(self) -> list[ModelVersion]:
        """The versions being served."""
        return [self.predictors[name].version for name in self.names if name in self.predictors]

    def missing(self) -> list[str]:
        """The models that should be served and are not: all but those of which MLflow said that there is no champion.

        Its last answer counts, also one to a service that ran here before. With no champion at all, all are missing.
        """
        said = self._status.champions if self._status else {}
        without = [name for name in self.names if said.get(name, "") is None and name not in self._notes]
        wanted = [name for name in self.names if name not in without] or self.names
        return [name for name in wanted if name not in self.predictors]

    def complaints(self, *, detailed: bool = True) -> list[str]:
        """What is not as it should be, in sentences; empty when all is well.

        Args:
            detailed: with what was found, which names stores, files and queries: not for everybody.
        """
        found = [f"no champion of {name} is loaded" for name in self.names if name not in self.predictors]
        since = "serving the last champions fetched: " if self.predictors else ""
        asked = max(self._started, self._status.looked_at if self._status else 0.0)
        if self._status and self._status.error:
            error = self._status.error if detailed else "MLflow could not be asked; the service's log says why"
            found.append(f"{since}{error}")
        elif time.time() - asked > STALE * self._interval + STARTING:
            found.append(f"{since}MLflow has not been asked, or has not answered, for some time")
        said = self._status.refused if self._status else {}
        refused = {name: reason for name, reason in said.items() if name in self.names}
        refused |= {name: refusal.reason for name, refusal in self.refused.items()}
        if not detailed:
            return found + [
                f"the present champion of {name} was refused; the service's log says why" for name in refused
            ]
        return found + [f"the present champion was refused: {reason}" for reason in refused.values()]

    async def reloaded_since(self, moment: float) -> bool:
        """Whether MLflow was asked after a moment; if so, what it said is what this worker now serves."""
        status = Status.read(self._root)
        if status is None or status.looked_at < moment:
            return False
        await self.glance()
        return True

    async def glance(self) -> None:
        """Take up what is new in the cache."""
        async with self._glancing:
            self._glance_at_status()
            for name in self.names:
                note = note_of(self._cache.current_file(name))
                refusal = self.refused.get(name)
                if note is not None and (note != self._notes.get(name) or (refusal and refusal.is_outdated())):
                    await asyncio.to_thread(self._take_up, name)
                    self._notes[name] = note

    def _glance_at_status(self) -> None:
        note = note_of(self._root / STATUS_FILE)
        if note is None or note == self._status_note:
            return
        former, self._status = self._status, Status.read(self._root)
        self._status_note = note
        for name, reason in (self._status.refused if self._status else {}).items():
            if name not in self.names:
                continue  # another service's
            if former is None or former.refused.get(name) != reason:
                metrics.RELOADS.labels(name, "refused").inc()

    def _take_up(self, name: str) -> None:
        version = self._cache.current(name)
        if version is None:
            return
        present = self.predictors.get(name)
        if present is not None and _same_model(present.version, version):
            present.version = version  # its description changed
            self.refused.pop(name, None)
            return
        folder = self._cache.folder(version)
        files = notes_in(folder)
        try:
            self.predictors[name] = predictor(version, self._cache.load(version))
        except Exception as error:
            # Whatever a model fails with, it must not keep the others from being served.
            known = isinstance(error, ArtifactError)
            reason = str(error) if known else f"{name} {version.version} does not work: {error!r}"
            self.refused[name] = Refusal(reason, folder, files)
            metrics.RELOADS.labels(name, "refused").inc()
            logger.error("version refused: %s", reason, exc_info=not known)
        else:
            self.refused.pop(name, None)
            metrics.RELOADS.labels(name, "loaded").inc()
            logger.info("serving %s version %s", name, version.version)

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Keep up with MLflow while the block runs."""
        self._root.mkdir(parents=True, exist_ok=True)
        await self.glance()
        tasks = [asyncio.create_task(self._watch()), asyncio.create_task(keep_following(self._root))]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(GLANCE)
            try:
                await self.glance()
            except Exception:
                # Whatever is wrong with the cache, the loaded models keep answering.
                logger.exception("looking at the cache of champions failed")


def request_reload(settings: Settings) -> None:
    """Make the follower look at MLflow at once."""
    settings.champion_cache.mkdir(parents=True, exist_ok=True)  # somebody may have deleted it
    (settings.champion_cache / RELOAD_FILE).write_text(str(time.time()))


async def keep_following(root: Path) -> None:
    """Run the follower while this worker holds the lock; wait for the lock while another worker does."""
    with (root / LOCK_FILE).open("w") as lock:
        while not _locked(lock):
            await asyncio.sleep(1)
        while True:
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "bento.predictions.champions.follower",
                    stdin=asyncio.subprocess.PIPE,
                    env=_follower_environment(),
                )
            except OSError as error:  # no memory for another process, say
                logger.error("no follower of champions can be started: %s; trying again", error)
                await asyncio.sleep(RESTART)
                continue
            put_behind(process.pid)
            try:
                await _pass_on_reloads(process, root / RELOAD_FILE)
            finally:
                await _end(process)
            logger.error("the follower of champions ended with status %s; starting another", process.returncode)
            await asyncio.sleep(RESTART)


def put_behind(follower: int) -> None:
    """Let answers go before a follower. Where the service itself is nicer than that, they go with it."""
    with suppress(OSError):  # it has ended already, or the system does not allow it
        niceness = max(FOLLOWER_NICENESS, os.getpriority(os.PRIO_PROCESS, 0))  # less may be root's alone to give
        os.setpriority(os.PRIO_PROCESS, follower, niceness)


async def _pass_on_reloads(process: asyncio.subprocess.Process, file: Path) -> None:
    seen = note_of(file)
    while process.returncode is None:
        await asyncio.sleep(GLANCE)
        if (note := note_of(file)) != seen and process.stdin is not None:
            seen = note
            process.stdin.write(b"\n")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(2):
            await process.wait()
    except TimeoutError:
        # It waits for an MLflow that does not answer.
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _follower_environment() -> dict[str, str]:
    # Metrics are the workers': a process that only imports prometheus_client would leave empty files behind.
    return {key: value for key, value in os.environ.items() if key != "PROMETHEUS_MULTIPROC_DIR"}


def _locked(file: IO[Any]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _same_model(one: ModelVersion, other: ModelVersion) -> bool:
    return (one.version, one.run_id, one.digest) == (other.version, other.run_id, other.digest)
