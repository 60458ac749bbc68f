"""Prices by the players left and the bomb alone, for matches of which no more is known than who died when.

The figures are the shares of rounds that CT won from such a moment in professional play (85,085 moments of 490
matches, the public CS:GO round snapshots), smoothed where moments are rare. Money, weapons and time do not enter:
what they move is left in a skill's noise, and a player who often fights with worse weapons is underrated by it.
"""

from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.coaching.counterstrike.play import Play
from cs2_pipeline.stats.intervals import Floats

_OPEN: Final = (
    (0.50, 0.00, 0.00, 0.00, 0.000, 0.000),
    (1.00, 0.63, 0.13, 0.02, 0.005, 0.002),
    (1.00, 0.89, 0.48, 0.18, 0.030, 0.010),
    (1.00, 0.99, 0.78, 0.44, 0.200, 0.080),
    (1.00, 0.995, 0.93, 0.73, 0.470, 0.280),
    (1.00, 0.998, 0.99, 0.89, 0.700, 0.510),
)
_PLANTED: Final = (
    (0.00, 0.00, 0.00, 0.00, 0.000, 0.000),
    (0.86, 0.31, 0.03, 0.01, 0.005, 0.002),
    (0.97, 0.72, 0.23, 0.035, 0.010, 0.003),
    (0.99, 0.90, 0.55, 0.22, 0.030, 0.008),
    (0.99, 0.97, 0.81, 0.47, 0.220, 0.020),
    (0.995, 0.985, 0.93, 0.70, 0.490, 0.130),
)
_TABLE: Final = np.array([_OPEN, _PLANTED])
MOST_PLAYERS: Final = 5


def ct_wins(ct: Floats, t: Floats, planted: Floats) -> Floats:
    """Probability that CT win the round.

    Args:
        ct, t: players alive, shape (moments,); more than five count as five.
        planted: 1 where the bomb is down, shape (moments,).
    """
    alive = [np.clip(np.asarray(side, dtype=np.int64), 0, MOST_PLAYERS) for side in (ct, t)]
    found: Floats = _TABLE[np.asarray(planted, dtype=np.int64), alive[0], alive[1]]
    return found


def moments(played: Play) -> pd.DataFrame:
    """Prices of each death, as `counterstrike.priced` takes them; when bombs were planted is not known."""
    deaths = played.deaths
    own = {side: (deaths["victim_side"] == side).astype("int64") for side in ("CT", "T")}
    nothing_planted = np.zeros(len(deaths))
    now = ct_wins(deaths["ct"].to_numpy(), deaths["t"].to_numpy(), nothing_planted)
    before = ct_wins((deaths["ct"] + own["CT"]).to_numpy(), (deaths["t"] + own["T"]).to_numpy(), nothing_planted)
    found = deaths[["round_id", "victim"]].assign(moved=now - before, after=now)
    rounds = played.rounds[["round_id"]].assign(victim=None, moved=np.nan, after=np.nan)
    return pd.concat([rounds.astype({"victim": "object"}), found], ignore_index=True)
