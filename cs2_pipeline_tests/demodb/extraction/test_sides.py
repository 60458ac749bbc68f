"""On which side each player played: by the kills, else by the number of the round, else by what most rounds show."""

import pandas as pd
import pytest

from cs2_pipeline.demodb.extraction.sides import sides, sightings


def played(*rows: tuple[int, int, str | None], match: int = 1) -> pd.DataFrame:
    """Rows of a match: round's number, player, recorded team; a round's id is its number in hundreds by match."""
    frame = pd.DataFrame(rows, columns=["round_number", "player_id", "team"])
    return frame.assign(match_id=match, round_id=100 * match + frame["round_number"], team=frame["team"].astype("str"))


def seen(*rows: tuple[int, int, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["round_id", "player_id", "side"])


NOTHING = seen().astype({"round_id": "int64", "player_id": "int64"})


def told(players: pd.DataFrame, seen: pd.DataFrame = NOTHING) -> list[str | None]:
    return [None if pd.isna(side) else side for side in sides(players, seen)]


@pytest.mark.parametrize(("number", "side"), [(1, "CT"), (12, "CT"), (13, "T"), (24, "T"), (25, "T"), (28, "CT")])
def test_where_no_kill_tells_the_number_of_the_round_does(number, side):
    assert told(played((number, 7, "CT"))) == [side]
    assert told(played((number, 7, "T"))) == ["T" if side == "CT" else "CT"]


def test_who_is_seen_on_a_side_is_on_it_and_the_round_goes_with_them():
    players = played(
        *[(number, player, team) for number in (1, 2) for player, team in ((7, "CT"), (8, "CT"), (9, "T"))]
    )
    assert told(players, seen((101, 7, "T"), (102, 7, "CT"))) == ["T", "T", "CT", "CT", "CT", "T"]


def test_one_odd_sighting_among_several_moves_only_its_own_player():
    players = played((1, 7, "CT"), (1, 8, "CT"), (1, 9, "T"))
    assert told(players, seen((101, 7, "T"), (101, 8, "CT"), (101, 9, "T"))) == ["T", "CT", "T"]


def test_teams_recorded_at_the_end_are_read_the_other_way_round_in_the_whole_match():
    players = pd.concat(
        [played(*[(number, 7, "CT") for number in (1, 2, 3)]), played((1, 7, "CT"), match=2)], ignore_index=True
    )
    assert told(players, seen((101, 7, "T"), (102, 7, "T"))) == ["T", "T", "T", "CT"]


def test_as_many_rounds_against_the_numbers_as_with_them_do_not_turn_the_match():
    players = played(*[(number, 7, "CT") for number in (1, 2, 3, 4)])
    assert told(players, seen((101, 7, "T"), (102, 7, "CT"))) == ["T", "CT", "CT", "CT"]


def test_a_player_without_a_team_is_on_the_one_most_sightings_name():
    players = played((1, 7, None), (2, 7, None), (3, 7, None), (13, 7, None), (4, 8, None))
    sightings = seen((101, 7, "CT"), (102, 7, "CT"), (103, 7, "T"))
    assert told(players, sightings) == ["CT", "CT", "T", "T", None]


def test_sightings_in_balance_tell_nothing_of_other_rounds():
    players = played((1, 7, None), (2, 7, None), (3, 7, None))
    assert told(players, seen((101, 7, "CT"), (102, 7, "T"))) == ["CT", "T", None]


def test_sides_come_back_by_the_index_they_were_asked_with():
    players = played((1, 7, "CT"), (1, 9, "T")).set_axis([5, 3])
    assert sides(players, NOTHING).to_dict() == {5: "CT", 3: "T"}


def test_a_kill_names_the_sides_of_both_in_any_spelling_and_of_nobody_it_does_not_know():
    kills = pd.DataFrame(
        {"round_id": [1, 2, 3], "killer_id": [7.0, None, 8.0], "killer_team": ["3", "CT", "Spectator"],
         "victim_id": [9.0, 9.0, None], "victim_team": ["TERRORIST", None, "T"]},
    )  # fmt: skip
    found = sightings(kills)
    assert found.to_numpy().tolist() == [[1, 7, "CT"], [1, 9, "T"]]
    assert str(found["player_id"].dtype) == "int64"
