"""One match in two recordings: told by seven tenths of their kills, from twenty on."""

from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import DateTime, create_engine

from cs2_pipeline.demodb.importers.assemble import Recording, assemble
from cs2_pipeline.demodb.importers.ledger import Ledger
from cs2_pipeline.demodb.importers.parsed import STATE_COLUMNS
from cs2_pipeline.demodb.importers.same_match import (
    Recorded,
    fuller,
    kills_of,
    likeness,
    recorded,
    recorded_in,
    same_match,
)
from cs2_pipeline.demodb.tables import METADATA
from cs2_pipeline_tests.demodb.importers.recordings import Script, steam_id
from cs2_pipeline_tests.demodb.small_database import NOON


def recording(kills, *, bots=()):
    """Rows of a recording: kills as round, killer and victim; 1 to 5 play against 6 to 10."""
    people = [{"Id": one, "SteamId": 0 if one in bots else 76_000 + one} for one in range(1, 11)]
    rounds = [{"Id": 100 + number, "RoundNumber": number} for number in range(30)]
    found = [
        {"RoundId": 100 + number, "KillerId": killer, "VictimId": victim, "KillerTeam": "CT" if killer < 6 else "T",
         "VictimTeam": "CT" if victim < 6 else "T"}
        for number, killer, victim in kills
    ]  # fmt: skip
    return {"Players": people, "Rounds": rounds, "Kills": found}


PLAYED = [(1 + place // 5, 1 + place % 5, 6 + place % 5) for place in range(100)]
OTHER = [(1 + place // 5, 1 + place % 5, 6 + (place + 1) % 5) for place in range(100)]


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        METADATA.create_all(connection)
        yield connection
    engine.dispose()


def enter(connection, demo, kills):
    """A recording in the database, as another demo."""
    shift = 1_000 * demo
    rows = recording(kills)
    for name in ("Players", "Rounds", "Kills"):
        table = METADATA.tables[name]
        usual = {column.name: column.default.arg for column in table.columns if column.default is not None}
        usual |= {column.name: NOON for column in table.columns if isinstance(column.type, DateTime)}
        keys = ("Id", "RoundId", "KillerId", "VictimId")
        found = [row | {key: row[key] + shift for key in keys if key in row} for row in rows[name]]
        more = {"DemoFileId": demo, **({"MatchId": demo} if "MatchId" in table.columns else {})}
        if name == "Kills":
            found = [row | {"Id": shift + number, "Tick": 1} for number, row in enumerate(found)]
        known = set(table.columns.keys())
        connection.execute(
            table.insert(), [{k: v for k, v in (usual | row | more).items() if k in known} for row in found]
        )


def test_kills_are_those_of_enemies_who_are_people_in_numbered_rounds():
    kills = kills_of(recording([(1, 1, 6), (0, 1, 6), (2, 1, 2), (3, 3, 7), (4, 8, 4)], bots=(3,)))
    assert kills == {(1, 76_001, 76_006), (4, 76_008, 76_004)}
    assert kills_of({}) == frozenset()
    fall = {"RoundId": 101, "KillerId": None, "VictimId": 6, "KillerTeam": None, "VictimTeam": "T"}
    assert kills_of(recording([(1, 1, 6)]) | {"Kills": [fall]}) == frozenset()
    elsewhere = recording([(1, 1, 6)]) | {"Rounds": []}
    assert kills_of(elsewhere) == frozenset()


def test_likeness_is_the_share_of_all_kills_that_both_have():
    one, other = frozenset({(1, 1, 2), (1, 2, 3), (2, 1, 2)}), frozenset({(1, 1, 2)})
    assert likeness(one, other) == likeness(other, one) == pytest.approx(1 / 3)
    assert likeness(one, one) == likeness(other, other) == 1
    assert likeness(frozenset(), frozenset()) == 0


@pytest.mark.parametrize(("common", "same"), [(100, True), (83, True), (82, False), (0, False)])
def test_from_seven_tenths_of_all_kills_on_two_recordings_are_of_one_match(connection, common, same):
    """Of 100 kills each, 83 in common are 83 of 117, and 82 of 118 are less than seven tenths."""
    enter(connection, 1, OTHER)
    enter(connection, 2, PLAYED[:common] + OTHER[common:])
    assert same_match(connection, recording(PLAYED)) == (2 if same else None)


@pytest.mark.parametrize(("count", "same"), [(20, True), (19, False)])
def test_fewer_than_twenty_kills_tell_nothing(connection, count, same):
    enter(connection, 1, PLAYED[:count])
    assert same_match(connection, recording(PLAYED[:count])) == (1 if same else None)


def described(*, rounds=3, unplayed=0, plants=3, **known):
    """A recording of which so many rounds have helmets, hits or equipment."""
    names = {"hits": "Health", "armour": "HasHelmet", "economy": "EquipmentValue"}
    played = [
        {"Id": n, "RoundNumber": n, "WinnerTeam": "CT" if n <= rounds else None, "BombPlanted": n <= plants or None}
        for n in range(1, rounds + unplayed + 1)
    ]
    warm_up = {"Id": 99, "RoundNumber": 0, "WinnerTeam": "CT", "BombPlanted": True}
    stats = [
        {"RoundId": n, **{names[name]: 1 if n <= count else None for name, count in known.items()}}
        for n in [*range(1, rounds + unplayed + 1), 99] for _ in range(2)
    ]  # fmt: skip
    return {"Rounds": [*played, warm_up], "PlayerRoundStats": stats}


def test_what_a_recording_has_is_counted_in_its_played_rounds():
    assert recorded(described(hits=2, armour=1, economy=3)) == Recorded(3, 3, 2, 1, 3)
    assert recorded(described(unplayed=2, plants=5, hits=5)) == Recorded(3, 3, 3, 0, 0)
    assert recorded(described(plants=1)) == Recorded(3, 1, 0, 0, 0)
    assert recorded({}) == Recorded(0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("one", "exceeds"),
    [((2, 2, 2, 2, 2), False), ((2, 2, 3, 2, 2), True), ((3, 3, 3, 3, 1), False), ((3, 3, 3, 3, 3), True)],
)
def test_a_recording_exceeds_another_with_more_of_something_and_less_of_nothing(one, exceeds):
    assert Recorded(*one).exceeds(Recorded(2, 2, 2, 2, 2)) == exceeds


@pytest.mark.parametrize(("missing", "fuller_one"), [(0, True), (5, True), (6, False)])
def test_a_fuller_recording_has_19_of_20_kills_of_the_other(connection, missing, fuller_one):
    enter(connection, 1, PLAYED)
    rows = recording(PLAYED[: 100 - missing] + OTHER[100 - missing :])
    rows["Rounds"] = [one | {"WinnerTeam": "CT", "BombPlanted": True} for one in rows["Rounds"]]
    assert recorded_in(connection, 1) == Recorded(0, 0, 0, 0, 0)
    assert fuller(connection, 1, rows) == fuller_one


def test_what_holds_nothing_more_is_not_fuller(connection):
    enter(connection, 1, PLAYED)
    assert not fuller(connection, 1, recording(PLAYED) | {"Rounds": []})
    unplayed = recording(PLAYED)
    unplayed["Rounds"] = [one | {"WinnerTeam": None} for one in unplayed["Rounds"]]
    assert not fuller(connection, 1, unplayed), "the same kills, and of no round more"


def test_what_is_in_the_database_is_counted_as_what_is_assembled(tmp_path):
    script = Script()
    script.kill(500, "ct1", "t1")
    for number in range(3):
        live = script.round(3 if number else 2, [(5, "ct1", "t1")])
    script.add("round_start", script.clock)
    script.kill(script.clock + 2_000, "ct1", "t1")
    state = {"balance": 150, "cash_spent_this_round": 650, "current_equip_value": 850, "health": 100, "team_num": 3}
    state |= {"tick": live, "steamid": steam_id("ct1"), "name": "ct1"}
    demo = script.parsed(states=pd.DataFrame([state]).reindex(columns=list(STATE_COLUMNS)))
    rows = assemble(demo, Recording("a", "a", 1, NOON, NOON)).rows
    with Ledger(tmp_path / "demos.sqlite") as ledger:
        ledger.add(Path("a"), ["1"], rows, live_rounds=3, economy_known=True, left_out="{}")
        assert ledger.held(1)[0] == recorded(rows) == Recorded(3, 3, 3, 0, 1)
