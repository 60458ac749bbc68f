"""Made-up rounds whose true probabilities are known, for the tests of the evaluation."""

import numpy as np
import pandas as pd

from cs2_pipeline.game.features import ROUND_FEATURES

_COLUMN = {name: number for number, name in enumerate(ROUND_FEATURES)}


def fair_price(features, term=0.0):
    """P(CT) of a model that obeys every law and is true of `whole_rounds`.

    Args:
        term: added to the log odds, however much time is left.
    """
    value = {name: np.nan_to_num(features[:, column].astype(np.float64)) for name, column in _COLUMN.items()}
    late = 30 * np.clip(1 - (value["round_time"] + value["bomb_time"]) / 5, 0, 1)
    logit = _logit(value) + term + late * np.where(value["bomb_planted"] == 1, -1, 1)
    return np.clip(1 / (1 + np.exp(-logit)), 1e-4, 1 - 1e-4)


def _logit(value):
    return (
        0.5 * (value["ct_alive"] - value["t_alive"])
        + (value["ct_equip_value"] - value["t_equip_value"]) / 15_000
        + 0.001 * (value["ct_health"] - value["t_health"])
        + 0.02 * value["bomb_time"]
        - 0.8 * value["bomb_planted"]
    )


def whole_rounds(seed, *, matches=60, rounds=24, shift=0.0):
    """Rounds of four snapshots whose price is a martingale, in the columns of a `round_dataset`.

    The price of every snapshot is `fair_price` of its state, and each step moves it up or down by the same amount
    with the same chance, so nothing drifts.

    Args:
        shift: log odds by which the outcomes differ from the price.
    """
    rng = np.random.default_rng(seed)
    size = matches * rounds
    frame = pd.DataFrame({"match_id": np.repeat(np.arange(matches), rounds), "round_id": np.arange(size)})
    frame["round_number"] = frame["round_id"] % rounds + 1
    frame["started_at"] = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(frame["match_id"], unit="h")
    frame["map_name"] = np.array(["de_mirage", "de_nuke"])[frame["match_id"] % 2]
    frame = frame.loc[frame.index.repeat(4)].reset_index(drop=True)
    frame["snapshot"] = np.tile(np.arange(4), size)
    states = _martingale(rng, size)
    for name, values in states.items():
        frame[name] = values.reshape(-1)
    price = 1 / (1 + np.exp(-(_logit(_with_times(states))[:, -1] + shift)))
    frame["ct_wins"] = np.repeat((rng.random(size) < price).astype(np.int8), 4)
    frame["source"] = "simulator"
    frame["part"] = "test"
    return frame


def _martingale(rng, size):
    """Equipment walks so that the price steps fairly; the rest of the state stays as the round began."""
    walk = np.empty((size, 4))
    walk[:, 0] = rng.normal(0, 0.7, size)
    for step in range(1, 4):
        price = 1 / (1 + np.exp(-walk[:, step - 1]))
        reach = rng.uniform(0.2, 0.6, size) * np.minimum(price, 1 - price)
        following = price + reach * rng.choice([-1, 1], size)
        walk[:, step] = np.log(following / (1 - following))
    full = np.ones((size, 4))
    alive = np.repeat(rng.integers(1, 6, size)[:, None], 4, axis=1).astype(float)
    return {
        "ct_alive": alive,
        "t_alive": alive,
        "ct_equip_value": 1_000 + np.maximum(walk, 0) * 15_000,
        "t_equip_value": 1_000 + np.maximum(-walk, 0) * 15_000,
        "ct_money": full * 4_000,
        "t_money": full * 4_000,
        "bomb_planted": full * 0,
        "time_remaining": np.tile([115.0, 90.0, 60.0, 30.0], (size, 1)),
        "ct_score": full * 5,
        "t_score": full * 5,
        "ct_health": alive * 80,
        "t_health": alive * 80,
    }


def _with_times(states):
    return {**states, "bomb_time": states["bomb_planted"] * states["time_remaining"]}
