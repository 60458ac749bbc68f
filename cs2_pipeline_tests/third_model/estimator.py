"""Logistic regression on two numbers, exported by hand."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

from cs2_pipeline.artifact import artifact
from cs2_pipeline.models.training import Candidate, Training
from cs2_pipeline.stats.metrics import log_losses
from cs2_pipeline_tests.third_model import ENTRY, FEATURES

SCALE = 10_000.0


def fit(dataset, *, seed, folder, progress):
    rows = dataset[dataset["part"] != "test"]
    features, outcome = rows[list(FEATURES)].to_numpy(np.float32), rows["ct_wins"].to_numpy()
    progress(f"equipment: {len(rows)} rows")
    model = LogisticRegression().fit(features / SCALE, outcome)

    def predict(matrix):
        return model.predict_proba(matrix / SCALE)[:, 1]

    share = float(outcome.mean())
    loss = float(log_losses(outcome, predict(features)).mean())
    chosen = Candidate("logistic regression", {}, loss, loss, 0.0, predict)
    baseline = Candidate("the share of CT wins", {}, 0.7, 0.7, 0.0, lambda matrix: np.full(len(matrix), share))
    written = artifact.write(
        folder,
        name=ENTRY.name,
        graph=graph(model.coef_[0] / SCALE, model.intercept_[0]),
        features=FEATURES,
        probe=features[:64],
        expected={"probability": predict(features[:64]).astype(np.float32)},
        seed=seed,
    )
    return Training(
        candidates=(baseline, chosen),
        chosen=chosen,
        baseline=baseline,
        artifact=written,
        folder=folder,
        train_seconds=0.0,
        rows=len(rows),
    )


def graph(weights, offset):
    nodes = [
        helper.make_node("Cast", ["features"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", ["wide", "weights"], ["product"]),
        helper.make_node("Add", ["product", "offset"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["sure"]),
        helper.make_node("Cast", ["sure"], ["probability"], to=TensorProto.FLOAT),
    ]
    constants = [
        numpy_helper.from_array(np.asarray(weights, np.float64), "weights"),
        numpy_helper.from_array(np.float64(offset), "offset"),
    ]
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 2])]
    outputs = [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n"])]
    made = helper.make_graph(nodes, "equipment", inputs, outputs, constants)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()
