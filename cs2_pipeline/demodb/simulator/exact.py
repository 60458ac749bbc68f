"""The exact probability that CT wins a round, from the chain itself.

Backward in time over the clock: V(time) = expm(Q dt) V(time + dt), Q being the chain's generator in a segment.
V is tabulated over the edge, the kit flag, the players alive and the clock, and kept in a file of its own beside
the database. Nothing but `evaluation` reads that file: a model must never see it.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from cs2_pipeline.demodb.simulator import chain
from cs2_pipeline.demodb.simulator.model import FREE_EQUIPMENT, HIGHEST_EQUIPMENT, GameModel
from cs2_pipeline.game import rules

Floats = NDArray[np.float64]

FORMAT: Final = 1
_EDGE_STEP: Final = 0.1
_ROUND_STEP: Final = 0.25
_BOMB_STEP: Final = 0.1
_SIZE: Final = rules.TEAM_SIZE + 1
_STATES: Final = _SIZE * _SIZE
_CT, _T = (grid.ravel().astype(float) for grid in np.meshgrid(np.arange(_SIZE), np.arange(_SIZE), indexing="ij"))


@dataclass(frozen=True)
class Truth:
    """P(CT wins) in every state of the chain.

    Attributes:
        model: the game it is the truth of.
        edges: shape (edges,), the grid of CT's edge.
        round_clock, bomb_clock: seconds since the freeze time's end, and since the plant, of the tables' nodes.
        before, after: shape (2 kits, nodes, edges, 36); the last axis is `state_of`.
    """

    model: GameModel
    edges: Floats
    round_clock: Floats
    bomb_clock: Floats
    before: Floats
    after: Floats


def truth_path(database: Path) -> Path:
    """Where the truth of a simulated database is kept."""
    return database.with_name(f"{database.stem}.truth.npz")


def state_of(ct: Any, t: Any) -> Any:
    """The number of a state with so many players alive."""
    return ct * _SIZE + t


def solve(model: GameModel) -> Truth:
    """The truth of a game in which all players are equal."""
    edges = _edge_grid(model)
    bomb_clock = _nodes(_BOMB_STEP, chain.after_plant(kit=True), chain.after_plant(kit=False))
    round_clock = _nodes(_ROUND_STEP, chain.before_plant(model))
    after, before = [], []
    for kit in (False, True):
        exploded = np.zeros((len(edges), _STATES))
        after.append(_backward(model, chain.after_plant(kit), edges, bomb_clock, final=exploded, planted_value=None))
        saved = np.broadcast_to((_CT > 0).astype(float), (len(edges), _STATES))
        before.append(
            _backward(model, chain.before_plant(model), edges, round_clock, final=saved, planted_value=after[-1][0])
        )
    return Truth(model, edges, round_clock, bomb_clock, np.stack(before), np.stack(after))


def save(truth: Truth, path: Path) -> None:
    """Write a truth file; it appears whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(
                file,
                format=np.array(FORMAT),
                model=np.array(json.dumps(truth.model.to_json())),
                edges=truth.edges,
                round_clock=truth.round_clock,
                bomb_clock=truth.bomb_clock,
                before=truth.before,
                after=truth.after,
            )
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(path: Path) -> Truth:
    """Read a truth file.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not a truth file.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"no truth file {path}: simulate with equal skill, which writes one beside the database"
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            if int(file["format"]) != FORMAT:
                raise ValueError(f"format {int(file['format'])}, expected {FORMAT}")
            tables = {name: file[name] for name in ("edges", "round_clock", "bomb_clock", "before", "after")}
            return Truth(model=GameModel.from_json(json.loads(str(file["model"]))), **tables)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a truth file of the simulator: {error}") from error


def _edge_grid(model: GameModel) -> Floats:
    """Every edge that the equipment and the maps of a model can give, and a margin."""
    corners = [
        float(chain.edge(model, ct, t, edge))
        for ct in (FREE_EQUIPMENT, HIGHEST_EQUIPMENT)
        for t in (FREE_EQUIPMENT, HIGHEST_EQUIPMENT)
        for edge in (*model.map_edges.values(), 0.0)
    ]
    low, high = min(corners) - abs(model.t_rifle_edge) - 0.1, max(corners) + abs(model.t_rifle_edge) + 0.1
    return np.linspace(low, high, int(np.ceil((high - low) / _EDGE_STEP)) + 1)


def _nodes(step: float, *clocks: chain.Segments) -> Floats:
    """Times at which V is kept: every step, and every boundary between segments."""
    ends = np.concatenate([clock.ends for clock in clocks])
    last = ends.max()
    return np.unique(np.round(np.concatenate([np.arange(0, last, step), ends]), 9))


def _backward(
    model: GameModel,
    clock: chain.Segments,
    edges: Floats,
    nodes: Floats,
    *,
    final: Floats,
    planted_value: Floats | None,
) -> Floats:
    """V at every node, shape (nodes, edges, 36), from its value where the clock runs out.

    Args:
        model: the game.
        clock: its segments.
        edges: the grid of edges.
        nodes: times to keep, ascending; every segment's end is among them.
        final: V at the end, shape (edges, 36).
        planted_value: V right after a plant; None while the bomb is down already.
    """
    value = np.concatenate([final, np.ones((len(edges), 1))], axis=1)
    values = np.empty((len(nodes), len(edges), _STATES))
    values[-1] = value[:, :_STATES] = _decided(final, planted=planted_value is None)
    step_matrix: dict[tuple[int, float], Floats] = {}
    for node in range(len(nodes) - 2, -1, -1):
        length = round(float(nodes[node + 1] - nodes[node]), 12)
        piece = int(np.searchsorted(clock.ends, nodes[node], side="right"))
        if (piece, length) not in step_matrix:
            generator = _generator(model, edges, clock.tempo[piece], clock.objective[piece], planted_value)
            step_matrix[piece, length] = expm(generator * length)
        value = np.einsum("eij,ej->ei", step_matrix[piece, length], value)
        values[node] = value[:, :_STATES]
    return values


def _decided(value: Floats, *, planted: bool) -> Floats:
    """`value` with the states put right in which a side is dead."""
    value = value.copy()
    value[:, _CT == 0] = 0.0
    if not planted:
        value[:, (_CT > 0) & (_T == 0)] = 1.0
    return value


def _generator(model: GameModel, edges: Floats, tempo: float, objective: float, planted_value: Floats | None) -> Floats:
    """The chain's generator for every edge, shape (edges, 37, 37).

    The last state is "CT has won": a defusal leads there, and so does a plant, with the probability that CT
    still wins from it (the rest leads nowhere: T has won, worth 0).
    """
    planted = planted_value is None
    to_t_dead, to_ct_dead = chain.kill_rates(model, _CT, _T, float(planted), edge=edges[:, None], tempo=tempo)
    if planted_value is None:
        goal = np.broadcast_to(chain.defuse_rate(model, _CT, _T, objective), (len(edges), _STATES))
        won = goal
    else:
        is_open = (_CT > 0) & (_T > 0)
        goal = np.broadcast_to(chain.plant_rate(model, _CT, _T, objective) * is_open, (len(edges), _STATES))
        won = goal * planted_value
    q = np.zeros((len(edges), _STATES + 1, _STATES + 1))
    state = np.arange(_STATES)
    alive = state[(_CT > 0) & (_T > 0)]
    q[:, alive, alive - 1] = to_t_dead[:, alive]
    q[:, alive, alive - _SIZE] = to_ct_dead[:, alive]
    q[:, state, _STATES] = won
    q[:, state, state] = -(to_t_dead + to_ct_dead + goal)
    return q
