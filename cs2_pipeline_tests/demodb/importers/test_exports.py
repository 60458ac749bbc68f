"""Exports of other programs: each match once, whatever the format, and every awkward file with a stated answer."""

import gzip
import json
import os
import sqlite3
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cs2_pipeline.datasets import snapshots
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import DemoDatabaseError
from cs2_pipeline.demodb.extraction import extract
from cs2_pipeline.demodb.importers import checksum, exports
from cs2_pipeline.demodb.importers.exports import find, ingest_exports, is_export
from cs2_pipeline.demodb.importers.ingest import failed, ingest
from cs2_pipeline_tests.demodb.importers import made_exports as made

DATA = Path(__file__).parents[3].parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no real exports beside the repository")
PARTS = ("rounds", "playerEconomies", "kills", "damages", "playersBuy")
ALL_DAYS = date(2000, 1, 1), date(2100, 1, 1)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "demos.sqlite"


def take(database: Path, *paths: Path, **options: Any) -> list[tuple[str, str]]:
    return [(outcome.status, outcome.detail) for outcome in ingest_exports(paths, database, **options).outcomes]


def statuses(database: Path, *paths: Path, **options: Any) -> list[str]:
    return [status for status, _ in take(database, *paths, **options)]


def query(database: Path, text: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(database) as connection:
        return connection.execute(text).fetchall()


def states(database: Path) -> pd.DataFrame:
    with DemoDatabase(f"sqlite:///{database}") as db:
        found = extract.event_tables(db, *ALL_DAYS)
    return snapshots.rebuild(found.rounds, found.participants, found.kills, found.damages, found.bombs).frame


def test_a_match_comes_in_with_its_rounds_its_score_and_where_it_came_from(tmp_path: Path, database: Path) -> None:
    assert statuses(database, made.write(tmp_path, made.match("AAAABBB" + "A" * 9))) == ["imported"]
    found = query(database, 'SELECT "TotalRounds", "CTScore", "TScore", "WinnerTeam", "StartTime" FROM "Matches"')
    assert found == [(16, 3, 13, "T", "2024-03-09 18:00:00.000000")]
    assert query(database, 'SELECT "DemoSource", "Game" FROM "DemoFiles"') == [("cs-demo-analyzer", "cs2")]
    assert query(database, 'SELECT COUNT(*), SUM("HasHelmet"), SUM("EquipmentValue") FROM "PlayerRoundStats"') == [
        (160, 150, 150 * 4_700)  # of the last round's ten neither is known
    ]


@pytest.mark.parametrize(
    ("name", "export"),
    [
        ("a.json", True), ("A.JSON.GZ", True), ("a.zip", True), ("x/m_kills.csv", True), ("m_rounds.parquet", True),
        ("a.txt", False), ("a.gz", False), ("notes.csv", False), ("a.dem", False),
    ],
)  # fmt: skip
def test_an_export_is_told_by_its_name(name: str, export: bool) -> None:
    assert is_export(name) == export


def test_exports_are_found_below_folders_each_once_and_tables_of_a_folder_together(tmp_path: Path) -> None:
    for name in ("b.json", "a/z.zip", "t/m_match.csv", "t/m_kills.csv", "t/other.json", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    found = find([tmp_path, tmp_path / "b.json", tmp_path / "empty", tmp_path / "none.json", tmp_path / "notes.txt"])
    assert [(unit.path.relative_to(tmp_path).as_posix(), [file.name for file in unit.files]) for unit in found] == [
        ("a/z.zip", ["z.zip"]), ("b.json", ["b.json"]), ("t", ["m_kills.csv", "m_match.csv"]),
        ("t/other.json", ["other.json"]), ("empty", []), ("none.json", []), ("notes.txt", []),
    ]  # fmt: skip


def test_what_is_missing_is_told_apart_from_what_is_no_export(tmp_path: Path, database: Path) -> None:
    (tmp_path / "notes.txt").touch()
    [(_, first), (_, second)] = take(database, tmp_path / "none.json", tmp_path / "notes.txt")
    assert first == "there is no such file"
    assert second.startswith("no export: a .json, .json.gz or .zip file, or tables named")


def packed(path: Path, **members: bytes | str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def test_an_archive_may_hold_several_exports_of_which_a_broken_one_stops_no_other(
    tmp_path: Path, database: Path
) -> None:
    one, two = (json.dumps(made.match(checksum=number)) for number in ("1", "2"))
    path = packed(tmp_path / "many.zip", one__json=one, broken__json="{", two__json=two, readme__txt="x")
    told = ingest_exports([path], database).outcomes
    assert [(outcome.path.name, outcome.status) for outcome in told] == [
        ("one.json", "imported"), ("broken.json", "refused"), ("two.json", "imported"),
    ]  # fmt: skip
    assert [Path(entry.path) for entry in failed(database)] == [path / "broken.json"]


def test_an_archive_of_one_export_is_known_by_its_own_path(tmp_path: Path, database: Path) -> None:
    path = packed(tmp_path / "one.zip", deep__json="{")
    [outcome] = ingest_exports([path], database).outcomes
    assert (outcome.path, outcome.status) == (path, "refused")
    [again] = ingest_exports([path], database).outcomes
    assert again.status == "quarantined"
    assert again.detail == f"{outcome.detail} (unchanged since; read it again with --retry)"
    [retried] = ingest_exports([path], database, retry=True).outcomes
    assert retried.status == "refused"
    assert failed(database)[0].attempts == 2


@pytest.mark.parametrize(("largest", "status"), [(10, "refused"), (11, "refused"), (9, "refused")])
def test_an_archive_whose_member_unpacks_to_too_much_is_refused_before_it_is_read(
    tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch, largest: int, status: str
) -> None:
    monkeypatch.setattr(exports, "_LARGEST_MEMBER", largest)
    [(found, detail)] = take(database, packed(tmp_path / "big.zip", notes__txt="x" * 10))
    assert found == status
    assert ("unpacks to more than" in detail) == (largest < 10)
    assert ("the archive holds no export" in detail) == (largest >= 10)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, database: Path) -> None:
    (tmp_path / "a.zip").write_text("no archive")
    [(status, detail)] = take(database, tmp_path / "a.zip")
    assert (status, "zip" in detail) == ("refused", True)


def test_tables_in_an_archive_are_read_together(tmp_path: Path, database: Path) -> None:
    folder = made.write_csv(tmp_path / "tables", made.match())
    files = {path.name.replace(".", "__"): path.read_bytes() for path in folder.iterdir()}
    [outcome] = ingest_exports([packed(tmp_path / "t.zip", **files)], database).outcomes
    assert (outcome.status, outcome.path, outcome.rounds) == ("imported", tmp_path / "t.zip" / "made-up", 13)


def test_each_outcome_is_told_while_it_goes_on_and_files_are_dated(tmp_path: Path, database: Path) -> None:
    first = made.write(tmp_path, made.match(), "a.json")
    second = made.write(tmp_path, made.match(checksum="2", demoFileName=""), "b.json")
    os.utime(first, (1_000, 1_000))
    told: list[tuple[int, int, str]] = []
    ingest_exports([tmp_path], database, progress=lambda done, of, one: told.append((done, of, one.path.name)))
    assert told == [(1, 2, "a.json"), (2, 2, "b.json")]
    rows = query(database, 'SELECT "FileName", "FilePath", "FileSize", "CreatedAt" FROM "DemoFiles" ORDER BY "Id"')
    assert rows[0] == ("made-up", str(first), first.stat().st_size, "1970-01-01 00:16:40.000000")
    assert rows[1][0] == second.name, "a match without a name has its file's"


def test_the_same_demo_is_known_again_in_every_format_and_name(tmp_path: Path, database: Path) -> None:
    one = made.match()
    tables = made.write_csv(tmp_path / "tables", one)
    archive = tmp_path / "archive.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("other-name.json", json.dumps(one))
    assert statuses(database, made.write(tmp_path, one)) == ["imported"]
    assert statuses(database, made.write(tmp_path, one, "again.json"), tables, archive) == ["known"] * 3
    assert query(database, 'SELECT COUNT(*) FROM "Matches"') == [(1,)]


@pytest.mark.parametrize("zip_first", [True, False])
def test_the_same_match_in_formats_that_name_its_demo_differently_is_kept_once(
    tmp_path: Path, database: Path, zip_first: bool
) -> None:
    one = made.match("AAABBBAB" * 2 + "AAAAA")
    paths = [made.write(tmp_path, one), made.write_zip(tmp_path, one)]
    first, second = reversed(paths) if zip_first else paths
    assert take(database, first)[0][0] == "imported"
    assert take(database, second)[0][0] == "known"
    assert statuses(database, first, second) == ["known", "known"]
    assert query(database, 'SELECT COUNT(*) FROM "Matches"') == [(1,)]
    assert query(database, 'SELECT DISTINCT "DemoFileId" FROM "IngestedDemos"') == [(1,)]
    assert failed(database) == []


def test_another_recording_of_a_match_is_the_same_match_and_a_rematch_is_not(tmp_path: Path, database: Path) -> None:
    one = made.match("AAABBBAB" * 2 + "AAAAA")
    other = {part: [row | {"tick": row["tick"] + 700} for row in one[part]] for part in ("kills", "damages")}
    other["kills"] = [row for place, row in enumerate(other["kills"]) if place % 10]  # one in ten is not in it
    other["rounds"] = [
        row | {name: row[name] + 700 for name in ("startTick", "freezeTimeEndTick", "endTick")} for row in one["rounds"]
    ]
    rematch = made.match("AAABBBAB" * 2 + "AAAAA", checksum="2")
    paths = [
        made.write(tmp_path, match, f"{place}.json")
        for place, match in enumerate((one, one | other | {"checksum": "1"}, rematch))
    ]
    assert statuses(database, *paths) == ["imported", "known", "imported"]


def all_rows(database: Path) -> dict[str, int]:
    tables = ("Rounds", "Players", "Kills", "Bombs", "Damages", "PlayerRoundStats", "PlayerMatchStats")
    return {table: query(database, f'SELECT COUNT(*) FROM "{table}"')[0][0] for table in tables}  # noqa: S608


def test_the_fuller_recording_of_a_match_takes_the_others_place_and_keeps_its_ids_and_day(
    tmp_path: Path, database: Path
) -> None:
    one, alone = made.match("AAABBBAB" * 2 + "AAAAA", date=""), tmp_path / "alone.sqlite"
    tables, whole = (
        made.write_csv(tmp_path / "tables", one),
        made.write(tmp_path, one | {"date": "2024-03-11T10:00:00Z"}),
    )
    assert statuses(database, tables, played_on=date(2024, 3, 9)) == ["imported"]
    assert statuses(database, made.write(tmp_path, made.match("B" * 13, checksum="2"), "next.json")) == ["imported"]
    assert query(database, 'SELECT COUNT(*) FROM "Damages" WHERE "DemoFileId" = 1') == [(0,)]
    watermark = query(database, 'SELECT MAX("ParsedAt") FROM "DemoFiles"')
    assert take(database, whole)[0] == (
        "known",
        "the same match was already in the database; this recording holds more of it and took the other's place",
    )
    assert query(database, 'SELECT "Id", "DemoFileId", date("StartTime") FROM "Matches"') == [
        (1, 1, "2024-03-09"),
        (2, 2, "2024-03-09"),
    ]
    assert query(database, 'SELECT "DemoSource" FROM "DemoFiles" WHERE "Id" = 1') == [("cs-demo-analyzer",)]
    assert query(database, 'SELECT MAX("ParsedAt") FROM "DemoFiles"') > watermark, "the extraction sees it"
    assert query(database, "PRAGMA foreign_key_check") == []
    days = 'SELECT DISTINCT date("StartTime") FROM "Rounds" WHERE "DemoFileId" = 1'
    assert query(database, days) == [("2024-03-09",)]
    assert statuses(alone, whole, tmp_path / "next.json") == ["imported", "imported"]
    assert all_rows(database) == all_rows(alone), "nothing of the lesser one is left"
    before = query(database, 'SELECT MAX("ParsedAt") FROM "DemoFiles"')
    assert statuses(database, tables, whole, played_on=date(2024, 3, 9)) == ["known", "known"]
    assert query(database, 'SELECT MAX("ParsedAt") FROM "DemoFiles"') == before, "and the lesser one does not come back"


def test_a_recording_that_has_more_of_one_thing_and_less_of_another_takes_nobodys_place(
    tmp_path: Path, database: Path
) -> None:
    one = made.match("AAABBBAB" * 2 + "AAAAA")
    assert statuses(database, made.write_csv(tmp_path / "tables", one)) == ["imported"]
    fewer = {part: [row for row in one[part] if row.get("number", row.get("roundNumber")) < 21] for part in PARTS}
    kept = query(database, 'SELECT "ParsedAt" FROM "DemoFiles"')
    assert statuses(database, made.write(tmp_path, one | fewer)) == ["known"]
    assert query(database, 'SELECT "ParsedAt" FROM "DemoFiles"') == kept


def test_a_recording_with_other_kills_takes_nobodys_place_whatever_it_is_called(tmp_path: Path, database: Path) -> None:
    one = made.match("AAABBBAB" * 2 + "AAAAA")
    assert statuses(database, made.write_csv(tmp_path / "tables", one)) == ["imported"]
    kills = [made.kill(row["roundNumber"], 6, 1) | {"tick": row["tick"]} for row in one["kills"]]
    kept = query(database, 'SELECT "ParsedAt" FROM "DemoFiles"')
    assert statuses(database, made.write(tmp_path, one | {"kills": kills})) == ["known"]
    assert query(database, 'SELECT "ParsedAt" FROM "DemoFiles"') == kept


def test_too_few_kills_do_not_make_two_recordings_one_match(tmp_path: Path, database: Path) -> None:
    short = made.match("AAA")
    assert statuses(database, made.write(tmp_path, short), made.write_zip(tmp_path, short)) == ["imported"] * 2


@needs_data
def test_no_two_real_matches_are_taken_for_one_and_one_under_another_name_is_known(
    tmp_path: Path, database: Path
) -> None:
    real = DATA / "cs_demo_analyzer"
    assert set(statuses(database, real, DATA / "pro_maps_2026", played_on=date(2026, 1, 1))) == {"imported"}
    again = json.loads(gzip.decompress(next(real.glob("renown*")).read_bytes())) | {"checksum": "another recording"}
    again["kills"] = [row for place, row in enumerate(again["kills"]) if place % 20]
    assert statuses(database, made.write(tmp_path, again), played_on=date(2026, 1, 2)) == ["known"]


def write_demo(path: Path) -> Path:
    """A `.dem` that has a header and nothing else."""

    def field(number: int, value: str | int) -> bytes:
        if isinstance(value, int):
            return bytes([number << 3]) + varint(value)
        return bytes([number << 3 | 2]) + varint(len(value)) + value.encode()

    def varint(value: int) -> bytes:
        digits = bytearray()
        while value >= 0x80:
            digits.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes(digits) + bytes([value])

    header = field(1, "PBDEMS2") + field(2, 13983) + field(3, "a server") + field(4, "SourceTV") + field(5, "de_nuke")
    header += field(11, "valve_demo_2") + field(12, "8e9d71ab") + field(13, 9842)
    path.write_bytes(b"PBDEMS2\0" + bytes(8) + bytes([1, 0]) + varint(len(header)) + header + bytes(100))
    return path


def test_a_demo_has_the_checksum_of_its_exports(tmp_path: Path) -> None:
    path = write_demo(tmp_path / "match.dem")
    said = f"de_nukea serverSourceTV1398398428e9d71abvalve_demo_2{path.stat().st_size}"
    assert checksum.of_demo(path) == f"{checksum.crc64(said.encode()):x}"
    assert checksum.crc64(b"123456789") == 0x995DC9BBDF1939FA  # the check value published for CRC-64/XZ


def test_a_demo_takes_the_place_of_a_lesser_export_of_it_unless_it_cannot_be_read(
    tmp_path: Path, database: Path
) -> None:
    parsers = "cs2_pipeline_tests.demodb.importers.misbehaving"
    demo = write_demo(tmp_path / "match.dem")
    one = made.match("AAABBBAB" * 2 + "AAAAA", checksum=checksum.of_demo(demo))
    made.write(tmp_path, one, "match.json")  # what the parser answers
    assert statuses(database, made.write_csv(tmp_path / "tables", one)) == ["imported"]
    hits = 'SELECT COUNT(*) > 0 FROM "Damages"'
    for parser, holds_hits in (("Crashing", 0), ("Exporting", 1), ("Crashing", 1)):  # the last one is not asked
        [outcome] = ingest([demo], database, parser=f"{parsers}:{parser}").outcomes
        assert (outcome.status, outcome.demo_id) == ("known", 1)
        assert query(database, hits) == [(holds_hits,)]
        assert failed(database) == []
    assert query(database, 'SELECT "Id", "DemoSource" FROM "DemoFiles"') == [(1, "demo")]


@pytest.mark.parametrize("blank", ["", " ", "redacted", None])
def test_a_match_without_a_date_is_refused_until_one_is_said_and_never_gets_todays(
    tmp_path: Path, database: Path, blank: str | None
) -> None:
    path = made.write(tmp_path, made.match(date=blank))
    [(status, detail)] = take(database, path)
    assert status == "refused" and "--date" in detail
    assert query(database, 'SELECT COUNT(*) FROM "Matches"') == [(0,)]
    assert [entry.path for entry in failed(database)] == [str(path)]
    assert statuses(database, path) == ["quarantined"]
    assert statuses(database, path, played_on=date(2023, 12, 31)) == ["imported"]
    assert query(database, 'SELECT "StartTime" FROM "Matches"') == [("2023-12-31 00:00:00.000000",)]
    assert failed(database) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps(made.match()).encode()[:5_000], "truncated"),
        (gzip.compress(json.dumps(made.match()).encode())[:500], "truncated"),
        (b'{"rounds": []}', "no checksum"),
        (b"[]", "not an export of cs-demo-analyzer"),
    ],
)
def test_a_broken_file_is_refused_with_the_reason_and_loses_nothing(
    tmp_path: Path, database: Path, content: bytes, said: str
) -> None:
    broken = tmp_path / "broken.json.gz"
    broken.write_bytes(content)
    good = made.write(tmp_path, made.match())
    found = dict(zip(("broken", "good"), take(database, broken, good), strict=True))
    assert found["broken"][0] == "refused" and said in found["broken"][1]
    assert found["good"][0] == "imported"


def test_two_against_two_is_refused(tmp_path: Path, database: Path) -> None:
    four = {made.steam_id(player) for player in (1, 2, 6, 7)}
    one = made.match()
    few = {
        "playerEconomies": [row for row in one["playerEconomies"] if row["steamId"] in four],
        "kills": [row for row in one["kills"] if {row["killerSteamId"], row["victimSteamId"]} <= four],
        "damages": [row for row in one["damages"] if {row["attackerSteamId"], row["victimSteamId"]} <= four],
        "playersBuy": [],
    }
    [(status, detail)] = take(database, made.write(tmp_path, one | few))
    assert status == "refused" and "teams of 2" in detail


def test_a_match_given_up_after_eight_rounds_counts_and_has_no_winner(tmp_path: Path, database: Path) -> None:
    assert statuses(database, made.write(tmp_path, made.match("A" * 8))) == ["imported"]
    found = query(database, 'SELECT "IsFinished", "WinnerTeam", "WinCondition", "TotalRounds" FROM "Matches"')
    assert found == [(1, None, "given up", 8)]
    assert states(database)["round_id"].nunique() == 7, "of the last round money and equipment are not known"


def test_a_player_who_leaves_leaves_four(tmp_path: Path, database: Path) -> None:
    one = made.match("A" * 13)
    gone = made.steam_id(10)
    for part, key in (("playerEconomies", "steamId"), ("kills", "victimSteamId"), ("damages", "victimSteamId"),
                      ("playersBuy", "playerSteamId")):  # fmt: skip
        one[part] = [row for row in one[part] if row["roundNumber"] <= 6 or row[key] != gone]
    assert statuses(database, made.write(tmp_path, one)) == ["imported"]
    begun = states(database).query("moment == 'freeze_end'").set_index("round_number")["t_alive"]
    assert begun.loc[:6].tolist() == [5] * 6 and begun.loc[7:12].tolist() == [4] * 6


def test_a_player_whose_economy_is_missing_does_not_make_the_side_smaller(tmp_path: Path, database: Path) -> None:
    one = made.match("A" * 13)
    one["playerEconomies"] = [
        row for row in one["playerEconomies"] if (row["roundNumber"], row["steamId"]) != (3, made.steam_id(10))
    ]
    take(database, made.write(tmp_path, one))
    assert 3 not in set(states(database)["round_number"])
    assert query(
        database, 'SELECT COUNT(*) FROM "PlayerRoundStats" WHERE "EquipmentValue" IS NULL AND "RoundId" < 13'
    ) == [(1,)]


@pytest.mark.parametrize("write", [made.write, made.write_csv])
def test_money_written_when_the_match_is_over_is_not_taken_for_that_of_the_last_round(
    tmp_path: Path, database: Path, write: Callable[[Path, dict[str, Any]], Path]
) -> None:
    one = made.match("AAB" * 6 + "A")  # what the exporter writes of the last round: $3,250 more for the winners
    for row in one["playerEconomies"]:
        if row["roundNumber"] == 19:
            row["startMoney"] += 3_250 if row["playerSide"] == one["rounds"][-1]["winnerSide"] else 1_400
    (tmp_path / "export").mkdir()
    take(database, write(tmp_path / "export", one))
    known = 'SELECT COUNT(*), COUNT("StartMoney"), COUNT("EquipmentValue") FROM "PlayerRoundStats" WHERE "RoundId" '
    assert query(database, known + "= 19") == [(10, 0, 0)]
    assert query(database, known + "< 19") == [(180, 180, 180)]
    assert sorted(set(states(database)["round_number"])) == list(range(1, 19))


def test_a_bot_plays_under_its_name_and_is_no_person(tmp_path: Path, database: Path) -> None:
    bot = {"victimSteamId": 0, "victimName": "Yanni"}
    one = made.match("A" * 13)
    one["kills"] = [row | bot if row["victimSteamId"] == made.steam_id(10) else row for row in one["kills"]]
    take(database, made.write(tmp_path, one))
    assert query(database, 'SELECT "SteamId", "IsBot" FROM "Players" WHERE "PlayerName" = \'Yanni\'') == [(0, 1)]
    with DemoDatabase(f"sqlite:///{database}") as db:
        lines = extract.player_match_stats(db, *ALL_DAYS).frame
    assert len(lines) == 10 and "0" not in set(lines["steam_id"])


def test_teams_are_told_by_their_players_whatever_they_are_called(tmp_path: Path, database: Path) -> None:
    named, nameless = made.match("AAB" * 6 + "A"), made.match("AAB" * 6 + "A", checksum="2", demoFileName="other")
    for row in nameless["rounds"]:
        row["teamAName"] = row["teamBName"] = "Team A"
    take(database, made.write(tmp_path, named), made.write(tmp_path, nameless, "nameless.json"))
    scores = query(database, 'SELECT "CTScore", "TScore", "WinnerTeam" FROM "Matches"')
    sides = 'SELECT COUNT(DISTINCT "SteamId") FROM "Players" WHERE "Team" = \'CT\' GROUP BY "DemoFileId"'
    assert len(scores) == 2 and scores[0] == scores[1] and scores[0][2] is not None
    assert query(database, sides) == [(5,), (5,)]


def test_killer_0_is_nobody(tmp_path: Path, database: Path) -> None:
    fallen = made.kill(1, 0, 10, at=5.0, weaponName="World")
    one = made.match()
    one["kills"] = [
        fallen,
        *(row for row in one["kills"] if (row["roundNumber"], row["victimSteamId"]) != (1, made.steam_id(10))),
    ]
    take(database, made.write(tmp_path, one))
    assert query(database, 'SELECT "KillerId", "KillerTeam", "Weapon" FROM "Kills" ORDER BY "Tick" LIMIT 1') == [
        (None, None, "world")
    ]


def test_a_kill_after_the_rounds_end_is_kept_and_changes_nothing(tmp_path: Path, database: Path) -> None:
    late = made.kill(1, 6, 1, at=made.LASTS / 64 + 1)
    one = made.match()
    take(database, made.write(tmp_path, one | {"kills": [*one["kills"], late]}))
    assert query(database, 'SELECT COUNT(*) FROM "Kills" WHERE "RoundId" = 1') == [(6,)]
    assert query(database, 'SELECT "CTLivePlayers", "TLivePlayers" FROM "Rounds" WHERE "Id" = 1') == [(5, 0)]
    with DemoDatabase(f"sqlite:///{database}") as db:
        assert extract.event_tables(db, *ALL_DAYS).left_out["event after the round's end"] == 1


def test_a_round_that_ends_before_it_began_does_not_count(tmp_path: Path, database: Path) -> None:
    one = made.match("AB" * 3 + "A" * 10)
    one["rounds"][1] |= {"endTick": 0, "duration": -70_000, "winnerSide": 0, "endReason": 0}
    take(database, made.write(tmp_path, one))
    assert query(database, 'SELECT COUNT(*), MAX("CTScore" + "TScore") FROM "Rounds" WHERE "EndTick" > 0') == [(15, 15)]


def test_parts_of_a_map_are_one_match(tmp_path: Path, database: Path) -> None:
    first = made.match("AAAAAB", demoFileName="one-vs-two-mirage-p1", checksum="1")
    first["rounds"][-1] |= {"endTick": 0, "winnerSide": 0, "endReason": 0}  # broken off, and played again
    second = made.match("BAAAAAA" + "B" * 3 + "A", demoFileName="one-vs-two-mirage-p2", checksum="2", maxRounds=14)
    for row in second["rounds"]:
        row["teamASide"] = made.CT
    paths = [made.write(tmp_path, first, "p1.json"), made.write(tmp_path, second, "p2.json")]
    [(status, detail)] = take(database, paths[1])
    assert status == "refused" and "other parts" in detail
    assert statuses(database, *paths) == ["imported"]
    assert query(database, 'SELECT COUNT(*), MAX("RoundNumber") FROM "Rounds" WHERE "WinnerTeam" IS NOT NULL') == [
        (16, 16)
    ]
    assert statuses(database, *paths) == ["known"]
    assert failed(database) == []


def test_parts_of_a_map_may_come_one_after_the_other(tmp_path: Path, database: Path) -> None:
    parts = [made.match("AAAAA", demoFileName=f"one-vs-two-mirage-p{n}", checksum=str(n)) for n in (1, 2, 3)]
    first, second, third = (made.write(tmp_path, one, f"{n}.json") for n, one in enumerate(parts))
    other = made.write(tmp_path, made.match(demoFileName="one-vs-two-nuke", checksum="4"), "other.json")
    assert statuses(database, first) == ["refused"]
    assert statuses(database, third) == ["refused"]
    assert statuses(database, other) == ["imported"], "parts that wait are nobody else's business"
    assert len(failed(database)) == 2
    assert statuses(database, second) == ["imported"]
    assert query(database, 'SELECT COUNT(*) FROM "Rounds" WHERE "DemoFileId" = 2 AND "WinnerTeam" <> \'\'') == [(15,)]
    assert failed(database) == []


def test_what_tables_without_damages_and_plants_do_not_say_is_null_and_not_0(tmp_path: Path, database: Path) -> None:
    take(database, made.write_csv(tmp_path / "tables", made.match()))
    assert query(database, 'SELECT DISTINCT "BombPlanted" FROM "Rounds"') == [(None,)]
    with DemoDatabase(f"sqlite:///{database}") as db:
        rounds = extract.rounds(db, *ALL_DAYS).frame
    assert len(rounds) == 13 and rounds["bomb_planted"].isna().all()
    assert rounds["ct_start_money"].notna().tolist() == [True] * 12 + [False]
    assert query(database, 'SELECT DISTINCT "Health", "Armor", "Damage" FROM "PlayerRoundStats"') == [(None,) * 3]
    assert query(database, 'SELECT DISTINCT "TotalDamageDealt", "ADR" FROM "PlayerMatchStats"') == [(None, None)]


@pytest.mark.parametrize(("by_ct", "by_t"), [(8, 9), (12, 1)])
def test_the_moments_of_such_a_round_end_before_a_plant_could_have_been_however_it_ended(
    tmp_path: Path, database: Path, by_ct: int, by_t: int
) -> None:
    one = made.match("AB" + "A" * 12)
    for row in one["rounds"]:
        row["endReason"] = by_ct if row["winnerSide"] == made.CT else by_t
    take(database, made.write_csv(tmp_path / "tables", one))
    found = states(database)
    assert found.groupby("round_id")["elapsed"].agg(list).tolist() == [[0.0, 8.0, 10.0]] * 13
    known = found["ct_health"].notna() | found["t_armor"].notna()
    assert (known == (found["elapsed"] == 0)).all()
    assert found.loc[found["elapsed"] == 8.0, ["ct_alive", "t_alive"]].drop_duplicates().to_numpy().tolist() == [
        [5, 4], [4, 5]
    ]  # fmt: skip


def test_sources_mix_and_each_round_keeps_its_own(tmp_path: Path, database: Path) -> None:
    whole, tables = made.match(), made.match(checksum="2", demoFileName="other")
    exploded = {"tick": made.live(2) + 2_000, "roundNumber": 2, "site": "A", "planterSteamId": made.steam_id(6)}
    take(
        database,
        made.write(tmp_path, whole | {"bombsExploded": [exploded]}),  # whose plant is missing: refused
        made.write_csv(tmp_path / "tables", tables),
        made.write(tmp_path, made.match(checksum="3", game="CSGO"), "old.json"),
    )
    found = states(database).groupby(["game", "source"])["round_id"].nunique()
    assert found.to_dict() == {
        ("cs2", "cs-demo-analyzer"): 11,
        ("cs2", "cs-demo-manager"): 12,
        ("csgo", "cs-demo-analyzer"): 12,
    }


def test_a_zip_of_lists_comes_in_and_hits_before_a_round_is_live_hurt_nobody(tmp_path: Path, database: Path) -> None:
    hit = {
        "roundNumber": 1, "tick": made.starts(1) + 3, "attackerIndex": 0, "victimIndex": 9, "weapon": "ak47",
        "healthDamage": 88, "healthDamageRaw": 88, "armorDamage": 0, "victimHealthBefore": 100, "victimArmorAfter": 100,
    }  # fmt: skip
    live = hit | {"tick": made.live(1) + 64, "healthDamage": 12, "healthDamageRaw": 30, "victimHealthBefore": 12}
    assert statuses(database, made.write_zip(tmp_path, made.match(), [hit, live])) == ["imported"]
    assert query(database, 'SELECT "TotalRounds", "WinnerTeam" FROM "Matches"')[0][0] == 13
    found = states(database).query("round_number == 1").set_index("elapsed")
    assert found["t_health"].loc[0.0] == 500 and found["t_health"].iloc[1] == 370
    assert found["t_alive"].iloc[1] == 4


def test_an_older_database_is_left_alone_with_a_word_what_to_do(tmp_path: Path, database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute('CREATE TABLE "DemoFiles" ("Id" INTEGER PRIMARY KEY, "FileName" TEXT)')
    with pytest.raises(DemoDatabaseError, match="earlier version"):
        take(database, made.write(tmp_path, made.match()))


def test_a_path_without_an_export_is_said_to_be_missing(tmp_path: Path, database: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    assert statuses(database, tmp_path / "notes.txt", tmp_path / "absent.json") == ["missing", "missing"]
    assert not database.exists()


@needs_data
def test_the_eight_real_matches_have_the_score_that_the_export_says(database: Path) -> None:
    folder = DATA / "cs_demo_analyzer"
    report = ingest_exports([folder], database, played_on=date(2024, 1, 1))
    assert [outcome.status for outcome in report.outcomes] == ["imported"] * 8
    for outcome in report.outcomes:
        said = json.loads(gzip.decompress(outcome.path.read_bytes()))
        by_side = {
            said["teamA"]["currentSide"]: said["teamA"]["score"],
            said["teamB"]["currentSide"]: said["teamB"]["score"],
        }
        found = query(database, f'SELECT "CTScore", "TScore" FROM "Matches" WHERE "DemoFileId" = {outcome.demo_id}')  # noqa: S608
        assert found == [(by_side[made.CT], by_side[made.T])]
        lines = 'SELECT p."SteamId", s."Kills", s."Deaths" FROM "PlayerMatchStats" s JOIN "Players" p '
        lines += 'ON p."Id" = s."PlayerId" WHERE NOT p."IsBot" AND p."DemoFileId" = '
        stats = query(database, f"{lines}{outcome.demo_id}")
        for steam_id, kills, deaths in stats:
            dead = [kill for kill in said["kills"] if kill["victimSteamId"] == steam_id]
            made_kills = [kill for kill in said["kills"] if kill["killerSteamId"] == steam_id]
            enemies = [kill for kill in made_kills if kill["killerSide"] != kill["victimSide"]]
            assert (kills, deaths) == (len(enemies), len(dead))
    assert query(database, 'SELECT MIN("StartTime") FROM "Matches"')[0][0] < str(datetime(2024, 1, 2))


def test_a_blank_steam_id_changes_no_other_of_its_column(tmp_path: Path, database: Path) -> None:
    one = made.match()
    one["kills"][0] |= {"killerSteamId": "", "killerName": "World", "killerSide": 0, "assisterSteamId": ""}
    take(database, made.write_csv(tmp_path / "tables", one))
    players = query(database, 'SELECT "SteamId" FROM "Players" ORDER BY "SteamId"')
    assert players == [(made.steam_id(player),) for player in made.A + made.B]
    assert query(database, 'SELECT COUNT(*) FROM "Kills" WHERE "KillerId" IS NULL') == [(1,)]


def test_a_file_that_cannot_be_read_stops_no_other(tmp_path: Path, database: Path) -> None:
    unreadable = Path("/proc/self/mem")  # whoever may do anything cannot read its beginning either
    if not unreadable.exists():
        pytest.skip("no /proc")
    (tmp_path / "a.json").symlink_to(unreadable)
    made.write(tmp_path, made.match(), "b.json")
    [refused, imported] = take(database, tmp_path)
    assert refused[0] == "refused" and refused[1].startswith("cannot be opened")
    assert imported[0] == "imported"
