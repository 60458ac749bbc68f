"""Who is who in a recording, and on which side when.

A player is a SteamID; a bot has none and is told by its name. Events name players by id, by name or both; a player
may change the name, so the id goes first.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import pandas as pd

from cs2_pipeline.demodb.importers.parsed import ParsedDemo
from cs2_pipeline.game.rules import Side

SIDE_OF_TEAM: Final[dict[str, Side]] = {"2": "T", "3": "CT", "T": "T", "CT": "CT", "TERRORIST": "T"}
"""How parsers write a side."""

_ANY_TICK: Final = 2**31
_ROLES: Final = ("user", "attacker", "assister")


@dataclass
class Player:
    """A player of the recording. ``number`` counts from 1 and is the row's id before it enters the database."""

    number: int
    steam_id: int
    name: str | None
    is_bot: bool
    rank: int = 0
    wins: int = 0


def known(value: Any) -> TypeGuard[Any]:
    """False for None, NaN and empty text."""
    return not (value is None or value == "" or (isinstance(value, float) and math.isnan(value)))


def side_of(team: Any) -> Side | None:
    """The side a team's number or name means; None for spectators, no team and anything else."""
    if not known(team):
        return None
    text = str(int(team)) if isinstance(team, float) else str(team)
    return SIDE_OF_TEAM.get(text.upper())


def _whole(value: Any) -> int:
    return int(value) if known(value) else 0


def _maybe(value: Any) -> int | None:
    return int(value) if known(value) else None


def _steam_id(value: Any) -> int:
    """A SteamID64, or 0 for a bot and for none."""
    if not known(value):
        return 0
    try:
        return int(value)
    except ValueError:
        return 0


class Roster:
    """The players of a recording, and the sides they were on.

    Attributes:
        players: in the order they first appear.
    """

    def __init__(self, demo: ParsedDemo) -> None:
        self.players: list[Player] = []
        self._by_id: dict[int, Player] = {}
        self._by_name: dict[str, Player] = {}
        self._switches: dict[int, list[tuple[int, Side | None, Side | None]]] = {}
        self._states: dict[int, dict[int, Side | None]] = {}
        self._properties: dict[tuple[int, int], dict[Any, Any]] = {}
        sightings = self._sightings(demo)
        for only_named in (False, True):
            for steam_id, name in sightings:
                if bool(steam_id) != only_named:
                    self._meet(steam_id, name)
        self._read_sides(demo)
        self._read_ranks(demo)

    @staticmethod
    def _sightings(demo: ParsedDemo) -> list[tuple[int, str | None]]:
        """Every naming of a player, in the recording's order."""
        found: list[tuple[int, int, str | None]] = []
        for frame in [*demo.events.values(), demo.states]:
            for id_column, name_column in [(f"{r}_steamid", f"{r}_name") for r in _ROLES] + [("steamid", "name")]:
                if id_column not in frame and (name_column not in frame or name_column == "name"):
                    continue
                ticks = frame["tick"] if "tick" in frame else [demo.last_tick] * len(frame)
                ids = frame[id_column] if id_column in frame else [None] * len(frame)
                names = frame[name_column] if name_column in frame else [None] * len(frame)
                found += [
                    (int(tick), _steam_id(i), str(name) if known(name) else None)
                    for tick, i, name in zip(ticks, ids, names, strict=True)
                ]
        return [(i, name) for _, i, name in sorted(found, key=lambda row: row[0]) if i or name]

    def _meet(self, steam_id: int, name: str | None) -> None:
        player = self._by_id.get(steam_id) if steam_id else self._by_name.get(name or "")
        if player is None:
            player = Player(len(self.players) + 1, steam_id, name, is_bot=steam_id == 0)
            self.players.append(player)
            if steam_id:
                self._by_id[steam_id] = player
        if name:
            self._by_name.setdefault(name, player)
            player.name = name

    def _read_sides(self, demo: ParsedDemo) -> None:
        for row in demo.event("player_team").to_dict("records"):
            if (player := self.find(row, "user")) is not None:
                switch = (int(row["tick"]), side_of(row.get("oldteam")), side_of(row.get("team")))
                self._switches.setdefault(player.number, []).append(switch)
        for row in demo.states.to_dict("records"):
            if (player := self.identify(row["steamid"], row["name"])) is not None:
                self._states.setdefault(int(row["tick"]), {})[player.number] = side_of(row["team_num"])
                self._properties[int(row["tick"]), player.number] = row

    def _read_ranks(self, demo: ParsedDemo) -> None:
        frame = demo.events.get("rank_update", pd.DataFrame())
        for row in frame.to_dict("records"):
            if (player := self.find(row, "user")) is not None:
                player.rank, player.wins = int(row.get("rank_new") or 0), int(row.get("num_wins") or 0)

    def identify(self, steam_id: Any, name: Any) -> Player | None:
        """The player an id or, without one, a name belongs to."""
        if number := _steam_id(steam_id):
            return self._by_id.get(number)
        return self._by_name.get(str(name)) if known(name) else None

    def find(self, event: dict[Any, Any], role: str) -> Player | None:
        """The player in a role of an event: ``user``, ``attacker`` or ``assister``."""
        return self.identify(event.get(f"{role}_steamid"), event.get(f"{role}_name"))

    def side_at(self, player: Player, tick: int) -> Side | None:
        """The side a player was on at a tick, as far as the recording tells.

        The players' states at that very tick go first; then the last change of team up to it; then the team left
        by the first change after it.
        """
        if player.number in self._states.get(tick, {}):
            return self._states[tick][player.number]
        after: Side | None = None
        side: Side | None = None
        seen = False
        for when, old, new in self._switches.get(player.number, []):
            if when > tick:
                after = old
                break
            side, seen = new, True
        return side if seen else after

    def side_during(self, player: Player, live_start: int, tick: int) -> Side | None:
        """The side a player was on at a moment of a stretch of play that went live at `live_start`.

        A player who joined a side later than that is looked up at the moment itself.
        """
        return self.side_at(player, live_start) or self.side_at(player, tick)

    def in_states(self, player: Player, tick: int) -> bool:
        """True when the recording has the player alive on one of the sides at a tick; a coach never is."""
        state = self._properties.get((tick, player.number))
        return state is not None and side_of(state["team_num"]) is not None and _whole(state["health"]) > 0

    def economy(self, player: Player, live_start: int, end: int) -> dict[str, int | bool | None]:
        """What a player owned in a round, by the database's column names; empty where it is not recorded.

        A single value that is not recorded is None.

        Money and equipment are those of the moment the freeze time ended; the money at the end is the one after
        the round.
        """
        begin = self._properties.get((live_start, player.number))
        if begin is None or not known(begin["balance"]):
            return {}
        spent = _whole(begin["cash_spent_this_round"])
        after = self._properties.get((end, player.number)) or {}
        return {
            "StartMoney": _whole(begin["balance"]) + spent,
            "MoneySpent": spent,
            "EndMoney": _maybe(after.get("balance")),
            "EquipmentValue": _maybe(begin["current_equip_value"]),
            "Armor": _maybe(begin["armor_value"]),
            "HasHelmet": bool(begin["has_helmet"]) if known(begin["has_helmet"]) else None,
            "HasDefuseKit": bool(begin["has_defuser"]) if known(begin["has_defuser"]) else None,
        }

    def comings(self, demo: ParsedDemo) -> list[tuple[int, Player]]:
        """When players connected, ascending."""
        return self._passages(demo, "player_connect")

    def leavings(self, demo: ParsedDemo) -> list[tuple[int, Player]]:
        """When players disconnected, ascending."""
        return self._passages(demo, "player_disconnect")

    def _passages(self, demo: ParsedDemo, event: str) -> list[tuple[int, Player]]:
        rows = demo.between(event, -_ANY_TICK, _ANY_TICK)
        met = [(int(row["tick"]), self.identify(row.get("xuid"), row.get("name"))) for row in rows]
        return [(tick, player) for tick, player in met if player is not None]
