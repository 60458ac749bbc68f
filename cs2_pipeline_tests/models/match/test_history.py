"""What the past says of a line-up: each signal from a few contests counted by hand."""

import json
import math

import pytest

from cs2_pipeline.models.match.contest import LineUp
from cs2_pipeline.models.match.history import SIGNALS, History

FIVE = LineUp(tuple("abcde"))
TODAY = 20_000


def told(history, line_up=FIVE, day=TODAY):
    return dict(zip(SIGNALS, history.signals(line_up, day), strict=True))


def played(*ago, line_up=FIVE, won=True):
    """A history in which a line-up played so many days ago, the longest ago first."""
    history = History()
    for days in ago:
        history.note(line_up, TODAY - days, won=won)
    return history


def test_of_a_line_up_never_seen_nothing_is_known_but_that_all_are_new():
    nothing = dict.fromkeys(SIGNALS, 0.0)
    assert told(History()) == nothing | {"rest": pytest.approx(math.log(61)), "debutants": 5.0}


@pytest.mark.parametrize(("ago", "counted"), [(0, 0), (1, 1), (59, 59), (60, 60), (61, 60), (300, 60)])
def test_rest_is_the_days_since_the_last_contest_at_most_60(ago, counted):
    assert told(played(400, ago))["rest"] == pytest.approx(math.log1p(counted))


def test_contests_of_the_last_30_and_90_days_are_counted_the_first_day_included():
    found = told(played(91, 90, 31, 30, 2))
    assert found["played_30"] == pytest.approx(math.log1p(2) / 0.8)
    assert found["played_90"] == pytest.approx(math.log1p(4) / 0.9)


def test_experience_is_that_of_the_mean_player_and_of_the_least_who_is_not_known_counting_as_none():
    history = played(9, 8)
    history.note(LineUp(("a", "b", "c", "x", "y")), TODAY - 7, won=True)
    found = told(history)
    assert found["experience"] == pytest.approx((3 * math.log(4) + 2 * math.log(3)) / 5)
    assert found["least_experience"] == pytest.approx(math.log(3))
    four = told(history, LineUp(tuple("abcd")))
    assert four["experience"] == pytest.approx((3 * math.log(4) + math.log(3)) / 5)
    assert (four["least_experience"], four["debutants"]) == (0.0, 1.0)


def test_together_counts_contests_of_these_five_in_any_order():
    history = played(9, 8, line_up=LineUp(tuple("edcba")))
    history.note(LineUp(("a", "b", "c", "d", "x")), TODAY - 7, won=True)
    assert told(history)["together"] == pytest.approx(math.log(3) / 1.5)


def test_stand_ins_are_those_who_did_not_play_the_teams_last_contest():
    history = played(9)
    assert told(history)["stand_ins"] == 0
    assert told(history, LineUp(("a", "b", "c", "x", "y")))["stand_ins"] == pytest.approx(2 / 0.65)
    assert told(history, LineUp(tuple("vwxyz")))["stand_ins"] == 0


@pytest.mark.parametrize(("results", "form"), [("W", 0.25), ("WL", 0), ("LLL", -0.75), ("LL" + "W" * 10, 2.5)])
def test_form_is_half_the_wins_beyond_even_of_the_last_ten(results, form):
    history = History()
    for number, result in enumerate(results):
        history.note(FIVE, TODAY - 50 + number, won=result == "W")
    assert told(history)["form"] == pytest.approx(form)


@pytest.mark.parametrize(("ago", "trend"), [(46, 1.0), (45, 1.0), (44, 0.0)])
def test_the_trend_of_published_points_is_since_45_days_before(ago, trend):
    listed = LineUp(FIVE.players, 500.0)
    history = played(ago, line_up=listed)
    assert told(history, LineUp(FIVE.players, 600.0))["points_trend"] == trend
    assert told(history, FIVE)["points_trend"] == 0


def test_the_trend_compares_with_the_last_points_known_then_and_is_at_most_300():
    history = History()
    for ago, points in ((90, 100.0), (60, 500.0), (20, 550.0)):
        history.note(LineUp(FIVE.players, points), TODAY - ago, won=True)
    assert told(history, LineUp(FIVE.players, 600.0))["points_trend"] == 1.0
    assert told(history, LineUp(FIVE.players, 5_000.0))["points_trend"] == 3.0
    assert told(history, LineUp(FIVE.players, -5_000.0))["points_trend"] == -3.0


@pytest.mark.parametrize(("days", "points"), [(0, 500.0), (90, 500.0), (91, None)])
def test_points_last_published_stand_in_for_90_days(days, points):
    history = played(300, line_up=LineUp(FIVE.players, 300.0))
    history.note(LineUp(FIVE.players, 500.0), TODAY, won=True)
    history.note(FIVE, TODAY, won=True)
    assert history.points(FIVE.players, TODAY + days) == points
    assert history.points(tuple("vwxyz"), TODAY) is None
    assert played(3).points(FIVE.players, TODAY) is None


def test_a_history_kept_as_json_tells_the_same():
    history = played(100, 50, 20, 1, line_up=LineUp(FIVE.players, 500.0))
    history.note(LineUp(("a", "b", "c", "x", "y")), TODAY, won=False)
    kept = History.of_document(json.loads(json.dumps(history.to_document())))
    for line_up in (FIVE, LineUp(tuple("vwxyz")), LineUp(("a", "b", "c", "x", "y"), 700.0)):
        assert kept.signals(line_up, TODAY + 3) == history.signals(line_up, TODAY + 3)
    assert kept.points(FIVE.players, TODAY) == history.points(FIVE.players, TODAY) == 500.0
    for one in (history, kept):
        one.note(FIVE, TODAY + 1, won=True)
    assert kept.to_document() == history.to_document()


def test_teams_are_numbered_as_they_are_first_seen_and_live_on_in_three_players():
    history = History()
    assert history.note(FIVE, 1, won=True) == 0
    assert history.note(LineUp(tuple("vwxyz")), 1, won=False) == 1
    assert history.note(LineUp(("a", "b", "c", "x", "y")), 2, won=True) == 0


def test_of_a_teams_contests_the_latest_120_are_kept():
    history = History()
    for _ in range(119):
        history.note(FIVE, TODAY, won=True)
    assert told(history)["played_30"] == pytest.approx(math.log1p(119) / 0.8)
    for _ in range(30):
        history.note(FIVE, TODAY, won=True)
    assert told(history)["played_30"] == pytest.approx(math.log1p(120) / 0.8)
    assert told(history)["together"] == pytest.approx(math.log1p(149) / 1.5), "counted, not kept"


@pytest.mark.parametrize(
    ("ago", "kept"), [((90, 60, 50, 20), (50, 20, 0)), ((90, 45, 44), (45, 44, 0)), ((46,), (46, 0))]
)
def test_of_published_points_those_of_45_days_are_kept_and_the_last_before(ago, kept):
    history = played(*ago, 0, line_up=LineUp(FIVE.players, 500.0))
    ((_, _, _, _, points),) = history.to_document()["records"]
    assert points == [[TODAY - days, 500.0] for days in kept]


def test_a_history_is_kept_with_every_team_player_and_line_up():
    history = played(2, line_up=LineUp(tuple("edcba"), 500.0))
    history.note(LineUp(("a", "b", "c", "x", "y")), TODAY, won=False)
    assert history.to_document() == {
        "teams": 1,
        "of_player": dict.fromkeys("abcdexy", 0),
        "records": [[0, [TODAY - 2, TODAY], [1, 0], ["a", "b", "c", "x", "y"], [[TODAY - 2, 500.0]]]],
        "played": {"a": 2, "b": 2, "c": 2, "d": 1, "e": 1, "x": 1, "y": 1},
        "together": {"a\nb\nc\nd\ne": 1, "a\nb\nc\nx\ny": 1},
    }
