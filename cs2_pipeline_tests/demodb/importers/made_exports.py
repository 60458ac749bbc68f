"""Exports of matches that nobody played, small and whole, as the exporters write them."""

import csv
import gzip
import json
import zipfile
import zlib
from copy import deepcopy
from pathlib import Path
from typing import Any

STEAM = 76_561_198_000_000_000
A, B = tuple(range(1, 6)), tuple(range(6, 11))
FREEZE, LASTS, GAP = 960, 2_560, 320
CT, T = 3, 2


def steam_id(player: int) -> int:
    return STEAM + player


def starts(number: int) -> int:
    """The tick at which a round's freeze time begins."""
    return 1_000 + (number - 1) * (FREEZE + LASTS + GAP)


def live(number: int) -> int:
    return starts(number) + FREEZE


def side_of_a(number: int, max_rounds: int = 24) -> int:
    return CT if number <= max_rounds // 2 else T


def kill(number: int, killer: int, victim: int, at: float = 20.0, **changes: Any) -> dict[str, Any]:
    """A kill so many seconds after the freeze time; killer 0 is the world."""
    sides = {player: side_of_a(number) if player in A else 5 - side_of_a(number) for player in A + B}
    row = {
        "tick": live(number) + round(at * 64), "roundNumber": number, "weaponName": "AK-47",
        "killerSteamId": steam_id(killer) if killer else 0, "killerName": f"p{killer}" if killer else "World",
        "killerSide": sides.get(killer, 0), "victimSteamId": steam_id(victim), "victimName": f"p{victim}",
        "victimSide": sides[victim], "assisterSteamId": 0, "isHeadshot": True, "penetratedObjects": 0,
        "isAssistedFlash": False, "distance": 12.5,
    }  # fmt: skip
    return row | changes


def damage(death: dict[str, Any], before: int = 100) -> dict[str, Any]:
    """The hit that a kill came from."""
    return {
        "tick": death["tick"], "roundNumber": death["roundNumber"], "weaponName": death["weaponName"],
        "attackerSteamId": death["killerSteamId"], "attackerSide": death["killerSide"],
        "victimSteamId": death["victimSteamId"], "victimSide": death["victimSide"], "healthDamage": before,
        "armorDamage": 5, "victimHealth": before, "victimNewHealth": 0, "victimArmor": 100, "victimNewArmor": 95,
        "hitgroup": 1,
    }  # fmt: skip


def match(winners: str = "A" * 13, **changes: Any) -> dict[str, Any]:
    """A match of five against five in the JSON of cs-demo-analyzer; A begins as CT.

    Another checksum makes it another match: others kill others.

    Args:
        winners: who won each round, one letter a round. The winners kill all five of the others.
        changes: what the export says otherwise.
    """
    rounds, kills, economies, buys = [], [], [], []
    score = {"A": 0, "B": 0}
    for number, winner in enumerate(winners, 1):
        score[winner] += 1
        of_a = side_of_a(number)
        winner_side = of_a if winner == "A" else 5 - of_a
        rounds.append({
            "number": number, "startTick": starts(number), "freezeTimeEndTick": live(number),
            "endTick": live(number) + LASTS, "teamAName": "Team A", "teamBName": "Team B", "teamASide": of_a,
            "teamBSide": 5 - of_a, "teamAScore": score["A"], "teamBScore": score["B"],
            "winnerSide": winner_side, "endReason": 8 if winner_side == CT else 9, "duration": 40_000,
        })  # fmt: skip
        killers, victims = (A, B) if winner == "A" else (B, A)
        turned = zlib.crc32(f"{changes['checksum']} {number}".encode()) % 5 if "checksum" in changes else 0
        pairs = zip(killers, victims[turned:] + victims[:turned], strict=True)
        kills += [kill(number, one, two, at=8.0 * place) for place, (one, two) in enumerate(pairs, 1)]
        for player in A + B:
            side = of_a if player in A else 5 - of_a
            economies.append({
                "roundNumber": number, "steamId": steam_id(player), "name": f"p{player}", "playerSide": side,
                "startMoney": 4_000, "moneySpent": 3_700, "equipmentValue": 4_700,
            })  # fmt: skip
            buys.append({
                "roundNumber": number, "tick": starts(number) + 64, "playerSteamId": steam_id(player),
                "playerSide": side, "playerName": f"p{player}", "weaponName": "Kevlar + Helmet", "hasRefunded": False,
            })  # fmt: skip
    made = {
        "checksum": "00c0ffee00c0ffee", "game": "CS2", "demoFileName": "made-up", "mapName": "de_mirage",
        "date": "2024-03-09T18:00:00Z", "tickrate": 64, "tickCount": starts(len(winners) + 1), "maxRounds": 24,
        "serverName": "a server", "rounds": rounds, "kills": kills, "damages": [damage(death) for death in kills],
        "playerEconomies": economies, "playersBuy": buys, "bombsPlanted": [], "bombsDefused": [], "bombsExploded": [],
        "bombsPlantStart": [], "bombsDefuseStart": [], "shots": [], "playersFlashed": [],
    }  # fmt: skip
    return deepcopy(made) | changes


def write(folder: Path, made: dict[str, Any], name: str = "made-up.json.gz") -> Path:
    """The match as a file; gzipped where the name says so."""
    path = folder / name
    text = json.dumps(made).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def write_csv(folder: Path, made: dict[str, Any]) -> Path:
    """The match as CS Demo Manager's CSV tables, without damages and bombs, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    checksum, name = made["checksum"], made["demoFileName"]
    tables: dict[str, tuple[dict[str, str], list[dict[str, Any]]]] = {
        "match": (
            {"checksum": "checksum", "game": "game", "demo name": "demoFileName", "date": "date", "map": "mapName",
             "tickrate": "tickrate", "tick count": "tickCount", "max rounds": "maxRounds"},
            [made],
        ),
        "rounds": (
            {"number": "number", "start tick": "startTick", "freezetime end tick": "freezeTimeEndTick",
             "end tick": "endTick", "winner side": "winnerSide", "end reason": "endReason"},
            made["rounds"],
        ),
        "players_economy": (
            {"steamid": "steamId", "name": "name", "player side": "playerSide", "start money": "startMoney",
             "money spent": "moneySpent", "equipment value": "equipmentValue", "round": "roundNumber"},
            made["playerEconomies"],
        ),
        "kills": (
            {"round": "roundNumber", "tick": "tick", "killer name": "killerName", "killer steamid": "killerSteamId",
             "killer side": "killerSide", "victim name": "victimName", "victim steamid": "victimSteamId",
             "victim side": "victimSide", "assister steamid": "assisterSteamId", "weapon name": "weaponName",
             "headshot": "isHeadshot", "penetrated objects": "penetratedObjects",
             "is flash assist": "isAssistedFlash", "distance": "distance"},
            made["kills"],
        ),
        "players_buy": (
            {"round": "roundNumber", "tick": "tick", "player steamid": "playerSteamId", "player side": "playerSide",
             "weapon name": "weaponName", "has refunded": "hasRefunded"},
            made["playersBuy"],
        ),
    }  # fmt: skip
    for table, (columns, rows) in tables.items():
        header = list(columns) if table == "match" else [*columns, "match checksum"]
        with (folder / f"{name}_{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for row in rows:
                values = [row[key] for key in columns.values()]
                plain = [int(value) if isinstance(value, bool) else value for value in values]
                writer.writerow(plain if table == "match" else [*plain, checksum])
    return folder


def write_zip(folder: Path, made: dict[str, Any], hits: list[dict[str, Any]] | None = None) -> Path:
    """The match as a zip in cs2-demo-format, without bombs; with more hits, in that format, where given."""
    place = {steam_id(player): number for number, player in enumerate(A + B)}
    side = {CT: "ct", T: "t"}

    def at(row: dict[str, Any]) -> dict[str, Any]:
        return {"roundNumber": row["roundNumber"], "tick": row["tick"]}

    lists: dict[str, Any] = {
        "manifest": {"schemaVersion": "cs2-demo-format/3.0", "tickrate": 64,
                     "demo": {"hash": made["checksum"], "sourceFileName": "made-up.dem"}},
        "match": {"mapName": made["mapName"], "serverName": made["serverName"], "date": made["date"]},
        "players": [{"steamId64": str(steam_id(player)), "name": f"p{player}",
                     "teamKey": "teamA" if player in A else "teamB"} for player in A + B],
        "rounds": [{"roundNumber": row["number"], "startTick": row["startTick"], "endTick": row["endTick"],
                    "freezeEndTick": row["freezeTimeEndTick"], "teamASide": side[row["teamASide"]],
                    "teamBSide": side[row["teamBSide"]], "winnerSide": side[row["winnerSide"]],
                    "endReason": "ct_win" if row["winnerSide"] == CT else "t_win"} for row in made["rounds"]],
        "player-economies": [row | {"playerIndex": place[row["steamId"]], "hasHelmet": True, "hasDefuseKit": False}
                             for row in made["playerEconomies"]],
        "kills": [at(row) | {"killerIndex": place.get(row["killerSteamId"]), "victimIndex": place[row["victimSteamId"]],
                             "assisterIndex": None, "weapon": row["weaponName"], "headshot": True,
                             "penetratedObjects": 0, "flashAssist": False} for row in made["kills"]],
        "damages": [at(row) | {"attackerIndex": place.get(row["attackerSteamId"]), "weapon": row["weaponName"],
                               "victimIndex": place[row["victimSteamId"]], "healthDamage": row["healthDamage"],
                               "healthDamageRaw": row["healthDamage"], "armorDamage": 5,
                               "victimHealthBefore": row["victimHealth"], "victimArmorAfter": row["victimNewArmor"]}
                    for row in made["damages"]] + (hits or []),
        "bombs": [],
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "made-up.zip", "w") as archive:
        for name, content in lists.items():
            archive.writestr(f"{name}.json", json.dumps(content))
    return folder / "made-up.zip"
