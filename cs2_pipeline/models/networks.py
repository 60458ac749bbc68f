"""The PyTorch network of the round model: an ensemble of monotone networks, fitted together.

Only the architecture, its fit and its ONNX form belong here. It knows two groups of inputs (see `round_inputs`) and
outcomes, nothing of matches or calibration.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cs2_pipeline.models.onnx_export import Graph
from cs2_pipeline.models.round_inputs import NetworkInputs

Matrix = NDArray[np.float32]
LEAK: Final = 0.1
"""Slope of the flat side of a unit."""
MIN_EPOCHS: Final = 4
MAX_EPOCHS: Final = 30


@dataclass(frozen=True)
class NetworkParams:
    """How the ensemble is built and fitted.

    Attributes:
        hidden: units of the two hidden layers; half of each layer bends up, half down.
        context: hidden units that see only the context inputs.
        dropout: share of hidden units left out while fitting. Batch normalisation has no place here: its scale
            may turn negative, and a law with it.
        steps: of the optimiser, spread over whole epochs; from `MIN_EPOCHS` to `MAX_EPOCHS` of them.
        batch_rows, learning_rate, weight_decay: of AdamW under a warm-up and a cosine.
        context_decay: weight decay on the paths from the context, where nothing but data speaks against noise.
    """

    hidden: tuple[int, int] = (32, 16)
    context: int = 16
    dropout: float = 0.05
    steps: int = 1_400
    batch_rows: int = 512
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    context_decay: float = 0.3

    def epochs(self, rows: int) -> int:
        """How often the rows are gone through."""
        return min(max(round(self.steps * self.batch_rows / rows), MIN_EPOCHS), MAX_EPOCHS)


class RoundPredictor(nn.Module):
    """``members`` independent monotone networks evaluated at once.

    Weights on the paths from the monotone inputs to the output are never negative and every unit's activation
    rises, so each member rises with each monotone input (Sill 1997); units that bend up and units that bend down
    are mixed so that the networks can be convex and concave (Runje and Shankaranarayana 2023). Context enters
    every layer freely. All operations are monotone in float32 as well: the law holds to the last bit.
    """

    def __init__(self, members: int, monotone: int, context: int, params: NetworkParams, seed: int) -> None:
        super().__init__()
        first, second = params.hidden
        self.members = members
        self.dropout = params.dropout
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
        side = self._thinned(side)
        first = torch.addmm(self.bias["first"], monotone, self.rise["first"]) + context @ self.context["first"]
        hidden = self._thinned(_bend(self._by_member(first)))
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
        """Logits for monotone and context inputs, shape (rows, members)."""
        monotone, context = (torch.from_numpy(part) for part in inputs)
        return np.asarray(self(monotone, context).numpy(), np.float64)

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

    def _thinned(self, units: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(units, self.dropout, self.training)

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


def fit(
    batches: Callable[[int], tuple[Matrix, Matrix]],
    outcome: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    params: NetworkParams,
    seed: int,
    monitor: Callable[[RoundPredictor], float],
    progress: Callable[[str], None],
) -> tuple[RoundPredictor, int]:
    """Fit all members at once and keep the weights of the epoch with the lowest monitored loss.

    Args:
        batches: epoch number -> that epoch's monotone and context inputs, one row per outcome in the same order.
        outcome: 0 or 1, shape (rows,).
        weights: weight of each row for each member, shape (rows, members); 0 leaves the row out.
        monitor: loss on rows left out, called after each epoch of the second half.

    Returns:
        The network and the number of epochs it was fitted for.
    """
    rows, members = weights.shape
    target = torch.from_numpy(outcome.astype(np.float32))[:, None].expand(-1, members)
    weight = torch.from_numpy((weights / weights.mean(axis=0)).astype(np.float32))
    steps_per_epoch = math.ceil(rows / params.batch_rows)
    random = torch.Generator().manual_seed(seed)
    widths = [part.shape[1] for part in batches(0)]
    epochs = params.epochs(rows)
    torch.manual_seed(seed)  # dropout has no generator of its own
    network = RoundPredictor(members, widths[0], widths[1], params, seed)
    optimizer = _optimizer(network, params)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_cosine(epochs * steps_per_epoch))
    best, best_epoch, best_state = math.inf, 0, network.state_dict()
    for epoch in range(epochs):
        monotone, context = (torch.from_numpy(part) for part in batches(epoch))
        for chosen in torch.split(torch.randperm(rows, generator=random), params.batch_rows):
            logits = network(monotone[chosen], context[chosen])
            losses = nn.functional.binary_cross_entropy_with_logits(logits, target[chosen], weight[chosen])
            optimizer.zero_grad(set_to_none=True)
            (losses * members).backward()
            optimizer.step()
            schedule.step()
            network.keep_rising()
        if 2 * (epoch + 1) < epochs:
            continue
        network.eval()
        loss = monitor(network)
        network.train()
        progress(f"network: epoch {epoch + 1} of {epochs}, log loss on rows left out {loss:.4f}")
        if loss < best:
            best, best_epoch = loss, epoch + 1
            best_state = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(best_state)
    network.eval()
    return network, best_epoch


def _optimizer(network: RoundPredictor, params: NetworkParams) -> torch.optim.Optimizer:
    lawful = [*network.rise.parameters(), *network.bias.parameters()]
    groups = [
        {"params": lawful, "weight_decay": params.weight_decay},
        {"params": list(network.context.parameters()), "weight_decay": params.context_decay},
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=(0.9, 0.99))


def _warm_cosine(steps: int) -> Callable[[int], float]:
    """Learning rate as a share of the highest: up over the first tenth of the steps, then down to 0."""
    return lambda step: min(1.0, 10 * (step + 1) / steps) * 0.5 * (1 + math.cos(math.pi * step / steps))
