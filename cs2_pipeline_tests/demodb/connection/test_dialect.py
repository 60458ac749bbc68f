"""Tables and columns under every spelling they are known by, and what is said where one is missing."""

import sqlite3
from datetime import date

import pytest
from sqlalchemy import Boolean, create_engine, select
from sqlalchemy.dialects import mssql, postgresql

from cs2_pipeline.demodb.connection import dialect
from cs2_pipeline.demodb.connection.dialect import Schema
from cs2_pipeline.demodb.connection.errors import SchemaMismatchError


def schema(**tables):
    return Schema([(table, column) for table, columns in tables.items() for column in columns or [None]])


def sql(element):
    return str(element.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))


@pytest.mark.parametrize(
    ("said", "side"),
    [("CT", "CT"), (" counterterrorist ", "CT"), ("3", "CT"), ("T", "T"), ("Terrorist", "T"), ("2", "T"), ("1", None),
     ("", None), (None, None), ("spectator", None)],
)  # fmt: skip
def test_a_side_is_known_in_every_spelling(said, side):
    assert dialect.side_of(said) == side


def test_tables_and_columns_are_found_whatever_their_case_and_selected_as_they_are_spelt():
    found = schema(ROUNDS=["ID", "winnerteam"])
    assert found.missing(["Rounds", "rounds", "Kills"]) == ["Kills"]
    assert sql(select(*found["Rounds"].select({"winner": "WinnerTeam"}))) == (
        'SELECT "ROUNDS"."winnerteam" AS winner \nFROM "ROUNDS"'
    )
    assert found["Rounds"] is found["Rounds"], "looked at once"


def test_an_older_name_stands_in_and_the_newer_goes_first():
    old, both = schema(PlayerMatchStats=["Headshots"]), schema(PlayerMatchStats=["Headshots", "HeadshotKills"])
    assert sql(old["PlayerMatchStats"]["HeadshotKills"]) == '"PlayerMatchStats"."Headshots"'
    assert sql(both["PlayerMatchStats"]["HeadshotKills"]) == '"PlayerMatchStats"."HeadshotKills"'
    assert sql(schema(PlayerMatchStats=["TotalDamage"])["PlayerMatchStats"]["TotalDamageDealt"]).endswith(
        '"TotalDamage"'
    )


def test_a_quantity_in_five_columns_is_their_sum_and_in_four_is_missing():
    five = [f"ClutchWins1v{n}" for n in range(1, 6)]
    whole = schema(PlayerMatchStats=five)["PlayerMatchStats"]
    assert sql(whole["ClutchWins"]) == " + ".join(f'"PlayerMatchStats"."{name}"' for name in five)
    one = schema(PlayerMatchStats=["ClutchWins"])["PlayerMatchStats"]
    assert sql(one["ClutchWins"]) == '"PlayerMatchStats"."ClutchWins"'
    assert schema(PlayerMatchStats=five[:4])["PlayerMatchStats"].find("ClutchWins") is None


@pytest.mark.parametrize(
    ("table", "column"),
    [("Rounds", "IsWarmup"), ("Rounds", "IsKnifeRound"), ("Rounds", "GamePhase"), ("Rounds", "EndReason"),
     ("DemoFiles", "DemoSource"), ("DemoFiles", "Game"), ("Kills", "KillerTeam"), ("Kills", "VictimTeam"),
     ("PlayerMatchStats", "TradeKills"), ("PlayerMatchStats", "TradeDeaths"), ("PlayerMatchStats", "ClutchWins1v3")],
)  # fmt: skip
def test_what_older_databases_lack_is_null(table, column):
    found = schema(**{table: ["Id"]})[table].find(column)
    assert sql(found) == "NULL"
    if column.startswith("Is"):
        assert isinstance(found.type, Boolean)


@pytest.mark.parametrize(("table", "column"), [("Rounds", "WinnerTeam"), ("Kills", "Weapon"), ("Matches", "StartTime")])
def test_what_every_database_has_is_missed(table, column):
    source = schema(**{table: ["other", "Id"]})[table]
    assert source.find(column) is None
    with pytest.raises(
        SchemaMismatchError, match=f"table {table} lacks a column: looked for {column}. It has: Id, oth"
    ):
        source[column]


def test_all_missing_columns_are_named_at_once_with_every_name_they_were_looked_for_under():
    source = schema(PlayerMatchStats=["Id"])["PlayerMatchStats"]
    with pytest.raises(SchemaMismatchError) as failed:
        source.select({"k": "Kills", "h": "HeadshotKills", "c": "ClutchWins", "i": "Id"})
    assert "looked for Kills; HeadshotKills or Headshots; ClutchWins or ClutchWins1v1 … ClutchWins1v5. " in str(
        failed.value
    )
    assert "view named PlayerMatchStats" in str(failed.value)


def test_a_missing_table_is_named_with_twenty_of_those_there_are():
    many = schema(**{f"t{number:02}": ["x"] for number in range(21)})
    with pytest.raises(SchemaMismatchError, match=r"no table Rounds .*it shows t00, .*, t19 …\)"):
        many["Rounds"]
    with pytest.raises(SchemaMismatchError, match=r"t19\)"):
        schema(**{f"t{number:02}": ["x"] for number in range(20)})["Rounds"]
    with pytest.raises(SchemaMismatchError, match="no table at all"):
        Schema([])["Rounds"]


def test_a_table_can_be_joined_with_itself():
    source = schema(Kills=["Id"])["Kills"]
    twin = source.aliased("twin")
    assert sql(twin["Id"]) == 'twin."Id"'
    assert twin.name == "Kills"


def test_columns_have_the_declared_type_under_their_older_names_too():
    source = schema(PlayerMatchStats=["Headshots", "ClutchWins", "adr"])["PlayerMatchStats"]
    assert str(source["HeadshotKills"].type) == str(source["ClutchWins"].type) == "INTEGER"
    assert str(source["ADR"].type) == "FLOAT"


def test_the_catalogue_lists_our_tables_with_their_columns_and_others_by_name(tmp_path):
    path = tmp_path / "d.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE rounds (Id, WinnerTeam); CREATE TABLE other (x); CREATE VIEW Kills AS SELECT 1 AS Id;"
            "CREATE VIEW broken AS SELECT * FROM nowhere; CREATE INDEX i ON rounds (Id);"
        )
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = sorted(map(tuple, connection.execute(dialect.catalogue("sqlite"))), key=str)
    engine.dispose()
    assert found == [("Kills", "Id"), ("broken", None), ("other", None), ("rounds", "Id"), ("rounds", "WinnerTeam")]


def test_servers_are_asked_for_the_users_own_schema_in_their_own_spelling():
    ours = sql(dialect.catalogue("postgresql"))
    assert "information_schema.columns.table_schema = current_schema()" in ours
    theirs = str(dialect.catalogue("mssql").compile(dialect=mssql.dialect()))
    assert "[INFORMATION_SCHEMA].[COLUMNS]" in theirs
    assert "[TABLE_SCHEMA] = schema_name()" in theirs
    assert "AS table_name" in theirs
    assert "AS column_name" in theirs


TIMES = [
    "2026-01-01 23:59:59.999999", "2026-01-02 00:00:00.000000", "2026-01-02", "2026-01-02T12:00:00",
    "2026-01-03 23:59:59.999999", "2026-01-04 00:00:00.000000", "2026-01-02 nonsense", "zzz", None, "2026-13-02",
]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [((2026, 1, 2), (2026, 1, 3), [1, 2, 3, 4]), ((2026, 1, 2), (2026, 1, 2), [1, 2, 3]),
     ((2026, 1, 1), (2026, 1, 1), [0]), ((2026, 1, 4), (2026, 1, 31), [5])],
)  # fmt: skip
def test_a_day_is_from_midnight_to_midnight_and_what_is_no_time_falls_on_none(first, last, found):
    engine = create_engine("sqlite://")
    source = schema(Matches=["Id", "StartTime"])["Matches"]
    with engine.begin() as connection:
        connection.exec_driver_sql('CREATE TABLE "Matches" ("Id", "StartTime")')
        connection.exec_driver_sql('INSERT INTO "Matches" VALUES (?, ?)', list(enumerate(TIMES)))
        within = dialect.in_days(source["StartTime"], date(*first), date(*last), "sqlite")
        rows = connection.execute(select(source["Id"]).where(within).order_by(source["Id"])).scalars().all()
        since = dialect.from_day(source["StartTime"], date(*first), "sqlite")
        later = connection.execute(select(source["Id"]).where(since).order_by(source["Id"])).scalars().all()
    engine.dispose()
    assert rows == found
    assert later == [number for number in range(6) if number >= found[0]]


def test_on_a_server_a_day_is_a_range_of_times():
    column = schema(Matches=["StartTime"])["Matches"]["StartTime"]
    assert sql(dialect.in_days(column, date(2026, 1, 2), date(2026, 1, 3), "postgresql")) == (
        '"Matches"."StartTime" >= \'2026-01-02 00:00:00\' AND "Matches"."StartTime" < \'2026-01-04 00:00:00\''
    )
