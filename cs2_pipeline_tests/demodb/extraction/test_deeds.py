"""What players did, counted from kills and hits: trades, clutches, first kills, damage."""

import pandas as pd
import pytest

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.deeds import damage_of, deeds
from cs2_pipeline.demodb.extraction.eligibility import Days, live_rounds
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline_tests.demodb.small_database import NOON, ROUND_TICKS, SmallDatabase

RATE = 64


@pytest.fixture
def small():
    """Round 1: player 1 kills 3 and CT win. Rounds 2 and 3: player 3 kills 1 and T win. 1 and 2 are CT, 3 and 4 T."""
    return SmallDatabase()


@pytest.fixture
def done(small, tmp_path):
    def count() -> pd.DataFrame:
        with DemoDatabase(small.write(tmp_path / "demos.sqlite")) as db:
            days = Days(db, NOON.date(), NOON.date())
            return deeds(days, live_rounds(days, Tally()), Tally()).set_index("player_id")

    return count


def kill(small, number, killer, victim, *, after, **more):
    """A kill so many ticks after the one that every round has."""
    at = {"DemoFileId": 1, "RoundId": number, "Tick": number * ROUND_TICKS + 3_000 + after}
    small.add("Kills", **at, KillerId=killer, VictimId=victim, Weapon="ak47", **more)


def column(table, name):
    return {player: int(value) for player, value in table[name].items() if value}


def test_who_is_left_alone_is_in_a_clutch_against_those_who_live_and_wins_it_with_the_round(small, done):
    small.row("Rounds", 3)["WinnerTeam"] = "CT"
    table = done()
    assert column(table, "clutch_attempts_1v2") == {2: 2, 4: 1}
    assert column(table, "clutches_1v2") == {2: 1}
    assert column(table, "clutch_attempts") == {2: 2, 4: 1}
    assert column(table, "clutches") == {2: 1}
    assert column(table, "clutch_attempts_1v1") == {}


def test_a_clutch_counts_the_opponents_who_live_when_it_begins(small, done):
    kill(small, 1, 4, 2, after=64)
    table = done()
    assert column(table, "clutch_attempts_1v2") == {2: 2, 4: 1}
    assert column(table, "clutch_attempts_1v1") == {1: 1}
    assert column(table, "clutches_1v1") == {1: 1}


@pytest.mark.parametrize(("after", "attempts"), [(0, {2: 2}), (1, {2: 2, 4: 1})])
def test_two_who_die_in_the_same_tick_leave_nobody_alone(small, done, after, attempts):
    kill(small, 1, 1, 4, after=after)
    assert column(done(), "clutch_attempts") == attempts


@pytest.mark.parametrize(("ticks", "traded"), [(1, True), (5 * RATE, True), (5 * RATE + 1, False), (-1, False)])
def test_a_killer_killed_within_five_seconds_is_a_trade(small, done, ticks, traded):
    """The last case is a grenade that kills after its thrower died."""
    kill(small, 2, 2, 3, after=ticks)
    table = done()
    assert column(table, "trade_kills") == ({2: 1} if traded else {})
    assert column(table, "trade_deaths") == ({1: 1} if traded else {})


def test_team_kills_suicides_and_the_world_are_deaths_and_nobodys_kills(small, done):
    for row in small.table("Kills"):
        row.update(KillerTeam=None, VictimTeam=None)
    small.row("Kills", 1).update(KillerId=4)
    small.row("Kills", 2).update(KillerId=1)
    small.row("Kills", 3).update(KillerId=None)
    table = done()
    assert column(table, "kills") == column(table, "first_kills") == {}
    assert column(table, "deaths") == {3: 1, 1: 2}


def test_the_first_kill_is_the_first_of_an_enemy(small, done):
    kill(small, 1, 2, 1, after=-64)
    kill(small, 1, 2, 4, after=64)
    table = done()
    assert column(table, "first_kills") == {1: 1, 3: 2}
    assert column(table, "kills") == {1: 1, 2: 1, 3: 2}


def test_nobody_dies_twice_and_headshots_and_assists_go_to_whom_they_name(small, done):
    kill(small, 1, 2, 3, after=10)
    small.row("Kills", 2).update(IsHeadshot=True, AssisterId=4)
    table = done()
    assert column(table, "deaths") == {3: 1, 1: 2}
    assert column(table, "kills") == {1: 1, 3: 2}
    assert column(table, "headshots") == {3: 1}
    assert column(table, "assists") == {4: 1}


def test_every_player_with_a_record_of_a_round_has_played_it(small, done):
    small.rows["PlayerRoundStats"] = [
        row for row in small.table("PlayerRoundStats") if (row["PlayerId"], row["RoundId"]) != (4, 3)
    ]
    assert column(done(), "rounds") == {1: 3, 2: 3, 3: 3, 4: 2}


SIDES = pd.Series(["CT", "CT", "T"], index=pd.MultiIndex.from_tuples([(1, 1), (1, 2), (1, 3)]))


@pytest.mark.parametrize(
    ("hits", "taken"),
    [
        ([(1, 3, 30, 70)], {1: 30}),
        ([(1, 3, 60, 40), (1, 3, 80, 0)], {1: 100}),
        ([(1, 3, 60, 40), (2, 3, 80, 0)], {1: 60, 2: 40}),
        ([(1, 2, 30, 70), (1, 1, 30, 70), (None, 3, 30, 70)], {}),
        ([(1, 3, 30, None), (1, 3, 30, None)], {1: 60}),
        ([(1, 3, 100, 0), (2, 3, 30, 0)], {1: 100, 2: 0}),
        ([(9, 3, 30, 70)], {}),
    ],
)
def test_a_hit_takes_from_an_enemy_no_more_than_was_left(hits, taken):
    frame = pd.DataFrame(hits, columns=["attacker_id", "victim_id", "amount", "health"], dtype="float64")
    frame = frame.assign(round_id=1, tick=range(len(frame)))
    found = damage_of(frame, SIDES)
    assert found.groupby("player_id")["weight"].sum().to_dict() == taken


def test_of_hits_in_one_tick_the_one_that_left_more_came_first():
    hits = pd.DataFrame(
        {
            "attacker_id": [2.0, 1.0],
            "victim_id": 3.0,
            "amount": [90.0, 60.0],
            "health": [0.0, 40.0],
            "round_id": 1,
            "tick": 5,
        }
    )
    assert damage_of(hits, SIDES).set_index("player_id")["weight"].to_dict() == {1.0: 60.0, 2.0: 40.0}
