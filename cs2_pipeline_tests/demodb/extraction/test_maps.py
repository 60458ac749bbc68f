"""Maps from the demo database: who played, how the halves went, who won, and what is refused."""

import json
import sqlite3
from datetime import date

import pytest

from cs2_pipeline.datasets.matches import of_maps
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import extract, maps, reasons
from cs2_pipeline.demodb.simulator import simulate

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 4)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("maps") / "demos.sqlite"
    simulate(path, matches=24, days=4, teams=8, seed=3)
    return path


@pytest.fixture
def copy(database, tmp_path):
    path = tmp_path / "demos.sqlite"
    path.write_bytes(database.read_bytes())
    return path


def extracted(path, first=FIRST, last=LAST):
    with DemoDatabase(f"sqlite:///{path}") as db:
        return maps.maps(db, first, last)


def change(path, statement):
    with sqlite3.connect(path) as connection:
        connection.execute(statement)


def test_every_map_with_line_ups_score_and_winner(database):
    found = extracted(database)
    frame = found.frame
    assert len(frame) == 24
    assert not found.left_out
    with sqlite3.connect(database) as connection:
        recorded = connection.execute('SELECT "Id", "CTScore", "TScore", "WinnerTeam" FROM "Matches"').fetchall()
    of_match = frame.set_index("match_id")
    for match, *score, _ in recorded:
        row = of_match.loc[match]
        assert sorted([row["first_score"], row["second_score"]]) == sorted(score)
        assert row["first_wins"] == (row["first_score"] > row["second_score"])
    for side in ("first", "second"):
        parts = frame[[f"{side}_{period}" for period in maps.PERIODS]].sum(axis=1)
        assert (parts == frame[f"{side}_score"]).all()
        assert frame[f"{side}_players"].map(lambda text: len(json.loads(text))).eq(5).all()
        assert frame[f"{side}_name"].str.startswith("Team ").all()
    halves = frame[["first_half1", "second_half1"]].sum(axis=1)
    assert (halves == 12).all()


def test_the_first_side_began_as_ct(database):
    with sqlite3.connect(database) as connection:
        began = dict(
            connection.execute(
                'SELECT m."Id", group_concat(DISTINCT p."SteamId") '
                'FROM "Matches" m JOIN "Players" p USING ("DemoFileId") '
                "WHERE p.\"Team\" = 'CT' GROUP BY 1"
            )
        )
    for row in extracted(database).frame.to_dict("records"):
        assert set(json.loads(row["first_players"])) == set(str(began[row["match_id"]]).split(","))


def test_a_day_at_a_time_gives_the_same_rows(database):
    whole = extracted(database).frame
    days = [extracted(database, day, day).frame for day in (date(2026, 1, number) for number in range(1, 5))]
    assert [row for day in days for row in day.to_dict("records")] == whole.to_dict("records")


def test_the_training_tables_row_is_a_best_of_one_in_the_order_of_play(database):
    table = of_maps(extracted(database).frame)
    assert (table["best_of"] == 1).all()
    assert table["started_at"].is_monotonic_increasing
    places = table.groupby(table["started_at"].dt.date)["place"].apply(list)
    assert all(day == list(range(1, len(day) + 1)) for day in places)


def test_a_map_cut_short_is_refused_with_its_score(copy):
    change(copy, 'DELETE FROM "Rounds" WHERE "MatchId" = 5 AND "RoundNumber" > 9')
    found = extracted(copy)
    assert 5 not in set(found.frame["match_id"])
    (row,) = found.refused[found.refused["table"] == "Matches"].to_dict("records")
    assert (row["row_id"], row["reason"]) == (5, reasons.NO_FINAL_SCORE)
    assert "its rounds end at" in row["detail"]


def test_players_without_a_steam_id_are_in_no_line_up(copy):
    change(copy, 'UPDATE "Players" SET "SteamId" = 0 WHERE "Id" IN (SELECT MIN("Id") FROM "Players")')
    frame = extracted(copy).frame
    counts = [len(json.loads(text)) for side in ("first", "second") for text in frame[f"{side}_players"]]
    assert sorted(counts)[0] == 4
    assert sorted(counts)[1] == 5


def test_names_are_null_where_nobody_carried_a_tag(copy):
    change(copy, 'UPDATE "Players" SET "ClanTag" = NULL')
    frame = extracted(copy).frame
    assert frame["first_name"].isna().all()
    assert len(of_maps(frame)) == 24


def test_rounds_and_maps_count_the_same_matches(database):
    with DemoDatabase(f"sqlite:///{database}") as db:
        rounds = extract.rounds(db, FIRST, LAST).frame
    frame = extracted(database).frame.set_index("match_id")
    played = rounds.groupby("match_id").size()
    assert (frame["first_score"] + frame["second_score"] == played.reindex(frame.index)).all()
