"""What the drivers of SQL Server do at the other end of the wire: logins, encryption, types, errors, broken reads.

The server is a stand-in for tests (`cs2_pipeline_tests.sqlserver`), the drivers are the real ones. What all routes
have in common is tested with the other servers; here is what only SQL Server has.
"""

import os
import re
import socket
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import column, select, table

from benchmarks import extraction
from cs2_pipeline.demodb import doctor, tables
from cs2_pipeline.demodb.connection import connect, drivers, read, urls
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import (
    AccessDeniedError,
    BadAddressError,
    ConnectionLostError,
    DatabaseMissingError,
    LoginRefusedError,
    SchemaMismatchError,
    UnreachableError,
)
from cs2_pipeline.demodb.extraction import extract, watermark
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline_tests.demodb.conftest import SQL_SERVER_DRIVERS, SQL_SERVER_ROUTES, sql_server_url
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase
from cs2_pipeline_tests.sqlserver.server import Server

DAY = NOON.date()
FILES = tables.DEMO_FILES.c
LONG_QUERY = select(FILES.Id.label("demo_id"), FILES.FileName)
ROWS = 12_000


@pytest.fixture(scope="module")
def served(sql_server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a small database with many demos."""
    small = SmallDatabase()
    demo = small.row("DemoFiles", 1)
    small.rows["DemoFiles"] += [demo | {"Id": number} for number in range(2, ROWS + 1)]
    path = tmp_path_factory.mktemp("served") / "demos.sqlite"
    small.write(path)
    return sql_server.serve(path)


@pytest.fixture(params=SQL_SERVER_ROUTES)
def url(request: pytest.FixtureRequest, sql_server: Server, served: str) -> str:
    """The address of the database by each route; `opened` knows the route by the fragment."""
    driver, route = request.param.split()
    return sql_server_url(sql_server, served, driver) + f"#{route}"


def opened(url: str) -> DemoDatabase:
    address, _, route = url.partition("#")
    return DemoDatabase(address, portable=route == "portable")


@pytest.fixture(params=SQL_SERVER_DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def read_rounds(url: str) -> int:
    with opened(url) as db:
        rows: int = db.read(select(tables.ROUNDS.c.Id)).num_rows
    return rows


def test_a_wrong_password_is_told_without_the_password(url):
    with pytest.raises(LoginRefusedError, match="reader") as refused:
        read_rounds(url.replace("horse", "staple"))
    assert "staple" not in str(refused.value)


def test_a_wrong_database_is_named(url, served):
    """Two of the drivers repeat only the second of the server's two sentences, that the login failed."""
    with pytest.raises((DatabaseMissingError, LoginRefusedError), match=r"database.* elsewhere"):
        read_rounds(url.replace(served, "elsewhere"))


def test_a_host_that_never_answers_fails_within_seconds(url, sql_server, monkeypatch):
    for module in (connect, drivers):
        monkeypatch.setattr(module, "CONNECT_TIMEOUT", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        with pytest.raises(UnreachableError, match="firewall"):
            read_rounds(url.replace(f":{sql_server.port()}/", f":{silent.getsockname()[1]}/"))


def test_a_certificate_nobody_vouches_for_says_how_to_go_on(sql_server, served, driver):
    """Microsoft's drivers encrypt unless told not to, and a SQL Server comes with a certificate of its own making."""
    url = sql_server_url(sql_server, served, driver, TrustServerCertificate="no")
    if driver == "FreeTDS":
        assert read_rounds(url) == 3  # it asks for no voucher
        return
    with pytest.raises(UnreachableError, match="TrustServerCertificate=yes"):
        read_rounds(url)


@pytest.mark.parametrize(("wanted", "agreed"), [("yes", "all"), ("true", "all"), ("no", "login")])
def test_what_an_address_wants_encrypted_is_encrypted_by_every_driver(sql_server, served, driver, wanted, agreed):
    url = sql_server_url(sql_server, served, driver, Encrypt=wanted)
    sql_server.agreements()
    assert read_rounds(url) == 3
    assert set(sql_server.agreements()) == {agreed}


def test_without_a_word_on_encryption_each_driver_does_as_the_docs_say(sql_server, served, driver):
    sql_server.agreements()
    assert read_rounds(sql_server_url(sql_server, served, driver)) == 3
    assert set(sql_server.agreements()) == {"login" if driver == "FreeTDS" else "all"}


def test_a_server_that_cannot_encrypt_is_not_spoken_to_in_the_clear_unless_the_address_says_so(
    sql_server, served, driver
):
    sql_server.encrypt("none")
    try:
        told = "nothing answers" if driver == "FreeTDS" else "cannot encrypt.*Encrypt=no"  # FreeTDS gives no reason
        with pytest.raises(UnreachableError, match=told):
            read_rounds(sql_server_url(sql_server, served, driver, Encrypt="yes"))
        assert read_rounds(sql_server_url(sql_server, served, driver, Encrypt="no")) == 3
    finally:
        sql_server.encrypt("optional")


@pytest.mark.parametrize("password", ["p;w}d{x=1", "with ' and \" and \\", "пароль€ 漢字"])
def test_a_password_of_any_characters_logs_in(sql_server, served, driver, password):
    sql_server.add_login("odd", password)
    address = urls.parse(sql_server_url(sql_server, served, driver))
    pasted = {"Server": f"127.0.0.1,{address.port}", "Database": served, "UID": "odd", "PWD": password}
    pasted |= {"Driver": address.options["driver"]} if "driver" in address.options else {}
    text = ";".join(f"{key}={{{value.replace('}', '}}')}}}" for key, value in pasted.items())
    assert read_rounds(text + ";TrustServerCertificate=yes") == 3


def test_the_forms_people_paste_reach_the_database(sql_server, served, driver):
    address = urls.parse(sql_server_url(sql_server, served, driver))
    odbc = address.options.get("driver")
    at = f"127.0.0.1,{address.port}"
    given = f"Driver={{{odbc}}};" if odbc else ""
    forms = [
        f"mssql://reader:correct%20horse@127.0.0.1:{address.port}/{served}?TrustServerCertificate=yes",
        f"{given}Server=tcp:{at};Database={served};UID=reader;PWD=correct horse;TrustServerCertificate=yes",
        f"{given}Data Source={at};Initial Catalog={served};User Id=reader;Password=correct horse;Encrypt=True;"
        "TrustServerCertificate=True;MultipleActiveResultSets=true",
    ]
    assert [read_rounds(form) for form in forms] == [3, 3, 3]


def test_a_table_without_permission_says_which_and_how_to_grant_it(url, sql_server, served, tmp_path):
    SmallDatabase().write(tmp_path / "demos.sqlite")
    name = sql_server.serve(tmp_path / "demos.sqlite")
    sql_server.deny(name, "Rounds", hidden=False)
    with pytest.raises(AccessDeniedError, match=r"GRANT SELECT.*Rounds"):
        read_rounds(url.replace(served, name))


def test_a_table_the_user_was_granted_nothing_on_is_not_there_for_him(url, sql_server, served, tmp_path):
    SmallDatabase().write(tmp_path / "demos.sqlite")
    name = sql_server.serve(tmp_path / "demos.sqlite")
    sql_server.deny(name, "Rounds", hidden=True)
    with (
        opened(url.replace(served, name)) as db,
        pytest.raises(SchemaMismatchError, match=r"Rounds.*may read the table"),
    ):
        extract.rounds(db, DAY, DAY)


@pytest.mark.parametrize(("of_table", "name"), [("Rounds", "Nowhere"), ("Nowhere", "Id")])
def test_a_column_or_table_gone_since_the_schema_was_looked_at_is_no_riddle(url, of_table, name):
    with opened(url) as db, pytest.raises(SchemaMismatchError, match=r"read again after changes.*Nowhere"):
        db.read(select(column(name)).select_from(table(of_table, column(name))))


def test_a_read_by_key_goes_on_where_its_connection_broke(url, sql_server):
    sql_server.cut_after(9_000)
    sql_server.cut_after(500)
    with opened(url) as db:
        batches = list(db.batches(LONG_QUERY, key="demo_id"))
    assert [row for batch in batches for row in batch["demo_id"].to_pylist()] == list(range(1, ROWS + 1))


def test_a_connection_that_keeps_breaking_is_an_error_and_never_a_part_of_the_rows(url, sql_server):
    with opened(url) as db:
        for _ in range(9):
            sql_server.cut_after(ROWS - 1)
        try:
            with pytest.raises(ConnectionLostError) as lost:
                db.read(LONG_QUERY)
        finally:
            sql_server.forget_faults()
        assert lost.value.transient
        assert db.read(LONG_QUERY).num_rows == ROWS


def test_a_read_left_unfinished_does_not_stand_in_the_way_of_the_next(url):
    with opened(url) as db:
        batches = db.batches(select(FILES.Id, FILES.FilePath))  # of unlimited length: batches are small
        assert next(batches).num_rows > 0
        batches.close()
        assert db.read(select(tables.ROUNDS.c.Id)).num_rows == 3


def test_a_connection_cut_while_idle_is_opened_anew(url, sql_server):
    with opened(url) as db:
        first = extract.rounds(db, DAY, DAY)
        sql_server.cut_all()
        assert extract.rounds(db, DAY, DAY).frame.equals(first.frame)


@pytest.mark.parametrize("password", ["a}b", "a}}b", "}ab}", "a{b", "a;b=c", "ünïcode;}", "пароль"])
def test_a_password_of_any_signs_opens_the_door(sql_server, served, driver, password):
    sql_server.add_login("signs", password)
    found = urls.parse(sql_server_url(sql_server, served, driver))
    url = f"mssql+{found.driver}://signs:{quote(password, safe='')}@127.0.0.1:{found.port}/{served}?" + "&".join(
        f"{key}={quote(value)}" for key, value in found.options.items()
    )
    with opened(url) as db:
        assert db.read(select(tables.ROUNDS.c.Id)).num_rows == 3


def test_a_password_that_freetds_cannot_be_told_is_named_as_the_cause(sql_server, served):
    found = urls.parse(sql_server_url(sql_server, served, "FreeTDS"))
    url = f"mssql+pyodbc://signs:{quote('a};b', safe='')}@127.0.0.1:{found.port}/{served}?driver=FreeTDS"
    with opened(url) as db, pytest.raises(BadAddressError, match=r"FreeTDS cannot be told.*PWD") as told:
        db.read(select(tables.ROUNDS.c.Id))
    assert "a};b" not in str(told.value)


def test_a_driver_that_the_address_names_is_the_one_used(sql_server, served):
    _ = sql_server_url(sql_server, served, "FreeTDS")  # skips where it is not installed
    url = f"Driver={{FreeTDS}};Server=127.0.0.1,{sql_server.port()};Database={served};UID=reader;PWD=correct horse"
    with opened(url) as db:
        assert str(db.driver) == "pyodbc with FreeTDS"
        assert db.read(select(tables.ROUNDS.c.Id)).num_rows == 3


def test_a_connection_cut_while_the_catalogue_is_read_is_opened_anew(url, sql_server):
    sql_server.cut_catalogue_after(3)
    with opened(url) as db:
        assert len(extract.rounds(db, DAY, DAY).frame) == 3


def test_the_catalogue_is_one_query(url, sql_server):
    sql_server.statements()
    with opened(url) as db:
        assert db.schema.missing(tables.METADATA.tables) == []
        assert all(db.schema[name].columns for name in tables.METADATA.tables)
    of_catalogue = [sql for sql in sql_server.statements() if "INFORMATION_SCHEMA" in sql or "[sys]" in sql]
    assert len(of_catalogue) == 1


def test_a_deadlocks_victim_reads_again(url, sql_server):
    with opened(url) as db:
        _ = db.route
        sql_server.fail_next(
            1205,
            "Transaction (Process ID 51) was deadlocked on lock resources with another process and has been chosen as "
            "the deadlock victim. Rerun the transaction.",
            13,
        )
        assert db.read(select(tables.ROUNDS.c.Id)).num_rows == 3


def test_no_transaction_stays_open_between_reads(url, sql_server):
    """One would hold the server's log, and its locks where it isolates more strictly."""
    with opened(url) as db:
        db.read(select(tables.ROUNDS.c.Id))
        assert not sql_server.open_transactions()


def test_names_in_every_script_and_long_texts_arrive_whole(url, sql_server, served, tmp_path):
    small = SmallDatabase()
    names = ["Ёлка", "€uro", "漢字かな", "🎯 aim", " spaced "]
    for row, name in zip(small.table("Players"), names, strict=False):
        row["PlayerName"] = name
    small.row("Kills", 1)["Weapon"] = "ж" * 3_000
    small.write(tmp_path / "demos.sqlite")
    with opened(url.replace(served, sql_server.serve(tmp_path / "demos.sqlite"))) as db:
        players = db.read(select(tables.PLAYERS.c.PlayerName).order_by(tables.PLAYERS.c.Id))
        assert players["PlayerName"].to_pylist() == names[:4]
        assert db.read(select(tables.KILLS.c.Weapon))["Weapon"].to_pylist()[0] == "ж" * 3_000


def test_a_text_longer_than_a_route_reads_is_an_error_and_never_cut(url, sql_server, served, tmp_path):
    small = SmallDatabase()
    small.row("Kills", 1)["Weapon"] = "x" * 5_000
    small.write(tmp_path / "demos.sqlite")
    with opened(url.replace(served, sql_server.serve(tmp_path / "demos.sqlite"))) as db:
        query = select(tables.KILLS.c.Weapon).where(tables.KILLS.c.Id == 1)
        if db.route.name == read.ArrowOdbc.name:
            with pytest.raises(SchemaMismatchError, match="install mssql-python"):
                db.read(query)
        else:
            assert db.read(query)["Weapon"].to_pylist() == ["x" * 5_000]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated database whose reals are as SQL Server keeps them: to seven digits."""
    path = tmp_path_factory.mktemp("simulated") / "demos.sqlite"
    simulate(path, matches=6, seed=5, first_day=date(2026, 1, 1))
    connection = sqlite3.connect(path)
    connection.create_function("single", 1, lambda value: None if value is None else float(np.float32(value)))
    for one in tables.METADATA.sorted_tables:
        reals = [
            found.name for found in one.columns if read.arrow_type(found.type) == read.arrow_type(FILES.Duration.type)
        ]
        if reals:
            changes = ", ".join(f"{name} = single({name})" for name in reals)
            connection.execute(f"UPDATE {one.name} SET {changes}")  # noqa: S608
    connection.commit()
    connection.close()
    return path


def test_a_whole_extraction_is_the_same_as_from_sqlite(url, sql_server, served, simulated):
    first, last = date(2026, 1, 1), date(2026, 12, 31)
    with DemoDatabase(str(simulated)) as here, opened(url.replace(served, sql_server.serve(simulated))) as there:
        assert watermark.read(there) == watermark.read(here)
        assert watermark.newest_by_day(there, None) == watermark.newest_by_day(here, None)
        for extraction_of in (extract.rounds, extract.player_match_stats):
            expected, found = extraction_of(here, first, last), extraction_of(there, first, last)
            assert len(expected.frame) > 10
            pd.testing.assert_frame_equal(found.frame, expected.frame)
            assert (found.left_out, found.mapped) == (expected.left_out, expected.mapped)
        expected_events, found_events = (extract.event_tables(db, first, last) for db in (here, there))
        for name in ("rounds", "participants", "kills", "damages", "bombs", "refused"):
            pd.testing.assert_frame_equal(getattr(found_events, name), getattr(expected_events, name))
        assert len(found_events.kills) > 100


def test_the_doctor_goes_from_the_address_to_the_content(sql_server, served, driver):
    findings = doctor.diagnose(sql_server_url(sql_server, served, driver))
    assert {found.level for found in findings} == {"ok"}
    assert {"address", "driver", "network", "login", "tables", "content"} <= {found.topic for found in findings}
    assert not re.search(r"\bcorrect\b", repr(findings)), "the password"


@pytest.mark.parametrize(
    ("right", "wrong", "remedy"),
    [
        ("correct", "wrong", "user and password"),
        ("demos_", "elsewhere_", "elsewhere_"),
        ("Certificate=yes", "Certificate=no", "TrustServerCertificate=yes"),
    ],
)
def test_the_doctor_names_what_is_wrong_and_the_next_step(sql_server, served, driver, right, wrong, remedy):  # noqa: PLR0917
    if "Certificate" in right and driver == "FreeTDS":
        pytest.skip("FreeTDS asks for no voucher of a certificate")
    found = doctor.diagnose(sql_server_url(sql_server, served, driver).replace(right, wrong))[-1]
    assert (found.level, found.topic) == ("error", "login")
    assert remedy in found.message


def test_the_doctor_names_the_packages_where_no_odbc_driver_is_registered(tmp_path):
    pytest.importorskip("pyodbc", reason="unixODBC is not installed", exc_type=ImportError)
    script = "from cs2_pipeline.demodb import doctor; print(doctor.diagnose('mssql+pyodbc://u:geheim@127.0.0.1/d'))"
    environment = os.environ | {"ODBCSYSINI": str(tmp_path), "ODBCINI": str(tmp_path / "none.ini")}
    told = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert "no ODBC driver for SQL Server is registered" in told.stdout
    assert "apt-get install unixodbc tdsodbc" in told.stdout
    assert "geheim" not in told.stdout


@pytest.mark.parametrize("route", extraction.ROUTES)
def test_the_bench_reads_a_sql_server(sql_server, served, driver, route):
    """That it works; what it measures here says nothing of a SQL Server."""
    assert extraction.measure(sql_server_url(sql_server, served, driver), route)["rows"] == 3
