"""What a contest may be: at most five known players a side, nobody twice, nobody on both sides."""

import re

import pytest

from cs2_pipeline.models.match.contest import Contest, LineUp


@pytest.mark.parametrize("players", ["", "a", "abcde"])
def test_up_to_five_players_make_a_line_up(players):
    line_up = LineUp(tuple(players))
    assert (line_up.players, line_up.points) == (tuple(players), None)


@pytest.mark.parametrize(
    ("players", "told"),
    [
        ("abcdef", "a line-up has at most 5 players, got 6"),
        ("cabab", "a player is named twice in the line-up a, a, b, b, c"),
        ("aa", "a player is named twice in the line-up a, a"),
    ],
)
def test_a_line_up_that_cannot_be_is_refused_with_its_players(players, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        LineUp(tuple(players))


def test_whoever_plays_on_both_sides_is_named():
    with pytest.raises(ValueError, match=r"^b, d cannot play on both sides$"):
        Contest(1, LineUp(tuple("dcba")), LineUp(("d", "x", "b")))


def test_a_contest_is_a_best_of_three_on_no_certain_map_unless_told():
    contest = Contest(1, LineUp(tuple("abcde")), LineUp(()))
    assert (contest.best_of, contest.map_name) == (3, None)
