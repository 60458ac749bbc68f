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


def named(body, ct=None, t=None, **of_map):
    """The post with the teams' names and other facts of the map."""
    for side, name in (("team_ct", ct), ("team_t", t)):
        body["map"][side] |= {"name": name} if name else {}
    body["map"] |= of_map
    return body


def told(bodies, kind=None):
    """Type and payload of the events that posts become, or the payloads of one type."""
    client = StateIntegration(uid("gsi"), "client")
    found = [(event["type"], event["payload"]) for body in bodies for event in client.read(body, 0.0)]
    return [payload for one, payload in found if one == kind] if kind else found


def kinds(bodies):
    return [kind for kind, _ in told(bodies)]


def test_a_round_is_told_once_from_its_freeze_time_to_its_end() -> None:
    bodies = [post(at, phase, **more) for at, phase, more in [
        (1, "freezetime", {}), (2, "freezetime", {}), (3, "live", {}), (4, "live", {"bomb": "planted"}),
        (5, "live", {"bomb": "planted"}), (6, "over", {"bomb": "defused", "win_team": "CT"}),
        (7, "over", {"bomb": "defused", "win_team": "CT"}),
    ]]  # fmt: skip
    assert kinds(bodies) == ["match_start", "map_start", "round_start", "freeze_time_ended", "bomb_planted",
                             "bomb_defused", "round_end"]  # fmt: skip
    assert told(bodies, "round_end") == [
        {"winner_team": "A", "win_reason": "bomb_defused", "team_a_score": 1, "team_b_score": 0}
    ]


@pytest.mark.parametrize("score", [(3, 2), (3, 3)], ids=["score follows the phase", "score comes with it"])
def test_the_score_after_a_round_holds_it_once(score) -> None:
    bodies = [post(1, "live", 3, 2), post(2, "over", *score, win_team="T")]
    assert told(bodies, "round_end") == [
        {"winner_team": "B", "win_reason": "elimination", "team_a_score": 3, "team_b_score": 3}
    ]


def test_a_client_that_joins_in_the_middle_tells_from_there_on() -> None:
    assert kinds([post(1, "over", 5, 4, win_team="CT")]) == ["match_start", "map_start"]
    (start,) = told([post(1, "live", 5, 4)], "round_start")
    assert start == {"team_a_score": 5, "team_b_score": 4, "team_a_side": "CT", "team_b_side": "T"}
    client = StateIntegration(uid("gsi"), "client")
    assert client.read(post(1, "live", 5, 4), 0.0)[-1]["round_no"] == 10


def test_a_bomb_of_the_round_before_and_an_unknown_winner_tell_nothing() -> None:
    before = [post(1, "live"), post(2, "over", win_team="T", bomb="exploded")]
    assert kinds([*before, post(3, "over", bomb="planted")]) == kinds(before)
    assert "round_end" not in kinds([post(1, "live"), post(2, "over", win_team="nobody")])
    again = [*before, post(3, "freezetime", 0, 1), post(4, "live", 0, 1), post(5, "live", 0, 1, bomb="exploded")]
    assert kinds(again).count("bomb_exploded") == 2, "the next round's bomb is another one"


@pytest.mark.parametrize("phase", ["warmup", None, "gameover"])
def test_what_is_played_before_the_match_is_no_part_of_it(phase) -> None:
    bodies = [named(post(1, "live"), phase=phase)]
    assert kinds(bodies) == (["match_start", "map_start", "round_start", "freeze_time_ended", "map_end"]
                             if phase == "gameover" else [])  # fmt: skip


@pytest.mark.parametrize(
    ("score", "winner"), [((13, 4), "A"), ((4, 13), "B"), ((12, 12), None)], ids=["won", "lost", "level"]
)
def test_the_end_of_a_map_says_who_won_and_the_next_one_is_another(score, winner) -> None:
    bodies = [post(1, "live", *score), named(post(2, "over", *score), phase="gameover"), post(3, "live")]
    end = {"team_a_score": score[0], "team_b_score": score[1]} | ({"winner_team": winner} if winner else {})
    assert told(bodies, "map_end") == [end]
    assert told(bodies, "map_start") == [{"map_name": "de_nuke", "map_number": n} for n in (1, 2)]
    assert "winner_team" not in told(bodies, "map_start")[1]


def test_teams_are_known_by_their_names_when_they_change_sides() -> None:
    bodies = [named(post(1, "live", 12, 0), "Löwen", "Blue"), named(post(2, "freezetime", 0, 12), "Blue", "Löwen")]
    assert told(bodies[:1], "match_start") == [
        {"team_a_id": "A", "team_b_id": "B", "team_a_name": "Löwen", "team_b_name": "Blue"}
    ]
    bodies.insert(1, named(post(2, "over", 12, 0, win_team="T"), "Löwen", "Blue"))
    (_, start) = told(bodies, "round_start")
    assert start == {"team_a_score": 12, "team_b_score": 0, "team_a_side": "T", "team_b_side": "CT"}
    back = [*bodies, named(post(3, "over", 0, 12, win_team="T"), "Blue", "Löwen"),
            named(post(4, "live", 13, 0), "Löwen", "Blue")]  # fmt: skip
    assert told(back, "round_start")[-1]["team_a_side"] == "CT"
    assert told(back, "round_end")[-1]["winner_team"] == "A", "team A plays T there"


def test_nameless_teams_change_sides_when_their_scores_do() -> None:
    bodies = [post(1, "live", 7, 5), post(2, "over", 7, 5, win_team="CT"), post(3, "freezetime", 5, 7)]
    assert told(bodies, "round_start")[-1]["team_a_side"] == "T"
    assert told(bodies, "round_start")[-1]["team_a_score"] == 7
    level = [post(1, "live", 6, 6), post(2, "over", 6, 6, win_team="CT"), post(3, "freezetime", 6, 6)]
    assert told(level, "round_start")[-1]["team_a_side"] == "CT", "an equal score swaps nothing"


def test_players_belong_to_the_team_on_their_side_and_lose_what_they_are_hit_for() -> None:
    bodies = [post(1, "live", players=everybody()), post(2, "live", players=everybody() | {
        "7": {"team": "T", "state": {"health": 64, "armor": 120, "money": 800, "equip_value": 300}},
        "2": {"team": "CT", "state": {"health": 90}},
    })]  # fmt: skip
    assert told(bodies, "player_hurt") == [
        {"attacker_player_id": "?", "attacker_team": "B", "victim_player_id": "2", "victim_team": "A", "damage": 10,
         "weapon": "", "victim_health": 90, "victim_armor": 0},
        {"attacker_player_id": "?", "attacker_team": "A", "victim_player_id": "7", "victim_team": "B", "damage": 36,
         "weapon": "", "victim_health": 64, "victim_armor": 100},
    ]  # fmt: skip
    equipment = told(bodies, "player_equipment")
    assert [one["player_team"] for one in equipment[:10]] == ["A"] * 5 + ["B"] * 5
    assert equipment[-1] == {"player_id": "7", "player_team": "B", "money": 800, "equipment_value": 300,
                             "armor": 100, "has_helmet": False, "has_defuse_kit": False}  # fmt: skip
    assert len(equipment) == 12, "who is as before is not told again"


def test_a_player_dies_once_and_who_was_never_seen_alive_does_not() -> None:
    bodies = [post(1, "live", players=everybody(dead=(3,))), post(2, "live", players=everybody(dead=(3, 8))),
              post(3, "live", players=everybody(dead=(3, 8), armor=0))]  # fmt: skip
    assert told(bodies, "kill") == [
        {"killer_player_id": "?", "killer_team": "A", "victim_player_id": "8", "victim_team": "B", "weapon": "",
         "is_headshot": False}
    ]  # fmt: skip
    assert "player_hurt" not in kinds(bodies)


def test_spectators_and_players_after_the_round_are_left() -> None:
    odd = {
        "1": {"team": "SPEC", "state": {"health": 100}},
        "2": 7,
        "3": {"team": "CT", "state": {}},
        "4": {"team": "T"},
    }
    assert "player_equipment" not in kinds([post(1, "live", players=odd)])
    ended = [post(1, "live"), post(2, "over", win_team="CT"), post(3, "over", players=everybody())]
    assert "player_equipment" not in kinds(ended)


def test_the_clock_is_the_clients_and_never_goes_back() -> None:
    client = StateIntegration(uid("gsi"), "client")
    times = [event["ts_event"] for at, phase in ((100, "freezetime"), (90, "live")) for event in
             client.read(post(at, phase), 5.0)]  # fmt: skip
    assert set(times) == {"1970-01-01T00:01:40+00:00"}
    unsaid = post(0, "live")
    del unsaid["provider"]
    assert StateIntegration(uid("gsi"), "c").read(unsaid, 5.0)[0]["ts_event"] == "1970-01-01T00:00:05+00:00"


def test_the_same_client_gives_its_events_the_same_ids_and_numbers_them() -> None:
    one, same, other = (StateIntegration(uid("gsi"), key).read(post(1, "live"), 0.0) for key in ("a", "a", "b"))
    assert one == same and [event["seq_no"] for event in one] == [1, 2, 3, 4]
    assert not {event["event_id"] for event in one} & {event["event_id"] for event in other}
    assert {event["map_id"] for event in one} == {event["map_id"] for event in other}
    assert [event["round_no"] for event in one] == [0, 0, 1, 1]


def test_a_round_is_over_when_its_phase_says_so() -> None:
    client = StateIntegration(uid("gsi"), "client")
    posts = [post(100, "freezetime"), post(115, "live"), post(120, "live", win_team="T"), post(130, "over"),
             post(131, "over", win_team="nobody"), post(132, "over", 0, 1, win_team="T"),
             post(133, "over", 0, 1, win_team="T")]  # fmt: skip
    told = [[event["type"] for event in client.read(body, 0.0)] for body in posts]
    assert told == [["match_start", "map_start", "round_start"], ["freeze_time_ended"], [], [], [], ["round_end"], []]


def test_the_end_of_a_map_is_told_once_however_long_its_score_is_shown() -> None:
    shown = [named(post(at, "over", 13, 4), phase="gameover") for at in (2, 3, 9)]
    assert kinds([post(1, "live", 13, 4), *shown])[4:] == ["map_end"]
    assert kinds([post(1, "live", 13, 4), *shown, post(20, "freezetime")])[5:] == [
        "match_start", "map_start", "round_start",
    ]  # fmt: skip


def test_another_map_begins_with_nothing_of_the_one_before() -> None:
    """Its last posts may be lost: the map's name alone says that it is another one."""
    swapped = [named(post(1, "live", 7, 5), "Blue", "Red"), named(post(2, "over", 7, 5, win_team="CT"), "Blue", "Red"),
               named(post(3, "live", 5, 7, bomb="planted", players=everybody()), "Red", "Blue")]  # fmt: skip
    bodies = [*swapped, named(post(50, "live", bomb="planted", players=everybody()), "Red", "Blue", name="de_train")]
    begun = told(bodies)[len(told(swapped)) :]
    assert [kind for kind, _ in begun][:5] == [
        "match_start", "map_start", "round_start", "freeze_time_ended", "bomb_planted"
    ]  # fmt: skip
    assert begun[0][1] == {"team_a_id": "A", "team_b_id": "B", "team_a_name": "Red", "team_b_name": "Blue"}
    assert begun[1][1] == {"map_name": "de_train", "map_number": 2}
    assert begun[2][1] == {"team_a_score": 0, "team_b_score": 0, "team_a_side": "CT", "team_b_side": "T"}
    assert [kind for kind, _ in begun][5:] == ["player_equipment"] * 10, "all are told anew"


def test_a_series_has_nine_maps_at_most_by_number() -> None:
    bodies = [named(post(at, "live"), name=f"de_{at}") for at in range(11)]
    assert [one["map_number"] for one in told(bodies, "map_start")] == [*range(1, 10), 9, 9]


@pytest.mark.parametrize("gone", ["mode", "name", "phase"])
def test_a_post_without_mode_name_or_phase_of_the_map_tells_nothing(gone) -> None:
    body = post(1, "live")
    assert told([body])
    del body["map"][gone]
    assert told([body]) == []


def test_who_is_first_seen_hurt_was_hit_before_and_who_is_as_before_is_told_nothing_of() -> None:
    first = {"3": {"team": "CT", "state": {"health": 64, "armor": 7}}}
    bodies = [post(1, "live", players=first), post(2, "live", players=first)]
    assert told(bodies)[4:] == [
        ("player_hurt", {"attacker_player_id": "?", "attacker_team": "B", "victim_player_id": "3", "victim_team": "A",
                         "damage": 36, "weapon": "", "victim_health": 64, "victim_armor": 7}),
        ("player_equipment", {"player_id": "3", "player_team": "A", "money": 0, "equipment_value": 0, "armor": 7,
                              "has_helmet": False, "has_defuse_kit": False}),
    ]  # fmt: skip
    healed = [post(1, "live", players=first),
              post(2, "live", players={"3": {"team": "CT", "state": {"health": 100, "money": 5}}})]  # fmt: skip
    assert "player_hurt" not in kinds(healed)[5:] and kinds(healed)[-1] == "player_equipment"


def test_players_are_told_anew_each_round() -> None:
    bodies = [post(1, "live", players=everybody()), post(2, "over", win_team="CT"),
              post(3, "live", 1, 0, players=everybody())]  # fmt: skip
    assert kinds(bodies)[-12:] == ["round_start", "freeze_time_ended", *["player_equipment"] * 10]


def test_a_round_in_which_the_bomb_went_off_ends_for_that_reason_and_a_freeze_time_is_told_once() -> None:
    bodies = [post(1, "freezetime"), post(2, "live"), post(3, "live"), post(4, "live", bomb="planted"),
              post(5, "over", bomb="exploded", win_team="T"), post(6, "freezetime", 0, 1)]  # fmt: skip
    assert kinds(bodies) == ["match_start", "map_start", "round_start", "freeze_time_ended", "bomb_planted",
                             "bomb_exploded", "round_end", "round_start"]  # fmt: skip
    assert told(bodies, "round_end") == [
        {"winner_team": "B", "win_reason": "bomb_exploded", "team_a_score": 0, "team_b_score": 1}
    ]


@pytest.mark.parametrize(
    ("timestamp", "seconds"), [(100, "01:40"), (100.5, "01:40.500000"), ("100", "00:05"), (None, "00:05")]
)
def test_a_post_was_sent_when_it_says_or_else_when_it_came(timestamp, seconds) -> None:
    body = post(timestamp, "live")
    assert StateIntegration(uid("gsi"), "c").read(body, 5.0)[0]["ts_event"] == f"1970-01-01T00:{seconds}+00:00"


def test_numbers_may_be_written_as_text() -> None:
    before = post(1, "live", "7", "5", players={"3": {"team": "CT", "state": {"health": "100", "armor": "50"}}})
    after = post(2, "live", "7", "5", players={"3": {"team": "CT", "state": {
        "health": "64", "armor": "7", "money": "800", "equip_value": "300"}}})  # fmt: skip
    found = told([before, after])
    assert found[2][1] == {"team_a_score": 7, "team_b_score": 5, "team_a_side": "CT", "team_b_side": "T"}
    hit, equipped = found[-2][1], found[-1][1]
    assert (hit["damage"], hit["victim_health"], hit["victim_armor"]) == (36, 64, 7)
    assert (equipped["money"], equipped["equipment_value"], equipped["armor"]) == (800, 300, 7)


def test_a_player_of_whom_no_health_is_told_any_more_has_died() -> None:
    without = [{"8": {"team": "T", "state": {"armor": armor}}} for armor in (1, 2)]
    bodies = [post(at, "live", players=players) for at, players in enumerate([everybody(), *without])]
    assert [one["victim_player_id"] for one in told(bodies, "kill")] == ["8"]
    assert kinds([post(1, "live", players=without[0])])[4:] == [], "who was never seen alive"


def test_teams_that_are_named_no_more_are_known_by_their_scores() -> None:
    bodies = [named(post(1, "live", 7, 5), "Blue", "Red"), post(2, "over", 7, 5, win_team="CT"),
              post(3, "live", 5, 7), post(4, "over", 5, 7, win_team="T"), post(5, "live", 5, 8)]  # fmt: skip
    assert [(one["team_a_side"], one["team_a_score"]) for one in told(bodies, "round_start")] == [
        ("CT", 7), ("T", 7), ("T", 8),
    ]  # fmt: skip


def test_a_teams_name_says_where_it_plays_whatever_the_score() -> None:
    bodies = [named(post(1, "live", 7, 5), "Blue", "Red"), named(post(2, "over", 7, 5, win_team="T"), "Blue", "Red"),
              named(post(3, "live", 6, 7), "Red", "Blue")]  # fmt: skip
    assert told(bodies, "round_start")[-1] == {
        "team_a_score": 7, "team_b_score": 6, "team_a_side": "T", "team_b_side": "CT"
    }  # fmt: skip
