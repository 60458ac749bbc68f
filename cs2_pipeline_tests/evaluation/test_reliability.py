import struct

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.evaluation import reliability
from cs2_pipeline.stats import metrics
from cs2_pipeline.stats.intervals import Interval


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
    assert (table["low"].iloc[0], table["high"].iloc[-1]) == (probability.min(), probability.max())
    assert (table["low"] < table["mean_prediction"]).all() and (table["mean_prediction"] < table["high"]).all()


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


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draws a figure and hands out its two panels: the curve and the histogram."""

    def draw(table, probability, **asked):
        panels = []
        monkeypatch.setattr(reliability, "tidy", panels.append)
        reliability.write_figure(tmp_path / "figure.png", table, probability, title="round_predictor", **asked)
        width, height = struct.unpack(">II", (tmp_path / "figure.png").read_bytes()[16:24])
        assert (width, height) == (960, 1080)
        return panels

    return draw


BINS = pd.DataFrame(
    {
        "mean_prediction": [0.1, 0.5, 0.9], "mean_outcome": [0.2, 0.5, 0.95], "outcome_low": [0.1, -np.inf, 0.9],
        "outcome_high": [0.25, np.inf, 1.1],
    }
)  # fmt: skip


def test_the_curve_has_each_bin_with_its_interval_within_nought_and_one(drawn):
    curve, _ = drawn(BINS, [0.5])
    points, _, (bars,) = curve.containers[0].lines
    assert points.get_xydata().tolist() == BINS[["mean_prediction", "mean_outcome"]].to_numpy().tolist()
    low, unknown, high = bars.get_segments()
    assert low[:, 1] == pytest.approx([0.1, 0.25])
    assert unknown.size == 0, "one match is no measure of chance"
    assert high[:, 1] == pytest.approx([0.9, 1.0])
    assert (curve.get_xlim(), curve.get_ylim()) == ((0, 1), (0, 1))
    diagonal = curve.get_lines()[0]
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert diagonal.get_zorder() < points.get_zorder(), "the model is drawn above what it is held against"


def test_another_model_is_drawn_between_the_diagonal_and_the_model_by_its_name(drawn):
    def named(**asked):
        curve, _ = drawn(BINS, [0.5], **asked)
        return curve, [text.get_text() for text in curve.get_legend().get_texts()]

    assert named()[1] == ["perfectly calibrated", "model, 95 % interval"]
    curve, names = named(baseline=BINS.iloc[:2], baseline_name="logistic regression")
    assert names == ["perfectly calibrated", "logistic regression", "model, 95 % interval"]
    diagonal, other = curve.get_lines()[:2]
    assert other.get_xydata().tolist() == [[0.1, 0.2], [0.5, 0.5]]
    assert diagonal.get_zorder() < other.get_zorder() < curve.containers[0].lines[0].get_zorder()
    assert named(baseline=BINS)[1][1] == "baseline"


def test_the_histogram_counts_predictions_in_fortieths(drawn):
    _, histogram = drawn(BINS, [0.0, 0.01, 0.03, 0.999, 1.0])
    bars = histogram.patches
    assert len(bars) == 40
    assert [bar.get_height() for bar in bars] == [2, 1, *[0] * 37, 2]
    formatted = histogram.yaxis.get_major_formatter()
    assert formatted(12_000, 0) == "12,000"
    assert (histogram.get_ylabel(), histogram.get_xlabel()) == ("Rows", "Predicted probability that CT win")


def test_the_figure_says_what_it_shows_and_the_calibration_error_where_it_is_known(drawn):
    curve, histogram = drawn(BINS, [0.5], predicted="Predicted tier", observed="Share", ece=Interval(0.01, 0.0, 0.02))
    assert (curve.get_title(loc="left"), curve.get_ylabel(), histogram.get_xlabel()) == (
        "round_predictor", "Share", "Predicted tier",
    )  # fmt: skip
    (text,) = curve.texts
    assert text.get_text() == "calibration error 0.0100 [0.0000, 0.0200]\nin brackets its 95 % interval"
    assert 0.5 < text.get_position()[0] < 1 and 0 < text.get_position()[1] < 0.5, "in the corner the curve leaves free"
    assert not drawn(BINS, [0.5])[0].texts


def test_a_bins_numbers_are_those_of_its_rows():
    probability = np.repeat([0.2, 0.3, 0.8], 20)
    outcome = np.r_[np.tile([0, 1], 20), np.ones(20)]
    table = reliability.table(outcome, probability, np.repeat(np.arange(6), 10), resamples=20)
    assert table["rows"].tolist() == [20, 20, 20]
    assert table["groups"].tolist() == [2, 2, 2]
    assert table["low"].tolist() == table["high"].tolist() == [0.2, 0.3, 0.8]
    assert table["mean_prediction"].tolist() == pytest.approx([0.2, 0.3, 0.8])
    assert table["mean_outcome"].tolist() == pytest.approx([0.5, 0.5, 1.0])
    assert reliability.table(outcome, probability, np.repeat(np.arange(6), 10)).equals(
        reliability.table(outcome, probability, np.repeat(np.arange(6), 10), seed=0, resamples=1000)
    )
