"""The schema that is written: what may be empty, what stands where nothing was said, how long a text may be."""

import pytest
from sqlalchemy import BigInteger, Boolean, DateTime, Float, Integer, Numeric, Unicode
from sqlalchemy.dialects import postgresql, sqlite

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.tables import APPLICATION, METADATA

ALL = {**METADATA.tables, **APPLICATION.tables}
COLUMNS = [column for table in ALL.values() for column in table.columns]
UNKNOWN = {
    "DemoFiles": ["FileSize"],
    "Matches": ["EndTime", "CTScoreOvertime", "TScoreOvertime"],
    "Players": ["ConnectedAt", "DisconnectedAt"],
    "Rounds": ["EndTick", "EndTime", "CTStartMoney", "TStartMoney", "CTEquipmentValue", "TEquipmentValue",
               "BombPlanted", "BombSite"],
    "PlayerRoundStats": ["Damage", "UtilityDamage", "StartMoney", "MoneySpent", "EndMoney", "EquipmentValue", "Health",
                         "Armor", "HasHelmet", "HasDefuseKit"],
    "PlayerMatchStats": ["TotalDamageDealt", "TotalDamageReceived", "ADR"],
    "Kills": ["KillerId", "AssisterId"],
    "Bombs": ["PlayerId"],
    "Damages": ["AttackerId"],
    "PlayerPositions": [], "Equipment": [], "GameEvents": ["RoundNumber"],
}  # fmt: skip
"""What a recording may not tell, texts aside: these may be NULL."""
SIZES = {
    "FileName": 500, "FilePath": 1_000, "ServerName": 200, "DemoType": 200, "ClientName": 200, "SignonState": 200,
    "DemoSource": 50, "Game": 20, "WinnerTeam": 50, "WinCondition": 50, "Team": 50, "GamePhase": 50, "Weapon": 50,
    "HitGroup": 50, "KillerTeam": 50, "VictimTeam": 50, "EventType": 50, "Site": 10, "ActiveWeapon": 50,
    "ItemName": 500, "Action": 50,
}  # fmt: skip
REFERENCES = {
    "Matches": {"DemoFileId"}, "Players": {"DemoFileId"}, "Rounds": {"DemoFileId", "MatchId"},
    "PlayerRoundStats": {"PlayerId", "RoundId"}, "PlayerMatchStats": {"PlayerId", "MatchId"},
    "Kills": {"DemoFileId", "RoundId", "KillerId", "VictimId", "AssisterId"},
    "Bombs": {"DemoFileId", "RoundId", "PlayerId"}, "Damages": {"DemoFileId", "RoundId", "AttackerId", "VictimId"},
}  # fmt: skip
NAMED = ("FileName", "FilePath")
COLUMNS_OF = {
    "DemoFiles": """
        Id FileName FilePath FileSize CreatedAt ParsedAt MapName GameMode TickRate TotalTicks Duration ServerName
        DemoType NetworkProtocol ClientName SignonState DemoSource Game
    """,
    "Matches": """
        Id DemoFileId MapName GameMode StartTime EndTime TotalRounds CTScore TScore CTScoreFirstHalf
        TScoreFirstHalf CTScoreSecondHalf TScoreSecondHalf CTScoreOvertime TScoreOvertime IsOvertime IsFinished
        WinnerTeam WinCondition MaxRounds RoundTimeLimit FreezeTime BuyTime
    """,
    "Players": """
        Id DemoFileId PlayerSlot UserId SteamId PlayerName Team IsBot IsHltv IsConnected Rank Wins ClanTag
        ConnectedAt DisconnectedAt
    """,
    "Rounds": """
        Id DemoFileId MatchId RoundNumber StartTick EndTick StartTime EndTime Duration WinnerTeam EndReason
        CTScore TScore CTLivePlayers TLivePlayers CTStartMoney TStartMoney CTEquipmentValue TEquipmentValue
        BombPlanted BombDefused BombExploded BombSite IsEcoRound IsForceBuyRound IsAntiEcoRound IsPistolRound
        IsOvertime IsWarmup IsKnifeRound GamePhase
    """,
    "PlayerRoundStats": """
        Id PlayerId RoundId Kills Deaths Assists Damage UtilityDamage StartMoney MoneySpent EndMoney
        EquipmentValue IsAlive Health Armor HasHelmet HasDefuseKit HasBomb Rating ShotsFired ShotsHit KAST MVP
        FlashAssists EnemiesFlashed SurvivalTime IsClutch ClutchSize ClutchWon
    """,
    "PlayerMatchStats": """
        Id PlayerId MatchId Kills Deaths Assists Score MVPs HeadshotKills HeadshotPercentage TotalDamageDealt
        TotalDamageReceived ADR FirstKills FirstDeaths TradeKills TradeDeaths SurvivalTime KDRatio Rating
        HLTV2Rating RoundsPlayed RoundsWon ClutchWins1v1 ClutchWins1v2 ClutchWins1v3 ClutchWins1v4 ClutchWins1v5
        ClutchAttempts1v1 ClutchAttempts1v2 ClutchAttempts1v3 ClutchAttempts1v4 ClutchAttempts1v5 FlashAssists
        UtilityDamage EnemiesFlashed BombPlants BombDefuses ShotsHit ShotsFired Accuracy KASTPercentage
        MultiKillRounds2K MultiKillRounds3K MultiKillRounds4K MultiKillRounds5K
    """,
    "Kills": """
        Id DemoFileId RoundId Tick GameTime KillerId VictimId AssisterId Weapon HitGroup IsHeadshot IsWallbang
        IsFirstKill IsTradeKill Distance KillerTeam VictimTeam IsTeamKill
    """,
    "Bombs": """
        Id DemoFileId RoundId EventType Tick GameTime PlayerId Site HasKit Team RoundNumber
    """,
    "Damages": """
        Id DemoFileId RoundId Tick GameTime AttackerId VictimId Weapon DamageAmount DamageArmor Health Armor
        IsFatal
    """,
    "PlayerPositions": """
        Id DemoFileId PlayerId Tick GameTime IsAlive Health Armor HasHelmet HasDefuseKit ActiveWeapon Team Money
    """,
    "Equipment": """
        Id DemoFileId PlayerId Tick GameTime ItemName Action Team RoundNumber
    """,
    "GameEvents": """
        Id DemoFileId Tick GameTime EventName RoundNumber
    """,
}
"""The columns of each table in their order."""


def of_type(kind):
    return [column for column in COLUMNS if type(column.type) is kind]


def test_what_may_be_unknown_may_be_empty_and_nothing_else_but_texts():
    for name, table in ALL.items():
        empty = [column.name for column in table.columns if column.nullable and not isinstance(column.type, Unicode)]
        assert empty == UNKNOWN[name], name
    texts = of_type(Unicode)
    assert [column.name for column in texts if not column.nullable] == list(NAMED)


@pytest.mark.parametrize(("kind", "value"), [(Integer, 0), (Float, 0.0), (Boolean, False)])
def test_where_a_writer_says_nothing_stands_what_the_application_writes(kind, value):
    plain = [
        column for column in of_type(kind)
        if not column.primary_key and not column.name.endswith("Id")
        and column.name not in ("CTScoreOvertime", "TScoreOvertime", "EndTick", "BombSite")
        and (column.table.name, column.name) != ("GameEvents", "RoundNumber")
    ]  # fmt: skip
    assert len(plain) > 5
    assert {(column.default.arg, type(column.default.arg)) for column in plain} == {(value, type(value))}
    silent = [column for column in COLUMNS if column.default is None]
    assert "EndTick" in {column.name for column in silent}


def test_texts_are_as_long_as_what_is_written_into_them():
    found = {column.name: column.type.length for column in of_type(Unicode)}
    assert {name: size for name, size in found.items() if size != 100} == SIZES
    assert found["PlayerName"] == found["MapName"] == found["EventName"] == 100


def test_ids_are_given_by_the_writer():
    for table in ALL.values():
        [key] = table.primary_key.columns
        assert (key.name, type(key.type), key.autoincrement) == ("Id", Integer, False)


def test_references_are_declared_and_everything_that_is_looked_up_is_indexed():
    for name, table in METADATA.tables.items():
        assert {key.parent.name for key in table.foreign_keys} == REFERENCES.get(name, set()), name
        assert all(key.column.name == "Id" for key in table.foreign_keys)
    indexed = {f"{table.name}.{column.name}" for table in ALL.values() for i in table.indexes for column in i.columns}
    keys = {f"{name}.{key}" for name, keys in REFERENCES.items() for key in keys}
    application = {"PlayerPositions.DemoFileId", "PlayerPositions.PlayerId", "Equipment.DemoFileId",
                   "Equipment.PlayerId", "GameEvents.DemoFileId"}  # fmt: skip
    assert indexed == keys | application | {"DemoFiles.ParsedAt", "Matches.StartTime", "Players.SteamId"}
    assert not any(table.foreign_keys for table in APPLICATION.tables.values())


def test_a_steam_id_keeps_all_its_digits_everywhere():
    column = tables.PLAYERS.c.SteamId
    assert isinstance(column.type, Numeric)
    assert column.type.compile(postgresql.dialect()) == "NUMERIC(20, 0)"
    assert column.type.compile(sqlite.dialect()) == "BIGINT"
    assert not column.nullable
    assert type(tables.DEMO_FILES.c.FileSize.type) is BigInteger


def test_moments_are_kept_where_something_begins_and_ends():
    found = {f"{column.table.name}.{column.name}": column.nullable for column in of_type(DateTime)}
    assert found == {
        "DemoFiles.CreatedAt": False, "DemoFiles.ParsedAt": False, "Matches.StartTime": False, "Matches.EndTime": True,
        "Players.ConnectedAt": True, "Players.DisconnectedAt": True, "Rounds.StartTime": False, "Rounds.EndTime": True,
    }  # fmt: skip


def test_clutches_are_counted_from_one_enemy_to_five():
    clutches = [column.name for column in tables.PLAYER_MATCH_STATS.c if "1v" in column.name]
    assert clutches == [f"{kind}1v{n}" for kind in ("ClutchWins", "ClutchAttempts") for n in range(1, 6)]


def test_a_table_of_either_kind_is_found_by_name():
    assert tables.declared("Rounds") is tables.ROUNDS
    assert tables.declared("Equipment") is tables.EQUIPMENT
    with pytest.raises(KeyError):
        tables.declared("Weapons")


def test_the_tables_are_those_of_the_application_column_for_column():
    assert {name: [column.name for column in table.columns] for name, table in ALL.items()} == {
        name: columns.split() for name, columns in COLUMNS_OF.items()
    }
