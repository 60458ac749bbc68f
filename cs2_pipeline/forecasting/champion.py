"""The promoted match model as forecasts ask it: one version, from its artifact."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from cs2_pipeline.artifact.cache import Artifact, ModelVersion
from cs2_pipeline.forecasting.forecasts import Price
from cs2_pipeline.models.match.contest import Contest, LineUp
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

    def prices(
        self, map_names: Sequence[str | None], first: Sequence[str], second: Sequence[str], day: date
    ) -> list[Price]:
        """The first line-up's price on each map; a day before the last one learned from counts as that one."""
        number = max((day - EPOCH).days, self._model.ratings.day or 0)
        points = self._model.ratings.history.points
        one, other = (LineUp(tuple(players), points(players, number)) for players in (first, second))
        found = self._model.prices(Contest(number, one, other, best_of=1), map_names)
        return [Price(each.probability, each.low, each.high) for each in found]
