"""Simulated play with the pace, plants, sides and buys of real play.

Only figures belong here: those that professional CS2 was measured at, and the parameters that were fitted to them.
"""

from typing import Final

from cs2_pipeline.demodb.simulator.model import GameModel

MEASURED: Final = {
    "ct_share": 0.495,
    "eliminations_by_ct": 0.323,
    "eliminations_by_t": 0.299,
    "defused": 0.125,
    "exploded": 0.207,
    "out_of_time": 0.047,
    "planted": 0.477,
    "kills": 6.63,
    "median_length": 91.0,
    "median_first_kill": 28.1,
    "median_plant": 57.9,
    "ct_equipment": 4621.0,
    "t_equipment": 4249.0,
}
"""Shares of rounds, kills a round, seconds since freeze time ended, and mean equipment of a player outside pistol
rounds, in 246 professional demos (2024-10 to 2025-01) and eleven other maps: 5,512 rounds, 92 of known plants."""

CT_SHARE: Final = {
    "de_ancient": 0.489,
    "de_anubis": 0.438,
    "de_dust2": 0.478,
    "de_inferno": 0.482,
    "de_mirage": 0.509,
    "de_nuke": 0.513,
    "de_train": 0.528,
    "de_vertigo": 0.493,
}
"""CT's share of rounds in 10,416 professional maps, 2024-11 to 2025-06, regulation."""


def like_real() -> GameModel:
    """The game fitted to `MEASURED` and `CT_SHARE` by hand; docs/simulator.md says how near it comes."""
    return GameModel(
        duel_rate=0.225,
        tempo=(0.06, 0.17, 0.24, 0.5, 1.2, 2.2),
        plant_rate=0.0065,
        urgency=(0.0, 0.45, 0.8, 1.0, 2.1, 6.0),
        defuse_rate=0.004,
        ct_edge=0.14,
        map_edges={
            "de_ancient": 0.0,
            "de_anubis": -0.10,
            "de_dust2": -0.02,
            "de_inferno": -0.015,
            "de_mirage": 0.04,
            "de_nuke": 0.05,
            "de_train": 0.08,
            "de_vertigo": 0.01,
        },
        retake_edge=-0.3,
        force_buy=1_500,
        force_probability=0.6,
        full_cap=(6_000, 5_500),
    )
