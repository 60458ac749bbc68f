"""Ingesting: every recording exactly once, whatever the others do."""

import inspect
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import DemoDatabaseError
from cs2_pipeline.demodb.extraction import events, extract
from cs2_pipeline.demodb.importers.ingest import IngestReport, Outcome, failed, find, ingest, outcome_of, remarks
from cs2_pipeline.demodb.importers.ledger import Added
from cs2_pipeline.demodb.tables import METADATA
from cs2_pipeline_tests.demodb.importers.recordings import Script

DATA = Path(__file__).parents[3].parent / "shared" / "data"
MISBEHAVING = "cs2_pipeline_tests.demodb.importers.misbehaving"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no real recordings beside the repository")


def statuses(report: IngestReport) -> list[str]:
    return [outcome.status for outcome in report.outcomes]


def read(database: Path, query: str) -> pd.DataFrame:
    with sqlite3.connect(database) as connection:
        return pd.read_sql_query(query, connection)


def eventually(look: Callable[[], Any]) -> Any:
    """What `look` answers once it answers something true without an error."""
    for _ in range(12_000):
        try:
            if found := look():
                return found
        except (OSError, LookupError, pd.errors.DatabaseError):
            pass
        time.sleep(0.05)
    raise AssertionError("it never happened")


def alive(process: int) -> bool:
    """Whether a process is there and not only waiting to be buried."""
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def content(database: Path) -> dict[str, pd.DataFrame]:
    """Every Demo Lens table without the time of the import."""
    tables = {name: read(database, f'SELECT * FROM "{name}" ORDER BY "Id"') for name in METADATA.tables}  # noqa: S608
    tables["DemoFiles"] = tables["DemoFiles"].drop(columns="ParsedAt")
    return tables


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "demos.sqlite"


def report(*of: tuple[str, int]) -> IngestReport:
    return IngestReport([Outcome(Path(f"{n}"), status, rounds=rounds) for n, (status, rounds) in enumerate(of)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "ok", "said"),
    [
        (report(("imported", 20), ("imported", 4)), True, "2 imported with 24 rounds, 0 already in the database"),
        (report(("known", 9), ("imported", 4)), True, "1 imported with 4 rounds, 1 already in the database"),
        (report(("refused", 0), ("quarantined", 0)), False,
         "0 imported with 0 rounds, 0 already in the database, 2 not readable"),
        (report(("known", 0), ("missing", 0)), False,
         "0 imported with 0 rounds, 1 already in the database, 1 of the paths without a recording"),
    ],
)  # fmt: skip
def test_a_report_says_in_one_sentence_what_became_of_all(found: IngestReport, ok: bool, said: str) -> None:
    assert (found.ok, found.summary()) == (ok, said)
    assert found.of("imported") == [one for one in found.outcomes if one.status == "imported"]


@pytest.mark.parametrize(
    ("rounds", "left_out", "economy", "said"),
    [
        (0, {"x": 1}, False, "no played round: imported as an unfinished match without rounds"),
        (1, {}, True, ""),
        (1, {}, False, "money and equipment were not recorded"),
        (9, {"hits without a victim": 2, "kills": 1}, True, "2 hits without a victim left out; 1 kills left out"),
        (9, {"kills": 1}, False, "money and equipment were not recorded; 1 kills left out"),
    ],
)
def test_what_is_missing_from_a_recording_is_remarked(
    rounds: int, left_out: dict[str, int], economy: bool, said: str
) -> None:
    assert remarks(rounds, left_out, economy_known=economy) == said


def test_an_outcome_says_how_the_match_came_in() -> None:
    path = Path("a.dem")

    def of(how: Any) -> Outcome:
        return outcome_of(path, Added(7, how), 20, {"kills": 1}, economy_known=True)

    assert of("new") == Outcome(path, "imported", "1 kills left out", 7, 20, {"kills": 1})
    assert of("known") == Outcome(path, "known", "the same match is already in the database", 7)
    fuller = of("fuller")
    assert (fuller.status, fuller.demo_id, fuller.rounds, fuller.left_out) == ("known", 7, 20, {"kills": 1})
    assert "took the other's place" in fuller.detail


def test_unless_told_otherwise_two_at_once_are_read_for_ten_minutes_and_dated_by_their_files() -> None:
    told = {one.name: one.default for one in inspect.signature(ingest).parameters.values()}
    usual = {"workers": 2, "timeout": 600.0, "file_times": True, "retry": False, "replaces": True, "played_on": None}
    assert {name: told[name] for name in usual} == usual


def test_recordings_are_found_once_in_folders_below_and_by_name(tmp_path: Path) -> None:
    for name in ("b.dem", "a.dem", "notes.txt", "deep/er/c.dem"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    Script().folder(tmp_path / "events")
    names = ["a.dem", "b.dem", "deep/er/c.dem", "events"]
    assert list(find([tmp_path])) == [tmp_path / name for name in names]
    again = [tmp_path / "b.dem", tmp_path / "deep" / ".." / "b.dem", tmp_path / "notes.txt", tmp_path / "none.dem"]
    assert list(find(again)) == [tmp_path / name for name in ("b.dem", "notes.txt", "none.dem")]
    assert list(find([tmp_path / "events"])) == [tmp_path / "events"]
    (tmp_path / "empty").mkdir()
    assert list(find([tmp_path / "empty"])) == [tmp_path / "empty"], "passed on, to be reported"


def test_where_there_is_no_recording_no_database_is_made_and_each_path_is_told_why(
    tmp_path: Path, database: Path
) -> None:
    (tmp_path / "empty").mkdir()
    found = ingest([tmp_path / "empty", tmp_path / "none.dem"], database).outcomes
    assert [(one.status, one.detail) for one in found] == [
        ("missing", "the folder holds no .dem file and no Parquet file named after a game event"),
        ("missing", "there is no such file"),
    ]
    assert not database.exists()
    assert failed(database) == []


@pytest.fixture
def games(tmp_path: Path) -> list[Path]:
    """Three matches of a few rounds as folders of events."""
    found = []
    for rounds in (1, 2, 3):
        script = Script()
        for _ in range(rounds):
            script.round(3, [(5, "ct1", "t1"), (9, "t2", "ct2")])
        found.append(script.folder(tmp_path / f"game {rounds}"))
    return found


def test_a_second_ingest_changes_nothing_and_says_so(games: list[Path], database: Path) -> None:
    assert statuses(ingest(games, database)) == ["imported"] * 3
    before = content(database)
    again = ingest(games, database)
    assert statuses(again) == ["known"] * 3
    assert again.summary() == "0 imported with 0 rounds, 3 already in the database"
    for name, table in content(database).items():
        pd.testing.assert_frame_equal(table, before[name])


def test_several_at_once_write_what_one_after_the_other_write(games: list[Path], tmp_path: Path) -> None:
    ingest(games, tmp_path / "serial.sqlite", workers=1)
    ingest(games, tmp_path / "parallel.sqlite", workers=3)
    serial, parallel = content(tmp_path / "serial.sqlite"), content(tmp_path / "parallel.sqlite")
    for name, table in serial.items():
        pd.testing.assert_frame_equal(table, parallel[name])
    assert len(serial["Matches"]) == 3


def test_a_copy_under_another_name_is_the_same_recording(games: list[Path], tmp_path: Path, database: Path) -> None:
    copy = tmp_path / "copy"
    games[0].rename(tmp_path / "moved")
    copy.mkdir()
    for file in (tmp_path / "moved").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    report = ingest([tmp_path / "moved", copy], database, workers=2)
    assert statuses(report) == ["imported", "known"]
    assert report.outcomes[0].demo_id == report.outcomes[1].demo_id


def test_progress_tells_how_far_it_is(games: list[Path], database: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    ingest(games, database, progress=lambda done, of, outcome: seen.append((done, of, outcome.path.name)))
    assert seen == [(1, 3, "game 1"), (2, 3, "game 2"), (3, 3, "game 3")]


def test_a_folder_is_searched_for_recordings_below_it(games: list[Path], tmp_path: Path, database: Path) -> None:
    assert len(ingest([tmp_path], database).of("imported")) == 3


@pytest.mark.parametrize(
    ("parser", "reason"), [("Crashing", "the parser crashed (signal 6)"), ("Leaving", "exit status 3")]
)
def test_a_parser_that_dies_costs_one_recording(
    parser: str, reason: str, games: list[Path], tmp_path: Path, database: Path
) -> None:
    bad = tmp_path / "bad.dem"
    bad.write_bytes(b"anything")
    report = ingest([bad, games[0]], database, parser=f"{MISBEHAVING}:{parser}")
    assert statuses(report) == ["refused", "imported"]
    assert reason in report.outcomes[0].detail


def test_a_parser_that_never_returns_is_stopped(tmp_path: Path, database: Path) -> None:
    bad = tmp_path / "bad.dem"
    bad.write_bytes(b"anything")
    ingest([bad], database, parser=f"{MISBEHAVING}:Hanging", timeout=1)
    assert failed(database)[0].reason == "the parser had not finished after 1 seconds and was stopped"


def test_a_killed_ingest_leaves_whole_recordings_and_no_process(
    games: list[Path], tmp_path: Path, database: Path
) -> None:
    bad = tmp_path / "bad.dem"
    bad.write_bytes(b"anything")
    call = (
        "import sys; from pathlib import Path; from cs2_pipeline.demodb.importers.ingest import ingest\n"
        f"ingest([Path(p) for p in sys.argv[2:]], Path(sys.argv[1]), workers=1, parser='{MISBEHAVING}:Hanging')"
    )
    running = subprocess.Popen([sys.executable, "-c", call, str(database), str(games[0]), str(bad)])
    worker = int(eventually(lambda: bad.with_suffix(".pid").read_text()))
    eventually(lambda: read(database, 'SELECT "Id" FROM "Matches"')["Id"][0])
    running.kill()
    running.wait()
    eventually(lambda: not alive(worker))
    assert statuses(ingest(games, database)) == ["known", "imported", "imported"]


def test_what_nobody_foresaw_in_one_recording_does_not_stop_the_others(tmp_path: Path, database: Path) -> None:
    paths = [tmp_path / f"{name}.dem" for name in ("de_nuke", "odd", "de_dust2")]
    for path in paths:
        path.write_text(path.stem)
    report = ingest(paths, database, parser=f"{MISBEHAVING}:Stumbling")
    assert statuses(report) == ["imported", "refused", "imported"]
    assert not report.ok
    assert [entry.path for entry in failed(database)] == [str(paths[1])]


def test_quarantine_is_left_alone_until_the_file_changes_or_a_retry(tmp_path: Path, database: Path) -> None:
    path = tmp_path / "game.dem"
    path.write_bytes(b"")
    assert failed(database) == []
    assert statuses(ingest([path], database)) == ["refused"]
    assert statuses(ingest([path], database)) == ["quarantined"]
    assert statuses(ingest([path], database, retry=True)) == ["refused"]
    (entry,) = failed(database)
    assert (entry.reason, entry.attempts) == ("the file is empty", 2)
    path.write_text("something else")
    changed = ingest([path], database)
    assert statuses(changed) == ["refused"]
    assert "not a Counter-Strike 2 recording" in changed.outcomes[0].detail


def test_a_repaired_recording_leaves_the_quarantine(games: list[Path], database: Path) -> None:
    file = games[0] / "round_end.parquet"
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    assert statuses(ingest(games[:1], database)) == ["refused"]
    assert "round_end.parquet is not a readable Parquet file" in failed(database)[0].reason
    file.write_bytes(whole)
    assert statuses(ingest(games[:1], database)) == ["imported"]
    assert failed(database) == []


def test_a_name_with_nothing_behind_it_is_reported_and_not_kept(tmp_path: Path, database: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = ingest([tmp_path / "missing.dem", tmp_path / "empty"], database)
    assert [outcome.detail for outcome in report.outcomes] == [
        "there is no such file",
        "the folder holds no .dem file and no Parquet file named after a game event",
    ]
    assert statuses(report) == ["missing", "missing"]
    assert not database.exists(), "no database is made for nothing"


def test_paths_without_a_recording_are_told_apart_from_what_cannot_be_read(tmp_path: Path, database: Path) -> None:
    (tmp_path / "notes.txt").write_text("no demo")
    report = ingest([tmp_path / "notes.txt", tmp_path / "missing.dem"], database)
    assert statuses(report) == ["refused", "missing"]
    assert report.summary() == (
        "0 imported with 0 rounds, 0 already in the database, 1 not readable, 1 of the paths without a recording"
    )
    assert [Path(entry.path).name for entry in failed(database)] == ["notes.txt"]


def test_a_database_that_cannot_be_used_is_named_before_anything_is_read(games: list[Path], tmp_path: Path) -> None:
    with pytest.raises(DemoDatabaseError, match="could not be used"):
        ingest(games, games[0] / "round_end.parquet")


@needs_data
def test_of_the_five_real_recordings_four_come_in_without_a_round_and_one_is_broken(database: Path) -> None:
    pytest.importorskip("demoparser2", reason="demoparser2 is not installed (extra 'demos')")
    report = ingest([DATA / "cs2_demos"], database)
    assert {outcome.path.stem: outcome.status for outcome in report.outcomes} == {
        "14065": "imported",
        "14090": "refused",
        "14132": "imported",
        "14155": "imported",
        "14160": "imported",
    }
    assert "no played round" in report.outcomes[0].detail
    assert "IllegalPathOp" in failed(database)[0].reason
    matches = read(database, 'SELECT "MapName", "TotalRounds", "IsFinished", "RoundTimeLimit" FROM "Matches"')
    assert matches["MapName"].tolist() == ["de_nuke", "de_ancient", "de_dust2", "de_dust2"]
    assert matches[["TotalRounds", "IsFinished"]].to_numpy().sum() == 0
    assert set(matches["RoundTimeLimit"]) == {115.0}


@pytest.fixture(scope="module")
def real_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not DATA.is_dir():
        pytest.skip("no real recordings beside the repository")
    path = tmp_path_factory.mktemp("real") / "demos.sqlite"
    assert statuses(ingest([DATA / "cs2_game_events"], path)) == ["imported"]
    return path


@pytest.fixture(scope="module")
def real_game(real_database: Path) -> dict[str, pd.DataFrame]:
    return content(real_database)


def test_the_real_game_has_its_14_round_ends_and_116_deaths(real_game: dict[str, Any]) -> None:
    rounds, kills = real_game["Rounds"], real_game["Kills"]
    assert rounds["WinnerTeam"].notna().sum() == 14
    assert len(kills) == 116
    warm_up = rounds.loc[rounds["IsWarmup"] == 1, "Id"]
    assert kills["RoundId"].isin(warm_up).sum() == 11
    assert rounds.loc[rounds["IsWarmup"] == 0, "RoundNumber"].tolist() == list(range(1, 15))


def test_the_real_game_ended_13_to_1(real_game: dict[str, Any]) -> None:
    match = real_game["Matches"].iloc[0]
    assert (match["CTScore"], match["TScore"], match["CTScoreFirstHalf"], match["TScoreFirstHalf"]) == (1, 13, 11, 1)
    assert (match["WinnerTeam"], match["IsFinished"], match["TotalRounds"]) == ("T", 1, 14)
    last = real_game["Rounds"].iloc[-1]
    assert (last["CTScore"], last["TScore"], last["WinnerTeam"]) == (1, 13, "T")


def test_the_real_games_tables_add_up(real_game: dict[str, Any]) -> None:
    rounds, lines, totals = (real_game[name] for name in ("Rounds", "PlayerRoundStats", "PlayerMatchStats"))
    live = rounds[rounds["IsWarmup"] == 0]
    kills = real_game["Kills"][real_game["Kills"]["RoundId"].isin(live["Id"])]
    damages = real_game["Damages"][real_game["Damages"]["RoundId"].isin(live["Id"])]
    assert (lines.groupby("RoundId").size() == 10).all()
    assert lines["Kills"].sum() == totals["Kills"].sum() == (kills["IsTeamKill"] == 0).sum()
    assert lines["Deaths"].sum() == totals["Deaths"].sum() == len(kills)
    assert lines["Damage"].sum() == totals["TotalDamageDealt"].sum() <= damages["DamageAmount"].sum()
    assert damages.groupby(["RoundId", "VictimId"])["DamageAmount"].sum().max() <= 100
    survivors = lines.groupby("RoundId")["IsAlive"].sum()
    assert (survivors == live.set_index("Id")[["CTLivePlayers", "TLivePlayers"]].sum(axis=1)).all()
    for column in ("Kills", "Deaths", "Assists", "FlashAssists", "UtilityDamage", "ShotsFired"):
        assert (lines.groupby("PlayerId")[column].sum() == totals.set_index("PlayerId")[column]).all()
    assert kills["IsFirstKill"].sum() == totals["FirstKills"].sum() == totals["FirstDeaths"].sum() == 14
    assert totals["RoundsWon"].tolist() == [13 if won > 1 else 1 for won in totals["RoundsWon"]]


def test_the_extraction_finds_the_real_games_live_rounds_and_their_events(real_database: Path) -> None:
    days = date(2000, 1, 1), date(2100, 1, 1)
    with DemoDatabase(f"sqlite:///{real_database}") as db:
        rounds = extract.rounds(db, *days)
        stats = extract.player_match_stats(db, *days)
        found = events.event_tables(db, *days)
    assert (len(rounds.frame), rounds.left_out["warm-up round"]) == (14, 1)
    assert rounds.frame["ct_wins"].sum() == 11
    assert (len(stats.frame), int(stats.frame["rounds"].sum())) == (10, 140)
    assert (len(found.rounds), len(found.refused)) == (0, 0)
    assert found.left_out["equipment not recorded"] == 14, "events alone do not say what anybody carried"
