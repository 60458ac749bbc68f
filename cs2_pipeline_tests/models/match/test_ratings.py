"""Ratings: what is learned, what is only asked, and that the same past always gives the same state."""

import math
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest

from cs2_pipeline.models.match.contest import Contest, LineUp
from cs2_pipeline.models.match.ratings import Ratings
from cs2_pipeline_tests.models.match.played import season


@pytest.fixture(scope="module")
def learned():
    contests, won = season()
    ratings = Ratings()
    outlooks = ratings.learn(contests, won)
    return ratings, contests, won, outlooks


def swapped(contest: Contest) -> Contest:
    return replace(contest, first=contest.second, second=contest.first)


def test_a_day_at_a_time_gives_the_same_state_byte_for_byte(learned):
    ratings, contests, won, _ = learned
    daily = Ratings()
    for _, day in groupby(zip(contests, won, strict=True), key=lambda one: one[0].day):
        played = list(day)
        daily = Ratings.of_bytes(daily.to_bytes())  # kept overnight
        daily.learn([contest for contest, _ in played], [outcome for _, outcome in played])
    assert daily.to_bytes() == ratings.to_bytes()


def test_replaying_gives_the_same_state_byte_for_byte(learned):
    ratings, contests, won, outlooks = learned
    again = Ratings()
    assert again.learn(contests, won) == outlooks
    assert again.to_bytes() == ratings.to_bytes()


def test_exchanging_the_sides_only_changes_the_sign(learned):
    ratings, contests, _, _ = learned
    for contest in contests[-40:]:
        asked = replace(contest, day=contests[-1].day + 3)
        one, other = ratings.outlook(asked), ratings.outlook(swapped(asked))
        assert other.latent == -one.latent
        assert other.variance == one.variance


def test_what_was_expected_of_a_contest_is_what_was_known_before_it(learned):
    _, contests, won, outlooks = learned
    first_of_last_day = next(place for place, one in enumerate(contests) if one.day == contests[-1].day)
    before = Ratings()
    before.learn(contests[:first_of_last_day], won[:first_of_last_day])
    asked = before.outlook(contests[first_of_last_day])
    assert asked.latent == pytest.approx(outlooks[first_of_last_day].latent, abs=1e-9)
    assert asked.variance == pytest.approx(outlooks[first_of_last_day].variance, abs=1e-9)
    turned = list(won)
    turned[first_of_last_day:] = [not outcome for outcome in turned[first_of_last_day:]]
    other = Ratings().learn(contests, turned)
    assert other[: first_of_last_day + 1] == outlooks[: first_of_last_day + 1]


def test_asking_changes_nothing(learned):
    ratings, contests, _, _ = learned
    before = ratings.to_bytes()
    ratings.outlook(replace(contests[-1], day=contests[-1].day + 400))
    assert ratings.to_bytes() == before


def test_better_than_a_coin_on_what_it_had_not_seen(learned):
    _, contests, won, outlooks = learned
    losses = [
        -math.log(1 / (1 + math.exp(-(outlook.latent if outcome else -outlook.latent))))
        for outlook, outcome in zip(outlooks, won, strict=True)
    ]
    assert np.mean(losses[len(contests) // 2 :]) < math.log(2) - 0.03


def test_every_player_fewer_makes_it_less_certain(learned):
    ratings, contests, _, _ = learned
    for contest in contests[-20:]:
        asked = replace(contest, day=contests[-1].day + 1)
        variances = []
        for known in range(5, -1, -1):
            line_up = LineUp(asked.first.players[:known], asked.first.points)
            variances.append(ratings.outlook(replace(asked, first=line_up)).variance)
        assert variances == sorted(variances)
        assert variances[1] > variances[0]


def test_time_makes_it_less_certain_and_no_more_than_at_the_beginning(learned):
    ratings, contests, _, _ = learned
    last = contests[-1]
    soon, later = (ratings.outlook(replace(last, day=last.day + days)).variance for days in (1, 300))
    assert later > soon
    forgotten = ratings.outlook(replace(last, day=last.day + 100_000)).variance
    fresh = Ratings().outlook(last).variance
    assert forgotten <= fresh + 1e-9


def test_a_new_player_is_uncertain_not_average(learned):
    ratings, contests, _, _ = learned
    asked = replace(contests[-1], day=contests[-1].day + 1)
    new = LineUp((*asked.first.players[:4], "somebody new"), asked.first.points)
    assert ratings.outlook(replace(asked, first=new)).variance > ratings.outlook(asked).variance
    mean, deviation = ratings.strength(["somebody new"])
    assert mean == 0.0
    assert deviation == pytest.approx(math.sqrt(ratings.assumptions.player))


def test_who_has_rested_for_long_is_still_known():
    contests, won = season(days=20)
    ratings = Ratings()
    ratings.learn(contests, won)
    before = {player: ratings.strength([player]) for player in contests[-1].first.players}
    others = [
        Contest(contests[-1].day + 31 * month, LineUp(tuple("abcde")), LineUp(tuple("vwxyz"))) for month in range(1, 5)
    ]
    ratings.learn(others, [True] * 4)
    assert "player:" + contests[-1].first.players[0] in ratings._resting, "nobody rests: the test shows nothing"
    for player, (mean, _) in before.items():
        assert ratings.strength([player])[0] == pytest.approx(mean, abs=1e-9)


def test_a_longer_series_teaches_more():
    means = []
    for best_of in (1, 3, 5):
        ratings = Ratings()
        ratings.learn([Contest(20_000, LineUp(tuple("abcde")), LineUp(tuple("vwxyz")), best_of)], [True])
        means.append(ratings.strength(list("abcde"))[0])
    assert 0 < means[0] < means[1] < means[2]


def test_a_result_from_before_is_refused_with_the_remedy(learned):
    ratings, contests, _, _ = learned
    with pytest.raises(ValueError, match="replay"):
        ratings.learn([contests[0]], [True])


@pytest.mark.parametrize("content", [b"", b"not a state", b"PK\x03\x04"])
def test_what_is_no_state_is_refused(content):
    with pytest.raises(ValueError, match="not a readable state"):
        Ratings.of_bytes(content)


def test_line_ups_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="at most 5"):
        LineUp(tuple("abcdef"))
    with pytest.raises(ValueError, match="twice"):
        LineUp(("a", "a"))
    with pytest.raises(ValueError, match="both sides"):
        Contest(1, LineUp(tuple("abcde")), LineUp(tuple("efghi")))
