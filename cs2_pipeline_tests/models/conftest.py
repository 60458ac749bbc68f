"""A small round dataset whose truth is simple, for tests of training."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.game.maps import MAPS

MATCHES, ROUNDS, SNAPSHOTS = 24, 20, 5


@pytest.fixture(scope="session")
def round_dataset() -> pd.DataFrame:
    """Rounds that lose players as they go; the odds of a round follow its last snapshot's living and equipment."""
    random = np.random.default_rng(1)
    rounds = MATCHES * ROUNDS
    lost = {side: random.integers(0, 2, (rounds, SNAPSHOTS)).cumsum(axis=1) - 1 for side in ("ct", "t")}
    alive = {side: np.clip(5 - gone, 1, 5).ravel() for side, gone in lost.items()}
    frame = pd.DataFrame({"round_id": np.repeat(np.arange(rounds), SNAPSHOTS)})
    frame["match_id"] = frame["round_id"] // ROUNDS
    frame["round_number"] = frame["round_id"] % ROUNDS + 1
    frame["snapshot"] = np.tile(np.arange(SNAPSHOTS), rounds)
    frame["bomb_planted"] = np.int8(1) * (frame["snapshot"] == SNAPSHOTS - 1)
    frame["time_remaining"] = np.where(frame["bomb_planted"] == 1, 30.0, 115.0 - 20 * frame["snapshot"])
    for side in ("ct", "t"):
        each = np.repeat(random.integers(500, 6_000, rounds), SNAPSHOTS)
        frame[f"{side}_alive"] = alive[side]
        frame[f"{side}_equip_value"] = (each * alive[side]).astype(float)
        frame[f"{side}_money"] = np.repeat(random.integers(0, 30_000, rounds), SNAPSHOTS).astype(float)
        frame[f"{side}_score"] = frame["round_number"] // 2
        frame[f"{side}_health"] = alive[side] * 80.0
        frame[f"{side}_armor"] = alive[side] * 50.0
        frame[f"{side}_helmets"] = alive[side].astype(float)
    frame["ct_defuse_kits"] = 1.0
    frame["map_index"] = np.array([0, 1, len(MAPS)])[frame["match_id"] % 3]
    last = frame[frame["snapshot"] == SNAPSHOTS - 1]
    edge = 0.9 * (last["ct_alive"] - last["t_alive"]) + (last["ct_equip_value"] - last["t_equip_value"]) / 10_000
    wins = random.random(rounds) < 1 / (1 + np.exp(-edge.to_numpy()))
    frame["ct_wins"] = np.repeat(wins, SNAPSHOTS).astype(np.int8)
    share = frame["match_id"] / MATCHES
    frame["part"] = np.select([share < 0.5, share < 0.6, share < 0.7], ["train", "validate", "calibrate"], "test")
    return frame
