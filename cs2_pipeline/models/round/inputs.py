"""From the features of a round to the inputs of the network: scaling, bends, shares, marks of what is missing.

It is written once, as ONNX nodes: training runs these very nodes, so what a network was fitted on is what it is served.
The inputs come in two groups. *Monotone* ones never lower P(CT) when they rise (the living, health, equipment, the
bomb's time; T's with the sign turned). *Context* may act either way. A function that rises with the monotone ones
therefore keeps the laws of the game, whatever else it learns.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto

from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES, ROUND_FEATURES
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.models.onnx_export import INPUT, Graph

Matrix = NDArray[np.float32]

SIGNS: Final = {
    "ct_alive": 1,
    "t_alive": -1,
    "ct_equip_value": 1,
    "t_equip_value": -1,
    "ct_health": 1,
    "t_health": -1,
    "bomb_time": 1,
}
"""Features with a law: +1 where more of it never lowers P(CT), -1 where more never raises it."""

_BENDS: Final[dict[str, tuple[float, ...]]] = {
    "ct_equip_value": (0, 2_000, 5_000, 10_000, 16_000, 22_000),
    "t_equip_value": (0, 2_000, 5_000, 10_000, 16_000, 22_000),
    "ct_money": (0, 1_000, 3_000, 8_000, 20_000),
    "t_money": (0, 1_000, 3_000, 8_000, 20_000),
    "round_time": (0, 5, 10, 20, 40, 70, 115),
    "bomb_time": (0, 5, 10, 20),
    "ct_health": (0, 50, 120, 250, 400),
    "t_health": (0, 50, 120, 250, 400),
    "ct_score": (0, 1),
    "t_score": (0, 1),
}
"""Where a feature's effect may bend: it enters once per segment, from 0 at its left end to 1 at its right end."""

_LINEAR: Final[dict[str, tuple[float, float]]] = {
    "ct_alive": (2.5, 1.5),
    "t_alive": (2.5, 1.5),
    "ct_equip_value": (12_000, 9_000),
    "t_equip_value": (12_000, 9_000),
    "ct_health": (300, 150),
    "t_health": (300, 150),
    "bomb_time": (0, 20),
    "round_time": (60, 60),
    "bomb_planted": (0, 1),
    "ct_score": (8, 8),
    "t_score": (8, 8),
    "ct_armor": (250, 170),
    "t_armor": (250, 170),
    "ct_helmets": (2.5, 2),
    "t_helmets": (2.5, 2),
    "ct_defuse_kits": (1.5, 1.5),
}
"""Centre and width of each feature's straight part."""

_SHARES: Final[dict[tuple[str, str], float]] = {
    ("ct_alive", "t_alive"): 0.25,
    ("ct_equip_value", "t_equip_value"): 500,
    ("ct_health", "t_health"): 25,
    ("ct_armor", "t_armor"): 25,
    ("ct_money", "t_money"): 500,
}
"""Pairs that enter as ``2 (ct - t) / (ct + t + 2 k)`` with the k given: it rises with ct and falls with t."""

_LIMIT: Final = 4.0
"""Straight parts end here, in widths from the centre: beyond it nothing was seen to learn a slope from."""
_OPTIONAL: Final = tuple(name for name in OPTIONAL_ROUND_FEATURES if name != "map_index")


@dataclass(frozen=True)
class NetworkInputs:
    """Names of float32 tensors.

    Attributes:
        monotone, context: the network's inputs, shape (rows, inputs of that group) each.
        hidden: the share of the optional inputs that are missing, shape (rows, 1).
    """

    monotone: str
    context: str
    hidden: str


class _Piece(NamedTuple):
    """One input made of one feature: ``clip(slope * x + offset, low, high)``."""

    feature: str
    slope: float
    offset: float
    low: float
    high: float


def mask(features: Matrix) -> Matrix:
    """The same rows with every optional input missing."""
    hidden = features.copy()
    for name in OPTIONAL_ROUND_FEATURES:
        hidden[:, ROUND_FEATURES.index(name)] = 0 if name == "map_index" else np.nan
    return hidden


def hidden_share(features: Matrix) -> Matrix:
    """Share of the optional inputs that are missing, shape (rows,): what `NetworkInputs.hidden` is in the graph."""
    missing = np.isnan(features[:, _columns(_OPTIONAL)]).sum(axis=1) + (
        features[:, ROUND_FEATURES.index("map_index")] == 0
    )
    return np.asarray(missing / len(OPTIONAL_ROUND_FEATURES), np.float32)


def add_inputs(graph: Graph) -> NetworkInputs:
    """Add the nodes that make the network's inputs from the graph's input."""
    missing = graph.add("IsNaN", INPUT)
    centres = np.array([_LINEAR.get(name, (0.0, 1.0))[0] for name in ROUND_FEATURES], np.float32)
    filled = graph.add("Where", missing, centres, INPUT)
    pieces = list(_pieces())
    lawful, free = [p for p in pieces if p.feature in SIGNS], [p for p in pieces if p.feature not in SIGNS]
    absent = graph.add("Gather", graph.add("Cast", missing, to=TensorProto.FLOAT), _columns(_OPTIONAL), axis=1)
    maps = graph.add("Gather", INPUT, _columns(["map_index"]), axis=1)
    is_map = graph.add("Equal", maps, np.arange(len(MAPS) + 1, dtype=np.float32))
    lawful_pairs = [pair for pair in _SHARES if pair[0] in SIGNS]
    free_pairs = [pair for pair in _SHARES if pair[0] not in SIGNS]
    is_map = graph.add("Cast", is_map, to=TensorProto.FLOAT)
    unseen = graph.add("Concat", absent, graph.add("Gather", is_map, np.array([0], np.int64), axis=1), axis=1)
    return NetworkInputs(
        monotone=graph.add(
            "Concat", _add_pieces(graph, filled, lawful), _add_shares(graph, filled, lawful_pairs), axis=1
        ),
        context=graph.add(
            "Concat",
            _add_pieces(graph, filled, free),
            _add_shares(graph, filled, free_pairs),
            absent,
            is_map,
            axis=1,
        ),
        hidden=graph.add("ReduceMean", unseen, np.array([1], np.int64), keepdims=1),
    )


class InputMaker:
    """Runs the nodes of `add_inputs` for training."""

    def __init__(self) -> None:
        graph = Graph(len(ROUND_FEATURES))
        inputs = add_inputs(graph)
        outputs = {"monotone": inputs.monotone, "context": inputs.context}
        self._session = ort.InferenceSession(
            graph.serialize(outputs, {"monotone": 2, "context": 2}), providers=["CPUExecutionProvider"]
        )

    def __call__(self, features: Matrix) -> tuple[Matrix, Matrix]:
        """Monotone and context inputs for features of shape (rows, features)."""
        monotone, context = self._session.run(["monotone", "context"], {INPUT: features})
        return monotone, context


def _pieces() -> Iterator[_Piece]:
    for name, (centre, width) in _LINEAR.items():
        sign = SIGNS.get(name, 1)
        yield _Piece(name, sign / width, -sign * centre / width, -_LIMIT, _LIMIT)
    for name, ends in _BENDS.items():
        sign = SIGNS.get(name, 1)
        for left, right in pairwise(ends):
            slope = sign / (right - left)
            middle = (left + right) / 2
            yield _Piece(name, slope, -slope * middle, -0.5, 0.5)


def _add_pieces(graph: Graph, filled: str, pieces: list[_Piece]) -> str:
    slopes = np.zeros((len(ROUND_FEATURES), len(pieces)), np.float32)
    for column, piece in enumerate(pieces):
        slopes[ROUND_FEATURES.index(piece.feature), column] = piece.slope
    offsets, low, high = (np.array([getattr(p, key) for p in pieces], np.float32) for key in ("offset", "low", "high"))
    return graph.add("Min", graph.add("Max", graph.add("Gemm", filled, slopes, offsets), low), high)


def _add_shares(graph: Graph, filled: str, pairs: list[tuple[str, str]]) -> str:
    """Shares as ``2 - 4 / (1 + r)`` with ``r = (ct + k) / (t + k)``: each step is monotone in float32 too."""
    k = np.array([_SHARES[pair] for pair in pairs], np.float32)
    ct, t = (graph.add("Gather", filled, _columns([pair[side] for pair in pairs]), axis=1) for side in (0, 1))
    ratio = graph.add("Div", graph.add("Add", ct, k), graph.add("Add", t, k))
    part = graph.add("Div", np.array([4], np.float32), graph.add("Add", ratio, np.array([1], np.float32)))
    return graph.add("Sub", np.array([2], np.float32), part)


def _columns(names: Iterable[str]) -> NDArray[np.int64]:
    return np.array([ROUND_FEATURES.index(name) for name in names], np.int64)
