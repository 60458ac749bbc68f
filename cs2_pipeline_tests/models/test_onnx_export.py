"""Graphs written by hand."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from cs2_pipeline.models.onnx_export import INPUT, Graph, blind


def test_a_model_made_blind_to_an_input_sees_a_missing_one_whatever_it_is_given() -> None:
    graph = Graph(3)
    doubled = graph.serialize({"out": graph.add("Mul", INPUT, np.full(3, 2, np.float32))}, {"out": 2})
    session = ort.InferenceSession(blind(doubled, {0: 7.0, 2: float("nan")}, 3), providers=["CPUExecutionProvider"])
    (out,) = session.run(["out"], {INPUT: np.array([[1, 2, 3], [4, 5, np.nan]], np.float32)})
    np.testing.assert_array_equal(out, [[14, 4, np.nan], [14, 10, np.nan]])
    assert blind(doubled, {}, 3) == doubled


def test_the_same_graph_has_the_same_bytes() -> None:
    def build() -> bytes:
        graph = Graph(2)
        return graph.serialize({"out": graph.add("Add", INPUT, np.ones(2, np.float32))}, {"out": 2})

    assert build() == build()


def test_a_graph_says_what_it_reads_and_gives_and_which_operators_it_needs():
    graph = Graph(3)
    one = graph.add("ReduceSum", INPUT, np.array([1], np.int64), keepdims=0)
    model = onnx.load_from_string(graph.serialize({"sum": one, "all": INPUT}, {"sum": 1, "all": 2}))
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {INPUT: ["rows", 3], "sum": ["rows"], "all": ["rows", 0]}, "0 stands for any number"
    assert (model.ir_version, model.producer_name) == (10, "cs2_pipeline")
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 21)]
    assert [node.op_type for node in model.graph.node] == ["ReduceSum", "Identity", "Identity"]


def test_an_operator_that_does_not_exist_is_found_before_anything_is_served():
    graph = Graph(1)
    with pytest.raises(onnx.checker.ValidationError, match="Nonsense"):
        graph.serialize({"out": graph.add("Nonsense", INPUT)}, {"out": 2})
