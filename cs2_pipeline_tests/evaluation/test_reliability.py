import numpy as np
import pytest

from cs2_pipeline.evaluation import reliability
from cs2_pipeline.stats import metrics


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    truth = rng.beta(1.2, 1.2, 3_000)
    return (rng.random(truth.size) < truth).astype(int), truth, np.repeat(np.arange(60), 50)


def test_the_table_adds_up_to_the_sample_and_to_its_calibration_error(sample):
    outcome, probability, match = sample
    table = reliability.table(outcome, probability, match)
    assert table["rows"].sum() == 3_000
    assert (table["rows"] * table["mean_outcome"]).sum() == pytest.approx(outcome.sum())
    error = (table["rows"] * (table["mean_prediction"] - table["mean_outcome"]).abs()).sum() / 3_000
    assert error == pytest.approx(metrics.ece(outcome, probability))
    assert (table["low"].to_numpy()[1:] > table["high"].to_numpy()[:-1]).all()


def test_the_share_that_happened_lies_near_the_prediction_of_a_calibrated_model(sample):
    table = reliability.table(*sample)
    inside = (table["outcome_low"] <= table["mean_prediction"]) & (table["mean_prediction"] <= table["outcome_high"])
    assert inside.sum() >= len(table) - 2


def test_the_figure_is_a_png_that_does_not_depend_on_when_it_was_drawn(sample, tmp_path):
    outcome, probability, match = sample
    table = reliability.table(outcome, probability, match)
    ece = metrics.binary_metrics(outcome, probability, match)["ece"]
    for name in ("one.png", "two.png"):
        reliability.write_figure(tmp_path / name, table, probability, title="round_predictor", ece=ece, baseline=table)
    content = (tmp_path / "one.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert content == (tmp_path / "two.png").read_bytes()


def test_a_single_match_is_drawn_without_bars(tmp_path):
    table = reliability.table([0, 1, 1], [0.2, 0.6, 0.9], [1, 1, 1])
    assert np.isinf(table["outcome_low"]).all()
    reliability.write_figure(tmp_path / "one.png", table, [0.2, 0.6, 0.9], title="one match")
    assert (tmp_path / "one.png").stat().st_size > 1_000
