"""Reading tables of series: what is taken, and how what cannot be taken is named."""

import dataclasses
import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets.csv_rows import RowsError
from cs2_pipeline.datasets.matches import in_order
from cs2_pipeline.datasets.series import SeriesReport, read

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
BY_OUTCOME = """date,order,team_w,team_l,roster_w,roster_l,rank_w,points_w,rank_l,points_l
2025-03-01,2,Alpha,Beta,"a, b, c, d, e","v, w, x, y, z",1,1900,,
2025-03-01,1,Gamma,Delta,"k, l, m, n, o","p, q, r, s, t",,,,
2025-03-02,1,Beta,Alpha,"v, w, x, y, z","a, b, c, d, e",,,,
"""
PINNED = [["20250301-1-121fda10", "Delta"], ["20250301-2-a83a9d55", "Alpha"], ["20250302-1-ba748abc", "Beta"]]
BY_SIDE = """match_id,date,team1_name,team2_name,team1_score,team2_score,winner
1,2024-04-19T09:45:00Z,Metizport,FURIA,1,2,FURIA
2,2024-04-19T08:00:00Z,Sangal,Nemiga,1,0,Sangal
3,2024-04-20T11:00:00Z,Sangal,FURIA,13,7,1
"""


def taken(tmp_path: Path, text: str, name: str = "series.csv"):
    path = tmp_path / name
    path.write_text(text)
    return read(path)


def test_days_keep_their_order_of_play(tmp_path):
    frame, report = taken(tmp_path, BY_OUTCOME)
    assert [set(pair) for pair in zip(frame["first_name"], frame["second_name"], strict=True)] == [
        {"Gamma", "Delta"},
        {"Alpha", "Beta"},
        {"Alpha", "Beta"},
    ]
    assert frame["place"].tolist() == [1, 2, 1]
    assert (report.series, report.with_line_ups, report.with_points) == (3, 3, 0)
    assert (report.first_day, report.last_day) == ("2025-03-01", "2025-03-02")


def test_the_winner_is_still_the_winner_whichever_side_the_lot_gives_it(tmp_path):
    frame, _ = taken(tmp_path, BY_OUTCOME)
    row = frame.iloc[1]
    winner = "first" if row["first_wins"] == 1 else "second"
    assert row[f"{winner}_name"] == "Alpha"
    assert json.loads(row[f"{winner}_players"]) == list("abcde")
    assert row[f"{winner}_points"] == 1900


def test_the_lot_knows_nothing_of_the_outcome(tmp_path):
    """With winner and loser exchanged the sides stay, and the label turns."""
    header, *rows = BY_OUTCOME.splitlines()
    turned = [header]
    for row in rows:
        date, order, one, two, rest = row.split(",", 4)
        rosters = rest.split('"')
        turned.append(f'{date},{order},{two},{one},"{rosters[3]}","{rosters[1]}",,,,')
    before, _ = taken(tmp_path, BY_OUTCOME)
    after, _ = taken(tmp_path, "\n".join(turned))
    assert (before["first_name"] == after["first_name"]).all()
    assert (before["first_wins"] == 1 - after["first_wins"]).all()


def test_sides_are_drawn_evenly(tmp_path):
    rows = [f"2025-01-{1 + n % 28:02d},Team {n},Team {n + 1}" for n in range(2000)]
    frame, _ = taken(tmp_path, "\n".join(["date,team_w,team_l", *rows]))
    assert abs(frame["first_wins"].mean() - 0.5) < 0.05


def test_two_sides_and_the_winner(tmp_path):
    path = tmp_path / "series.csv.gz"
    path.write_bytes(gzip.compress(BY_SIDE.encode()))
    frame, report = read(path)
    assert report.with_line_ups == 0
    assert frame["started_at"].is_monotonic_increasing, "the hour orders a day without an order"
    assert frame["best_of"].tolist() == [1, 3, 1]
    for row in frame.to_dict("records"):
        winner = row["first_name"] if row["first_wins"] else row["second_name"]
        assert winner in ("FURIA", "Sangal")
    assert frame["first_players"].tolist() == ["[]"] * 3


def test_the_same_file_gives_the_same_table(tmp_path):
    assert taken(tmp_path, BY_OUTCOME)[0].equals(taken(tmp_path, BY_OUTCOME)[0])


def test_later_rows_change_no_earlier_one(tmp_path):
    before, _ = taken(tmp_path, BY_OUTCOME)
    after, _ = taken(tmp_path, BY_OUTCOME + '2025-03-09,1,Beta,Delta,"v, w, x, y, z","p, q, r, s, t",,,,\n')
    assert after.iloc[:3].equals(before)
    assert len(in_order(after)) == 4


def test_two_people_of_one_name_on_both_sides_are_left_out_of_both(tmp_path):
    frame, report = taken(tmp_path, BY_OUTCOME.replace('"v, w, x, y, z",1', '"a, w, x, y, z",1'))
    row = frame.iloc[1]
    assert report.namesakes == 1
    assert sorted(json.loads(row["first_players"]) + json.loads(row["second_players"])) == list("bcdewxyz")


def test_two_teams_of_one_name_are_told_apart_by_their_players(tmp_path):
    frame, _ = taken(tmp_path, BY_OUTCOME.replace("Delta", "Gamma"))
    assert len(frame) == 3


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("2025-03-01,2", "yesterday,2", r"row 2: column date: 'yesterday'"),
        ("Gamma,Delta", "Gamma,", r"row 3: column team_l is empty"),
        (',"k, l, m, n, o","p, q, r, s, t"', ",,", None),
        ("a, b, c, d, e", "a, b, c, d, e, f", r"row 2: column roster_w names 6 players"),
        ("1900", "many", r"row 2: column points_w: 'many' is no number"),
        ("1900", "nan", r"row 2: column points_w: 'nan' is no number"),
        ("2025-03-02,1", "2025-03-02,1.5", r"row 4: column order: '1.5' is no whole number"),
        ("2025-03-02,1,Beta,Alpha", "2025-03-02,1", r"row 4: has not as many values"),
    ],
)
def test_what_cannot_be_is_named_by_row_and_column(tmp_path, old, new, said):
    changed = BY_OUTCOME.replace(old, new, 1)
    assert changed != BY_OUTCOME
    if said is None:
        assert taken(tmp_path, changed)[1].with_line_ups == 2
        return
    with pytest.raises(RowsError, match=said):
        taken(tmp_path, changed)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column for: day"),
        ("date,team_w\n2025-01-01,Alpha\n", "winner and loser"),
        ("date,team_w,team_l\n", "no rows"),
        ("date,team_w,team_l\n2025-01-01,Alpha,Alpha\n", "both sides are called 'Alpha'"),
        ("date,team1,team2,winner\n2025-01-01,Alpha,Beta,Gamma\n", "neither 'Alpha' nor 'Beta'"),
        ("date,team1,team2,score1,score2,winner\n2025-01-01,Alpha,Beta,0,2,Alpha\n", "lost by the score 0:2"),
        ("date,team_w,team_l,best_of\n2025-01-01,Alpha,Beta,7\n", "none of bo1, bo3, bo5"),
    ],
)
def test_tables_that_cannot_be_taken_say_why(tmp_path, text, said):
    with pytest.raises(RowsError, match=said):
        taken(tmp_path, text)


def test_a_file_that_is_not_there_or_not_text_says_so(tmp_path):
    with pytest.raises(RowsError, match="cannot be read"):
        read(tmp_path / "nothing.csv")
    (tmp_path / "broken.csv.gz").write_bytes(b"\x1f\x8bnot gzip")
    with pytest.raises(RowsError, match="cannot be read"):
        read(tmp_path / "broken.csv.gz")


@pytest.mark.skipif(not (SHARED / "valve_series").is_dir(), reason="the shared data is not here")
@pytest.mark.parametrize(
    ("file", "series"), [("valve_series/series.csv.gz", 11_853), ("map_results/series.csv.gz", 11_137)]
)
def test_published_tables_are_taken_whole(file, series):
    frame, report = read(SHARED / file)
    assert report.series == series
    assert abs(frame["first_wins"].mean() - 0.5) < 3 * np.sqrt(0.25 / series)
    assert in_order(frame)["match_id"].is_unique


def test_nobodys_side_and_no_ones_name_change_with_the_code(tmp_path):
    """Pinned: a forecast that was given names the series and the side it was for."""
    frame, _ = taken(tmp_path, BY_OUTCOME)
    assert frame[["match_id", "first_name"]].to_numpy().tolist() == PINNED


def test_a_report_can_be_kept_as_json(tmp_path):
    _, report = taken(tmp_path, BY_OUTCOME)
    assert json.loads(json.dumps(dataclasses.asdict(report)))["series"] == 3


def recorded(tmp_path, header, *rows):
    return taken(tmp_path, "\n".join([header, *rows]))[0]


@pytest.mark.parametrize(
    ("score", "best_of"),
    [
        ("13:7", 1),
        ("16:14", 1),
        ("3:2", 5),
        ("2:0", 3),
        ("1:0", 1),
        ("4:0", None),
        ("12:0", None),
        (":", None),
        ("13:", 1),
    ],
)
def test_the_winners_maps_tell_the_length_where_it_was_not_recorded(tmp_path, score, best_of):
    one, two = score.split(":")
    frame = recorded(tmp_path, "date,team1,team2,score1,score2,winner", f"2025-03-01,A,B,{one},{two},1")
    assert (None if np.isnan(frame["best_of"].astype(float)[0]) else frame["best_of"][0]) == best_of
    rounds = frame.loc[0, ["first_rounds", "second_rounds"]].dropna()
    assert sorted(rounds) == (sorted([int(one), int(two)]) if score in ("13:7", "16:14") else [])


@pytest.mark.parametrize(("text", "best_of"), [("bo3", 3), ("5", 5), ("1.0", 1), ("BO5", 5)])
def test_the_length_may_be_written_in_several_ways_and_is_believed_before_the_score(tmp_path, text, best_of):
    frame = recorded(tmp_path, "date,team1,team2,score1,score2,winner,best_of", f"2025-03-01,A,B,2,0,1,{text}")
    assert frame["best_of"].tolist() == [best_of]


@pytest.mark.parametrize(
    ("winner", "won"), [("1", "A"), ("team1", "A"), ("A", "A"), ("2", "B"), ("team2", "B"), ("B", "B")]
)
def test_the_winner_is_named_or_numbered(tmp_path, winner, won):
    row = recorded(tmp_path, "date,team1,team2,winner", f"2025-03-01,A,B,{winner}").iloc[0]
    assert row["first_name" if row["first_wins"] else "second_name"] == won


def test_equal_scores_tell_nothing_against_the_winner_and_points_count_where_both_sides_have_them(tmp_path):
    text = "date,team_w,team_l,points_w,points_l\n2025-03-01,A,B,900,800\n2025-03-01,C,D,900,\n"
    _, report = taken(tmp_path, text)
    assert (report.series, report.with_points, report.with_rounds, report.namesakes) == (2, 1, 0, 0)
    even = recorded(tmp_path, "date,team1,team2,score1,score2,winner", "2025-03-01,A,B,1,1,B")
    assert even["first_wins"].tolist() == [int(even["first_name"][0] == "B")]


def test_a_player_named_twice_in_a_line_up_is_one(tmp_path):
    frame, _ = taken(tmp_path, BY_OUTCOME.replace("a, b, c, d, e", "[a| b; b, d, ]", 1))
    players = frame[["first_players", "second_players"]].to_numpy().ravel()
    assert '["a", "b", "d"]' in players


def test_a_row_keeps_all_that_its_sides_have(tmp_path):
    header = "date,place,format,map,team1,team2,players_a,players_b,points1,points2,score_a,score_b,rounds_a,rounds_b"
    text = f'{header},winner\n2025-03-01T18:30:00Z,4,bo3,de_nuke,One,Two,"b, a","y, x",900,800.5,1,2,30,37,2\n'
    frame, report = taken(tmp_path, text)
    row = frame.iloc[0].to_dict()
    one, two = ("first", "second") if row["first_name"] == "One" else ("second", "first")
    expected = {
        f"{one}_name": "One", f"{one}_players": '["a", "b"]', f"{one}_points": 900.0, f"{one}_score": 1,
        f"{one}_rounds": 30, f"{two}_name": "Two", f"{two}_players": '["x", "y"]', f"{two}_points": 800.5,
        f"{two}_score": 2, f"{two}_rounds": 37, "first_wins": int(two == "first"), "place": 1, "best_of": 3,
        "map_name": "de_nuke", "source": "published_series", "match_id": row["match_id"],
        "started_at": pd.Timestamp("2025-03-01T18:30", tz="UTC"),
    }  # fmt: skip
    assert row == expected
    assert row["match_id"].startswith("20250301-1-")
    assert report == SeriesReport(1, 1, 1, 1, "2025-03-01", "2025-03-01", 0)


def test_a_day_is_in_the_order_of_its_places_then_hours_then_rows(tmp_path):
    rows = [("B", "12:00", ""), ("C", "11:00", ""), ("A", "18:00", "0"), ("E", "09:00", "2"), ("D", "20:00", "1"),
            ("F", "09:00", "2")]  # fmt: skip
    text = [f"2025-03-01T{hour}:00Z,{place},{name},Loser {name}" for name, hour, place in rows]
    frame = recorded(tmp_path, "date,order,team_w,team_l", *text)
    winners = frame["first_name"].where(frame["first_wins"] == 1, frame["second_name"])
    assert winners.tolist() == ["C", "B", "A", "D", "E", "F"]
    assert frame["place"].tolist() == [1, 2, 3, 4, 5, 6]


def test_line_ups_and_points_count_where_both_sides_have_them_and_days_are_the_first_and_last(tmp_path):
    rows = [
        '2025-03-03,A,B,"a","b",1,2', '2025-03-01,C,D,"c",,1,', '2025-03-02,E,F,,"f",,2', "2025-03-05,G,H,,,,",
    ]  # fmt: skip
    _, report = taken(tmp_path, "\n".join(["date,team_w,team_l,roster_w,roster_l,points_w,points_l", *rows]))
    assert report == SeriesReport(4, 1, 1, 0, "2025-03-01", "2025-03-05", 0)


def test_teams_of_one_name_need_different_players_on_both_sides(tmp_path):
    header = "date,team1,team2,roster1,roster2,winner"
    assert len(recorded(tmp_path, header, '2025-03-01,A,A,"a","b",1')) == 1
    for players in ('"a","a"', ',"b"', '"a",'):
        with pytest.raises(RowsError, match=r"both sides are called 'A' \(column team2\)"):
            recorded(tmp_path, header, f"2025-03-01,A,A,{players},1")
    with pytest.raises(RowsError, match=r"both sides are called 'A' \(column team_w\)"):
        recorded(tmp_path, "date,team_w,team_l", "2025-03-01,A,A")


@pytest.mark.parametrize(("scores", "winner", "taken_"), [("2,0", "1", True), ("2,0", "2", False), (",2", "1", True)])
def test_a_winner_may_not_have_the_lower_score(tmp_path, scores, winner, taken_):
    def row():
        return recorded(tmp_path, "date,team1,team2,score1,score2,winner", f"2025-03-01,A,B,{scores},{winner}")

    if taken_:
        assert len(row()) == 1
    else:
        with pytest.raises(RowsError, match="column winner: '2' lost by the score 2:0"):
            row()


@pytest.mark.parametrize("text", ["7", "bo 2", "2", "1.5", "best"])
def test_a_length_that_no_series_has_is_named(tmp_path, text):
    with pytest.raises(RowsError, match=f"row 2: column bo: '{text}' is none of bo1, bo3, bo5"):
        recorded(tmp_path, "date,team_w,team_l,bo", f"2025-03-01,A,B,{text}")
    assert recorded(tmp_path, "date,team_w,team_l,bo", "2025-03-01,A,B,best of 5")["best_of"].tolist() == [5]


def test_the_lot_is_the_same_in_every_version(tmp_path):
    """Pinned, as above: sides of a dozen series."""
    frame = recorded(tmp_path, "date,team_w,team_l", *(f"2025-03-01,Team {n},Team {n + 1}" for n in range(12)))
    assert frame["first_wins"].tolist() == [1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]
