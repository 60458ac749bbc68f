"""The PyTorch network of the round model: an ensemble of monotone networks, fitted together.

Only the architecture, its fit and the matrices it comes down to belong here. It knows two groups of inputs (see
`inputs`) and what to say of them, nothing of matches or calibration.
"""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cs2_pipeline.models.round.inputs import CONTEXT, GAIN, INPUTS, MONOTONE, TINY, Inputs, settled_logits
from cs2_pipeline.models.training import LEFT_OUT_LOSS, TRAIN_LOSS, Curve

Matrix = NDArray[np.float32]
LEAK: Final = 0.1
"""Slope of the flat side of a unit."""
STEPS_A_DRAW: Final = 100
CURVE_POINTS: Final = 20
"""Points of a training curve."""
ROWS_AT_ONCE: Final = 16_384
"""Rows the fitted network is asked about at once: a table of a million needs no gigabytes."""
MAX_EPOCHS: Final = 30
"""How often a row may be gone through, on average: fewer rows, fewer steps."""


@dataclass(frozen=True)
class NetworkParams:
    """How the ensemble is built and fitted.

    Attributes:
        hidden: units of the two hidden layers that rise; half of each layer bends up, half down.
        side: units of each hidden layer that see only the context inputs.
        watch: units of the second layer that say how far the logit may be off.
        steps: of the optimiser, however many rows there are.
        batch_rows, learning_rate, weight_decay: of AdamW under a warm-up and a cosine.
        context_decay: weight decay on the paths from the context, where nothing but data speaks against noise.
    """

    hidden: tuple[int, int] = (32, 16)
    side: int = 16
    watch: int = 16
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

    Each layer has units that rise with the monotone inputs, and a side of units that see only the context. Weights
    between rising units are never negative and every unit's activation rises, so each member rises with each monotone
    input (Sill 1997); units that bend up and units that bend down are mixed so that the networks can be convex and
    concave (Runje and Shankaranarayana 2023). The side enters every layer freely. All operations are monotone in
    float32 as well: the law holds to the last bit. Batch normalisation has no place here: its scale may turn
    negative, and a law with it.

    Beside its logit each member says how far it may be off, in logits, which no law binds: from units of its own and
    from those of the logit, which do not learn for it.
    """

    def __init__(self, members: int, monotone: int, context: int, params: NetworkParams, seed: int) -> None:
        super().__init__()
        (first, second), side, watch = params.hidden, params.side, params.watch
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
            }
        )
        self.context = nn.ParameterDict(
            {
                "first": free(context, members * first, scale=0.5 * context**-0.5),
                "first side": free(context, members * side, scale=context**-0.5),
                "second": free(members, side, second, scale=0.5 * side**-0.5),
                "second side": free(members, side, side, scale=side**-0.5),
                "last": free(members, side, 1, scale=0.01),
                "watch": free(members, first + side, watch, scale=(first + side) ** -0.5),
                "reach": free(members, second + side + watch, 1, scale=0.01),
            }
        )
        self.bias = nn.ParameterDict(
            {
                "first": free(members * first, scale=0.5),
                "first side": free(members * side, scale=0.1),
                "second": free(members, 1, second, scale=0.3),
                "second side": free(members, 1, side, scale=0.1),
                "watch": free(members, 1, watch, scale=0.1),
                "last": nn.Parameter(torch.zeros(members, 1, 1)),
                "reach": nn.Parameter(torch.full((members, 1, 1), 0.5)),
            }
        )

    def forward(self, monotone: torch.Tensor, context: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of P(CT) and how far they may be off, shape (rows, members) each."""
        rise, free, bias = self.rise, self.context, self.bias
        first = torch.addmm(bias["first"], monotone, rise["first"]) + context @ free["first"]
        hidden = _bend(self._by_member(first))
        side = _leaky(self._by_member(torch.addmm(bias["first side"], context, free["first side"])))
        watch = _leaky(torch.baddbmm(bias["watch"], torch.cat([hidden, side], dim=-1).detach(), free["watch"]))
        hidden = _bend(torch.baddbmm(bias["second"], hidden, rise["second"]) + side @ free["second"])
        side = _leaky(torch.baddbmm(bias["second side"], side, free["second side"]))
        logit = torch.baddbmm(bias["last"], hidden, rise["last"]) + side @ free["last"]
        units = torch.cat([hidden.detach(), side.detach(), watch], dim=-1)
        reach = torch.baddbmm(bias["reach"], units, free["reach"])
        return logit.squeeze(-1).T, torch.relu(reach.squeeze(-1).T)

    @torch.no_grad()
    def keep_rising(self) -> None:
        """Put weights that an optimiser made negative back to zero."""
        for weight in self.rise.values():
            weight.clamp_(min=0)

    @torch.no_grad()
    def exact(self, inputs: Inputs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """What `forward` gives, computed in float64: what a graph is held to."""
        network = copy.deepcopy(self).double()
        groups = (torch.split(torch.from_numpy(part), ROWS_AT_ONCE) for part in (inputs.monotone, inputs.context))
        said = [network(*(part.double() for part in piece)) for piece in zip(*groups, strict=True)]
        logit, reach = (torch.cat(parts).numpy() for parts in zip(*said, strict=True))
        return logit, reach

    def price_logits(self, inputs: Inputs) -> NDArray[np.float64]:
        """Logits of P(CT) with what the clock leaves open, shape (rows, members)."""
        return settled_logits(self.exact(inputs)[0], inputs.clock)

    def layers(self, member: int) -> list["Layer"]:
        """One member as matrices that follow each other, float64, with leaky units of slope `LEAK` between them.

        The first reads all inputs as they leave `inputs.add_inputs`; the last gives the logit and the reach, before
        that is cut off at zero. Units that bend down are turned round: ``min(x, a x) = -max(-x, -a x)``.
        """
        rise, free, bias = (
            {name: weight.detach().double().numpy() for name, weight in group.items()}
            for group in (self.rise, self.context, self.bias)
        )
        of = {name: weight.reshape(self.members, -1)[member] for name, weight in bias.items()}
        units, side = rise["second"].shape[1], free["second"].shape[1]
        mine, beside = slice(member * units, (member + 1) * units), slice(member * side, (member + 1) * side)
        first = np.zeros((INPUTS, units + side))
        first[MONOTONE, :units] = rise["first"][:, mine]
        first[CONTEXT, :units], first[CONTEXT, units:] = free["first"][:, mine], free["first side"][:, beside]
        first *= GAIN[:, None]
        apart = np.zeros((units, side))  # nothing leads from the rising units to the side
        second = np.block([[rise["second"][member], apart], [free["second"][member], free["second side"][member]]])
        second = np.hstack([second, free["watch"][member]])
        last = np.zeros((second.shape[1], 2))
        last[: second.shape[1] - len(of["watch"]), 0] = np.append(rise["last"][member], free["last"][member])
        last[:, 1] = free["reach"][member][:, 0]
        up = np.append(_turns(units), np.ones(side))
        then = np.append(_turns(rise["second"].shape[2]), np.ones(side + len(of["watch"])))
        return [
            Layer(first * up, (np.append(of["first"], of["first side"]) - 0.5 * first.sum(axis=0)) * up),
            Layer(up[:, None] * second * then, np.concatenate([of["second"], of["second side"], of["watch"]]) * then),
            Layer(then[:, None] * last, np.append(of["last"], of["reach"])),
        ]

    def _by_member(self, stacked: torch.Tensor) -> torch.Tensor:
        """(rows, members * units) -> (members, rows, units)."""
        return stacked.view(len(stacked), self.members, -1).transpose(0, 1)


def _bend(values: torch.Tensor) -> torch.Tensor:
    """Leaky units: the first half convex, the second half concave."""
    up, down = values.chunk(2, dim=-1)
    return torch.cat([_leaky(up), -_leaky(-down)], dim=-1)


def _leaky(values: torch.Tensor) -> torch.Tensor:
    return nn.functional.leaky_relu(values, LEAK)


def _turns(units: int) -> NDArray[np.float64]:
    """-1 for the half that bends down."""
    return np.repeat([1.0, -1.0], units // 2)


class Layer(NamedTuple):
    """Weights of shape (inputs, outputs), and bias."""

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]


class Drawn(NamedTuple):
    """Rows to learn from.

    Attributes:
        inputs: of the rows.
        target: the P(CT) each member is to learn, 0 to 1, shape (rows, members).
        seen: which row each member may learn from, shape (rows, members).
        reach: how far the logit may be off, shape (rows, members); None where that is not learned.
    """

    inputs: Inputs
    target: NDArray[np.float64]
    seen: NDArray[np.bool_]
    reach: NDArray[np.float64] | None = None


def fit(
    draw: Callable[[int], Drawn],
    members: int,
    rows: int,
    *,
    params: NetworkParams,
    seed: int,
    progress: Callable[[str], None],
    left_out: Callable[[RoundPredictor], float] | None = None,
) -> tuple[RoundPredictor, dict[str, Curve]]:
    """Fit all members at once.

    Args:
        draw: how many -> so many rows drawn at random, in random order.
        members: size of the ensemble.
        rows: size of the table drawn from.
        left_out: log loss of a network half fitted on rows that its members did not learn from.

    Returns:
        The network, and by step the mean loss of a member on what it learned from, and on what was left out.
    """
    steps = params.steps_for(rows)
    network = RoundPredictor(members, len(MONOTONE), len(CONTEXT), params, seed)
    optimizer = _optimizer(network, params)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, warm_cosine(steps))
    curves: dict[str, Curve] = {name: [] for name in ([TRAIN_LOSS, LEFT_OUT_LOSS] if left_out else [TRAIN_LOSS])}
    losses: list[float] = []
    for done in range(0, steps, STEPS_A_DRAW):
        now = min(STEPS_A_DRAW, steps - done)
        for step, batch in enumerate(_batches(draw(now * params.batch_rows), params.batch_rows), done + 1):
            optimizer.zero_grad()
            loss = _loss(network, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            network.keep_rising()
            losses.append(float(loss.detach()) / members)
            if step % math.ceil(steps / CURVE_POINTS) == 0 or step == steps:
                curves[TRAIN_LOSS].append((step, sum(losses) / len(losses)))
                losses.clear()
                if left_out is not None:
                    curves[LEFT_OUT_LOSS].append((step, left_out(network)))
        progress(f"network: step {done + now} of {steps}")
    return network, curves


def _batches(drawn: Drawn, rows: int) -> Iterator[tuple[torch.Tensor, ...]]:
    parts: list[NDArray[Any]] = [*drawn.inputs, drawn.target, drawn.seen]
    if drawn.reach is not None:
        parts.append(drawn.reach)
    tensors = [torch.from_numpy(part.astype(np.float32)) for part in parts]
    yield from zip(*(torch.split(tensor, rows) for tensor in tensors), strict=True)


def _loss(network: RoundPredictor, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The members' mean losses, added up, on a batch of `_batches`: of the prices that the clock leaves (`settle`)."""
    monotone, context, clock, target, seen, *reach = batch
    logits, said = network(monotone, context)
    left, settled = clock[:, :1], clock[:, 1:]
    price, against = settled + left * torch.sigmoid(logits), 1 - settled - left + left * torch.sigmoid(-logits)
    entropy = target * price.clamp_min(TINY).log() + (1 - target) * against.clamp_min(TINY).log()
    losses = -(entropy * seen).sum()
    if reach:
        losses = losses + (nn.functional.smooth_l1_loss(said, reach[0], reduction="none") * seen).sum()
    total: torch.Tensor = losses * network.members / seen.sum()
    return total


def _optimizer(network: RoundPredictor, params: NetworkParams) -> torch.optim.Optimizer:
    lawful = [*network.rise.parameters(), *network.bias.parameters()]
    groups = [
        {"params": lawful, "weight_decay": params.weight_decay},
        {"params": list(network.context.parameters()), "weight_decay": params.context_decay},
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=(0.9, 0.99), fused=True)


def warm_cosine(steps: int) -> Callable[[int], float]:
    """Learning rate as a share of the highest: up over the first tenth of the steps, then down to 0."""
    return lambda step: min(1.0, 10 * (step + 1) / steps) * 0.5 * (1 + math.cos(math.pi * step / steps))
