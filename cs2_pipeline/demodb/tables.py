"""The Demo Lens schema, as far as the platform reads or fills it (see docs/demo-database.md).

Only table definitions belong here. A database of Demo Lens itself may spell some columns differently or lack
later migrations; how that is reconciled lives in `demodb.dialect`.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    Table,
    Unicode,
)
from sqlalchemy.types import TypeEngine

METADATA: Final = MetaData()
"""The tables that every demo database has."""

APPLICATION: Final = MetaData()
"""Tables that Demo Lens fills beside them and other writers do not have; each of them may be missing."""

STEAM_ID: Final[TypeEngine[Any]] = Numeric(20, 0).with_variant(BigInteger(), "sqlite")
"""decimal(20,0) on servers. SQLite has no exact decimal; a SteamID64 fits its 64-bit integer."""


def _id() -> Column[Any]:
    return Column("Id", Integer, primary_key=True, autoincrement=False)


def _ref(name: str, table: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Integer, ForeignKey(f"{table}.Id"), nullable=nullable, index=True)


def _keys(*names: str) -> list[Column[Any]]:
    """Foreign keys to tables of the other metadata, which cannot be declared: indexed whole numbers."""
    return [Column(name, Integer, nullable=False, index=True) for name in names]


def _int(*names: str) -> list[Column[Any]]:
    return [Column(name, Integer, nullable=False, default=0) for name in names]


def _real(*names: str) -> list[Column[Any]]:
    return [Column(name, Float, nullable=False, default=0.0) for name in names]


def _bit(*names: str) -> list[Column[Any]]:
    return [Column(name, Boolean, nullable=False, default=False) for name in names]


# What a source may not record: the application writes 0, NULL says that it is not known.


def _maybe_int(*names: str) -> list[Column[Any]]:
    return [Column(name, Integer, nullable=True, default=0) for name in names]


def _maybe_bit(*names: str) -> list[Column[Any]]:
    return [Column(name, Boolean, nullable=True, default=False) for name in names]


def _text(*names: str, size: int = 100) -> list[Column[Any]]:
    return [Column(name, Unicode(size), nullable=True) for name in names]


DEMO_FILES: Final = Table(
    "DemoFiles",
    METADATA,
    _id(),
    Column("FileName", Unicode(500), nullable=False),
    Column("FilePath", Unicode(1000), nullable=False),
    Column("FileSize", BigInteger, nullable=True, default=0),
    Column("CreatedAt", DateTime, nullable=False),
    Column("ParsedAt", DateTime, nullable=False, index=True),
    *_text("MapName", "GameMode"),
    *_int("TickRate", "TotalTicks"),
    *_real("Duration"),
    *_text("ServerName", "DemoType", size=200),
    *_int("NetworkProtocol"),
    *_text("ClientName", "SignonState", size=200),
    *_text("DemoSource", size=50),
    *_text("Game", size=20),
)
"""Game is the platform's own column: cs2 or csgo. DemoSource says who recorded or exported the match."""

MATCHES: Final = Table(
    "Matches",
    METADATA,
    _id(),
    _ref("DemoFileId", "DemoFiles"),
    *_text("MapName", "GameMode"),
    Column("StartTime", DateTime, nullable=False, index=True),
    Column("EndTime", DateTime, nullable=True),
    *_int(
        "TotalRounds",
        "CTScore",
        "TScore",
        "CTScoreFirstHalf",
        "TScoreFirstHalf",
        "CTScoreSecondHalf",
        "TScoreSecondHalf",
    ),
    Column("CTScoreOvertime", Integer, nullable=True),
    Column("TScoreOvertime", Integer, nullable=True),
    *_bit("IsOvertime", "IsFinished"),
    *_text("WinnerTeam", "WinCondition", size=50),
    *_int("MaxRounds"),
    *_real("RoundTimeLimit", "FreezeTime", "BuyTime"),
)

PLAYERS: Final = Table(
    "Players",
    METADATA,
    _id(),
    _ref("DemoFileId", "DemoFiles"),
    *_int("PlayerSlot", "UserId"),
    Column("SteamId", STEAM_ID, nullable=False, index=True),
    *_text("PlayerName"),
    *_text("Team", size=50),
    *_bit("IsBot", "IsHltv", "IsConnected"),
    *_int("Rank", "Wins"),
    *_text("ClanTag"),
    Column("ConnectedAt", DateTime, nullable=True),
    Column("DisconnectedAt", DateTime, nullable=True),
)

ROUNDS: Final = Table(
    "Rounds",
    METADATA,
    _id(),
    _ref("DemoFileId", "DemoFiles"),
    _ref("MatchId", "Matches"),
    *_int("RoundNumber", "StartTick"),
    Column("EndTick", Integer, nullable=True),
    Column("StartTime", DateTime, nullable=False),
    Column("EndTime", DateTime, nullable=True),
    *_real("Duration"),
    *_text("WinnerTeam", size=50),
    *_text("EndReason"),
    *_int("CTScore", "TScore", "CTLivePlayers", "TLivePlayers"),
    *_maybe_int("CTStartMoney", "TStartMoney", "CTEquipmentValue", "TEquipmentValue"),
    *_maybe_bit("BombPlanted"),
    *_bit("BombDefused", "BombExploded"),
    Column("BombSite", Integer, nullable=True),
    *_bit("IsEcoRound", "IsForceBuyRound", "IsAntiEcoRound", "IsPistolRound", "IsOvertime"),
    *_bit("IsWarmup", "IsKnifeRound"),
    *_text("GamePhase", size=50),
)
"""CTScore and TScore are the score after the round; StartTick is where its freeze time begins. NULL in money, equipment
or BombPlanted: not recorded."""

PLAYER_ROUND_STATS: Final = Table(
    "PlayerRoundStats",
    METADATA,
    _id(),
    _ref("PlayerId", "Players"),
    _ref("RoundId", "Rounds"),
    *_int("Kills", "Deaths", "Assists"),
    *_maybe_int("Damage", "UtilityDamage", "StartMoney", "MoneySpent", "EndMoney", "EquipmentValue"),
    *_bit("IsAlive"),
    *_maybe_int("Health", "Armor"),
    *_maybe_bit("HasHelmet", "HasDefuseKit"),
    *_bit("HasBomb"),
    *_real("Rating"),
    *_int("ShotsFired", "ShotsHit"),
    *_bit("KAST", "MVP"),
    *_int("FlashAssists", "EnemiesFlashed"),
    *_real("SurvivalTime"),
    *_bit("IsClutch"),
    *_int("ClutchSize"),
    *_bit("ClutchWon"),
)
"""NULL: not recorded. Without Health the match's hits were not recorded."""

_CLUTCH_COLUMNS: Final = tuple(f"{kind}1v{size}" for kind in ("ClutchWins", "ClutchAttempts") for size in range(1, 6))

PLAYER_MATCH_STATS: Final = Table(
    "PlayerMatchStats",
    METADATA,
    _id(),
    _ref("PlayerId", "Players"),
    _ref("MatchId", "Matches"),
    *_int("Kills", "Deaths", "Assists", "Score", "MVPs", "HeadshotKills"),
    *_real("HeadshotPercentage"),
    *_maybe_int("TotalDamageDealt", "TotalDamageReceived"),
    Column("ADR", Float, nullable=True, default=0.0),
    *_int("FirstKills", "FirstDeaths", "TradeKills", "TradeDeaths"),
    *_real("SurvivalTime", "KDRatio", "Rating", "HLTV2Rating"),
    *_int("RoundsPlayed", "RoundsWon"),
    *_int(*_CLUTCH_COLUMNS),
    *_int("FlashAssists", "UtilityDamage", "EnemiesFlashed", "BombPlants", "BombDefuses", "ShotsHit", "ShotsFired"),
    *_real("Accuracy", "KASTPercentage"),
    *_int("MultiKillRounds2K", "MultiKillRounds3K", "MultiKillRounds4K", "MultiKillRounds5K"),
)

KILLS: Final = Table(
    "Kills",
    METADATA,
    _id(),
    _ref("DemoFileId", "DemoFiles"),
    _ref("RoundId", "Rounds"),
    *_int("Tick"),
    *_real("GameTime"),
    _ref("KillerId", "Players", nullable=True),
    _ref("VictimId", "Players"),
    _ref("AssisterId", "Players", nullable=True),
    *_text("Weapon", "HitGroup", size=50),
    *_bit("IsHeadshot", "IsWallbang", "IsFirstKill", "IsTradeKill"),
    *_real("Distance"),
    *_text("KillerTeam", "VictimTeam", size=50),
    *_bit("IsTeamKill"),
)

BOMBS: Final = Table(
    "Bombs",
    METADATA,
    _id(),
    _ref("DemoFileId", "DemoFiles"),
    _ref("RoundId", "Rounds"),
    *_text("EventType", size=50),
    *_int("Tick"),
    *_real("GameTime"),
    _ref("PlayerId", "Players", nullable=True),
    *_text("Site", size=10),
    *_bit("HasKit"),
    *_text("Team", size=50),
    *_int("RoundNumber"),
)

DAMAGES: Final = Table(
    "Damages",
    METADATA,
    _id(),
    _ref("DemoFileId", "DemoFiles"),
    _ref("RoundId", "Rounds"),
    *_int("Tick"),
    *_real("GameTime"),
    _ref("AttackerId", "Players", nullable=True),
    _ref("VictimId", "Players"),
    *_text("Weapon", size=50),
    *_int("DamageAmount", "DamageArmor", "Health", "Armor"),
    *_bit("IsFatal"),
)

PLAYER_POSITIONS: Final = Table(
    "PlayerPositions",
    APPLICATION,
    _id(),
    *_keys("DemoFileId", "PlayerId"),
    *_int("Tick"),
    *_real("GameTime"),
    *_bit("IsAlive"),
    *_int("Health", "Armor"),
    *_bit("HasHelmet", "HasDefuseKit"),
    *_text("ActiveWeapon", "Team", size=50),
    *_int("Money"),
)
"""Every player at every sixteenth tick, and at round starts, kills and hits. Off by a setting of the application."""

EQUIPMENT: Final = Table(
    "Equipment",
    APPLICATION,
    _id(),
    *_keys("DemoFileId", "PlayerId"),
    *_int("Tick"),
    *_real("GameTime"),
    *_text("ItemName", size=500),
    *_text("Action", "Team", size=50),
    *_int("RoundNumber"),
)

GAME_EVENTS: Final = Table(
    "GameEvents",
    APPLICATION,
    _id(),
    *_keys("DemoFileId"),
    *_int("Tick"),
    *_real("GameTime"),
    *_text("EventName"),
    Column("RoundNumber", Integer, nullable=True),
)


def declared(name: str) -> Table:
    """The declaration of a table of either kind.

    Raises:
        KeyError: the platform knows no table of that name.
    """
    return METADATA.tables[name] if name in METADATA.tables else APPLICATION.tables[name]
