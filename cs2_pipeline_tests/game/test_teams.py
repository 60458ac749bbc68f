"""A team is line-ups that share three or more players in a row."""

from cs2_pipeline.game.teams import Teams, nameless


def test_a_line_up_with_three_of_the_last_players_is_the_same_team():
    teams = Teams()
    first = teams.note("abcde")
    assert teams.note("abcxy") == first
    assert teams.note("vwxyz") != first


def test_two_different_stand_ins_in_a_row_do_not_break_the_row():
    teams = Teams()
    team = teams.note("abcde")
    assert teams.note("abcxy") == team
    assert teams.note("cdezw") == team, "d and e played for it last, though not in the match before"


def test_a_stand_in_goes_home_again():
    teams = Teams()
    home, host = teams.note("abcde"), teams.note("vwxyz")
    assert teams.note("awxyz") == host
    assert teams.note("abcde") == home


def test_three_who_leave_take_the_team_along():
    teams = Teams()
    old = teams.note("abcde")
    assert teams.note("abcfg") == old
    assert teams.note("dehij") != old


def test_asking_notes_nothing():
    teams = Teams()
    assert teams.find("abcde") is None
    assert teams.find("abcde") is None
    team = teams.note("abcde")
    assert teams.find("cdexy") == team
    assert teams.find("dexyz") is None


def test_what_is_known_can_be_kept_and_taken_up_again():
    teams = Teams()
    for line_up in ("abcde", "vwxyz", "abxyz"):
        teams.note(line_up)
    again = Teams(teams.count, teams.of_player)
    assert [again.note(line_up) for line_up in ("abcde", "klmno")] == [teams.note(one) for one in ("abcde", "klmno")]


def test_teams_are_numbered_from_0_without_a_gap():
    teams = Teams()
    assert [teams.note(f"{team}{player}" for player in range(5)) for team in "abc"] == [0, 1, 2]
    assert teams.count == 3


def test_a_team_known_by_name_alone_has_five_players_of_its_own():
    assert nameless("Ninjas") == ("Ninjas #1", "Ninjas #2", "Ninjas #3", "Ninjas #4", "Ninjas #5")


def test_asking_for_a_line_up_of_which_only_two_played_last_finds_nobody():
    teams = Teams()
    teams.note("abcde")
    assert teams.find("abxyz") is None
    assert teams.find("abcaa") == 0
    assert teams.find("abaaa") is None, "a player named twice is one player"
