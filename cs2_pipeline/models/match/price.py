"""The price of a map or series: what the fitted last step makes of what is expected of a contest.

`Forecaster` is a champion as serving asks it: ratings from the artifact's state, the price from its graph. The graph's
formula in float64 is `Step`; `forecaster` writes the one as the other.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.artifact.artifact import Artifact, ArtifactError, Outputs
from cs2_pipeline.models.match.contest import Contest
from cs2_pipeline.models.match.ratings import Ratings

FEATURES: Final = ("latent", "variance", "best_of")
"""What the graph reads: `ratings.Outlook` and the number of maps."""
INTERVAL_LEVEL: Final = 0.9
REACH: Final = 1.645
"""Half-width of a normal distribution's interval of that level, in standard deviations."""
KEPT: Final = 4096
"""Line-ups on a day that a served model remembers."""
LOGIT_LIMIT: Final = 9.0
"""No map is called more certain than this: probabilities stay within 0.0001 of 0 and 1."""

Floats = NDArray[np.float64]


class Price(NamedTuple):
    """The first side's probability of winning, with the bounds of its 90 % interval."""

    probability: float
    low: float
    high: float


@dataclass(frozen=True)
class Step:
    """From an expected advantage to a price.

    The price is that of the favourite, and the other side's is its complement: so exchanging the sides gives exactly
    1 − p. The interval is that of the advantage; its width grows with the variance whatever the advantage is.

    Attributes:
        slope: by how much the advantage is stretched; found on matches the model has not been judged on.
        widening: by how much the standard deviation is stretched in the interval.
    """

    slope: float = 1.0
    widening: float = 1.0

    def __call__(self, latent: Floats, variance: Floats, best_of: Floats) -> dict[str, Floats]:
        """Price and bounds; arguments of shape (rows,)."""
        ahead = self.slope * np.abs(latent)
        spread = self.slope**2 * variance.clip(min=0.0)
        center = ahead / np.sqrt(1.0 + spread * (math.pi / 8.0))
        half = REACH * self.widening * np.sqrt(spread)
        price, high = (_odds(logit, best_of) for logit in (center, ahead + half))
        low = np.minimum(_odds(ahead - half, best_of), price)
        favourite = latent >= 0
        return {
            "probability": np.where(favourite, price, 1.0 - price),
            "low": np.where(favourite, low, 1.0 - high),
            "high": np.where(favourite, high, 1.0 - low),
        }


def _odds(logit: Floats, best_of: Floats) -> Floats:
    """The odds of a series of maps that are won with these log odds: `game.series.series_odds` of equal maps."""
    p = 1.0 / (1.0 + np.exp(-np.clip(logit, -LOGIT_LIMIT, LOGIT_LIMIT)))
    three = p * p * (3.0 - 2.0 * p)
    five = p * p * p * (10.0 - 15.0 * p + 6.0 * p * p)
    return np.where(best_of >= 4.0, five, np.where(best_of >= 2.0, three, p))


class Forecaster:
    """A match model as it is served.

    Args:
        artifact: of a `match_forecaster` version.

    Raises:
        ArtifactError: the artifact has no readable ratings.
    """

    def __init__(self, artifact: Artifact) -> None:
        if artifact.state is None:
            raise ArtifactError(f"{artifact.name}: the artifact has no state, and a match model's ratings are one")
        try:
            self.ratings = Ratings.of_bytes(artifact.state)
        except ValueError as error:
            raise ArtifactError(f"{artifact.name}: {error}") from error
        self._artifact = artifact
        self._standing = lru_cache(KEPT)(self.ratings.standing)  # nothing is learned while they are served

    def price(self, contest: Contest) -> Price:
        """The price of a contest to come; of a map where ``best_of`` is 1.

        Raises:
            ValueError: the contest lies before the last day learned from.
        """
        return self.prices([(contest, [contest.map_name])])[0][0]

    def prices(self, asked: Sequence[tuple[Contest, Sequence[str | None]]]) -> list[list[Price]]:
        """The prices of contests, of each on several maps, in one call of the graph.

        Raises:
            ValueError: a contest lies before the last day learned from.
        """
        rows: list[tuple[float, float, int]] = []
        for contest, map_names in asked:
            first, second = self._standing(contest.first, contest.day), self._standing(contest.second, contest.day)
            for latent, variance in self.ratings.between(first, second, map_names):
                rows.append((latent, variance, contest.best_of))
        outputs = self._artifact.predict(np.array(rows, dtype=np.float32))
        found = map(Price, *(outputs[name].tolist() for name in Price._fields))
        return [list(islice(found, len(map_names))) for _, map_names in asked]


def outputs(step: Step, features: NDArray[np.float32]) -> Outputs:
    """What a step gives for rows of `FEATURES`, in the graph's type."""
    latent, variance, best_of = features.astype(np.float64).T
    return {name: values.astype(np.float32) for name, values in step(latent, variance, best_of).items()}
