"""Scores of settled forecasts: a match counts once, whatever was given up does not, and months stand apart."""

import json
import math
from datetime import datetime, timedelta

import pytest

from cs2_pipeline.forecasting import publishing, scores
from cs2_pipeline.records.ledger import Entry, Head
from cs2_pipeline.records.settlements import Settled, Settlement
from cs2_pipeline_tests.forecasting.league import AT


def settled(probability, status, result="m1", at=AT, version="1"):
    body = json.dumps({"probability": probability, "model_version": version})
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


def test_months_and_versions_stand_apart():
    history = [settled(0.8, "won", "a"), settled(0.7, "lost", "b", at=AT + timedelta(days=31), version="2")]
    assert {name: one.forecasts for name, one in scores.by_month(history).items()} == {"2026-01": 1, "2026-02": 1}
    assert list(scores.by_version(history)) == ["1", "2"]


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
