"""Directories: who plays, under which name, on which maps."""

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from cs2_pipeline.datasets import directories
from cs2_pipeline.datasets.schema import CONTESTS, DatasetError


def matches(*played: tuple[str, str, str, str, int], map_name: str = "de_nuke") -> pd.DataFrame:
    """A row for each (name, line-up, name, line-up, first wins), a day each."""
    rows = [
        dict.fromkeys(CONTESTS.names)
        | {
            "match_id": str(number), "started_at": datetime(2026, 1, 1 + number, tzinfo=UTC), "place": 1,
            "map_name": map_name, "first_name": one, "second_name": two, "first_wins": wins, "source": "demo",
            "first_players": json.dumps(list(first)), "second_players": json.dumps(list(second)),
        }
        for number, (one, first, two, second, wins) in enumerate(played)
    ]  # fmt: skip
    return CONTESTS.conform(pd.DataFrame(rows))


def test_a_team_is_called_by_the_name_most_of_its_matches_carry():
    found = directories.build(
        matches(
            ("Alpha", "abcde", "Beta", "vwxyz", 1),
            ("Alpha", "abcdq", "Beta", "vwxyz", 1),
            ("Omega", "abcde", "Beta", "vwxyz", 0),
        )
    )
    team, rival = sorted(found.teams.values(), key=lambda one: one.name)
    assert (team.name, team.names, team.matches, team.won) == ("Alpha", ("Alpha", "Omega"), 3, 2)
    assert (rival.name, rival.matches, rival.won) == ("Beta", 3, 1)
    assert team.player_ids == tuple("abcde")


def test_a_name_passed_on_to_others_is_another_team():
    found = directories.build(matches(("Alpha", "abcde", "Beta", "vwxyz", 1), ("Alpha", "klmno", "Beta", "vwxyz", 1)))
    assert sorted(team.name for team in found.teams.values()) == ["Alpha", "Alpha", "Beta"]


def test_later_matches_change_no_teams_id():
    first = ("Alpha", "abcde", "Beta", "vwxyz", 1)
    before = directories.build(matches(first))
    after = directories.build(matches(first, ("Gamma", "klmno", "Omega", "abcxy", 1)))
    assert before.teams.keys() <= after.teams.keys()


def test_players_have_the_name_they_are_known_by_and_the_team_they_played_for_last():
    found = directories.build(
        matches(("Alpha", "abcde", "Beta", "vwxyz", 1), ("Beta", "vwxya", "Gamma", "klmno", 1)), {"a": "Anna"}
    )
    anna, other = found.players["a"], found.players["b"]
    assert (anna.name, anna.matches, anna.won) == ("Anna", 2, 2)
    assert found.teams[anna.team_id].name == "Beta"
    assert found.teams[other.team_id].name == "Alpha"
    assert other.name == "b"


def test_maps_tell_how_often_they_were_played_and_what_ct_wins():
    rounds = pd.DataFrame({"map_name": ["de_nuke"] * 4, "ct_wins": [1, 1, 1, 0]})
    found = directories.build(matches(("Alpha", "abcde", "Beta", "vwxyz", 1)), rounds=rounds)
    assert found.maps["de_nuke"].matches == 1
    assert found.maps["de_nuke"].ct_share == 0.75
    assert directories.build(matches(("Alpha", "abcde", "Beta", "vwxyz", 1))).maps["de_nuke"].ct_share is None


def test_teams_without_a_known_line_up_are_known_by_name():
    found = directories.build(matches(("Alpha", "", "Beta", "", 1), ("Beta", "", "Alpha", "", 1)))
    assert sorted((team.name, team.matches) for team in found.teams.values()) == [("Alpha", 2), ("Beta", 2)]
    assert not found.players


def test_no_matches_is_an_error_that_says_where_they_come_from():
    with pytest.raises(DatasetError, match="cs2 ingest series"):
        directories.build(CONTESTS.empty())
