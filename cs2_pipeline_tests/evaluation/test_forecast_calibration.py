"""The alarm over settled forecasts: silent while prices come true, loud when they do not, one count a match."""

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets.schema import FORECAST_SETTLEMENTS
from cs2_pipeline.evaluation import forecast_calibration
from cs2_pipeline.evaluation.forecast_calibration import FAVOURITES
from cs2_pipeline.stats import betting

AT = pd.Timestamp("2026-01-18 12:00", tz="UTC")


def season(matches, *, seed, stretch=1.0, version="1", often=1):
    """Forecasts that are settled; log odds that are told are `stretch` times the true ones."""
    rng = np.random.default_rng(seed)
    latent = np.repeat(rng.normal(0, 1.2, matches), often)
    won = np.repeat(rng.random(matches), often) < 1 / (1 + np.exp(-latent))
    number = np.repeat(np.arange(matches), often)
    told, seq = 1 / (1 + np.exp(-stretch * latent)), np.arange(1, len(latent) + 1)
    at = AT + pd.to_timedelta(6 * number, unit="h")
    table = {"forecast_id": seq.astype(str), "seq": seq, "asked_at": at, "settled_at": at, "kind": "map",
             "model_version": version, "result_id": [f"m{one}" for one in number], "team1_id": "t1", "team2_id": "t2",
             "probability": told, "low": told, "high": told, "team1_wins": won}  # fmt: skip
    return FORECAST_SETTLEMENTS.conform(pd.DataFrame(table))


def odds(table):
    return forecast_calibration.watch(table).evidence.odds


def test_a_calibrated_model_rarely_rings():
    rung = [forecast_calibration.watch(season(400, seed=seed)).evidence.rings for seed in range(40)]
    assert sum(rung) <= 1


def test_boasting_is_found_and_said_to_be_what_it_is():
    found = forecast_calibration.watch(season(800, seed=1, stretch=3.0))
    assert found.evidence.rings
    assert "favourites won -0." in found.sentence
    assert f"off by more than {FAVOURITES.tolerance:g}" in found.sentence
    assert found.gaps["matches"].sum() == found.matches == found.outcomes == 800
    assert found.ece.low > 0
    assert found.log_loss.low < found.log_loss.value < found.log_loss.high


def test_which_side_was_asked_first_changes_nothing():
    table = season(300, seed=2, stretch=2.0)
    turned = table.assign(probability=1 - table["probability"], team1_wins=1 - table["team1_wins"])
    assert odds(turned) == pytest.approx(odds(table))


def test_a_match_counts_once_by_its_first_forecast_however_often_somebody_asked():
    once = season(200, seed=3, stretch=2.0)
    often = season(200, seed=3, stretch=2.0, often=5)
    later = often["seq"] % 5 != 1
    often.loc[later, "probability"] = 0.99
    assert forecast_calibration.watch(often.sample(frac=1, random_state=0)).matches == 200
    assert odds(often) == pytest.approx(odds(once))


def test_a_map_and_a_series_of_one_name_are_two_matches():
    table = season(10, seed=5)
    both = pd.concat([table, table.assign(kind="series", seq=table["seq"] + 10)])
    assert forecast_calibration.watch(both).matches == 20


def test_no_rows_are_no_evidence_of_anything():
    with pytest.raises(ValueError, match="no settled forecasts"):
        forecast_calibration.watch(FORECAST_SETTLEMENTS.empty())


def test_a_match_is_its_first_forecast_seen_from_its_favourite_in_the_order_of_results():
    table = season(6, seed=0).assign(
        probability=[0.7, 0.2, 0.5, 0.999, 0.35, 0.01], team1_wins=[1, 0, 1, 0, 1, 1],
        settled_at=AT + pd.to_timedelta([5, 4, 3, 2, 1, 1], unit="h"),
        result_id=["a", "b", "c", "d", "e", "a"],
    )  # fmt: skip
    matches = forecast_calibration.by_match(table.iloc[::-1])
    assert (matches.started_at - AT).total_seconds().tolist() == [3600, 7200, 10800, 14400, 18000]
    assert matches.visits.tolist() == [[0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]
    assert matches.surplus.sum(axis=1) == pytest.approx([-0.65, -0.999, 0.5, 0.2, 0.3])
    assert ((matches.surplus != 0) == (matches.visits == 1)).all()
    losses = [-np.log(0.35), 2 * np.log(2), np.log(2), -np.log(0.8), -np.log(0.7)]
    assert matches.loss == pytest.approx(losses), "a loss counts as no more than twice a coin's"
    found = forecast_calibration.watch(table)
    assert (found.matches, found.outcomes, found.claim) == (5, 5, FAVOURITES)


def test_a_favourites_price_is_at_least_a_half_and_each_match_counts_once():
    assert FAVOURITES.ranges == ((0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 1.0))
    assert (FAVOURITES.most, FAVOURITES.tolerance) == (1, 0.05)


def test_weeks_are_counted_from_the_first_result(monkeypatch):
    begun, wealth = [], betting.log_wealth
    monkeypatch.setattr(betting, "log_wealth", lambda against, weeks: wealth(against, begun.append(weeks) or weeks))
    days = pd.to_timedelta([14.5, 0.5, 7.4, 7.6], unit="D")
    forecast_calibration.watch(season(4, seed=0).assign(settled_at=AT + days))
    assert begun[0].tolist() == [0, 0, 1, 2]
