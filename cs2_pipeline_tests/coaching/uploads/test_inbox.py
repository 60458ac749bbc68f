"""Where uploaded files wait: the same on a folder and on another file system."""

import os
from datetime import UTC, datetime, timedelta

import fsspec
import pytest

from cs2_pipeline.coaching.uploads.inbox import Inbox, clear_stale

NOW = datetime.now(UTC)


@pytest.fixture(params=["folder", "memory"])
def inbox(request, tmp_path):
    if request.param == "folder":
        yield Inbox(str(tmp_path / "not" / "there" / "yet"))
        return
    yield Inbox("memory://uploads-of-the-test")
    fsspec.filesystem("memory").rm("/uploads-of-the-test", recursive=True)


def test_a_file_goes_in_comes_out_and_is_gone(inbox, tmp_path):
    local, back = tmp_path / "sent", tmp_path / "back"
    local.write_bytes(b"content")
    place = Inbox.new_place(".json.gz")
    inbox.put(local, place)
    assert not local.exists()
    inbox.get(place, back)
    assert back.read_bytes() == b"content"
    inbox.remove(place)
    inbox.remove(place)
    with pytest.raises(FileNotFoundError):
        inbox.get(place, back)


def test_only_old_files_that_nobody_knows_are_left_over(inbox, tmp_path):
    assert inbox.left_over(set(), now=NOW) == []
    for place in ("known", "unknown"):
        (tmp_path / "sent").write_bytes(b"x")
        inbox.put(tmp_path / "sent", place)
    assert inbox.left_over({"known"}, now=NOW) == []
    later = NOW + timedelta(days=2)
    assert inbox.left_over({"known"}, now=later) == ["unknown"]


def test_a_place_is_never_made_of_what_somebody_wrote():
    places = {Inbox.new_place(".dem") for _ in range(10)}
    assert len(places) == 10
    assert all(os.path.basename(place) == place and place.endswith(".dem") for place in places)  # noqa: PTH119


@pytest.mark.parametrize(("late", "left"), [(timedelta(0), True), (timedelta(seconds=1), False)])
def test_what_a_killed_process_left_stays_for_a_day(tmp_path, late, left):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file").write_bytes(b"x")
    made = datetime(2026, 3, 1, tzinfo=UTC)
    os.utime(tmp_path / "one", (made.timestamp(),) * 2)
    clear_stale(tmp_path, now=made + timedelta(days=1) + late)
    assert (tmp_path / "one").exists() is left


def test_a_place_is_128_random_bits():
    assert len(bytes.fromhex(Inbox.new_place(".dem").removesuffix(".dem"))) == 16


@pytest.mark.parametrize(("late", "found"), [(timedelta(0), []), (timedelta(seconds=1), ["one"])])
def test_a_file_is_fresh_for_a_day(tmp_path, late, found):
    (tmp_path / "one").write_bytes(b"x")
    made = datetime(2026, 3, 1, tzinfo=UTC)
    os.utime(tmp_path / "one", (made.timestamp(),) * 2)
    assert Inbox(str(tmp_path)).left_over(set(), now=made + timedelta(days=1) + late) == found
