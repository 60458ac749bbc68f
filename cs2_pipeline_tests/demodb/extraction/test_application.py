"""The database as Demo Lens itself fills it: the same matches give the same snapshots as the simulator's own."""

import sqlite3
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import create_engine

from cs2_pipeline.datasets import rounds as rounds_dataset
from cs2_pipeline.datasets import snapshots
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import extract, maps, reasons
from cs2_pipeline.demodb.extraction.extract import ExtractedEvents
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline_tests.demodb.as_application_writes import Habits, copy_to, files_of, rewrite
from cs2_pipeline_tests.demodb.conftest import new_postgres, sql_server_url

ALWAYS = (date(2026, 1, 1), date(2026, 12, 31))
MATCHES = 4
HALVES = {"train": 0.5, "test": 0.5}
AS_TOLD = {"game": "cs2", "source": "application"}
"""Where the application's rows come from; the simulator tells its own apart."""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "first.sqlite"
    simulate(path, matches=MATCHES, seed=3)
    return path


@pytest.fixture(scope="module")
def written(simulated, tmp_path_factory):
    """A function that gives the same matches as the application with some habits writes them."""
    made: dict[Habits, Path] = {}

    def rewritten(habits: Habits | None = None) -> Path:
        habits = habits or Habits()
        if habits not in made:
            made[habits] = rewrite(simulated, tmp_path_factory.mktemp("second") / "second.sqlite", habits)
        return made[habits]

    return rewritten


def events_of(url: str) -> ExtractedEvents:
    with DemoDatabase(url) as db:
        return extract.event_tables(db, *ALWAYS)


def snapshots_of(found: ExtractedEvents, path: Path) -> pd.DataFrame:
    """The snapshots by file, number and place in the round: what does not depend on ids or on the import."""
    rebuilt = snapshots.rebuild(found.rounds, found.participants, found.kills, found.damages, found.bombs)
    named = rebuilt.frame.merge(files_of(path), on="match_id").drop(columns=["match_id", "round_id", "started_at"])
    return named.sort_values(["file", "round_number", "snapshot"], ignore_index=True)


@pytest.fixture(scope="module")
def expected(simulated) -> pd.DataFrame:
    return snapshots_of(events_of(str(simulated)), simulated)


@pytest.mark.parametrize("habits", [Habits(), Habits(whole_inventories=True), Habits(positions="all")])
def test_every_snapshot_equals_that_of_the_simulators_database(written, expected, habits):
    path = written(habits)
    found = events_of(str(path))
    pd.testing.assert_frame_equal(snapshots_of(found, path), expected.assign(**AS_TOLD))
    assert found.mapped[reasons.NOT_WRITTEN] == len(found.rounds)


@pytest.mark.parametrize("server", ["postgresql", "FreeTDS", "mssql-python"])
def test_the_same_snapshots_come_from_every_server(request, written, expected, server):
    path = written()
    if server == "postgresql":
        url = new_postgres(request.getfixturevalue("postgres_server"))
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        copy_to(engine, path)
        engine.dispose()
    else:
        served = request.getfixturevalue("sql_server")
        url = sql_server_url(served, served.serve(path), server)
    pd.testing.assert_frame_equal(snapshots_of(events_of(url), path), expected.assign(**AS_TOLD))


def test_only_live_rounds_are_left_and_numbered_from_one(written, simulated):
    found = events_of(str(written()))
    truth = events_of(str(simulated))
    assert sorted(found.rounds["round_number"]) == sorted(truth.rounds["round_number"])
    assert (found.rounds["ct_score"] + found.rounds["t_score"]).equals(found.rounds["round_number"])
    assert found.left_out[reasons.WARM_UP] == MATCHES
    assert found.left_out[reasons.KNIFE_ROUND] == MATCHES
    assert found.left_out[reasons.BEFORE_RESTART] == MATCHES + MATCHES // 2
    assert found.left_out[reasons.UNFINISHED_ROUND] == MATCHES // 4


def test_a_pause_does_not_shift_the_clock(written):
    found = events_of(str(written())).rounds
    assert found["freeze_time"].max() == 15.0 + 450.0
    assert found["freeze_time"].value_counts().index[0] == 15.0


def test_a_pause_does_not_count_as_play(written, tmp_path):
    with DemoDatabase(str(written())) as db:
        found = extract.rounds(db, *ALWAYS)
    assert found.frame["duration"].max() < 200
    assert found.mapped[reasons.PAUSE] == MATCHES // 3


def test_a_pause_of_unknown_length_leaves_out_its_round_alone(written):
    path = written(Habits(events=False))
    with DemoDatabase(str(path)) as db:
        found = extract.rounds(db, *ALWAYS)
    assert found.left_out[reasons.LONGER_THAN_CLOCKS] == MATCHES // 3
    assert set(found.frame["round_number"]) >= set(range(1, 13))
    assert events_of(str(path)).left_out[reasons.LONGER_THAN_CLOCKS] == MATCHES // 3


BY_PLAY = ["file", "round_number"]


def by_file(frame: pd.DataFrame, path: Path, order: list[str]) -> pd.DataFrame:
    """A table by its demos' files instead of ids and days of import."""
    named = frame.merge(files_of(path), on="match_id")
    named["started_at"] = named.pop("played_at").fillna(named["started_at"]).dt.floor("D")
    named = named.drop(columns=["match_id", "round_id"], errors="ignore")
    return named.sort_values(order, ignore_index=True)


def test_rounds_and_players_equal_those_of_the_simulators_database(written, simulated):
    tables = {}
    for kind, path in (("first", simulated), ("second", written())):
        with DemoDatabase(str(path)) as db:
            rounds, players = (read(db, *ALWAYS) for read in (extract.rounds, extract.player_match_stats))
        tables[kind] = by_file(rounds.frame, path, BY_PLAY), by_file(players.frame, path, ["file", "steam_id"])
        if kind == "first":
            assert (rounds.mapped, players.mapped) == ({}, {})
    for first, second in zip(tables["first"], tables["second"], strict=True):
        played = [name for name in first if name != "duration"]
        told = {name: value for name, value in AS_TOLD.items() if name in first}
        pd.testing.assert_frame_equal(second[played], first.assign(**told)[played])
    assert rounds.mapped[reasons.ROUND_NOT_WRITTEN] == len(rounds.frame)
    assert players.mapped[reasons.OTHER_ROUNDS_COUNTED] == len(players.frame) == MATCHES * 10


def exchanged(path: Path, copy: Path, which: str) -> extract.Extracted:
    """The rounds of a copy of a database in which the winners of some rounds of match 1 are exchanged."""
    copy.write_bytes(path.read_bytes())
    other = "CASE \"WinnerTeam\" WHEN 'CT' THEN 'T' WHEN 'T' THEN 'CT' WHEN '2' THEN '3' WHEN '3' THEN '2' END"
    with sqlite3.connect(copy) as connection:
        connection.execute(f'UPDATE "Rounds" SET "WinnerTeam" = {other} WHERE "MatchId" = 1 AND {which}')  # noqa: S608
    with DemoDatabase(str(copy)) as db:
        return extract.rounds(db, *ALWAYS)


@pytest.mark.parametrize("kind", ["simulator", "application"])
def test_winners_exchanged_throughout_a_match_are_put_right_by_the_ends_of_its_rounds(
    simulated, written, tmp_path, kind
):
    path = simulated if kind == "simulator" else written()
    with DemoDatabase(str(path)) as db:
        whole = extract.rounds(db, *ALWAYS)
    won = "\"WinnerTeam\" IN ('CT', 'T', '2', '3')"
    found = exchanged(path, tmp_path / "demos.sqlite", won)
    pd.testing.assert_frame_equal(found.frame, whole.frame)
    of_match = (whole.frame["match_id"] == 1).sum()
    assert of_match <= found.mapped[reasons.WINNERS_EXCHANGED] <= of_match + 3, "knife round and false starts as well"
    assert found.left_out == whole.left_out


def test_a_winner_that_the_end_of_its_round_contradicts_is_refused_and_shifts_no_number(simulated, tmp_path):
    with DemoDatabase(str(simulated)) as db:
        whole = extract.rounds(db, *ALWAYS).frame
    found = exchanged(simulated, tmp_path / "demos.sqlite", '"RoundNumber" = 7')
    wrong = (whole["match_id"] == 1) & (whole["round_number"] == 7)
    pd.testing.assert_frame_equal(found.frame, whole[~wrong].reset_index(drop=True))
    assert found.left_out == {reasons.CONTRADICTED_WINNER: 1}
    (refused,) = found.refused.to_dict("records")
    assert (refused["table"], refused["row_id"]) == ("Rounds", whole.loc[wrong, "round_id"].item())
    assert refused["detail"].startswith("WinnerTeam is '") and "EndReason '" in refused["detail"]


def test_winners_that_every_second_end_contradicts_stay_as_recorded_and_are_counted(simulated, tmp_path):
    with DemoDatabase(str(simulated)) as db:
        whole = extract.rounds(db, *ALWAYS).frame
    found = exchanged(simulated, tmp_path / "demos.sqlite", '"RoundNumber" % 2 = 0')
    turned = (whole["match_id"] == 1) & (whole["round_number"] % 2 == 0)
    assert found.frame["ct_wins"].tolist() == (whole["ct_wins"] ^ turned).astype(int).tolist()
    assert found.mapped[reasons.WINNERS_DISAGREE] == 1
    assert found.left_out == {}


@pytest.mark.parametrize(("column", "reason"), [("Money", reasons.NO_MONEY), ("Armor", reasons.NO_ARMOR)])
def test_money_and_armour_that_are_0_throughout_a_match_were_never_written(written, tmp_path, column, reason):
    path = tmp_path / "demos.sqlite"
    path.write_bytes(written().read_bytes())
    whole = events_of(str(path))
    with sqlite3.connect(path) as connection:
        connection.execute(f'UPDATE "PlayerPositions" SET "{column}" = 0 WHERE "DemoFileId" = 1')  # noqa: S608
    found = events_of(str(path))
    of_match = whole.rounds["match_id"] == 1
    assert found.left_out[reason] == of_match.sum()
    pd.testing.assert_frame_equal(found.rounds, whole.rounds[~of_match].reset_index(drop=True))


@pytest.mark.parametrize("column", ["FirstKills", "TradeKills", "ClutchWins1v1", "ClutchAttempts1v2"])
def test_a_count_that_is_0_throughout_a_match_or_null_is_taken_from_the_events(simulated, tmp_path, column):
    path = tmp_path / "demos.sqlite"
    path.write_bytes(simulated.read_bytes())
    with DemoDatabase(str(simulated)) as db:
        whole = extract.player_match_stats(db, *ALWAYS)
    with sqlite3.connect(path) as connection:
        connection.execute(f'UPDATE "PlayerMatchStats" SET "{column}" = 0')  # noqa: S608
    with DemoDatabase(str(path)) as db:
        found = extract.player_match_stats(db, *ALWAYS)
    sums = [name for name in ("clutches", "clutch_attempts") if column.startswith("Clutch")]
    pd.testing.assert_frame_equal(found.frame.drop(columns=sums), whole.frame.drop(columns=sums))
    assert found.mapped[reasons.COUNT_NOT_WRITTEN] == MATCHES


def test_a_count_that_disagrees_with_the_events_beyond_chance_is_taken_as_recorded_and_counted(simulated, tmp_path):
    path = tmp_path / "demos.sqlite"
    path.write_bytes(simulated.read_bytes())
    with sqlite3.connect(path) as connection:
        for column in ("TradeKills", "Kills"):
            connection.execute(f'UPDATE "PlayerMatchStats" SET "{column}" = "{column}" + 3 WHERE "MatchId" = 1')  # noqa: S608
        connection.execute('UPDATE "PlayerMatchStats" SET "Deaths" = "Deaths" + 1 WHERE "Id" = 1')
    frames = []
    for one in (simulated, path):
        with DemoDatabase(str(one)) as db:
            found = extract.player_match_stats(db, *ALWAYS)
        frames.append(found.frame.set_index(["match_id", "steam_id"])["trade_kills"])
    assert found.mapped == {reasons.disagreeing("kills"): 1, reasons.disagreeing("trade_kills"): 1}
    assert (frames[1] - frames[0]).loc[1].unique().tolist() == [3]


def test_a_database_without_columns_for_trades_and_clutches_by_size_has_them_from_the_events(simulated, tmp_path):
    path = tmp_path / "demos.sqlite"
    path.write_bytes(simulated.read_bytes())
    with DemoDatabase(str(simulated)) as db:
        whole = extract.player_match_stats(db, *ALWAYS)
    with sqlite3.connect(path) as connection:
        for kind in ("Wins", "Attempts"):
            sizes = [f'"Clutch{kind}1v{size}"' for size in range(1, 6)]
            connection.execute(f'ALTER TABLE "PlayerMatchStats" ADD COLUMN "Clutch{kind}" INTEGER')
            connection.execute(f'UPDATE "PlayerMatchStats" SET "Clutch{kind}" = {" + ".join(sizes)}')  # noqa: S608
            for size in sizes:
                connection.execute(f'ALTER TABLE "PlayerMatchStats" DROP COLUMN {size}')
        connection.execute('ALTER TABLE "PlayerMatchStats" DROP COLUMN "TradeKills"')
    with DemoDatabase(str(path)) as db:
        found = extract.player_match_stats(db, *ALWAYS)
    pd.testing.assert_frame_equal(found.frame, whole.frame)


def test_without_kills_what_nothing_records_is_null(simulated, tmp_path):
    path = tmp_path / "demos.sqlite"
    path.write_bytes(simulated.read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute('DELETE FROM "Kills"')
        connection.execute('ALTER TABLE "PlayerMatchStats" DROP COLUMN "TradeKills"')
    with DemoDatabase(str(path)) as db:
        found = extract.player_match_stats(db, *ALWAYS).frame
    assert found["trade_kills"].isna().all()
    assert found["kills"].sum() > 0


def test_matches_of_one_import_are_ordered_by_their_files_dates(written, simulated):
    orders = []
    for path in (simulated, written()):
        with DemoDatabase(str(path)) as db:
            frame = extract.rounds(db, *ALWAYS).frame.merge(files_of(path), on="match_id")
        frame["at"] = frame["played_at"].fillna(frame["started_at"])
        orders.append(frame.sort_values("at")["file"].drop_duplicates().tolist())
    assert orders[0] == orders[1]


def test_the_training_table_is_split_as_that_of_the_simulators_database(written, simulated):
    parts = []
    for path in (simulated, written()):
        found = events_of(str(path))
        rebuilt = snapshots.rebuild(found.rounds, found.participants, found.kills, found.damages, found.bombs).frame
        played_at = found.rounds.drop_duplicates("match_id").set_index("match_id")["played_at"]
        at = rebuilt["match_id"].map(played_at).fillna(rebuilt["started_at"])
        built = rounds_dataset.build(rebuilt.assign(started_at=at, game="cs2"), HALVES).frame.merge(
            files_of(path), on="match_id"
        )
        parts.append(built.groupby("file")["part"].agg(["first", "size"]))
    pd.testing.assert_frame_equal(parts[1], parts[0])
    assert set(parts[0]["first"]) == set(HALVES)


def test_maps_and_their_scores_are_those_of_the_simulators_database(written, simulated):
    found = []
    for path in (simulated, written()):
        with DemoDatabase(str(path)) as db:
            frame = maps.maps(db, *ALWAYS).frame.merge(files_of(path), on="match_id")
        found.append(frame.drop(columns=["match_id", "started_at", "played_at"]).sort_values("file", ignore_index=True))
    pd.testing.assert_frame_equal(found[1], found[0].assign(source=AS_TOLD["source"]))


def test_without_positions_rounds_are_still_extracted_and_what_is_missing_is_null(written):
    with DemoDatabase(str(written(Habits(positions="off")))) as db:
        found = extract.rounds(db, *ALWAYS).frame
    assert len(found) > 20 * MATCHES
    assert found["ct_equipment_value"].isna().all()
    assert found["bomb_planted"].sum() > 0


def test_without_positions_no_round_can_be_used_and_the_reason_says_which_table(written):
    found = events_of(str(written(Habits(positions="off"))))
    assert found.rounds.empty
    assert found.left_out[reasons.NO_POSITIONS] > 0
    assert "PlayerPositions" in reasons.NO_POSITIONS


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ('UPDATE "PlayerPositions" SET "IsAlive" = 0', reasons.NO_POSITIONS),
        ('UPDATE "PlayerPositions" SET "Team" = \'0\'', reasons.NO_POSITIONS),
        ('UPDATE "Equipment" SET "ItemName" = \'CFoo, CBar\'', reasons.NO_INVENTORY),
        ('DELETE FROM "Kills"', reasons.FATAL_WITHOUT_KILL),
    ],
)
def test_what_makes_every_round_useless_is_given_as_the_reason(written, tmp_path, command, reason):
    path = tmp_path / "demos.sqlite"
    path.write_bytes(written().read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute(command)
    found = events_of(str(path))
    assert len(found.rounds) <= 1, "a round may end without anybody dying"
    assert found.left_out[reason] > 20 * MATCHES


def test_helmets_that_positions_do_not_record_stay_unknown(written, tmp_path):
    path = tmp_path / "demos.sqlite"
    path.write_bytes(written().read_bytes())
    with sqlite3.connect(path) as connection:
        connection.execute('ALTER TABLE "PlayerPositions" DROP COLUMN "HasHelmet"')
        connection.execute('ALTER TABLE "PlayerPositions" ADD COLUMN "HasHelmet" BOOLEAN')
    found = events_of(str(path))
    assert len(found.rounds) > 20 * MATCHES
    assert found.participants["has_helmet"].isna().all()
    assert found.participants["has_defuse_kit"].notna().all()


def test_without_inventories_no_round_can_be_used_and_the_reason_says_which_table(written):
    found = events_of(str(written(Habits(equipment=False))))
    assert found.rounds.empty
    assert found.left_out[reasons.NO_INVENTORY] > 0
    assert "Equipment" in reasons.NO_INVENTORY


def test_without_game_events_the_games_freeze_time_is_taken_and_counted(written, expected):
    path = written(Habits(events=False))
    found = events_of(str(path))
    frame = snapshots_of(found, path)
    unpaused = frame["round_number"] != 5
    columns = ["file", "round_number", "snapshot", "time_remaining", "ct_alive"]
    wanted = expected.loc[expected["round_number"] != 5, columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(frame.loc[unpaused, columns].reset_index(drop=True), wanted)
    assert found.mapped[reasons.CLOCK_NOT_RECORDED] >= 2 * len(found.rounds)
