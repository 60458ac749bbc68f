"""Who is found by which name, and which maps a series may be played on."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from cs2_pipeline.forecasting import directories
from cs2_pipeline.forecasting.directories import NEAREST, POOL_SIZE, Directories
from cs2_pipeline.records.directories import MAP, TEAM, Entry
from cs2_pipeline_tests.forecasting.league import AT, MAPS


def team(identifier, name, matches=1, names=()):
    return Entry(TEAM, identifier, name, matches, AT, {"names": list(names)})


def maps(*played):
    """Directories of maps: name, matches, days before the newest match (None: never played)."""
    return Directories(
        1,
        [
            Entry(MAP, name, name, matches, None if ago is None else AT - timedelta(days=ago), {})
            for name, matches, ago in played
        ],
    )


def ids(found):
    return [entry.id for entry in found]


def test_a_list_goes_by_name_whatever_its_case_and_then_by_id():
    listed = Directories(1, [team("3", "beta"), team("2", "Alpha"), team("1", "BETA")]).teams.listed
    assert ids(listed) == ["2", "1", "3"]


def test_a_part_is_looked_for_in_every_name_and_in_the_id():
    teams = Directories(1, [team("t1", "Alpha", names=("Old Name",)), team("t2", "Beta"), team("x", "Gamma")]).teams
    assert ids(teams.find("OLD")) == ["t1"]
    assert ids(teams.find("t")) == ["t1", "t2"]
    assert ids(teams.named("t")) == []
    assert ids(teams.named("old name")) == ["t1"]
    assert ids(teams.named("X")) == ["x"]


def test_of_teams_with_one_name_that_of_most_matches_comes_first():
    teams = Directories(1, [team("1", "Alpha", 3), team("2", "alpha", 9), team("3", "ALPHA", 5)]).teams
    assert ids(teams.named("Alpha")) == ["2", "3", "1"]


def test_the_nearest_are_three_and_the_most_like_comes_first_by_any_of_its_names():
    teams = Directories(
        1,
        [team("1", "Alphas"), team("2", "Zzz", names=("Alpha",)), team("3", "Alp"), team("4", "Omega"), team("5", "Q")],
    ).teams
    found = ids(teams.nearest("alpha"))
    assert len(found) == NEAREST == 3
    assert found[0] == "2"
    assert set(found) == {"1", "2", "3"}


def test_the_pool_is_the_seven_maps_played_last_and_of_the_same_month_those_played_most():
    recent = [(f"de_{number}", number, 0) for number in range(1, 8)]
    assert POOL_SIZE == 7
    found = maps(*recent, ("de_gone", 900, 365), ("de_never", 0, None))
    assert found.pool == tuple(f"de_{number}" for number in range(1, 8))
    more = maps(*recent, ("de_most", 50, 0))
    assert set(more.pool) == {"de_most", *(f"de_{number}" for number in range(2, 8))}


def test_a_map_that_came_back_takes_the_place_of_one_that_left():
    found = maps(*[(f"de_{number}", 100, 0) for number in range(6)], ("de_left", 500, 200), ("de_new", 1, 0))
    assert "de_new" in found.pool and "de_left" not in found.pool


@pytest.mark.parametrize("played", [0, 3])
def test_a_pool_of_fewer_maps_is_all_of_them(played):
    assert len(maps(*[(f"de_{number}", 1, 0) for number in range(played)]).pool) == played


def test_the_pool_goes_by_months_of_thirty_days_and_within_one_by_matches():
    """A map that is played less often is not out of the pool before a month without it is over."""
    begin = date.fromordinal(30 * 24_663)

    def played(name, day, matches):
        at = datetime.combine(begin + timedelta(days=day), time(), UTC)
        return Entry(MAP, name, name, matches, at, {})

    def pool(*seventh):
        return Directories(1, [*(played(f"de_{n}", 29, 100) for n in range(6)), *seventh]).pool

    assert "de_first" in pool(played("de_first", 0, 9), played("de_last", 29, 8))
    assert "de_first" in pool(played("de_first", 0, 8), played("de_last", 29, 8)), "of equals the first by name"
    assert "de_last" in pool(played("de_before", -1, 9), played("de_last", 0, 8))


def test_of_names_only_those_of_the_most_matches_are_compared(monkeypatch):
    monkeypatch.setattr("cs2_pipeline.forecasting.directories._COMPARED", 2)
    teams = Directories(1, [team("1", "alpha", 1), team("2", "beta", 2), team("3", "gamma", 3)]).teams
    assert sorted(ids(teams.nearest("alpha"))) == ["2", "3"]


def test_an_entry_is_found_by_its_own_id_alone_and_each_kind_for_itself():
    found = Directories(7, [team("x", "Alpha"), Entry(MAP, "x", "de_x", 1, AT, {})])
    assert (found.teams.get("x").name, found.maps.get("x").name, found.players.get("x")) == ("Alpha", "de_x", None)
    assert found.teams.get("X") is None and found.revision == 7
    assert (found.teams.kind, found.maps.kind) == (TEAM, MAP)


def test_the_first_to_be_compared_are_the_five_thousand_of_most_matches():
    assert directories._COMPARED == 5000
    teams = Directories(1, [team("1", "ALPHA", 1), team("2", "alphas", 2), team("3", "beta", 3)]).teams
    assert ids(teams.nearest("alpha")) == ["1", "2", "3"], "whatever its case"


def test_the_directories_are_those_of_the_records(records):
    found = directories.load(records)
    assert found.revision == 1
    assert [entry.id for entry in found.maps.listed] == list(MAPS) == list(found.pool)
    assert found.players.get("t1p1").about == {"team_id": "t1"}
    assert directories.names(found.teams.get("t2")) == ["t2", "Lotus", "Lotus", "old Lotus"]
