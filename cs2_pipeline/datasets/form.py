"""How players play lately: their latest matches, and what they did to their side's chance, for a player's page.

Pure functions from `schema.PLAYER_MATCH_STATS` and `schema.WIN_PROBABILITY_ADDED` to plain documents by SteamID.
"""

from typing import Any, Final

import numpy as np
import pandas as pd

LATEST: Final = 10
"""Matches of a player's form."""
LEAST_MATCHES: Final = 5
"""With fewer an interval over matches says nothing."""
NINETY: Final = 1.645
"""Standard errors to either end of a 90 % interval."""


def latest(lines: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """The latest `LATEST` matches of each player, the newest first: day, map, kills, deaths, rounds, damage a round."""
    ordered = lines.sort_values(["started_at", "match_id"], ascending=False)
    ordered = ordered[ordered.groupby("steam_id").cumcount() < LATEST]
    found: dict[str, list[dict[str, Any]]] = {}
    for line in ordered.to_dict("records"):
        rounds = line["rounds"]
        found.setdefault(str(line["steam_id"]), []).append(
            {
                "day": line["started_at"].date().isoformat(),
                "map_name": None if pd.isna(line["map_name"]) else str(line["map_name"]),
                "kills": line["kills"],
                "deaths": line["deaths"],
                "rounds": rounds,
                "adr": round(line["damage"] / rounds, 1) if rounds else None,
            }
        )
    return found


def added(lines: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Win probability added for each round, by player, over all matches.

    Returns:
        ``per_round``, ``low`` and ``high`` (90 % interval over matches, None with fewer than `LEAST_MATCHES`),
        ``rounds`` and ``matches``.
    """
    found: dict[str, dict[str, Any]] = {}
    for player, of_player in lines.groupby("steam_id"):
        total, rounds = of_player["total"].to_numpy(dtype=float), of_player["rounds"].to_numpy(dtype=float)
        matches = len(of_player)
        if not rounds.sum():
            continue
        mean = total.sum() / rounds.sum()
        low = high = None
        if matches >= LEAST_MATCHES:
            spread = np.square(total - mean * rounds).sum() * matches / (matches - 1)
            error = NINETY * float(np.sqrt(spread)) / rounds.sum()
            low, high = round(mean - error, 5), round(mean + error, 5)
        found[str(player)] = {
            "per_round": round(float(mean), 5),
            "low": low,
            "high": high,
            "rounds": int(rounds.sum()),
            "matches": matches,
        }
    return found
