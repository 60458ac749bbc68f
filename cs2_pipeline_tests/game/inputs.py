"""Inputs the game allows, drawn for the laws: states of a round and records of a player.

Written from what the fields mean, not from `contradictions`: that function is tested against them.
"""

from hypothesis import settings
from hypothesis import strategies as st

from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.game.state import MAX_BOMB_TIME, MAX_EQUIPMENT_VALUE, MAX_SCORE, MAX_TEAM_MONEY, MAX_TIME_REMAINING

LAW = settings(deadline=None)
"""A busy machine breaks no law."""

EVEN = {
    "ct_alive": 4, "t_alive": 4, "ct_equip_value": 20_000, "t_equip_value": 18_000, "ct_money": 8_000, "t_money": 4_000,
    "bomb_planted": 0, "time_remaining": 60.0, "ct_score": 7, "t_score": 8,
}  # fmt: skip
"""A round in the balance: the required fields alone."""

RECORD = {
    "avg_kills": 18.0, "avg_deaths": 15.0, "avg_headshots": 9.0, "avg_damage": 1850.0, "total_clutches": 12,
    "total_clutch_attempts": 40, "avg_first_kills": 2.0, "total_rounds": 480,
}  # fmt: skip
"""A usual player: the required fields alone."""


def _up_to(most, least=0.0):
    return st.floats(least, most, allow_subnormal=False)


@st.composite
def states(draw):
    """A state that can exist, decided or not, by field name; each optional field is there or None."""
    planted = draw(st.integers(0, 1))
    ct, t = draw(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(lambda alive: planted or any(alive)))
    state = {
        "ct_alive": ct,
        "t_alive": t,
        "bomb_planted": planted,
        "time_remaining": draw(_up_to(MAX_BOMB_TIME if planted else MAX_TIME_REMAINING)),
        "map_name": draw(st.none() | st.sampled_from([*MAPS, "de_of_tomorrow"])),
        "ct_defuse_kits": draw(st.none() | st.integers(0, ct)),
    }
    for side, alive in (("ct", ct), ("t", t)):
        state[f"{side}_equip_value"] = draw(_up_to(MAX_EQUIPMENT_VALUE))
        state[f"{side}_money"] = draw(_up_to(MAX_TEAM_MONEY))
        state[f"{side}_score"] = draw(st.integers(0, int(MAX_SCORE)))
        state[f"{side}_health"] = draw(st.none() | _up_to(100.0 * alive, least=0.5 if alive else 0.0))
        state[f"{side}_armor"] = draw(st.none() | _up_to(100.0 * alive))
        state[f"{side}_helmets"] = draw(st.none() | st.integers(0, alive))
    return state


@st.composite
def records(draw):
    """A player's record that can exist, by field name; each optional field is there, None or absent."""
    bounds = {field.name: field.high for field in PLAYER_FIELDS}
    rounds = draw(st.integers(0, int(bounds["total_rounds"])))
    attempts = draw(st.integers(0, rounds))
    kills = draw(_up_to(bounds["avg_kills"]))
    record = {
        "avg_kills": kills,
        "avg_deaths": draw(_up_to(bounds["avg_deaths"])),
        "avg_headshots": draw(_up_to(kills)),
        "avg_damage": draw(_up_to(bounds["avg_damage"])),
        "total_clutches": draw(st.integers(0, attempts)),
        "total_clutch_attempts": attempts,
        "avg_first_kills": draw(_up_to(bounds["avg_first_kills"])),
        "total_rounds": rounds,
    }
    for name in ("kd_ratio", "headshot_pct", "clutch_rate", "adr"):
        if draw(st.booleans()):
            record[name] = draw(st.none() | _up_to(bounds[name]))
    return record
