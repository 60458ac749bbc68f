"""The figure of a look at the champion: the evidence of both alarms over time, and the drift of each feature."""

from pathlib import Path
from typing import Any

import numpy as np

from cs2_pipeline.evaluation.drift import Drift
from cs2_pipeline.evaluation.live_calibration import Evidence, LiveCalibration
from cs2_pipeline.evaluation.reliability import INK, MODEL, OTHER, tidy

_LEAST_ODDS, _MOST_ODDS = -2.0, 8.0
"""Of the axis, as powers of ten: far above the alarm, more says nothing more."""


def write(path: Path, calibration: LiveCalibration, drift: Drift | None, *, title: str) -> None:
    """Write the figure as a PNG.

    Args:
        path: of the image; its folder must be there.
        calibration, drift: what was found; without drift there is one panel.
        title: of the figure.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # slow to import, seldom needed
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7.2, 4.0 if drift is None else 7.6), dpi=130, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1 if drift is None else 2, 1, squeeze=False)[:, 0]
    panels[0].set_title(title, loc="left", color=INK, fontsize=13, fontweight="bold")
    _draw_evidence(panels[0], calibration.evidence, "prices are off", MODEL)
    if drift is not None:
        _draw_evidence(panels[0], drift.evidence, "play has moved", OTHER)
        _draw_psi(panels[1], drift)
    panels[0].legend(loc="lower right", frameon=False, fontsize=9, labelcolor=INK)
    for axes in panels:
        tidy(axes)
    figure.savefig(path, metadata={"Software": None})


def _draw_evidence(axes: Any, evidence: Evidence, name: str, color: str) -> None:
    powers = np.clip(evidence.log_wealth / np.log(10), _LEAST_ODDS, _MOST_ODDS)
    axes.plot(evidence.started_at, powers, color=color, linewidth=1.6, label=f"evidence that {name}")
    axes.axhline(-np.log10(evidence.rate), color=color, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_ylim(_LEAST_ODDS, _MOST_ODDS)
    axes.set_ylabel("Odds, powers of ten (alarm: dashed)", color=INK)
    axes.tick_params(axis="x", rotation=20)


def _draw_psi(axes: Any, drift: Drift) -> None:
    table = drift.psi.iloc[::-1]
    place = np.arange(len(table))
    axes.barh(place, table["psi"], color=MODEL, alpha=0.85, height=0.7)
    axes.hlines(place, table["psi_low"], table["psi_high"], color=INK, linewidth=1.2)
    axes.set_yticks(place, table["feature"], fontsize=8)
    axes.set_xlabel("PSI against the training data, sampling bias taken away, 95 % by match", color=INK)
