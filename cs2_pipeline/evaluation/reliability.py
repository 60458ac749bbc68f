"""Reliability: among the moments called 70 %, how many were won? As a table and as a figure."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cs2_pipeline.evaluation.figures import INK, MODEL, MUTED, OTHER, heading, legend, points, save, sheet, tidy
from cs2_pipeline.stats.intervals import GroupBootstrap, Interval
from cs2_pipeline.stats.metrics import checked_binary, ece_bins


def table(
    outcome: ArrayLike, probability: ArrayLike, groups: ArrayLike, *, seed: int = 0, resamples: int = 1000
) -> pd.DataFrame:
    """Reliability on the adaptive bins of the ECE.

    Args:
        outcome, probability, groups: as for `metrics.binary_metrics`.

    Returns:
        one row a bin: ``low``, ``high`` (of the probabilities in it), ``rows``, ``groups``, ``mean_prediction``,
        ``mean_outcome`` with ``outcome_low`` and ``outcome_high`` (95 %, by group).
    """
    y, p = checked_binary(outcome, probability, groups)
    bins, count = ece_bins(p)
    bootstrap = GroupBootstrap(groups, seed=seed, resamples=resamples)
    rows, won = (bootstrap.bin_sums(bins, count, values) for values in (np.ones(y.size), y))
    rates = won / np.where(rows > 0, rows, np.nan)
    records = []
    for number in range(count):
        inside = bins == number
        present = np.unique(bootstrap.codes[inside]).size
        rate = bootstrap.interval(rates[:, number], groups=present)
        records.append(
            {"low": p[inside].min(), "high": p[inside].max(), "rows": inside.sum(), "groups": present}
            | {"mean_prediction": p[inside].mean(), "mean_outcome": rate.value}
            | {"outcome_low": rate.low, "outcome_high": rate.high}
        )
    return pd.DataFrame(records)


def write_figure(
    path: Path,
    reliability: pd.DataFrame,
    probability: ArrayLike,
    *,
    title: str,
    ece: Interval | None = None,
    baseline: pd.DataFrame | None = None,
    baseline_name: str = "baseline",
    predicted: str = "Predicted probability that CT win",
    observed: str = "Share of rounds CT won",
) -> None:
    """Write the reliability curve, with intervals and a histogram of the predictions, as a PNG.

    Args:
        path: of the image; its folder must be there.
        reliability: from `table`.
        probability: the predictions themselves, for the histogram, shape (rows,).
        ece: shown in the figure where given.
        baseline: the same table for another model, drawn behind.
    """
    figure = sheet(6.4, 7.2)
    curve, histogram = figure.subplots(2, 1, height_ratios=[4, 1], sharex=True)
    _draw_curve(curve, reliability, baseline, baseline_name)
    curve.set_ylabel(observed, color=INK)
    heading(curve, title)
    if ece is not None:
        text = f"calibration error {ece:.4f}\nin brackets its 95 % interval"
        curve.text(0.98, 0.03, text, ha="right", va="bottom", color=INK, fontsize="small")
    histogram.hist(np.asarray(probability), bins=np.linspace(0, 1, 41), color=MODEL)
    histogram.set_ylabel("Rows", color=INK)
    histogram.set_xlabel(predicted, color=INK)
    histogram.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    for axes in (curve, histogram):
        tidy(axes)
    save(figure, path)


def _draw_curve(axes: Any, reliability: pd.DataFrame, baseline: pd.DataFrame | None, baseline_name: str) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle="dashed", label="perfectly calibrated", zorder=1)
    if baseline is not None:
        axes.plot(
            baseline["mean_prediction"], baseline["mean_outcome"], color=OTHER, marker=".", label=baseline_name,
            zorder=2,
        )  # fmt: skip
    ends = reliability[["outcome_low", "outcome_high"]].replace([np.inf, -np.inf], np.nan).clip(lower=0, upper=1)
    points(
        axes, reliability["mean_prediction"], reliability["mean_outcome"], ends["outcome_low"], ends["outcome_high"],
        label="model, 95 % interval",
    )  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    legend(axes, "upper left")
