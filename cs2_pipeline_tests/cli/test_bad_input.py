"""What goes wrong is named with its remedy, the exit status is not 0, and nothing is half-written."""

import errno
import gzip
import re
import socket
import sqlite3
import subprocess
import sys

import pytest

from cs2_pipeline.cli.failures import explained
from cs2_pipeline.datasets.store import TableStore
from cs2_pipeline.demodb import simulator
from cs2_pipeline_tests.models.round.quick import train_quickly


@pytest.fixture
def small_database(home):
    home.mkdir(parents=True)
    simulator.simulate(home / "demos.sqlite", matches=8, days=2, teams=8)
    return home / "demos.sqlite"


def changed(database, *statements):
    with sqlite3.connect(database) as connection:
        for statement in statements:
            connection.execute(statement)


def test_training_without_any_data_says_where_data_comes_from(cs2):
    ended = cs2("train")
    assert ended.status == 1
    assert "cs2 simulate" in ended.err
    assert "CS2_DATABASE_URL" in ended.err


def test_a_database_without_matches_is_named_and_nothing_is_written(cs2, small_database, home):
    tables = ("Kills", "Damages", "Bombs", "PlayerRoundStats", "PlayerMatchStats", "Rounds", "Players", "Matches")
    changed(small_database, *(f"DELETE FROM {name}" for name in (*tables, "DemoFiles")))  # noqa: S608
    ended = cs2("train")
    assert ended.status == 1
    assert "no demo in them" in ended.err
    assert not TableStore(str(home / "data")).exists("rounds")


def test_a_missing_table_is_named(cs2, small_database, home):
    changed(small_database, "DROP TABLE Damages")
    ended = cs2("train")
    assert ended.status == 1
    assert "no table Damages" in ended.err
    assert not TableStore(str(home / "data")).exists("round_snapshots")


def test_a_missing_column_is_named_with_its_table(cs2, small_database):
    changed(small_database, "ALTER TABLE Rounds DROP COLUMN WinnerTeam")
    ended = cs2("train")
    assert ended.status == 1
    assert "WinnerTeam" in ended.err
    assert "Rounds" in ended.err


def test_fewer_matches_than_a_split_needs_are_told_with_the_numbers(cs2, small_database):
    changed(small_database, "DELETE FROM Rounds WHERE MatchId > 2", "DELETE FROM Matches WHERE Id > 2")
    ended = cs2("train", "round")
    assert ended.status == 1
    assert "at least 5 matches, there are 2" in ended.err


def test_a_database_address_that_is_none_is_refused_without_its_password(cs2, monkeypatch):
    monkeypatch.setenv("CS2_DATABASE_URL", "postgresql://cs2:hunter2@127.0.0.1:9/demos")
    ended = cs2("train")
    assert ended.status == 1
    assert "127.0.0.1" in ended.err
    assert "hunter2" not in ended.err + ended.out


def test_an_mlflow_that_does_not_answer_is_named_and_the_tables_stay(cs2, home, monkeypatch):
    home.mkdir(parents=True)
    simulator.simulate(home / "demos.sqlite", matches=20, days=2, teams=8)
    train_quickly(monkeypatch, epochs=1)
    monkeypatch.setenv("CS2_MLFLOW_TRACKING_URI", "http://user:hunter2@127.0.0.1:9")
    ended = cs2("train", "round")
    assert ended.status == 1
    assert "MLflow at http://***@127.0.0.1:9 does not answer" in ended.err
    assert "hunter2" not in ended.err + ended.out
    assert TableStore(str(home / "data")).exists("round_dataset")
    assert not TableStore(str(home / "data")).exists("round_predictor")


def test_a_port_in_use_is_named_before_anything_starts(cs2, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("CS2_SERVICE_PORT", str(port))
        ended = cs2("demo")
    assert ended.status == 1
    assert str(port) in ended.err
    assert "CS2_SERVICE_PORT" in ended.err


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("csgo.csv", b"time_left,map\n1,de_nuke\n", "95 of 97 missing"),
        ("csgo.csv", b"# A text\n\nwith, commas, here\n", "97 of 97 missing"),
        ("csgo.csv", b"", "the file is empty"),
        ("csgo.csv", b"\x00\x01\x02", "97 of 97 missing"),
        ("csgo.csv.gz", b"time_left,map\n1,de_nuke\n", "not readable as CSV"),
    ],
)
def test_a_file_that_is_not_the_public_one_is_refused_with_what_is_expected(cs2, tmp_path, name, content, named):
    file = tmp_path / name
    file.write_bytes(content)
    ended = cs2("ingest", "snapshots", file)
    assert ended.status == 1
    assert f"{file}: " in ended.err
    assert named in ended.err
    assert "expected is csgo_round_snapshots.csv" in ended.err
    assert "C error" not in ended.err
    assert not TableStore(str(tmp_path / "home" / "data")).exists("published_snapshots")


def test_a_broken_archive_is_refused(cs2, tmp_path):
    file = tmp_path / "csgo.csv.gz"
    file.write_bytes(gzip.compress(b"time_left,map\n" * 1000)[:40])
    ended = cs2("ingest", "snapshots", file)
    assert ended.status == 1
    assert "csgo.csv.gz" in ended.err


def test_a_file_that_is_not_there_is_named(cs2, tmp_path):
    ended = cs2("ingest", "snapshots", tmp_path / "nothing.csv")
    assert ended.status == 1
    assert "nothing.csv" in ended.err


def test_an_existing_database_is_not_replaced_unasked(cs2, small_database):
    before = small_database.read_bytes()
    ended = cs2("simulate", "--matches", "3")
    assert ended.status == 1
    assert "--replace" in ended.err
    assert small_database.read_bytes() == before


def test_asking_without_a_service_says_how_to_start_it(cs2, monkeypatch):
    monkeypatch.setenv("CS2_SERVICE_PORT", "9")
    ended = cs2("predict", "round", "ct_alive=5")
    assert ended.status == 1
    assert "cs2 up" in ended.err


def test_forcing_a_promotion_needs_a_reason(cs2):
    ended = cs2("models", "promote", "round_predictor", "1", "--force")
    assert ended.status == 2
    assert "--reason" in ended.err


def test_an_unknown_model_is_answered_with_the_known_ones(cs2):
    ended = cs2("models", "show", "round_predictors")
    assert ended.status == 2
    assert "round_predictor, player_classifier" in ended.err


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("CS2_SERVICE_PORT", "abc", "whole number, ≥ 1, ≤ 65535 (port of the prediction service)"),
        ("CS2_SERVICE_PORT", "70000", "whole number, ≥ 1, ≤ 65535"),
        ("CS2_FIRST_DAY", "yesterday", "date"),
        ("CS2_PREDICTION_LOG", "maybe", "true or false"),
    ],
)
def test_a_wrong_setting_is_told_with_its_value_and_what_is_expected(cs2, monkeypatch, name, value, expected):
    monkeypatch.setenv(name, value)
    ended = cs2("doctor")
    assert ended.status == 1
    assert f"{name} is '{value}'; expected: {expected}" in ended.err


@pytest.mark.parametrize("below", [".", "deeper"])
def test_a_home_that_is_a_file_is_named(cs2, tmp_path, monkeypatch, below):
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("CS2_HOME", str(file / below))
    ended = cs2("simulate", "--matches", "1")
    assert ended.status == 1
    assert f"{file} is a file" in ended.err


def test_a_folder_that_refuses_is_told_with_the_setting_that_names_another():
    refused = explained(PermissionError(errno.EACCES, "Permission denied", "folder/demos.sqlite"))
    assert refused is not None
    assert "folder/demos.sqlite: Permission denied" in refused
    assert "CS2_HOME" in refused


def test_a_full_disk_under_an_embedded_database_is_told_with_the_setting_that_names_another(cs2, monkeypatch):
    def full(*_, **__):
        with sqlite3.connect(":memory:") as connection:
            connection.execute("PRAGMA max_page_count = 1")
            connection.execute("CREATE TABLE one (number)")

    monkeypatch.setattr(simulator, "simulate", full)
    ended = cs2("simulate", "--matches", "3")
    assert ended.status == 1
    assert "database or disk is full" in ended.err
    assert "CS2_HOME" in ended.err
    assert "Traceback" not in ended.err


def test_an_error_of_ours_in_an_embedded_database_is_shown_in_full():
    with sqlite3.connect(":memory:") as connection, pytest.raises(sqlite3.Error) as caught:
        connection.execute("SELECT * FROM nothing")
    assert explained(caught.value) is None


def test_an_address_of_another_machine_is_no_matter_of_ports(cs2, monkeypatch):
    monkeypatch.setenv("CS2_HOST", "192.0.2.1")
    ended = cs2("up")
    assert ended.status == 1
    assert "CS2_HOST must be a name or address of this machine" in ended.err


def test_the_doctor_goes_on_after_a_home_it_cannot_use_and_a_store_it_cannot_read(cs2, monkeypatch):
    monkeypatch.setenv("CS2_HOME", "/proc/nothing/home")
    monkeypatch.setenv("CS2_DATA_URL", "s3x://bucket")
    ended = cs2("doctor")
    assert ended.status == 1
    assert "choose another folder with CS2_HOME" in ended.out
    assert "CS2_DATA_URL: s3x://bucket cannot be read" in ended.out
    assert "prediction service" in ended.out


def test_the_doctor_finds_misspelt_settings_and_hides_secrets(cs2, monkeypatch):
    monkeypatch.setenv("CS2_DATABSE_URL", "x")
    monkeypatch.setenv("CS2_ADMIN_TOKEN", "hunter2")
    monkeypatch.setenv("CS2_DATA_URL", "s3x://reader:hunter2@bucket")
    ended = cs2("doctor")
    assert "CS2_DATA_URL = s3x://***@bucket" in ended.out
    assert "CS2_DATABSE_URL is not a setting" in ended.out
    assert "hunter2" not in ended.out + ended.err


def test_a_full_disk_under_mlflows_store_is_no_matter_of_an_mlflow_that_does_not_answer(home):
    """A limit on the size of files stands for the disk: SQLite meets it at the same place."""
    limited = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))\n"
        "sys.argv = ['cs2', 'models', 'list']\n"
        "from cs2_pipeline.cli.main import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-B", "-c", limited], capture_output=True, text=True, check=False, timeout=600
    )
    assert ended.returncode == 1
    assert re.search(
        r"MLflow's store sqlite:\S+ cannot be used: (disk I/O error|database or disk is full)", ended.stderr
    )
    assert "free space" in ended.stderr
    assert "Traceback" not in ended.stderr
