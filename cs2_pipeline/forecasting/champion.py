"""The promoted match model as forecasts ask it: one version, from its artifact."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Final

from cs2_pipeline.artifact.cache import Artifact, ModelVersion
from cs2_pipeline.forecasting.forecasts import Pairing
from cs2_pipeline.models.match.contest import Contest, LineUp
from cs2_pipeline.models.match.price import KEPT, Price
from cs2_pipeline.models.match.price import Forecaster as MatchModel

EPOCH: Final = date(1970, 1, 1)


class Champion:
    """A `forecasts.Forecaster` over a version of the match model.

    Args:
        version: who prices.
        artifact: with what.

    Raises:
        ArtifactError: the artifact holds no readable ratings.
    """

    def __init__(self, version: ModelVersion, artifact: Artifact) -> None:
        self.registered = version
        self.name, self.version = version.name, version.version
        self._model = MatchModel(artifact)
        self._line_up = lru_cache(KEPT)(self._named)

    def prices(self, asked: Sequence[Pairing]) -> list[list[Price]]:
        """The prices of pairings; a day before the last one learned from counts as that one."""
        return self._model.prices([(self._contest(one), one.map_names) for one in asked])

    def _contest(self, asked: Pairing) -> Contest:
        number = max((asked.day - EPOCH).days, self._model.ratings.day or 0)
        return Contest(number, self._line_up(asked.first, number), self._line_up(asked.second, number), best_of=1)

    def _named(self, players: tuple[str, ...], day: int) -> LineUp:
        return LineUp(players, self._model.ratings.history.points(players, day))
