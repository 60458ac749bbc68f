"""The served round model: one monotone network and the clock, in Python and as one ONNX graph.

The Python form says what is meant, in float64; the graph is what is registered and served. `artifact.write` holds the
two against each other. A request for one state costs half a microsecond for each node, so nodes are few: the network
is three matrices, and two of its inputs are what the clock leaves open.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from cs2_pipeline.artifact.artifact import Outputs
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.models.calibration import sigmoid
from cs2_pipeline.models.onnx_export import Graph
from cs2_pipeline.models.round.inputs import LEAST, InputMaker, add_inputs, settle
from cs2_pipeline.models.round.networks import LEAK, Layer, RoundPredictor

Matrix = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class RoundModel:
    """One member of an ensemble, served.

    Attributes:
        network: the ensemble.
        member: the one that is meant.
    """

    network: RoundPredictor
    member: int

    def predict(self, features: Matrix) -> Outputs:
        """Probability and interval as the graph gives them, for float32 features of shape (rows, features)."""
        inputs = InputMaker()(features)
        logit, reach = (said[:, self.member] for said in self.network.exact(inputs))
        outputs = {"probability": logit, "low": logit - reach, "high": logit + reach}
        return {
            name: np.clip(settle(sigmoid(value), inputs.clock), LEAST, 1 - LEAST).astype(np.float32)
            for name, value in outputs.items()
        }

    def probability(self, features: Matrix) -> Array:
        """P(CT), shape (rows,)."""
        return self.predict(features)["probability"].astype(np.float64)

    def graph(self) -> bytes:
        """The ONNX model: float32 ``features`` -> ``probability``, ``low``, ``high``, each of shape (rows,)."""
        graph = Graph(len(ROUND_FEATURES))
        inputs = add_inputs(graph)
        first, second, last = self.network.layers(self.member)
        hidden = inputs
        for layer in (first, second):
            hidden = graph.add("LeakyRelu", _add_layer(graph, hidden, layer), alpha=LEAK)
        # the logit in two halves, so that one node cuts the reach at zero and leaves the logit as it is
        halves = np.array([[1, -1, 0], [0, 0, 1]])
        apart = graph.add("Relu", _add_layer(graph, hidden, Layer(last.weights @ halves, last.bias @ halves)))
        three = _add_layer(graph, apart, Layer(np.array([[1, 1, 1], [-1, -1, -1], [0, -1, 1]]), np.zeros(3)))
        # the float32 sigmoid is an approximation that may fall by a bit where it should rise
        three = graph.add("Sigmoid", graph.add("Cast", three, to=TensorProto.DOUBLE))
        left, settled = (graph.add("Gather", inputs, np.array([column], np.int64), axis=1) for column in (0, 1))
        three = graph.add("Mul", graph.add("Cast", three, to=TensorProto.FLOAT), left)
        ends = (np.array(end, np.float32) for end in (LEAST, 1 - LEAST))
        three = graph.add("Clip", graph.add("Add", three, settled), *ends)
        names = ("probability", "low", "high")
        outputs = {name: graph.add("Gather", three, np.array(i, np.int64), axis=1) for i, name in enumerate(names)}
        return graph.serialize(outputs, dict.fromkeys(names, 1))


def _add_layer(graph: Graph, inputs: str, layer: Layer) -> str:
    return graph.add("Gemm", inputs, layer.weights.astype(np.float32), layer.bias.astype(np.float32))
