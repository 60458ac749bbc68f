"""State integration as live events: a made spectator, and real posts of a player where they are at hand."""

import json
from pathlib import Path

import pytest

from cs2_pipeline.live.events import parse
from cs2_pipeline.live.fold import Fold
from cs2_pipeline.live.order import ordered
from cs2_pipeline.live.sources.gsi import StateIntegration
from cs2_pipeline_tests.live.made import uid

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "gsi" / "requests.json"


def post(at, phase, ct=0, t=0, players=None, **of_round):
    body = {
        "provider": {"timestamp": at}, "round": {"phase": phase, **of_round},
        "map": {"mode": "competitive", "name": "de_nuke", "phase": "live", "team_ct": {"score": ct},
                "team_t": {"score": t}},
    }  # fmt: skip
    return body | ({"allplayers": players} if players else {})


def everybody(dead=(), **change):
    state = {"health": 100, "armor": 100, "helmet": True, "money": 1000, "equip_value": 4000} | change
    return {
        str(n): {"team": "CT" if n < 5 else "T", "state": state | ({"health": 0} if n in dead else {})}
        for n in range(10)
    }


def fold_of(bodies):
    client = StateIntegration(uid("gsi"), "client")
    events = [event for body in bodies for event in client.read(body, 0.0)]
    fold = Fold(client.match_id)
    moments = [fold.apply(event) for event in ordered(parse(json.dumps(one).encode()) for one in events).events]
    return fold, moments


def test_a_spectator_tells_everything() -> None:
    fold, moments = fold_of([
        post(100, "freezetime", players=everybody()), post(115, "live", players=everybody()),
        post(120, "live", players=everybody(dead=(5, 6))), post(130, "live", players=everybody((5, 6)), bomb="planted"),
        post(150, "over", 0, 1, bomb="exploded", win_team="T"),
    ])  # fmt: skip
    killed = [moment.state for moment in moments if moment.trigger == "kill"][-1]
    assert (killed["ct_alive"], killed["t_alive"], killed["t_equip_value"], killed["time_remaining"]) == (
        5,
        3,
        12000,
        110,
    )
    (of_map,) = fold.maps.values()
    assert of_map.score == {"A": 0, "B": 1} and of_map.rounds[1].reason == "bomb_exploded"


@pytest.mark.parametrize("body", [{}, {"map": 3}, {"map": {"mode": "x", "name": 5}}, {"map": {}, "round": []}])
def test_bodies_without_a_match_tell_nothing(body) -> None:
    assert StateIntegration(uid("x"), "x").read(body, 1.0) == []


@pytest.mark.skipif(not REAL.exists(), reason="the real posts are not at hand")
def test_a_players_posts_give_the_score_and_what_is_missing_is_missing() -> None:
    bodies = [post.get("parsedBody") or {} for post in json.loads(REAL.read_text())]
    fold, moments = fold_of(bodies)
    assert fold.maps and sum(len(of_map.rounds) for of_map in fold.maps.values()) >= 2
    states = [moment.state for moment in moments if moment.state is not None]
    assert states and all(state["ct_equip_value"] is None for state in states)
