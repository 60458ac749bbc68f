"""Match lines of players whose true strength is known: for tests of player windows, audit and player model."""

import numpy as np
import pandas as pd


def player_lines(players: int, matches: int, seed: int, *, spread: float = 0.35) -> pd.DataFrame:
    """A table ``player_match_stats``: matches of ten players, an hour apart, each player's K/D around exp(skill).

    Args:
        players: how many there are.
        matches: how many are played; each picks ten of the players.
        seed: same seed, same table.
        spread: standard deviation of the log of the players' true K/D.
    """
    random = np.random.default_rng(seed)
    skill = random.normal(0, spread, players)
    aim = random.uniform(0.3, 0.6, players)
    chosen = np.array([random.choice(players, 10, replace=False) for _ in range(matches)]).ravel()
    match = np.repeat(np.arange(matches), 10)
    rounds = np.repeat(random.integers(16, 30, matches), 10)
    kills = random.poisson(0.67 * rounds * np.exp(skill[chosen] / 2))
    deaths = random.poisson(0.67 * rounds * np.exp(-skill[chosen] / 2))
    tried = random.binomial(rounds, 0.06)
    return pd.DataFrame(
        {
            "steam_id": pd.array([str(76561198000000000 + number) for number in chosen], dtype="str"),
            "player_name": pd.array([f"player {number}" for number in chosen], dtype="str"),
            "match_id": match,
            "started_at": (pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(match, unit="h")).as_unit("us"),
            "map_name": pd.array(["de_mirage"] * len(match), dtype="str"),
            "kills": kills,
            "deaths": deaths,
            "assists": random.poisson(0.2 * rounds),
            "headshots": random.binomial(kills, aim[chosen]),
            "damage": random.poisson(105 * kills + 8 * rounds),
            "first_kills": random.binomial(kills, 0.15),
            "clutches": random.binomial(tried, 1 / (1 + np.exp(1 - skill[chosen]))),
            "clutch_attempts": tried,
            "rounds": rounds,
            "source": pd.array(["simulator"] * len(match), dtype="str"),
        }
    )
