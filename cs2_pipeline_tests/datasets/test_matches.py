"""Maps and series in the order of play, each once, and whom a result tells about."""

import json

import pandas as pd
import pytest

from cs2_pipeline.datasets.matches import in_order, of_maps, players_of, rated_players
from cs2_pipeline.datasets.schema import CONTESTS, DatasetError, TooLittleDataError


def extracted(*rows):
    """Maps as they are extracted: of (number, start, rounds of both sides)."""
    return pd.DataFrame(
        [
            {
                "match_id": number, "started_at": pd.Timestamp(start, tz="UTC"), "map_name": "de_nuke",
                "source": "demo", "first_players": json.dumps(list("abcde")),
                "second_players": json.dumps(list("vwxyz")), "first_name": "One", "second_name": "Two",
                "first_score": first, "second_score": second,
                "first_wins": int(first > second),
            }
            for number, start, first, second in rows
        ]
    )  # fmt: skip


MAPS = extracted(
    (12, "2026-01-02 10:00", 13, 7), (7, "2026-01-01 20:00", 13, 2), (9, "2026-01-01 18:00", 5, 13),
    (8, "2026-01-01 20:00", 16, 14),
)  # fmt: skip


def test_a_map_is_a_best_of_one_at_its_place_of_the_day():
    frame = of_maps(MAPS)
    assert frame["match_id"].tolist() == ["9", "7", "8", "12"]
    assert frame["place"].tolist() == [1, 2, 3, 1]
    assert frame.index.tolist() == in_order(frame.iloc[::-1]).index.tolist() == [0, 1, 2, 3]
    assert frame["best_of"].tolist() == [1] * 4
    assert frame[["first_rounds", "second_rounds"]].to_numpy().tolist() == [[5, 13], [13, 2], [16, 14], [13, 7]]
    assert frame[["first_points", "second_points"]].isna().all(axis=None)
    assert frame.dtypes.to_dict() == CONTESTS.empty().dtypes.to_dict()


def test_matches_are_put_in_the_order_of_day_and_place_whatever_the_hour():
    frame = of_maps(MAPS)
    late = frame.assign(started_at=frame["started_at"] - pd.to_timedelta(frame["place"] * 3, unit="h"))
    assert in_order(late.sample(frac=1, random_state=1))["match_id"].tolist() == ["9", "7", "8", "12"]
    together = frame.assign(place=1)
    assert in_order(together.iloc[::-1])["match_id"].tolist() == ["7", "8", "9", "12"]


def test_a_table_kept_before_rounds_were_has_none():
    frame = in_order(of_maps(MAPS).drop(columns=["first_rounds", "second_rounds"]))
    assert frame[["first_rounds", "second_rounds"]].isna().all(axis=None)
    assert "day" not in frame


def test_no_matches_and_a_match_twice_are_refused_with_what_to_do():
    frame = of_maps(MAPS)
    with pytest.raises(TooLittleDataError, match="no matches: extract them"):
        in_order(frame.iloc[:0])
    with pytest.raises(DatasetError, match="match 8 is in the table twice"):
        in_order(pd.concat([frame, frame[frame["match_id"] == "8"]]))


def test_a_result_tells_of_the_line_up_or_of_five_nameless_players():
    row = of_maps(MAPS).iloc[0].to_dict() | {"second_players": "[]"}
    assert players_of(row, "first") == rated_players(row, "first") == tuple("abcde")
    assert players_of(row, "second") == ()
    assert rated_players(row, "second") == tuple(f"Two #{number}" for number in range(1, 6))
