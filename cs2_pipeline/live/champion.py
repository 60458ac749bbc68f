"""The promoted round model in this process: loaded from the cache of champions, swapped while prices are made.

Whoever runs the live feed keeps the cache filled (the gateway's follower, or `registry` in a consumer of its own).
"""

import logging
import time
from pathlib import Path
from typing import Final

from cs2_pipeline.artifact.cache import ArtifactError, Cache
from cs2_pipeline.artifact.catalog import ROUND
from cs2_pipeline.artifact.round_odds import RoundPredictor

logger = logging.getLogger("cs2.live")

GLANCE: Final = 0.2
"""Seconds between two looks at the cache: one stat call."""


class Champion:
    """The round model to price with.

    Args:
        cache: the folder of champions (`Settings.champion_cache`).
    """

    def __init__(self, cache: Path) -> None:
        self._cache = Cache(cache)
        self._note: tuple[int, int] | None = None
        self._looked = 0.0
        self._predictor: RoundPredictor | None = None
        self.refused = ""

    def current(self) -> RoundPredictor | None:
        """The model, or None while there is no champion. A new one that does not work leaves the last in place."""
        now = time.monotonic()
        if now - self._looked >= GLANCE:
            self._looked = now
            self._glance()
        return self._predictor

    def _glance(self) -> None:
        try:
            found = self._cache.current_file(ROUND.name).stat()
        except OSError:
            return
        note = (found.st_ino, found.st_mtime_ns)
        version = self._cache.current(ROUND.name) if note != self._note else None
        if version is None:
            return
        self._note = note
        if self._predictor is not None and self._predictor.version.digest == version.digest:
            self._predictor.version = version
            return
        try:
            self._predictor = RoundPredictor.ready(version, self._cache.load(version))
        except ArtifactError as error:
            self.refused = str(error)
            logger.error("live prices: version refused: %s", error)
        else:
            self.refused = ""
            logger.info("live prices by %s version %s", version.name, version.version)
