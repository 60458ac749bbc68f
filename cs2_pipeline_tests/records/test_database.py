"""Opening the records: migrations from every version on both databases, locks, and errors in words."""

import shutil
import sqlite3
import threading
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from cs2_pipeline.records import database
from cs2_pipeline.records.database import MIGRATIONS, Records, RecordsError, UnkeepableError, open_records
from cs2_pipeline.records.tables import METADATA, SIGNING_KEYS, USERS
from cs2_pipeline.settings import Settings

VERSIONS = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]


def differences(records):
    with records.reading() as connection:
        return compare_metadata(MigrationContext.configure(connection), METADATA)


def test_there_is_one_line_of_migrations():
    assert len(ScriptDirectory(str(MIGRATIONS)).get_heads()) == 1


@pytest.mark.parametrize("version", [None, *VERSIONS])
def test_from_every_version_the_newest_tables_are_reached(url, version):
    records = Records(url)
    assert records.revision() is None
    if version is not None:
        records.migrate(version)
        with records.writing() as connection:
            connection.execute(
                text(
                    "INSERT INTO signing_keys (id, secret, created_at) VALUES ('k', 's', '2026-01-01T00:00:00.000000Z')"
                )
            )
    records.migrate()
    assert records.revision() == VERSIONS[-1]
    assert differences(records) == []
    if version is not None:
        with records.reading() as connection:
            assert connection.execute(text("SELECT secret FROM signing_keys")).scalar_one() == "s"
    records.close()


def test_of_two_plans_followed_at_once_the_newer_one_stays(url):
    records = Records(url)
    records.migrate("0009")
    with records.writing() as connection:
        for plan, player, day in (("1", "a", 1), ("2", "a", 3), ("3", "a", 2), ("4", "b", 1), ("5", "a", 3)):
            made = f"2026-01-0{day}T00:00:00.000000Z"
            connection.execute(
                text("INSERT INTO plans (id, game, player_id, made_at, body) VALUES (:id, 'g', :player, :made, '{}')"),
                {"id": plan, "player": player, "made": made},
            )
    records.migrate()
    with records.reading() as connection:
        followed = connection.execute(text("SELECT id FROM plans WHERE ended_at IS NULL ORDER BY id")).scalars().all()
    records.close()
    assert followed == ["4", "5"]


def test_two_processes_that_migrate_at_once_both_succeed(url):
    failures = []

    def migrate():
        records = Records(url)
        try:
            records.migrate()
        except Exception as error:
            failures.append(error)
        finally:
            records.close()

    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_transaction_is_kept_whole_or_not_at_all(records):
    with pytest.raises(ZeroDivisionError), records.writing() as connection:
        connection.execute(text("INSERT INTO signing_keys (id, secret, created_at) VALUES ('k', 's', 'x')"))
        raise ZeroDivisionError
    with records.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM signing_keys")).scalar_one() == 0


def test_a_locked_file_is_said_to_be_locked(tmp_path):
    path = tmp_path / "records.db"
    records = Records(f"sqlite:///{path}", busy_seconds=0.05)
    records.migrate()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RecordsError, match=r"locked by another process for 0\.05 s: try again"), records.writing():
        pass
    with records.reading() as connection:  # reading goes on
        assert connection.execute(select(USERS)).all() == []
    other.execute("ROLLBACK")
    with records.writing():
        pass


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "not a database address"),
        ("mysql://host/db", "postgresql or sqlite"),
        ("postgresql://reader:sesame@127.0.0.1:1/none", "cannot be used"),
        ("postgresql://127.0.0.1:1/none?user=reader&password=sesame", "cannot be used"),
        ("postgresql://reader@host:sesame/none", "not a database address"),
    ],
)
def test_a_wrong_address_is_explained_without_its_password(tmp_path, url, told):
    with pytest.raises(RecordsError, match=told) as failed:
        open_records(Settings(home=tmp_path, records_url=url))
    assert "sesame" not in str(failed.value)


def test_records_whose_connections_are_all_in_use_are_said_to_be_busy(records, monkeypatch):
    monkeypatch.setattr(records.engine.pool, "_timeout", 0)
    open_at_once = 0
    with ExitStack() as stack, pytest.raises(RecordsError, match="all connections are in use"):
        while True:
            stack.enter_context(records.reading())
            open_at_once += 1
    assert open_at_once == {"sqlite": 15, "postgresql": 30}[records.engine.dialect.name]


def test_with_no_setting_the_records_are_a_file_in_the_home(tmp_path):
    for _ in range(2):
        records = open_records(Settings(home=tmp_path / "a" / "home"))
        assert records.revision() == VERSIONS[-1]
        records.close()
    assert (tmp_path / "a" / "home" / "records.db").exists()


def test_a_newer_platforms_records_are_refused(tmp_path):
    records = open_records(Settings(home=tmp_path))
    with records.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RecordsError, match="newer"):
        records.migrate()


def test_references_are_kept(records):
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"), records.writing() as connection:
        connection.execute(text("INSERT INTO quota_use (key_id, day, used) VALUES ('nobody', '2026-01-01', 1)"))


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_connection_that_the_server_has_ended_meanwhile_is_replaced_unnoticed(url, records):
    with records.reading() as connection:
        used = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = Records(url)
    with other.writing() as connection:
        ended = text("SELECT pg_terminate_backend(:pid, 600000)")  # when it has ended, however long that takes
        assert connection.execute(ended, {"pid": used}).scalar_one()
    other.close()
    with records.reading() as connection:
        assert connection.execute(text("SELECT pg_backend_pid()")).scalar_one() != used


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_value_that_the_database_cannot_hold_is_told_in_a_line_and_nothing_is_kept(records):
    with pytest.raises(UnkeepableError, match="NUL") as refused, records.writing() as connection:
        connection.execute(insert(SIGNING_KEYS), {"id": "k", "secret": "a\0b", "created_at": datetime.now(UTC)})
    assert "\n" not in str(refused.value)
    with records.reading() as connection:
        assert connection.execute(select(SIGNING_KEYS)).all() == []


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_postgres_is_spoken_with_psycopg_by_either_name(scheme):
    assert Records(f"{scheme}://reader@127.0.0.1:1/none").engine.driver == "psycopg"


def test_records_are_named_with_all_but_their_password():
    named = Records("postgresql://reader:sesame@127.0.0.1:1/none?password=sesame&sslmode=require").name
    assert named == "postgresql+psycopg://reader:***@127.0.0.1:1/none?sslmode=require"


def test_sqlite_keeps_a_commit_before_it_is_answered_for_and_waits_five_seconds_for_others(tmp_path):
    records = Records(f"sqlite:///{tmp_path / 'records.db'}")
    with records.reading() as connection:
        told = [connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in
                ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")]  # fmt: skip
    records.close()
    assert told == ["wal", 2, 1, 5000]


@pytest.mark.parametrize(("said", "told"), [("", "(no connection)"), (" gone\nsee above ", "(gone)")])
def test_why_the_records_cannot_be_used_is_told_in_a_line(tmp_path, said, told):
    records = Records(f"sqlite:///{tmp_path / 'records.db'}")
    with pytest.raises(RecordsError) as failed, records.reading():
        raise OperationalError("", None, Exception(said))
    assert str(failed.value) == (f"the records at {records.name} cannot be used {told}. CS2_RECORDS_URL names them")
    records.close()


def test_the_platform_may_be_installed_in_a_folder_with_any_name(tmp_path, monkeypatch):
    odd = tmp_path / "50%(s)" / "migrations"
    shutil.copytree(MIGRATIONS, odd)
    monkeypatch.setattr(database, "MIGRATIONS", odd)
    records = Records(f"sqlite:///{tmp_path / 'records.db'}")
    records.migrate()
    assert records.revision() == VERSIONS[-1]
    records.close()
