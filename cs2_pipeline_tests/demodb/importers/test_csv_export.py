"""CS Demo Manager's tables: which file is which, every value in its place, several matches told apart."""

import gzip
import io
from datetime import datetime

import pandas as pd
import pytest

from cs2_pipeline.demodb.importers import csv_export
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError

MATCH = """checksum,game,demo name,date,map,tickrate,tick count,max rounds,server name
AB12,CS2,one-vs-two,2026-03-09T18:00:00Z,de_nuke,128,5000,30,a server
"""
ROUNDS = """number,start tick,freezetime end tick,end tick,winner side,end reason,match checksum
1,100,200,900,3,12,AB12
2,1000,1100,1900,2,9,AB12
"""
ECONOMY = """round,steamid,name,player side,start money,money spent,equipment value,match checksum
1,101,ann,3,800,650,850,AB12
2,101,ann,2,4000,100,900,AB12
"""
KILLS = """round,tick,killer steamid,killer name,killer side,victim steamid,victim name,victim side,assister steamid,\
weapon name,headshot,penetrated objects,is flash assist,distance,match checksum
1,300,76561198000000202,bob,2,101,ann,3,303,AK-47,1,2,0,7.5,AB12
2,1300,,World,0,202,bob,3,,World,0,0,1,,AB12
"""
NEEDED = {"m_match.csv": MATCH, "m_rounds.csv": ROUNDS, "m_players_economy.csv": ECONOMY, "m_kills.csv": KILLS}
DAMAGES = """round,tick,attacker steamid,attacker side,victim steamid,victim side,weapon name,health damage,\
armor damage,victim new health,victim new armor,hitgroup,match checksum
1,300,202,2,101,3,AK-47,40,6,60,94,4,AB12
"""
BUYS = """round,tick,player steamid,player side,weapon name,has refunded,match checksum
1,120,101,3,Defuse Kit,0,AB12
1,121,101,3,AK-47,1,AB12
"""
BOMBS = {
    f"m_bombs_{event}.csv": f"round,tick,{who} steamid,site,match checksum\n1,{tick},202,B,AB12\n"
    for event, who, tick in (("planted", "planter", 302), ("defused", "defuser", 304), ("exploded", "planter", 305))
}


def read(**changes):
    named = NEEDED | {name.replace("__", "."): text for name, text in changes.items()}
    return list(csv_export.read([(name, text.encode()) for name, text in named.items() if text is not None]))


def rows(frame):
    return frame.astype(object).where(frame.notna(), None).to_numpy().tolist()


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("made_rounds.csv", "rounds"), ("rounds.csv", "rounds"), ("a/b_KILLS.CSV", "kills"), ("kills.csv.gz", "kills"),
        ("kills.parquet", "kills"), ("x_players_economy.csv", "players_economy"), ("x_players.csv", "players"),
        ("x_players_buy.csv", "players_buy"), ("x_match.csv", "match"), ("x_bombs_planted.csv", "bombs_planted"),
        ("mismatch.csv", None), ("kills.json", None), ("kills.csv.zip", None), ("x_weapons.csv", None),
    ],
)  # fmt: skip
def test_a_table_is_told_by_the_end_of_its_files_name(name, table):
    assert csv_export.table_of(name) == table


def test_the_match_is_told_by_its_own_row():
    (found,) = read()
    assert (found.keys, found.name, found.source) == (("demo:ab12",), "one-vs-two", "cs-demo-manager")
    assert (found.game, found.map_name, found.server_name) == ("cs2", "de_nuke", "a server")
    assert (found.started, found.tick_rate) == (datetime(2026, 3, 9, 18), 128.0)
    assert (found.last_tick, found.max_rounds) == (5_000, 30)
    assert type(found.last_tick) is int


def test_what_a_row_does_not_say_is_unknown_or_the_usual():
    (found,) = read(m_match__csv="checksum,map,date,game,tick count\nAB12,de_nuke,,csgo,7\n")
    assert (found.name, found.server_name, found.started, found.game) == ("", None, None, "csgo")
    assert (found.tick_rate, found.max_rounds) == (0.0, 24)
    assert found.last_tick == 1_900, "no later than the last round's end"


def test_a_blank_name_map_or_server_is_unknown_and_no_word():
    (found,) = read(m_match__csv="checksum,demo name,map,date,server name\nAB12,,,2026-03-09,\n")
    assert (found.name, found.map_name, found.server_name) == ("", None, None)


def test_every_value_stands_under_our_name():
    (found,) = read(m_damages__csv=DAMAGES, m_players_buy__csv=BUYS, **BOMBS)
    assert rows(found.rounds) == [[1, 100, 200, 900, "CT", 12], [2, 1000, 1100, 1900, "T", 9]]
    assert rows(found.economies) == [[1, 101, "ann", "CT", 800, 650, 850], [2, 101, "ann", "T", None, None, None]]
    assert rows(found.kills) == [
        [1, 300, 76561198000000202, "bob", "T", 101, "ann", "CT", 303, "AK-47", 1, 2, 0, 7.5],
        [2, 1300, 0, "World", None, 202, "bob", "CT", 0, "World", 0, 0, 1, None],
    ]
    assert rows(found.hits) == [[1, 300, 202, "T", 101, "CT", "AK-47", 40, 6, 60, 94, 4]]
    assert rows(found.buys) == [[1, 120, 101, "CT", "Defuse Kit"]], "what was given back was not bought"
    bombs = found.bombs[["event", "round", "tick", "user_steamid", "site"]]
    assert rows(bombs) == [
        ["bomb_planted", 1, 302, 202, "B"], ["bomb_defused", 1, 304, 202, "B"], ["bomb_exploded", 1, 305, 202, "B"],
    ]  # fmt: skip


def test_tables_that_are_not_there_are_not_known_and_empty_ones_are():
    (found,) = read()
    assert (found.hits, found.bombs, found.buys, found.damage) == (None, None, None, {})
    (found,) = read(m_damages__csv=DAMAGES.splitlines()[0] + "\n")
    assert len(found.hits) == 0


def test_the_sum_of_damage_is_by_player():
    (found,) = read(m_players__csv="steamid,health damage,match checksum\n101,1400,AB12\n202,900,AB12\n101,7,CD34\n")
    assert found.damage == {101: 1_400, 202: 900}


def test_rows_belong_to_their_match_and_a_file_that_is_there_twice_counts_once():
    other = MATCH + "CD34,CSGO,other,2026-03-10T18:00:00Z,de_train,64,700,24,\n"
    rounds = ROUNDS + "1,10,20,90,2,9,CD34\n"
    first, second = read(m_match__csv=other, m_rounds__csv=rounds, again_rounds__csv=rounds, again_match__csv=other)
    assert (len(first.rounds), len(second.rounds), len(second.kills)) == (2, 1, 0)
    assert (first.game, second.game, second.name, second.server_name) == ("cs2", "csgo", "other", None)


@pytest.mark.parametrize("absent", ["match", "rounds", "kills", "players_economy"])
def test_an_export_without_a_needed_table_is_refused_by_its_name(absent):
    with pytest.raises(UnreadableDemoError, match=rf"lacks the table {absent} \(a file named …_{absent}\.csv\)"):
        read(**{f"m_{absent}__csv": None})


def test_a_table_without_a_column_is_refused_by_both_names():
    with pytest.raises(UnreadableDemoError, match=r"m_rounds\.csv has no column 'end tick', 'match checksum'"):
        read(m_rounds__csv="number,start tick,freezetime end tick,winner side,end reason\n1,1,1,2,1\n")
    with pytest.raises(UnreadableDemoError, match=r"m_match\.csv has no column 'map'"):
        read(m_match__csv="checksum,date\nAB12,\n")


def test_a_file_that_cannot_be_read_is_refused_by_its_name():
    with pytest.raises(UnreadableDemoError, match=r"m_kills\.csv cannot be read \(.+\): export it again"):
        read(m_kills__csv="")


def test_gzipped_tables_and_parquet_are_the_same():
    packed = io.BytesIO()
    frame = pd.read_csv(io.StringIO(ROUNDS), dtype={"match checksum": "str"})
    frame.to_parquet(packed)
    named = [(name, text.encode()) for name, text in NEEDED.items() if "rounds" not in name and "kills" not in name]
    named += [("m_rounds.parquet", packed.getvalue()), ("M_KILLS.CSV.GZ", gzip.compress(KILLS.encode()))]
    (found,), (plain,) = csv_export.read(named), read()
    assert rows(found.rounds) == rows(plain.rounds)
    assert rows(found.kills) == rows(plain.kills)
