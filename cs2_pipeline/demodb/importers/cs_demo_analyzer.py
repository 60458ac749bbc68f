"""Reads the JSON export of cs-demo-analyzer, the engine of CS Demo Manager: one file, one match, everything in it."""

import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from cs2_pipeline.demodb.importers.exported import (
    BOMB_COLUMNS,
    BUY_COLUMNS,
    ECONOMY_COLUMNS,
    HIT_COLUMNS,
    KILL_COLUMNS,
    ROUND_COLUMNS,
    ExportedMatch,
    demo_key,
    moment,
    without_last_economy,
)
from cs2_pipeline.demodb.importers.parsed import UnreadableDemoError

SOURCE: Final = "cs-demo-analyzer"
_SIDES: Final = {2: "T", 3: "CT"}
_GZIP: Final = b"\x1f\x8b"
_NEEDED: Final = ("checksum", "mapName", "rounds", "kills", "damages", "playerEconomies")

_ROUND: Final = ("number", "startTick", "freezeTimeEndTick", "endTick", "winnerSide", "endReason")
_ECONOMY: Final = ("roundNumber", "steamId", "name", "playerSide", "startMoney", "moneySpent", "equipmentValue")
_KILL: Final = (
    "roundNumber",
    "tick",
    "killerSteamId",
    "killerName",
    "killerSide",
    "victimSteamId",
    "victimName",
    "victimSide",
    "assisterSteamId",
    "weaponName",
    "isHeadshot",
    "penetratedObjects",
    "isAssistedFlash",
    "distance",
)
_HIT: Final = (
    "roundNumber",
    "tick",
    "attackerSteamId",
    "attackerSide",
    "victimSteamId",
    "victimSide",
    "weaponName",
    "healthDamage",
    "armorDamage",
    "victimNewHealth",
    "victimNewArmor",
    "hitgroup",
)
_BUY: Final = ("roundNumber", "tick", "playerSteamId", "playerSide", "weaponName")
_BOMB: Final = {
    "bombsPlantStart": ("bomb_beginplant", ("planterSteamId", "defuserSteamId")),
    "bombsPlanted": ("bomb_planted", ("planterSteamId",)),
    "bombsDefuseStart": ("bomb_begindefuse", ("defuserSteamId",)),
    "bombsDefused": ("bomb_defused", ("defuserSteamId",)),
    "bombsExploded": ("bomb_exploded", ("planterSteamId", "defuserSteamId")),
}
"""List of the export -> the event, and where it names the player (the exporter's own names, as they are)."""


def read(content: bytes) -> ExportedMatch:
    """The match of an export, plain or gzipped.

    Raises:
        UnreadableDemoError: it is no such export, or breaks off.
    """
    match = _match(content)
    if match.get("game") not in ("CS2", "CSGO"):
        raise UnreadableDemoError(f"a match of {match.get('game')!r}: CS2 and CSGO are imported")
    bombs = [
        (event, row.get("roundNumber"), row["tick"], _first(row, names), row.get("site"))
        for part, (event, names) in _BOMB.items()
        for row in match.get(part) or ()
    ]
    bought = [row for row in match.get("playersBuy") or () if not row.get("hasRefunded")]
    rounds = _frame(match["rounds"], _ROUND, ROUND_COLUMNS, sides=["winner"])
    economies = _frame(match["playerEconomies"], _ECONOMY, ECONOMY_COLUMNS, sides=["side"])
    return ExportedMatch(
        keys=(demo_key(str(match["checksum"])),),
        name=str(match.get("demoFileName") or ""),
        source=SOURCE,
        game=str(match["game"]).lower(),
        map_name=match["mapName"] or None,
        started=moment(match.get("date")),
        tick_rate=float(match.get("tickrate") or 0),
        last_tick=int(match.get("tickCount") or 0),
        max_rounds=int(match.get("maxRounds") or 24),
        server_name=match.get("serverName") or None,
        rounds=rounds,
        economies=without_last_economy(economies, rounds),
        kills=_frame(match["kills"], _KILL, KILL_COLUMNS, sides=["attacker_side", "user_side"]),
        hits=_frame(match["damages"], _HIT, HIT_COLUMNS, sides=["attacker_side", "user_side"]),
        bombs=pd.DataFrame(bombs, columns=list(BOMB_COLUMNS)),
        buys=_frame(bought, _BUY, BUY_COLUMNS, sides=["side"]) if "playersBuy" in match else None,
        others=_others(match),
    )


def _match(content: bytes) -> dict[str, Any]:
    try:
        text = gzip.decompress(content) if content.startswith(_GZIP) else content
    except (EOFError, OSError, zlib.error) as error:
        raise UnreadableDemoError(f"truncated: the gzip file breaks off ({error}); copy or export it again") from error
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableDemoError(f"truncated or not JSON ({error}); export it again") from error
    missing = [name for name in _NEEDED if not isinstance(found, dict) or name not in found]
    if missing:
        raise UnreadableDemoError(f"not an export of cs-demo-analyzer: it has no {', '.join(missing)}")
    found.update({name: found[name] or [] for name in _NEEDED[2:]})  # Go writes an empty list as null
    return dict(found)


def _frame(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], columns: Sequence[str], sides: Sequence[str] = ()
) -> pd.DataFrame:
    """Rows as a frame, each of the export's names under ours.

    Raises:
        UnreadableDemoError: a row lacks a value; the message says which.
    """
    try:
        values = {column: [row[name] for row in rows] for column, name in zip(columns, names, strict=True)}
    except KeyError as error:
        raise UnreadableDemoError(f"a row of the export has no {error.args[0]}: export it again") from error
    frame = pd.DataFrame(values, columns=list(columns))
    return frame.assign(**{name: frame[name].map(_SIDES) for name in sides})


def _first(row: Mapping[str, Any], names: Sequence[str]) -> int:
    return next((int(row[name]) for name in names if row.get(name)), 0)


def _others(match: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    shots = _frame(
        match.get("shots") or (), ("tick", "playerSteamId", "weaponName"), ("tick", "user_steamid", "weapon")
    )
    blinded = _frame(
        match.get("playersFlashed") or (),
        ("tick", "flasherSteamId", "flashedSteamId"),
        ("tick", "attacker_steamid", "user_steamid"),
    )
    return {"weapon_fire": shots, "player_blind": blinded}
