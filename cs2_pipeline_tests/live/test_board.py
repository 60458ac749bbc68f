"""What is said of a match: prices, scores, rounds and players in the contract's names."""

import json

import msgspec
import pytest

from cs2_pipeline.live import board
from cs2_pipeline.live.fold import Fold
from cs2_pipeline.live.match import Match
from cs2_pipeline.live.pricing import Price
from cs2_pipeline_tests.live.made import Feed, play, read, uid


def price(**odds):
    nothing = {f"{of}_{name}": None for of in ("round", "map", "series") for name in ("p", "low", "high")}
    about = {"price_id": "p", "match_id": "m", "map_id": "a", "event_id": "e", "round_no": 3, "trigger": "kill",
             "state_version": 7, "ts_calc": 1.5, "model_version": "4+2", "basis": "b"}  # fmt: skip
    return Price(**(about | nothing | odds))


def test_the_plain_odds_are_the_maps_and_the_confidence_is_the_favourites():
    said = board.prediction(price(round_p=0.2, map_p=0.7, map_low=0.6, map_high=0.8, series_p=0.9, supersedes="old"))
    assert (said["p_team_a_win"], said["p_team_b_win"], said["confidence"]) == (0.7, 0.3, 0.7)
    assert said["map"] == {"p_team_a_win": 0.7, "interval": [0.6, 0.8]}
    assert (said["round"]["p_team_a_win"], said["series"]["p_team_a_win"]) == (0.2, 0.9)
    assert (said["trigger_event_type"], said["state_version"], said["supersedes"]) == ("kill", 7, "old")
    assert (said["price_id"], said["event_id"], said["model_version"], said["ts_calc"]) == ("p", "e", "4+2", 1.5)


def test_a_map_without_odds_is_spoken_of_by_its_round_and_nothing_by_nothing():
    said = board.prediction(price(round_p=0.25))
    assert (said["p_team_a_win"], said["p_team_b_win"], said["confidence"], said["map"]) == (0.25, 0.75, 0.75, None)
    said = board.prediction(price())
    assert (said["p_team_a_win"], said["p_team_b_win"], said["confidence"]) == (None, None, None)
    assert said["supersedes"] is None
    assert board.prediction(price(map_p=0.0))["p_team_b_win"] == 1.0


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("match_start", ["prediction", "event", "lifecycle"]),
        ("map_start", ["prediction", "event", "lifecycle"]),
        ("round_start", ["prediction", "event", "score"]),
        ("kill", ["prediction", "event"]),
        ("round_end", ["prediction", "event", "score"]),
        ("map_end", ["prediction", "event", "score", "lifecycle"]),
        ("match_end", ["prediction", "event", "lifecycle"]),
    ],
)
def test_each_event_is_told_to_those_whom_it_concerns(kind, told):
    fold = Fold(uid("one"))
    fold.tournament = "Cup"
    for event in read(play(3, rounds=2)):
        moment = fold.apply(event)
        if event.type == kind:
            break
    found = board.updates(fold, moment, price(), event, 2.5)
    assert [one.kind for one in found] == told
    assert {(one.match_id, one.tournament, one.at) for one in found} == {(uid("one"), "Cup", 2.5)}
    about = dict(zip(told, found, strict=True))
    assert about["event"].data["type"] == kind and about["event"].data["seq_no"] == event.seq_no
    if kind == "map_end":
        assert about["score"].data == {
            "match_id": uid("one"), "map_id": uid("one", 1), "round_no": 2, "state_version": moment.version,
            "team_a_score": moment.score[0], "team_b_score": moment.score[1],
            "team_a_maps": moment.maps[0], "team_b_maps": moment.maps[1],
        }  # fmt: skip
        assert sum(moment.maps) == 1 and sum(moment.score) == 2
    if "lifecycle" in told:
        assert about["lifecycle"].data["status"] == ("FINISHED" if kind == "match_end" else "LIVE")
        assert about["lifecycle"].data["type"] == kind
    assert [one.kind for one in board.updates(fold, moment, price(), None, 0.0)] == [
        one for one in told if one != "event"
    ]


def followed(events):
    match = Match(events[0].match_id, lambda: events)
    match.take(events, 0.0)
    return match


def test_a_matchs_row_names_teams_format_and_result():
    events = read(play(3, rounds=3))
    match = followed(events)
    row = board.stored_match(match, price(map_p=0.5), 1.0, 2.0, "key:a")
    assert (row.team_a_id, row.team_b_id, row.team_a_name, row.team_b_name) == ("10", "20", "Löwen ☻", "Blue")
    assert (row.status, row.format, row.winner, row.tournament) == ("FINISHED", "bo3", match.fold.winner, "")
    assert (row.team_a_maps, row.team_b_maps) == ((1, 0) if match.fold.winner == "A" else (0, 1))
    assert (row.began, row.updated, row.owner, row.arrived) == (1.0, 2.0, "key:a", len(events))
    assert row.state == match.fold.digest() and row.state_version == len(events)
    assert '"p_team_a_win":0.5' in row.prediction
    assert board.stored_match(match, None, 1.0, 2.0, "").prediction == ""
    assert board.stored_match(followed(events[:5]), None, 1.0, 2.0, "").status == "LIVE"


def test_players_are_listed_by_team_and_the_most_kills_first():
    feed = Feed()
    feed.say("map_start", map_name="de_nuke", map_number=2)
    feed.round = 1
    feed.say("round_start", team_a_score=4, team_b_score=5, team_a_side="T", team_b_side="CT")
    feed.say("freeze_time_ended")
    for killer, team, victim in (("b2", "B", "a1"), ("a3", "A", "b1"), ("a2", "A", "b3"), ("a3", "A", "b4")):
        feed.say("kill", killer_player_id=killer, killer_team=team, victim_player_id=victim, weapon="awp",
                 is_headshot=victim == "b4")  # fmt: skip
    said = board.summary(followed(read(feed.events)))
    (of_map,) = said["maps"]
    assert [one["player_id"] for one in of_map["players"]] == ["a3", "a2", "a1", "b2", "b1", "b3", "b4"]
    first = of_map["players"][0]
    assert (first["team"], first["kills"], first["deaths"], first["headshots"]) == ("A", 2, 0, 1)
    assert (of_map["team_a_score"], of_map["team_b_score"], of_map["team_a_side"]) == (4, 5, "T")
    assert (of_map["map_name"], of_map["map_number"], of_map["phase"], of_map["round_no"]) == ("de_nuke", 2, "round", 1)
    assert (said["gaps"], said["waiting"], said["problems"], said["ignored"]) == (0, 0, {}, {})
    assert list(said["sources"].values()) == ["server"]


def test_only_rounds_that_were_decided_have_a_row():
    events = read(play(3, rounds=3, finish=False))
    last = max(place for place, event in enumerate(events) if event.type == "round_start")
    match = followed(events[: last + 3])
    (of_map,) = match.fold.maps.values()
    rows = board.stored_rounds(match, {(uid("one", 1), 1): (0.2, 0.9)})
    assert [row.round_no for row in rows] == [1, 2]
    for row in rows:
        record = of_map.rounds[row.round_no]
        assert (row.team_a_kills, row.team_b_kills) == (record.kills["A"], record.kills["B"])
        assert (row.team_a_headshots, row.team_b_headshots) == (record.headshots["A"], record.headshots["B"])
        assert (row.round_winner, row.win_reason, row.team_a_side) == (record.winner, record.reason, "CT")
        assert row.momentum == pytest.approx(record.momentum)
    assert rows[0].clutch_index == (0.8 if rows[0].round_winner == "A" else 0.9)
    assert rows[1].clutch_index is None


def test_the_clutch_index_is_how_far_from_won_the_round_was_for_its_winner():
    assert board.clutch_index("A", (0.2, 0.9)) == 0.8
    assert board.clutch_index("B", (0.2, 0.9)) == 0.9
    assert board.clutch_index("A", None) is None


ODDS = {f"{of}_{name}": p for of, ps in (("round", (0.2, 0.1, 0.3)), ("map", (0.4, 0.35, 0.45)),
                                         ("series", (0.6, 0.5, 0.7))) for name, p in zip(("p", "low", "high"), ps,
                                                                                         strict=True)}  # fmt: skip


def test_a_prediction_says_all_of_a_price():
    assert board.prediction(price(**ODDS)) == {
        "match_id": "m", "map_id": "a", "round_no": 3, "p_team_a_win": 0.4, "p_team_b_win": 0.6, "confidence": 0.6,
        "model_version": "4+2", "ts_calc": 1.5, "state_version": 7, "trigger_event_type": "kill", "event_id": "e",
        "price_id": "p", "supersedes": None, "round": {"p_team_a_win": 0.2, "interval": [0.1, 0.3]},
        "map": {"p_team_a_win": 0.4, "interval": [0.35, 0.45]}, "series": {"p_team_a_win": 0.6, "interval": [0.5, 0.7]},
    }  # fmt: skip
    odd = board.prediction(price(map_p=0.1234567))
    assert (odd["p_team_b_win"], odd["confidence"]) == (0.876543, 0.876543)
    assert board.prediction(price(map_p=0.0, round_p=1.0))["p_team_a_win"] == 0.0, "a map that is lost is lost"


def two_kills():
    feed = Feed()
    feed.say("match_start", team_a_id="10", team_b_id=20, team_a_name="Blue", tournament="Cup", format="bo3")
    feed.say("map_start", map_name="de_nuke", map_number=2)
    feed.round = 1
    feed.say("round_start", team_a_score=0, team_b_score=0, team_a_side="T", team_b_side="CT")
    feed.say("freeze_time_ended")
    for killer, team, victim in (("b2", "B", "a1"), ("a3", "A", "b1")):
        feed.say("kill", killer_player_id=killer, killer_team=team, victim_player_id=victim, weapon="awp",
                 is_headshot=team == "A")  # fmt: skip
    feed.say("player_hurt", attacker_player_id="a3", attacker_team="A", victim_player_id="b2", victim_team="B",
             damage=12.5, weapon="awp")  # fmt: skip
    return feed


def test_a_match_says_all_it_holds():
    feed = two_kills()
    for kind in ("zzz", "made_up", "zzz"):
        feed.say(kind)
    match = followed(read(feed.events))
    assert list(board.summary(match)["ignored"]) == ["unknown type made_up", "unknown type zzz"], "by name"
    player = {"kills": 0, "deaths": 0, "headshots": 0, "damage": 0.0}
    assert board.summary(match) == {
        "maps": [{
            "map_id": uid("one", 1), "map_name": "de_nuke", "map_number": 2, "phase": "round", "round_no": 1,
            "team_a_score": 0, "team_b_score": 0, "team_a_side": "T", "winner": None,
            "players": [
                {"player_id": "a3", "team": "A"} | player | {"kills": 1, "headshots": 1, "damage": 12.5},
                {"player_id": "a1", "team": "A"} | player | {"deaths": 1},
                {"player_id": "b2", "team": "B"} | player | {"kills": 1},
                {"player_id": "b1", "team": "B"} | player | {"deaths": 1},
            ],
        }],
        "current_map": uid("one", 1), "sources": {uid("one", 1): "server"}, "gaps": 0, "waiting": 0,
        "recomputations": 0, "problems": {}, "ignored": {"unknown type made_up": 1, "unknown type zzz": 2},
    }  # fmt: skip
    row = board.stored_match(match, price(**ODDS), 1.0, 2.0, "key:a")
    assert msgspec.structs.asdict(row) == {
        "match_id": uid("one"), "status": "LIVE", "tournament": "Cup", "format": "bo3", "team_a_id": "10",
        "team_b_id": "20", "team_a_name": "Blue", "team_b_name": "", "team_a_maps": 0, "team_b_maps": 0, "winner": "",
        "began": 1.0, "updated": 2.0, "state_version": 10, "state": match.fold.digest(), "arrived": 10,
        "owner": "key:a", "summary": row.summary, "prediction": row.prediction,
    }  # fmt: skip
    assert json.loads(row.summary) == board.summary(match)
    assert json.loads(row.prediction) == board.prediction(price(**ODDS))


def test_a_finished_round_says_all_of_itself_and_one_that_does_not_count_nothing():
    feed = two_kills()
    feed.say("round_end", winner_team="B", win_reason="time_expired", team_a_score=0, team_b_score=1)
    match = followed(read(feed.events))
    assert [msgspec.structs.astuple(row) for row in board.stored_rounds(match, {(uid("one", 1), 1): (0.25, 0.75)})] == [
        (uid("one"), uid("one", 1), 1, 1, 1, 1, 0, -0.3, 0.75, "B", "time_expired", "T", 8)
    ]
    assert msgspec.structs.astuple(board.no_round(match, "map", 3)) == (
        uid("one"), "map", 3, 0, 0, 0, 0, 0.0, None, "", "", "CT", 8
    )  # fmt: skip


def test_an_event_and_a_change_of_the_match_are_told_with_all_they_say():
    feed = two_kills()
    fold = Fold(uid("one"))
    first, second, third, *_ = read(feed.events)
    fold.apply(first)
    moment = fold.apply(second)
    _, event, lifecycle = board.updates(fold, moment, price(), second, 2.5)
    assert event.data == {
        "event_id": second.event_id, "match_id": uid("one"), "map_id": uid("one", 1), "round_no": 0,
        "type": "map_start", "source": "server", "seq_no": 2, "ts_event": second.ts_event,
        "payload": {"map_name": "de_nuke", "map_number": 2, "team_a_id": None, "team_b_id": None,
                    "team_a_line_up": None, "team_b_line_up": None},
    }  # fmt: skip
    assert lifecycle.data == {
        "match_id": uid("one"), "map_id": uid("one", 1), "type": "map_start", "status": "LIVE"
    }  # fmt: skip
    *_, score = board.updates(fold, fold.apply(third), price(), None, 0.0)
    assert (score.kind, score.at, score.tournament) == ("score", 0.0, "Cup")
    assert score.data == {
        "match_id": uid("one"), "map_id": uid("one", 1), "round_no": 1, "team_a_score": 0, "team_b_score": 0,
        "team_a_maps": 0, "team_b_maps": 0, "state_version": 3,
    }  # fmt: skip


def test_a_match_of_no_tournament_is_told_as_one_of_none():
    (event, *_), fold = read(play(3, rounds=1)), Fold(uid("one"))
    assert {one.tournament for one in board.updates(fold, fold.apply(event), price(), event, 0.0)} == {""}
