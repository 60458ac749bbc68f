"""What reaches the rounds and player tables, and what is left out, refused or mapped on the way."""

from datetime import date, datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Unicode

from cs2_pipeline.demodb import tables
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import SchemaMismatchError
from cs2_pipeline.demodb.extraction import extract, reasons
from cs2_pipeline.demodb.extraction.deeds import CLUTCHES_BY_SIZE, deeds
from cs2_pipeline.demodb.extraction.eligibility import Days, live_rounds
from cs2_pipeline.demodb.extraction.presence import present
from cs2_pipeline.demodb.extraction.reasons import Tally
from cs2_pipeline_tests.demodb.small_database import NOON, STEAM_IDS, SmallDatabase

DAY = NOON.date()


@pytest.fixture
def small() -> SmallDatabase:
    return SmallDatabase()


def rounds_of(small: SmallDatabase, folder: Path, first: date = DAY, last: date = DAY) -> extract.Extracted:
    with DemoDatabase(small.write(folder / "demos.sqlite")) as db:
        return extract.rounds(db, first, last)


def players_of(small: SmallDatabase, folder: Path) -> extract.Extracted:
    with DemoDatabase(small.write(folder / "demos.sqlite")) as db:
        return extract.player_match_stats(db, DAY, DAY)


def test_the_same_rows_and_types_come_from_every_server_by_every_route(opened, small):
    db = opened(small)
    rounds = extract.rounds(db, DAY, DAY).frame
    assert list(rounds.columns) == list(extract.ROUND_FRAME)
    assert rounds["round_id"].tolist() == [1, 2, 3]
    assert rounds["ct_wins"].tolist() == [1, 0, 0]
    assert rounds["bomb_planted"].tolist() == [0, 1, 0]
    assert rounds.dtypes[["ct_wins", "bomb_planted"]].tolist() == ["int8", "Int64"]
    assert {str(rounds.dtypes[name]) for name in ("round_id", "ct_score", "round_number")} == {"int64"}
    assert str(rounds["t_start_money"].dtype) == "Int64"
    assert str(rounds["started_at"].dtype) == "datetime64[us, UTC]"
    assert rounds["started_at"].unique().tolist() == [pd.Timestamp(NOON, tz="UTC")]
    assert rounds["map_name"].tolist() == ["de_mirage"] * 3
    players = extract.player_match_stats(db, DAY, DAY).frame
    assert players["steam_id"].tolist() == [str(steam_id) for steam_id in STEAM_IDS.values()]
    assert str(players["steam_id"].dtype) == "str"
    assert players["damage"].tolist() == [100, 200, 300, 400]
    assert players[["clutches", "clutch_attempts"]].drop_duplicates().to_numpy().tolist() == [[2, 4]]


def test_a_day_without_matches_gives_empty_tables_of_the_same_types(opened, small):
    db = opened(small)
    other = date(2020, 1, 1)
    full, none = extract.rounds(db, DAY, DAY), extract.rounds(db, other, other)
    assert none.frame.empty
    assert none.frame.dtypes.equals(full.frame.dtypes)
    assert none.left_out == {}
    full, none = extract.player_match_stats(db, DAY, DAY), extract.player_match_stats(db, other, other)
    assert none.frame.empty
    assert none.frame.dtypes.equals(full.frame.dtypes)


def test_a_match_belongs_to_the_day_it_started_also_at_midnight(opened, small):
    small.add_match(2, datetime(2026, 3, 2))
    small.add_match(3, datetime(2026, 3, 1, 23, 59, 59, 999_999))
    db = opened(small)
    assert extract.rounds(db, DAY, DAY).frame["match_id"].unique().tolist() == [1, 3]
    assert extract.rounds(db, date(2026, 3, 2), date(2026, 3, 2)).frame["match_id"].unique().tolist() == [2]
    assert extract.rounds(db, DAY, date(2026, 3, 2)).frame["match_id"].unique().tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    ("spelling", "ct_wins"),
    [("CT", 1), ("CounterTerrorist", 1), ("3", 1), (" ct ", 1), ("T", 0), ("Terrorist", 0), ("2", 0)],
)
def test_a_winner_is_read_in_every_known_spelling(small, tmp_path, spelling, ct_wins):
    small.row("Rounds", 1)["WinnerTeam"] = spelling
    assert rounds_of(small, tmp_path).frame["ct_wins"].iloc[0] == ct_wins


@pytest.mark.parametrize("spelling", ["Spectator", "TERRORISTS WIN", "4"])
def test_an_unknown_winner_is_refused_with_its_value_and_never_counts_for_t(small, tmp_path, spelling):
    small.row("Rounds", 1)["WinnerTeam"] = spelling
    found = rounds_of(small, tmp_path)
    assert found.frame["round_id"].tolist() == [2, 3]
    assert found.left_out == {reasons.UNKNOWN_WINNER: 1}
    assert found.refused.to_dict("records") == [
        {
            "table": "Rounds",
            "row_id": 1,
            "reason": reasons.UNKNOWN_WINNER,
            "detail": f"WinnerTeam is {spelling!r}",
            "started_at": pd.Timestamp(NOON, tz="UTC"),
        }
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"IsWarmup": True}, reasons.WARM_UP),
        ({"GamePhase": "Warmup"}, reasons.WARM_UP),
        ({"RoundNumber": 0}, reasons.WARM_UP),
        ({"IsKnifeRound": True}, reasons.KNIFE_ROUND),
        ({"GamePhase": "KnifeRound"}, reasons.KNIFE_ROUND),
        ({"WinnerTeam": None, "EndTick": None}, reasons.UNFINISHED_ROUND),
        ({"WinnerTeam": None}, reasons.NO_WINNER),
        ({"WinnerTeam": ""}, reasons.NO_WINNER),
        ({"WinnerTeam": "0"}, reasons.NOBODY_WON),
        ({"WinnerTeam": "1", "EndReason": "16"}, reasons.NOBODY_WON),
        ({"RoundNumber": 2, "StartTick": 1}, reasons.PLAYED_AGAIN),
    ],
)
def test_a_round_that_does_not_count_is_left_out_and_counted(small, tmp_path, changes, reason):
    small.row("Rounds", 1).update(changes)
    found = rounds_of(small, tmp_path)
    assert found.frame["round_id"].tolist() == [2, 3]
    assert found.left_out == {reason: 1}


def test_rounds_of_a_match_not_finished_are_left_out(small, tmp_path):
    small.row("Matches", 1)["IsFinished"] = False
    found = rounds_of(small, tmp_path)
    assert found.frame.empty
    assert found.left_out == {reasons.UNFINISHED_MATCH: 3}


def test_of_two_imports_of_a_demo_the_first_counts_and_the_other_is_named(small, tmp_path):
    small.add_match(2, datetime(2026, 3, 2))
    small.row("DemoFiles", 2).update(FileSize=1001, TotalTicks=90_001, FileName="copy.dem")
    found = rounds_of(small, tmp_path, DAY, date(2026, 3, 2))
    assert found.frame["match_id"].unique().tolist() == [1]
    assert found.left_out == {reasons.DUPLICATE_DEMO: 3}
    assert found.refused[["table", "row_id"]].to_numpy().tolist() == [["DemoFiles", 2]]
    assert "DemoFiles 1, which is kept" in found.refused["detail"].iloc[0]


def test_a_second_import_is_recognised_though_the_first_lies_on_another_day(small, tmp_path):
    small.add_match(2, datetime(2026, 3, 2))
    small.row("DemoFiles", 2).update(FileSize=1001, TotalTicks=90_001)
    assert rounds_of(small, tmp_path, date(2026, 3, 2), date(2026, 3, 2)).frame.empty


def test_the_whole_import_counts_where_the_first_broke_off(small, tmp_path):
    small.add_match(2, NOON)
    small.row("DemoFiles", 2).update(FileSize=1001, TotalTicks=90_001)
    small.row("Matches", 1)["IsFinished"] = False
    assert rounds_of(small, tmp_path).frame["match_id"].unique().tolist() == [2]


def test_demos_without_recorded_sizes_are_not_taken_for_each_other(small, tmp_path):
    small.add_match(2, NOON)
    for demo in small.table("DemoFiles"):
        demo.update(FileSize=0, TotalTicks=0, FileName="match.dem")
    assert rounds_of(small, tmp_path).frame["match_id"].unique().tolist() == [1, 2]


def test_the_demos_map_stands_in_for_a_match_without_one_and_workshop_paths_are_cut(small, tmp_path):
    small.row("Matches", 1)["MapName"] = None
    small.row("DemoFiles", 1)["MapName"] = "workshop/123456/DE_Cache"
    assert rounds_of(small, tmp_path).frame["map_name"].unique().tolist() == ["de_cache"]


def test_bots_hltv_and_players_without_an_id_are_not_players(small, tmp_path):
    small.row("Players", 1)["IsBot"] = True
    small.row("Players", 2)["IsHltv"] = True
    small.row("Players", 3)["SteamId"] = 0
    small.row("PlayerMatchStats", 4)["RoundsPlayed"] = 0
    found = players_of(small, tmp_path)
    assert found.frame.empty
    assert found.left_out == {
        reasons.BOT: 1,
        reasons.HLTV: 1,
        reasons.NO_STEAM_ID: 1,
        reasons.NO_ROUNDS_PLAYED: 1,
    }


def test_a_player_who_reconnects_counts_once_with_the_fullest_record(small, tmp_path):
    small.row("Players", 2)["SteamId"] = STEAM_IDS[1]
    small.row("PlayerMatchStats", 2).update(RoundsPlayed=2, Kills=9)
    found = players_of(small, tmp_path)
    assert found.frame["steam_id"].is_unique
    assert found.frame["kills"].tolist() == [1, 3, 4]
    assert found.left_out == {reasons.SECOND_RECORD: 1}


def test_a_player_keeps_one_steam_id_through_renames(small, tmp_path):
    small.add_match(2, NOON)
    small.row("Players", 5)["PlayerName"] = "renamed"
    frame = players_of(small, tmp_path).frame
    names = frame.loc[frame["steam_id"] == str(STEAM_IDS[1]), "player_name"].tolist()
    assert names == ["player 1", "renamed"]


def metadata_with(table: str, *, without: tuple[str, ...] = (), extra: tuple[Column, ...] = ()) -> MetaData:
    """The tables with one of them changed."""
    changed = MetaData()
    for name, known in tables.METADATA.tables.items():
        if name != table:
            known.to_metadata(changed)
    kept = [column._copy() for column in tables.METADATA.tables[table].columns if column.name not in without]
    Table(table, changed, *kept, *extra)
    return changed


STATISTICS = tuple(
    column.name
    for column in tables.PLAYER_MATCH_STATS.columns
    if column.name in ("HeadshotKills", "TotalDamageDealt") or column.name.startswith("Clutch")
)


def test_the_older_spelling_of_the_statistics_gives_the_same_players(small, tmp_path):
    expected = players_of(small, tmp_path).frame
    older = ("Headshots", "TotalDamage", "ClutchWins", "ClutchAttempts")
    metadata = metadata_with(
        "PlayerMatchStats", without=STATISTICS, extra=tuple(Column(name, Integer) for name in older)
    )
    for row in small.table("PlayerMatchStats"):
        row.update(Headshots=row["HeadshotKills"], TotalDamage=row["TotalDamageDealt"], ClutchWins=2, ClutchAttempts=4)
        for name in STATISTICS:
            del row[name]
    with DemoDatabase(small.write(tmp_path / "older.sqlite", metadata)) as db:
        found = extract.player_match_stats(db, DAY, DAY).frame
    by_size = list(CLUTCHES_BY_SIZE)  # the older guide's database has none: they are counted from the events
    pd.testing.assert_frame_equal(found.drop(columns=by_size), expected.drop(columns=by_size))


def test_a_missing_column_is_named_with_every_spelling_looked_for(small, tmp_path):
    metadata = metadata_with("PlayerMatchStats", without=("HeadshotKills",))
    for row in small.table("PlayerMatchStats"):
        del row["HeadshotKills"]
    with (
        DemoDatabase(small.write(tmp_path / "demos.sqlite", metadata)) as db,
        pytest.raises(SchemaMismatchError, match=r"PlayerMatchStats lacks.*HeadshotKills or Headshots"),
    ):
        extract.player_match_stats(db, DAY, DAY)


def test_a_database_before_the_warm_up_migration_is_read(small, tmp_path):
    later = ("IsWarmup", "IsKnifeRound", "GamePhase")
    metadata = metadata_with("Rounds", without=later)
    for row in small.table("Rounds"):
        for name in later:
            del row[name]
    with DemoDatabase(small.write(tmp_path / "demos.sqlite", metadata)) as db:
        assert len(extract.rounds(db, DAY, DAY).frame) == 3


def test_a_value_missing_where_one_is_needed_refuses_the_row_and_names_the_column(small, tmp_path):
    metadata = metadata_with("Rounds", without=("CTScore",), extra=(Column("CTScore", Integer, nullable=True),))
    small.row("Rounds", 2)["CTScore"] = None
    with DemoDatabase(small.write(tmp_path / "demos.sqlite", metadata)) as db:
        found = extract.rounds(db, DAY, DAY)
    assert found.frame["round_id"].tolist() == [1, 3]
    assert found.refused["detail"].tolist() == ["no value in ct_score"]


def test_team_numbers_kept_as_numbers_are_read(small, tmp_path):
    metadata = metadata_with("Rounds", without=("WinnerTeam",), extra=(Column("WinnerTeam", Integer),))
    for row, number in zip(small.table("Rounds"), (3, 2, 2), strict=True):
        row["WinnerTeam"] = number
    with DemoDatabase(small.write(tmp_path / "demos.sqlite", metadata)) as db:
        assert extract.rounds(db, DAY, DAY).frame["ct_wins"].tolist() == [1, 0, 0]


def test_steam_ids_kept_as_text_are_read(small, tmp_path):
    expected = players_of(small, tmp_path).frame
    metadata = metadata_with("Players", without=("SteamId",), extra=(Column("SteamId", Unicode(20)),))
    for row in small.table("Players"):
        row["SteamId"] = str(row["SteamId"])
    with DemoDatabase(small.write(tmp_path / "text.sqlite", metadata)) as db:
        pd.testing.assert_frame_equal(extract.player_match_stats(db, DAY, DAY).frame, expected)


def test_extracting_a_day_again_gives_the_same_table(opened, small):
    db = opened(small)
    pd.testing.assert_frame_equal(extract.rounds(db, DAY, DAY).frame, extract.rounds(db, DAY, DAY).frame)


def test_every_reason_is_explained_in_the_documentation():
    document = (Path(__file__).parents[3] / "docs" / "demo-database.md").read_text(encoding="utf-8")
    texts = [value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)]
    assert [text for text in texts if text not in document] == []


@pytest.mark.parametrize("other", [{"TotalTicks": 90_002}, {"FileSize": 1002}, {"MapName": "de_train"}])
def test_demos_that_differ_in_ticks_or_size_or_map_alone_are_two(small, tmp_path, other):
    small.add_match(2, NOON)
    small.row("DemoFiles", 2).update({"FileSize": 1001, "TotalTicks": 90_001} | other)
    found = rounds_of(small, tmp_path)
    assert found.frame["match_id"].unique().tolist() == [1, 2]
    assert reasons.DUPLICATE_DEMO not in found.left_out


@pytest.mark.parametrize(("after_the_end", "attempts"), [(False, 1), (True, 0)])
def test_who_is_left_alone_after_the_rounds_end_is_in_no_clutch(small, tmp_path, after_the_end, attempts):
    ended, death = small.row("Rounds", 1)["EndTick"], small.row("Kills", 1)
    death["Tick"] = ended + 1 if after_the_end else ended
    with DemoDatabase(small.write(tmp_path / "demos.sqlite")) as db:
        days = Days(db, DAY, DAY)
        found = deeds(days, live_rounds(days, Tally()), Tally()).set_index("player_id")
    assert found.loc[4, "clutch_attempts_1v2"] == attempts
    assert found.loc[1, "kills"] == 1, "it counts as a kill all the same"


def test_a_coach_who_is_recorded_as_a_sixth_player_is_none(small, tmp_path):
    def join(number: int, died_at: int | None) -> None:
        add, of = small.add, {"PlayerId": number}
        add("Players", Id=number, DemoFileId=1, SteamId=STEAM_IDS[1] + number, PlayerName=f"p{number}", Team="CT")
        add("PlayerMatchStats", **of, MatchId=1, RoundsPlayed=3, Deaths=int(died_at is not None))
        for number_of_round in (1, 2, 3):
            add("PlayerRoundStats", **of, RoundId=number_of_round, StartMoney=800, EquipmentValue=500)
        if died_at is not None:
            at = {"DemoFileId": 1, "RoundId": 3, "Tick": 30_000 + died_at, "KillerTeam": "T", "VictimTeam": "CT"}
            add("Kills", **at, KillerId=3, VictimId=number, Weapon="ak47")

    for number in (5, 6, 7):
        join(number, died_at=1_000 + number)
    join(8, died_at=None)
    small.row("Kills", 1)["KillerId"] = 2
    with DemoDatabase(small.write(tmp_path / "demos.sqlite")) as db:
        days, tally = Days(db, DAY, DAY), Tally()
        played = live_rounds(days, tally)
        kills = pd.DataFrame(small.table("Kills"))[["RoundId", "KillerId", "KillerTeam", "VictimId", "VictimTeam"]]
        kills.columns = ["round_id", "killer_id", "killer_team", "victim_id", "victim_team"]
        people = present(days, played, kills, tally)
        counted = deeds(days, played, Tally()).set_index("player_id")
        records = extract.player_match_stats(db, DAY, DAY)
    assert set(people["player_id"]) == set(range(1, 8)) and tally.left_out[reasons.COACH] == 3
    assert counted.loc[2, "clutch_attempts_1v2"] == 1, "the fourth of five fell"
    assert len(records.frame) == 7 and records.left_out == {reasons.NO_ROUNDS_PLAYED: 1}


def recorded(small: SmallDatabase, column: str, *values: int, match: int = 1) -> None:
    """What the records of a match's four players say."""
    rows = [row for row in small.table("PlayerMatchStats") if row["MatchId"] == match]
    for row, value in zip(rows, values, strict=True):
        row[column] = value


def test_records_that_differ_from_the_events_by_more_than_chance_are_taken_and_told(small, tmp_path):
    """The events have kills 1, 0, 2, 0 (three may be apart), and damage 100, 0, 200, 0 (a twentieth may)."""
    small.add_match(2, NOON)
    said = {1: ([1, 2, 2, 1], [115, 0, 200, 0]), 2: ([1, 2, 2, 2], [116, 0, 200, 0])}
    for match, (kills, damage) in said.items():
        recorded(small, "Kills", *kills, match=match)
        recorded(small, "TotalDamageDealt", *damage, match=match)
    found = players_of(small, tmp_path)
    for match, of_match in found.frame.groupby("match_id"):
        assert (of_match["kills"].tolist(), of_match["damage"].tolist()) == said[match]
    assert [found.mapped[reasons.disagreeing(name)] for name in ("kills", "damage")] == [1, 1], "of the second match"


def test_what_was_never_written_or_counts_other_rounds_is_counted_from_the_events(small, tmp_path):
    small.add_match(2, NOON)
    recorded(small, "Kills", 0, 0, 0, 0)
    recorded(small, "RoundsPlayed", 5, 5, 5, 5, match=2)
    found = players_of(small, tmp_path)
    never, others = (of_match for _, of_match in found.frame.groupby("match_id"))
    assert never["kills"].tolist() == others["kills"].tolist() == [1, 0, 2, 0]
    assert never["damage"].tolist() == [100, 200, 300, 400], "as recorded"
    assert (others["rounds"].tolist(), others["damage"].tolist()) == ([3] * 4, [100, 0, 200, 0])
    assert found.mapped[reasons.COUNT_NOT_WRITTEN] == 1
    assert found.mapped[reasons.OTHER_ROUNDS_COUNTED] == 4


def test_who_was_in_no_live_round_and_did_nothing_played_none(small, tmp_path):
    small.rows["PlayerRoundStats"] = [row for row in small.table("PlayerRoundStats") if row["PlayerId"] not in (2, 4)]
    recorded(small, "Kills", 1, 4, 2, 0)
    recorded(small, "Deaths", 2, 0, 1, 0)
    found = players_of(small, tmp_path)
    assert set(found.frame["steam_id"]) == {str(STEAM_IDS[number]) for number in (1, 2, 3)}
    assert found.left_out[reasons.NO_ROUNDS_PLAYED] == 1
