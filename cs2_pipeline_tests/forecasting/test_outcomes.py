"""The table of what people were told beside what happened: won and lost forecasts, each as it was given."""

import json
from datetime import timedelta

import pytest

from cs2_pipeline.forecasting import outcomes
from cs2_pipeline.records.ledger import Entry
from cs2_pipeline.records.settlements import Settled, Settlement
from cs2_pipeline_tests.forecasting.league import AT


def settled(seq, status):
    told = {"probability": 0.6, "interval": [0.5, 0.7], "model_version": 3, "team1_id": "t1", "team2_id": "t2"}
    forecast = Entry(seq, f"f{seq}", "series", AT, json.dumps(told), "")
    verdict = Settlement(forecast.id, 1, status, f"m{seq}", AT + timedelta(days=1)) if status else None
    return Settled(forecast, verdict)


def test_a_row_holds_what_was_told_and_what_happened():
    frame = outcomes.table([settled(1, "won"), settled(2, "lost")])
    first, second = frame.to_dict("records")
    assert first == {
        "forecast_id": "f1", "seq": 1, "asked_at": AT, "settled_at": AT + timedelta(days=1), "kind": "series",
        "model_version": "3", "result_id": "m1", "team1_id": "t1", "team2_id": "t2", "probability": 0.6, "low": 0.5,
        "high": 0.7, "team1_wins": 1,
    }  # fmt: skip
    assert (second["forecast_id"], second["team1_wins"]) == ("f2", 0)


@pytest.mark.parametrize("status", [None, "forfeited", "not_played"])
def test_what_has_no_outcome_is_no_row(status):
    assert outcomes.table([settled(1, status), settled(2, "won")])["forecast_id"].tolist() == ["f2"]
    empty = outcomes.table([settled(1, status)])
    assert empty.empty and list(empty.columns) == list(outcomes.table([settled(2, "won")]).columns)
