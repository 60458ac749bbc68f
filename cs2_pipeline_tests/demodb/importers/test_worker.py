"""The process that reads one recording: what it is told, and what it leaves for whoever started it."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from pyarrow import feather

from cs2_pipeline.demodb.importers import worker
from cs2_pipeline.demodb.importers.event_folder import EventFolder
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError
from cs2_pipeline_tests.demodb.importers.recordings import Script


class Broken:
    def __init__(self, error):
        self.error = error

    def parse(self, path):
        raise self.error


@pytest.fixture
def events(tmp_path):
    script = Script()
    script.round(3, [(5, "ct1", "t1"), (6, "ct1", "t2")])
    script.events["player_death"][0] |= script.player("user", None)
    return script.folder(tmp_path / "events")


def test_a_file_is_known_by_its_content_and_a_folder_by_names_and_contents(tmp_path):
    (tmp_path / "a.dem").write_bytes(b"abc")
    assert worker.content_hash(tmp_path / "a.dem") == hashlib.sha256(b"abc").hexdigest()
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
    for folder, file in (("one", "x"), ("one", "y"), ("two", "y"), ("two", "x"), ("three", "z"), ("three", "y")):
        (tmp_path / folder / f"{file}.parquet").write_bytes(b"abc")
    (tmp_path / "two" / "notes.txt").write_text("of no account")
    one, two, three = (worker.content_hash(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two != three
    (tmp_path / "one" / "x.parquet").write_bytes(b"abd")
    assert worker.content_hash(tmp_path / "one") != two


def test_a_recording_is_described_by_its_files(tmp_path):
    for name, size, at in (("a.parquet", 3, 1_000), ("b.parquet", 4, 2_000), ("c.txt", 50, 9_000)):
        (tmp_path / name).write_bytes(b"x" * size)
        os.utime(tmp_path / name, (at, at))
    started = datetime(2026, 1, 1)
    found = worker.describe(tmp_path, started)
    assert (found.name, found.path, found.size, found.started) == (tmp_path.name, str(tmp_path), 7, started)
    assert found.modified == datetime.fromtimestamp(2_000, UTC).replace(tzinfo=None)
    assert found.parsed.tzinfo is None
    alone = worker.describe(tmp_path / "c.txt")
    assert (alone.name, alone.size, alone.started) == ("c.txt", 50, None)
    assert alone.modified == datetime.fromtimestamp(9_000, UTC).replace(tzinfo=None)


def test_a_recording_that_was_read_leaves_its_rows_and_says_what_was_left_out(events, tmp_path):
    said = worker.read(EventFolder(), events, tmp_path, datetime(2026, 1, 1))
    assert said == {
        "rounds": 1, "economy_known": False, "left_out": {"player_death events that name no victim": 1}
    }  # fmt: skip
    assert not (tmp_path / "Bombs.arrow").exists(), "no rows, no file"
    kills = feather.read_table(tmp_path / "Kills.arrow").to_pylist()
    assert [row["VictimId"] for row in kills] == [7]
    [match] = feather.read_table(tmp_path / "Matches.arrow").to_pylist()
    assert match["StartTime"] == datetime(2026, 1, 1)


def test_what_cannot_be_read_is_a_reason_and_a_defect_asks_to_be_reported(tmp_path):
    assert worker.read(Broken(UnreadableDemoError("too short")), tmp_path, tmp_path) == {"reason": "too short"}
    odd = worker.read(Broken(KeyError("tick")), tmp_path, tmp_path)
    assert odd == {"reason": "could not be understood (KeyError: 'tick'); please report it as a bug"}
    with pytest.raises(MemoryError):
        worker.read(Broken(MemoryError()), tmp_path, tmp_path)


def test_a_parser_is_loaded_by_name():
    assert isinstance(worker.load_parser(f"{EventFolder.__module__}:EventFolder"), EventFolder)


def test_the_process_leaves_the_outcome_in_the_folder(events, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    arguments = [f"{EventFolder.__module__}:EventFolder", str(events), str(folder), ""]
    command = "import sys; from cs2_pipeline.demodb.importers.worker import main; main(sys.argv[1:])"
    with subprocess.Popen([sys.executable, "-c", command, *arguments], stdin=subprocess.PIPE) as process:
        process.wait()
    assert json.loads((folder / worker.OUTCOME_FILE).read_text())["rounds"] == 1
    [match] = feather.read_table(folder / "Matches.arrow").to_pylist()
    assert match["StartTime"] < datetime.now(UTC).replace(tzinfo=None), "so long before the files were written"
