"""Reads a Counter-Strike 2 recording (`.dem`) with demoparser2.

The library answers a truncated file with whatever it read before the end, and a foreign one with a bare word, so
the container is checked here first: its mark, and that its frames run through to the one that says "stop".
"""

from pathlib import Path
from typing import Any, BinaryIO, Final

import pandas as pd

from cs2_pipeline.demodb.importers.checksum import varint
from cs2_pipeline.demodb.importers.parsed import EVENTS, STATE_COLUMNS, DemoHeader, ParsedDemo, UnreadableDemoError

_MARK: Final = b"PBDEMS2\0"
_OLD_MARK: Final = b"HL2DEMO\0"
_HEADER_SIZE: Final = 16
_STOP: Final = 0
_LARGEST_TICK: Final = 2**31 - 1
"""Ticks before the game began are negative: larger numbers when read without a sign."""
_COMPRESSED: Final = 64
"""Bit of a frame's command that says its content is compressed."""


class Demoparser2:
    """The parser for `.dem` files."""

    def parse(self, path: Path) -> ParsedDemo:
        """The recording; see `DemoParser.parse`."""
        total_ticks = check_container(path)
        try:
            return _parse(path, total_ticks)
        except BaseException as error:
            # A panic of the library's native code arrives as a BaseException of its own.
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UnreadableDemoError(
                f"demoparser2 could not read it ({reason}): it is damaged, or newer than the installed parser"
            ) from error


def check_container(path: Path) -> int:
    """Makes sure that a file is a whole Counter-Strike 2 recording; answers its last tick.

    Raises:
        UnreadableDemoError: it is empty, of another kind, of Counter-Strike: Global Offensive, or ends early.
    """
    size = path.stat().st_size
    if size == 0:
        raise UnreadableDemoError("the file is empty")
    with path.open("rb") as file:
        mark = file.read(len(_MARK))
        if mark == _OLD_MARK:
            raise UnreadableDemoError("a recording of Counter-Strike: Global Offensive; only Counter-Strike 2 is read")
        if not _MARK.startswith(mark):
            raise UnreadableDemoError("not a Counter-Strike 2 recording (it does not begin with PBDEMS2)")
        last_tick = _last_tick(file, size)
    if last_tick is None:
        raise UnreadableDemoError(
            f"truncated: the recording breaks off after {size:,} bytes without its end; copy or download it again"
        )
    return last_tick


def _last_tick(file: BinaryIO, size: int) -> int | None:
    """The tick of the "stop" frame that the frames after the header lead to; None if they do not."""
    file.seek(_HEADER_SIZE)
    last = 0
    while (command := varint(file)) is not None:
        tick, length = varint(file), varint(file)
        if tick is None or length is None or file.tell() + length > size:
            return None
        last = max(last, tick if tick <= _LARGEST_TICK else 0)
        if command & ~_COMPRESSED == _STOP:
            return last
        file.seek(length, 1)
    return None


def _parse(path: Path, total_ticks: int) -> ParsedDemo:
    import demoparser2  # noqa: PLC0415  # an optional installation, needed for recordings only

    parser = demoparser2.DemoParser(str(path))
    header = parser.parse_header()
    present = set(parser.list_game_events())
    wanted = [name for name in EVENTS if name in present]
    events = {name: frame for name, frame in parser.parse_events(wanted, player=["last_place_name"]) if len(frame)}
    return ParsedDemo("demo", _header(header), events, _settings(events), _states(parser, events), total_ticks)


def _header(header: dict[str, str]) -> DemoHeader:
    protocol = header.get("network_protocol") or header.get("patch_version") or "0"
    return DemoHeader(
        map_name=header.get("map_name") or None,
        server_name=header.get("server_name") or None,
        client_name=header.get("client_name") or None,
        demo_type=header.get("demo_version_name") or None,
        network_protocol=int(protocol) if protocol.isdigit() else 0,
    )


def _settings(events: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The server's variables; the last value of each."""
    frame = events.get("server_cvar")
    if frame is None:
        return {}
    return {str(name): str(value) for name, value in zip(frame["name"], frame["value"], strict=True)}


def _states(parser: Any, events: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The players where a freeze time or a round ended."""
    frames = [events[name]["tick"] for name in ("round_freeze_end", "round_end") if name in events]
    ticks = sorted({int(tick) for frame in frames for tick in frame})
    if not ticks:
        return pd.DataFrame(columns=list(STATE_COLUMNS))
    properties = [name for name in STATE_COLUMNS if name not in ("tick", "steamid", "name")]
    states: pd.DataFrame = parser.parse_ticks(properties, ticks=ticks)
    return states.reindex(columns=list(STATE_COLUMNS))
