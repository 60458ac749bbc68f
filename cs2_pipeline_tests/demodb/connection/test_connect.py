"""Connections that fail, and how quickly and clearly they say so; reads that break and go on."""

import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import bindparam, create_engine, select, text, union_all

from cs2_pipeline.demodb import doctor, tables
from cs2_pipeline.demodb.connection import drivers
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import (
    AccessDeniedError,
    BadAddressError,
    ConnectionLostError,
    DatabaseMissingError,
    DemoDatabaseError,
    DriverMissingError,
    EmptyDatabaseError,
    LoginRefusedError,
    SchemaMismatchError,
    UnreachableError,
)
from cs2_pipeline.demodb.extraction import extract
from cs2_pipeline_tests.demodb.conftest import new_postgres, write_postgres
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase

DAY = NOON.date()
PASSWORD = "correct horse"
ROWS = 120_000
"""As many, of 480 letters each, as the connection's buffers and three batches cannot hold."""


@pytest.fixture(params=["portable", "fast"])
def portable(request) -> bool:
    return request.param == "portable"


@pytest.fixture
def postgres(postgres_server) -> str:
    return write_postgres(SmallDatabase(), new_postgres(postgres_server))


def administer(url: str, *commands: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for command in commands:
            connection.execute(command)


def trusts_everybody(server: str) -> bool:
    """Whether the reader may still come in with any password."""
    try:
        psycopg.connect(server, user="demo_reader", password="wrong").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def reader(postgres, postgres_server) -> str:
    """The URL of a user who must give a password and may read nothing."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        (hba,) = connection.execute("SHOW hba_file").fetchone()
        path = Path(hba)
        if "demo_reader" not in path.read_text():
            connection.execute(f"CREATE ROLE demo_reader LOGIN PASSWORD '{PASSWORD}'")
            path.write_text("local all demo_reader scram-sha-256\n" + path.read_text())
            connection.execute("SELECT pg_reload_conf()")
            while trusts_everybody(postgres_server):  # it reads the file a moment later
                time.sleep(0.05)
        schema = postgres.rsplit("%3D", 1)[1]
        connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO demo_reader")
    return postgres.replace("postgres:@", f"demo_reader:{PASSWORD.replace(' ', '%20')}@")


class Breaking(DemoDatabase):
    """Breaks its connection when told to: by read, after how many batches, and None for a read that goes through."""

    def __init__(self, path: Path, breaks: list[int | None]) -> None:
        super().__init__(str(path), portable=True)
        self.breaks, self.reads = breaks, 0

    def _raw(self, query, params):
        after = self.breaks[self.reads] if self.reads < len(self.breaks) else None
        self.reads += 1
        for number, batch in enumerate(super()._raw(query, params)):
            if number == after:
                break
            yield batch
        if after is not None:
            raise ConnectionLostError("cut")


@pytest.fixture
def many(tmp_path, monkeypatch) -> Path:
    """Ten demos, of which a read brings two at a time."""
    monkeypatch.setattr("cs2_pipeline.demodb.connection.read._PORTABLE_ROWS", 2)
    small = SmallDatabase()
    for number in range(2, 11):
        small.add_match(number, NOON)
    small.write(tmp_path / "many.sqlite")
    return tmp_path / "many.sqlite"


IDS = select(tables.DEMO_FILES.c.Id.label("demo_id")).order_by(tables.DEMO_FILES.c.Id)
BY_KEY = select(tables.DEMO_FILES.c.Id.label("demo_id"))
ALL = list(range(1, 11))


def seen(batches) -> list[int]:
    return [number for batch in batches for number in batch["demo_id"].to_pylist()]


@pytest.mark.parametrize(("breaks", "reads"), [([], 1), ([0], 2), ([2], 2), ([0, 3], 3), ([4, 4], 3)])
def test_a_whole_read_is_begun_anew_up_to_three_times(many, breaks, reads):
    with Breaking(many, breaks) as db:
        assert db.read(IDS)["demo_id"].to_pylist() == ALL
        assert db.reads == reads


def test_a_whole_read_that_breaks_three_times_half_way_is_reported(many):
    with Breaking(many, [1] * 3) as db:
        with pytest.raises(ConnectionLostError, match="cut"):
            db.read(IDS)
        assert db.reads == 3


def test_a_read_by_key_goes_on_after_the_last_row_handed_out_and_each_success_counts_anew(many):
    with Breaking(many, [1, 0, 1, 0, 1]) as db:
        assert seen(db.batches(BY_KEY, key="demo_id")) == ALL
        assert db.reads == 6


def test_a_read_by_key_whose_connection_breaks_three_times_without_a_row_is_reported(many):
    with Breaking(many, [1, 0, 0]) as db:
        batches = db.batches(BY_KEY, key="demo_id")
        assert next(batches)["demo_id"].to_pylist() == [1, 2]
        with pytest.raises(ConnectionLostError):
            next(batches)
        assert db.reads == 3


def test_without_a_key_a_read_is_begun_anew_only_before_its_first_row(many):
    with Breaking(many, [0, 0]) as db:
        assert seen(db.batches(IDS)) == ALL
        assert db.reads == 3
    with Breaking(many, [1]) as db, pytest.raises(ConnectionLostError):
        seen(db.batches(IDS))


def test_parameters_are_bound_and_stay_so_when_a_read_goes_on(many):
    query = BY_KEY.where(tables.DEMO_FILES.c.Id < bindparam("below"))
    with Breaking(many, [1]) as db:
        assert seen(db.batches(query, {"below": 7}, key="demo_id")) == [1, 2, 3, 4, 5, 6]
        assert db.read(query, {"below": 3})["demo_id"].to_pylist() == [1, 2]


def test_only_a_plain_select_can_be_read_by_key(many):
    with DemoDatabase(str(many)) as db, pytest.raises(TypeError, match="only a plain select"):
        list(db.batches(union_all(BY_KEY, BY_KEY), key="demo_id"))


def test_a_database_can_be_used_again_after_it_was_closed_and_looks_at_its_tables_anew(tmp_path):
    url = SmallDatabase().write(tmp_path / "demos.sqlite")
    db = DemoDatabase(url)
    assert (db.schema.missing(["Extra"]), repr(db)) == (["Extra"], f"DemoDatabase({db.address})")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text('CREATE TABLE "Extra" ("Id" INTEGER)'))
    engine.dispose()
    assert db.schema.missing(["Extra"]) == ["Extra"]
    db.close()
    assert db.schema.missing(["Extra"]) == []
    assert db.read(select(tables.ROUNDS.c.Id)).num_rows == 3
    db.close()


@pytest.mark.parametrize(("portable_one", "name"), [(True, "SQLAlchemy (pysqlite)"), (False, "ADBC (SQLite)")])
def test_the_quickest_route_is_taken_unless_the_portable_one_is_asked_for(tmp_path, portable_one, name):
    if not portable_one:
        pytest.importorskip("adbc_driver_sqlite")
    with DemoDatabase(SmallDatabase().write(tmp_path / "demos.sqlite"), portable=portable_one) as db:
        assert db.route.name == name
        assert db.driver.module == "sqlite3"


WRITE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=60)
connection.execute('UPDATE "Kills" SET "Tick" = 5')
connection.commit()
"""


def test_a_database_that_is_open_and_not_being_read_can_be_written_and_the_next_read_sees_it(tmp_path, portable):
    kills = select(tables.KILLS.c.Tick)
    with DemoDatabase(SmallDatabase().write(tmp_path / "demos.sqlite"), portable=portable) as db:
        assert db.read(kills)["Tick"].to_pylist() == [13_000, 23_000, 33_000]
        subprocess.run([sys.executable, "-c", WRITE, str(tmp_path / "demos.sqlite")], check=True)
        assert db.read(kills)["Tick"].to_pylist() == [5, 5, 5]


def test_a_wrong_password_is_told_without_the_password(reader, portable):
    wrong = reader.replace("horse", "staple")
    with DemoDatabase(wrong, portable=portable) as db, pytest.raises(LoginRefusedError, match="demo_reader") as refused:
        db.read(select(tables.ROUNDS.c.Id))
    assert "staple" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_table_without_permission_says_which_and_how_to_grant_it(reader, portable):
    with DemoDatabase(reader, portable=portable) as db, pytest.raises(AccessDeniedError, match=r"GRANT SELECT.*Rounds"):
        db.read(select(tables.ROUNDS.c.Id))


def test_a_wrong_database_is_named(postgres, portable):
    url = postgres.replace("/postgres?", "/elsewhere?")
    with DemoDatabase(url, portable=portable) as db, pytest.raises(DatabaseMissingError, match="elsewhere"):
        db.read(select(tables.ROUNDS.c.Id))


def test_a_port_where_nothing_listens_fails_at_once(portable):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"postgresql://reader:geheim@127.0.0.1:{taken.getsockname()[1]}/demos"
        with DemoDatabase(url, portable=portable) as db, pytest.raises(UnreachableError) as failed:
            db.read(select(tables.ROUNDS.c.Id))
    assert failed.value.transient
    assert "geheim" not in str(failed.value)


def test_a_host_that_never_answers_fails_within_seconds(portable):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        url = f"postgresql://reader@127.0.0.1:{silent.getsockname()[1]}/demos?connect_timeout=2"
        with DemoDatabase(url, portable=portable) as db, pytest.raises(UnreachableError):
            db.read(select(tables.ROUNDS.c.Id))


def test_an_unknown_host_is_named():
    with (
        DemoDatabase("postgresql://reader@no-such-host.invalid/demos") as db,
        pytest.raises(UnreachableError, match=r"no-such-host\.invalid"),
    ):
        db.read(select(tables.ROUNDS.c.Id))


def test_a_missing_file_is_not_created(tmp_path):
    with DemoDatabase(str(tmp_path / "none.sqlite")) as db, pytest.raises(DatabaseMissingError, match="cs2 simulate"):
        db.read(select(tables.ROUNDS.c.Id))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_named(tmp_path, portable):
    (tmp_path / "demos.sqlite").write_text("certainly not a database, but long enough to have a header" * 20)
    with (
        DemoDatabase(str(tmp_path / "demos.sqlite"), portable=portable) as db,
        pytest.raises(BadAddressError, match="not a SQLite database"),
    ):
        extract.rounds(db, DAY, DAY)


def test_a_database_without_tables_says_so(tmp_path):
    (tmp_path / "demos.sqlite").touch()
    with (
        DemoDatabase(str(tmp_path / "demos.sqlite")) as db,
        pytest.raises(SchemaMismatchError, match=r"no table .*no table at all.*cs2 simulate"),
    ):
        extract.rounds(db, DAY, DAY)


@pytest.mark.parametrize("table", ["Matches", "Rounds", "DemoFiles"])
def test_a_missing_table_is_named_with_what_is_there(opened, table, tmp_path):
    small = SmallDatabase()
    db = opened(small)
    writable = None if db.address.kind == "postgresql" else tmp_path / "demos.sqlite"
    command = f'DROP TABLE "{table}"' + ("" if writable else " CASCADE")
    if writable:
        engine = create_engine(f"sqlite:///{writable}")
        with engine.begin() as connection:
            connection.execute(text(command))
        engine.dispose()
    else:
        administer(drivers.libpq_uri(db.address), command)
    with pytest.raises(SchemaMismatchError, match=rf"no table {table} .*Kills"):
        extract.rounds(db, DAY, DAY)


def test_a_view_stands_in_for_a_table(postgres, portable):
    administer(
        postgres, 'ALTER TABLE "Rounds" RENAME TO rounds_2026', 'CREATE VIEW "Rounds" AS SELECT * FROM rounds_2026'
    )
    with DemoDatabase(postgres, portable=portable) as db:
        assert len(extract.rounds(db, DAY, DAY).frame) == 3


def test_lower_case_names_are_found(postgres, portable):
    administer(
        postgres, 'ALTER TABLE "Rounds" RENAME TO rounds', 'ALTER TABLE rounds RENAME "WinnerTeam" TO winnerteam'
    )
    with DemoDatabase(postgres, portable=portable) as db:
        assert len(extract.rounds(db, DAY, DAY).frame) == 3


def test_the_database_cannot_be_written_to(opened):
    db = opened(SmallDatabase())
    if db.address.kind == "mssql":
        pytest.skip("SQL Server has no session for reading only: what its user may do is what its user was granted")
    with pytest.raises(Exception, match=r"(?i)read-?only"), db.engine.begin() as connection:
        connection.execute(text('DELETE FROM "Rounds"'))


def test_a_database_without_demos_is_told_from_one_that_holds_some(opened):
    assert doctor.require_demos(opened(SmallDatabase())).demo_id == 1


def test_an_empty_database_says_how_to_fill_it(tmp_path):
    empty = SmallDatabase()
    for rows in empty.rows.values():
        rows.clear()
    with (
        DemoDatabase(empty.write(tmp_path / "demos.sqlite")) as db,
        pytest.raises(EmptyDatabaseError, match="cs2 simulate"),
    ):
        doctor.require_demos(db)


def test_a_driver_the_platform_does_not_use_is_refused_with_those_it_does():
    with DemoDatabase("postgresql+pg8000://u@h/d") as db, pytest.raises(DriverMissingError, match="psycopg"):
        db.read(select(tables.ROUNDS.c.Id))


@pytest.fixture(scope="module")
def long_read(postgres_server) -> str:
    url = write_postgres(SmallDatabase(), new_postgres(postgres_server))
    administer(
        url,
        'INSERT INTO "DemoFiles" ("Id", "FileName", "FilePath", "FileSize", "CreatedAt", "ParsedAt", "TickRate", '
        '"TotalTicks", "Duration", "NetworkProtocol") '
        "SELECT i, repeat('x', 480), 'p', 1, now(), now(), 64, 1, 1, 1 FROM generate_series(2, 120000) i",
    )
    return url


def cut_connections(url: str) -> None:
    administer(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'cs2_pipeline' AND pid <> pg_backend_pid()",
    )


FILES = tables.DEMO_FILES.c
LONG_QUERY = select(FILES.Id.label("demo_id"), FILES.FileName)


def test_a_read_by_key_goes_on_where_its_connection_broke(long_read, portable):
    with DemoDatabase(long_read, portable=portable) as db:
        seen: list[int] = []
        cuts = 0
        for number, batch in enumerate(db.batches(LONG_QUERY, key="demo_id")):
            seen += batch["demo_id"].to_pylist()
            if number in (0, 2):
                cut_connections(long_read)
                cuts += 1
        assert seen == list(range(1, ROWS + 1))
        assert cuts == 2, "the rows came in fewer batches than the test is about"


class CutOnce(DemoDatabase):
    """A demo database whose connection breaks once, after the first batch."""

    breaks = 1

    def _raw(self, query, params):
        for batch in super()._raw(query, params):
            yield batch
            if self.breaks:
                self.breaks -= 1
                cut_connections(drivers.libpq_uri(self.address))


def test_a_whole_table_whose_connection_breaks_half_way_is_read_anew_with_each_row_once(long_read, portable):
    with CutOnce(long_read, portable=portable) as db:
        assert db.read(LONG_QUERY.order_by(FILES.Id))["demo_id"].to_pylist() == list(range(1, ROWS + 1))
        assert db.breaks == 0


def test_any_number_of_days_is_read_over_two_connections(postgres, portable):
    with DemoDatabase(postgres, portable=portable) as db:
        for extraction in (extract.rounds, extract.player_match_stats, extract.event_tables):
            extraction(db, DAY - timedelta(days=365), DAY + timedelta(days=365))
        with psycopg.connect(postgres, autocommit=True) as other:
            (held,) = other.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cs2_pipeline'"
            ).fetchone()
        assert 1 <= held <= 2


def test_a_read_without_a_key_that_breaks_in_the_middle_fails_cleanly(long_read, portable):
    with DemoDatabase(long_read, portable=portable) as db:
        batches = db.batches(LONG_QUERY)
        next(batches)
        cut_connections(long_read)
        with pytest.raises(ConnectionLostError) as lost:
            list(batches)
        assert lost.value.transient
        assert db.read(select(tables.ROUNDS.c.Id)).num_rows == 3


def test_a_connection_cut_while_idle_is_opened_anew(postgres, portable):
    with DemoDatabase(postgres, portable=portable) as db:
        first = extract.rounds(db, DAY, DAY)
        cut_connections(postgres)
        assert extract.rounds(db, DAY, DAY).frame.equals(first.frame)


def test_every_error_is_one_of_the_platforms(postgres):
    with DemoDatabase(postgres) as db:
        _ = db.schema["Rounds"]
        administer(postgres, 'DROP TABLE "Rounds" CASCADE')
        with pytest.raises(DemoDatabaseError):
            extract.rounds(db, DAY, DAY)
