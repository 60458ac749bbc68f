"""Graphs written by hand say exactly what the estimators they were written from say."""

import numpy as np
import onnxruntime as ort
from onnx import TensorProto
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier

from cs2_pipeline.models.onnx_export import INPUT, Graph, add_trees

RANDOM = np.random.default_rng(0)


def test_exported_trees_send_every_row_to_the_leaf_that_scikit_learn_sends_it_to() -> None:
    # rows that sit on the thresholds, and missing values, are where exports go wrong
    features = RANDOM.integers(0, 40, (4_000, 3)).astype(np.float32) / np.float32(10)
    features[RANDOM.random(features.shape) < 0.2] = np.nan
    outcome = RANDOM.random(len(features)) < 1 / (1 + np.exp(2 - np.nansum(features, axis=1)))
    fresh = HistGradientBoostingClassifier(max_iter=40, early_stopping=False)
    model, other = clone(fresh).fit(features, outcome), clone(fresh).fit(features[:, :2], features[:, 1] > 2)
    thresholds = np.concatenate(
        [tree.nodes["num_threshold"][:5] for one in (model, other) for (tree,) in one._predictors]
    )
    between = thresholds.astype(np.float32)
    edge = np.nextafter(between, np.float32(9)), between, np.nextafter(between, np.float32(-9))
    rows = np.vstack([features, *(np.column_stack([e, e, e]) for e in edge)])
    graph = Graph(3)
    ask_other = graph.add("IsNaN", graph.add("Gather", INPUT, np.array([2]), axis=1))
    logit = add_trees(graph, model, other, graph.add("Cast", ask_other, to=TensorProto.FLOAT))
    session = ort.InferenceSession(graph.serialize({"logit": logit}, {"logit": 2}))
    expected = np.where(np.isnan(rows[:, 2]), other.decision_function(rows[:, :2]), model.decision_function(rows))
    np.testing.assert_allclose(session.run(None, {INPUT: rows})[0][:, 0], expected, atol=4e-6)


def test_the_same_graph_has_the_same_bytes() -> None:
    def build() -> bytes:
        graph = Graph(2)
        return graph.serialize({"out": graph.add("Add", INPUT, np.ones(2, np.float32))}, {"out": 2})

    assert build() == build()
