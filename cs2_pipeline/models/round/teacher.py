"""The teacher of the served round model: networks and trees blended, with an interval from how far they lie apart.

It is too slow to serve and never is; what it says of states is what the served network learns (`student`).
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.models.round.boosting import RoundTrees
from cs2_pipeline.models.round.inputs import InputMaker, hidden_share
from cs2_pipeline.models.round.networks import RoundPredictor

INTERVAL_LEVEL: Final = 0.9
SPREAD_SCALE: Final = 2.4
"""Half-width of the interval in spreads. Found on play whose truth is known (docs/round-model.md); a normal error of
which the spread says everything would need 1.645. All members learned from prices of the same trees and share their
error, which their spread does not show."""
SPREAD_GROWTH: Final = 0.1
"""Growth of the spread with the square of the logit: all members shrink the rarest outcomes towards the middle, and
share one calibration, whose error grows with the logit."""
SHARED_ERROR: Final = 0.05
"""Standard deviation of the logit's error that no data takes away: the members' common form (0.03), and what the served
network misses of what it is taught (0.04 on real play)."""
NORMAL_REACH: Final = 1.645
"""Half-width of a normal distribution's interval of that level, in standard deviations."""

MAX_REACH: Final = 3.0
"""An interval of twenty times the odds either way says nothing more by being wider; learning larger numbers would cost
the served network's float32 its last digits."""

Matrix = NDArray[np.float32]
Array = NDArray[np.float64]


class Weights(NamedTuple):
    """What the two kinds of model count in a calibrated logit; never negative."""

    network: float
    trees: float
    offset: float

    @property
    def total(self) -> float:
        """By how much the logit rises when both rise by one."""
        return self.network + self.trees


@dataclass(frozen=True)
class Teacher:
    """A calibrated blend of networks and trees.

    Every part rises with what favours CT: trees and members by construction, the blend because its weights are not
    negative; which weights count depends only on which inputs are missing. The spread of a prediction, on the logit
    scale, joins two variances: of the network's members, each of which left out other matches, and of the two kinds
    of model (half their difference is the deviation of two values). Both shrink with data and are largest where
    there is little of it. No data takes away the other two: what the missing inputs would have said, and the error
    that all members share.

    Attributes:
        network, trees: the fitted parts.
        informed, required: the blend of states with some optional input, and with the required ones only.
        optional_variance: variance of the logit that the optional inputs explain.
    """

    network: RoundPredictor
    trees: RoundTrees
    informed: Weights
    required: Weights
    optional_variance: float

    def say(self, features: Matrix) -> tuple[Array, Array]:
        """Logits and their reach, as `combine`."""
        return self.combine(self.network.price_logits(InputMaker()(features)), self.trees.logits(features), features)

    def combine(self, members: Array, trees: Array, features: Matrix) -> tuple[Array, Array]:
        """The blend's logit, and half the width of its interval, shape (rows,) each.

        Args:
            members: logits of networks, shape (rows, members).
            trees: logits of trees, shape (rows,).
            features: of these rows; only what is missing of them counts here.
        """
        hidden = hidden_share(features).astype(np.float64)
        weights = np.where((hidden == 1)[:, None], self.required, self.informed)
        mean = members.mean(axis=1)
        logit = weights[:, 0] * mean + weights[:, 1] * trees + weights[:, 2]
        spread = np.sqrt(members.var(axis=1) + (mean - trees) ** 2 / 4)
        reach = SPREAD_SCALE * (weights[:, 0] + weights[:, 1]) * spread * (1 + SPREAD_GROWTH * logit**2)
        reach = np.sqrt(reach**2 + NORMAL_REACH**2 * (SHARED_ERROR**2 + self.optional_variance * hidden))
        return logit, reach.clip(max=MAX_REACH)
