"""The figure of a look at the champion: the evidence of both alarms over time, and the drift of each feature."""

from pathlib import Path
from typing import Any

import numpy as np

from cs2_pipeline.evaluation.drift import Drift
from cs2_pipeline.evaluation.figures import INK, MODEL, OTHER, heading, legend, save, sheet, tidy
from cs2_pipeline.evaluation.live_calibration import Evidence, LiveCalibration

_LEAST_ODDS, _MOST_ODDS = -2.0, 8.0
"""Of the axis, as powers of ten: far above the alarm, more says nothing more."""


def write(path: Path, calibration: LiveCalibration, drift: Drift | None, *, title: str) -> None:
    """Write the figure as a PNG.

    Args:
        path: of the image; its folder must be there.
        calibration, drift: what was found; without drift there is one panel.
        title: of the figure.
    """
    figure = sheet(7.2, 4.0 if drift is None else 7.6)
    panels = figure.subplots(1 if drift is None else 2, 1, squeeze=False)[:, 0]
    heading(panels[0], title)
    _draw_evidence(panels[0], calibration.evidence, "prices are off", MODEL)
    if drift is not None:
        _draw_evidence(panels[0], drift.evidence, "play has moved", OTHER)
        _draw_psi(panels[1], drift)
    legend(panels[0], "lower right")
    for axes in panels:
        tidy(axes)
    save(figure, path)


def _draw_evidence(axes: Any, evidence: Evidence, name: str, color: str) -> None:
    powers = np.clip(evidence.log_wealth / np.log(10), _LEAST_ODDS, _MOST_ODDS)
    axes.plot(evidence.started_at, powers, color=color, label=f"evidence that {name}")
    axes.axhline(-np.log10(evidence.rate), color=color, linestyle="dashed")
    axes.set_ylim(_LEAST_ODDS, _MOST_ODDS)
    axes.set_ylabel("Odds, powers of ten (alarm: dashed)", color=INK)
    axes.tick_params(axis="x", rotation=20)


def _draw_psi(axes: Any, drift: Drift) -> None:
    table = drift.psi.iloc[::-1]
    place = np.arange(len(table))
    axes.barh(place, table["psi"], color=MODEL)
    axes.hlines(place, table["psi_low"], table["psi_high"], color=INK)
    axes.set_yticks(place, table["feature"], fontsize="small")
    axes.set_xlabel("PSI against the training data, sampling bias taken away, 95 % by match", color=INK)
