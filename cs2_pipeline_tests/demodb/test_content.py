"""What `cs2 doctor` says of the last matches of a database as Demo Lens fills it."""

import sqlite3

import pytest

from cs2_pipeline.demodb import content
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.content import Remark
from cs2_pipeline.demodb.extraction import reasons
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline_tests.demodb.as_application_writes import Habits, rewrite
from cs2_pipeline_tests.demodb.conftest import sql_server_url


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    path = tmp_path_factory.mktemp("simulated") / "first.sqlite"
    simulate(path, matches=6, seed=3)
    return path


def remarks(url: str) -> list[Remark]:
    with DemoDatabase(url) as db:
        return list(content.examine(db))


def told(found: list[Remark], of: str) -> Remark:
    return next(remark for remark in found if remark.message.startswith(of))


def test_a_database_of_the_application_can_be_used_and_its_corrections_are_said(simulated, tmp_path):
    found = remarks(str(rewrite(simulated, tmp_path / "second.sqlite")))
    assert {remark.level for remark in found} == {"ok"}
    assert "(100%)" in told(found, "round model").message
    assert "60 of 60 player records of the last 6 matches" in told(found, "player model").message
    assert reasons.NOT_WRITTEN in found[-1].message


def test_positions_switched_off_leave_the_round_model_nothing_and_it_is_said_what_to_do(simulated, tmp_path):
    path = rewrite(simulated, tmp_path / "second.sqlite", Habits(positions="off"))
    rounds = told(remarks(str(path)), "round model")
    assert rounds.level == "warning"
    assert "(0%)" in rounds.message
    assert reasons.NO_POSITIONS in rounds.message
    assert "switch on player positions" in rounds.message


def test_an_empty_table_of_positions_is_named(simulated, tmp_path):
    path = rewrite(simulated, tmp_path / "second.sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute('DELETE FROM "PlayerPositions"')
    assert told(remarks(str(path)), "PlayerPositions is empty").level == "warning"


def test_a_column_with_one_value_alone_is_named(simulated, tmp_path):
    path = tmp_path / "first.sqlite"
    path.write_bytes(simulated.read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute('UPDATE "PlayerRoundStats" SET "HasHelmet" = 0')
    found = told(remarks(str(path)), "round model: no information")
    assert found.level == "warning"
    assert "has_helmet (always False); it is trained without it" in found.message


@pytest.mark.parametrize(("rows", "said"), [(9_999_999, "has_helmet (never recorded)"), (9, None)])
def test_a_column_that_is_null_throughout_is_named_and_one_that_is_null_here_and_there_is_not(
    simulated, tmp_path, rows, said
):
    path = tmp_path / "first.sqlite"
    path.write_bytes(simulated.read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute('UPDATE "PlayerRoundStats" SET "HasHelmet" = NULL WHERE "Id" < ?', (rows,))
    messages = [one.message for one in remarks(str(path)) if "no information" in one.message]
    assert [said in message for message in messages] == ([True] if said else [])


def test_a_database_that_neither_model_can_use_is_an_error(simulated, tmp_path):
    path = rewrite(simulated, tmp_path / "second.sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute('UPDATE "Matches" SET "IsFinished" = 0')
    found = remarks(str(path))
    assert [remark.level for remark in found if remark.message.startswith(("round", "player"))] == ["error", "error"]
    assert reasons.UNFINISHED_MATCH in told(found, "round model").message


def test_the_same_is_said_of_a_sql_server(simulated, tmp_path, sql_server):
    path = rewrite(simulated, tmp_path / "second.sqlite")
    url = sql_server_url(sql_server, sql_server.serve(path), "FreeTDS")
    assert remarks(url) == remarks(str(path))
