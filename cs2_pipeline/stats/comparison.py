"""The comparison of two models on the same rows.

Two intervals that overlap say nothing about a difference: both models meet the same easy and hard matches. The
difference is therefore taken row by row and resampled by match, which leaves out what the two have in common.
"""

import numpy as np
from numpy.typing import ArrayLike

from cs2_pipeline.stats.intervals import LEVEL, GroupBootstrap, Interval


def paired(
    candidate: ArrayLike,
    other: ArrayLike,
    groups: ArrayLike,
    *,
    seed: int = 0,
    resamples: int = 1000,
    level: float = LEVEL,
) -> Interval:
    """Mean loss of the candidate minus that of the other model: negative where the candidate is better.

    Args:
        candidate, other: losses of the same rows in the same order (`metrics.log_losses`), shape (rows,).
        groups: what is resampled as a whole, shape (rows,).

    Raises:
        ValueError: the lengths differ, or there are no rows.
    """
    first, second = np.asarray(candidate, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if not first.shape == second.shape == (np.size(groups),):
        raise ValueError(
            f"both models' losses on the same rows, got {first.shape}, {second.shape}, ({np.size(groups)},)"
        )
    bootstrap = GroupBootstrap(groups, seed=seed, resamples=resamples)
    return bootstrap.interval(bootstrap.means(first - second)[:, 0], level=level)
