"""How the round model's error falls with the number of matches: a figure, measured where every probability is known.

For each number of matches fresh equal-skill play is simulated, the model is trained on it as ever, and its root mean
square error against the exact probabilities is taken on the test part. One training run per point; all of them
together take some four minutes of one processor, most of it for the largest.

``python -m benchmarks.round_error`` writes docs/images/round-error-by-matches.png and prints the table.
"""

import time
from pathlib import Path
from typing import Final

import matplotlib as mpl

from cs2_pipeline.training import known_truth
from cs2_pipeline.training.known_truth import KnownTruth

MATCHES: Final = (143, 429, 1_429, 5_714)
"""Simulated matches; seven tenths of them are trained on: 100, 300, 1,000 and 4,000."""
SEED: Final = 14
AIM: Final = 0.025
FIGURE: Final = Path(__file__).parents[1] / "docs" / "images" / "round-error-by-matches.png"


def main() -> None:
    """Measure, draw, and print the table."""
    print("| Matches trained on | RMSE | required only | Coverage of the 90 % interval | required only | CPU s |")
    print("|---|---|---|---|---|---|")
    measured = []
    for matches in MATCHES:
        began = time.process_time()
        found = known_truth.measure(matches, seed=SEED)
        measured.append(found)
        print(
            f"| {found.training_matches:,} | {found.rmse:.4f} | {found.rmse_required:.4f} | {found.coverage:.3f} "
            f"| {found.coverage_required:.3f} | {time.process_time() - began:.0f} |",
            flush=True,
        )
    _draw(measured)


def _draw(measured: list[KnownTruth]) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend is chosen

    matches = [found.training_matches for found in measured]
    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    axes.loglog(matches, [found.rmse for found in measured], marker="o", label="round model")
    axes.axhline(AIM, color="grey", linestyle="--", linewidth=1, label=f"aim at 4,000 matches: {AIM}")
    axes.set(xlabel="matches trained on", ylabel="RMSE against the exact P(CT)")
    axes.set_xticks(matches, [f"{count:,}" for count in matches], minor=False)
    axes.set_yticks([0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06], minor=False)
    axes.set_yticklabels(["0.015", "0.02", "0.025", "0.03", "0.04", "0.05", "0.06"])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, dpi=130)


if __name__ == "__main__":
    main()
