"""The backup and restore scripts on a real PostgreSQL."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from cs2_pipeline_tests.deploy.compose import ROOT
from cs2_pipeline_tests.deploy.conftest import Postgres, new_postgres


def test_each_role_reaches_its_own_database_only(postgres: Postgres) -> None:
    for role in ("dagster", "mlflow", "records"):
        assert postgres.sql(role, f"SELECT has_database_privilege('{role}', '{role}', 'CREATE')") == "t"
        for other in {"dagster", "mlflow", "records", "postgres"} - {role}:
            assert postgres.sql("postgres", f"SELECT has_database_privilege('{role}', '{other}', 'CONNECT')") == "f"


def test_the_databases_hold_unicode_whatever_a_new_database_of_the_server_holds(tmp_path: Path) -> None:
    databases = ("dagster", "mlflow", "records")
    with new_postgres() as server:
        for step in (*(f"DROP DATABASE {one}; DROP ROLE {one}" for one in databases),
                     "ALTER DATABASE template1 IS_TEMPLATE false; DROP DATABASE template1",
                     "CREATE DATABASE template1 TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C' IS_TEMPLATE true",
                     "CREATE DATABASE unasked"):  # fmt: skip
            for one in step.split("; "):
                server.sql("postgres", one)
        assert server.sql("unasked", "SHOW server_encoding") == "SQL_ASCII"
        server.script("init.sh")
        assert {server.sql(one, "SHOW server_encoding") for one in databases} == {"UTF8"}
        server.script("backup.sh", str(tmp_path))
        server.script("restore.sh", str(tmp_path))
        assert {server.sql(one, "SHOW server_encoding") for one in databases} == {"UTF8"}


def test_what_was_backed_up_is_there_again_after_a_restore_and_belongs_to_the_same_role(
    postgres: Postgres, tmp_path: Path
) -> None:
    for database in ("dagster", "mlflow", "records"):
        postgres.sql(database, f"CREATE TABLE kept (word) AS SELECT 'before'; ALTER TABLE kept OWNER TO {database}")
    postgres.script("backup.sh", str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {"dagster.dump", "mlflow.dump", "records.dump"}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}, "they hold digests of passwords"

    for database in ("dagster", "mlflow", "records"):
        postgres.sql(database, "UPDATE kept SET word = 'after'; CREATE TABLE later (id int)")
    postgres.script("restore.sh", str(tmp_path))

    for database in ("dagster", "mlflow", "records"):
        assert postgres.sql(database, "SELECT word FROM kept") == "before"
        assert postgres.sql(database, "SELECT to_regclass('later')") == ""
        assert postgres.sql(database, "SELECT tableowner FROM pg_tables WHERE tablename = 'kept'") == database
    test_each_role_reaches_its_own_database_only(postgres)


def test_a_restore_without_a_dump_or_with_a_broken_one_changes_nothing(postgres: Postgres, tmp_path: Path) -> None:
    postgres.sql("dagster", "CREATE TABLE here (id int)")
    script = ["sh", str(ROOT / "deploy" / "postgres" / "restore.sh"), str(tmp_path)]

    missing = subprocess.run(script, check=False, env=postgres.environment, capture_output=True, text=True)
    assert missing.returncode != 0
    assert "dagster.dump; nothing was changed" in missing.stderr

    postgres.script("backup.sh", str(tmp_path))
    dump = tmp_path / "mlflow.dump"
    dump.write_bytes(dump.read_bytes()[:400])
    broken = subprocess.run(script, check=False, env=postgres.environment, capture_output=True, text=True)
    assert broken.returncode != 0
    assert postgres.sql("dagster", "SELECT to_regclass('here')") == "here"


def test_a_backup_that_breaks_off_leaves_no_dump(postgres: Postgres, tmp_path: Path) -> None:
    environment = postgres.environment | {"PGPORT": "1"}
    script = ["sh", str(ROOT / "deploy" / "postgres" / "backup.sh"), str(tmp_path)]
    assert subprocess.run(script, check=False, env=environment, capture_output=True).returncode != 0
    assert not list(tmp_path.glob("*.dump"))


@pytest.mark.parametrize("database", ["dagster", "mlflow"])
def test_a_restore_while_somebody_is_connected_to_either_changes_neither(
    postgres: Postgres, tmp_path: Path, database: str
) -> None:
    postgres.script("backup.sh", str(tmp_path))
    for one in ("dagster", "mlflow", "records"):
        postgres.sql(one, f"CREATE TABLE IF NOT EXISTS since_{database} (id int)")
    connection = subprocess.Popen(
        ["psql", "--no-psqlrc", database], env=postgres.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert connection.stdin is not None
    assert connection.stdout is not None
    connection.stdin.write(b"SELECT 'connected';\n")
    connection.stdin.flush()
    while b"connected" not in connection.stdout.readline():
        pass

    script = ["sh", str(ROOT / "deploy" / "postgres" / "restore.sh"), str(tmp_path)]
    refused = subprocess.run(script, check=False, env=postgres.environment, capture_output=True, text=True)
    connection.communicate(b"\\q\n")

    assert refused.returncode == 1
    assert f"still connected: {database} by psql" in refused.stderr
    assert "nothing was changed" in refused.stderr
    for one in ("dagster", "mlflow", "records"):  # both are open again, with what they held
        assert postgres.sql(one, f"SELECT to_regclass('since_{database}')") == f"since_{database}"
    postgres.script("restore.sh", str(tmp_path))
    assert postgres.sql("mlflow", f"SELECT to_regclass('since_{database}')") == ""


ENDED_AT = """#!/bin/sh
case "$*" in *"{step}"*) kill -{signal} "$(ps -o pgid= $$ | tr -d ' ')" ;; esac
exec {psql} "$@"
"""
"""Stands before psql and ends the script that calls it at one of its steps."""


@pytest.mark.parametrize(
    ("step", "signal", "swapped"),
    [("pg_stat_activity", "TERM", False), ("pg_stat_activity", "INT", False), ("RENAME TO", "TERM", True)],
)
def test_a_restore_that_is_ended_on_its_way_leaves_all_databases_open_and_of_one_day(
    postgres: Postgres, tmp_path: Path, step: str, signal: str, swapped: bool
) -> None:
    databases = ("dagster", "mlflow", "records")
    made = f"since_{step}_{signal}".lower().replace(" ", "_")
    postgres.script("backup.sh", str(tmp_path))
    for database in databases:
        postgres.sql(database, f"CREATE TABLE {made} (id int)")
    psql = shutil.which("psql", path=postgres.environment["PATH"])
    before = tmp_path / "bin" / "psql"
    before.parent.mkdir()
    before.write_text(ENDED_AT.format(step=step, signal=signal, psql=psql))
    before.chmod(0o755)
    environment = postgres.environment | {"PATH": f"{before.parent}{os.pathsep}{postgres.environment['PATH']}"}

    script = ["sh", str(ROOT / "deploy" / "postgres" / "restore.sh"), str(tmp_path)]
    ended = subprocess.run(script, check=False, env=environment, capture_output=True, text=True,
                           start_new_session=True)  # fmt: skip

    assert ended.returncode == 1, ended.stderr
    for database in databases:
        assert postgres.sql(database, f"SELECT to_regclass('{made}')") == ("" if swapped else made)
    postgres.script("restore.sh", str(tmp_path))
    assert postgres.sql("postgres", "SELECT count(*) FROM pg_database WHERE datname ~ 'restored|replaced'") == "0"
    test_each_role_reaches_its_own_database_only(postgres)


def test_a_restore_that_was_killed_outright_is_mended_by_the_next_one(postgres: Postgres, tmp_path: Path) -> None:
    postgres.script("backup.sh", str(tmp_path))
    for database in ("dagster", "mlflow", "records"):  # as a kill between closing and swapping leaves them
        postgres.sql("postgres", f"CREATE DATABASE {database}_restored")
        postgres.sql("postgres", f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
    postgres.script("restore.sh", str(tmp_path))
    test_each_role_reaches_its_own_database_only(postgres)
