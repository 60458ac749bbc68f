"""The served round model: members, trees, calibration and interval, in Python and as one ONNX graph.

The Python form says what is meant, in float64; the graph is what is registered and served. `artifact.write` holds the
two against each other.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from sklearn.ensemble import HistGradientBoostingClassifier

from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.models import boosting
from cs2_pipeline.models.artifact import Outputs
from cs2_pipeline.models.calibration import sigmoid
from cs2_pipeline.models.networks import RoundPredictor
from cs2_pipeline.models.onnx_export import Graph, add_trees
from cs2_pipeline.models.round_inputs import InputMaker, add_inputs

INTERVAL_LEVEL: Final = 0.9
SPREAD_SCALE: Final = 1.83
"""Half-width of the interval in spreads. Found on play whose truth is known (docs/round-model.md); a normal error of
which the spread says everything would need 1.645."""
SPREAD_GROWTH: Final = 0.2
"""Growth of the spread per unit of the logit's size: all members share one calibration, whose error grows with it."""
LOGIT_LIMIT: Final = 9.0
"""Open states are never called more certain than this: P(CT) stays within 0.0001 of 0 and 1."""

Matrix = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class RoundModel:
    """A calibrated blend of a network and trees, with an interval from how far their answers lie apart.

    Every part rises with what favours CT: trees and members by construction, the blend because its weights are not
    negative. The spread of a prediction, on the logit scale, joins two variances: of the network's members, each of
    which left out other matches, and of the two kinds of model (half their difference is the deviation of two
    values). Both shrink with data and are largest where there is little of it.

    Attributes:
        network: the ensemble.
        trees: gradient boosting.
        network_weight, trees_weight: weights of their logits; 0 where the other speaks alone.
        offset: added to the weighted logits.
    """

    network: RoundPredictor
    trees: HistGradientBoostingClassifier
    network_weight: float
    trees_weight: float
    offset: float

    @property
    def reach(self) -> float:
        """Half-width of the interval in spreads of the uncalibrated logits."""
        return SPREAD_SCALE * (self.network_weight + self.trees_weight)

    def predict(self, features: Matrix) -> Outputs:
        """Probability and interval as the graph gives them, for float32 features of shape (rows, features)."""
        members = self.network.logits(InputMaker()(features))
        mean, trees = members.mean(axis=1), boosting.logits(self.trees, features)
        logit = self.network_weight * mean + self.trees_weight * trees + self.offset
        spread = np.sqrt(members.var(axis=1) + (mean - trees) ** 2 / 4)
        reach = self.reach * spread * (1 + SPREAD_GROWTH * np.abs(logit))
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
        members = self.network.add_to(graph, add_inputs(graph))
        mean, trees = _add_mean(graph, members), add_trees(graph, self.trees)
        weighted = [graph.add("Mul", mean, _scalar(self.network_weight))]
        weighted.append(graph.add("Mul", trees, _scalar(self.trees_weight)))
        logit = graph.add("Add", graph.add("Add", *weighted), _scalar(self.offset))
        half = graph.add("Mul", graph.add("Sub", mean, trees), _scalar(0.5))
        deviation = graph.add("Sub", members, mean)
        variance = _add_mean(graph, graph.add("Mul", deviation, deviation))
        spread = graph.add("Sqrt", graph.add("Add", variance, graph.add("Mul", half, half)))
        growth = graph.add("Mul", graph.add("Abs", logit), _scalar(self.reach * SPREAD_GROWTH))
        reach = graph.add("Mul", spread, graph.add("Add", growth, _scalar(self.reach)))
        three = graph.add("Add", logit, graph.add("Mul", reach, np.array([0, -1, 1], np.float32)))
        limit = _scalar(LOGIT_LIMIT)
        three = graph.add("Clip", three, graph.constant(-limit), graph.constant(limit))
        # float64, because the float32 sigmoid is an approximation that may fall by a bit where it should rise
        exact = graph.add("Sigmoid", graph.add("Cast", three, to=TensorProto.DOUBLE))
        three = graph.add("Cast", exact, to=TensorProto.FLOAT)
        names = ("probability", "low", "high")
        outputs = {name: graph.add("Gather", three, np.array(i, np.int64), axis=1) for i, name in enumerate(names)}
        return graph.serialize(outputs, dict.fromkeys(names, 1))


def _add_mean(graph: Graph, members: str) -> str:
    """The mean over members: (members, rows, 1) -> (rows, 1)."""
    return graph.add("ReduceMean", members, np.array([0], np.int64), keepdims=0)


def _scalar(value: float) -> NDArray[np.float32]:
    return np.array(value, np.float32)
