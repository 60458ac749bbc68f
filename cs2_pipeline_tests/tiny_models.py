"""Small real artifacts, hand-built graphs with known answers, and a training of one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from onnx import TensorProto, helper, numpy_helper

from cs2_pipeline.artifact.artifact import Artifact, write
from cs2_pipeline.game.features import PLAYER_FEATURES, ROUND_FEATURES
from cs2_pipeline.game.player import TIERS
from cs2_pipeline.models.match import forecaster
from cs2_pipeline.registry.runs import TrainingRun
from cs2_pipeline.training import match_table


def round_artifact(folder: Path, *, bias: float = 0.0, ignored: Sequence[str] = ()) -> Artifact:
    """P(CT) = sigmoid(0.8 (ct_alive - t_alive) + bias), the interval 0.2 to either side on the logit.

    In the last five seconds of a clock it goes in a straight line to the decided neighbour's, as the laws demand.
    """
    width = len(ROUND_FEATURES)
    ends = {"probability": 0.0, "low": -0.2, "high": 0.2}
    nodes = [
        helper.make_node("Slice", ["features", "zero", "two", "one"], ["alive"]),
        helper.make_node("MatMul", ["alive", "weights"], ["product"]),
        helper.make_node("Squeeze", ["product", "one"], ["flat"]),
    ]
    initializers = [numpy_helper.from_array(np.array([[0.8], [-0.8]], np.float32), "weights")]
    whole = {"zero": [0], "two": [2], "one": [1]}
    whole |= {name: ROUND_FEATURES.index(name) for name in ("round_time", "bomb_time", "bomb_planted")}
    initializers += [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in whole.items()]
    scalars = {"nought": 0.0, "unit": 1.0, "five": 5.0, "least": 1e-7, "most": 1 - 1e-7}
    initializers += [numpy_helper.from_array(np.float32(value), name) for name, value in scalars.items()]
    nodes += [
        helper.make_node("Gather", ["features", name], [f"{name}_of"], axis=1)
        for name in ("round_time", "bomb_time", "bomb_planted")
    ]
    nodes += [
        helper.make_node("Add", ["round_time_of", "bomb_time_of"], ["seconds"]),
        helper.make_node("Div", ["seconds", "five"], ["fives"]),
        helper.make_node("Min", ["fives", "unit"], ["left"]),
        helper.make_node("Div", ["round_time_of", "five"], ["round_fives"]),
        helper.make_node("Add", ["round_fives", "bomb_planted_of"], ["kept"]),
        helper.make_node("Sub", ["unit", "kept"], ["gone"]),
        helper.make_node("Max", ["gone", "nought"], ["settled"]),
    ]
    for output, shift in ends.items():
        initializers.append(numpy_helper.from_array(np.float32(bias + shift), f"{output}_shift"))
        nodes.append(helper.make_node("Add", ["flat", f"{output}_shift"], [f"{output}_logit"]))
        nodes.append(helper.make_node("Sigmoid", [f"{output}_logit"], [f"{output}_open"]))
        nodes.append(helper.make_node("Mul", [f"{output}_open", "left"], [f"{output}_left"]))
        nodes.append(helper.make_node("Add", [f"{output}_left", "settled"], [f"{output}_whole"]))
        nodes.append(helper.make_node("Clip", [f"{output}_whole", "least", "most"], [output]))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in ends]
    probe = np.zeros((4, width), dtype=np.float32)
    probe[:, 0], probe[:, 1] = [5, 4, 2, 1], [5, 3, 2, 4]
    probe[:, ROUND_FEATURES.index("round_time")] = 60
    logit = 0.8 * (probe[:, 0] - probe[:, 1]) + bias
    expected = {name: (1 / (1 + np.exp(-(logit + shift)))).astype(np.float32) for name, shift in ends.items()}
    graph = _graph(ROUND_FEATURES, nodes, initializers, outputs)
    return write(
        folder,
        name="round_predictor",
        graph=graph,
        features=ROUND_FEATURES,
        probe=probe,
        expected=expected,
        ignored_inputs=list(ignored),
    )


def player_artifact(folder: Path, *, min_rounds: int = 0) -> Artifact:
    """Scores = softmax of four linear functions of K/D that peak tier by tier."""
    width = len(PLAYER_FEATURES)
    column = PLAYER_FEATURES.index("kd_ratio")
    weights = np.zeros((width, len(TIERS)), dtype=np.float32)
    weights[column] = [-4.0, 0.0, 3.0, 5.0]
    shift = np.array([4.0, 1.0, -2.0, -5.0], dtype=np.float32)
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "nought", "features"], ["known"]),
        helper.make_node("Gemm", ["known", "weights", "shift"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
    ]
    initializers = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(shift, "shift"),
        numpy_helper.from_array(np.float32(0), "nought"),
    ]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", len(TIERS)])]
    probe = np.zeros((3, width), dtype=np.float32)
    probe[:, column] = [0.5, 1.1, 2.0]
    logits = probe @ weights + shift
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = {"scores": (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)}
    graph = _graph(PLAYER_FEATURES, nodes, initializers, outputs)
    return write(
        folder,
        name="player_classifier",
        graph=graph,
        features=PLAYER_FEATURES,
        probe=probe,
        expected=expected,
        min_rounds=min_rounds,
    )


def match_artifact(folder: Path, contests: pd.DataFrame) -> Artifact:
    """A match model really fitted on a few contests (`schema.CONTESTS`)."""
    return forecaster.fit(match_table.build(contests), seed=0, folder=folder, progress=lambda _: None).artifact


def training_run(
    name: str,
    artifact: Path,
    *,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> TrainingRun:
    """A training of an artifact as the registry takes it, on a table of two rows."""
    return TrainingRun(
        model_name=name,
        artifact=artifact,
        dataset=pd.DataFrame({"ct_alive": [5, 4], "ct_wins": [1, 0]}),
        dataset_digest="d" * 32,
        params={"seed": 0},
        metrics=dict(metrics or {}),
        tags={"source_watermark": "demo 7", "trained_at": "2026-01-01T00:00:00+00:00", **(tags or {})},
        files=dict(files or {}),
    )


def _graph(features, nodes, initializers, outputs):
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(features)])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()
