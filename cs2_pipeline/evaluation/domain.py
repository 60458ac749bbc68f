"""The valid domain of the models' inputs: states and records drawn from all of it, and how a table becomes states.

Only what `game` allows is drawn: bounds from its tables of fields, and nothing it calls a contradiction.
"""

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cs2_pipeline.game.features import player_features, round_features
from cs2_pipeline.game.maps import MAPS, map_index
from cs2_pipeline.game.player import PLAYER_FIELDS, complete
from cs2_pipeline.game.rules import FULL_ARMOR, FULL_HEALTH
from cs2_pipeline.game.state import (
    MAX_BOMB_TIME,
    OPTIONAL_ROUND_FIELDS,
    ROUND_FIELDS,
    decided,
    impossible,
)
from cs2_pipeline.stats.intervals import Floats

States = dict[str, NDArray[Any]]
"""Columns by field name, each of shape (rows,): numbers as float64, NaN where missing; ``map_name`` text or None."""

_DECIDING: Final = ("ct_alive", "t_alive", "bomb_planted", "time_remaining")
_PER_PLAYER: Final = {
    "health": (FULL_HEALTH, ("ct", "t")),
    "armor": (FULL_ARMOR, ("ct", "t")),
    "helmets": (1, ("ct", "t")),
    "defuse_kits": (1, ("ct",)),
}


def state_features(states: States) -> NDArray[np.float32]:
    """The features of states, shape (rows, features)."""
    size = states["ct_alive"].size
    columns = round_features({**states, "map_index": np.array([map_index(name) for name in states["map_name"]])})
    return np.column_stack([np.broadcast_to(column, size) for column in columns]).astype(np.float32)


def states_of(snapshots: pd.DataFrame) -> States:
    """The states of a table of snapshots; optional fields that it does not have are missing."""
    missing = {"map_name": np.full(len(snapshots), None)}
    states: States = {}
    for field in ROUND_FIELDS:
        if field.name not in snapshots:
            states[field.name] = missing.get(field.name, np.full(len(snapshots), np.nan))
        elif field.text:
            column = snapshots[field.name].astype(object)
            states[field.name] = column.where(column.notna(), None).to_numpy()
        else:
            states[field.name] = snapshots[field.name].to_numpy(dtype=np.float64, na_value=np.nan)
    return states


def generate_states(rng: np.random.Generator, rows: int) -> States:
    """Valid states from the whole domain of `game.state.ROUND_FIELDS`, its bounds more often than by chance.

    At most ``rows`` of them: impossible ones are left out. Optional fields are missing as `hide_optional` has it.
    """
    states: States = {field.name: _within(rng, field.low, field.high, rows) for field in ROUND_FIELDS if not field.text}
    for field in ROUND_FIELDS:
        if field.integer:
            states[field.name] = np.rint(states[field.name])
    planted = states["bomb_planted"] == 1
    states["time_remaining"] = np.where(planted, _within(rng, 0, MAX_BOMB_TIME, rows), states["time_remaining"])
    for item, (most, sides) in _PER_PLAYER.items():
        for side in sides:
            share = _within(rng, 0, 1, rows) * most * states[f"{side}_alive"]
            states[f"{side}_{item}"] = share if most > 1 else np.rint(share)
    states["map_name"] = rng.choice(np.array([*MAPS, "de_of_tomorrow"], dtype=object), size=rows)
    hide_optional(rng, states)
    return subset(states, valid(states))


def generate_players(rng: np.random.Generator, rows: int) -> NDArray[np.float32]:
    """Features of ``rows`` valid records from the whole domain of `game.player.PLAYER_FIELDS`."""
    columns = {field.name: _within(rng, field.low, field.high, rows) for field in PLAYER_FIELDS}
    columns["total_rounds"] = np.rint(columns["total_rounds"])
    columns["avg_headshots"] = columns["avg_kills"] * rng.random(rows)
    columns["total_clutch_attempts"] = np.rint(columns["total_rounds"] * rng.random(rows))
    columns["total_clutches"] = np.rint(columns["total_clutch_attempts"] * rng.random(rows))
    optional = [field.name for field in PLAYER_FIELDS if not field.required]
    records = []
    for row, hide in enumerate(rng.random((rows, len(optional))) < 0.5):
        hidden = {name for name, hidden in zip(optional, hide, strict=True) if hidden}
        record = {name: float(values[row]) for name, values in columns.items() if name not in hidden}
        records.append(player_features(complete(record)))
    return np.array(records, dtype=np.float32)


def winners(states: States) -> NDArray[np.str_]:
    """``CT`` or ``T`` where the state is decided, else an empty text, shape (rows,)."""
    ct_won, t_won = decided(*(states[name] for name in _DECIDING))
    return np.where(ct_won, "CT", np.where(t_won, "T", ""))


def valid(states: States) -> NDArray[np.bool_]:
    """Which states are possible (`game.state.impossible`), shape (rows,)."""
    possible: NDArray[np.bool_] = ~impossible(states)
    return possible


def hide_optional(rng: np.random.Generator, states: States) -> None:
    """Make optional fields of states missing, in place: all of a third of the rows, none of a third, else by a coin."""
    rows = states["ct_alive"].size
    share = rng.choice([0.0, 0.5, 1.0], size=rows)
    for name in OPTIONAL_ROUND_FIELDS:
        hidden = rng.random(rows) < share
        states[name] = states[name].copy()
        states[name][hidden] = None  # NaN among numbers


def joined(first: States, second: States) -> States:
    """The states of both."""
    return {name: np.concatenate([first[name], second[name]]) for name in first}


def subset(states: States, mask: NDArray[np.bool_]) -> States:
    """The states where the mask, shape (rows,), is true."""
    return {name: values[mask] for name, values in states.items()}


def _within(rng: np.random.Generator, low: float, high: float, rows: int) -> Floats:
    """Uniform draws, one in ten at the lower bound and one in ten at the upper."""
    place = np.clip(rng.uniform(-0.125, 1.125, rows), 0, 1)
    return np.asarray(low + (high - low) * place)
