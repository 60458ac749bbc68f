"""Folders of exported events."""

from pathlib import Path

import pandas as pd
import pytest

from cs2_pipeline.demodb.importers.event_folder import EventFolder, is_event_folder
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError
from cs2_pipeline_tests.demodb.importers.recordings import Script


def test_a_folder_is_one_of_events_when_a_file_is_named_after_one(tmp_path: Path) -> None:
    assert not is_event_folder(tmp_path)
    (tmp_path / "sales.parquet").touch()
    assert not is_event_folder(tmp_path)
    (tmp_path / "round_end.parquet").touch()
    assert is_event_folder(tmp_path)


def test_the_map_is_the_one_the_folders_name_holds(tmp_path: Path) -> None:
    script = Script()
    script.round()
    assert EventFolder().parse(script.folder(tmp_path / "friday de_overpass")).header.map_name == "de_overpass"
    assert EventFolder().parse(script.folder(tmp_path / "friday")).header.map_name is None


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "round_end.parquet").write_text("no parquet")
    with pytest.raises(UnreadableDemoError, match=r"round_end\.parquet is not a readable Parquet file"):
        EventFolder().parse(tmp_path)


def test_events_without_ticks_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"winner": [2]}).to_parquet(tmp_path / "round_end.parquet")
    with pytest.raises(UnreadableDemoError, match=r"round_end\.parquet has no column 'tick'"):
        EventFolder().parse(tmp_path)
