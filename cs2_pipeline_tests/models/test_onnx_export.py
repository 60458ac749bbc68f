"""Graphs written by hand."""

import numpy as np
import onnxruntime as ort

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
