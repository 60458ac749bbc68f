"""The PyTorch network of the round model: an ensemble of monotone networks, fitted together.

Only the architecture, its fit and its ONNX form belong here. It knows two groups of inputs (see `round_inputs`) and
what to say of them, nothing of matches or calibration.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cs2_pipeline.models.onnx_export import Graph
from cs2_pipeline.models.round.inputs import NetworkInputs

Matrix = NDArray[np.float32]
LEAK: Final = 0.1
"""Slope of the flat side of a unit."""
STEPS_A_DRAW: Final = 100
ROWS_AT_ONCE: Final = 16_384
"""Rows the fitted network is asked about at once: a table of a million needs no gigabytes."""
MAX_EPOCHS: Final = 30
"""How often a row may be gone through, on average: fewer rows, fewer steps."""


@dataclass(frozen=True)
class NetworkParams:
    """How the ensemble is built and fitted.

    Attributes:
        hidden: units of the two hidden layers; half of each layer bends up, half down.
        context: hidden units that see only the context inputs.
        steps: of the optimiser, however many rows there are.
        batch_rows, learning_rate, weight_decay: of AdamW under a warm-up and a cosine.
        context_decay: weight decay on the paths from the context, where nothing but data speaks against noise.
    """

    hidden: tuple[int, int] = (32, 16)
    context: int = 16
    steps: int = 2_000
    batch_rows: int = 512
    learning_rate: float = 8e-3
    weight_decay: float = 1e-4
    context_decay: float = 0.3

    def steps_for(self, rows: int) -> int:
        """Steps for a table of so many rows."""
        return min(self.steps, math.ceil(MAX_EPOCHS * rows / self.batch_rows))


class RoundPredictor(nn.Module):
    """``members`` independent monotone networks evaluated at once.

    Weights on the paths from the monotone inputs to the output are never negative and every unit's activation
    rises, so each member rises with each monotone input (Sill 1997); units that bend up and units that bend down
    are mixed so that the networks can be convex and concave (Runje and Shankaranarayana 2023). Context enters
    every layer freely. All operations are monotone in float32 as well: the law holds to the last bit. Batch
    normalisation has no place here: its scale may turn negative, and a law with it.
    """

    def __init__(self, members: int, monotone: int, context: int, params: NetworkParams, seed: int) -> None:
        super().__init__()
        first, second = params.hidden
        self.members = members
        random = torch.Generator().manual_seed(seed)

        def free(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=random) * scale)

        def positive(*shape: int, fan: float) -> nn.Parameter:
            return nn.Parameter(torch.rand(*shape, generator=random) * 2 / fan**0.75)

        self.rise = nn.ParameterDict(
            {
                "first": positive(monotone, members * first, fan=monotone),
                "second": positive(members, first, second, fan=first),
                "last": positive(members, second, 1, fan=second),
                "straight": positive(monotone, members, fan=monotone**2),
            }
        )
        self.context = nn.ParameterDict(
            {
                "hidden": free(context, members * params.context, scale=context**-0.5),
                "first": free(context, members * first, scale=0.5 * context**-0.5),
                "second": free(members, params.context, second, scale=0.5 * params.context**-0.5),
                "last": free(members, params.context, 1, scale=0.01),
            }
        )
        self.bias = nn.ParameterDict(
            {
                "hidden": free(members * params.context, scale=0.1),
                "first": free(members * first, scale=0.5),
                "second": free(members, 1, second, scale=0.3),
                "last": nn.Parameter(torch.zeros(members, 1, 1)),
            }
        )

    def forward(self, monotone: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Logits of P(CT), shape (rows, members)."""
        side = torch.relu(self._by_member(torch.addmm(self.bias["hidden"], context, self.context["hidden"])))
        first = torch.addmm(self.bias["first"], monotone, self.rise["first"]) + context @ self.context["first"]
        hidden = _bend(self._by_member(first))
        second = torch.baddbmm(self.bias["second"], hidden, self.rise["second"]) + side @ self.context["second"]
        last = torch.baddbmm(self.bias["last"], _bend(second), self.rise["last"]) + side @ self.context["last"]
        logits: torch.Tensor = last.squeeze(-1).T + monotone @ self.rise["straight"]
        return logits

    @torch.no_grad()
    def keep_rising(self) -> None:
        """Put weights that an optimiser made negative back to zero."""
        for weight in self.rise.values():
            weight.clamp_(min=0)

    @torch.no_grad()
    def logits(self, inputs: tuple[Matrix, Matrix]) -> NDArray[np.float64]:
        """Logits for monotone and context inputs, shape (rows, members), in float64: what the graph is held to."""
        exact = copy.deepcopy(self).double()
        pieces = zip(*(torch.split(torch.from_numpy(part), ROWS_AT_ONCE) for part in inputs), strict=True)
        return np.concatenate([exact(*(part.double() for part in piece)).numpy() for piece in pieces])

    def add_to(self, graph: Graph, inputs: NetworkInputs) -> str:
        """Add the ensemble's nodes; returns the name of its logits, shape (members, rows, 1)."""
        rise, context, bias = (
            {name: weight.detach().numpy() for name, weight in group.items()}
            for group in (self.rise, self.context, self.bias)
        )
        turn = {"first": _turns(rise["first"].shape[1] // self.members), "second": _turns(rise["second"].shape[2])}
        by_unit = np.tile(turn["first"], self.members)
        side = self._add_layer(graph, inputs.context, context["hidden"], bias["hidden"])
        side = graph.add("Relu", side)
        both = graph.add("Concat", inputs.monotone, inputs.context, axis=1)
        weights = np.vstack([rise["first"], context["first"]])
        hidden = self._add_layer(graph, both, weights * by_unit, bias["first"] * by_unit)
        hidden = graph.add("Concat", graph.add("LeakyRelu", hidden, alpha=LEAK), side, axis=2)
        weights = np.concatenate([rise["second"] * turn["first"][:, None], context["second"]], axis=1) * turn["second"]
        hidden = graph.add("Add", graph.add("MatMul", hidden, weights), bias["second"] * turn["second"])
        hidden = graph.add("Concat", graph.add("LeakyRelu", hidden, alpha=LEAK), side, axis=2)
        weights = np.concatenate([rise["last"] * turn["second"][:, None], context["last"]], axis=1)
        last = graph.add("Add", graph.add("MatMul", hidden, weights), bias["last"])
        straight = self._add_layer(graph, inputs.monotone, rise["straight"], np.zeros(self.members, np.float32))
        return graph.add("Add", last, straight)

    def _by_member(self, stacked: torch.Tensor) -> torch.Tensor:
        """(rows, members * units) -> (members, rows, units)."""
        return stacked.view(len(stacked), self.members, -1).transpose(0, 1)

    def _add_layer(self, graph: Graph, inputs: str, weights: Matrix, bias: Matrix) -> str:
        stacked = graph.add("Gemm", inputs, weights, bias)
        units = weights.shape[1] // self.members
        split = graph.add("Reshape", stacked, np.array([-1, self.members, units], np.int64))
        return graph.add("Transpose", split, perm=[1, 0, 2])


def _bend(values: torch.Tensor) -> torch.Tensor:
    """Leaky units: the first half convex, the second half concave."""
    up, down = values.chunk(2, dim=-1)
    return torch.cat([torch.maximum(up, LEAK * up), torch.minimum(down, LEAK * down)], dim=-1)


def _turns(units: int) -> NDArray[np.float32]:
    """-1 for the concave half: ``min(x, a x) = -max(-x, -a x)`` lets one ONNX node serve both halves."""
    return np.repeat(np.array([1, -1], np.float32), units // 2)


class Drawn(NamedTuple):
    """Rows to learn from.

    Attributes:
        monotone, context: their inputs, shape (rows, inputs of that group) each.
        target: the P(CT) each member is to learn, 0 to 1, shape (rows, members).
        seen: which row each member may learn from, shape (rows, members).
    """

    monotone: Matrix
    context: Matrix
    target: NDArray[np.float64]
    seen: NDArray[np.bool_]


def fit(
    draw: Callable[[int], Drawn],
    members: int,
    rows: int,
    *,
    params: NetworkParams,
    seed: int,
    progress: Callable[[str], None],
) -> RoundPredictor:
    """Fit all members at once.

    Args:
        draw: how many -> so many rows drawn at random, in random order.
        members: size of the ensemble.
        rows: size of the table drawn from.
    """
    steps = params.steps_for(rows)
    first = draw(1)
    network = RoundPredictor(members, first.monotone.shape[1], first.context.shape[1], params, seed)
    optimizer = _optimizer(network, params)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_cosine(steps))
    for done in range(0, steps, STEPS_A_DRAW):
        now = min(STEPS_A_DRAW, steps - done)
        drawn = [torch.from_numpy(part.astype(np.float32)) for part in draw(now * params.batch_rows)]
        for batch in zip(*(torch.split(part, params.batch_rows) for part in drawn), strict=True):
            monotone, context, target, seen = batch
            logits = network(monotone, context)
            losses = nn.functional.binary_cross_entropy_with_logits(logits, target, seen, reduction="sum")
            optimizer.zero_grad(set_to_none=True)
            (losses * members / seen.sum()).backward()
            optimizer.step()
            schedule.step()
            network.keep_rising()
        progress(f"network: step {done + now} of {steps}")
    return network


def _optimizer(network: RoundPredictor, params: NetworkParams) -> torch.optim.Optimizer:
    lawful = [*network.rise.parameters(), *network.bias.parameters()]
    groups = [
        {"params": lawful, "weight_decay": params.weight_decay},
        {"params": list(network.context.parameters()), "weight_decay": params.context_decay},
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=(0.9, 0.99), fused=True)


def _warm_cosine(steps: int) -> Callable[[int], float]:
    """Learning rate as a share of the highest: up over the first tenth of the steps, then down to 0."""
    return lambda step: min(1.0, 10 * (step + 1) / steps) * 0.5 * (1 + math.cos(math.pi * step / steps))
