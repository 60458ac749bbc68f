"""The promoted models in this process: loaded from the cache of champions, swapped while prices are made.

Whoever runs the live feed keeps the cache filled (the gateway's follower, or `registry` in a consumer of its own).
"""

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, Generic, TypeVar

from cs2_pipeline.artifact.cache import Artifact, ArtifactError, Cache, ModelVersion
from cs2_pipeline.artifact.catalog import MATCH, ROUND
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.live.pricing import LineUps, Odds
from cs2_pipeline.models.match import price as match
from cs2_pipeline.models.match.contest import Contest, LineUp

logger = logging.getLogger("cs2.live")

GLANCE: Final = 0.2
"""Seconds between two looks at the cache: one stat call a model."""
REMEMBERED: Final = 4_096
"""Prices of maps kept at hand."""


Model = TypeVar("Model", bound="RoundPredictor | MapForecaster")


class MapForecaster:
    """The promoted match model: what a map is worth before its first round.

    Args:
        version: who prices.
        artifact: with what.

    Raises:
        ArtifactError: the artifact holds no readable ratings.
    """

    def __init__(self, version: ModelVersion, artifact: Artifact) -> None:
        self.version = version
        self._model = match.Forecaster(artifact)
        self._priced = lru_cache(REMEMBERED)(self._price)

    def price(self, map_name: str | None, line_ups: LineUps, day: int) -> Odds:
        """See `pricing.Forecaster`; a day before the last one learned from counts as that one."""
        return self._priced(map_name, line_ups, max(day, self._model.ratings.day or 0))

    def _price(self, map_name: str | None, line_ups: LineUps, day: int) -> Odds:
        first, second = (LineUp(players) for players in line_ups)
        found = self._model.price(Contest(day, first, second, best_of=1, map_name=map_name))
        return found.probability, found.low, found.high


class Champion:
    """The models to price with.

    Args:
        cache: the folder of champions (`Settings.champion_cache`).
    """

    def __init__(self, cache: Path) -> None:
        files = Cache(cache)
        self._round = _Followed(files, ROUND.name, RoundPredictor.ready)
        self._match = _Followed(files, MATCH.name, MapForecaster)
        self._looked = 0.0

    @property
    def refused(self) -> str:
        """Why the newest version of a model is not used; "" when it is."""
        return "; ".join(one.refused for one in (self._round, self._match) if one.refused)

    def current(self) -> RoundPredictor | None:
        """The round model, None while there is no champion; a new one that does not work leaves the last in place."""
        self._look()
        return self._round.model

    def forecaster(self) -> MapForecaster | None:
        """The match model, likewise."""
        self._look()
        return self._match.model

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked >= GLANCE:
            self._looked = now
            self._round.glance()
            self._match.glance()


class _Followed(Generic[Model]):
    """One model as the cache has it."""

    def __init__(self, cache: Cache, name: str, ready: Callable[[ModelVersion, Artifact], Model]) -> None:
        self._cache, self._name, self._ready = cache, name, ready
        self._note: tuple[int, int] | None = None
        self.model: Model | None = None
        self.refused = ""

    def glance(self) -> None:
        try:
            found = self._cache.current_file(self._name).stat()
        except OSError:
            return
        note = (found.st_ino, found.st_mtime_ns)
        version = self._cache.current(self._name) if note != self._note else None
        if version is None:
            return
        self._note = note
        if self.model is not None and self.model.version.digest == version.digest:
            self.model.version = version
            return
        try:
            self.model = self._ready(version, self._cache.load(version))
        except ArtifactError as error:
            self.refused = str(error)
            logger.error("live prices: version refused: %s", error)
        else:
            self.refused = ""
            logger.info("live prices by %s version %s", version.name, version.version)
