"""Directories: who plays, under which name, on which maps."""

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from cs2_pipeline.datasets import directories
from cs2_pipeline.datasets.directories import MapEntry, PlayerEntry, TeamEntry
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


def at(day):
    return pd.Timestamp(2026, 1, day, tz="UTC").to_pydatetime()


def test_an_entry_holds_the_names_the_line_up_and_the_record_of_a_team_up_to_its_last_match():
    found = directories.build(
        matches(
            ("Alpha", "abcde", "Beta", "vwxyz", 1), ("Beta", "vwxyz", "Alpha", "abcdq", 1),
            ("Omega", "abcdq", "Gamma", "klmno", 0),
        )
    )  # fmt: skip
    alpha, beta, gamma = (directories.team_id(players) for players in ("abcde", "vwxyz", "klmno"))
    assert found.teams == {
        alpha: TeamEntry(alpha, "Alpha", ("Alpha", "Omega"), tuple("abcdq"), 3, 1, at(3)),
        beta: TeamEntry(beta, "Beta", ("Beta",), tuple("vwxyz"), 2, 1, at(2)),
        gamma: TeamEntry(gamma, "Gamma", ("Gamma",), tuple("klmno"), 1, 1, at(3)),
    }
    assert found.players["q"] == PlayerEntry("q", "q", alpha, 2, 0, at(3))
    assert found.players["e"] == PlayerEntry("e", "e", alpha, 1, 1, at(1))
    assert found.players["v"] == PlayerEntry("v", "v", beta, 2, 1, at(2))
    assert len(found.players) == 16


def test_of_names_carried_as_often_the_latest_is_the_teams():
    found = directories.build(
        matches(("Alpha", "abcde", "Beta", "vwxyz", 1), ("Omega", "abcde", "Beta", "vwxyz", 1))
    )  # fmt: skip
    assert found.teams[directories.team_id("abcde")].names == ("Omega", "Alpha")


def test_a_team_without_a_name_is_called_by_its_first_players():
    found = directories.build(matches((None, "abcde", "", "vwxyz", 1)))
    assert [team.name for team in found.teams.values()] == ["Team of a, b, c, d, e", "Team of v, w, x, y, z"]
    assert {team.names for team in found.teams.values()} == {()}


def test_a_teams_id_is_that_of_the_players_it_began_with_in_any_order():
    assert directories.team_id("abcde") == directories.team_id("edcba") == "41c658db5112"
    assert directories.team_id("abcde") != directories.team_id("abcdf")


def test_a_map_has_the_matches_on_it_and_the_moment_of_the_last():
    nuke = matches(("Alpha", "abcde", "Beta", "vwxyz", 1), ("Alpha", "abcde", "Beta", "vwxyz", 1))
    train = matches(("Alpha", "abcde", "Beta", "vwxyz", 1), map_name="de_train").assign(match_id="t")
    unknown = train.assign(match_id="u", map_name=None)
    rounds = pd.DataFrame({"map_name": ["de_nuke", "de_nuke"], "ct_wins": [1, 0]})
    found = directories.build(pd.concat([nuke, train, unknown]), rounds=rounds)
    assert found.maps == {
        "de_nuke": MapEntry("de_nuke", "de_nuke", 2, 0.5, at(2)),
        "de_train": MapEntry("de_train", "de_train", 1, None, at(1)),
    }
    assert directories.build(nuke, rounds=rounds.iloc[:0]).maps["de_nuke"].ct_share is None
