"""From the features of a round to the inputs of the networks: pieces, ratios, marks of what is missing, the clock.

It is written once, as ONNX nodes: training runs these very nodes, so what a network was fitted on is what it is served.
All of them are numbers from 0 to 1, made by few operations, because each node costs a request half a microsecond; a
network sees them centred, the wide ones with a gain (`GAIN`).

They come in three groups. *Monotone* ones never lower P(CT) when they rise (the living, health, equipment, the bomb's
time, the lateness of the round clock; T's with the sign turned). *Context* may act either way. A function that rises
with the monotone ones therefore keeps the laws of the game, whatever else it learns. *Clock* is what the last seconds
leave open: see `settle`.
"""

from collections.abc import Collection
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto

from cs2_pipeline.game.features import MISSING_ROUND_FEATURES, OPTIONAL_ROUND_FEATURES, ROUND_FEATURES
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.game.rules import DEFUSE_TIME_WITH_KIT
from cs2_pipeline.models.calibration import sigmoid
from cs2_pipeline.models.onnx_export import INPUT, Graph

Matrix = NDArray[np.float32]
Array = NDArray[np.float64]

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

LAST_SECONDS: Final = DEFUSE_TIME_WITH_KIT
"""From here on the clock itself decides more and more: no defuse can begin any more, and hardly a plant."""

LEAST: Final = 0.0001
"""Open states are never called more certain than this: P(CT) stays this far from 0 and 1."""
TINY: Final = 1e-9

_LATE: Final = 20.0
"""From here on less time on the round clock never lowers P(CT)."""

_ENDS: Final[dict[str, tuple[float, ...]]] = {
    "ct_equip_value": (0, 2_000, 5_000, 10_000, 16_000, 22_000),
    "t_equip_value": (0, 2_000, 5_000, 10_000, 16_000, 22_000),
    "ct_money": (0, 1_000, 3_000, 8_000, 20_000),
    "t_money": (0, 1_000, 3_000, 8_000, 20_000),
    "round_time": (0, LAST_SECONDS, 10, _LATE, 40, 70, 115),
    "bomb_time": (0, LAST_SECONDS, 7, 10, 20),
    "ct_health": (0, 50, 120, 250, 400),
    "t_health": (0, 50, 120, 250, 400),
    "ct_score": (0, 1),
    "t_score": (0, 1),
    "map_index": tuple(range(len(MAPS) + 1)),
}
"""Where a feature's effect may bend: it enters once per segment, from 0 at its left end to 1 at its right end."""

_WHOLE: Final[dict[str, tuple[float, float, float]]] = {
    "ct_alive": (0, 5, 3.3),
    "t_alive": (0, 5, 3.3),
    "ct_equip_value": (0, 48_000, 5.3),
    "t_equip_value": (0, 48_000, 5.3),
    "ct_health": (0, 500, 3.3),
    "t_health": (0, 500, 3.3),
    "bomb_time": (0, 40, 2),
    "round_time": (_LATE, 115, 1.8),
    "bomb_planted": (0, 1, 1),
    "ct_score": (0, 40, 5),
    "t_score": (0, 40, 5),
    "ct_armor": (0, 500, 3),
    "t_armor": (0, 500, 3),
    "ct_helmets": (0, 5, 2.5),
    "t_helmets": (0, 5, 2.5),
    "ct_defuse_kits": (0, 5, 3.3),
}
"""The ends of each feature's straight part, and its gain."""

_SHARES: Final[dict[tuple[str, str], float]] = {
    ("ct_alive", "t_alive"): 0.25,
    ("ct_equip_value", "t_equip_value"): 500,
    ("ct_health", "t_health"): 25,
    ("ct_armor", "t_armor"): 25,
    ("ct_money", "t_money"): 500,
}
"""Pairs that enter as ``(ct + k) / (ct + t + 2 k)`` with the k given: it rises with ct and falls with t."""
_SHARE_GAIN: Final = 4.0

_FIGHTS: Final = ((0, 5, 10), (0, 10, 10), (5, 5, 15))
"""Seconds on the bomb's clock that CT need for a defuse, those they need for each T alive before it, and over how many
more the input rises to 1."""

_CENTRES: Final = {
    "ct_health": 300, "t_health": 300, "ct_armor": 250, "t_armor": 250, "ct_helmets": 2.5, "t_helmets": 2.5,
    "ct_defuse_kits": 1.5,
}  # fmt: skip
"""What stands for a missing number; its mark says that it is missing."""
_OPTIONAL: Final = tuple(name for name in OPTIONAL_ROUND_FEATURES if name != "map_index")


class _Line(NamedTuple):
    """``sum of slope * feature + offset``."""

    slopes: dict[str, float]
    offset: float


def mask(features: Matrix, names: Collection[str] = OPTIONAL_ROUND_FEATURES) -> Matrix:
    """The same rows with optional inputs missing: those of some names, or all."""
    hidden = features.copy()
    for name in names:
        hidden[:, ROUND_FEATURES.index(name)] = MISSING_ROUND_FEATURES[name]
    return hidden


def hidden_share(features: Matrix) -> Matrix:
    """Share of the optional inputs that are missing, shape (rows,)."""
    missing = np.isnan(features[:, [ROUND_FEATURES.index(name) for name in _OPTIONAL]]).sum(axis=1) + (
        features[:, ROUND_FEATURES.index("map_index")] == 0
    )
    return np.asarray(missing / len(OPTIONAL_ROUND_FEATURES), np.float32)


def settle(price: Array, clock: Matrix) -> Array:
    """What the clock leaves of a network's price, shape (rows,).

    Without a bomb what T can still win shrinks with the seconds left below `LAST_SECONDS`, with the bomb down what CT
    can still win. How fast is for the network to learn, which sees the clock too; at 0 s the round is decided.

    Args:
        price: what the network says, shape (rows,).
        clock: the inputs' group of that name, shape (rows, 2).
    """
    return np.asarray(price * clock[:, 0] + clock[:, 1], np.float64)


def settled_logits(logits: Array, clock: Matrix) -> Array:
    """Logits of the prices that the clock leaves of networks' logits, shape (rows, networks)."""
    left, settled = clock[:, :1].astype(np.float64), clock[:, 1:].astype(np.float64)
    price = settled + left * sigmoid(logits)
    against = 1 - settled - left + left * sigmoid(-logits)  # 1 - price would lose the digits of a price near 1
    return np.asarray(np.log(price.clip(min=TINY) / against.clip(min=TINY)), np.float64)


def network_reach(logit: Array, reach: Array, clock: Matrix) -> Array:
    """How far networks' logits may be off, where the logits of the prices that the clock leaves of them may be off by
    `reach`, shape (rows, networks).
    """
    left, settled = clock[:, :1].astype(np.float64), clock[:, 1:].astype(np.float64)
    price = sigmoid(logit)
    before = np.clip((price - settled) / left.clip(min=TINY), LEAST, 1 - LEAST)
    return np.asarray(reach * price * (1 - price) / (left * before * (1 - before)).clip(min=TINY), np.float64)


def add_inputs(graph: Graph) -> str:
    """Add the nodes that make the inputs from the graph's input; the name of a float32 tensor (rows, inputs)."""
    missing = graph.add("IsNaN", INPUT)
    known = graph.add("Where", missing, np.array([_CENTRES.get(n, 0) for n in ROUND_FEATURES], np.float32), INPUT)
    pieces, ct, t = (graph.add("Gemm", known, *_matrix(lines)) for lines in (_PIECES, _CT, _T))
    one = np.array(1, np.float32)  # as 1 / (1 + t / ct) each step of a share is monotone in float32 too
    shares = graph.add("Div", one, graph.add("Add", graph.add("Div", t, ct), one))
    marks = graph.add("Cast", missing, to=TensorProto.FLOAT)
    inputs = graph.add("Concat", pieces, shares, marks, axis=1)
    return graph.add("Clip", inputs, np.array(0, np.float32), np.array(1, np.float32))


class Inputs(NamedTuple):
    """The inputs of rows by group, float32 of shape (rows, inputs of that group) each; all but the clock centred."""

    monotone: Matrix
    context: Matrix
    clock: Matrix


class InputMaker:
    """Runs the nodes of `add_inputs` for training."""

    def __init__(self) -> None:
        graph = Graph(len(ROUND_FEATURES))
        self._session = ort.InferenceSession(
            graph.serialize({"inputs": add_inputs(graph)}, {"inputs": 2}), providers=["CPUExecutionProvider"]
        )

    def __call__(self, features: Matrix) -> Inputs:
        """Inputs for features of shape (rows, features)."""
        (inputs,) = self._session.run(["inputs"], {INPUT: features})
        centred = (inputs - 0.5) * GAIN.astype(np.float32)
        return Inputs(centred[:, MONOTONE], centred[:, CONTEXT], inputs[:, CLOCK])


def _piece(name: str, left: float, right: float) -> _Line:
    """From 0 at the end that favours T to 1 at the one that favours CT; from left to right where there is no law."""
    if SIGNS.get(name, 1) < 0 or _is_late(name, right):
        left, right = right, left
    return _Line({name: 1 / (right - left)}, -left / (right - left))


def _is_late(name: str, right: float) -> bool:
    return name == "round_time" and right <= _LATE


_CLOCK: Final = [
    _Line({"round_time": 1 / LAST_SECONDS, "bomb_time": 1 / LAST_SECONDS}, 0),
    _Line({"round_time": -1 / LAST_SECONDS, "bomb_planted": -1}, 1),
]
_SEGMENTS: Final = [(name, *ends) for name, points in _ENDS.items() for ends in pairwise(points)]
_TIME_TO_SPARE: Final = [
    _Line({"bomb_time": 1 / width, "t_alive": -each / width}, -defuse / width) for defuse, each, width in _FIGHTS
]
_PIECES: Final = [
    *_CLOCK,
    *(_piece(*segment) for segment in _SEGMENTS),
    *_TIME_TO_SPARE,
    *(_piece(name, left, right) for name, (left, right, _) in _WHOLE.items()),
]
_CT, _T = ([_Line({pair[side]: 1}, k) for pair, k in _SHARES.items()] for side in (0, 1))
_RISES: Final = np.array(
    [
        *([False] * len(_CLOCK)),
        *(name in SIGNS or _is_late(name, right) for name, _, right in _SEGMENTS),
        *([True] * len(_FIGHTS)),
        *(name in SIGNS for name in _WHOLE),
        *(ct in SIGNS for ct, _ in _SHARES),
        *([False] * len(ROUND_FEATURES)),
    ]
)
GAIN: Final = np.array(
    [
        *([1.0] * (len(_CLOCK) + len(_SEGMENTS) + len(_FIGHTS))),
        *(gain for *_, gain in _WHOLE.values()),
        *([_SHARE_GAIN] * len(_SHARES)),
        *([1.0] * len(ROUND_FEATURES)),
    ]
)
"""By how much each input counts at the start of a fit: its range as a network sees it, shape (inputs,)."""
CLOCK: Final = np.arange(len(_CLOCK))
MONOTONE: Final = np.flatnonzero(_RISES)
CONTEXT: Final = np.setdiff1d(np.flatnonzero(~_RISES), CLOCK)
INPUTS: Final = len(_RISES)
"""Columns of the inputs by group."""


def _matrix(lines: list[_Line]) -> tuple[Matrix, Matrix]:
    """Slopes of shape (features, lines), and offsets."""
    slopes = np.zeros((len(ROUND_FEATURES), len(lines)), np.float32)
    for column, line in enumerate(lines):
        for name, slope in line.slopes.items():
            slopes[ROUND_FEATURES.index(name), column] = slope
    return slopes, np.array([line.offset for line in lines], np.float32)
