"""What `cs2 doctor` says of the last matches of a database as Demo Lens fills it."""

import sqlite3
from datetime import timedelta

import pandas as pd
import pytest

from cs2_pipeline.demodb import content
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.content import Remark
from cs2_pipeline.demodb.extraction import eligibility, reasons
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline_tests.demodb.as_application_writes import Habits, rewrite
from cs2_pipeline_tests.demodb.conftest import sql_server_url
from cs2_pipeline_tests.demodb.small_database import NOON, SmallDatabase


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


def test_what_can_be_used_is_told_as_a_share_with_the_leading_reasons_against_the_rest():
    left_out = {reasons.WARM_UP: 90, reasons.NO_POSITIONS: 4, reasons.NO_EVENTS: 3, "x": 2, "y": 1}
    found = content._usable("round model", "live rounds", (1_900, 2_000), left_out)
    assert found.level == "ok"
    assert found.message == (
        "round model: 1,900 of 2,000 live rounds can be used (95%); left out: "
        f"{reasons.NO_POSITIONS} (4); {reasons.NO_EVENTS} (3); x (2). What to do: switch on player positions in Demo "
        "Lens and parse the demos again; parse the demos again with kills, damage and bomb events"
    )


@pytest.mark.parametrize(
    ("used", "level", "named"),
    [(10, "ok", False), (8, "ok", True), (7, "warning", True), (1, "warning", True), (0, "error", True)],
)
def test_under_four_fifths_is_a_warning_and_nothing_at_all_an_error(used, level, named):
    found = content._usable("round model", "live rounds", (used, 10), {"x": 2, reasons.WARM_UP: 1})
    assert (found.level, "left out: x (2)" in found.message) == (level, named)
    assert reasons.WARM_UP not in found.message, "what every recording loses is no reason"


def test_where_nothing_is_there_even_what_every_recording_loses_is_named():
    found = content._usable("round model", "live rounds", (0, 0), {reasons.WARM_UP: 3})
    assert found == Remark(
        "error", f"round model: 0 of 0 live rounds can be used (0%); left out: {reasons.WARM_UP} (3)"
    )


@pytest.mark.parametrize(("lines", "told"), [(49, False), (50, True)])
def test_columns_of_one_value_are_named_with_the_model_that_lacks_them(lines, told):
    varied = range(lines)
    players = pd.DataFrame(
        {"first_kills": 0, "clutches": None, "clutch_attempts": varied, "damage": varied, "headshots": varied,
         "assists": varied}, index=varied,
    )  # fmt: skip
    people = pd.DataFrame(
        {"has_helmet": varied, "has_defuse_kit": True, "equipment_value": 0, "start_money": varied}, index=varied
    )
    said = [
        "player model: no information in first_kills (always 0), clutches (never recorded); what is trained on it is "
        "not promoted",
        "round model: no information in has_defuse_kit (always True); it is trained without it",
        "round model: no information in equipment_value (always 0); what is trained on it is not promoted",
    ]
    assert list(content._constants(players, people)) == ([Remark("warning", one) for one in said] if told else [])


def test_the_last_matches_imported_are_looked_at(tmp_path, monkeypatch):
    assert content.MATCHES == 20, "as docs/demo-database.md says"
    monkeypatch.setattr(content, "MATCHES", 2)
    small = SmallDatabase()
    small.add_match(2, NOON - timedelta(days=9))
    small.add_match(3, NOON - timedelta(days=2))
    small.add_match(4, NOON.replace(year=1))
    small.row("Matches", 1)["IsFinished"] = False
    small.row("DemoFiles", 3)["DemoSource"] = "FACEIT"
    small.row("DemoFiles", 4)["DemoSource"] = "FACEIT"
    url = small.write(tmp_path / "demos.sqlite")
    found = remarks(url)
    assert told(found, "round model").message.startswith("round model: 6 of 6 live rounds of the last 2 matches")
    assert told(found, "player model").message.startswith("player model: 8 of 8 player records of the last 2 matches")
    with DemoDatabase(url) as db:
        assert content.sources(db) == {eligibility.APPLICATION: 2, "FACEIT": 2}
        assert content._last_matches(db).only == (3, 2), "one without a day is in none, however late it was imported"


def test_where_nothing_is_imported_nothing_is_remarked(tmp_path):
    small = SmallDatabase()
    small.row("Matches", 1)["StartTime"] = NOON.replace(year=1)
    assert remarks(small.write(tmp_path / "demos.sqlite")) == []
