"""Scores of settled forecasts: a match counts once, whatever was given up does not, and months stand apart."""

import json
import math
from datetime import datetime, timedelta

import numpy as np
import pytest

from cs2_pipeline.forecasting import publishing, scores
from cs2_pipeline.records.ledger import Entry, Head
from cs2_pipeline.records.settlements import Settled, Settlement
from cs2_pipeline_tests.forecasting.league import AT


def settled(probability, status, result="m1", at=AT, version="1", *, odds=None):
    told = {"probability": probability, "model_version": version}
    body = json.dumps(told | {"market_odds": odds} if odds else told)
    forecast = Entry(1, f"{probability}{status}{result}{at}", "map", at, body, "")
    return Settled(forecast, Settlement(forecast.id, 1, status, result, at) if status else None)


def test_log_loss_and_brier_are_means_over_matches():
    found = scores.score([settled(0.8, "won", "a"), settled(0.6, "lost", "b")])
    assert found.log_loss == pytest.approx(-(math.log(0.8) + math.log(0.4)) / 2)
    assert found.brier == pytest.approx((0.04 + 0.36) / 2)


def test_a_match_counts_once_however_often_somebody_asked():
    often = [settled(0.8, "won", "a"), *(settled(0.6, "lost", "b") for _ in range(9))]
    assert scores.score(often).log_loss == pytest.approx(-(math.log(0.8) + math.log(0.4)) / 2)
    assert scores.score(often).matches == 2


def test_what_was_given_up_not_played_or_is_open_is_counted_and_not_scored():
    history = [
        settled(0.9, "won", "a"),
        settled(0.5, "forfeited", "b"),
        settled(0.5, "not_played", None),
        settled(0.5, None),
    ]
    found = scores.score(history)
    assert (found.forecasts, found.open, found.statuses) == (4, 1, {"won": 1, "forfeited": 1, "not_played": 1})
    assert found.log_loss == pytest.approx(-math.log(0.9))


def test_nothing_settled_has_no_figures():
    assert scores.score([settled(0.5, None)]).log_loss is None
    assert scores.score([]).forecasts == 0


def test_calibration_compares_what_was_said_with_what_happened():
    honest = [settled(0.7, "won" if k < 7 else "lost", f"m{k}") for k in range(10)]
    assert scores.score(honest).calibration_error == pytest.approx(0, abs=1e-12)
    boasting = [settled(0.9, "won" if k < 7 else "lost", f"m{k}") for k in range(10)]
    assert scores.score(boasting).calibration_error == pytest.approx(0.2)


def test_bins_are_tenths_of_the_probability_each_with_its_own_weight_mean_and_share():
    history = [settled(p, "won" if won else "lost", f"m{k}") for k, (p, won) in enumerate(
        [(0.0, False), (0.05, True), (0.1, False), (0.95, True), (1.0, True), (1.0, False)]
    )]  # fmt: skip
    first, second, last = scores.score(history).bins
    assert (first.low, first.high, first.weight, first.share_won) == (0.0, 0.1, 2.0, 0.5)
    assert first.mean_probability == pytest.approx(0.025)
    assert (second.low, second.weight, second.share_won) == (0.1, 1.0, 0.0)
    assert (last.low, last.high, last.weight) == (0.9, 1.0, 3.0)
    assert last.share_won == pytest.approx(2 / 3)


def test_repeated_forecasts_of_one_match_weigh_as_one_in_the_calibration_too():
    history = [settled(0.9, "won", "a"), *(settled(0.9, "lost", "b") for _ in range(3))]
    (only,) = scores.score(history).bins
    assert only.weight == pytest.approx(2.0)
    assert only.share_won == pytest.approx(0.5)
    assert scores.score(history).calibration_error == pytest.approx(0.4)


def test_months_and_versions_stand_apart():
    history = [settled(0.8, "won", "a"), settled(0.7, "lost", "b", at=AT + timedelta(days=31), version="2")]
    assert {name: one.forecasts for name, one in scores.by_month(history).items()} == {"2026-01": 1, "2026-02": 1}
    for way in (history, history[::-1]):
        assert list(scores.by_version(way)) == ["1", "2"] and list(scores.by_month(way)) == ["2026-01", "2026-02"]


def test_each_version_has_its_months():
    later = AT + timedelta(days=31)
    history = [settled(0.8, "won", "a"), settled(0.7, "lost", "b", at=later), settled(0.6, None, at=later, version="2")]
    found = scores.by_month_and_version(history)
    assert list(found) == [("2026-01", "1"), ("2026-02", "1"), ("2026-02", "2")]
    assert found["2026-02", "1"].log_loss == pytest.approx(-math.log(0.3))
    assert found["2026-02", "2"].open == 1


def test_forecasts_with_odds_stand_beside_the_odds_on_the_same_matches():
    even, favourite = [2.0, 2.0], [1.6, 2.4]
    history = [
        settled(0.8, "won", "a", odds=favourite),
        settled(0.6, "won", "a", odds=favourite),  # the same match: both count half
        settled(0.7, "lost", "b", odds=even),
        settled(0.99, "lost", "c"),  # without odds: not part of it
        settled(0.5, None, odds=even),
    ]
    found = scores.score(history).market
    ours = (-(math.log(0.8) + math.log(0.6)) / 2 - math.log(0.3)) / 2
    theirs = (-math.log(0.6) - math.log(0.5)) / 2
    assert (found.matches, found.interval) == (2, None)
    assert found.log_loss == pytest.approx(ours)
    assert found.market_log_loss == pytest.approx(theirs)
    assert found.difference == pytest.approx(ours - theirs)
    assert found.apart == pytest.approx(((0.2 + 0) / 2 + 0.2) / 2)
    assert scores.score(history[3:]).market is None


def test_from_thirty_matches_on_the_difference_has_an_interval_that_holds_what_is_known():
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(200):
        won = rng.random(60) < 0.7
        history = [
            settled(0.7, "won" if one else "lost", f"m{number}", odds=[1 / 0.6, 1 / 0.4])
            for number, one in enumerate(won)
        ]
        found = scores.score(history).market
        truth = 0.7 * math.log(0.6 / 0.7) + 0.3 * math.log(0.4 / 0.3)
        held += found.interval[0] <= truth <= found.interval[1]
        assert found.interval[0] < found.difference < found.interval[1]
    assert held >= 180


def test_a_head_is_published_once_a_day_and_read_back(tmp_path):
    today = datetime(2026, 1, 18).date()
    first = publishing.publish(tmp_path, today, Head(5, "a" * 64))
    assert publishing.publish(tmp_path, today, Head(9, "b" * 64)) == first
    second = publishing.publish(tmp_path, today + timedelta(days=1), Head(9, "b" * 64))
    with (tmp_path / publishing.FILE).open("a") as file:
        file.write('{"day": "2026-01-2')  # a crash in the middle of a line
    assert publishing.published(tmp_path) == [first, second]
    third = publishing.publish(tmp_path, today + timedelta(days=3), Head(9, "b" * 64))
    assert publishing.published(tmp_path) == [first, second, third]


def many(count, *, won_share=0.5):
    return [
        settled(0.7, "won" if number < won_share * count else "lost", f"m{number}", odds=[1 / 0.6, 1 / 0.4])
        for number in range(count)
    ]


def test_thirty_matches_are_enough_for_an_interval_and_twenty_nine_are_not():
    assert scores.score(many(29)).market.interval is None
    found = scores.score(many(30)).market
    won, lost = math.log(0.6 / 0.7), math.log(0.4 / 0.3)
    differences = np.array([won] * 15 + [lost] * 15)
    half = 1.96 * differences.std(ddof=1) / 30**0.5
    assert found.difference == pytest.approx(differences.mean())
    assert found.interval == pytest.approx((differences.mean() - half, differences.mean() + half))


def test_a_map_and_a_series_of_one_result_are_two_matches():
    both = [settled(0.8, "won", "a"), settled(0.6, "won", "a")]
    assert scores.score(both).matches == 1
    series = Settled(Entry(2, "s", "series", AT, both[1].forecast.body, ""), both[1].settlement)
    assert scores.score([both[0], series]).matches == 2


def test_a_head_is_written_as_a_line_of_json_in_a_home_that_is_made(tmp_path):
    home, day = tmp_path / "a" / "home", datetime(2026, 1, 18).date()
    assert publishing.published(home) == []
    publishing.publish(home, day, Head(5, "a" * 64))
    publishing.publish(home, day + timedelta(days=1), Head(6, "b" * 64))
    assert (home / publishing.FILE).read_text(encoding="utf-8").splitlines() == [
        f'{{"day": "2026-01-18", "seq": 5, "hash": "{"a" * 64}"}}',
        f'{{"day": "2026-01-19", "seq": 6, "hash": "{"b" * 64}"}}',
    ]


@pytest.mark.parametrize(
    "line",
    ["no json", "[]", '{"day": "2026-01-18"}', '{"day": 5, "seq": 1, "hash": "a"}',
     '{"day": "2026-01-18", "seq": "?", "hash": "a"}'],
)  # fmt: skip
def test_a_line_that_is_no_head_is_passed_over(tmp_path, line):
    (tmp_path / publishing.FILE).write_text(f"{line}\n", encoding="utf-8")
    head = publishing.publish(tmp_path, datetime(2026, 1, 19).date(), Head(5, "a"))
    assert publishing.published(tmp_path) == [head]


def test_a_score_counts_all_and_has_no_figures_before_anything_is_settled():
    history = [settled(0.5, None), settled(0.5, "forfeited", "b"), settled(0.5, "forfeited", "c")]
    assert scores.score(history) == scores.Score(3, 1, {"forfeited": 2}, 0, None, None, None, (), None)


def test_every_figure_of_a_score_is_weighed_by_match():
    history = [settled(0.8, "won", "a"), settled(0.6, "won", "a"), settled(0.3, "won", "b"), settled(0.5, None)]
    found = scores.score(history)
    assert (found.forecasts, found.open, found.statuses, found.matches) == (4, 1, {"won": 3}, 2)
    assert found.brier == pytest.approx(((0.04 + 0.16) / 2 + 0.49) / 2)
    assert found.log_loss == pytest.approx(-((math.log(0.8) + math.log(0.6)) / 2 + math.log(0.3)) / 2)
    assert found.calibration_error == pytest.approx((0.5 * 0.2 + 0.5 * 0.4 + 1.0 * 0.7) / 2)
    assert [(one.low, one.high, one.weight) for one in found.bins] == [
        (0.3, 0.4, 1.0),
        (0.6, 0.7, 0.5),
        (0.8, 0.9, 0.5),
    ]
    assert found.market is None
