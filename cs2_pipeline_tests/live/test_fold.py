"""A match from its events: who plays which side, what counts, and what a price is made of."""

import json

import pytest

from cs2_pipeline.live.fold import MOMENTUM_KEPT, NO_SIDES, Fold
from cs2_pipeline.live.pricing import map_odds, round_odds
from cs2_pipeline_tests.live.made import BEGAN, Feed, play, read, uid

STEAM = [str(76561198000000000 + number) for number in range(12)]


class Told:
    """A match that is told event by event; `moment` is the last one."""

    def __init__(self, *, start=True, a_side="CT", round_no=1, **about):
        self.feed, self.fold, self.moment = Feed(), Fold(uid("one")), None
        if start:
            self.say("map_start", map_name="de_nuke", map_number=2)
            self.round(round_no, a_side=a_side, **about)
            self.say("freeze_time_ended", after=15.0)

    def say(self, kind, after=1.0, **payload):
        self.moment = self.fold.apply(*read([self.feed.say(kind, after, **payload)]))
        return self.moment

    def round(self, number, *, a_side="CT", score=(0, 0), **more):
        self.feed.round = number
        return self.say("round_start", team_a_score=score[0], team_b_score=score[1], team_a_side=a_side,
                        team_b_side="T" if a_side == "CT" else "CT", **more)  # fmt: skip

    def kill(self, victim="v", killer="k", team="A", *, headshot=False, **more):
        return self.say("kill", killer_player_id=killer, killer_team=team, victim_player_id=victim, weapon="ak47",
                        is_headshot=headshot, **more)  # fmt: skip

    def end(self, winner="A", score=(1, 0), reason="elimination"):
        return self.say("round_end", winner_team=winner, win_reason=reason, team_a_score=score[0],
                        team_b_score=score[1])  # fmt: skip

    @property
    def map(self):
        return self.fold.maps[self.fold.current]

    @property
    def ignored(self):
        return self.fold.ignored


@pytest.mark.parametrize(("a_side", "alive"), [("CT", (5, 4)), ("T", (4, 5))])
def test_a_kill_takes_a_player_from_the_side_that_the_victims_team_plays(a_side, alive):
    told = Told(a_side=a_side)
    moment = told.kill()
    assert (moment.state["ct_alive"], moment.state["t_alive"]) == alive
    assert moment.a_side == a_side
    assert told.map.side("A") == a_side and told.map.side("B") != a_side


@pytest.mark.parametrize("a_side", ["CT", "T"])
def test_score_players_and_money_belong_to_the_side_that_the_team_plays(a_side):
    told = Told(a_side=a_side, score=(7, 3), team_a_players=4, team_b_players=5)
    moment = told.say("economy_update", team_a_econ=1_000, team_b_econ=2_000, team_a_equipment_value=300,
                      team_b_equipment_value=400)  # fmt: skip
    a, b = ("ct", "t") if a_side == "CT" else ("t", "ct")
    state = moment.state
    assert (state[f"{a}_score"], state[f"{b}_score"]) == (7, 3)
    assert (state[f"{a}_alive"], state[f"{b}_alive"]) == (4, 5)
    assert (state[f"{a}_money"], state[f"{b}_money"]) == (1_000, 2_000)
    assert (state[f"{a}_equip_value"], state[f"{b}_equip_value"]) == (300, 400)


def test_a_player_has_kills_deaths_headshots_and_damage():
    told = Told()
    told.say("player_hurt", attacker_player_id="k", attacker_team="A", victim_player_id="v", victim_team="B",
             damage=30, weapon="ak47", victim_health=70)  # fmt: skip
    told.kill("v", headshot=True)
    told.kill("w")
    lines = {player: (one.team, one.kills, one.deaths, one.headshots, one.damage)
             for player, one in told.map.lines.items()}  # fmt: skip
    assert lines == {"k": ("A", 2, 0, 1, 30), "v": ("B", 0, 1, 0, 0), "w": ("B", 0, 1, 0, 0)}
    record = told.map.rounds[1]
    assert (record.kills, record.headshots) == ({"A": 2, "B": 0}, {"A": 1, "B": 0})


def test_who_kills_or_hits_a_team_mate_earns_nothing_and_the_victim_has_died():
    told = Told()
    told.say("player_hurt", attacker_player_id="k", attacker_team="A", victim_player_id="m", victim_team="A",
             damage=30, weapon="ak47", victim_health=70)  # fmt: skip
    moment = told.kill("m", victim_team="A", headshot=True)
    assert {player: (one.kills, one.deaths, one.headshots, one.damage) for player, one in told.map.lines.items()} == {
        "m": (0, 1, 0, 0)
    }
    assert told.map.lines["m"].team == "A"
    assert told.map.rounds[1].kills == {"A": 0, "B": 0}
    assert (moment.state["ct_alive"], moment.state["t_alive"]) == (4, 5)


def test_a_killer_nobody_knows_has_no_line_and_the_teams_kill_counts():
    told = Told()
    told.say("player_hurt", attacker_player_id="?", attacker_team="A", victim_player_id="v", victim_team="B",
             damage=30, weapon="ak47", victim_health=70)  # fmt: skip
    told.kill("v", killer="?", headshot=True)
    assert set(told.map.lines) == {"v"}
    assert (told.map.rounds[1].kills["A"], told.map.rounds[1].headshots["A"]) == (1, 1)


def test_a_knife_round_is_played_and_counts_for_nothing():
    told = Told(round_no=0, score=(0, 0))
    assert told.moment.phase == "between" and told.moment.state is None
    told.say("player_hurt", attacker_player_id="k", attacker_team="A", victim_player_id="v", victim_team="B",
             damage=30, weapon="knife", victim_health=70)  # fmt: skip
    told.kill()
    told.end(score=(1, 0))
    assert told.map.lines == {} and told.map.rounds == {} and told.map.score == {"A": 0, "B": 0}
    assert told.moment.round_winner is None
    told.round(1)
    assert told.moment.phase == "round" and told.moment.state["ct_alive"] == 5


def test_between_rounds_there_is_no_state_and_the_last_ones_winner_is_known():
    told = Told(score=(3, 2))
    assert told.moment.phase == "round" and told.moment.round_winner is None
    ended = told.end("B", (3, 3), "bomb_exploded")
    assert (ended.phase, ended.state, ended.round_winner, ended.score) == ("between", None, "B", (3, 3))
    assert (told.map.rounds[1].winner, told.map.rounds[1].reason) == ("B", "bomb_exploded")
    assert told.round(2, score=(3, 3)).round_winner is None


def test_momentum_is_the_mean_of_wins_and_losses_that_fades_by_a_share_each_round():
    told = Told()
    expected = 0.0
    for number, winner in enumerate("ABBA", start=1):
        told.round(number)
        told.end(winner)
        expected = MOMENTUM_KEPT * expected + (1 - MOMENTUM_KEPT) * (1 if winner == "A" else -1)
        assert told.map.rounds[number].momentum == pytest.approx(expected)
    assert told.map.rounds[1].momentum == pytest.approx(0.3)


def test_a_round_that_is_played_again_replaces_itself_and_all_behind_it():
    told = Told()
    for number in (1, 2, 3):
        told.round(number)
        told.kill(f"v{number}")
        told.end()
    told.round(2)
    assert sorted(told.map.rounds) == [1, 2] and told.map.rounds[2].winner is None
    assert told.map.rounds[2].momentum == told.map.rounds[1].momentum


def test_a_server_that_goes_back_to_a_round_forgets_it_and_what_followed():
    told = Told()
    for number in (1, 2, 3):
        told.round(number)
        told.end()
    restored = told.fold.apply(*read([told.feed.say("round_restored") | {"payload": {"round_no": 2}}]))
    assert sorted(told.map.rounds) == [1]
    assert (restored.round_no, restored.phase, restored.round_winner) == (1, "between", "A")


def test_what_happens_before_anybody_has_a_side_changes_nothing_and_is_counted():
    told = Told(start=False)
    told.feed.round = 1
    told.kill()
    assert told.ignored == {NO_SIDES: 1}
    told.end("A", (1, 0))
    assert told.ignored == {NO_SIDES: 2} and told.map.score == {"A": 1, "B": 0}
    assert told.map.side("A") is None


def test_play_between_rounds_changes_nothing_and_is_counted():
    told = Told()
    told.end()
    told.kill()
    assert sum(told.ignored.values()) == 1 and told.map.lines == {}


@pytest.mark.parametrize(
    ("told_winner", "score", "winner"),
    [
        ("B", (13, 7), "B"),
        (None, (13, 7), "A"),
        (None, (7, 13), "B"),
        (None, (12, 12), None),
        (None, (13, 12), "A"),
        (None, (12, 13), "B"),
    ],
)
def test_a_map_is_won_by_who_is_named_else_by_who_is_ahead(told_winner, score, winner):
    told = Told()
    moment = told.say("map_end", winner_team=told_winner, team_a_score=score[0], team_b_score=score[1])
    assert (moment.map_winner, moment.phase, moment.score) == (winner, "over", score)
    assert moment.maps == (int(winner == "A"), int(winner == "B"))


def test_a_map_end_without_a_score_leaves_the_score_it_has():
    told = Told(score=(12, 3))
    assert told.say("map_end").score == (12, 3)
    assert told.map.winner == "A"
    assert Told(score=(3, 12)).say("map_end", team_a_score=None).map_winner == "B"


@pytest.mark.parametrize(
    ("told_winner", "won", "winner"), [("A", "BB", "A"), (None, "AAB", "A"), (None, "BAB", "B"), (None, "AB", None)]
)
def test_a_match_is_won_by_who_is_named_else_by_who_has_more_maps(told_winner, won, winner):
    told = Told(start=False)
    told.say("match_start", team_a_id=1, team_b_id=2, format="bo3")
    for number, team in enumerate(won):
        told.feed.map = uid("map", number)
        told.say("map_end", winner_team=team)
    moment = told.say("match_end", winner_team=told_winner)
    assert (moment.match_winner, moment.over, moment.best_of) == (winner, True, 3)
    assert moment.maps == (won.count("A"), won.count("B"))
    again = told.say("match_start", team_a_id=1, team_b_id=2)
    assert (again.match_winner, again.over, again.best_of) == (None, False, 3)


def test_teams_are_called_what_was_told_last_and_nothing_told_takes_nothing_away():
    told = Told(start=False)
    told.say("match_start", team_a_id=1, team_b_id="b", team_a_name="Löwen", tournament="Cup", format="bo5")
    told.say("map_start", map_name="de_nuke", team_b_id=22)
    told.say("match_start", team_a_id=1, team_b_id=22, team_b_name="Blue")
    assert told.fold.teams == {"A": {"id": "1", "name": "Löwen"}, "B": {"id": "22", "name": "Blue"}}
    assert (told.fold.tournament, told.fold.format) == ("Cup", "bo5")
    told.round(1, team_a_id=11)
    assert told.fold.teams["A"]["id"] == "11" and told.fold.teams["B"]["id"] == "22"


def test_a_map_that_begins_anew_keeps_nothing_of_its_false_start():
    told = Told()
    told.kill()
    told.end()
    moment = told.say("map_start", map_name="de_dust2", map_number=3)
    assert (moment.map_name, moment.map_number, moment.score, moment.round_no) == ("de_dust2", 3, (0, 0), 0)
    assert told.map.rounds == {} and told.map.lines == {}


def equipped(told, team, players):
    for player in players:
        told.say("player_equipment", player_id=player, player_team=team, money=800)
    return told.moment.line_ups


def test_line_ups_are_the_first_five_who_are_seen_on_each_team():
    told = Told()
    assert equipped(told, "A", STEAM[4::-1]) is None, "team B is not known yet"
    assert equipped(told, "B", STEAM[5:9]) is None, "four are no line-up"
    assert equipped(told, "B", [STEAM[8], "no steam id"]) is None, "one twice and one without an id are no fifth"
    both = tuple(STEAM[:5]), tuple(STEAM[5:10])
    assert equipped(told, "B", [STEAM[9]]) == both
    assert equipped(told, "B", [STEAM[10]]) == both, "a sixth is none of them"


def test_a_line_up_that_a_source_names_is_believed_before_who_was_seen():
    told = Told()
    equipped(told, "A", STEAM[:5])
    equipped(told, "B", STEAM[5:10])
    moment = told.say("match_start", team_a_id=1, team_b_id=2, team_b_line_up=STEAM[6:11])
    assert moment.line_ups == (tuple(STEAM[:5]), tuple(STEAM[6:11]))
    moment = told.say("match_start", team_a_id=1, team_b_id=2, team_a_line_up=STEAM[2:7])
    assert moment.line_ups is None, "nobody plays on both teams"


def test_a_match_knows_the_day_it_began_and_the_time_of_its_last_event():
    told = Told(start=False)
    first = told.say("match_start", team_a_id=1, team_b_id=2)
    assert first.day == int(BEGAN // 86_400) == 20_471
    later = told.say("match_start", after=86_400.0, team_a_id=1, team_b_id=2)
    assert later.day == 20_471
    assert told.fold.last - told.fold.began == 86_400.0


def test_a_type_that_is_not_known_is_counted_and_has_no_moment():
    told = Told()
    version = told.fold.version
    assert told.say("new_type") is None
    assert told.ignored == {"unknown type new_type": 1} and told.fold.version == version + 1


def test_every_event_is_a_version_and_says_what_it_was():
    told = Told()
    moment = told.kill()
    assert (moment.version, moment.trigger, moment.match_id) == (4, "kill", uid("one"))
    assert (moment.map_id, moment.map_name, moment.map_number) == (uid("one", 1), "de_nuke", 2)
    assert moment.event_id == told.feed.events[-1]["event_id"]
    assert moment.time == BEGAN + 1 + 1 + 15 + 1


def test_the_clock_of_a_second_source_goes_on_where_the_firsts_stood():
    """The other server's clock is an hour slow: its events happen now, and take as long as it says."""
    told = Told()
    before = told.kill().time
    told.feed.source, told.feed.now = "other", told.feed.now - 3_600
    first = told.kill("w")
    assert first.time == before
    assert told.kill("x", after=2.5).time == before + 2.5
    told.feed.source, told.feed.now = "server", told.feed.now + 3_600 + 100
    assert told.kill("y").time == pytest.approx(told.feed.now, abs=1e-3), "a clock that is ahead is believed"


@pytest.mark.parametrize(("kind", "planted", "left"), [("bomb_planted", 1, 40.0), ("timeout_start", 0, None)])
def test_a_planted_bomb_starts_its_own_clock_and_a_time_out_none(kind, planted, left):
    told = Told()
    state = told.say(kind).state
    assert state["bomb_planted"] == planted
    assert state["time_remaining"] == (left if left else pytest.approx(114.0))


def test_a_source_may_tell_how_long_the_bomb_takes_and_a_defusal_stops_its_clock():
    told = Told()
    told.say("bomb_planted", player_id="p", time_remaining_sec=35)
    told.say("bomb_defused", after=30.0, player_id="d")
    assert told.moment.state["time_remaining"] == pytest.approx(5.0)
    assert told.say("timeout_end", after=9.0).state["time_remaining"] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("kind", "a_side", "winner"),
    [
        ("bomb_defused", "CT", "A"),
        ("bomb_defused", "T", "B"),
        ("bomb_exploded", "CT", "B"),
        ("bomb_exploded", "T", "A"),
    ],
)
def test_the_bomb_names_the_winner_before_the_rounds_end_is_told(kind, a_side, winner):
    told = Told(a_side=a_side)
    assert told.say("bomb_planted", player_id="p").round_winner is None
    moment = told.say(kind, after=39.9, player_id="d")
    assert moment.round_winner == winner
    assert round_odds([moment], None) == [(1.0, 1.0, 1.0) if winner == "A" else (0.0, 0.0, 0.0)]
    assert told.say("timeout_end").round_winner == winner, "what is told before the end changes nothing"
    before = map_odds(moment, *round_odds([moment], None))
    moment = told.end(winner, score=(1, 0) if winner == "A" else (0, 1), reason=kind)
    assert map_odds(moment, None) == pytest.approx(before), "the end moves no price"
    assert Told.say(told, "map_end").round_winner is None, "nor is a round over that is not under way"
    assert told.round(2, a_side=a_side).round_winner is None


def test_a_match_goes_on_from_its_document_whatever_it_holds():
    for cut in (5, 40, 60):
        fold = Fold(uid("one"))
        for event in read(play(3, rounds=2))[:cut]:
            fold.apply(event)
        again = Fold.from_document(json.loads(json.dumps(fold.document())))
        assert again == fold and again.digest() == fold.digest()


def test_a_map_that_goes_back_to_a_round_after_its_end_is_not_won():
    told = Told()
    told.end("A", (13, 0))
    assert told.say("map_end", winner_team="A").maps == (1, 0)
    restored = told.fold.apply(*read([told.feed.say("round_restored") | {"payload": {"round_no": 1}}]))
    assert (restored.map_winner, restored.maps, restored.phase, restored.round_no) == (None, (0, 0), "between", 0)


def test_before_the_first_map_a_match_stands_at_its_beginning():
    told = Told(start=False)
    moment = told.say("match_start", team_a_id=1, team_b_id=2)
    assert (moment.map_id, moment.map_name, moment.map_number, moment.round_no) == (uid("one", 1), None, 1, 0)
    assert (moment.time, moment.phase, moment.state, moment.a_side) == (BEGAN + 1, "between", None, None)
    assert (moment.score, moment.maps, moment.best_of, moment.line_ups) == ((0, 0), (0, 0), 1, None)
    assert (moment.round_winner, moment.map_winner, moment.match_winner, moment.over) == (None, None, None, False)
    assert type(moment.day) is int and told.fold.current is None


def test_a_map_start_names_teams_map_and_players_each_for_its_team():
    told = Told(start=False)
    named = [f"STEAM_1:1:{number}" for number in (9, 3, 7, 1, 5)]
    told.say("map_start", map_name="de_nuke", map_number=3, team_a_id="a", team_b_id="b", team_a_line_up=named,
             team_b_line_up=STEAM[4::-1])  # fmt: skip
    assert told.fold.teams == {"A": {"id": "a", "name": None}, "B": {"id": "b", "name": None}}
    as_64 = [str(76561197960265728 + 2 * number + 1) for number in (1, 3, 5, 7, 9)]
    assert told.fold.document()["line_ups"] == {"A": as_64, "B": STEAM[:5]}
    assert told.moment.line_ups == (tuple(as_64), tuple(STEAM[:5]))
    told.round(1, team_a_id="aa", team_b_id="bb")
    assert [told.fold.teams[team]["id"] for team in "AB"] == ["aa", "bb"]
    assert told.moment.state["map_name"] == "de_nuke"
    told.say("match_start", team_a_id=1, team_b_id=2, team_a_line_up=["nobody", 76561198000000001], team_b_line_up=[])
    assert told.fold.line_ups == {"A": ["76561198000000001", "nobody"], "B": STEAM[:5]}


def test_a_player_who_has_a_line_keeps_it_and_who_plays_for_whom():
    told = Told()
    told.kill("v", killer="k", team="A")
    told.kill("k", killer="w", team="B", headshot=True)
    assert {player: (one.team, one.kills, one.deaths, one.headshots) for player, one in told.map.lines.items()} == {
        "v": ("B", 0, 1, 0), "k": ("A", 1, 1, 0), "w": ("B", 1, 0, 1)
    }  # fmt: skip
    assert (told.map.rounds[1].kills, told.map.rounds[1].headshots) == ({"A": 1, "B": 1}, {"A": 0, "B": 1})


def test_a_hit_takes_health_and_armor_from_the_victim_of_its_team():
    told = Told()
    told.say("player_equipment", player_id="v", player_team="B", money=700, equipment_value=1_000, armor=100,
             has_helmet=True, has_defuse_kit=False)  # fmt: skip
    state = told.say("player_hurt", attacker_player_id="k", attacker_team="A", victim_player_id="v", victim_team="B",
                     damage=27, damage_armor=4, weapon="ak47", victim_health=73, victim_armor=96).state  # fmt: skip
    assert (state["t_health"], state["ct_health"]) == (473, 500)
    state = told.say("player_hurt", attacker_player_id="k", attacker_team="A", victim_player_id="v", victim_team="B",
                     damage=13, weapon="ak47").state  # fmt: skip
    assert state["t_health"] == 460, "what is left is not told: the damage is"


def test_equipment_of_all_players_is_what_their_side_has():
    told = Told(start=False)
    told.say("map_start", map_name="de_nuke")
    told.round(1, team_a_players=2, team_b_players=1)
    gear = {"money": 700, "equipment_value": 1_000, "armor": 100, "has_helmet": True, "has_defuse_kit": True}
    told.say("player_equipment", player_id="a1", player_team="A", **gear)
    told.say("player_equipment", player_id="a2", player_team="A", **gear | {"money": 50, "has_helmet": False})
    state = told.say("player_equipment", player_id="b1", player_team="B", **gear | {"armor": 0, "money": 5}).state
    assert {name: state[name] for name in ("ct_money", "t_money", "ct_equip_value", "t_equip_value", "ct_armor",
                                           "t_armor", "ct_helmets", "t_helmets", "ct_defuse_kits")} == {
        "ct_money": 750, "t_money": 5, "ct_equip_value": 2_000, "t_equip_value": 1_000, "ct_armor": 200, "t_armor": 0,
        "ct_helmets": 1, "t_helmets": 1, "ct_defuse_kits": 2,
    }  # fmt: skip


def test_a_rounds_length_is_what_its_start_says():
    assert Told(round_time=60).moment.state["time_remaining"] == 60.0
    assert Told().moment.state["time_remaining"] == 115.0


@pytest.mark.parametrize(("told_format", "maps"), [("bo1", 1), ("bo3", 3), ("bo5", 5), (None, 1)])
def test_a_series_has_as_many_maps_as_its_format_says(told_format, maps):
    told = Told(start=False)
    assert told.say("match_start", team_a_id=1, team_b_id=2, format=told_format).best_of == maps


def test_who_hits_the_dead_has_done_no_damage_and_it_is_counted():
    told = Told()
    hit = {"attacker_player_id": "k", "attacker_team": "A", "victim_player_id": "v", "victim_team": "B", "damage": 30,
           "weapon": "ak47", "victim_health": 0}  # fmt: skip
    told.say("player_hurt", **hit)
    told.kill("v")
    told.kill("w")
    before = told.map.lines["k"].damage
    told.say("player_hurt", **hit | {"victim_health": 10})
    assert told.map.lines["k"].damage == before == 30
    assert sum(told.ignored.values()) == 1
