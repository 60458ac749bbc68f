"""The PyTorch network of the player model: its inputs, its architecture, its fit and its ONNX form.

Only what turns a player's features into uncalibrated scores belongs here. It knows nothing of players, parts or
calibration.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from torch import nn

from cs2_pipeline.game.features import PLAYER_FEATURES
from cs2_pipeline.game.player import TIER_CUTS, TIERS
from cs2_pipeline.models.onnx_export import INPUT, Graph
from cs2_pipeline.models.threads import one_thread
from cs2_pipeline.models.training import LEFT_OUT_LOSS, TRAIN_LOSS, Curve

Matrix = NDArray[np.float32]
Head = Literal["ordinal", "softmax"]

ADR: Final = PLAYER_FEATURES.index("adr")
_DAMAGE: Final = PLAYER_FEATURES.index("avg_damage")
_ROUNDS: Final = PLAYER_FEATURES.index("total_rounds")
_KD: Final = PLAYER_FEATURES.index("kd_ratio")
_LOG_OFFSETS: Final = {"kd_ratio": 0.05, "headshot_pct": 0.1, "clutch_rate": 0.1}
"""Features enter as log(x + offset): a ratio counts the same upwards and downwards. The offset is 1 where not named."""
_USUAL_MATCH: Final = 22.0
"""Rounds of a usual match: damage per round where only damage per match is known."""
_HALF_TRUST: Final = 150.0
"""Rounds at which a record is worth half its face value, to begin with: the network bends this as it learns."""
_LIMIT: Final = 4.0
"""Inputs end here, in standard deviations from the mean: beyond it nothing was seen."""
_FLOOR: Final = 1e-4
"""Share of the scores that is spread evenly: no tier is ever impossible."""


@dataclass(frozen=True)
class NetworkParams:
    """How a network is built and fitted.

    Attributes:
        head: "ordinal" places a player on one scale that three cuts divide; "softmax" scores each tier by itself.
        hidden: units of each hidden layer; none for a model that is linear in its inputs.
        dropout: share of hidden units switched off in training.
        members: networks from different seeds whose scores are averaged.
        epochs: passes over the rows; more on few rows, so that there are at least ``steps`` steps.
        steps, batch_rows, learning_rate: of Adam under a cosine.
        spread: how far a weight is expected to move from where it starts, in units of one input's whole effect (the
            standard deviation of its prior); the fewer the players, the more this holds it back.
        hide_adr: share of the rows that lose ``adr`` in each epoch.
    """

    head: Head = "ordinal"
    hidden: tuple[int, ...] = (32, 16)
    dropout: float = 0.1
    members: int = 3
    epochs: int = 20
    steps: int = 300
    batch_rows: int = 256
    learning_rate: float = 4e-3
    spread: float = 0.15
    hide_adr: float = 0.3


def add_inputs(graph: Graph) -> str:
    """Add the nodes that make the network's inputs from the graph's input.

    Returns:
        Name of a tensor of shape (rows, features + 2): logs of the features, a mark for a missing ``adr``, and the
        trust that the number of rounds earns, from 0 to 1.
    """
    missing = graph.add("IsNaN", INPUT)
    known = graph.add("Where", missing, np.zeros(len(PLAYER_FEATURES), np.float32), INPUT)
    usual = np.zeros((len(PLAYER_FEATURES), len(PLAYER_FEATURES)), np.float32)
    usual[_DAMAGE, ADR] = 1 / _USUAL_MATCH
    filled = graph.add("Where", missing, graph.add("MatMul", known, usual), INPUT)
    offsets = np.array([_LOG_OFFSETS.get(name, 1.0) for name in PLAYER_FEATURES], np.float32)
    logs = graph.add("Log", graph.add("Add", filled, offsets))
    absent = graph.add("Gather", graph.add("Cast", missing, to=TensorProto.FLOAT), np.array([ADR], np.int64), axis=1)
    rounds = graph.add("Gather", filled, np.array([_ROUNDS], np.int64), axis=1)
    half = np.array([_HALF_TRUST], np.float32)
    trust = graph.add("Div", rounds, graph.add("Add", rounds, half))
    return graph.add("Concat", logs, absent, trust, axis=1)


class InputMaker:
    """Runs the nodes of `add_inputs` for training."""

    def __init__(self) -> None:
        graph = Graph(len(PLAYER_FEATURES))
        model = graph.serialize({"inputs": add_inputs(graph)}, {"inputs": 2})
        self._session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])

    def __call__(self, features: Matrix) -> Matrix:
        """Inputs for features of shape (rows, features)."""
        inputs: Matrix = self._session.run(["inputs"], {INPUT: features})[0]
        return inputs


class PlayerClassifier(nn.Module):
    """Scores of the tiers from the inputs of `add_inputs`.

    Each input enters twice: as it is, and weighed by the trust in the record, so that short records are drawn
    towards the mean. The ordinal head (McCullagh 1980, with a scale of its own for each player) gives
    P(tier > k) = sigmoid((place - cut_k) * scale): the tiers' order is built in, and a long record can be surer than
    a short one at the same place.
    """

    def __init__(self, mean: Matrix, deviation: Matrix, params: NetworkParams, seed: int) -> None:
        super().__init__()
        self.head = params.head
        self.dropout = params.dropout
        random = torch.Generator().manual_seed(seed)

        width = 2 * mean.size
        outputs = 2 if self.head == "ordinal" else len(TIERS)
        sizes = [width, *params.hidden]
        self.mean = nn.Parameter(torch.from_numpy(mean), requires_grad=False)
        self.per_deviation = nn.Parameter(torch.from_numpy(1 / deviation), requires_grad=False)
        self.layers = nn.ParameterList(
            [nn.Parameter(torch.randn(a, b, generator=random) * (2 / a) ** 0.5) for a, b in pairwise(sizes)]
        )
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(size)) for size in params.hidden])
        self.last = nn.Parameter(torch.zeros(sizes[-1] if params.hidden else 0, outputs))
        self.last_bias = nn.Parameter(torch.zeros(outputs))
        straight = torch.zeros(width, outputs)
        if self.head == "ordinal":  # learning begins at a rule: the K/D, drawn to the mean as far as rounds are few
            straight[mean.size + _KD, 0] = 1
        self.straight = nn.Parameter(straight)
        self._starts = {"straight": straight.clone(), "last": torch.zeros_like(self.last)}
        cuts = (np.log(np.array(TIER_CUTS) + _LOG_OFFSETS["kd_ratio"]) - mean[_KD]) / deviation[_KD]
        self.cuts = nn.Parameter(torch.from_numpy(cuts.astype(np.float32)))

    def moved(self) -> torch.Tensor:
        """Sum of squares of how far the weights are from where they began: one number."""
        weights = dict(self.named_parameters())
        return torch.stack([((weights[name] - start) ** 2).sum() for name, start in self._starts.items()]).sum()

    def forward(self, inputs: torch.Tensor, random: torch.Generator | None = None) -> torch.Tensor:
        """Scores, shape (rows, tiers), each row adding up to 1; with ``random``, units drop out as in training."""
        whole, trust = inputs[:, :-1], inputs[:, -1:]
        whole = ((whole - self.mean) * self.per_deviation).clamp(-_LIMIT, _LIMIT)
        both = torch.cat([whole, whole * trust], dim=1)
        hidden = both
        for layer, bias in zip(self.layers, self.biases, strict=True):
            hidden = torch.relu(hidden @ layer + bias)
            if random is not None and self.dropout:
                kept = torch.rand(hidden.shape, generator=random) >= self.dropout
                hidden = hidden * kept / (1 - self.dropout)
        last = both @ self.straight + self.last_bias
        if len(self.layers):
            last = last + hidden @ self.last
        if self.head == "softmax":
            scores = torch.softmax(last, dim=1)
        else:
            place, scale = last[:, :1], torch.exp(last[:, 1:])
            above = torch.sigmoid((place - self.cuts.sort().values) * scale)
            scores = torch.cat([torch.ones_like(place), above], dim=1) - torch.cat(
                [above, torch.zeros_like(place)], dim=1
            )
        return scores * (1 - _FLOOR) + _FLOOR / len(TIERS)

    @torch.no_grad()
    def scores(self, inputs: Matrix) -> Matrix:
        """Scores for inputs, float32 of shape (rows, tiers)."""
        found: Matrix = self(torch.from_numpy(inputs)).numpy()
        return found

    def add_to(self, graph: Graph, inputs: str) -> str:
        """Add the network's nodes; returns the name of its scores."""
        value = {name: tensor.detach().numpy() for name, tensor in self.state_dict().items()}
        columns = value["mean"].size
        whole = graph.add("Gather", inputs, np.arange(columns, dtype=np.int64), axis=1)
        trust = graph.add("Gather", inputs, np.array([columns], np.int64), axis=1)
        whole = graph.add("Mul", graph.add("Sub", whole, value["mean"]), value["per_deviation"])
        whole = graph.add("Clip", whole, np.array(-_LIMIT, np.float32), np.array(_LIMIT, np.float32))
        both = graph.add("Concat", whole, graph.add("Mul", whole, trust), axis=1)
        hidden = both
        for number in range(len(self.layers)):
            hidden = graph.add("Gemm", hidden, value[f"layers.{number}"], value[f"biases.{number}"])
            hidden = graph.add("Relu", hidden)
        last = graph.add("Gemm", both, value["straight"], value["last_bias"])
        if len(self.layers):
            last = graph.add("Add", last, graph.add("MatMul", hidden, value["last"]))
        scores = (
            graph.add("Softmax", last, axis=1) if self.head == "softmax" else _add_ordinal(graph, last, value["cuts"])
        )
        scores = graph.add("Mul", scores, np.array(1 - _FLOOR, np.float32))
        return graph.add("Add", scores, np.array(_FLOOR / len(TIERS), np.float32))


def _add_ordinal(graph: Graph, last: str, cuts: Matrix) -> str:
    place = graph.add("Gather", last, np.array([0], np.int64), axis=1)
    scale = graph.add("Exp", graph.add("Gather", last, np.array([1], np.int64), axis=1))
    above = graph.add("Sigmoid", graph.add("Mul", graph.add("Sub", place, np.sort(cuts)), scale))
    nothing = graph.add("Mul", place, np.array(0, np.float32))
    everything = graph.add("Add", nothing, np.array(1, np.float32))
    return graph.add("Sub", graph.add("Concat", everything, above, axis=1), graph.add("Concat", above, nothing, axis=1))


def fit(
    features: Matrix,
    tier: NDArray[np.int64],
    players: int,
    *,
    params: NetworkParams,
    seed: int,
    monitor: Callable[[Callable[[Matrix], Matrix]], float],
) -> tuple[PlayerClassifier, int, dict[str, Curve]]:
    """Fit one network and keep the weights of the epoch with the lowest monitored loss.

    Args:
        features: of the players' records, shape (rows, features).
        tier: 0 to 3, shape (rows,).
        players: how many players the rows are of: what the evidence of the rows is worth against the prior.
        monitor: loss on rows left out of a function from inputs to scores, called after each epoch.

    Returns:
        The network, the number of epochs it was fitted for, and its losses by epoch.
    """
    with one_thread():
        return _fit(features, tier, players, params=params, seed=seed, monitor=monitor)


def _fit(
    features: Matrix,
    tier: NDArray[np.int64],
    players: int,
    *,
    params: NetworkParams,
    seed: int,
    monitor: Callable[[Callable[[Matrix], Matrix]], float],
) -> tuple[PlayerClassifier, int, dict[str, Curve]]:
    inputs_of = InputMaker()
    views = [torch.from_numpy(inputs_of(view)) for view in (features, hide_adr(features))]
    target = torch.tensor(tier)
    random = torch.Generator().manual_seed(seed)
    network = PlayerClassifier(*_scaling(views[0].numpy()), params, seed)
    learned = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(learned, lr=params.learning_rate)
    steps = math.ceil(len(tier) / params.batch_rows)
    epochs = max(params.epochs, math.ceil(params.steps / steps))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    best, best_epoch, best_network = math.inf, 0, network
    curves: dict[str, Curve] = {TRAIN_LOSS: [], LEFT_OUT_LOSS: []}
    for epoch in range(1, epochs + 1):
        learned_from = 0.0
        hidden = torch.rand(len(tier), 1, generator=random) < params.hide_adr
        inputs = torch.where(hidden, views[1], views[0])
        for chosen in torch.randperm(len(tier), generator=random).split(params.batch_rows):  # type: ignore[no-untyped-call]
            loss = nn.functional.nll_loss(torch.log(network(inputs[chosen], random)), target[chosen])
            loss = loss + network.moved() / (2 * params.spread**2 * players)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            learned_from += float(loss.detach()) / steps
        left_out = monitor(network.scores)
        curves[TRAIN_LOSS].append((epoch, learned_from))
        curves[LEFT_OUT_LOSS].append((epoch, left_out))
        if left_out < best:
            best, best_epoch, best_network = left_out, epoch, copy.deepcopy(network)
    return best_network, best_epoch, curves


def _scaling(inputs: Matrix) -> tuple[Matrix, Matrix]:
    """Mean and standard deviation of all inputs but the trust; an input that never varies keeps its scale."""
    mean, deviation = inputs[:, :-1].mean(axis=0), inputs[:, :-1].std(axis=0)
    mean[-1] = 0  # the mark of a missing adr is 0 in every row it is taken from
    return mean, np.where(deviation < 1e-6, 1, deviation).astype(np.float32)


def hide_adr(features: Matrix) -> Matrix:
    """The same rows without damage per round, which a request may leave out."""
    hidden = features.copy()
    hidden[:, ADR] = np.nan
    return hidden
