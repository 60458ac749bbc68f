"""A demo database made by hand: one finished match of three rounds between two teams of two.

`SmallDatabase` holds the rows as plain dictionaries, so that a test changes what it is about and writes the rest
as it is. Ids: demo 1, match 1, rounds 1 to 3, players 1 and 2 (CT at first), 3 and 4 (T at first).
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, create_engine
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from cs2_pipeline.demodb import tables

NOON = datetime(2026, 3, 1, 12)
ROUND_TICKS = 10_000
STEAM_IDS = {player: 76_561_198_000_000_000 + player for player in range(1, 5)}


class SmallDatabase:
    """Rows of every table by table name; `write` puts them into a database."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in tables.METADATA.tables}
        self.add_match(1, NOON)

    def table(self, name: str) -> list[dict[str, Any]]:
        return self.rows[name]

    def row(self, table: str, row_id: int) -> dict[str, Any]:
        return next(row for row in self.rows[table] if row["Id"] == row_id)

    def add(self, table: str, **values: Any) -> dict[str, Any]:
        columns = tables.METADATA.tables[table].columns
        row = {column.name: column.default.arg if column.default is not None else None for column in columns}
        row["Id"] = max((other["Id"] for other in self.rows[table]), default=0) + 1
        unknown = set(values) - set(row)
        assert not unknown, f"{table} has no {unknown}"
        self.rows[table].append(row | values)
        return self.rows[table][-1]

    def add_match(self, number: int, start: datetime) -> None:
        """A demo with one match: CT wins by a kill, T by the bomb, T by a kill after which CT have one left."""
        demo = self.add(
            "DemoFiles",
            Id=number,
            FileName=f"match{number}.dem",
            FilePath=f"demos/match{number}.dem",
            FileSize=1000 + number,
            TotalTicks=90_000 + number,
            TickRate=64,
            CreatedAt=start,
            ParsedAt=start + timedelta(hours=2),
            MapName="de_mirage",
        )["Id"]
        match = self.add(
            "Matches",
            Id=number,
            DemoFileId=demo,
            MapName="de_mirage",
            StartTime=start,
            IsFinished=True,
            MaxRounds=24,
            RoundTimeLimit=115.0,
            FreezeTime=15.0,
        )["Id"]
        players = [self._player(demo, match, slot) for slot in range(1, 5)]
        for round_number in (1, 2, 3):
            self._round(demo, match, round_number, players, start)

    def _player(self, demo: int, match: int, slot: int) -> int:
        player: int = self.add(
            "Players",
            DemoFileId=demo,
            SteamId=STEAM_IDS[slot],
            PlayerName=f"player {slot}",
            Team="CT" if slot <= 2 else "T",
        )["Id"]
        self.add(
            "PlayerMatchStats",
            PlayerId=player,
            MatchId=match,
            Kills=slot,
            Deaths=2,
            HeadshotKills=1,
            TotalDamageDealt=100 * slot,
            FirstKills=1,
            RoundsPlayed=3,
            ClutchWins1v1=1,
            ClutchWins1v3=1,
            ClutchAttempts1v1=2,
            ClutchAttempts1v2=1,
            ClutchAttempts1v3=1,
        )
        return player

    def _round(self, demo: int, match: int, number: int, players: list[int], start: datetime) -> None:
        begin = number * ROUND_TICKS
        planted = number == 2
        winner = "CT" if number == 1 else "T"
        round_id = self.add(
            "Rounds",
            DemoFileId=demo,
            MatchId=match,
            RoundNumber=number,
            StartTick=begin,
            EndTick=begin + 6000,
            StartTime=start + timedelta(minutes=2 * number),
            Duration=78.0,
            WinnerTeam=winner,
            EndReason="TargetBombed" if planted else "Elimination",
            CTScore=1,
            TScore=number - 1,
            CTLivePlayers=2 if number == 1 else 1,
            TLivePlayers=1,
            CTEquipmentValue=1000,
            TEquipmentValue=900,
            CTStartMoney=1600,
            TStartMoney=1600,
            BombPlanted=planted,
            BombExploded=planted,
        )["Id"]
        for player in players:
            self.add("PlayerRoundStats", PlayerId=player, RoundId=round_id, StartMoney=800, EquipmentValue=500)
        ct, t = players[0], players[2]
        killer, victim = (ct, t) if number == 1 else (t, ct)
        at = {"DemoFileId": demo, "RoundId": round_id, "Tick": begin + 3000}
        sides = ("CT", "T") if number == 1 else ("T", "CT")
        self.add("Damages", **at, AttackerId=killer, VictimId=victim, DamageAmount=100, Health=0, IsFatal=True)
        self.add(
            "Kills", **at, KillerId=killer, VictimId=victim, Weapon="ak47", KillerTeam=sides[0], VictimTeam=sides[1]
        )
        if planted:
            self.add("Bombs", **(at | {"Tick": begin + 3440}), EventType="planted", PlayerId=t, RoundNumber=number)
            self.add("Bombs", **(at | {"Tick": begin + 6000}), EventType="exploded", RoundNumber=number)

    def write(self, target: Path | Engine, metadata: MetaData = tables.METADATA) -> str:
        """Create the tables and rows; gives the URL of a SQLite file."""
        engine = create_engine(f"sqlite:///{target}") if isinstance(target, Path) else target
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(_in_one_command(metadata, engine.dialect))  # a server is asked once
            else:
                metadata.create_all(connection)
            for table in metadata.sorted_tables:
                if rows := self.rows.get(table.name):
                    connection.execute(table.insert(), rows)
        if isinstance(target, Path):
            engine.dispose()
        return f"sqlite:///{target}" if isinstance(target, Path) else ""


def _in_one_command(metadata: MetaData, dialect: Dialect) -> str:
    """The commands that make the tables and their indices, as one text."""
    made = [
        command
        for table in metadata.sorted_tables
        for command in (CreateTable(table), *(CreateIndex(index) for index in sorted(table.indexes, key=str)))
    ]
    return ";".join(str(command.compile(dialect=dialect)) for command in made)
