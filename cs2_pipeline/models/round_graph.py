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
from cs2_pipeline.models.calibration import Platt, sigmoid
from cs2_pipeline.models.networks import RoundPredictor
from cs2_pipeline.models.onnx_export import Graph, add_trees
from cs2_pipeline.models.round_inputs import InputMaker, add_inputs

INTERVAL_LEVEL: Final = 0.9
LOGIT_LIMIT: Final = 9.0
"""Open states are never called more certain than this: P(CT) stays within 0.0001 of 0 and 1."""

Matrix = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class RoundModel:
    """A weighted mean of logits, calibrated, with an interval from the spread of the network's members.

    Every part rises with what favours CT: trees and members by construction, the mean because shares are not
    negative, the calibrator because its slope is positive.

    Attributes:
        calibrator: of the mean logit.
        network: the ensemble; its members' spread makes the interval even where trees make the probability.
        network_share: the network's share of the mean logit, from 0 to 1; the trees have the rest.
        trees: needed unless the network has it all.
        spread_scale: half-width of the interval in standard deviations of the members' calibrated logits.
    """

    calibrator: Platt
    network: RoundPredictor
    network_share: float
    trees: HistGradientBoostingClassifier | None = None
    spread_scale: float = 1.645

    def predict(self, features: Matrix) -> Outputs:
        """Probability and interval as the graph gives them, for float32 features of shape (rows, features)."""
        members = self.network.logits(InputMaker()(features))
        logit = self.network_share * members.mean(axis=1)
        if self.trees is not None:
            logit = logit + (1 - self.network_share) * boosting.logits(self.trees, features)
        logit = self.calibrator(logit)
        reach = self.spread_scale * self.calibrator.slope * members.std(axis=1)
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
        mean = graph.add("ReduceMean", members, np.array([0], np.int64), keepdims=0)
        deviation = graph.add("Sub", members, mean)
        variance = graph.add("ReduceMean", graph.add("Mul", deviation, deviation), np.array([0], np.int64), keepdims=0)
        reach = graph.add("Mul", graph.add("Sqrt", variance), _scalar(self.spread_scale * self.calibrator.slope))
        slope = self.calibrator.slope
        logit = graph.add("Mul", mean, _scalar(self.network_share * slope))
        if self.trees is not None:
            trees = graph.add("Mul", add_trees(graph, self.trees), _scalar((1 - self.network_share) * slope))
            logit = graph.add("Add", logit, trees)
        logit = graph.add("Add", logit, _scalar(self.calibrator.offset))
        three = graph.add("Add", logit, graph.add("Mul", reach, np.array([0, -1, 1], np.float32)))
        limit = _scalar(LOGIT_LIMIT)
        three = graph.add("Clip", three, graph.constant(-limit), graph.constant(limit))
        # float64, because the float32 sigmoid is an approximation that may fall by a bit where it should rise
        exact = graph.add("Sigmoid", graph.add("Cast", three, to=TensorProto.DOUBLE))
        three = graph.add("Cast", exact, to=TensorProto.FLOAT)
        names = ("probability", "low", "high")
        outputs = {name: graph.add("Gather", three, np.array(i, np.int64), axis=1) for i, name in enumerate(names)}
        return graph.serialize(outputs, dict.fromkeys(names, 1))


def _scalar(value: float) -> NDArray[np.float32]:
    return np.array(value, np.float32)
