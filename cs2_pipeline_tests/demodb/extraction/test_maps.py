"""Maps from the demo database: who played, how the halves went, who won, and what is refused."""

import json
import sqlite3
from datetime import date

import pandas as pd
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


def test_halves_and_overtime_are_those_of_the_team_that_began_as_ct(database):
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        recorded = {row["Id"]: row for row in connection.execute('SELECT * FROM "Matches"')}
        tags = dict(
            connection.execute('SELECT "DemoFileId", "ClanTag" FROM "Players" WHERE "PlayerSlot" = 0').fetchall()
        )
    rows = extracted(database).frame.to_dict("records")
    for row in rows:
        match = recorded[row["match_id"]]
        halves = [row[f"{side}_half{half}"] for half in (1, 2) for side in ("first", "second")]
        assert halves == [match["CTScoreFirstHalf"], match["TScoreFirstHalf"], match["TScoreSecondHalf"],
                          match["CTScoreSecondHalf"]]  # fmt: skip
        assert row["first_overtime"] + row["second_overtime"] == max(match["TotalRounds"] - 24, 0)
        assert (row["map_name"], row["source"], row["first_name"]) == (
            match["MapName"], "simulator", tags[match["DemoFileId"]],
        )  # fmt: skip
        assert row["started_at"] == pd.Timestamp(match["StartTime"], tz="UTC")
    assert any(row["first_overtime"] for row in rows)
    assert [row["started_at"] for row in rows] == sorted(row["started_at"] for row in rows)


DAY = {"first": FIRST, "last": FIRST}


def of_match(path, number):
    return extracted(path, **DAY).frame.set_index("match_id").loc[number]


def test_a_map_of_which_nobodys_side_is_known_is_refused(copy):
    change(copy, 'UPDATE "Players" SET "Team" = NULL WHERE "DemoFileId" = 2')
    change(copy, 'UPDATE "Kills" SET "KillerTeam" = NULL, "VictimTeam" = NULL WHERE "DemoFileId" = 2')
    found = extracted(copy, **DAY)
    (row,) = found.refused[found.refused["table"] == "Matches"].to_dict("records")
    assert (row["row_id"], row["reason"]) == (2, reasons.UNKNOWN_TEAMS)
    assert row["detail"] == "no round tells which players were on one side"
    assert 2 not in set(found.frame["match_id"])


def test_a_map_with_a_side_of_bots_is_refused(copy):
    change(copy, 'UPDATE "Players" SET "IsBot" = 1 WHERE "DemoFileId" = 2 AND "Team" = \'T\'')
    found = extracted(copy, **DAY)
    (row,) = found.refused.to_dict("records")
    assert (row["row_id"], row["reason"], row["detail"]) == (
        2, reasons.NO_LINE_UP, "a side has no player with a SteamId",
    )  # fmt: skip


def test_a_map_cut_short_is_told_with_the_score_of_its_rounds(copy):
    change(copy, 'DELETE FROM "Rounds" WHERE "MatchId" = 1 AND "RoundNumber" > 12')
    found = extracted(copy, **DAY)
    assert found.refused["detail"].tolist() == ["its rounds end at 8:4"]


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        (("Beta", "Alpha", None, "Beta", "Alpha"), "Alpha"), ((" Alpha ", "Alpha", "Beta", None, ""), "Alpha"),
        (("  ", "", None, None, "Beta"), "Beta"),
    ],
)  # fmt: skip
def test_a_team_has_the_name_that_most_carried_and_of_two_the_first_in_the_alphabet(copy, tags, name):
    with sqlite3.connect(copy) as connection:
        connection.executemany(
            'UPDATE "Players" SET "ClanTag" = ? WHERE "DemoFileId" = 1 AND "PlayerSlot" = ?',
            [(tag, slot) for slot, tag in enumerate(tags)],
        )
    assert of_match(copy, 1)["first_name"] == name


@pytest.mark.parametrize(("rounds", "stays"), [(9, True), (20, False)])
def test_the_line_up_is_the_five_who_played_most_rounds(copy, rounds, stays):
    """Somebody takes the first player's place from the start for so many of the 22 rounds."""
    with sqlite3.connect(copy) as connection:
        (first,) = connection.execute('SELECT MIN("Id") FROM "Players"').fetchone()
        columns = [row[1] for row in connection.execute('PRAGMA table_info("Players")')]
        values = ", ".join({"Id": "9999", "SteamId": "76561198000000001"}.get(name, f'"{name}"') for name in columns)
        connection.execute(f'INSERT INTO "Players" SELECT {values} FROM "Players" WHERE "Id" = {first}')  # noqa: S608
        early = f'"RoundId" <= {rounds}'
        for table, column in (("PlayerRoundStats", "PlayerId"), ("Kills", "KillerId"), ("Kills", "VictimId")):
            connection.execute(f'UPDATE "{table}" SET "{column}" = 9999 WHERE "{column}" = {first} AND {early}')  # noqa: S608
        (usual,) = connection.execute(f'SELECT "SteamId" FROM "Players" WHERE "Id" = {first}').fetchone()  # noqa: S608
    row = of_match(copy, 1)
    line_up = json.loads(row["first_players"])
    assert len(line_up) == 5
    assert (str(usual) in line_up, "76561198000000001" in line_up) == (stays, not stays)
    assert line_up == sorted(line_up)
    assert (row["first_score"], row["second_score"]) == (9, 13), "the others tell whose rounds they were"
