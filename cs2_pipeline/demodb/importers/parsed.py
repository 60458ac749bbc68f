"""What the importers need of a recording, whichever parser read it.

Only the interface belongs here: the parsed form, the parser's protocol and the one error a parser raises for a
recording that cannot be read. A parser lives in a module of its own and turns its library's answer into this form.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import pandas as pd

TICK_RATE: Final = 64
"""Ticks a second. Every Counter-Strike 2 server simulates 64; the events do not repeat it."""

EVENTS: Final = (
    "begin_new_match",
    "bomb_abortdefuse",
    "bomb_abortplant",
    "bomb_begindefuse",
    "bomb_beginplant",
    "bomb_defused",
    "bomb_exploded",
    "bomb_planted",
    "cs_win_panel_match",
    "player_blind",
    "player_connect",
    "player_death",
    "player_disconnect",
    "player_hurt",
    "player_spawn",
    "player_team",
    "rank_update",
    "round_announce_match_start",
    "round_end",
    "round_freeze_end",
    "round_mvp",
    "round_start",
    "server_cvar",
    "weapon_fire",
)
"""The game events an import reads; others are ignored."""

STATE_COLUMNS: Final = (
    "tick",
    "steamid",
    "name",
    "team_num",
    "balance",
    "cash_spent_this_round",
    "current_equip_value",
    "health",
    "armor_value",
    "has_helmet",
    "has_defuser",
)
"""Columns of `ParsedDemo.states`. Money and value in dollars."""


Missing = Literal["hits", "plants"]
"""What a source may not record at all."""


class UnreadableDemoError(Exception):
    """A recording that cannot be imported; the message says why, in words a user can act on."""


@dataclass(frozen=True)
class DemoHeader:
    """What a recording says about itself; None where it does not say."""

    map_name: str | None = None
    server_name: str | None = None
    client_name: str | None = None
    demo_type: str | None = None
    network_protocol: int = 0


@dataclass(frozen=True)
class ParsedDemo:
    """A recording, read.

    Attributes:
        source: what was read: "demo" for a recording, "events" for exported events, or the exporter's name.
        header: what it says about itself.
        events: by name, one row an event; ``tick`` (int) and the event's own columns. A player is named by the
            columns ``<role>_steamid`` and ``<role>_name``. May lack any event and any column.
        settings: the server's variables, by name.
        states: `STATE_COLUMNS`, one row a player at the ticks where a freeze time or a round ended. Empty where only
            events are known.
        total_ticks: the recording's last tick, 0 where only the events tell.
        game: "cs2" or "csgo".
        lacks: what the source does not record; what is not there for another reason did not happen.
        started: when the match began (UTC), where the source says so.
        ended: True where the source was made after the match was over, however it ended.
        damage: by SteamID the damage a player dealt in the match, where the source has only that sum.
    """

    source: str
    header: DemoHeader
    events: dict[str, pd.DataFrame]
    settings: dict[str, str] = field(default_factory=dict)
    states: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(STATE_COLUMNS)))
    total_ticks: int = 0
    game: str = "cs2"
    lacks: frozenset[Missing] = frozenset()
    started: datetime | None = None
    ended: bool = False
    damage: Mapping[int, int] = field(default_factory=dict)

    def event(self, name: str) -> pd.DataFrame:
        """The events of a name in the order they happened; an empty frame where there are none."""
        frame = self.events.get(name)
        if frame is None or "tick" not in frame.columns:
            return pd.DataFrame({"tick": pd.Series(dtype="int64")})
        return frame.sort_values("tick", kind="stable", ignore_index=True)

    def between(self, name: str, first: int, after: int) -> list[dict[Any, Any]]:
        """The events of a name from one tick to before another, in the order they happened."""
        ticks, rows = self._in_order.get(name) or self._sort(name)
        return rows[bisect_left(ticks, first) : bisect_left(ticks, after)]

    @cached_property
    def _in_order(self) -> dict[str, tuple[list[int], list[dict[Any, Any]]]]:
        return {}

    def _sort(self, name: str) -> tuple[list[int], list[dict[Any, Any]]]:
        rows = self.event(name).to_dict("records")
        self._in_order[name] = [int(row["tick"]) for row in rows], rows
        return self._in_order[name]

    def ticks(self, name: str) -> list[int]:
        """The ticks of an event, ascending."""
        return [int(tick) for tick in self.event(name)["tick"]]

    @property
    def last_tick(self) -> int:
        """The last tick at which anything is known to have happened."""
        frames = [*self.events.values(), self.states]
        known = (int(frame["tick"].max()) for frame in frames if "tick" in frame and len(frame))
        return max(self.total_ticks, *known, 0)


class DemoParser(Protocol):
    """Reads one recording."""

    def parse(self, path: Path) -> ParsedDemo:
        """The recording at a path.

        Raises:
            UnreadableDemoError: it is broken, truncated, foreign or empty.
        """
        ...
