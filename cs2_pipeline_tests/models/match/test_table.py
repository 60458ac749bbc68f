"""From rows to contests: days, line-ups, and what stands for what was not recorded."""

import json

import pandas as pd

from cs2_pipeline.models.match.table import contests, rounds

ROW = {
    "started_at": pd.Timestamp("1970-01-03T23:59", tz="UTC"), "best_of": 5, "map_name": "de_nuke", "first_wins": 1,
    "first_players": json.dumps(list("abcde")), "second_players": json.dumps(list("vwxyz")), "first_name": "One",
    "second_name": "Two", "first_points": 700.0, "second_points": None, "first_rounds": 13, "second_rounds": 5,
}  # fmt: skip


def table(*changes):
    return pd.DataFrame([ROW | change for change in changes]).astype({"best_of": "Int64"})


def test_a_row_is_a_contest_of_its_day_with_its_outcome():
    (one, other), won = contests(table({}, {"first_wins": 0, "started_at": pd.Timestamp("1970-01-04", tz="UTC")}))
    assert (one.day, other.day) == (2, 3)
    assert (one.first.players, one.second.players) == (tuple("abcde"), tuple("vwxyz"))
    assert (one.first.points, one.second.points) == (700.0, None)
    assert (one.best_of, one.map_name) == (5, "de_nuke")
    assert won == [True, False]


def test_what_was_not_recorded_is_a_best_of_three_on_any_map_of_nameless_players():
    (one,), _ = contests(table({"best_of": None, "map_name": None, "second_players": "[]"}))
    assert (one.best_of, one.map_name) == (3, None)
    assert one.second.players == tuple(f"Two #{number}" for number in range(1, 6))


def test_rounds_are_known_where_both_sides_are():
    found = rounds(table({}, {"first_rounds": None}, {"second_rounds": None}, {"first_rounds": 0}))
    assert found == [(13, 5), None, None, (0, 5)]
