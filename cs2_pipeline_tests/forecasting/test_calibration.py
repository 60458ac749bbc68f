"""The alarm over settled forecasts: silent while prices come true, loud when they do not, one count a match."""

import json
from datetime import timedelta

import numpy as np
import pytest

from cs2_pipeline.forecasting import calibration
from cs2_pipeline.records.ledger import Entry
from cs2_pipeline.records.settlements import Settled, Settlement
from cs2_pipeline_tests.forecasting.league import AT


def season(matches, *, seed, stretch=1.0, version="1", often=1, start=0):
    """Forecasts that are settled; log odds that are told are `stretch` times the true ones."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(matches):
        latent = rng.normal(0, 1.2)
        won = rng.random() < 1 / (1 + np.exp(-latent))
        told = 1 / (1 + np.exp(-stretch * latent))
        at = AT + timedelta(hours=6 * number)
        body = json.dumps({"probability": told, "model_version": version})
        for again in range(often):
            seq = start + number * often + again + 1
            settlement = Settlement(str(seq), 1, "won" if won else "lost", f"m{start + number}", at)
            found.append(Settled(Entry(seq, str(seq), "map", at, body, ""), settlement))
    return found


def test_a_calibrated_model_rarely_rings():
    rung = [calibration.watch(season(400, seed=seed)).rings for seed in range(40)]
    assert sum(rung) <= 1


def test_boasting_is_found_and_said_to_be_what_it_is():
    found = calibration.watch(season(800, seed=1, stretch=3.0))
    assert found.rings
    assert "win less often than priced" in found.sentence
    assert "800 matches" in found.sentence


def test_which_side_was_asked_first_changes_nothing():
    history = season(300, seed=2, stretch=2.0)
    turned = []
    for one in history:
        content = one.forecast.content
        body = json.dumps(content | {"probability": 1 - content["probability"]})
        entry = Entry(one.forecast.seq, one.forecast.id, "map", one.forecast.at, body, "")
        status = "lost" if one.settlement.status == "won" else "won"
        turned.append(Settled(entry, Settlement(entry.id, 1, status, one.settlement.result_id, one.settlement.at)))
    assert calibration.watch(turned).odds == pytest.approx(calibration.watch(history).odds)


def test_a_match_counts_once_however_often_somebody_asked():
    once, often = (calibration.watch(season(200, seed=3, stretch=2.0, often=count)) for count in (1, 5))
    assert often.matches == once.matches == 200
    assert often.odds == pytest.approx(once.odds)


def test_a_new_version_begins_without_its_predecessors_faults():
    history = season(800, seed=1, stretch=3.0) + season(50, seed=4, version="2", start=800)
    found = calibration.watch(history)
    assert (found.version, found.matches, found.rings) == ("2", 50, False)


def test_nothing_settled_is_no_alarm():
    assert not calibration.watch([]).rings
    assert calibration.watch([]).sentence == "no forecast is settled yet"
