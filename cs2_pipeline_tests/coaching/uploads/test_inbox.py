"""Where uploaded files wait: the same on a folder and on another file system."""

import os
from datetime import UTC, datetime, timedelta

import fsspec
import pytest

from cs2_pipeline.coaching.uploads.inbox import Inbox

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
