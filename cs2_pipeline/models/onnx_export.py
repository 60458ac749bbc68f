"""Writing ONNX graphs by hand: a small builder.

Graphs are built node by node rather than traced, because the same input must give the same bytes and every
operation must keep the model's laws in floating point.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

INPUT: Final = "features"
_SEEN: Final = "seen"
IR_VERSION: Final = 10
OPSETS: Final = {"": 21}


def blind(graph: bytes, missing: Mapping[int, float], width: int) -> bytes:
    """The same model, blind to some inputs: whatever they are given, it sees what stands for a missing one.

    Args:
        graph: of `Graph.serialize`.
        missing: column of the input -> what stands for a missing value there.
        width: columns of the input.
    """
    if not missing:
        return graph
    model = onnx.load_from_string(graph)
    columns, values = np.zeros(width, dtype=bool), np.zeros(width, np.float32)
    for column, value in missing.items():
        columns[column], values[column] = True, value
    for node in model.graph.node:
        node.input[:] = [_SEEN if name == INPUT else name for name in node.input]
    constants = {"blind": columns, "unseen": values}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    model.graph.node.insert(0, helper.make_node("Where", [*constants, INPUT], [_SEEN]))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


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
