"""Writing ONNX graphs by hand: a small builder, and boosted trees as one of its nodes.

Graphs are built node by node rather than traced, because the same input must give the same bytes and every
operation must keep the model's laws in floating point: sums in a fixed order, thresholds on which no row changes side.
"""

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import HistGradientBoostingClassifier

INPUT: Final = "features"
IR_VERSION: Final = 10
OPSETS: Final = {"": 21, "ai.onnx.ml": 3}


class Graph:
    """An ONNX graph under construction; its input is ``features``, float32 of shape (rows, width)."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[Any]) -> str:
        """Add a constant tensor; returns its name."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def add(self, operator: str, *inputs: str | NDArray[Any], domain: str = "", **attributes: Any) -> str:
        """Add a node with one output; arrays among the inputs become constants. Returns the output's name."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, names, [name], name=name, domain=domain, **attributes))
        return name

    def serialize(self, outputs: dict[str, str], ranks: dict[str, int]) -> bytes:
        """The model's bytes, the same for the same graph.

        Args:
            outputs: name of the output -> name of the tensor. All are float32.
            ranks: name of the output -> 1 for shape (rows,), 2 for (rows, any).
        """
        nodes = [*self._nodes, *(helper.make_node("Identity", [t], [name]) for name, t in outputs.items())]
        graph = helper.make_graph(
            nodes,
            "model",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", self.width])],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", *[None] * (ranks[name] - 1)])
                for name in outputs
            ],
            self._constants,
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="cs2_pipeline")
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))


def add_trees(
    graph: Graph, model: HistGradientBoostingClassifier, other: HistGradientBoostingClassifier, use_other: str
) -> str:
    """Add two fitted binary gradient boostings of which each row asks one; returns the logit's name, shape (rows, 1).

    Each pair of trees becomes one whose root asks which is meant, so that two cost little more than one.
    Thresholds, values and their sum are float64, as scikit-learn's are; only the logit is rounded.

    Args:
        other: as many trees on the first features of the same input.
        use_other: name of a float32 tensor of shape (rows, 1): 1 where `other` is asked, 0 where `model` is.
    """
    columns: dict[str, list[Any]] = {key: [] for key in _TREE_COLUMNS}
    for tree, pair in enumerate(zip(_trees(model), _trees(other), strict=True)):
        _add_root(columns, tree, left=1, right=1 + len(pair[0]), feature=graph.width)
        for fitted, nodes, first in zip((model, other), pair, (1, 1 + len(pair[0])), strict=True):
            base = float(fitted._baseline_prediction[0, 0]) if tree == 0 else 0.0
            for number, node in enumerate(nodes):
                _add_node(columns, tree, node, first=first, number=number, base=base)
    numbers = {f"{key}_as_tensor": numpy_helper.from_array(np.array(columns.pop(key)), key) for key in _FLOAT_COLUMNS}
    return graph.add(
        "TreeEnsembleRegressor",
        graph.add("Cast", graph.add("Concat", INPUT, use_other, axis=1), to=TensorProto.DOUBLE),
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        **columns,
        **numbers,
    )


def _trees(model: HistGradientBoostingClassifier) -> list[Any]:
    return [predictor.nodes for (predictor,) in model._predictors]


_TREE_COLUMNS: Final = (
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_featureids",
    "nodes_modes",
    "nodes_values",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
    "target_treeids",
    "target_nodeids",
    "target_ids",
    "target_weights",
)
_FLOAT_COLUMNS: Final = ("nodes_values", "target_weights")


def _add_root(columns: dict[str, list[Any]], tree: int, *, left: int, right: int, feature: int) -> None:
    values = {
        "nodes_treeids": tree,
        "nodes_nodeids": 0,
        "nodes_featureids": feature,
        "nodes_modes": "BRANCH_LEQ",
        "nodes_values": 0.5,
        "nodes_truenodeids": left,
        "nodes_falsenodeids": right,
        "nodes_missing_value_tracks_true": 0,
    }
    for key, value in values.items():
        columns[key].append(value)


def _add_node(columns: dict[str, list[Any]], tree: int, node: Any, *, first: int, number: int, base: float) -> None:
    """One node of a tree whose root has the number `first`; `base` is added to its value."""
    leaf = bool(node["is_leaf"])
    values = {
        "nodes_treeids": tree,
        "nodes_nodeids": first + number,
        "nodes_featureids": 0 if leaf else int(node["feature_idx"]),
        "nodes_modes": "LEAF" if leaf else "BRANCH_LEQ",
        "nodes_values": 0.0 if leaf else float(node["num_threshold"]),
        "nodes_truenodeids": 0 if leaf else first + int(node["left"]),
        "nodes_falsenodeids": 0 if leaf else first + int(node["right"]),
        "nodes_missing_value_tracks_true": int(bool(node["missing_go_to_left"]) and not leaf),
    }
    if leaf:
        values |= {"target_treeids": tree, "target_nodeids": first + number, "target_ids": 0}
        values["target_weights"] = float(node["value"]) + base
    for key, value in values.items():
        columns[key].append(value)
