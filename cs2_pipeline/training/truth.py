"""How far a model is from the truth, where the truth is known: simulated games between equal players.

Only evaluation may read the simulator's truth file. A probability that has been near it must never become a feature
or a label.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.demodb.simulator import chain, exact

Floats = NDArray[np.float64]

COLUMNS: Final = (
    "map_name",
    "ct_alive",
    "t_alive",
    "ct_equip_value",
    "t_equip_value",
    "bomb_planted",
    "time_remaining",
)
"""What the truth depends on. Everything else in a snapshot says nothing more about the round."""


def exact_probability(truth_file: Path, snapshots: pd.DataFrame) -> Floats:
    """The exact P(CT wins) of snapshots of an equal-skill database.

    Exact on the table's nodes; between them interpolated (cubic in the edge, linear over at most 0.25 s of the
    clock), which costs less than 2e-4.

    Args:
        truth_file: beside the database, see `demodb.simulator.truth_path`.
        snapshots: with `COLUMNS`; equipment is the sum over the living.

    Returns:
        Probabilities, shape (rows,), in the order of the rows.

    Raises:
        FileNotFoundError, ValueError: no truth file, or none of the simulator's.
        KeyError: a column is missing.
        ValueError: a value is missing or outside the simulated game; the message names the column and rows.
    """
    truth = exact.load(truth_file)
    missing = [name for name in COLUMNS if name not in snapshots.columns]
    if missing:
        raise KeyError(f"snapshots lack the columns {', '.join(missing)}, which the exact probability depends on")
    values = {name: snapshots[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in COLUMNS[1:]}
    _check(values, truth)
    maps = np.asarray(snapshots["map_name"].map(truth.model.map_edges), dtype=np.float64)
    if np.isnan(maps).any():
        unknown = sorted({str(name) for name in snapshots["map_name"][np.isnan(maps)]})
        raise ValueError(f"map_name holds maps that were not simulated: {', '.join(unknown[:5])}")
    return _look_up(truth, values, maps)


def rmse(truth: Any, probability: Any) -> float:
    """Root-mean-square difference of two arrays of probabilities of the same shape, shape (rows,).

    Raises:
        ValueError: the shapes differ, or there are no rows.
    """
    expected, given = np.asarray(truth, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    if expected.shape != given.shape or expected.size == 0:
        raise ValueError(f"cannot compare {given.shape} probabilities with a truth of shape {expected.shape}")
    return float(np.sqrt(np.mean((given - expected) ** 2)))


def _check(values: dict[str, Floats], truth: exact.Truth) -> None:
    longest = np.where(values["bomb_planted"] == 1, truth.bomb_clock[-1], truth.round_clock[-1])
    # A tick of slack: recorded times are those of the next tick.
    bounds: dict[str, tuple[Any, Any]] = {
        "ct_alive": (0, 5),
        "t_alive": (0, 5),
        "bomb_planted": (0, 1),
        "time_remaining": (-0.05, longest + 0.05),
    }
    for name, column in values.items():
        low, high = bounds.get(name, (0, np.inf))
        bad = np.flatnonzero(~((column >= low) & (column <= high)))
        if bad.size:
            raise ValueError(
                f"{name} is missing or outside the simulated game in {bad.size} snapshots, first in row {bad[0]}"
                f" with {column[bad[0]]:g}: are these snapshots of the truth file's database?"
            )


def _look_up(truth: exact.Truth, values: dict[str, Floats], map_edge: Floats) -> Floats:
    ct, t = values["ct_alive"].astype(np.int64), values["t_alive"].astype(np.int64)
    ct_equipment = values["ct_equip_value"] / ct.clip(min=1)
    t_equipment = values["t_equip_value"] / t.clip(min=1)
    edge = chain.edge(truth.model, ct_equipment, t_equipment, map_edge)
    kit = (ct_equipment >= truth.model.kit_value).astype(np.int64)
    state = exact.state_of(ct, t)
    planted = values["bomb_planted"] == 1
    result = np.empty(len(edge))
    for rows, table, clock in (
        (~planted, truth.before, truth.round_clock),
        (planted, truth.after, truth.bomb_clock),
    ):
        elapsed = (clock[-1] - values["time_remaining"][rows]).clip(0, clock[-1])
        node = (np.searchsorted(clock, elapsed, side="right") - 1).clip(0, len(clock) - 2)
        part = (elapsed - clock[node]) / (clock[node + 1] - clock[node])
        early = _at_edge(table, truth.edges, (kit[rows], node, state[rows]), edge[rows])
        late = _at_edge(table, truth.edges, (kit[rows], node + 1, state[rows]), edge[rows])
        result[rows] = early + part * (late - early)
    return result.clip(0, 1)


def _at_edge(
    table: Floats, edges: Floats, place: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], edge: Floats
) -> Floats:
    """The table at edges between its nodes, by the cubic through the four nearest (Lagrange)."""
    kit, node, state = place
    step = edges[1] - edges[0]
    position = ((edge - edges[0]) / step).clip(0, len(edges) - 1)
    first = (np.floor(position).astype(np.int64) - 1).clip(0, len(edges) - 4)
    x = position - first
    weights = (
        -(x - 1) * (x - 2) * (x - 3) / 6,
        x * (x - 2) * (x - 3) / 2,
        -x * (x - 1) * (x - 3) / 2,
        x * (x - 1) * (x - 2) / 6,
    )
    return np.asarray(sum(w * table[kit, node, first + offset, state] for offset, w in enumerate(weights)))
