"""A round model of the classic size with random weights, for benchmarks in which the model does not matter."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from cs2_pipeline.artifact.artifact import Artifact, write
from cs2_pipeline.game.features import ROUND_FEATURES

HIDDEN = (64, 32, 16)


def network(folder: Path, *, seed: int) -> Artifact:
    """A round model of the classic network's size with random weights; missing features count as 0."""
    random = np.random.default_rng(seed)
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "nought", "features"], ["known"]),
        helper.make_node("Mul", ["known", "scale"], ["layer0"]),
    ]
    scale = np.full(len(ROUND_FEATURES), 1e-4, np.float32)
    weights = [numpy_helper.from_array(np.array(0, np.float32), "nought"), numpy_helper.from_array(scale, "scale")]
    sizes = (len(ROUND_FEATURES), *HIDDEN, 1)
    for number, (width, size) in enumerate(pairwise(sizes)):
        matrix = random.normal(size=(width, size)).astype(np.float32)
        weights += [numpy_helper.from_array(matrix, f"w{number}")]
        nodes.append(helper.make_node("MatMul", [f"layer{number}", f"w{number}"], [f"sum{number}"]))
        nodes.append(helper.make_node("Relu" if size > 1 else "Sigmoid", [f"sum{number}"], [f"layer{number + 1}"]))
    weights.append(numpy_helper.from_array(np.array([-1], np.int64), "flat"))
    nodes.append(helper.make_node("Reshape", [f"layer{len(sizes) - 1}", "flat"], ["probability"]))
    nodes += [helper.make_node("Identity", ["probability"], [name]) for name in ("low", "high")]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ("probability", "low", "high")]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(ROUND_FEATURES)])]
    graph = helper.make_graph(nodes, "network", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    probe = np.ones((1, len(ROUND_FEATURES)), np.float32)
    probability = _forward(probe, weights)
    expected = dict.fromkeys(("probability", "low", "high"), probability)
    return write(
        folder, name="round_predictor", graph=model, features=ROUND_FEATURES, probe=probe, expected=expected, seed=seed
    )


def _forward(rows: NDArray[np.float32], weights: list[Any]) -> NDArray[np.float32]:
    layer = np.nan_to_num(rows) * np.float32(1e-4)
    matrices = [numpy_helper.to_array(w) for w in weights if w.name.startswith("w")]
    for matrix in matrices[:-1]:
        layer = np.maximum(layer @ matrix, 0)
    return np.asarray(1 / (1 + np.exp(-(layer @ matrices[-1]))), np.float32).reshape(-1)
