"""A recorded match played as live gives what the offline path makes of the same recording."""

import json
import math
import sqlite3
from collections import Counter
from datetime import date

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
