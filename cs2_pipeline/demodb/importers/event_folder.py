"""Reads a folder of Parquet files, one per game event, as demoparser2 writes events.

Such a folder holds no header, no server variables and no player states: the map is taken from the folder's name
where it names one, and money and equipment stay unknown.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cs2_pipeline.demodb.importers.parsed import EVENTS, DemoHeader, Missing, ParsedDemo, UnreadableDemoError
from cs2_pipeline.game.maps import MAPS


def is_event_folder(path: Path) -> bool:
    """True for a folder with at least one Parquet file named after an event the import reads."""
    return path.is_dir() and any((path / f"{name}.parquet").is_file() for name in EVENTS)


class EventFolder:
    """The parser for folders of per-event Parquet files."""

    def parse(self, path: Path) -> ParsedDemo:
        """The folder's events; see `DemoParser.parse`."""
        events = {name: _read(file) for name in EVENTS if (file := path / f"{name}.parquet").is_file()}
        if not events:
            raise UnreadableDemoError("holds no Parquet file named after a game event, such as round_end.parquet")
        named = next((name for name in MAPS if name in path.name), None)
        return ParsedDemo("events", DemoHeader(map_name=named, demo_type="events"), events, lacks=_lacks(events))


def _lacks(events: Mapping[str, pd.DataFrame]) -> frozenset[Missing]:
    """What nobody exported: a match without a single hit, or without anybody touching the bomb, is not played."""
    bomb = [name for name in events if name.startswith("bomb_")]
    missing: dict[Missing, bool] = {"hits": "player_hurt" not in events, "plants": not bomb}
    return frozenset(name for name, absent in missing.items() if absent and "player_death" in events)


def _read(file: Path) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pq.read_table(file).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise UnreadableDemoError(f"{file.name} is not a readable Parquet file: {_first_line(error)}") from error
    if "tick" not in frame.columns and len(frame) and file.stem not in ("rank_update", "server_cvar"):
        raise UnreadableDemoError(f"{file.name} has no column 'tick': export it again with demoparser2")
    return frame


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
