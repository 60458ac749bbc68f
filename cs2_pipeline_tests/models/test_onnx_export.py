"""Graphs written by hand."""

import numpy as np

from cs2_pipeline.models.onnx_export import INPUT, Graph


def test_the_same_graph_has_the_same_bytes() -> None:
    def build() -> bytes:
        graph = Graph(2)
        return graph.serialize({"out": graph.add("Add", INPUT, np.ones(2, np.float32))}, {"out": 2})

    assert build() == build()
