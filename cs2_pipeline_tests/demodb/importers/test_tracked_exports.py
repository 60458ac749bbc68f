"""The tracker held to what exports themselves record: after every event of every round."""

import gzip
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cs2_pipeline.game.events import (
    BombDefused,
    BombExploded,
    BombPlanted,
    Damage,
    Event,
    FreezeEnd,
    Kill,
    PlayerAtStart,
    RoundEnd,
    RoundStart,
)
from cs2_pipeline.game.rules import Side
from cs2_pipeline.game.tracker import Tracker
from cs2_pipeline_tests.demodb.importers import made_exports as made

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
DATA, MAPS_2026 = SHARED / "cs_demo_analyzer", SHARED / "pro_maps_2026"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no real exports beside the repository")
SIDES: dict[int, Side] = {2: "T", 3: "CT"}


def who(row: dict[str, Any], role: str) -> int | str:
    """A player's SteamID, or a bot's name."""
    return row[f"{role}SteamId"] or row.get(f"{role}Name") or "World"


class Checked:
    """One round driven through the tracker, and beside it what the export says, added up independently."""

    def __init__(self, export: dict[str, Any], number: int, before: dict[str, int]) -> None:
        self.round = next(row for row in export["rounds"] if row["number"] == number)
        rows = {part: [row for row in export[part] if row["roundNumber"] == number] for part in PARTS}
        self.economies, self.rows = rows["playerEconomies"], rows
        self.sides = {row["steamId"]: SIDES[row["playerSide"]] for row in self.economies}
        for row in rows["kills"]:
            for role in ("killer", "victim"):
                if row[f"{role}Side"] in SIDES:
                    self.sides.setdefault(who(row, role), SIDES[row[f"{role}Side"]])
        self.health = dict.fromkeys(self.sides, 100)
        self.dead: set[int | str] = set()
        self.before, self.differences = before, Counter[str]()
        self.last = number == max(row["number"] for row in export["rounds"])
        self.hit_at: dict[int | str, int] = {}

    def events(self) -> list[tuple[float, int, Event, dict[str, Any]]]:
        """The round's events in order; of one tick the hits first, as a death follows from its hit."""
        live, end = self.round["freezeTimeEndTick"] / 64, self.round["endTick"] / 64
        found: list[tuple[float, int, Event, dict[str, Any]]] = [
            (row["tick"] / 64, 0, Damage(row["tick"] / 64, row["victimSteamId"], row["victimNewHealth"],
             row["victimNewArmor"]), row)
            for row in self.rows["damages"]
            if row["victimSteamId"]
        ]  # fmt: skip
        for row in self.rows["kills"]:
            killer = who(row, "killer") if row["killerSide"] in SIDES else None
            death = Kill(row["tick"] / 64, who(row, "victim"), killer, row["weaponName"])
            found.append((row["tick"] / 64, 1, death, row))
        bombs = {"bombsPlanted": BombPlanted, "bombsDefused": BombDefused, "bombsExploded": BombExploded}
        for part, made_of in bombs.items():
            found += [(row["tick"] / 64, 2, made_of(row["tick"] / 64), row) for row in self.rows[part]]
        return sorted((row for row in found if live <= row[0] <= end), key=lambda row: row[:2])

    def run(self, tracker: Tracker) -> None:
        start, live = self.round["startTick"] / 64, self.round["freezeTimeEndTick"] / 64
        owned = {row["steamId"]: row for row in self.economies}
        players = tuple(
            PlayerAtStart(player, side, owned[player]["startMoney"] - owned[player]["moneySpent"],
                          owned[player]["equipmentValue"]) if player in owned else PlayerAtStart(player, side)
            for player, side in self.sides.items()
        )  # fmt: skip
        tracker.apply(RoundStart(start, self.before["CT"], self.before["T"], players))
        tracker.apply(FreezeEnd(live))
        self.compare_economy(tracker.state(live))
        for time, _, event, row in self.events():
            self.tell(event, row)
            tracker.apply(event)
            self.compare(tracker.state(time), event)
        tracker.apply(RoundEnd(self.round["endTick"] / 64, SIDES[self.round["winnerSide"]]))
        ended = tracker.winner()
        if ended is not None and ended != SIDES[self.round["winnerSide"]]:
            self.differences["winner"] += 1

    def tell(self, event: Event, row: dict[str, Any]) -> None:
        if isinstance(event, Damage) and event.victim not in self.dead:
            # Of several hits in one tick (a shotgun's pellets) the export repeats the health before the first.
            again = self.hit_at.get(event.victim) == row["tick"]
            if self.health.get(event.victim) != row["victimHealth"] and not again:
                self.differences["health before a hit"] += 1
            self.hit_at[event.victim] = row["tick"]
            self.health[event.victim] = row["victimNewHealth"]
        if (isinstance(event, Kill) and event.victim is not None) or (isinstance(event, Damage) and not event.health):
            self.dead.add(event.victim)

    def compare(self, state: dict[str, Any], event: Event) -> None:
        for side in ("CT", "T"):
            living = [player for player, of in self.sides.items() if of == side and player not in self.dead]
            if state[f"{side.lower()}_alive"] != len(living):
                self.differences["players alive"] += 1
            if state[f"{side.lower()}_health"] != sum(self.health[player] for player in living):
                self.differences["health"] += 1
        if isinstance(event, BombPlanted) and (state["bomb_planted"], state["time_remaining"]) != (1, 40):
            self.differences["plant"] += 1
        if isinstance(event, BombDefused) and "terroristAliveCount" in self.rows["bombsDefused"][0]:
            row = self.rows["bombsDefused"][0]
            said = row["counterTerroristAliveCount"], row["terroristAliveCount"]
            if (state["ct_alive"], state["t_alive"]) != said:
                self.differences["alive at the defusal"] += 1

    def compare_economy(self, state: dict[str, Any]) -> None:
        for team in ("A", "B"):
            side = SIDES[self.round[f"team{team}Side"]]
            here = [player for player, of in self.sides.items() if of == side]
            if len(here) != sum(SIDES[row["playerSide"]] == side for row in self.economies):
                continue  # somebody of whom the export has no economy: nothing to compare with
            said = self.round.get(f"team{team}EquipmentValue")
            # The export takes the teams' sums of the last round when the match is over: not those of its start.
            if said is not None and not self.last and state[f"{side.lower()}_equip_value"] != said:
                self.differences["equipment"] += 1
            money = sum(
                row["startMoney"] - row["moneySpent"] for row in self.economies if SIDES[row["playerSide"]] == side
            )
            if state[f"{side.lower()}_money"] != money:
                self.differences["money"] += 1


OF_THE_EXPORT = {
    # The export's own sums for a team leave out $200 that its list of players has.
    "challengermode": {"equipment": 1},
    "esportal": {"equipment": 1},
    # A player of whom the round holds nothing, neither economy nor act, is still counted alive at its end.
    "esplay": {"alive at the defusal": 1},
    # Two bots play for players who left: hits on them name nobody, and a team's sums have five where the list has six.
    "valve": {"health before a hit": 2, "equipment": 1, "money": 1},
}
"""What the real exports contradict themselves in, by match."""

OF_THE_MAPS = {
    # The warm-up's hits are among the first round's, and the health that the list has goes on from them.
    "Falcons.zip": {"health before a hit": 7},
}
"""The same by professional map of 2026."""

PARTS = ("playerEconomies", "kills", "damages", "bombsPlanted", "bombsDefused", "bombsExploded")


def differences(export: dict[str, Any]) -> tuple[int, Counter[str]]:
    """How many rounds were checked, and in how many events tracker and export differ, by what."""
    tracker, found, score = Tracker(export["mapName"]), Counter[str](), {"A": 0, "B": 0}
    for row in export["rounds"]:
        before = {SIDES[row[f"team{team}Side"]]: score[team] for team in ("A", "B")}
        checked = Checked(export, row["number"], before)
        checked.run(tracker)
        found += checked.differences
        score = {team: row[f"team{team}Score"] for team in ("A", "B")}
        winner = "A" if row["winnerSide"] == row["teamASide"] else "B"
        won = {team: before[SIDES[row[f"team{team}Side"]]] + (team == winner) for team in ("A", "B")}
        found["score"] += won != score
    return len(export["rounds"]), Counter({name: count for name, count in found.items() if count})


def test_a_made_up_export_and_the_tracker_agree_after_every_event() -> None:
    export = made.match("ABAB" * 3 + "ABBBBBBBBB")
    plant = {"tick": made.live(1) + 64 * 30, "roundNumber": 1, "site": "A", "planterSteamId": made.steam_id(6)}
    assert differences(export | {"bombsPlanted": [plant]}) == (22, Counter())


def test_a_difference_is_seen() -> None:
    export = made.match("A" * 13)
    export["damages"][0]["victimHealth"] = 71
    export["rounds"][3]["teamAScore"] += 1
    rounds, found = differences(export)
    assert rounds == 13 and set(found) == {"health before a hit", "score"}


@needs_data
@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.json.gz")))
def test_the_tracker_agrees_with_the_real_export(name: str) -> None:
    rounds, found = differences(json.loads(gzip.decompress((DATA / name).read_bytes())))
    assert rounds >= 8
    assert found == OF_THE_EXPORT.get(name.partition("_")[0], {})


class Converted:
    """A map in cs2-demo-format in the names of cs-demo-analyzer, told apart from the importer's own reading of it."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        names = ("players", "rounds", "player-economies", "kills", "damages", "bombs")
        self.lists = {name: json.loads(archive.read(f"{name}.json")) for name in names}
        self.map_name = json.loads(archive.read("match.json"))["mapName"]
        self.of_round = {row["roundNumber"]: row for row in self.lists["rounds"]}

    def who(self, row: dict[str, Any], role: str) -> dict[str, Any]:
        index = row[f"{role}Index"]
        if index is None:
            return {f"{role}SteamId": 0, f"{role}Name": None, f"{role}Side": 0}
        player = self.lists["players"][index]
        side = {"ct": 3, "t": 2}[self.of_round[row["roundNumber"]][f"{player['teamKey']}Side"]]
        return {f"{role}SteamId": int(player["steamId64"]), f"{role}Name": player["name"], f"{role}Side": side}

    def at(self, row: dict[str, Any]) -> dict[str, int]:
        return {"tick": row["tick"], "roundNumber": row["roundNumber"]}

    def round(self, row: dict[str, Any]) -> dict[str, Any]:
        sides = {"ct": 3, "t": 2}
        scores = {
            f"{team}Score": row[f"{team}ScoreBefore"] + (row["winnerTeamKey"] == team) for team in ("teamA", "teamB")
        }
        return scores | {
            "number": row["roundNumber"], "startTick": row["startTick"], "freezeTimeEndTick": row["freezeEndTick"],
            "endTick": row["endTick"], "winnerSide": sides[row["winnerSide"]], "teamASide": sides[row["teamASide"]],
            "teamBSide": sides[row["teamBSide"]],
        }  # fmt: skip

    def export(self) -> dict[str, Any]:
        economies = [
            row | {"steamId": who["playerSteamId"], "playerSide": who["playerSide"]}
            for row in self.lists["player-economies"]
            for who in [self.who(row, "player")]
        ]
        kills = [
            self.at(row) | self.who(row, "killer") | self.who(row, "victim") | {"weaponName": row["weapon"]}
            for row in self.lists["kills"]
        ]
        left: dict[tuple[int, int], int] = {}
        damages = []
        for row in sorted(self.lists["damages"], key=lambda row: row["tick"]):
            if row["tick"] >= self.of_round[row["roundNumber"]]["freezeEndTick"]:
                victim = row["roundNumber"], row["victimIndex"]
                left[victim] = max(0, left.get(victim, 100) - row["healthDamageRaw"])
                health = {"victimHealth": row["victimHealthBefore"], "victimNewHealth": left[victim]}
                damages.append(
                    self.at(row) | self.who(row, "victim") | health | {"victimNewArmor": row["victimArmorAfter"]}
                )
        bombs = {
            f"bombs{kind.title()}": [self.at(row) for row in self.lists["bombs"] if row["type"] == kind]
            for kind in ("planted", "defused", "exploded")
        }
        rounds = [self.round(row) for row in self.lists["rounds"]]
        return bombs | {
            "mapName": self.map_name, "rounds": rounds, "playerEconomies": economies, "kills": kills, "damages": damages
        }  # fmt: skip


@pytest.mark.skipif(not MAPS_2026.is_dir(), reason="no professional maps beside the repository")
@pytest.mark.parametrize("name", sorted(path.name for path in MAPS_2026.glob("*.zip")))
def test_the_tracker_agrees_with_the_professional_maps(name: str) -> None:
    with zipfile.ZipFile(MAPS_2026 / name) as archive:
        rounds, found = differences(Converted(archive).export())
    assert rounds >= 13
    assert found == OF_THE_MAPS.get(name.rsplit("_", maxsplit=1)[-1], {})
