"""Slices: how a model does where it could hide a fault.

A slice is a set of rows named by a kind and a value, such as (map, de_nuke). Slices of different kinds overlap.
For each the table gives the mean prediction, the mean outcome and their difference, the gap, with a 99 % interval by
match: many slices are looked at, so each must be surer than a single figure.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cs2_pipeline.game.player import TIERS
from cs2_pipeline.game.rules import ROUND_TIME, TEAM_SIZE
from cs2_pipeline.stats.intervals import Floats, GroupBootstrap
from cs2_pipeline.stats.metrics import checked_binary, checked_tiers, log_losses

GAP_LEVEL: Final = 0.99
RESAMPLES: Final = 2000
"""More than elsewhere: a 99 % interval needs more in its tails."""

ECO_BELOW: Final = 1_500
FULL_BUY_FROM: Final = 3_500
"""Equipment per living player, dollars. Armour and a submachine gun cost more than the first, a rifle and armour the
second."""
MAX_ALIVE_DIFFERENCE: Final = 3
TIME_LEFT_CUTS: Final = (0, 2, 5, 10, 20)
"""Seconds left on the clock that runs; earlier moments are in no slice of time left."""
ROUNDS_SEEN_CUTS: Final = (100, 300)

Mask = NDArray[np.bool_]


def round_slices(
    snapshots: pd.DataFrame, probability: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Slices of the round model by map, phase, alive difference, equipment class and the last seconds of a clock.

    Args:
        snapshots: rows of `round_dataset`: the state's fields, ``ct_wins``, ``round_id``, ``match_id`` and, where
            known, ``moment``.
        probability: of CT winning, shape (rows,).

    Returns:
        one row a slice: ``slice``, ``value``, ``rows``, ``rounds``, ``matches``, ``mean_prediction``,
        ``mean_outcome``, ``gap``, ``gap_low``, ``gap_high``, ``log_loss``.
    """
    groups = snapshots["match_id"].to_numpy()
    y, p = checked_binary(snapshots["ct_wins"].to_numpy(), probability, groups)
    ids = {"rounds": snapshots["round_id"].to_numpy(), "matches": groups}
    return _table(
        _round_masks(snapshots), y, p, ids=ids, bootstrap=GroupBootstrap(groups, seed=seed, resamples=resamples)
    )


def player_slices(
    players: pd.DataFrame, scores: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Slices of the player model: for each tier, over all players and by rounds seen, its mean probability and share.

    Args:
        players: rows of `player_dataset`: ``tier``, ``total_rounds``, ``steam_id``.
        scores: probability of each tier, shape (rows, 4).

    Returns:
        as `round_slices`, with the column ``players`` in place of ``rounds`` and ``matches``.
    """
    groups = players["steam_id"].to_numpy()
    tier, s = checked_tiers(players["tier"].to_numpy(), scores, groups)
    bootstrap = GroupBootstrap(groups, seed=seed, resamples=resamples)
    named = list(_rounds_seen_masks(players["total_rounds"].to_numpy()))
    tables = []
    for number, name in enumerate(TIERS):
        y, p = (tier == number).astype(np.float64), s[:, number]
        table = _table(named, y, p, ids={"players": groups}, bootstrap=bootstrap)
        tables.append(table.assign(slice=f"tier {name}, " + table["slice"]))
    return pd.concat(tables, ignore_index=True)


def halves(
    groups: NDArray[Any],
    outcome: ArrayLike,
    probability: ArrayLike,
    *,
    unit: str,
    seed: int,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Slices of any probability: all rows, their earlier half and their later half. Rows are in time order.

    Args:
        groups: what is resampled as a whole, shape (rows,).
        unit: the name of the column that counts them.

    Returns:
        as `round_slices`, with the column ``unit`` in place of ``rounds`` and ``matches``.
    """
    y, p = checked_binary(outcome, probability, groups)
    early = np.arange(y.size) < y.size / 2
    named = [
        (("all", "all"), np.full(y.size, True)),
        (("time", "earlier half"), early),
        (("time", "later half"), ~early),
    ]
    bootstrap = GroupBootstrap(groups, seed=seed, resamples=resamples)
    return _table(named, y, p, ids={unit: groups}, bootstrap=bootstrap)


def phase_masks(snapshots: pd.DataFrame) -> dict[str, Mask]:
    """The phases of a round as masks, shape (rows,), told from the state itself.

    ``freeze end``: everybody lives, no bomb, the round clock has not run. ``bomb down``: planted. ``clutch``: a side
    is down to its last player, with the bomb down or not. ``mid-round``: none of these.
    """
    ct, t = snapshots["ct_alive"].to_numpy(), snapshots["t_alive"].to_numpy()
    bomb = snapshots["bomb_planted"].to_numpy() == 1
    fresh = (ct == TEAM_SIZE) & (t == TEAM_SIZE) & ~bomb & (snapshots["time_remaining"].to_numpy() >= ROUND_TIME)
    if "moment" in snapshots:
        # A server may run a shorter round clock: where the moment is known it decides.
        fresh |= (snapshots["moment"] == "freeze_end").to_numpy()
    clutch = np.minimum(ct, t) == 1
    return {"freeze end": fresh, "mid-round": ~(fresh | bomb | clutch), "bomb down": bomb, "clutch": clutch}


def equipment_class(value: ArrayLike, alive: ArrayLike) -> NDArray[np.str_]:
    """``eco``, ``half buy`` or ``full buy`` by equipment value per living player, shape (rows,)."""
    each = np.asarray(value, dtype=np.float64) / np.asarray(alive).clip(min=1)
    return np.asarray(np.select([each < ECO_BELOW, each < FULL_BUY_FROM], ["eco", "half buy"], "full buy"))


def _round_masks(snapshots: pd.DataFrame) -> Iterator[tuple[tuple[str, str], Mask]]:
    maps = snapshots["map_name"].fillna("unknown").to_numpy(dtype=str)
    yield from _each_value("map", maps)
    yield from ((("phase", name), mask) for name, mask in phase_masks(snapshots).items())
    ct, t = snapshots["ct_alive"].to_numpy(), snapshots["t_alive"].to_numpy()
    difference = np.clip(ct - t, -MAX_ALIVE_DIFFERENCE, MAX_ALIVE_DIFFERENCE)
    for value in range(-MAX_ALIVE_DIFFERENCE, MAX_ALIVE_DIFFERENCE + 1):
        more = {-MAX_ALIVE_DIFFERENCE: " or less", MAX_ALIVE_DIFFERENCE: " or more"}.get(value, "")
        yield ("CT alive minus T alive", f"{value:+d}{more}"), difference == value
    ct_class = equipment_class(snapshots["ct_equip_value"], ct)
    t_class = equipment_class(snapshots["t_equip_value"], t)
    yield from _each_value("equipment", np.char.add(np.char.add("CT ", ct_class), np.char.add(", T ", t_class)))
    yield from _time_left_masks(snapshots)


def _time_left_masks(snapshots: pd.DataFrame) -> Iterator[tuple[tuple[str, str], Mask]]:
    """The last seconds: on the round clock, and with the bomb down until the explosion."""
    left, planted = snapshots["time_remaining"].to_numpy(), snapshots["bomb_planted"].to_numpy() == 1
    for kind, runs in (("seconds left, no bomb", ~planted), ("seconds left, bomb down", planted)):
        for low, high in pairwise(TIME_LEFT_CUTS):
            yield (kind, f"{low} to {high}"), runs & (left > low) & (left <= high)


def _rounds_seen_masks(rounds: NDArray[Any]) -> Iterator[tuple[tuple[str, str], Mask]]:
    yield ("all players", "all"), np.full(rounds.shape, True)
    few, many = ROUNDS_SEEN_CUTS
    names = np.select([rounds < few, rounds < many], [f"under {few}", f"{few} to {many - 1}"], f"{many} and more")
    yield from _each_value("rounds seen", names)


def _each_value(kind: str, values: NDArray[Any]) -> Iterator[tuple[tuple[str, str], Mask]]:
    yield from (((kind, str(value)), values == value) for value in np.unique(values))


def _table(
    named: Iterable[tuple[tuple[str, str], Mask]],
    y: Floats,
    p: Floats,
    *,
    ids: Mapping[str, NDArray[Any]],
    bootstrap: GroupBootstrap,
) -> pd.DataFrame:
    losses, rows = log_losses(y, p), []
    for (kind, value), mask in named:
        if not mask.any():
            continue
        sums = bootstrap.sums(np.column_stack([np.where(mask, p - y, 0.0), mask]))
        present = np.unique(bootstrap.codes[mask]).size
        gap = bootstrap.interval(_ratio(sums), level=GAP_LEVEL, groups=present)
        sizes = {unit: np.unique(of_rows[mask]).size for unit, of_rows in ids.items()}
        rows.append(
            {"slice": kind, "value": value, "rows": mask.sum(), **sizes}
            | {"mean_prediction": p[mask].mean(), "mean_outcome": y[mask].mean()}
            | {"gap": gap.value, "gap_low": gap.low, "gap_high": gap.high, "log_loss": losses[mask].mean()}
        )
    return pd.DataFrame(rows)


def _ratio(sums: Floats) -> Floats:
    """First column by second; NaN where a resample holds no row of the slice."""
    return np.asarray(sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan))
