"""The parameters of the simulated game.

Only numbers that a patch of the game or of the players' habits could change belong here, with their defaults.
The rules that real matches are played by stay in `game.rules`.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from cs2_pipeline.game import rules

FREE_EQUIPMENT: Final = 200
"""Value of the pistol everybody spawns with."""
HIGHEST_EQUIPMENT: Final = 6_000
"""No team buys more than this per player, whatever the caps below say."""

CLOCK_PARTS: Final = 6

_MAP_EDGES: Final = {
    "de_ancient": 0.03,
    "de_anubis": -0.05,
    "de_dust2": -0.02,
    "de_inferno": 0.0,
    "de_mirage": 0.02,
    "de_nuke": 0.06,
    "de_overpass": 0.03,
}


@dataclass(frozen=True)
class GameModel:
    """A version of the game. Rates are per second, edges are log-odds of winning one duel, money is in dollars.

    Attributes:
        round_time: the round clock, at least 80 s.
        duel_rate: deaths per second of a five-against-five fight at normal tempo.
        number_effect: log-odds per unit of log(CT alive / T alive).
        equipment_effect: log-odds per unit of log(CT equipment / T equipment), per player.
        ct_edge, map_edges: the CT side's advantage everywhere and on a map; the maps that are played.
        retake_edge: added once the bomb is down.
        t_rifle_edge: taken from CT where T carries rifles (smooth in the equipment); a stronger weapon.
        skill_effect: log-odds per unit of difference in the living players' mean skill.
        frag_effect, survival_effect: how skill decides who of a side kills, and who dies.
        hit_ratio: hits that do not kill, per kill.
        plant_rate: plants per second, five against five, mid-round.
        defuse_rate: defusals per second where CT and T alive are equal in number, once one can be complete.
        lone_defuse_rate: the same when no T is alive.
        tempo, urgency: factors on the rates of deaths and of the plant in the six parts of the round clock
            (`chain.before_plant`): a slow start, a late rush.
        kit_value: CT equipment per player from which everybody carries a defuse kit.
        full_buy, force_buy: team wealth per player from which a full or a forced buy is made.
        full_cap: what a full buy costs at most, per player, (CT, T).
        force_probability: how often a team that could force does.
        win_reward, win_reward_by_bomb, loss_reward_change, plant_bonus, kill_reward_scale: the economy.
    """

    round_time: float = rules.ROUND_TIME
    duel_rate: float = 0.175
    number_effect: float = 0.6
    equipment_effect: float = 0.34
    ct_edge: float = 0.07
    map_edges: dict[str, float] = field(default_factory=lambda: dict(_MAP_EDGES))
    retake_edge: float = -0.1
    t_rifle_edge: float = 0.0
    skill_effect: float = 0.2
    frag_effect: float = 0.19
    survival_effect: float = 0.15
    hit_ratio: float = 1.4
    plant_rate: float = 0.015
    defuse_rate: float = 0.01
    lone_defuse_rate: float = 0.3
    tempo: tuple[float, ...] = (0.1, 0.8, 1.0, 1.0, 1.2, 1.5)
    urgency: tuple[float, ...] = (0.0, 0.15, 0.6, 1.0, 2.2, 6.0)
    kit_value: int = 4_200
    full_buy: int = 4_000
    force_buy: int = 1_900
    full_cap: tuple[int, int] = (5_600, 5_200)
    force_probability: float = 0.45
    win_reward: int = rules.WIN_REWARD
    win_reward_by_bomb: int = rules.WIN_REWARD_BY_BOMB
    loss_reward_change: int = 0
    plant_bonus: int = rules.PLANT_BONUS
    kill_reward_scale: float = 1.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            numbers = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
            if not all(math.isfinite(number) for number in numbers):
                raise ValueError(f"GameModel.{name} must be finite, got {value!r}")
        if self.round_time < 80:
            raise ValueError(f"GameModel.round_time must be at least 80 s, got {self.round_time:g}")
        if not self.map_edges:
            raise ValueError("GameModel.map_edges names no map to play on")
        for name in ("duel_rate", "hit_ratio", "plant_rate", "defuse_rate", "lone_defuse_rate"):
            if getattr(self, name) < 0:
                raise ValueError(f"GameModel.{name} is a rate and cannot be negative, got {getattr(self, name):g}")
        for name in ("tempo", "urgency"):
            if len(getattr(self, name)) != CLOCK_PARTS or min(getattr(self, name)) < 0:
                raise ValueError(f"GameModel.{name} is {CLOCK_PARTS} factors, none negative, got {getattr(self, name)}")
        if max(self.full_cap) > HIGHEST_EQUIPMENT:
            raise ValueError(f"GameModel.full_cap is at most {HIGHEST_EQUIPMENT}, got {self.full_cap}")

    def to_json(self) -> dict[str, Any]:
        """The parameters as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The model that `to_json` described."""
        lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})
