"""Filling the embedded demo database: what came in, what did not, and who will read it."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from cs2_pipeline.cli import data
from cs2_pipeline.cli.console import CliError
from cs2_pipeline.datasets.store import TableStore
from cs2_pipeline.defs.automation.due_days import due_days
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.verdicts import DAILY_TABLES, State, Verdict, Verdicts
from cs2_pipeline.demodb import simulator
from cs2_pipeline.demodb.importers import exports, ingest
from cs2_pipeline.demodb.importers.exported import NO_DATE
from cs2_pipeline.demodb.importers.ingest import UNDATED, IngestReport, Outcome
from cs2_pipeline.demodb.simulator import real_play
from cs2_pipeline.demodb.simulator.simulation import FIRST_DAY, SimulationReport
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.demodb.importers import made_exports
from cs2_pipeline_tests.demodb.importers.recordings import Script
from cs2_pipeline_tests.deploy.compose import free_port


@pytest.fixture
def game(tmp_path):
    """A match of one round as a folder of events."""
    script = Script()
    script.round(3, [(5, "ct1", "t1"), (9, "t2", "ct2")])
    return script.folder(tmp_path / "2026-03-01 game")


def test_recordings_that_came_in_are_counted_with_the_file_they_are_in(cs2, home, game):
    ended = cs2("ingest", "demos", game)
    assert ended.status == 0
    assert f"{home / 'demos.sqlite'}: 1 imported with 1 rounds" in ended.out
    assert "next: `cs2 train`" in ended.out
    assert ended.err == ""
    again = cs2("ingest", "demos", game)
    assert "1 already in the database" in again.out
    assert "next:" not in again.out


def test_a_recording_without_a_date_is_refused_unless_it_is_told_one(cs2, home, game):
    def started():
        with closing(sqlite3.connect(home / "demos.sqlite")) as connection:
            return [row[0] for row in connection.execute('SELECT "StartTime" FROM "Matches"')]

    undated = game.rename(game.parent / "game")
    ended = cs2("ingest", "demos", undated)
    assert ended.status == 1
    assert "1 only lacks a date: say it with --date YYYY-MM-DD" in ended.err and "--file-times" in ended.err
    assert "--failed" not in ended.err
    assert started() == []
    assert cs2("ingest", "demos", undated, "--date", "2024-03-09").status == 0
    assert started() == ["2024-03-09 00:00:00.000000"]
    assert cs2("ingest", "demos", "--failed").out == "  no demo is in quarantine\n"


def test_a_recordings_name_or_the_time_of_its_file_may_be_its_date(cs2, home, game, monkeypatch):
    for file in game.iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))
    named = shutil.copytree(game, game.parent / "auto0-20260118-204500-de_nuke")
    undated = game.rename(game.parent / "game")
    starts = {}
    for path, *options in ((named, "--date", "2024-03-09"), (undated, "--file-times")):
        monkeypatch.setenv("CS2_HOME", str(home / path.name))
        assert cs2("ingest", "demos", path, *options).status == 0
        with closing(sqlite3.connect(home / path.name / "demos.sqlite")) as connection:
            ((starts[path],),) = connection.execute('SELECT "StartTime" FROM "Matches"')
    assert starts[named] == "2026-01-18 20:45:00.000000"
    assert starts[undated].startswith("2023-11-14 22:1"), "the modification time less the recording's length"


@pytest.mark.parametrize(
    ("statuses", "told", "untold"),
    [
        ({"quarantined": [UNDATED, UNDATED]}, "2 only lack a date", "--failed"),
        ({"quarantined": [UNDATED, "broken"]}, "1 only lacks a date", "Give .dem"),
        ({"quarantined": [UNDATED, "broken"]}, "--failed", "Give .dem"),
        ({"refused": ["known to be broken"]}, "--failed", "date"),
        ({"missing": ["none"]}, "Give .dem files", "--failed"),
        ({"imported": [""], "known": [""]}, "", "cs2"),
    ],
)
def test_the_remedy_is_for_what_did_not_come_in(statuses, told, untold):
    outcomes = [Outcome(Path("a.dem"), status, detail) for status, details in statuses.items() for detail in details]
    remedy = data._remedy(IngestReport(outcomes))
    assert told in remedy and untold not in remedy


def test_paths_that_are_no_demos_are_an_error_that_says_what_would_be_one_and_make_no_database(cs2, home, tmp_path):
    (tmp_path / "empty").mkdir()
    ended = cs2("ingest", "demos", tmp_path / "empty", tmp_path / "nothing.dem")
    assert ended.status == 1
    assert ended.err.startswith("error: ")
    assert "2 of the paths without a recording" in ended.err
    assert "Give .dem files" in ended.err
    assert "--failed" not in ended.err
    assert not (home / "demos.sqlite").exists()


def test_a_file_that_cannot_be_read_is_an_error_that_leads_to_the_quarantine_list(cs2, tmp_path, game):
    (tmp_path / "notes.dem").write_text("no demo")
    ended = cs2("ingest", "demos", game, tmp_path / "notes.dem", "--date", "2026-03-01")
    assert ended.status == 1
    assert ended.err.startswith("error: ")
    assert "1 imported with 1 rounds" in ended.err
    assert "1 not readable" in ended.err
    assert "cs2 ingest demos --failed" in ended.err
    listed = json.loads(cs2("ingest", "demos", "--failed", "--json").out)
    assert [(entry["path"], entry["attempts"]) for entry in listed] == [(str(tmp_path / "notes.dem"), 1)]
    assert "not a Counter-Strike 2 recording" in cs2("ingest", "demos", "--failed").out


@pytest.mark.parametrize("command", ["simulate", "ingest"])
def test_where_extraction_reads_another_database_filling_the_embedded_one_says_so(
    cs2, home, game, monkeypatch, command
):
    arguments = ("simulate", "--matches", "2") if command == "simulate" else ("ingest", "demos", game)
    monkeypatch.setenv("CS2_DATABASE_URL", "postgresql://reader:hunter2@127.0.0.1:9/demos")
    ended = cs2(*arguments, "--json")
    assert ended.status == 0
    json.loads(ended.out)
    assert f"fills {home / 'demos.sqlite'}, but extraction reads postgresql://reader:***@127.0.0.1:9/demos" in ended.err
    assert "Unset CS2_DATABASE_URL" in ended.err


def test_an_address_of_the_embedded_file_itself_needs_no_remark(cs2, home, game, monkeypatch):
    monkeypatch.setenv("CS2_DATABASE_URL", f"sqlite:///{home / 'demos.sqlite'}")
    assert cs2("ingest", "demos", game).err == ""


def test_exports_come_in_and_what_has_no_date_says_how_to_give_one(cs2, home, tmp_path):
    made_exports.write(tmp_path, made_exports.match(date="redacted"), "undated.json")
    ended = cs2("ingest", "exports", tmp_path)
    assert ended.status == 1
    assert "--date" in ended.out and "cs2 ingest exports --failed" in ended.err
    assert "undated.json" in cs2("ingest", "exports", "--failed").out
    ended = cs2("ingest", "exports", tmp_path, "--date", "2024-03-09")
    assert ended.status == 0
    assert f"{home / 'demos.sqlite'}: 1 imported with 13 rounds" in ended.out
    assert "next: `cs2 train`" in ended.out


@pytest.fixture
def free_ports(monkeypatch):
    """Ports on which nothing runs, whatever else does on this machine."""
    for name in ("CS2_SERVICE_PORT", "CS2_GATEWAY_PORT"):
        monkeypatch.setenv(name, str(free_port()))


def test_the_demo_of_exports_stops_where_they_cannot_be_read(cs2, free_ports, tmp_path):
    ended = cs2("demo", "--exports", tmp_path / "absent.json")
    assert ended.status == 1
    assert "without a recording" in ended.err


def test_the_demo_of_exports_without_a_date_asks_for_one(cs2, free_ports, tmp_path):
    made_exports.write(tmp_path, made_exports.match(date=""))
    ended = cs2("demo", "--exports", tmp_path)
    assert ended.status == 1
    assert "1 only lacks a date: say it with --date YYYY-MM-DD" in ended.err


def test_the_demo_of_few_exports_says_which_models_they_are_too_few_for(cs2, free_ports, tmp_path):
    made_exports.write(tmp_path, made_exports.match())
    ended = cs2("demo", "--exports", tmp_path)
    assert ended.status == 0, ended.err
    for model in ("round_predictor", "player_classifier", "match_forecaster"):
        assert f"✗ {model} could not be trained: " in ended.out
    assert "matches, there are 1: add more data" in ended.out
    assert "there is no model to serve yet" in ended.out


def test_a_table_of_series_is_taken_and_what_is_in_it_told(cs2, tmp_path):
    (tmp_path / "series.csv").write_text('date,team_w,team_l,roster_w\n2025-03-01,Alpha,Beta,"a, b, c, d, e"\n')
    told = json.loads(cs2("ingest", "series", tmp_path / "series.csv", "--json").out)
    assert (told["series"], told["with_line_ups"], told["last_day"]) == (1, 0, "2025-03-01")


def test_a_table_of_maps_beside_it_tells_the_rounds_of_its_series(cs2, tmp_path):
    (tmp_path / "series.csv").write_text("date,team_w,team_l\n2025-03-01,Alpha,Beta\n")
    (tmp_path / "maps.csv").write_text("date,team1,team2,rounds1,rounds2\n2025-03-01,Beta,Alpha,9,13\n")
    told = cs2("ingest", "series", tmp_path / "series.csv", "--maps", tmp_path / "maps.csv").out.splitlines()
    assert told[1] == "Reading series.csv"
    assert "  with rounds                                 1" in told
    assert "  last day                           2025-03-01" in told
    assert told[-1] == "  train on it: cs2 train match --published"
    missing = cs2("ingest", "series", tmp_path / "series.csv", "--maps", tmp_path / "none.csv")
    assert missing.status == 1
    assert "there is no file" in missing.err


def test_a_table_of_series_that_cannot_be_is_refused_by_row_and_column(cs2, tmp_path):
    (tmp_path / "series.csv").write_text("date,team_w,team_l\nyesterday,Alpha,Beta\n")
    ended = cs2("ingest", "series", tmp_path / "series.csv")
    assert ended.status == 1
    assert "row 2: column date: 'yesterday'" in ended.err + ended.out


def test_real_matches_put_beside_simulated_ones_are_warned_of_by_ingest_and_by_doctor(cs2, game):
    assert cs2("simulate", "--matches", "3").status == 0
    ended = cs2("ingest", "demos", game)
    assert ended.status == 0
    assert "warning: simulated and real matches are mixed (75.0% simulated matches, 25.0% exports" in ended.err
    found = {one["topic"]: one for one in json.loads(cs2("doctor", "--json").out)}
    assert found["demo database, origin"]["level"] == "warning"
    assert "75.0% simulated matches" in found["demo database, origin"]["message"]


def test_doctor_says_that_matches_are_simulated(cs2):
    cs2("simulate", "--matches", "3")
    found = {one["topic"]: one for one in json.loads(cs2("doctor", "--json").out)}
    assert found["demo database, origin"]["level"] == "ok"
    assert "simulated matches" in found["demo database, origin"]["message"]


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ([], {"matches": 800, "seed": 5, "equal_skill": False, "overwrite": False, "like_real": False}),
        (["--matches", "3", "--seed", "0", "--equal-skill", "--like-real", "--replace"],
         {"matches": 3, "seed": 0, "equal_skill": True, "overwrite": True, "like_real": True}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("server", [False, True])
def test_a_simulation_is_made_as_it_was_asked_for(cs2, home, tmp_path, monkeypatch, options, given, server):  # noqa: PLR0917
    asked = []

    def simulated(path, *, model, progress, **named):
        progress(1, named["matches"])
        asked.append((path, named | {"like_real": model == real_play.like_real()}))
        assert model is None or named["matches"] == 3
        return SimulationReport(path, None, {"Matches": 12_345, "Rounds": 6}, FIRST_DAY, FIRST_DAY, 0.5)

    monkeypatch.setattr(simulator, "simulate", simulated)
    home = home / "to" / "be" / "made"
    monkeypatch.setenv("CS2_HOME", str(home))
    monkeypatch.setenv("CS2_DATA_URL", str(tmp_path / "data"))
    monkeypatch.setenv("CS2_SEED", "5")
    if server:
        monkeypatch.setenv("CS2_DATABASE_URL", "postgresql://reader@127.0.0.1:9/demos")
    tables = TableStore(str(tmp_path / "data"))
    tables.write("rounds", pd.DataFrame({"round_id": [1]}), "2026-01-01")
    ended = cs2("simulate", *options)
    assert home.is_dir()
    assert asked == [(home / "demos.sqlite", given)]
    lines = ended.out.splitlines()
    assert lines[0] == f"  {home / 'demos.sqlite'}: 12,345 Matches, 6 Rounds"
    assert bool(tables.partitions("rounds")) is server, "what was read of a server stays"
    assert len(lines) == (1 if server else 2), "only the database that is read can be trained on next"
    assert json.loads(cs2("simulate", *options, "--json").out)["rows"] == {"Matches": 12_345, "Rounds": 6}


@pytest.mark.parametrize("cores", [3, None])
def test_recordings_are_read_as_it_was_asked_for(cs2, home, tmp_path, monkeypatch, cores):
    asked = []

    def ingested(paths, database, *, progress, **named):
        progress(1, 2, "a.dem")
        asked.append((paths, database, named))
        return IngestReport([])

    monkeypatch.setattr(ingest, "ingest", ingested)
    home = home / "to" / "be" / "made"
    monkeypatch.setenv("CS2_HOME", str(home))
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(data, "origins_of", lambda _: {})
    assert cs2("ingest", "demos", "a", "b").status == 0
    assert cs2("ingest", "demos", "a", "--date", "2024-03-09", "--file-times", "--retry", "--workers", "2").status == 0
    usual = {"played_on": None, "file_times": False, "retry": False, "workers": cores or 1}
    told = {"played_on": date(2024, 3, 9), "file_times": True, "retry": True, "workers": 2}
    database = home / "demos.sqlite"
    assert home.is_dir()
    assert asked == [([Path("a"), Path("b")], database, usual), ([Path("a")], database, told)]


@pytest.mark.parametrize(
    ("details", "told"),
    [
        (["broken"], "why."),
        (["broken", f"it has {NO_DATE}"], "why. 1 only lacks a date: say it with --date YYYY-MM-DD."),
        ([f"it has {NO_DATE}", f"it has {NO_DATE}"], "why. 2 only lack a date: say it with --date YYYY-MM-DD."),
        ([], ""),
    ],
)
@pytest.mark.parametrize("status", ["refused", "quarantined"])
def test_exports_that_did_not_come_in_have_their_remedy(home, monkeypatch, capsys, details, told, status):  # noqa: PLR0917
    asked = []

    def ingested(paths, database, *, progress, **named):
        progress(1, 2, "a.json")
        asked.append((paths, database, named))
        left = [Outcome(Path("a.json"), status, detail) for detail in details]
        return IngestReport([*left, Outcome(Path("b.json"), "missing" if details else "known", "")])

    monkeypatch.setattr(exports, "ingest_exports", ingested)
    monkeypatch.setattr(data, "origins_of", lambda _: {})
    home = home / "to" / "be" / "made"
    monkeypatch.setenv("CS2_HOME", str(home))
    wanted = {"played_on": date(2024, 3, 9), "retry": True}
    if not details:
        home.mkdir(parents=True)
    if details:
        with pytest.raises(CliError) as left:
            data.ingest_exports(Settings(), [Path("x")], **wanted)
        assert str(left.value).endswith(f" `cs2 ingest exports --failed` lists what could not be read and {told}")
    else:
        data.ingest_exports(Settings(), [Path("x")], **wanted)
        assert capsys.readouterr().out.splitlines()[0] == "known        b.json  "
    assert asked == [([Path("x")], home / "demos.sqlite", wanted)]
    assert home.is_dir()


@pytest.mark.parametrize("kind", ["demos", "exports"])
def test_without_a_path_one_is_asked_for(cs2, home, kind):
    ended = cs2("ingest", kind)
    assert (ended.status, f"cs2 ingest {kind} PATH…" in ended.err) == (2, True)
    assert not home.exists()


def test_each_recording_has_a_line_and_only_what_came_in_tells_its_rounds(cs2, home, monkeypatch):
    outcomes = [Outcome(Path("a.dem"), "imported", "", rounds=24), Outcome(Path("b.dem"), "known", "as a.dem")]
    monkeypatch.setattr(ingest, "ingest", lambda *_, **__: IngestReport(outcomes))
    monkeypatch.setattr(data, "origins_of", lambda _: {})
    ended = cs2("ingest", "demos", "a")
    assert ended.out.splitlines()[:2] == ["imported     a.dem  24 rounds  ", "known        b.dem  as a.dem"]
    told = json.loads(cs2("ingest", "demos", "a", "--json").out)
    assert [(one["path"], one["status"], one["rounds"]) for one in told] == [
        ("a.dem", "imported", 24), ("b.dem", "known", 0),
    ]  # fmt: skip


def test_what_was_extracted_from_a_simulated_database_is_forgotten_when_it_is_replaced(tmp_path):
    settings = Settings(home=tmp_path)
    platform = Platform(settings)
    verdicts = Verdicts(platform.tables)

    def due():
        with platform.demo_database() as database:
            return due_days(database, verdicts, FIRST_DAY)

    def fill(seed, *, replace):
        data.simulate(settings, matches=4, seed=seed, equal_skill=False, replace=replace)

    fill(0, replace=False)
    first = due()
    for day in first.days:
        for table in DAILY_TABLES:
            platform.tables.write(table, pd.DataFrame({"round_id": [1]}), day.isoformat())
            verdicts.pronounce(table, day.isoformat(), Verdict(State.PASSED, (), first.newest, "a run"))
    platform.tables.write("published_snapshots", pd.DataFrame({"round_id": [1]}))
    assert not due().days
    fill(1, replace=True)
    assert len(due().days) == 4
    assert not platform.tables.partitions("rounds")
    assert platform.tables.exists("published_snapshots"), "it was read from a file"
