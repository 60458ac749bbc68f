"""Rounds joined to series: by day and names, however they are written; what contradicts or is not sure is left out."""

import pandas as pd
import pytest

from cs2_pipeline.datasets.csv_rows import RowsError
from cs2_pipeline.datasets.series import read

SERIES = """date,order,team_w,team_l
2025-03-01,1,Team Alpha,Beta Esports
2025-03-01,2,Gamma,Delta
2025-03-03,1,Beta,Alpha
"""
MAPS = """date,team1,team2,score1_reg,score2_reg
2025-03-01T00:00:00Z,beta,ALPHA,5,13
2025-03-01T00:00:00Z,beta,ALPHA,12,12
2025-03-01T00:00:00Z,Gamma Gaming,Delta,7,13
2025-03-04T00:00:00Z,Alpha,Beta,11,13
"""


def rounds(tmp_path, maps=MAPS, series=SERIES):
    """Of each series those of the winner and of the loser, and the report."""
    (tmp_path / "series.csv").write_text(series)
    (tmp_path / "maps.csv").write_text(maps)
    frame, report = read(tmp_path / "series.csv", tmp_path / "maps.csv")
    found = []
    for row in frame.to_dict("records"):
        pair = tuple(None if pd.isna(row[name]) else row[name] for name in ("first_rounds", "second_rounds"))
        found.append(pair if row["first_wins"] else pair[::-1])
    return found, report


def test_maps_are_found_by_day_and_names_and_added_up(tmp_path):
    found, report = rounds(tmp_path)
    assert found[0] == (25, 17), "two maps, names written otherwise, sides exchanged"
    assert report.with_rounds == 1


def test_maps_of_a_later_day_tell_nothing_of_a_series(tmp_path):
    """They may be of the next series of the two, which would be learned from before it is predicted."""
    assert rounds(tmp_path)[0][2] == (None, None)
    assert rounds(tmp_path, MAPS.replace("2025-03-04", "2025-03-03"))[0][2] == (13, 11)


def test_two_series_of_a_pair_on_one_day_have_no_rounds_as_nobody_knows_whose_a_map_is(tmp_path):
    assert rounds(tmp_path, series=f"{SERIES}2025-03-01,3,Team Alpha,Beta\n")[0][0] == (None, None)
    assert rounds(tmp_path, series=f"{SERIES}2025-03-01,3,Beta,ALPHA\n")[0][0] == (None, None)


def test_maps_that_the_loser_won_are_those_of_another_series(tmp_path):
    assert rounds(tmp_path)[0][1] == (None, None)


WHOLE = [
    (3, "13:5 5:13 13:5"), (3, "13:5 13:5"), (3, "13:5 12:12"), (3, "12:12 12:12 12:12"), (3, "5:13 12:12 13:5"),
    (1, "13:5"), (1, "12:12"), (5, "13:5 13:5 5:13 5:13 12:12"), ("", "13:5"), ("", "13:5 13:5 5:13 12:12"),
]  # fmt: skip
NOT_WHOLE = [
    (3, "13:5"), (3, "12:12"), (3, "13:5 13:5 5:13 5:13"), (3, "13:5 13:5 13:5"), (3, "13:5 5:13"),
    (1, "13:5 13:5"), (1, "13:5 12:12"), (5, "13:5 13:5"), ("", "13:5 1:0"), ("", "2:1"), (3, "11:5 13:4"),
]  # fmt: skip


def test_maps_that_are_not_a_whole_series_of_its_length_are_left_out(tmp_path):
    cases = [*WHOLE, *NOT_WHOLE]
    series = [
        "date,team_w,team_l,best_of",
        *(f"2025-03-01,W{n},L{n},{best_of}" for n, (best_of, _) in enumerate(cases)),
    ]
    maps = [
        f"2025-03-01,W{number},L{number},{score.replace(':', ',')}"
        for number, (_, scores) in enumerate(cases)
        for score in scores.split()
    ]
    found, _ = rounds(tmp_path, "\n".join(["date,team1,team2,rounds1,rounds2", *maps]), "\n".join(series))
    joined = [case for case, one in zip(cases, found, strict=True) if one != (None, None)]
    assert joined == WHOLE
    assert found[0] == (31, 23)


def test_rounds_in_the_series_file_stay(tmp_path):
    header, *lines = SERIES.splitlines()
    series = "\n".join([f"{header},rounds_w,rounds_l", *(f"{line},26,20" for line in lines)])
    assert rounds(tmp_path, series=series)[0] == [(26, 20)] * 3


def test_the_score_of_a_single_map_is_its_rounds(tmp_path):
    (tmp_path / "one.csv").write_text(
        "date,team1,team2,score1,score2,winner\n2025-03-01,A,B,13,7,1\n2025-03-01,C,D,2,1,1\n"
    )
    frame, report = read(tmp_path / "one.csv")
    assert sorted(frame.loc[0, ["first_rounds", "second_rounds"]]) == [7, 13]
    assert report.with_rounds == 1


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        (MAPS.replace("score1_reg", "kills"), "maps.csv has no column for: one_rounds"),
        (MAPS.replace(",5,13", ",five,13"), "row 2: column score1_reg: 'five' is no number"),
        (MAPS.replace(",5,13", ",-5,13"), "row 2: column score1_reg: '-5' is no number of rounds"),
        (MAPS.replace(",5,13", ",,13"), "row 2: column score1_reg: '' is no number of rounds"),
        (MAPS.replace("2025-03-04T00:00:00Z", "soon"), "row 5: column date: 'soon' is no day"),
        (MAPS.splitlines()[0], "has no rows"),
    ],
)
def test_maps_that_cannot_be_read_are_named_and_nothing_is_taken(tmp_path, maps, said):
    with pytest.raises(RowsError, match=said):
        rounds(tmp_path, maps)
