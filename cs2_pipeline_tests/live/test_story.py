"""Who moved a price: the hit that kills belongs to the kill, and each change is told once."""

import pytest

from cs2_pipeline.live.story import swings, words_of


def row(event, trigger, p):
    return {"event_id": event, "trigger": trigger, "map_p": p, "round_no": 1, "ts_calc": 0.0}


def body(seconds, **payload):
    return {"ts_event": f"2026-01-01T00:00:{seconds:06.3f}Z", "payload": payload}


KILL = {"killer_player_id": "k", "killer_team": "A", "victim_player_id": "v"}


@pytest.mark.parametrize(("hit_at", "change"), [(9.99, 0.2), (8.0, 0.01)])
def test_the_hit_of_the_same_moment_counts_as_the_kill_and_an_earlier_one_does_not(hit_at, change):
    rows = [row("s", "round_start", 0.5), row("h", "player_hurt", 0.69), row("k", "kill", 0.70)]
    bodies = {"h": body(hit_at, attacker_player_id="k", victim_player_id="v"), "k": body(10.0, **KILL)}
    (swing,) = swings(rows, bodies)
    assert swing.change == pytest.approx(change)
    assert (swing.player_id, swing.team, swing.words) == ("k", "A", "k kills v")


def test_what_has_no_price_moves_nothing():
    rows = [row("s", "round_start", None), row("k", "kill", 0.7)]
    assert list(swings(rows, {"k": body(1.0, **KILL)})) == []


def test_an_event_is_told_as_far_as_its_source_told():
    assert words_of("kill", KILL | {"weapon": "awp", "is_headshot": True}) == "k kills v with awp, a headshot"
    assert words_of("bomb_planted", {"player_id": None}) == "somebody plants the bomb"
    assert words_of("timeout_start", {}) == "timeout start"
