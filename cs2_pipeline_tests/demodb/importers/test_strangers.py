"""Files from strangers: what is good gets in, what is a trap ends its own process and nothing else."""

import gzip
import json
import sqlite3
import zipfile
from datetime import date

import pytest

from cs2_pipeline.demodb.importers.exported import NO_DATE
from cs2_pipeline.demodb.importers.exports import ingest_exports
from cs2_pipeline.demodb.importers.ingest import failed
from cs2_pipeline.demodb.importers.strangers import take_demo, take_export
from cs2_pipeline.limits import LimitError, Limits
from cs2_pipeline_tests.demodb.importers import made_exports as made

TIGHT = Limits(seconds=60, memory=3 * 2**29)


def matches(database):
    with sqlite3.connect(database) as connection:
        return connection.execute('SELECT COUNT(*) FROM "Matches"').fetchone()[0]


def zip_bomb(folder):
    """A zip of a few megabytes that unpacks to a gigabyte."""
    path = folder / "bomb.zip"
    packed = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with packed as archive, archive.open("match.json", "w") as inside:
        for _ in range(64):
            inside.write(bytes(2**24))
    return path


def gzip_bomb(folder):
    """The same of gzip members, one behind the other."""
    path = folder / "bomb.json.gz"
    path.write_bytes(64 * gzip.compress(bytes(2**24), 1))
    return path


def test_an_export_is_added_once(tmp_path):
    database = tmp_path / "demos.sqlite"
    path = made.write(tmp_path, made.match())
    assert [one.status for one in take_export(path, database)] == ["imported"]
    assert [one.status for one in take_export(path, database)] == ["known"]
    assert matches(database) == 1


def test_a_strangers_recording_of_a_match_that_is_in_changes_nothing_however_full(tmp_path):
    """Whoever knows the kills of a match could else rewrite who won its rounds."""
    database, one = tmp_path / "demos.sqlite", made.match("AAABBBAB" * 2 + "AAAAA")
    tables = made.write_csv(tmp_path / "tables", one)
    assert [outcome.status for outcome in ingest_exports([tables], database).outcomes] == ["imported"]
    with sqlite3.connect(database) as connection:
        before = list(connection.iterdump())
    forged = one | {"rounds": [row | {"winnerSide": 5 - row["winnerSide"]} for row in one["rounds"]]}
    told = take_export(made.write(tmp_path, forged), database)
    assert [(outcome.status, outcome.demo_id) for outcome in told] == [("known", 1)]
    with sqlite3.connect(database) as connection:
        assert list(connection.iterdump()) == before


@pytest.mark.parametrize("bomb", [zip_bomb, gzip_bomb])
def test_a_bomb_ends_its_process_and_the_database_stays_as_it_was(tmp_path, bomb):
    database = tmp_path / "demos.sqlite"
    take_export(made.write(tmp_path, made.match()), database)
    with pytest.raises(LimitError, match="MiB of memory"):
        take_export(bomb(tmp_path), database, limits=TIGHT)
    assert matches(database) == 1
    assert failed(database) == []


def test_an_export_without_a_date_is_taken_with_the_day_that_is_given(tmp_path):
    database = tmp_path / "demos.sqlite"
    path = made.write(tmp_path, made.match(date=""))
    (refused,) = take_export(path, database)
    assert refused.detail.startswith(NO_DATE)
    assert failed(database) == [], "the sender is told; the list is for files of this machine"
    assert [one.status for one in take_export(path, database, played_on=date(2026, 2, 1))] == ["imported"]


@pytest.mark.parametrize("content", [b"", b"{", json.dumps({"a": 1}).encode(), b"PK\3\4 and so on"])
def test_what_is_no_export_is_refused_with_a_reason(tmp_path, content):
    path = tmp_path / "match.json"
    path.write_bytes(content)
    (refused,) = take_export(path, tmp_path / "demos.sqlite")
    assert refused.status == "refused"
    assert refused.detail


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"PBDEMS2\0" + 100 * b"\xff", "truncated"),
        (b"HL2DEMO\0" + bytes(100), "Global Offensive"),
        (b"<html>", "not a Counter-Strike 2 recording"),
    ],
)
def test_what_is_no_demo_is_refused_with_a_reason_and_not_listed(tmp_path, content, told):
    path = tmp_path / "match.dem"
    path.write_bytes(content)
    (refused,) = take_demo(path, tmp_path / "demos.sqlite", played_on=date(2026, 2, 1))
    assert (refused.status, told in refused.detail) == ("refused", True)
    assert failed(tmp_path / "demos.sqlite") == []
