"""A simulated demo database written anew as the application Demo Lens writes it: the same matches, its habits.

`rewrite` reads what the simulator wrote and gives every property that CONTRACTS lists under "What the application
really writes": numbers as text, columns never written, round numbers that count warm-up, knife round and false starts,
ids that say nothing, one day of import, and the tables that hold what is missing elsewhere. What the tests compare
against is the simulator's own database, so nothing here may read the platform's extraction.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from sqlalchemy import Engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from cs2_pipeline.demodb import tables
from cs2_pipeline.game import weapons

IMPORTED = datetime(2026, 6, 1, 9)
"""The moment of the bulk import, after every simulated match."""
RATE = 64
BEFORE = 30_000
"""Ticks put before the first live round: warm-up, knife round and false starts."""
PAUSE = 450 * RATE
PAUSED_ROUND = 5
_SERVER_UP = 1_234.5
_BUY = 300
_REASONS = {
    "CTWin": "8",
    "TerroristWin": "9",
    "BombDefused": "7",
    "TargetBombed": "1",
    "TargetSaved": "12",
}
_TEAM = {"CT": "3", "T": "2"}
_CLASSES = {
    "glock": "CWeaponGlock", "usp_silencer": "CWeaponUSPSilencer", "p250": "CWeaponP250", "tec9": "CWeaponTec9",
    "fiveseven": "CWeaponFiveSeven", "deagle": "CDEagle", "mac10": "CWeaponMAC10", "mp9": "CWeaponMP9",
    "ump45": "CWeaponUMP45", "galilar": "CWeaponGalilAR", "famas": "CWeaponFamas", "ssg08": "CWeaponSSG08",
    "ak47": "CAK47", "m4a1": "CWeaponM4A1", "aug": "CWeaponAug", "awp": "CWeaponAWP", "mp7": "CWeaponMP7",
    "nova": "CWeaponNOVA", "xm1014": "CWeaponXM1014", "hegrenade": "CHEGrenade", "flashbang": "CFlashbang",
    "smokegrenade": "CSmokeGrenade", "incgrenade": "CIncendiaryGrenade", "molotov": "CMolotovGrenade",
    "decoy": "CDecoyGrenade", "knife": "CKnife", "c4": "CC4",
}  # fmt: skip
_GRENADES = ("hegrenade", "flashbang", "smokegrenade", "incgrenade", "molotov", "decoy")

Positions = Literal["all", "moments", "off"]
Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Habits:
    """What may differ from one installation of the application to another.

    Attributes:
        positions: PlayerPositions at every sixteenth tick, only around the ends of freeze times (so that a test is
            quick; nothing else reads them), or off, as its setting can have it.
        dated_names: whether the files' names begin with the date of the match.
        whole_inventories: whether one inventory change names weapons and grenades, or each kind its own.
        equipment: whether Equipment is filled.
        events: whether GameEvents is filled.
        imported: when the import began.
    """

    positions: Positions = "moments"
    dated_names: bool = True
    whole_inventories: bool = False
    equipment: bool = True
    events: bool = True
    imported: datetime = IMPORTED


def rewrite(source: Path, target: Path, habits: Habits | None = None, seed: int = 0) -> Path:
    """Write the matches of a simulated SQLite database into a new one as the application would have."""
    with sqlite3.connect(source) as connection:
        read = {name: pd.read_sql(f'SELECT * FROM "{name}"', connection) for name in tables.METADATA.tables}  # noqa: S608
    frames = _Rewriting(read, habits or Habits(), np.random.default_rng(seed)).frames()
    with sqlite3.connect(target) as connection:
        for metadata in (tables.METADATA, tables.APPLICATION):
            for table in metadata.sorted_tables:
                if table.name not in frames:
                    continue
                connection.execute(str(CreateTable(table).compile(dialect=sqlite.dialect())))
                for index in sorted(table.indexes, key=str):
                    connection.execute(str(CreateIndex(index).compile(dialect=sqlite.dialect())))
                _insert(connection, table.name, [c.name for c in table.columns], frames[table.name])
    return target


def copy_to(engine: Engine, source: Path) -> None:
    """The tables of a rewritten SQLite database in another server's database."""
    with sqlite3.connect(source) as connection, engine.begin() as server:
        there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for metadata in (tables.METADATA, tables.APPLICATION):
            wanted = [table for table in metadata.sorted_tables if table.name in there]
            metadata.create_all(server, tables=wanted)
            for table in wanted:
                _copy_table(connection, server, table)


def files_of(path: Path) -> pd.DataFrame:
    """match_id and file name of every match."""
    query = 'SELECT m."Id" match_id, d."FileName" file FROM "Matches" m JOIN "DemoFiles" d ON d."Id" = m."DemoFileId"'
    with sqlite3.connect(path) as connection:
        return pd.read_sql(query, connection)


def _copy_table(connection: sqlite3.Connection, server: Any, table: Any) -> None:
    frame = pd.read_sql(f'SELECT * FROM "{table.name}"', connection)  # noqa: S608
    for column in table.columns:
        kind = column.type.python_type
        if kind is datetime:
            frame[column.name] = pd.to_datetime(frame[column.name], format="ISO8601")
        elif kind is bool:
            frame[column.name] = frame[column.name].astype("boolean")
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    for first in range(0, len(rows), 2_000):
        server.execute(table.insert(), rows[first : first + 2_000])


def _insert(connection: sqlite3.Connection, name: str, columns: Sequence[str], frame: pd.DataFrame) -> None:
    quoted, marks = ", ".join(f'"{column}"' for column in columns), ", ".join("?" * len(columns))
    values = [frame[column].astype(object).where(frame[column].notna(), None).tolist() for column in columns]
    connection.executemany(f'INSERT INTO "{name}" ({quoted}) VALUES ({marks})', zip(*values, strict=True))  # noqa: S608


class _Rewriting:
    """One rewriting: the simulator's frames, and everything that follows from them."""

    def __init__(self, read: Frames, habits: Habits, random: np.random.Generator) -> None:
        self.read, self.habits, self.random = read, habits, random
        rounds = read["Rounds"].sort_values(["DemoFileId", "RoundNumber"])
        self.pause_from = rounds[rounds["RoundNumber"] == PAUSED_ROUND].set_index("DemoFileId")["StartTick"]
        self.pause_from = self.pause_from[self.pause_from.index % 3 == 0]
        self.rounds = self._rounds(rounds)
        self.stats = self._stats()
        self.carried = self._carried()

    def frames(self) -> Frames:
        """Every table of the application's database, ids shuffled."""
        kills, damages = self._kills(), self._damages()
        made = {
            "DemoFiles": self._demos(),
            "Matches": self._matches(),
            "Players": self._players(),
            "Rounds": self.rounds.assign(CTLivePlayers=0, TLivePlayers=0),
            "PlayerRoundStats": self._player_rounds(),
            "PlayerMatchStats": self._player_matches(),
            "Kills": kills,
            "Bombs": self._bombs(),
            "Damages": damages,
        }
        if self.habits.positions != "off":
            made["PlayerPositions"] = self._positions(kills, damages)
        if self.habits.equipment:
            made["Equipment"] = self._equipment()
        if self.habits.events:
            made["GameEvents"] = self._events()
        return self._renamed(made)

    # clocks and rounds

    def tick(self, demo: pd.Series, tick: pd.Series) -> pd.Series:
        """The simulator's ticks as the application's: later by what lies before, and by the pause."""
        paused = demo.map(self.pause_from)
        return tick + BEFORE + np.where(tick > paused, PAUSE, 0)

    def _rounds(self, rounds: pd.DataFrame) -> pd.DataFrame:
        demo = rounds["DemoFileId"]
        start, end = self.tick(demo, rounds["StartTick"]), self.tick(demo, rounds["EndTick"])
        freeze = self.tick(demo, rounds["StartTick"] + 15 * RATE)
        live = rounds.assign(
            StartTick=start,
            EndTick=end,
            FreezeEnd=freeze,
            Live=rounds["RoundNumber"],
            RoundNumber=rounds["RoundNumber"] + 3 + demo % 2,
            WinnerTeam=rounds["WinnerTeam"].map(_TEAM),
            EndReason=rounds["EndReason"].map(_REASONS),
        )
        first = live[live["Live"] == 1]
        last = live.sort_values("Live").drop_duplicates("DemoFileId", keep="last")
        before = [
            self._extra(first, 1, 64, 9_000, WinnerTeam="1", EndReason="16", IsWarmup=1),
            self._extra(first, 2, 9_600, 14_000, CTScore=1, IsKnifeRound=(first["DemoFileId"] % 7 == 0).astype(int)),
            self._extra(first, 3, 15_000, 20_000, CTScore=1),
            self._extra(first[first["DemoFileId"] % 2 == 1], 4, 21_000, 26_000, TScore=1, CTScore=1),
        ]
        after = last.assign(
            StartTick=last["EndTick"] + 500, EndTick=None, FreezeEnd=last["EndTick"] + 1_460, Live=None,
            RoundNumber=last["RoundNumber"] + 1, WinnerTeam=None, EndReason=None,
        )  # fmt: skip
        every = pd.concat([*before, live, after[after["DemoFileId"] % 4 == 0]], ignore_index=True)
        every["OldId"] = every["Id"].where(every["Live"].notna())
        every["Id"] = np.arange(1, len(every) + 1)
        seconds = pd.to_timedelta(every["StartTick"].astype("float") / RATE, unit="s")
        every["StartTime"] = (pd.Timestamp(0) + seconds).dt.strftime("%Y-%m-%d %H:%M:%S.%f")
        ended = pd.to_timedelta(every["EndTick"].astype("float") / RATE, unit="s")
        every["EndTime"] = (pd.Timestamp(0) + ended).dt.strftime("%Y-%m-%d %H:%M:%S.%f")
        every["Duration"] = ((every["EndTick"] - every["StartTick"]).astype("float") / RATE).fillna(0.0)
        never = ("CTStartMoney", "TStartMoney", "CTEquipmentValue", "TEquipmentValue", "BombPlanted", "BombDefused",
                 "BombExploded", "IsEcoRound", "IsForceBuyRound", "IsAntiEcoRound", "IsPistolRound")  # fmt: skip
        return every.assign(**dict.fromkeys(never, 0), BombSite=None, GamePhase=None)

    def _extra(self, first: pd.DataFrame, number: int, start: int, end: int, **values: Any) -> pd.DataFrame:
        zero = {"CTScore": 0, "TScore": 0, "IsWarmup": 0, "IsKnifeRound": 0, "WinnerTeam": "3", "EndReason": "8"}
        ticks = {"StartTick": start, "EndTick": end, "FreezeEnd": start + 15 * RATE}
        return first.assign(RoundNumber=number, **ticks, Live=None, **(zero | values))

    # players of rounds

    def _stats(self) -> pd.DataFrame:
        """PlayerRoundStats of every round but the last unfinished one, with the side played and what was bought."""
        live = self.rounds[self.rounds["OldId"].notna()]
        old = self.read["PlayerRoundStats"].merge(
            live[["OldId", "Id", "DemoFileId", "Live", "StartTick", "EndTick", "FreezeEnd"]].rename(
                columns={"Id": "NewRound"}
            ),
            left_on="RoundId",
            right_on="OldId",
        )
        team = self.read["Players"].set_index("Id")["Team"]
        began_ct = old["PlayerId"].map(team) == "CT"
        number = old["Live"].astype(int)
        swapped = ((number > 12) & (number <= 24)) | ((number > 24) & (((number - 25) // 3 % 4).isin([0, 3])))
        old["Side"] = np.where(began_ct ^ swapped, "CT", "T")
        old["ArmorBought"] = np.where(old["EquipmentValue"] >= 850, 100, 0)
        return old.sort_values(["PlayerId", "NewRound"], ignore_index=True)

    def _carried(self) -> pd.DataFrame:
        """What each player brings into a round before buying: armour, helmet and kit of who survived the last."""
        rows = self.stats.sort_values(["PlayerId", "Live"])
        before = rows.groupby("PlayerId")[["IsAlive", "Armor", "HasHelmet", "HasDefuseKit"]].shift()
        fresh = before["IsAlive"].ne(1) | rows["Live"].isin([1, 13]) | ((rows["Live"] > 24) & (rows["Live"] % 3 == 1))
        kept = before[["Armor", "HasHelmet", "HasDefuseKit"]].where(~fresh, 0).fillna(0).astype(int)
        return kept.reindex(self.stats.index)

    def _player_rounds(self) -> pd.DataFrame:
        live = self.stats.assign(
            RoundId=self.stats["NewRound"], MoneySpent=0, EquipmentValue=0, EndMoney=0, IsAlive=1, Health=100,
            Damage=self._received(), HasBomb=0, IsClutch=0, ClutchSize=0, ClutchWon=0,
            Armor=self.carried["Armor"], HasHelmet=self.carried["HasHelmet"],
            HasDefuseKit=self.carried["HasDefuseKit"],
        )  # fmt: skip
        other = self.rounds[self.rounds["Live"].isna() & self.rounds["EndTick"].notna()]
        first = live[live["Live"] == 1]
        extra = other[["Id", "DemoFileId"]].merge(first.drop(columns=["Id", "RoundId"]), on="DemoFileId")
        extra = extra.rename(columns={"Id": "RoundId"}).assign(StartMoney=0, Kills=0, Deaths=0, Assists=0, Damage=0)
        every = pd.concat([live, extra], ignore_index=True)
        return every.assign(Id=np.arange(1, len(every) + 1))

    def _received(self) -> pd.Series:
        damage = self.read["Damages"].groupby(["RoundId", "VictimId"])["DamageAmount"].sum()
        keys = pd.MultiIndex.from_frame(self.stats[["OldId", "PlayerId"]].astype("int64"))
        return pd.Series(damage.reindex(keys).fillna(0).astype(int).to_numpy(), index=self.stats.index)

    def _player_matches(self) -> pd.DataFrame:
        old = self.read["PlayerMatchStats"].copy()
        never = [name for name in old if name.startswith("Clutch") or name in ("FirstKills", "FirstDeaths")]
        demo = old["PlayerId"].map(self.read["Players"].set_index("Id")["DemoFileId"])
        extra = self.rounds[self.rounds["Live"].isna()].groupby("DemoFileId").size()
        return old.assign(**dict.fromkeys(never, 0), RoundsPlayed=old["RoundsPlayed"] + demo.map(extra))

    # whole tables

    def _demos(self) -> pd.DataFrame:
        old = self.read["DemoFiles"]
        names = old["FileName"] if self.habits.dated_names else "match730_" + (old["Id"] * 7919).astype(str) + ".dem"
        return old.assign(FileName=names, FilePath="demos\\" + names, DemoSource=None, ServerName="server")

    def _matches(self) -> pd.DataFrame:
        never = [name for name in self.read["Matches"] if "Score" in name or name in ("MaxRounds", "TotalRounds")]
        clocks = ("RoundTimeLimit", "FreezeTime", "BuyTime")
        old = self.read["Matches"]
        return old.assign(**dict.fromkeys(never, 0), **dict.fromkeys(clocks, 0.0), EndTime=None, WinnerTeam=None)

    def _players(self) -> pd.DataFrame:
        old = self.read["Players"]
        seen_early = old["Id"] % 9 == 0
        team = old["Team"].map({**_TEAM, "Spectator": "1"}).where(~seen_early, "0")
        keep = old["Team"] != "Spectator"
        return old.assign(Team=team, IsHltv=0)[keep]

    def _events_of(self, name: str) -> pd.DataFrame:
        """A table of events in the application's rounds, ticks and clock."""
        old = self.read[name]
        rounds = self.rounds.dropna(subset="OldId").set_index("OldId")["Id"]
        tick = self.tick(old["DemoFileId"], old["Tick"])
        moved = old.assign(RoundId=old["RoundId"].map(rounds), Tick=tick, GameTime=tick / RATE + _SERVER_UP)
        return moved.astype({"RoundId": "int64"})

    def _duels(self) -> pd.DataFrame:
        """Who kills whom in knife rounds and false starts: everybody of T dies, in order of their ids."""
        extra = self.rounds[self.rounds["RoundNumber"].between(2, 4) & self.rounds["Live"].isna()]
        first = self.stats[self.stats["Live"] == 1]
        people = {
            side: first[first["Side"] == side].groupby("DemoFileId")["PlayerId"].apply(list) for side in ("CT", "T")
        }
        rows = [
            {
                "DemoFileId": row.DemoFileId, "RoundId": row.Id, "Tick": row.FreezeEnd + 400 + 100 * n,
                "GameTime": 0.0, "KillerId": ct, "AttackerId": ct, "VictimId": t,
                "Weapon": "knife_t" if row.RoundNumber == 2 else "usp_silencer",
            }
            for row in extra.itertuples()
            for n, (ct, t) in enumerate(zip(people["CT"][row.DemoFileId], people["T"][row.DemoFileId], strict=True))
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def _kills(self) -> pd.DataFrame:
        words = {"CT": "CounterTerrorist", "T": "Terrorist"}
        kills = self._events_of("Kills").assign(IsFirstKill=0, IsTradeKill=0)
        kills = kills.assign(KillerTeam=kills["KillerTeam"].map(words), VictimTeam=kills["VictimTeam"].map(words))
        extra = self._duels().assign(
            AssisterId=None, HitGroup="head", IsHeadshot=1, IsWallbang=0, IsFirstKill=0, IsTradeKill=0, Distance=1.0,
            KillerTeam="CounterTerrorist", VictimTeam="Terrorist", IsTeamKill=0,
        )  # fmt: skip
        every = pd.concat([kills, extra], ignore_index=True)
        return every.assign(Id=np.arange(1, len(every) + 1))

    def _damages(self) -> pd.DataFrame:
        extra = self._duels().assign(DamageAmount=100, DamageArmor=0, Health=0, Armor=0, IsFatal=1)
        every = pd.concat([self._events_of("Damages"), extra], ignore_index=True)
        return every.assign(Id=np.arange(1, len(every) + 1))

    def _bombs(self) -> pd.DataFrame:
        bombs = self._events_of("Bombs")
        bombs["Team"] = bombs["Team"].map(_TEAM)
        begin = {"planted": "begin_plant", "defused": "begin_defuse"}
        begun = bombs[bombs["EventType"].isin(list(begin))]
        begun = begun.assign(EventType=begun["EventType"].map(begin), Tick=begun["Tick"] - 200)
        every = pd.concat([bombs, begun], ignore_index=True)
        return every.assign(Id=np.arange(1, len(every) + 1))

    # what only the application writes

    def _states(self, kills: pd.DataFrame, damages: pd.DataFrame) -> pd.DataFrame:
        """Every change of a player's body and money, whole rows in the order of player and tick."""
        s, carried = self.stats, self.carried
        who = {"PlayerId": s["PlayerId"], "Round": s["NewRound"], "Team": s["Side"].map(_TEAM)}
        start = pd.DataFrame(
            {**who, "Tick": s["StartTick"], "Order": 0, "IsAlive": 1, "Health": 100, "Armor": carried["Armor"],
             "HasHelmet": carried["HasHelmet"], "HasDefuseKit": carried["HasDefuseKit"], "Money": s["StartMoney"]}
        )  # fmt: skip
        bought = start.assign(
            Tick=s["FreezeEnd"] - 15 * RATE + _BUY, Order=1, Armor=s["ArmorBought"], HasHelmet=s["HasHelmet"],
            HasDefuseKit=s["HasDefuseKit"], Money=s["StartMoney"] - s["MoneySpent"],
        )  # fmt: skip
        hit = damages.rename(columns={"VictimId": "PlayerId", "RoundId": "Round"}).assign(Order=2)
        hit = hit[hit["Round"].isin(s["NewRound"])][["PlayerId", "Round", "Tick", "Order", "Health", "Armor"]]
        hit["IsAlive"] = (hit["Health"] > 0).astype(int)
        paid = kills.rename(columns={"KillerId": "PlayerId", "RoundId": "Round"}).assign(Order=3)
        paid = paid[paid["Round"].isin(s["NewRound"])]
        paid["Paid"] = paid["Weapon"].map(weapons.kill_reward)
        every = pd.concat([start, bought, hit, paid[["PlayerId", "Round", "Tick", "Order", "Paid"]]])
        every = every.sort_values(["PlayerId", "Tick", "Order"], ignore_index=True)
        filled = ["IsAlive", "Health", "Armor", "HasHelmet", "HasDefuseKit", "Money", "Team"]
        every[filled] = every.groupby("PlayerId")[filled].ffill()
        every["Money"] += every["Paid"].fillna(0).groupby([every["PlayerId"], every["Round"]]).cumsum()
        return every.drop(columns=["Paid", "Order", "Round"])

    def _positions(self, kills: pd.DataFrame, damages: pd.DataFrame) -> pd.DataFrame:
        states = self._states(kills, damages)
        people = self.stats[["DemoFileId", "PlayerId"]].drop_duplicates()
        sampled = people.merge(self._sampled_ticks(), on="DemoFileId")[["PlayerId", "Tick"]]
        at_events = [
            events[["PlayerId", "Tick"]]
            for events in (
                kills.rename(columns={"VictimId": "PlayerId"}),
                damages.rename(columns={"VictimId": "PlayerId"}),
            )
        ]
        ticks = pd.concat([sampled, *at_events], ignore_index=True).drop_duplicates().sort_values("Tick")
        states = states.astype({"Tick": "int64"}).sort_values("Tick", kind="stable")
        found = pd.merge_asof(ticks.astype({"Tick": "int64"}), states, on="Tick", by="PlayerId")
        fresh = {"IsAlive": 1, "Health": 100, "Armor": 0, "HasHelmet": 0, "HasDefuseKit": 0, "Money": 0, "Team": "0"}
        found = found.fillna(fresh).sample(frac=1.0, random_state=1).reset_index(drop=True)
        demo = people.set_index("PlayerId")["DemoFileId"]
        whole = ["IsAlive", "Health", "Armor", "HasHelmet", "HasDefuseKit", "Money"]
        return found.astype(dict.fromkeys(whole, int)).assign(
            Id=np.arange(1, len(found) + 1), DemoFileId=found["PlayerId"].map(demo), ActiveWeapon="CKnife",
            GameTime=found["Tick"] / RATE + _SERVER_UP,
        )  # fmt: skip

    def _sampled_ticks(self) -> pd.DataFrame:
        """By demo, the ticks at which every player is recorded."""
        if self.habits.positions == "all":
            last = self.rounds.groupby("DemoFileId")["EndTick"].max()
            grids = [
                pd.DataFrame({"DemoFileId": demo, "Tick": np.arange(0, int(end), 16)}) for demo, end in last.items()
            ]
            return pd.concat(
                [*grids, self.rounds[["DemoFileId", "StartTick"]].set_axis(["DemoFileId", "Tick"], axis=1)]
            )
        base = self.rounds["FreezeEnd"] // 16 * 16
        near = [
            pd.DataFrame({"DemoFileId": self.rounds["DemoFileId"], "Tick": base + 16 * step}) for step in range(-6, 4)
        ]
        start = self.rounds[["DemoFileId", "StartTick"]].set_axis(["DemoFileId", "Tick"], axis=1)
        return pd.concat([*near, start])

    def _equipment(self) -> pd.DataFrame:
        s = self.stats
        kit = s["HasDefuseKit"].astype(int)
        worn = 650 * (s["EquipmentValue"] >= 850) + 350 * s["HasHelmet"].astype(int) + 400 * kit
        items = [inventory(side, int(value)) for side, value in zip(s["Side"], s["EquipmentValue"] - worn, strict=True)]
        guns = pd.Series([_class_names([i for i in held if i not in _GRENADES] + ["knife"]) for held in items])
        grenades = pd.Series([_class_names([i for i in held if i in _GRENADES]) for held in items])
        row = {"DemoFileId": s["DemoFileId"], "PlayerId": s["PlayerId"], "Team": s["Side"].map(_TEAM),
               "RoundNumber": s["Live"]}  # fmt: skip
        bought, thrown = s["FreezeEnd"] - 15 * RATE + _BUY, s["FreezeEnd"] + 10 * RATE
        pistol = s["Side"].map({"CT": "CWeaponUSPSilencer, CKnife", "T": "CWeaponGlock, CKnife"})
        changes = [(s["StartTick"] + 1, "weapon_inventory_change", pistol)]
        if self.habits.whole_inventories:
            both = (guns + ", " + grenades).str.removesuffix(", ")
            changes += [(bought, "weapon_inventory_change", both), (thrown, "weapon_inventory_change", guns)]
        else:
            changes += [
                (s["StartTick"] + 1, "grenade_inventory_change", pd.Series("", index=s.index)),
                (bought, "weapon_inventory_change", guns),
                (bought + 5, "grenade_inventory_change", grenades),
                (thrown, "grenade_inventory_change", pd.Series("", index=s.index)),
            ]
        changes += [(bought + 7, "equip", pd.Series("CKnife", index=s.index))]
        made = [pd.DataFrame({**row, "Tick": tick, "Action": action, "ItemName": names.to_numpy()}) for
                tick, action, names in changes]  # fmt: skip
        every = pd.concat(made).sample(frac=1.0, random_state=2).reset_index(drop=True)
        every["ItemName"] = every["ItemName"].replace("", None)
        return every.assign(Id=np.arange(1, len(every) + 1), GameTime=every["Tick"] / RATE + _SERVER_UP)

    def _events(self) -> pd.DataFrame:
        r = self.rounds
        unmarked = (r["Live"] == 10) & (r["DemoFileId"] % 2 == 0)
        kinds = [
            ("round_start", "StartTick", r["Id"] > 0),
            ("round_freeze_end", "FreezeEnd", ~unmarked),
            ("round_end", "EndTick", r["EndTick"].notna()),
            ("round_officially_ended", "EndTick", r["EndTick"].notna()),
            ("round_announce_match_start", "StartTick", r["Live"] == 1),
        ]
        made = [
            r.loc[which, ["DemoFileId", "RoundNumber"]].assign(Tick=r.loc[which, tick], EventName=name)
            for name, tick, which in kinds
        ]
        every = pd.concat(made).sample(frac=1.0, random_state=3).reset_index(drop=True)
        return every.assign(Id=np.arange(1, len(every) + 1), GameTime=every["Tick"].astype(float) / RATE + _SERVER_UP)

    # ids and the import

    def _renamed(self, made: Frames) -> Frames:
        """New ids: demos in the order of import, everything else in none; the import's moments."""
        order = self.random.permutation(len(made["DemoFiles"]))
        imported = pd.Series(
            [self.habits.imported + timedelta(seconds=40 * int(place)) for place in order],
            index=made["DemoFiles"]["Id"],
        )
        text = imported.dt.strftime("%Y-%m-%d %H:%M:%S.%f")
        ids = {"DemoFiles": pd.Series(order + 1, index=made["DemoFiles"]["Id"])}
        match_demo = made["Matches"].set_index("Id")["DemoFileId"]
        ids["Matches"] = match_demo.map(ids["DemoFiles"])
        for name, frame in made.items():
            if name not in ids:
                ids[name] = pd.Series(self.random.permutation(len(frame)) + 1, index=frame["Id"])
        made["DemoFiles"] = made["DemoFiles"].assign(
            CreatedAt=text.to_numpy(),
            ParsedAt=(imported + timedelta(seconds=30)).dt.strftime("%Y-%m-%d %H:%M:%S.%f").to_numpy(),
        )
        made["Matches"] = made["Matches"].assign(StartTime=made["Matches"]["DemoFileId"].map(text))
        references = {
            "DemoFileId": "DemoFiles", "MatchId": "Matches", "RoundId": "Rounds", "PlayerId": "Players",
            "KillerId": "Players", "VictimId": "Players", "AssisterId": "Players", "AttackerId": "Players",
        }  # fmt: skip
        for name, frame in made.items():
            renamed = {"Id": frame["Id"].map(ids[name])}
            renamed |= {
                column: frame[column].map(ids[of]).astype("Int64")
                for column, of in references.items()
                if column in frame
            }
            made[name] = frame.assign(**renamed).sort_values("Id", ignore_index=True)
        return made


def _class_names(items: Sequence[str]) -> str:
    return ", ".join(_CLASSES[item] for item in items)


@cache
def _loadouts(side: str) -> dict[int, tuple[str, ...]]:
    """By value, a pistol, perhaps a rifle, and at most four grenades that cost as much."""
    pistols = ("usp_silencer", "p250", "fiveseven", "deagle") if side == "CT" else ("glock", "p250", "tec9", "deagle")
    rifles = (
        ("famas", "m4a1", "aug", "awp", "mp9", "mp7", "nova", "ssg08", "xm1014")
        if side == "CT"
        else ("galilar", "ak47", "awp", "mac10", "ump45", "ssg08", "xm1014")
    )
    fire = "incgrenade" if side == "CT" else "molotov"
    counts = [
        ("hegrenade",) * he + ("flashbang",) * flash + ("smokegrenade",) * smoke + (fire,) * fires + ("decoy",) * decoy
        for he, flash, smoke, fires, decoy in product(range(2), range(3), range(2), range(2), range(2))
    ]
    found: dict[int, tuple[str, ...]] = {}
    for grenades in sorted(counts, key=len):
        for rifle, pistol in product(((), *((name,) for name in rifles)), pistols):
            held = (pistol, *rifle, *grenades)
            if len(grenades) <= 4:
                found.setdefault(sum(weapons.price(item) for item in held), held)
    return found


def inventory(side: str, value: int) -> tuple[str, ...]:
    """Weapons, then grenades, worth so much together; decoys fill what no usual loadout costs."""
    for decoys in range(40):
        held = _loadouts(side).get(value - 50 * decoys)
        if held is not None:
            return held + ("decoy",) * decoys
    raise ValueError(f"nothing costs {value}")
