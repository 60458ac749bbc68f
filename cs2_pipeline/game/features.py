"""The feature functions: how a state or a player becomes the numbers a model reads.

Written once for training and serving. A function takes a mapping from field name to value and returns one
value per feature, in the order of its ``..._FEATURES`` tuple. Values may be numbers (one request) or arrays
(a whole table): only arithmetic that means the same for both is used.
"""

from collections.abc import Mapping
from typing import Any, Final

NAN: Final = float("nan")

ROUND_FEATURES: Final = (
    "ct_alive",
    "t_alive",
    "ct_equip_value",
    "t_equip_value",
    "ct_money",
    "t_money",
    "bomb_planted",
    "round_time",
    "bomb_time",
    "ct_score",
    "t_score",
    "map_index",
    "ct_health",
    "t_health",
    "ct_armor",
    "t_armor",
    "ct_helmets",
    "t_helmets",
    "ct_defuse_kits",
)
"""Features of the round model. The first eleven come from the ten required fields: the time is split into the
round clock (0 once the bomb is down) and the bomb's (0 before), because they mean different things. The rest
may be missing: NaN, and map number 0."""

OPTIONAL_ROUND_FEATURES: Final = ROUND_FEATURES[11:]
MISSING_ROUND_FEATURES: Final = {name: 0.0 if name == "map_index" else NAN for name in OPTIONAL_ROUND_FEATURES}
"""What stands for each of the optional features where it is missing."""


def round_features(values: Mapping[str, Any]) -> list[Any]:
    """Features of one state, or of a table of states, in the order of `ROUND_FEATURES`.

    Args:
        values: required fields by name, ``map_index`` in place of the map's name (see `game.maps`), and any of
            the optional fields; one that is absent or None is missing.
    """
    planted, time = values["bomb_planted"], values["time_remaining"]
    computed = {"round_time": time * (1 - planted), "bomb_time": time * planted, "map_index": values.get("map_index")}
    features = []
    for name in ROUND_FEATURES:
        value = computed[name] if name in computed else values.get(name)
        features.append(value if value is not None else MISSING_ROUND_FEATURES.get(name, NAN))
    return features


PLAYER_FEATURES: Final = (
    "avg_kills",
    "avg_deaths",
    "avg_headshots",
    "avg_damage",
    "total_clutches",
    "total_clutch_attempts",
    "avg_first_kills",
    "total_rounds",
    "kd_ratio",
    "headshot_pct",
    "clutch_rate",
    "adr",
)
"""Features of the player model, in the order of the request's fields."""


def player_features(values: Mapping[str, Any]) -> list[Any]:
    """Features of one player, or of a table of players, in the order of `PLAYER_FEATURES`.

    Args:
        values: all fields by name; see `game.player.complete` for the ones that may be derived.
    """
    return [values[name] for name in PLAYER_FEATURES]
