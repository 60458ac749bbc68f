"""Reads zips in cs2-demo-format, a folder of JSON lists for one map as the exporter cs2df writes them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from cs2_pipeline.demodb.importers.exported import (
    BOMB_COLUMNS,
    ECONOMY_COLUMNS,
    HIT_COLUMNS,
    KILL_COLUMNS,
    ROUND_COLUMNS,
    ExportedMatch,
    moment,
)
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError
from cs2_pipeline.game.rules import FULL_HEALTH

SOURCE: Final = "cs2-demo-format"
MANIFEST: Final = "manifest.json"
_VERSION: Final = "cs2-demo-format/3"
_LISTS: Final = ("players", "rounds", "player-economies", "kills", "damages", "bombs")
_REASONS: Final = {"target_bombed": 1, "bomb_defused": 7, "ct_win": 8, "t_win": 9, "target_saved": 12, "time": 12}
_BOMB: Final = {
    "plant_begin": "bomb_beginplant",
    "planted": "bomb_planted",
    "defuse_begin": "bomb_begindefuse",
    "defused": "bomb_defused",
    "exploded": "bomb_exploded",
}
"""What is imported of the bomb's events; the list also holds who dropped it and who picked it up."""


def read(files: Mapping[str, bytes]) -> ExportedMatch:
    """The map of an archive, given its files by name.

    Raises:
        UnreadableDemoError: a file is missing or is no JSON, or the format's version is not known.
    """
    manifest = _load(files, MANIFEST)
    if not str(manifest.get("schemaVersion")).startswith(_VERSION):
        raise UnreadableDemoError(f"schema {manifest.get('schemaVersion')!r} is not known; {_VERSION} is")
    said = _load(files, "match.json")
    lists = {name: _load(files, f"{name}.json") for name in _LISTS}
    people = _People(lists["players"], lists["rounds"])
    rounds = _rounds(lists["rounds"])
    name = str(manifest["demo"].get("sourceFileName") or "").removesuffix(".dem")
    return ExportedMatch(
        keys=(str(manifest["demo"]["hash"]),),
        name=name,
        source=SOURCE,
        game="cs2",
        map_name=said.get("mapName"),
        started=moment(said.get("date")),
        tick_rate=float(manifest.get("tickrate") or 64),
        last_tick=int(rounds["end_tick"].max()) if len(rounds) else 0,
        max_rounds=int(said.get("maxRounds") or 24),
        server_name=said.get("serverName"),
        rounds=rounds,
        economies=_economies(lists["player-economies"], people),
        kills=_kills(lists["kills"], people),
        hits=_hits(lists["damages"], people, dict(zip(rounds["number"], rounds["freeze_end_tick"], strict=True))),
        bombs=_bombs(lists["bombs"], people),
    )


class _People:
    """The players by their place in the list, and their sides by round."""

    def __init__(self, players: Sequence[Mapping[str, Any]], rounds: Sequence[Mapping[str, Any]]) -> None:
        self._players = players
        self._sides = {
            r["roundNumber"]: {"teamA": _side(r["teamASide"]), "teamB": _side(r["teamBSide"])} for r in rounds
        }

    def steam_id(self, index: int | None) -> int:
        return 0 if index is None else int(self._players[index]["steamId64"])

    def name(self, index: int | None) -> str | None:
        return None if index is None else str(self._players[index]["name"])

    def side(self, number: int, index: int | None) -> str | None:
        return None if index is None else self._sides.get(number, {}).get(self._players[index]["teamKey"])


def _side(text: Any) -> str | None:
    return {"ct": "CT", "t": "T"}.get(str(text).lower())


def _load(files: Mapping[str, bytes], name: str) -> Any:
    if name not in files:
        raise UnreadableDemoError(f"the archive has no {name}")
    try:
        return json.loads(files[name])
    except ValueError as error:
        raise UnreadableDemoError(f"{name} is truncated or not JSON ({error})") from error


def _rounds(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    found = [
        (r["roundNumber"], r["startTick"], r["freezeEndTick"], r["endTick"], _side(r["winnerSide"]),
         _REASONS.get(r["endReason"], r["endReason"]))
        for r in rows
    ]  # fmt: skip
    return pd.DataFrame(found, columns=list(ROUND_COLUMNS))


def _economies(rows: Sequence[Mapping[str, Any]], people: _People) -> pd.DataFrame:
    found = [
        (r["roundNumber"], people.steam_id(r["playerIndex"]), people.name(r["playerIndex"]),
         people.side(r["roundNumber"], r["playerIndex"]), r["startMoney"], r["moneySpent"], r["equipmentValue"],
         r["hasHelmet"], r["hasDefuseKit"])
        for r in rows
    ]  # fmt: skip
    return pd.DataFrame(found, columns=[*ECONOMY_COLUMNS, "has_helmet", "has_defuser"])


def _kills(rows: Sequence[Mapping[str, Any]], people: _People) -> pd.DataFrame:
    found = [
        (r["roundNumber"], r["tick"], people.steam_id(r["killerIndex"]), people.name(r["killerIndex"]),
         people.side(r["roundNumber"], r["killerIndex"]), people.steam_id(r["victimIndex"]),
         people.name(r["victimIndex"]), people.side(r["roundNumber"], r["victimIndex"]),
         people.steam_id(r["assisterIndex"]), r["weapon"], r["headshot"], r["penetratedObjects"], r["flashAssist"],
         None)
        for r in rows
    ]  # fmt: skip
    return pd.DataFrame(found, columns=list(KILL_COLUMNS))


def _hits(rows: Sequence[Mapping[str, Any]], people: _People, live: Mapping[int, int]) -> pd.DataFrame:
    """The hits of rounds that are live, each with the health left of the 100 that a round begins with.

    The list also holds hits of the warm-up, in the first round's freeze time, and its own health goes on from them.
    """
    left: dict[tuple[int, int], int] = {}
    found = []
    for r in sorted(rows, key=lambda row: row["tick"]):
        if r["tick"] < live.get(r["roundNumber"], 0):
            continue
        victim = r["roundNumber"], r["victimIndex"]
        before = left.get(victim, FULL_HEALTH)
        left[victim] = max(0, before - r["healthDamageRaw"])
        found.append(
            (r["roundNumber"], r["tick"], people.steam_id(r["attackerIndex"]),
             people.side(r["roundNumber"], r["attackerIndex"]), people.steam_id(r["victimIndex"]),
             people.side(r["roundNumber"], r["victimIndex"]), r["weapon"], before - left[victim], r["armorDamage"],
             left[victim], r["victimArmorAfter"], None)
        )  # fmt: skip
    return pd.DataFrame(found, columns=list(HIT_COLUMNS))


def _bombs(rows: Sequence[Mapping[str, Any]], people: _People) -> pd.DataFrame:
    found = [
        (_BOMB[r["type"]], r["roundNumber"], r["tick"], people.steam_id(r["actorIndex"]), r["site"])
        for r in rows
        if r["type"] in _BOMB
    ]
    bombs = pd.DataFrame(found, columns=list(BOMB_COLUMNS))
    return bombs.assign(site=bombs["site"].str.upper())
