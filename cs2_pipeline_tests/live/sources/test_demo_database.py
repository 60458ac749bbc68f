"""A recorded match played as live gives what the offline path makes of the same recording."""

import json
import math
import sqlite3
import uuid
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cs2_pipeline.datasets import snapshots
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.simulator.simulation import FIRST_DAY, simulate
from cs2_pipeline.live.events import parse
from cs2_pipeline.live.fold import Fold
from cs2_pipeline.live.order import ordered
from cs2_pipeline.live.sources.demo_database import recorded_matches

EXACT = ("ct_alive", "t_alive", "ct_equip_value", "t_equip_value", "ct_money", "t_money", "bomb_planted", "ct_score",
         "t_score", "ct_health", "t_health", "ct_helmets", "t_helmets", "ct_defuse_kits")  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    path = tmp_path_factory.mktemp("demos") / "demos.sqlite"
    simulate(path, matches=3, days=1, seed=7)
    with DemoDatabase(f"sqlite:///{path}") as db:
        yield event_tables(db, FIRST_DAY, FIRST_DAY), list(recorded_matches(db, FIRST_DAY, FIRST_DAY))


def fold_of(match):
    """The fold, and the moments by round and seconds since it went live."""
    fold = Fold(match.match_id)
    moments, live = {}, 0.0
    for event in ordered(parse(json.dumps(one).encode()) for one in match.begun_at(1_700_000_000.0)).events:
        if event.type == "freeze_time_ended":
            live = event.ts_event
        moment = fold.apply(event)
        if moment.state is not None:
            moments[moment.round_no, round(event.ts_event - live, 3)] = moment.state
    return fold, moments


def test_final_scores_are_those_of_the_recording(recorded) -> None:
    tables, matches = recorded
    assert len(matches) == 3
    for match in matches:
        fold, _ = fold_of(match)
        (of_map,) = fold.maps.values()
        last = tables.rounds[tables.rounds["match_id"] == match.recorded_id].sort_values("start_tick").iloc[-1]
        assert sorted(of_map.score.values()) == sorted([last["ct_score"], last["t_score"]])
        assert fold.over and fold.winner == max(of_map.score, key=lambda team: of_map.score[team])
        assert fold.ignored == {}


def test_a_simulated_match_says_that_it_is_simulated(recorded) -> None:
    _, matches = recorded
    assert {event["source"] for match in matches for event in match.events} == {"simulator"}


def test_states_are_those_the_model_was_trained_on_at_the_same_moments(recorded) -> None:
    tables, matches = recorded
    frame = snapshots.rebuild(tables.rounds, tables.participants, tables.kills, tables.damages, tables.bombs).frame
    compared = 0
    for match in matches:
        _, moments = fold_of(match)
        of_match = tables.rounds[tables.rounds["match_id"] == match.recorded_id].sort_values("start_tick")
        number = {round_id: place for place, round_id in enumerate(of_match["round_id"], start=1)}
        clocks = of_match.set_index("round_id")
        for row in frame[frame["match_id"] == match.recorded_id].to_dict("records"):
            clock = clocks.loc[row["round_id"]]
            passed = clock["round_time_limit"] - row["time_remaining"]
            state = moments.get((number[row["round_id"]], round(passed, 3)))
            if row["bomb_planted"] or state is None or state["time_remaining"] is None:
                continue  # a moment between two events, or on the bomb's clock
            compared += 1
            assert {name: state[name] for name in EXACT} == {name: row[name] for name in EXACT}
            for side in ("ct", "t"):
                told = row[f"{side}_armor"]
                assert state[f"{side}_armor"] == told or (state[f"{side}_armor"] is None and math.isnan(told))
            assert state["time_remaining"] == pytest.approx(row["time_remaining"], abs=1e-3)
    assert compared > 300


def test_played_again_a_match_is_another_match(recorded, tmp_path_factory) -> None:
    _, matches = recorded
    path = tmp_path_factory.mktemp("again") / "demos.sqlite"
    simulate(path, matches=1, days=1, seed=7)
    with DemoDatabase(f"sqlite:///{path}") as db:
        (again,) = recorded_matches(db, FIRST_DAY, FIRST_DAY, run="2")
        assert not list(recorded_matches(db, date(2020, 1, 1), date(2020, 1, 1)))
    assert again.match_id != matches[0].match_id


def test_what_happened_is_told_where_nobodys_money_was_recorded(recorded, tmp_path) -> None:
    _, (known, *_) = recorded
    path = tmp_path / "demos.sqlite"
    simulate(path, matches=3, days=1, seed=7)
    connection = sqlite3.connect(path)
    with connection:  # all of the first match, and one round of the second
        connection.execute(
            "update PlayerRoundStats set StartMoney = null, MoneySpent = null, EndMoney = null, EquipmentValue = null"
            " where RoundId in (select Id from Rounds where MatchId = 1 or (MatchId = 2 and RoundNumber = 3))"
        )
    connection.close()
    with DemoDatabase(f"sqlite:///{path}") as db:
        silent, partly, whole = recorded_matches(db, FIRST_DAY, FIRST_DAY)
    kinds = [Counter(event["type"] for event in match.events) for match in (known, silent)]
    assert kinds[0] == kinds[1]
    economy = {"money", "equipment_value", "has_helmet", "has_defuse_kit"}
    for match, rounds in ((silent, set(range(1, 99))), (partly, {3}), (whole, set())):
        told = [event for event in match.events if event["type"] == "player_equipment"]
        assert {event["round_no"] for event in told if not economy & event["payload"].keys()} == {
            event["round_no"] for event in told if event["round_no"] in rounds
        }
    fold, moments = fold_of(silent)
    assert fold.over and fold.ignored == {}
    alive = [state for state in moments.values() if state["ct_alive"] and state["t_alive"]]
    assert len(alive) > 300
    assert all(state[name] is None for state in alive for name in ("ct_money", "t_money", "ct_equip_value"))


@cache
def simulated():
    """A database of one match, as bytes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "demos.sqlite"
        simulate(path, matches=1, days=1, seed=7)
        return path.read_bytes()


def changed(tmp_path, *statements):
    """The events of a simulated match whose database was changed, and the database."""
    path = tmp_path / "demos.sqlite"
    path.write_bytes(simulated())
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    with DemoDatabase(f"sqlite:///{path}") as db:
        return list(recorded_matches(db, FIRST_DAY, FIRST_DAY)), connection


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """The match as it was simulated, and its database."""
    return changed(tmp_path_factory.mktemp("unchanged"))


def of_kind(match, kind):
    return [event for event in match.events if event["type"] == kind]


def test_kills_are_told_as_they_were_recorded(unchanged) -> None:
    (match,), connection = unchanged
    told = [(event["round_no"], event["payload"]) for event in of_kind(match, "kill")]
    recorded = connection.execute(
        "select r.RoundNumber, k.Weapon, k.IsHeadshot, v.PlayerName, v.SteamId, p.PlayerName from Kills k"
        " join Rounds r on r.Id = k.RoundId join Players v on v.Id = k.VictimId join Players p on p.Id = k.KillerId"
        " where k.IsTeamKill = 0 order by r.RoundNumber, k.Tick"
    ).fetchall()
    assert len(told) >= len(recorded) > 50
    assert [(number, kill["weapon"], kill["is_headshot"], kill["victim_player_id"], kill["killer_player_id"])
            for number, kill in told if kill["killer_team"] != kill["victim_team"]] == [
        (number, weapon, bool(headshot), victim, killer) for number, weapon, headshot, victim, _, killer in recorded
    ]  # fmt: skip
    assert {kill["is_headshot"] for _, kill in told} == {True, False}


def test_scores_sides_and_line_ups_follow_the_recorded_rounds(unchanged) -> None:
    (match,), connection = unchanged
    rounds = connection.execute("select WinnerTeam, CTScore, TScore from Rounds order by RoundNumber").fetchall()
    starts, ends = of_kind(match, "round_start"), of_kind(match, "round_end")
    assert len(starts) == len(ends) == len(rounds)
    score = {"A": 0, "B": 0}
    about = {"team_a_name": "Team 80", "team_b_name": "Team 48"}
    for team, side in (("a", "CT"), ("b", "T")):
        players = connection.execute("select SteamId from Players where Team = ?", (side,))
        about[f"team_{team}_line_up"] = sorted(str(player) for (player,) in players)
    assert about.items() <= match.events[0]["payload"].items()
    for start, end, (winner, ct, t) in zip(starts, ends, rounds, strict=True):
        told, after = start["payload"], end["payload"]
        assert {told["team_a_side"], told["team_b_side"]} == {"CT", "T"}
        assert told["team_a_side"] == ("CT" if start["round_no"] <= 12 else "T") or start["round_no"] > 24
        assert (told["team_a_score"], told["team_b_score"]) == (score["A"], score["B"])
        assert (told["team_a_players"], told["team_b_players"]) == (5, 5)
        won = "A" if told["team_a_side"] == winner else "B"
        score[won] += 1
        assert after["winner_team"] == won
        assert (after["team_a_score"], after["team_b_score"]) == (score["A"], score["B"])
        assert {ct, t} == set(score.values())
    (map_end,), (match_end,) = of_kind(match, "map_end"), of_kind(match, "match_end")
    favourite = max(score, key=lambda team: score[team])
    assert map_end["payload"] == {"winner_team": favourite, "team_a_score": score["A"], "team_b_score": score["B"]}
    assert match_end["payload"] == {"winner_team": favourite}
    assert map_end["ts_event"] == match_end["ts_event"] == ends[-1]["ts_event"] + 1.0


def test_a_round_ends_for_what_the_bomb_or_the_clock_says(unchanged) -> None:
    (match,), connection = unchanged
    bombs = dict(connection.execute(
        "select r.RoundNumber, b.EventType from Bombs b join Rounds r on r.Id = b.RoundId where b.EventType in"
        " ('exploded', 'defused', 'Exploded', 'Defused') "
    ).fetchall())  # fmt: skip
    told = {event["round_no"]: event["payload"]["win_reason"] for event in of_kind(match, "round_end")}
    for number, reason in told.items():
        if number in bombs:
            assert reason == f"bomb_{bombs[number].lower()}"
        else:
            assert reason in ("elimination", "time_expired")
    assert len({*told.values()}) >= 3
    lives = {event["round_no"]: event["ts_event"] for event in of_kind(match, "freeze_time_ended")}
    for event in of_kind(match, "round_end"):
        late = event["ts_event"] - lives[event["round_no"]] >= 114.5
        assert (event["payload"]["win_reason"] == "time_expired") == (late and event["round_no"] not in bombs)


def test_a_match_begins_three_seconds_before_its_first_round_and_is_numbered_from_one(unchanged) -> None:
    (match,), _ = unchanged
    start, first_map, first_round = match.events[:3]
    assert [one["type"] for one in (start, first_map, first_round)] == ["match_start", "map_start", "round_start"]
    assert (start["ts_event"], first_map["ts_event"], first_round["ts_event"]) == (0.0, 0.0, 3.0)
    assert (start["round_no"], first_map["round_no"], first_round["round_no"]) == (0, 0, 1)
    assert start["payload"]["format"] == "bo1" and first_map["payload"]["map_number"] == 1
    assert start["payload"]["team_a_id"] != start["payload"]["team_b_id"]
    assert [event["seq_no"] for event in match.events] == list(range(1, len(match.events) + 1))
    assert len({event["event_id"] for event in match.events}) == len(match.events)
    times = [event["ts_event"] for event in match.events]
    assert times == sorted(times)
    first_live = next(event for event in match.events if event["type"] == "freeze_time_ended")
    assert first_live["ts_event"] == 3.0 + 15.0
    assert {event["ts_event"] for event in of_kind(match, "player_equipment")[:10]} == {18.0}


def test_money_is_what_is_left_and_never_less_than_nothing(tmp_path) -> None:
    (match,), connection = changed(
        tmp_path, "update PlayerRoundStats set MoneySpent = StartMoney + 50 where Id % 3 = 0"
    )
    recorded = connection.execute(
        "select p.PlayerName, r.RoundNumber, s.StartMoney - s.MoneySpent, s.EquipmentValue, s.HasHelmet,"
        " s.HasDefuseKit from PlayerRoundStats s join Players p on p.Id = s.PlayerId join Rounds r on r.Id = s.RoundId"
    ).fetchall()
    told = {(event["payload"]["player_id"], event["round_no"]): event["payload"]
            for event in of_kind(match, "player_equipment")}  # fmt: skip
    assert len(told) == len(recorded)
    for name, number, money, value, helmet, kit in recorded:
        one = told[name, number]
        assert (one["money"], one["equipment_value"]) == (max(0, money), value)
        assert (one["has_helmet"], one["has_defuse_kit"]) == (bool(helmet), bool(kit))


def test_who_was_killed_by_nobody_is_told_as_his_own_killer(tmp_path) -> None:
    (match,), _ = changed(tmp_path, "update Kills set KillerId = null, KillerTeam = null, Weapon = null where Id = 1")
    first = of_kind(match, "kill")[0]["payload"]
    assert first["killer_player_id"] == first["victim_player_id"] and first["killer_team"] == first["victim_team"]
    assert first["weapon"] == ""


def test_two_players_of_one_name_keep_their_numbers(tmp_path) -> None:
    (match,), _ = changed(tmp_path, "update Players set PlayerName = 'twin' where Id in (1, 2)")
    names = {event["payload"]["player_id"] for event in of_kind(match, "player_equipment")}
    assert {"1", "2"} < names and "twin" not in names and len(names) == 10


def test_a_map_without_a_name_is_unknown(tmp_path) -> None:
    (match,), _ = changed(tmp_path, "update Matches set MapName = null", "update DemoFiles set MapName = null")
    assert match.map_name == "unknown"
    assert of_kind(match, "map_start")[0]["payload"]["map_name"] == "unknown"


def test_a_round_that_is_not_known_whole_is_told_by_its_score_alone(unchanged, tmp_path) -> None:
    (known,), _ = unchanged
    (match,), _ = changed(
        tmp_path, "delete from PlayerRoundStats where RoundId in (select Id from Rounds where RoundNumber in"
        " (2, 13, 14)) and Id % 2 = 0",
    )  # fmt: skip
    for number in (2, 13, 14):
        whole, told = ([event for event in of.events if event["round_no"] == number] for of in (known, match))
        assert [event["type"] for event in told] == ["round_start", "freeze_time_ended", "round_end"]
        for kind in ("round_start", "round_end"):
            one, other = ({key: value for key, value in next(e for e in of if e["type"] == kind)["payload"].items()
                           if not key.endswith("_players")} for of in (whole, told))  # fmt: skip
            kept = {"team_a_score", "team_b_score", "team_a_side", "team_b_side", "winner_team"} & other.keys()
            assert {key: one[key] for key in kept} == {key: other[key] for key in kept}
        assert told[-1]["payload"]["win_reason"] == "elimination"
        assert told[0]["ts_event"] == whole[0]["ts_event"]
        assert told[1]["ts_event"] == next(e for e in whole if e["type"] == "freeze_time_ended")["ts_event"]
        assert told[2]["ts_event"] == pytest.approx(whole[-1]["ts_event"], abs=8.0)
    assert fold_of(match)[0].maps.popitem()[1].score == fold_of(known)[0].maps.popitem()[1].score


ROUNDS_OF_THREE_KINDS = (
    "delete from Kills", "delete from Damages", "delete from Bombs", "delete from PlayerRoundStats where RoundId > 3",
    "delete from Rounds where Id > 3",
    # 1: the bomb explodes 100 s after the freeze time, which ends at tick 3,840
    "update Rounds set EndTick = 10240 where Id = 1",
    "insert into Kills (Id, DemoFileId, RoundId, Tick, GameTime, KillerId, VictimId, Weapon, IsHeadshot, IsWallbang,"
    " IsFirstKill, IsTradeKill, Distance, KillerTeam, VictimTeam, IsTeamKill) values"
    " (1, 1, 1, 4544, 0, 10, 1, 'glock', 1, 0, 1, 0, 1, 'T', 'CT', 0),"
    " (2, 1, 1, 4608, 0, null, 2, null, 0, 0, 0, 0, 1, null, 'CT', 0),"
    " (3, 1, 1, 4672, 0, 3, 4, 'usp_silencer', 0, 0, 0, 0, 1, 'CT', 'CT', 1)",
    "insert into Bombs (Id, DemoFileId, RoundId, EventType, Tick, GameTime, PlayerId, HasKit, Team, RoundNumber) values"
    " (1, 1, 1, 'dropped', 7000, 0, 10, 0, 'T', 1), (2, 1, 1, 'planted', 7680, 0, 10, 0, 'T', 1),"
    " (3, 1, 1, 'exploded', 10240, 0, 10, 0, 'T', 1)",
    # 2: half a second before time is up; a hit in the freeze time; nobody's money was recorded
    "update Rounds set StartTick = 11136, EndTick = 11136 + 960 + 7360 - 32, BombPlanted = 0, BombDefused = 0,"
    " EndReason = 'TargetSaved' where Id = 2",
    "update PlayerRoundStats set Health = 100, StartMoney = null, MoneySpent = null, EndMoney = null,"
    " EquipmentValue = null where RoundId = 2",
    "insert into Damages (Id, DemoFileId, RoundId, Tick, GameTime, AttackerId, VictimId, Weapon, DamageAmount,"
    " DamageArmor, Health, Armor, IsFatal) values (1, 1, 1, 4480, 0, 10, 1, 'glock', 27, 0, 73, 40, 0),"
    " (2, 1, 1, 4544, 0, 10, 1, 'glock', 99, 0, -26, 0, 1), (3, 1, 2, 11200, 0, 1, 6, 'awp', 5, 0, 95, 7, 0),"
    " (4, 1, 2, 13376, 0, 1, 6, 'awp', 30, 9, 65, -2, 0)",
    # 3: not everybody's row was recorded
    "update Rounds set StartTick = 20096, EndTick = 20096 + 960 + 640 where Id = 3",
    "delete from PlayerRoundStats where RoundId = 3 and Id % 2 = 0",
)  # fmt: skip


def test_a_match_of_three_rounds_is_told_event_by_event(tmp_path) -> None:
    (match,), connection = changed(tmp_path, *ROUNDS_OF_THREE_KINDS)
    names = [name for (name,) in connection.execute("select PlayerName from Players order by Id limit 10")]

    def equipped(at, number, economy):
        return [
            (at, number, "player_equipment", {"player_id": name, "player_team": "A" if place < 5 else "B"}
             | (economy[place >= 5] if economy else {}))
            for place, name in enumerate(names)
        ]  # fmt: skip

    def hit(at, victim, health, armor):
        return at, 1 if at < 132.0 else 2, "player_hurt", {
            "attacker_player_id": "?", "attacker_team": "B" if victim < 5 else "A", "victim_player_id": names[victim],
            "victim_team": "A" if victim < 5 else "B", "damage": 0, "weapon": "", "victim_health": health,
            "victim_armor": armor,
        }  # fmt: skip

    def kill(at, killer, victim, weapon, *, headshot=False):
        return at, 1, "kill", {
            "killer_player_id": names[killer], "killer_team": "A" if killer < 5 else "B",
            "victim_player_id": names[victim], "victim_team": "A", "weapon": weapon, "is_headshot": headshot,
        }  # fmt: skip

    def score(a, b):
        return {"team_a_score": a, "team_b_score": b}

    sides, fives = {"team_a_side": "CT", "team_b_side": "T"}, {"team_a_players": 5, "team_b_players": 5}
    bare = {"has_helmet": False, "has_defuse_kit": False}
    pistols = {
        False: {"money": 250, "equipment_value": 750} | bare,
        True: {"money": 200, "equipment_value": 800} | bare,
    }
    teams = {name: uid_of(f"team {name[5]}") for name in ("team_a_id", "team_b_id")}
    assert [(one["ts_event"], one["round_no"], one["type"], one["payload"]) for one in match.events] == [
        (0.0, 0, "match_start", teams | {"team_a_name": "Team A", "team_b_name": "Team B", "format": "bo1"}),
        (0.0, 0, "map_start", teams | {"map_name": "de_inferno", "map_number": 1}),
        (3.0, 1, "round_start", score(0, 0) | sides | fives | {"round_time": 115.0}),
        *equipped(18.0, 1, pistols),
        (18.0, 1, "freeze_time_ended", {}),
        hit(28.0, 0, 73, 40),
        hit(29.0, 0, 0, 0),  # of one tick the hit comes before the kill
        kill(29.0, 9, 0, "glock", headshot=True),
        kill(30.0, 1, 1, ""),
        kill(31.0, 2, 3, "usp_silencer"),
        (78.0, 1, "bomb_planted", {}),
        (118.0, 1, "bomb_exploded", {}),
        (118.0, 1, "round_end", {"winner_team": "B", "win_reason": "bomb_exploded"} | score(0, 1)),
        (132.0, 2, "round_start", score(0, 1) | sides | fives | {"round_time": 115.0}),
        *equipped(147.0, 2, None),
        (147.0, 2, "freeze_time_ended", {}),
        hit(147.0, 5, 95, 7),  # not before the round is live
        hit(167.0, 5, 65, 0),
        (261.5, 2, "round_end", {"winner_team": "A", "win_reason": "time_expired"} | score(1, 1)),
        (272.0, 3, "round_start", score(1, 1) | sides),
        (287.0, 3, "freeze_time_ended", {}),
        (297.0, 3, "round_end", {"winner_team": "A", "win_reason": "elimination"} | score(2, 1)),
        (298.0, 3, "map_end", {"winner_team": "A"} | score(2, 1)),
        (298.0, 3, "match_end", {"winner_team": "A"}),
    ]  # fmt: skip
    assert (match.recorded_id, match.match_id, match.map_name) == (1, uid_of("match"), "de_inferno")
    assert [
        (one["event_id"], one["match_id"], one["map_id"], one["source"], one["seq_no"]) for one in match.events
    ] == [
        (uid_of(str(number)), uid_of("match"), uid_of("map"), "simulator", number)
        for number in range(1, len(match.events) + 1)
    ]
    begun = match.begun_at(1_700_000_000.0)
    assert [one["ts_event"] for one in begun[1:3]] == [
        "2023-11-14T22:13:20.000000+00:00", "2023-11-14T22:13:23.000000+00:00"
    ]  # fmt: skip
    assert begun[2] | {"ts_event": 3.0} == match.events[2]


def uid_of(what):
    """The id of something of the first recorded match."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"cs2-replay/1//{what}"))
