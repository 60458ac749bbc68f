"""The figure of a look at the champion shows the odds against each claim, where its alarm is, and the drift."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.evaluation import monitoring_figure
from cs2_pipeline.evaluation.live_calibration import Evidence

PLAYED = pd.date_range("2026-02-01", periods=4, freq="D")


PSI = pd.DataFrame({"feature": ["ct_money", "map"], "psi": [0.3, 0.1], "psi_low": [0.2, 0.0], "psi_high": [0.4, 0.2]})


def evidence(powers, rate):
    return Evidence(PLAYED, np.array(powers) * np.log(10), rate, ())


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    def draw(drift):
        panels = []
        monkeypatch.setattr(monitoring_figure, "tidy", panels.append)
        calibration = SimpleNamespace(evidence=evidence([0.0, 1.0, -5.0, 12.0], 0.01))
        monitoring_figure.write(tmp_path / "figure.png", calibration, drift, title="round_predictor")
        assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
        return panels

    return draw


def test_odds_are_powers_of_ten_within_the_axis_and_the_alarm_lies_at_its_rate(drawn):
    (panel,) = drawn(None)
    odds, alarm = panel.get_lines()
    assert odds.get_ydata() == pytest.approx([0.0, 1.0, -2.0, 8.0]), "beyond the axis nothing more is told"
    assert alarm.get_ydata() == pytest.approx([2.0, 2.0]), "an error of 1 in 100 is odds of 100"
    assert panel.get_ylim() == (-2.0, 8.0)
    assert panel.get_title(loc="left") == "round_predictor"
    with_drift = drawn(SimpleNamespace(evidence=evidence([0.0] * 4, 0.001), psi=PSI))[0]
    assert panel.figure.get_size_inches().tolist() == [7.2, 4.0]
    assert with_drift.figure.get_size_inches().tolist() == [7.2, 7.6]


def test_drift_has_its_own_alarm_and_a_bar_with_its_interval_for_each_feature_the_most_drifted_on_top(drawn):
    drift = SimpleNamespace(evidence=evidence([0.0, 0.5, 1.0, 1.5], 0.001), psi=PSI)
    above, below = drawn(drift)
    labels = [text.get_text() for text in above.get_legend().get_texts()]
    assert labels == ["evidence that prices are off", "evidence that play has moved"]
    assert above.get_lines()[3].get_ydata() == pytest.approx([3.0, 3.0])
    assert [text.get_text() for text in below.get_yticklabels()] == ["map", "ct_money"]
    assert [bar.get_width() for bar in below.patches] == pytest.approx([0.1, 0.3])
    (ranges,) = below.collections
    assert [segment[:, 0].tolist() for segment in ranges.get_segments()] == [[0.0, 0.2], [0.2, 0.4]]


def test_every_axis_says_what_it_shows(drawn):
    above, below = drawn(SimpleNamespace(evidence=evidence([0.0] * 4, 0.001), psi=PSI))
    assert above.get_ylabel()
    assert below.get_xlabel().startswith("PSI against the training data")
