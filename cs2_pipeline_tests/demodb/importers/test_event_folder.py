"""Folders of exported events."""

from pathlib import Path

import pandas as pd
import pytest

from cs2_pipeline.demodb.importers.event_folder import EventFolder, is_event_folder
from cs2_pipeline.demodb.importers.parsed import ParsedDemo, UnreadableDemoError
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


def of(folder: Path, **events: list[dict[str, object]]) -> ParsedDemo:
    """What is read of a folder with these events."""
    folder.mkdir(exist_ok=True)
    for name, rows in events.items():
        pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet")
    return EventFolder().parse(folder)


TICK: list[dict[str, object]] = [{"tick": 5}]


def test_a_folder_without_an_event_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDemoError, match=r"holds no Parquet file named after a game event, such as round_end"):
        of(tmp_path, sales=TICK)


def test_only_events_that_are_imported_are_read(tmp_path: Path) -> None:
    found = of(tmp_path, round_end=TICK, player_death=TICK, sales=TICK)
    assert set(found.events) == {"round_end", "player_death"}
    assert (found.source, found.header.demo_type, found.total_ticks, len(found.states)) == ("events", "events", 0, 0)


@pytest.mark.parametrize(
    ("events", "lacks"),
    [
        (("player_death",), {"hits", "plants"}), (("player_death", "player_hurt"), {"plants"}),
        (("player_death", "bomb_beginplant"), {"hits"}), (("player_death", "player_hurt", "bomb_planted"), set()),
        (("round_end",), set()),
    ],
)  # fmt: skip
def test_a_match_with_deaths_and_without_a_hit_or_a_bomb_did_not_record_them(
    tmp_path: Path, events: tuple[str, ...], lacks: set[str]
) -> None:
    assert of(tmp_path, **dict.fromkeys(events, TICK)).lacks == lacks


def test_settings_ranks_and_empty_lists_need_no_tick(tmp_path: Path) -> None:
    found = of(tmp_path, server_cvar=[{"name": "mp_maxrounds", "value": "16"}], rank_update=[{"rank_new": 3}],
               round_mvp=[])  # fmt: skip
    assert {name: len(frame) for name, frame in found.events.items()} == {
        "server_cvar": 1, "rank_update": 1, "round_mvp": 0,
    }  # fmt: skip
