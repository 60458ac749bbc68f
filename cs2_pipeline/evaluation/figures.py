"""The look that all figures share: the sheet, its colours, titles, legends, and points with intervals."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

INK: Final = "#1f2933"
MUTED: Final = "#8a94a0"
GRID: Final = "#e6e9ed"
MODEL: Final = "#1769aa"
OTHER: Final = "#d9822b"


def sheet(width: float, height: float) -> Any:
    """An empty figure of a size in inches."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # slow to import, seldom needed

    return Figure(figsize=(width, height), dpi=150, facecolor="white", layout="constrained")


def save(figure: Any, path: Path) -> None:
    """Write a figure as a PNG, the same bytes whenever it is drawn; the path's folder must be there."""
    figure.savefig(path, metadata={"Software": None})


def heading(axes: Any, text: str) -> None:
    """The title of a figure, over its first panel."""
    axes.set_title(text, loc="left", color=INK, fontsize="x-large", fontweight="bold")


def legend(axes: Any, where: str = "best") -> None:
    """What the panel's lines are."""
    axes.legend(loc=where, frameon=False, fontsize="small", labelcolor=INK)


def points(axes: Any, place: ArrayLike, middle: ArrayLike, low: ArrayLike, high: ArrayLike, *, label: str) -> None:
    """The model's line over all others, each point with its interval; an end that is not known is left out."""
    value = np.asarray(middle)
    lengths = np.abs(np.vstack([value - np.asarray(low), np.asarray(high) - value]))
    axes.errorbar(place, value, yerr=lengths, color=MODEL, marker="o", label=label, zorder=3)


def tidy(axes: Any) -> None:
    """A light grid behind the data, and no box."""
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelcolor=INK, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(MUTED)
