"""Who moved a price: the hit that kills belongs to the kill, and each change is told once."""

import math
from types import SimpleNamespace

import pytest

from cs2_pipeline.live.story import Swing, known, log_loss, moment_of, moments, movers, priced, swings, words_of
from cs2_pipeline_tests.live.made import play, uid
from cs2_pipeline_tests.live.test_pricing import FIVES, Favours


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


def test_hits_of_one_moment_add_up_and_the_moments_edge_belongs_to_it():
    def change(first, second):
        rows = [row("s", "round_start", 0.5), row("h", "player_hurt", 0.6), row("i", "player_hurt", 0.7),
                row("k", "kill", 0.75)]  # fmt: skip
        hit = {"attacker_player_id": "k", "victim_player_id": "v"}
        bodies = {"h": body(first, **hit), "i": body(second, **hit), "k": body(10.0, **KILL)}
        (swing,) = swings(rows, bodies)
        return swing.change

    assert change(10.0, 10.0) == pytest.approx(0.25)
    assert change(9.75, 10.0) == pytest.approx(0.25)
    assert change(9.5, 9.75) == pytest.approx(0.25)
    assert change(9.5, 10.0) == pytest.approx(0.15)
    assert change(9.0, 9.74) == pytest.approx(0.05)


def test_hits_count_for_the_kill_of_their_own_victim_and_once():
    rows = [row("s", "round_start", 0.5), row("h", "player_hurt", 0.6), row("k", "kill", 0.65), row("l", "kill", 0.7)]
    hit = body(10.0, attacker_player_id="k", victim_player_id="v")
    other = body(10.0, **(KILL | {"victim_player_id": "w"}))
    assert [one.change for one in swings(rows, {"h": hit, "k": other, "l": other})] == [0.05, 0.05]
    again = body(10.0, **KILL)
    assert [one.change for one in swings(rows, {"h": hit, "k": again, "l": again})] == [0.15, 0.05]


@pytest.mark.parametrize(("after", "told"), [(0.5004, 0), (0.5006, 1), (0.4994, 1), (0.4996, 0)])
def test_a_change_too_small_to_be_seen_is_no_swing(after, told):
    rows = [row("s", "round_start", 0.5), row("k", "kill", after)]
    assert len(list(swings(rows, {"k": body(1.0, **KILL)}))) == told


def test_only_what_somebody_did_is_a_swing():
    kinds = ["kill", "bomb_planted", "bomb_defused", "bomb_exploded", "round_end", "economy_update", "clock"]
    rows = [row("s", "round_start", 0.5), *(row(kind, kind, 0.5 + 0.05 * n) for n, kind in enumerate(kinds, 1))]
    bodies = {kind: body(float(n), player_id="p", player_team="B") for n, kind in enumerate(kinds)}
    found = list(swings(rows, bodies | {"kill": body(0.0, **KILL)}))
    assert [(one.type, one.player_id, one.team) for one in found] == [
        ("kill", "k", "A"), ("bomb_planted", "p", "B"), ("bomb_defused", "p", "B"), ("bomb_exploded", "p", "B"),
    ]  # fmt: skip


def test_a_player_moved_the_price_for_the_own_team():
    def swing(player, team, change):
        return Swing("e", 1, "kill", "", player, team, change)

    moved = movers([swing("a", "A", 0.2), swing("a", "A", -0.05), swing("b", "B", -0.1), swing(None, "A", 0.5),
                    swing("c", None, 0.5)])  # fmt: skip
    assert moved == {("a", "A"): pytest.approx(0.15), ("b", "B"): pytest.approx(0.1)}


def test_an_event_without_a_time_happened_when_it_was_priced():
    priced = row("e", "clock", 0.5) | {"ts_calc": 7.5}
    assert moment_of(priced, {}) == 7.5
    assert moment_of(priced, {"e": body(3.0)}) == pytest.approx(1_767_225_603.0)


def test_the_log_loss_is_the_mean_over_open_prices_of_decided_rounds():
    def of(number, p):
        return {"round_no": number, "round_p": p}

    rows = [of(1, 0.8), of(1, None), of(1, 1.0), of(2, 0.8), of(2, 0.0), of(3, 0.1)]  # nobody has won round 3 yet
    assert log_loss(rows) == pytest.approx(-(math.log(0.8) + math.log(0.2)) / 2, abs=1e-6)
    assert log_loss(rows[5:]) is None


@pytest.mark.parametrize(("a_side", "a", "b"), [("CT", "ct", "t"), ("T", "t", "ct")])
def test_the_state_is_told_by_team(a_side, a, b):
    state = {f"{side}_{name}": f"{side} {name}" for side in ("ct", "t") for name in ("alive", "money", "equip_value")}
    moment = SimpleNamespace(state=state, a_side=a_side)
    assert known(moment) == {
        team: {"alive": f"{side} alive", "money": f"{side} money", "equip_value": f"{side} equip_value", "health": None}
        for team, side in (("A", a), ("B", b))
    }
    assert known(SimpleNamespace(state=None, a_side=a_side)) == {}
    assert known(SimpleNamespace(state=state, a_side=None)) == {}


def test_a_match_is_priced_again_event_by_event_in_its_order():
    events = play(3, rounds=1)
    rows = priced(uid("one"), list(reversed(events)), None)
    assert [one["event_id"] for one in rows] == [event["event_id"] for event in events]
    assert [one["trigger"] for one in rows] == [event["type"] for event in events]
    assert rows[-1]["series_p"] in (0.0, 1.0) and {one["ts_calc"] for one in rows} == {0.0}
    assert [moment.version for moment in moments(uid("one"), events)] == list(range(1, len(events) + 1))
    assert {one["match_id"] for one in rows} == {uid("one")}


def test_a_swing_says_who_did_what_when_and_by_how_much():
    rows = [row("s", "round_start", 0.5), row("k", "kill", 0.4123456789) | {"round_no": 7}]
    told = body(1.0, **KILL, weapon="awp", is_headshot=True)
    assert list(swings(rows, {"k": told})) == [
        Swing("k", 7, "kill", "k kills v with awp, a headshot", "k", "A", -0.087654)
    ]
    planted = [row("s", "round_start", 0.5), row("b", "bomb_planted", 0.25)]
    assert list(swings(planted, {"b": body(1.0, player_id="p", player_team="X")})) == [
        Swing("b", 1, "bomb_planted", "p plants the bomb", "p", None, -0.25)
    ]
    assert list(swings(planted, {})) == [Swing("b", 1, "bomb_planted", "somebody plants the bomb", None, None, -0.25)]
    assert list(swings(rows[:1], {})) == list(swings([], {})) == []


def test_the_hit_before_the_last_price_of_a_moment_counts_from_the_price_before_it():
    """Each event's change is that against the price right before it, whatever that was of."""
    rows = [row("s", "round_start", 0.5), row("c", "clock", 0.45), row("k", "kill", 0.55), row("l", "kill", 0.5)]
    bodies = {"k": body(1.0, **KILL), "l": body(2.0, killer_player_id="w", killer_team="B", victim_player_id="k")}
    assert [(one.player_id, one.change) for one in swings(rows, bodies)] == [("k", 0.1), ("w", -0.05)]


def test_a_hit_without_a_victim_is_nobodys():
    rows = [row("s", "round_start", 0.5), row("h", "player_hurt", 0.6), row("k", "kill", 0.7)]
    hit = body(1.0, attacker_player_id="k")
    assert [one.change for one in swings(rows, {"h": hit, "k": body(1.0, **KILL)})] == [0.1]
    assert [one.change for one in swings(rows, {"h": hit, "k": body(1.0)})] == [0.1]


@pytest.mark.parametrize(
    ("kind", "payload", "words"),
    [
        ("kill", KILL, "k kills v"),
        ("kill", KILL | {"weapon": "", "is_headshot": False}, "k kills v"),
        ("player_hurt", {"attacker_player_id": "k", "victim_player_id": "v", "weapon": "awp"}, "k hits v"),
        ("player_hurt", {"victim_player_id": "v"}, "somebody hits v"),
        ("bomb_defused", {"player_id": "d"}, "d defuses the bomb"),
        ("bomb_exploded", {"player_id": "d", "weapon": "c4", "is_headshot": True}, "the bomb explodes"),
        ("round_end", {"winner_team": "B"}, "team B wins the round"),
        ("economy_update", {"weapon": "awp"}, "economy update"),
    ],
)
def test_each_event_has_its_sentence(kind, payload, words):
    assert words_of(kind, payload) == words


def test_the_log_loss_is_told_with_six_digits():
    def of(p):
        return {"round_no": 1, "round_p": p}

    assert log_loss([of(0.3), of(1.0)]) == 1.203973
    assert log_loss([of(0.3), of(0.0)]) == 0.356675
    assert log_loss([of(1.0)]) is None
    assert log_loss([of(0.3), of(1.0), of(0.0)]) == 0.356675, "the last that was said of a round is how it ended"


def test_a_match_is_priced_again_with_what_the_match_model_says():
    events = play(3, rounds=1)
    events[0]["payload"] |= FIVES
    (start, *_), (alone, *_) = (priced(uid("one"), events, None, forecaster) for forecaster in (Favours(0.7), None))
    assert (start["map_p"], start["model_version"]) == (0.6, "+7"), "no map is named yet"
    assert (alone["map_p"], alone["model_version"]) == (0.5, "")


def test_what_a_player_did_is_summed_for_each_team_apart():
    def swing(team, change):
        return Swing("e", 1, "kill", "", "p", team, change)

    assert movers([swing("A", 0.2), swing("B", 0.05), swing("B", -0.3)]) == {
        ("p", "A"): pytest.approx(0.2), ("p", "B"): pytest.approx(0.25)
    }  # fmt: skip
    assert movers([]) == {}
