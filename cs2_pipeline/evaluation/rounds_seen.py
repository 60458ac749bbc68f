"""The player model by how many rounds of a player it saw: as lines of the model card and as a figure.

The numbers are `models.player.classifier.by_rounds`'s; here they are only shown.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cs2_pipeline.evaluation.figures import INK, MUTED, OTHER, heading, legend, points, save, sheet, tidy
from cs2_pipeline.game.player import UNREACHABLE_ROUNDS


def sentence(min_rounds: int) -> str:
    """From how many rounds on the model answers, in words."""
    if min_rounds >= UNREACHABLE_ROUNDS:
        return "At no number of rounds is the model surely better than knowing nothing: it never answers."
    return f"It answers from {min_rounds:,} rounds on; below them it says that there are not enough rounds yet."


def markdown(by_rounds: pd.DataFrame) -> list[str]:
    """Lines of a Markdown table: log loss, error in tiers and reliability for each bin of rounds."""
    lines = [
        "| Rounds seen | Rows | Players | Log loss | Rule | Knowing nothing | Model less rule, 95 % | Mean tier error "
        "| Rule | Accuracy | Confidence less accuracy, 95 % |",
        "|---" * 11 + "|",
    ]
    for row in by_rounds.to_dict("records"):
        losses = " | ".join(f"{row[name]:.3f}" for name in ("log_loss", "rule_log_loss", "prior_log_loss"))
        errors = f"{row['tier_error']:.3f} | {row['rule_tier_error']:.3f} | {row['accuracy']:.3f}"
        lines.append(
            f"| {_rounds(row)} | {row['rows']:,} | {row['players']:,} | {losses} | {_bounds(row, 'against_rule')} | "
            f"{errors} | {_bounds(row, 'overconfidence')} |"
        )
    return lines


def write_figure(path: Path, by_rounds: pd.DataFrame, min_rounds: int, *, title: str) -> None:
    """Write log loss and reliability against rounds observed as a PNG.

    Args:
        path: of the image; its folder must be there.
        by_rounds: from `models.player.classifier.by_rounds`.
        min_rounds: from how many rounds on the model answers; bins that end below it are shaded.
        title: of the figure.
    """
    figure = sheet(7.2, 7.6)
    losses, shares = figure.subplots(2, 1, sharex=True)
    heading(losses, title)
    place = np.arange(len(by_rounds))
    _draw_losses(losses, place, by_rounds)
    _draw_shares(shares, place, by_rounds)
    unanswered = (by_rounds["to_rounds"] < min_rounds).sum()
    for axes in (losses, shares):
        if unanswered:
            axes.axvspan(-0.5, unanswered - 0.5, color=MUTED, alpha=0.15, label="not enough rounds yet", zorder=0)
        axes.set_xlim(-0.5, len(by_rounds) - 0.5)
        legend(axes)
        tidy(axes)
    names = [f"{_rounds(row)}\n{row['players']:,} players" for row in by_rounds.to_dict("records")]
    shares.set_xticks(place, names, fontsize="small")
    shares.set_xlabel("Rounds observed", color=INK)
    save(figure, path)


def _draw_losses(axes: Any, place: Any, table: pd.DataFrame) -> None:
    rule = table["rule_log_loss"]
    axes.plot(place, table["prior_log_loss"], color=MUTED, linestyle="dashed", label="knowing nothing")
    axes.plot(place, rule, color=OTHER, marker=".", label="tier of the past K/D")
    points(
        axes, place, table["log_loss"], rule + table["against_rule_low"], rule + table["against_rule_high"],
        label="model, 95 % interval of its difference to the rule",
    )  # fmt: skip
    axes.set_ylabel("Log loss", color=INK)


def _draw_shares(axes: Any, place: Any, table: pd.DataFrame) -> None:
    confidence = table["confidence"]
    axes.plot(place, confidence, color=INK, linestyle="dashed", label="as the model says it")
    points(
        axes, place, table["accuracy"], confidence - table["overconfidence_high"],
        confidence - table["overconfidence_low"], label="observed, 95 % interval",
    )  # fmt: skip
    axes.set_ylabel("Share of players in their likeliest tier", color=INK)


def _rounds(row: dict[Any, Any]) -> str:
    return f"{row['from_rounds']:,} to {row['to_rounds']:,}"


def _bounds(row: dict[Any, Any], name: str) -> str:
    return f"{row[f'{name}_low']:+.3f} to {row[f'{name}_high']:+.3f}"
