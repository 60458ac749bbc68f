"""The served round model: members, trees, calibration and interval, in Python and as one ONNX graph.

The Python form says what is meant, in float64; the graph is what is registered and served. `artifact.write` holds the
two against each other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from cs2_pipeline.artifact.artifact import Outputs
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.models.calibration import sigmoid
from cs2_pipeline.models.onnx_export import Graph
from cs2_pipeline.models.round.boosting import RoundTrees
from cs2_pipeline.models.round.inputs import InputMaker, add_inputs, hidden_share
from cs2_pipeline.models.round.networks import RoundPredictor

INTERVAL_LEVEL: Final = 0.9
SPREAD_SCALE: Final = 2.4
"""Half-width of the interval in spreads. Found on play whose truth is known (docs/round-model.md); a normal error of
which the spread says everything would need 1.645. All members learned from prices of the same trees and share their
error, which their spread does not show."""
SPREAD_GROWTH: Final = 0.1
"""Growth of the spread with the square of the logit: all members shrink the rarest outcomes towards the middle, and
share one calibration, whose error grows with the logit."""
SHARED_ERROR: Final = 0.03
"""Standard deviation of the logit's error that all members share however much they learn from: their form."""
NORMAL_REACH: Final = 1.645
"""Half-width of a normal distribution's interval of that level, in standard deviations."""
LOGIT_LIMIT: Final = 9.0
"""Open states are never called more certain than this: P(CT) stays within 0.0001 of 0 and 1."""

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
class RoundModel:
    """A calibrated blend of a network and trees, with an interval from how far their answers lie apart.

    Every part rises with what favours CT: trees and members by construction, the blend because its weights are not
    negative; which weights count depends only on which inputs are missing. The spread of a prediction, on the logit
    scale, joins two variances: of the network's members, each of which left out other matches, and of the two kinds
    of model (half their difference is the deviation of two values). Both shrink with data and are largest where
    there is little of it. No data takes away the other two: what the missing inputs would have said, and the error
    that all members share.

    Attributes:
        network, trees: the fitted parts.
        informed, required: the blend of states with some optional input, and with the required ones only.
        unsaid: variance of the logit that the optional inputs explain.
    """

    network: RoundPredictor
    trees: RoundTrees
    informed: Weights
    required: Weights
    unsaid: float

    def predict(self, features: Matrix) -> Outputs:
        """Probability and interval as the graph gives them, for float32 features of shape (rows, features)."""
        members = self.network.logits(InputMaker()(features))
        mean, trees = members.mean(axis=1), self.trees.logits(features)
        hidden = hidden_share(features).astype(np.float64)
        weights = np.where((hidden == 1)[:, None], self.required, self.informed)
        logit = weights[:, 0] * mean + weights[:, 1] * trees + weights[:, 2]
        spread = np.sqrt(members.var(axis=1) + (mean - trees) ** 2 / 4)
        reach = SPREAD_SCALE * (weights[:, 0] + weights[:, 1]) * spread * (1 + SPREAD_GROWTH * logit**2)
        reach = np.sqrt(reach**2 + NORMAL_REACH**2 * (SHARED_ERROR**2 + self.unsaid * hidden))
        outputs = {"probability": logit, "low": logit - reach, "high": logit + reach}
        return {
            name: sigmoid(np.clip(value, -LOGIT_LIMIT, LOGIT_LIMIT)).astype(np.float32)
            for name, value in outputs.items()
        }

    def probability(self, features: Matrix) -> Array:
        """P(CT), shape (rows,)."""
        return self.predict(features)["probability"].astype(np.float64)

    def graph(self) -> bytes:
        """The ONNX model: float32 ``features`` -> ``probability``, ``low``, ``high``, each of shape (rows,)."""
        graph = Graph(len(ROUND_FEATURES))
        inputs = add_inputs(graph)
        plain = graph.add("GreaterOrEqual", inputs.hidden, np.array(1, np.float32))

        def chosen(of: Callable[[Weights], float]) -> str:
            return graph.add("Where", plain, _scalar(of(self.required)), _scalar(of(self.informed)))

        # float64 from here on: what is left of float32 sums in the parts must not grow on the way to the outputs
        members = graph.add("Cast", self.network.add_to(graph, inputs), to=TensorProto.DOUBLE)
        mean = _add_mean(graph, members)
        trees = self.trees.add_to(graph, graph.add("Cast", plain, to=TensorProto.FLOAT))
        trees = graph.add("Cast", trees, to=TensorProto.DOUBLE)
        weighted = [
            graph.add("Mul", mean, chosen(lambda w: w.network)),
            graph.add("Mul", trees, chosen(lambda w: w.trees)),
        ]
        logit = graph.add("Add", graph.add("Add", *weighted), chosen(lambda w: w.offset))
        half = graph.add("Mul", graph.add("Sub", mean, trees), _scalar(0.5))
        deviation = graph.add("Sub", members, mean)
        variance = _add_mean(graph, graph.add("Mul", deviation, deviation))
        variance = graph.add("Add", variance, graph.add("Mul", half, half))
        growth = graph.add("Mul", graph.add("Mul", logit, logit), _scalar(SPREAD_GROWTH))
        growth = graph.add("Add", growth, _scalar(1))
        growth = graph.add("Mul", growth, chosen(lambda w: SPREAD_SCALE * w.total))
        variance = graph.add("Mul", variance, graph.add("Mul", growth, growth))
        hidden = graph.add("Cast", inputs.hidden, to=TensorProto.DOUBLE)
        unsaid = graph.add("Mul", hidden, _scalar(NORMAL_REACH**2 * self.unsaid))
        unsaid = graph.add("Add", unsaid, _scalar((NORMAL_REACH * SHARED_ERROR) ** 2))
        reach = graph.add("Sqrt", graph.add("Add", variance, unsaid))
        three = graph.add("Add", logit, graph.add("Mul", reach, np.array([0, -1, 1], np.float64)))
        limit = _scalar(LOGIT_LIMIT)
        three = graph.add("Clip", three, graph.constant(-limit), graph.constant(limit))
        # the float32 sigmoid, besides, is an approximation that may fall by a bit where it should rise
        three = graph.add("Cast", graph.add("Sigmoid", three), to=TensorProto.FLOAT)
        names = ("probability", "low", "high")
        outputs = {name: graph.add("Gather", three, np.array(i, np.int64), axis=1) for i, name in enumerate(names)}
        return graph.serialize(outputs, dict.fromkeys(names, 1))


def _add_mean(graph: Graph, members: str) -> str:
    """The mean over members: (members, rows, 1) -> (rows, 1)."""
    return graph.add("ReduceMean", members, np.array([0], np.int64), keepdims=0)


def _scalar(value: float) -> NDArray[np.float64]:
    return np.array(value, np.float64)
