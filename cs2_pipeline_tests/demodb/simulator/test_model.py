"""The parameters of the simulated game: their defaults, and what no game can be."""

import pytest

from cs2_pipeline.demodb.simulator.model import CLOCK_PARTS, FREE_EQUIPMENT, HIGHEST_EQUIPMENT, GameModel
from cs2_pipeline.game import maps

DEFAULTS = {
    "round_time": 115.0, "duel_rate": 0.175, "number_effect": 0.6, "equipment_effect": 0.34, "ct_edge": 0.07,
    "retake_edge": -0.1, "t_rifle_edge": 0.0, "skill_effect": 0.2, "frag_effect": 0.19, "survival_effect": 0.15,
    "hit_ratio": 1.4, "plant_rate": 0.015, "defuse_rate": 0.01, "lone_defuse_rate": 0.3,
    "tempo": (0.1, 0.8, 1.0, 1.0, 1.2, 1.5), "urgency": (0.0, 0.15, 0.6, 1.0, 2.2, 6.0), "kit_value": 4_200,
    "full_buy": 4_000, "force_buy": 1_900, "full_cap": (5_600, 5_200), "force_probability": 0.45,
    "win_reward": 3_250, "win_reward_by_bomb": 3_500, "loss_reward_change": 0, "plant_bonus": 800,
    "kill_reward_scale": 1.0,
}  # fmt: skip
EDGES = {
    "de_ancient": 0.03, "de_anubis": -0.05, "de_dust2": -0.02, "de_inferno": 0.0, "de_mirage": 0.02, "de_nuke": 0.06,
    "de_overpass": 0.03,
}  # fmt: skip


def test_the_default_game_is_the_one_that_the_documented_figures_were_measured_in():
    """Whoever changes a default changes every simulated figure in the docs: both are to be renewed together."""
    assert GameModel().to_json() == {**DEFAULTS, "map_edges": EDGES}
    assert (FREE_EQUIPMENT, HIGHEST_EQUIPMENT, CLOCK_PARTS) == (200, 6_000, 6)


def test_it_is_played_on_maps_that_are_known():
    assert all(maps.map_index(name) for name in EDGES)


@pytest.mark.parametrize(
    "change",
    [
        {"round_time": 79.9}, {"duel_rate": -0.1}, {"hit_ratio": -0.1}, {"plant_rate": -0.1}, {"defuse_rate": -0.1},
        {"lone_defuse_rate": -0.1}, {"tempo": (1.0,) * 5}, {"tempo": (1.0,) * 7}, {"urgency": (-0.1, 1, 1, 1, 1, 1)},
        {"tempo": (1.0, 1, 1, 1, 1, float("nan"))}, {"map_edges": {}}, {"map_edges": {"de_nuke": float("inf")}},
        {"full_cap": (6_001, 5_000)}, {"full_cap": (5_000, 6_001)}, {"plant_bonus": float("nan")},
    ],
)  # fmt: skip
def test_a_game_that_cannot_be_is_refused_by_the_name_of_its_parameter(change):
    with pytest.raises(ValueError, match=rf"GameModel\.{next(iter(change))}\b"):
        GameModel(**change)


def test_the_limits_themselves_can_be_asked_for():
    GameModel(round_time=80.0, duel_rate=0, hit_ratio=0, plant_rate=0, defuse_rate=0, lone_defuse_rate=0)
    GameModel(tempo=(0.0,) * 6, urgency=(0.0,) * 6, full_cap=(6_000, 6_000))


def test_a_game_survives_json_with_its_tuples():
    model = GameModel(ct_edge=0.2, tempo=(1.0,) * 6, map_edges={"de_train": 0.1})
    values = model.to_json() | {"tempo": [1.0] * 6, "full_cap": list(model.full_cap)}
    again = GameModel.from_json(values)
    assert again == model
    assert isinstance(again.tempo, tuple)
