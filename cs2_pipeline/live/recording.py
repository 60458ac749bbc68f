"""A finished live match as an export that the importers read (cs-demo-analyzer's JSON): that is how it is trained on.

Only what a source told as it happened goes in: matches that were replayed from a demo database are there already, and
a match whose players have no SteamID cannot be told from another.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from cs2_pipeline.live import events as live
from cs2_pipeline.live.events import Event
from cs2_pipeline.live.order import ordered
from cs2_pipeline.live.sources import demo_database
from cs2_pipeline.live.steam import steam_id

TICK_RATE: Final = 64
_SIDE_NUMBERS: Final = {"T": 2, "CT": 3}
_REASONS: Final = {"bomb_exploded": 1, "bomb_defused": 7, "time_expired": 12}


class NotRecordableError(Exception):
    """A match that does not become training data; the message says why."""


def exported(match_id: str, events: Iterable[Event]) -> list[dict[str, Any]]:
    """The maps of a finished match, an export each.

    Raises:
        NotRecordableError: it was replayed, or its players have no SteamIDs.
    """
    found = ordered(events)
    if {demo_database.SOURCE, demo_database.SIMULATED} & set(found.followed.values()):
        raise NotRecordableError("it was played again from a demo database")
    by_map: dict[str, list[Event]] = {}
    for event in found.events:
        by_map.setdefault(event.map_id, []).append(event)
    maps = [_Export(match_id, map_id, of_map) for map_id, of_map in by_map.items()]
    written = [document for one in maps if (document := one.document())]
    if not written:
        raise NotRecordableError("no round was played to its end by players with SteamIDs")
    return written


class _Export:
    """One map's export, written event by event."""

    def __init__(self, match_id: str, map_id: str, events: list[Event]) -> None:
        starts = [place for place, event in enumerate(events) if isinstance(event.payload, live.MapStart)]
        self._events = events[starts[-1] :] if starts else events  # what was played before a new start does not count
        self._key = f"live-{match_id}-{map_id}"
        self._map = next((e.payload.map_name for e in self._events if isinstance(e.payload, live.MapStart)), "")
        self._origin = self._events[0].ts_event
        self._lists: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("rounds", "kills", "damages", "playerEconomies", "bombsPlanted", "bombsDefused",
                                  "bombsExploded")
        }  # fmt: skip
        self._round: dict[str, Any] | None = None
        self._sides = {"A": "CT", "B": "T"}
        self._gear: dict[str, dict[str, Any]] = {}

    def document(self) -> dict[str, Any] | None:
        """The export; None where no round ended or the players are not known."""
        for event in self._events:
            self._take(event)
        if not self._lists["rounds"] or not self._lists["playerEconomies"]:
            return None
        return {
            "checksum": self._key, "demoFileName": self._key, "game": "CS2", "mapName": self._map,
            "date": datetime.fromtimestamp(self._origin, UTC).isoformat(), "tickrate": TICK_RATE,
            "tickCount": self._tick(self._events[-1]), "maxRounds": 24, "serverName": "live", **self._lists,
        }  # fmt: skip

    def _take(self, event: Event) -> None:
        payload = event.payload
        if isinstance(payload, live.RoundStart) and event.round_no > 0:
            self._go_back(event.round_no)
            self._sides = {"A": payload.team_a_side, "B": payload.team_b_side}
            self._gear = {}
            tick = self._tick(event)
            self._round = {"number": event.round_no, "startTick": tick, "freezeTimeEndTick": tick}
        elif isinstance(payload, live.RoundRestored):
            self._go_back(payload.round_no)
        elif self._round is None:
            return
        elif event.type == "freeze_time_ended":
            self._round["freezeTimeEndTick"] = self._tick(event)
        elif isinstance(payload, live.PlayerEquipment):
            self._equipment(payload)
        elif isinstance(payload, live.RoundEnd):
            self._end(event, payload)
        elif isinstance(payload, live.Kill):
            self._kill(event, payload)
        elif isinstance(payload, live.PlayerHurt):
            self._hurt(event, payload)
        elif isinstance(payload, live.Bomb):
            self._bomb(event, payload)

    def _go_back(self, number: int) -> None:
        """Forget what was played from a round on: it is played again."""
        for name, rows in self._lists.items():
            key = "number" if name == "rounds" else "roundNumber"
            self._lists[name] = [row for row in rows if row[key] < number]
        self._round = None

    def _equipment(self, payload: live.PlayerEquipment) -> None:
        """What a player has; within a round the last that was told before anything happened counts."""
        name = str(payload.player_id)
        player = steam_id(name)
        if player is None or self._happened() or payload.money is None or payload.equipment_value is None:
            return
        assert self._round is not None  # noqa: S101  # asked before
        self._gear[player] = {
            "roundNumber": self._round["number"], "steamId": player, "name": name,
            "playerSide": self._side(payload.player_team), "startMoney": int(payload.money), "moneySpent": 0,
            "equipmentValue": int(payload.equipment_value),
        }  # fmt: skip

    def _happened(self) -> bool:
        assert self._round is not None  # noqa: S101  # asked before
        number = self._round["number"]
        return any(rows and rows[-1]["roundNumber"] == number for rows in
                   (self._lists["kills"], self._lists["damages"]))  # fmt: skip

    def _end(self, event: Event, payload: live.RoundEnd) -> None:
        assert self._round is not None  # noqa: S101  # asked before
        winner = self._sides[payload.winner_team]
        reason = _REASONS.get(payload.win_reason, 8 if winner == "CT" else 9)
        self._lists["playerEconomies"] += self._gear.values()
        self._lists["rounds"].append(
            self._round | {"endTick": self._tick(event), "winnerSide": _SIDE_NUMBERS[winner], "endReason": reason}
        )
        self._round = None

    def _kill(self, event: Event, payload: live.Kill) -> None:
        killer, victim = steam_id(str(payload.killer_player_id)), steam_id(str(payload.victim_player_id))
        if victim is None:
            return
        other = "B" if payload.killer_team == "A" else "A"
        self._lists["kills"].append({
            **self._at(event), "killerSteamId": killer or "0", "killerName": str(payload.killer_player_id),
            "killerSide": self._side(payload.killer_team), "victimSteamId": victim,
            "victimName": str(payload.victim_player_id), "victimSide": self._side(payload.victim_team or other),
            "assisterSteamId": "0", "weaponName": payload.weapon, "isHeadshot": payload.is_headshot,
            "penetratedObjects": int(payload.is_wallbang), "isAssistedFlash": False, "distance": 0.0,
        })  # fmt: skip

    def _hurt(self, event: Event, payload: live.PlayerHurt) -> None:
        victim = steam_id(str(payload.victim_player_id))
        if victim is None or payload.victim_health is None:
            return
        self._lists["damages"].append({
            **self._at(event), "attackerSteamId": steam_id(str(payload.attacker_player_id)) or "0",
            "attackerSide": self._side(payload.attacker_team), "victimSteamId": victim,
            "victimSide": self._side(payload.victim_team), "weaponName": payload.weapon,
            "healthDamage": int(payload.damage), "armorDamage": int(payload.damage_armor or 0),
            "victimNewHealth": int(payload.victim_health), "victimNewArmor": int(payload.victim_armor or 0),
            "hitgroup": str(payload.hitgroup or "generic"),
        })  # fmt: skip

    def _bomb(self, event: Event, payload: live.Bomb) -> None:
        names = {"bomb_planted": ("bombsPlanted", "planterSteamId"), "bomb_defused": ("bombsDefused", "defuserSteamId"),
                 "bomb_exploded": ("bombsExploded", "planterSteamId")}  # fmt: skip
        where, who = names[event.type]
        self._lists[where].append(
            {**self._at(event), who: steam_id(str(payload.player_id)) or "0", "site": payload.site or ""}
        )

    def _at(self, event: Event) -> dict[str, int]:
        assert self._round is not None  # noqa: S101  # asked before
        return {"roundNumber": self._round["number"], "tick": self._tick(event)}

    def _side(self, team: str) -> int:
        return _SIDE_NUMBERS[self._sides[team]]

    def _tick(self, event: Event) -> int:
        return max(0, round((event.ts_event - self._origin) * TICK_RATE))
