"""The metrics of a model's probabilities, each with an interval by whole groups.

Definitions, with y the outcome and p the probability:

- **log loss**: mean of -log(probability given to what happened).
- **Brier score**: mean of (p - y)² for two outcomes; for tiers the sum over tiers of the same (Brier 1950).
- **AUC**: chance that a row of the one class gets the higher score than a row of the other, ties counting half; for
  tiers the mean over tiers of one against the rest.
- **accuracy**: share of rows whose likeliest outcome happened.
- **ECE**: expected calibration error: mean over bins of |mean p - mean y|, weighted by rows. Bins are adaptive: as
  many rows in each. For tiers it is that of the likeliest tier (top label).
- **QWK**, **MAE**: quadratic weighted kappa (Cohen 1968) and mean absolute error in tiers of the likeliest tier.

The ECE of a finite sample is too large: even a perfectly calibrated model shows some. `ece_floor` says how much.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cs2_pipeline.stats.intervals import Floats, GroupBootstrap, Interval

ECE_BINS: Final = 10
"""Deciles, as in Hosmer and Lemeshow's test: a match is worth its rounds, not its rows, and the bias grows with the
root of the number of bins."""
ROWS_PER_BIN: Final = 20
"""Fewer than this many rows a bin, and fewer bins are taken."""
AUC_BINS: Final = 512
"""Scores are binned this finely for the resamples of the AUC; the AUC itself is exact."""
_EPSILON: Final = float(np.finfo(np.float64).eps)

Numbers = NDArray[np.intp]


def binary_metrics(
    outcome: ArrayLike, probability: ArrayLike, groups: ArrayLike, *, seed: int = 0, resamples: int = 1000
) -> dict[str, Interval]:
    """Metrics of a probability of one of two outcomes.

    Args:
        outcome: 0 or 1, shape (rows,).
        probability: of outcome 1, shape (rows,).
        groups: what is resampled as a whole (the match of each row), shape (rows,).
        seed, resamples: of the bootstrap; the same seed gives the same intervals.

    Returns:
        ``log_loss``, ``brier``, ``auc``, ``accuracy``, ``ece``, each with its 95 % interval.

    Raises:
        ValueError: lengths differ, there are no rows, an outcome is not 0 or 1 or a probability not in [0, 1].
    """
    y, p = checked_binary(outcome, probability, groups)
    bootstrap = GroupBootstrap(groups, seed=seed, resamples=resamples)
    rows = {"log_loss": log_losses(y, p), "brier": (p - y) ** 2, "accuracy": (p >= 0.5) == (y == 1)}
    means = bootstrap.means(np.column_stack(list(rows.values())))
    figures = {name: bootstrap.interval(means[:, column]) for column, name in enumerate(rows)}
    figures["auc"] = bootstrap.interval(_auc_draws(y, p, bootstrap))
    figures["ece"] = _ece_interval(y, p, bootstrap, seed)
    return {name: figures[name] for name in ("log_loss", "brier", "auc", "accuracy", "ece")}


def tier_metrics(
    tier: ArrayLike, scores: ArrayLike, groups: ArrayLike, *, seed: int = 0, resamples: int = 1000
) -> dict[str, Interval]:
    """Metrics of probabilities of ordered tiers.

    Args:
        tier: the tier that came, from 0, shape (rows,).
        scores: probability of each tier, shape (rows, tiers).
        groups: what is resampled as a whole (the player of each row), shape (rows,).
        seed, resamples: of the bootstrap; the same seed gives the same intervals.

    Returns:
        ``log_loss``, ``brier``, ``auc``, ``accuracy``, ``ece``, ``qwk``, ``mae``, each with its 95 % interval. The
        AUC is the mean over the tiers that occur.

    Raises:
        ValueError: as `binary_metrics`, or a row's scores do not add up to 1.
    """
    y, s = checked_tiers(tier, scores, groups)
    bootstrap = GroupBootstrap(groups, seed=seed, resamples=resamples)
    correct, confidence = top_label(y, s)
    happened = np.eye(s.shape[1])[y]
    rows = {
        "log_loss": tier_log_losses(y, s),
        "brier": ((s - happened) ** 2).sum(axis=1),
        "accuracy": correct,
        "mae": np.abs(s.argmax(axis=1) - y),
    }
    means = bootstrap.means(np.column_stack(list(rows.values())))
    figures = {name: bootstrap.interval(means[:, column]) for column, name in enumerate(rows)}
    figures["auc"] = bootstrap.interval(_macro_auc_draws(happened, s, bootstrap))
    figures["ece"] = _ece_interval(correct, confidence, bootstrap, seed)
    figures["qwk"] = bootstrap.interval(_kappa_draws(y, s, bootstrap))
    return {name: figures[name] for name in ("log_loss", "brier", "auc", "accuracy", "ece", "qwk", "mae")}


def log_losses(outcome: ArrayLike, probability: ArrayLike) -> Floats:
    """Log loss of each row, shape (rows,); a probability of exactly 0 or 1 counts as the nearest number inside."""
    y, p = np.asarray(outcome, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    return np.asarray(-np.log(np.clip(np.where(y == 1, p, 1 - p), _EPSILON, 1 - _EPSILON)))


def logit_log_loss(outcome: Floats, logit: Floats) -> float:
    """Mean log loss of 0/1 outcomes under logits, both of shape (rows,), without a way through probabilities."""
    return float(np.mean(np.logaddexp(0.0, logit) - outcome * logit))


def tier_log_losses(tier: ArrayLike, scores: ArrayLike) -> Floats:
    """Log loss of each row of tier probabilities, shape (rows,)."""
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(tier, dtype=np.intp)
    return np.asarray(-np.log(np.clip(s[np.arange(y.size), y], _EPSILON, 1 - _EPSILON)))


def top_label(tier: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """Whether the likeliest tier came (0 or 1) and the probability it was given, each of shape (rows,)."""
    s = np.asarray(scores, dtype=np.float64)
    return (s.argmax(axis=1) == np.asarray(tier)).astype(np.float64), s.max(axis=1)


def auc(outcome: ArrayLike, score: ArrayLike) -> float:
    """Exact area under the ROC curve (Mann-Whitney), ties counting half; NaN when only one outcome occurs."""
    y = np.asarray(outcome, dtype=np.float64)
    _, place = np.unique(np.asarray(score), return_inverse=True)
    ones, zeros = (np.asarray(np.bincount(place, rows), dtype=np.float64) for rows in (y, 1 - y))
    return float(_auc_from_bins(ones, zeros))


def equal_mass_bins(score: ArrayLike, most: int) -> tuple[Numbers, int]:
    """Bins with as many rows in each as ties allow, in the order of the score.

    Returns:
        the bin of each row, from 0, shape (rows,), and the number of bins, at most ``most``. Equal scores are
        always in the same bin.
    """
    values = np.asarray(score, dtype=np.float64)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, most + 1)[1:-1]))
    _, bins = np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)
    return bins, int(bins.max()) + 1


def ece_bins(probability: ArrayLike) -> tuple[Numbers, int]:
    """The adaptive bins of the calibration error: deciles, fewer when they would hold fewer than 20 rows each."""
    p = np.asarray(probability)
    return equal_mass_bins(p, min(max(p.size // ROWS_PER_BIN, 1), ECE_BINS))


def ece(outcome: ArrayLike, probability: ArrayLike) -> float:
    """Expected calibration error on adaptive bins."""
    bins, count = ece_bins(probability)
    gap = np.asarray(probability, dtype=np.float64) - np.asarray(outcome, dtype=np.float64)
    return float(np.abs(np.bincount(bins, gap, minlength=count)).sum() / gap.size)


def ece_floor(
    outcome: ArrayLike, probability: ArrayLike, groups: ArrayLike, *, seed: int = 0, draws: int = 1000
) -> Interval:
    """The ECE that a perfectly calibrated model would show on this sample: its bias.

    Simulated: each group's deviations, freed of the bins' own means, are given a random sign as a whole (the wild
    bootstrap by cluster; Cameron, Gelbach and Miller 2008). Their mean is then zero, as calibration demands, and
    rows of a group still err together as they do in the sample.

    Returns:
        the expected ECE with the range in which 95 % of such models lie.
    """
    y, p = checked_binary(outcome, probability, groups)
    simulated = _calibrated_ece_draws(y, p, GroupBootstrap(groups, resamples=0), seed, draws)
    low, high = np.quantile(simulated, [0.025, 0.975])
    return Interval(float(simulated.mean()), float(low), float(high))


def checked_binary(outcome: ArrayLike, probability: ArrayLike, groups: ArrayLike) -> tuple[Floats, Floats]:
    """Outcomes and probabilities as float64 of shape (rows,).

    Raises:
        ValueError: see `binary_metrics`; the message names the first row that is wrong.
    """
    y, p = np.asarray(outcome, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    if not y.shape == p.shape == (np.size(groups),):
        raise ValueError(f"one outcome, probability and group a row, got {y.shape}, {p.shape}, ({np.size(groups)},)")
    _refuse(~np.isin(y, (0, 1)), "an outcome is 0 or 1", y)
    _refuse(~((p >= 0) & (p <= 1)), "a probability is a number from 0 to 1", p)
    return y, p


def checked_tiers(tier: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> tuple[Numbers, Floats]:
    """Tiers of shape (rows,) and scores as float64 of shape (rows, tiers), each row adding up to exactly 1.

    Raises:
        ValueError: see `tier_metrics`; the message names the first row that is wrong.
    """
    y, s = np.asarray(tier), np.asarray(scores, dtype=np.float64)
    if s.ndim != 2 or not y.shape == (s.shape[0],) == (np.size(groups),):
        raise ValueError(
            f"one tier, one row of scores and one group a row, got {y.shape}, {s.shape}, ({np.size(groups)},)"
        )
    _refuse(~np.isin(y, np.arange(s.shape[1])), f"a tier is a number from 0 to {s.shape[1] - 1}", y)
    _refuse(~((s >= 0) & (s <= 1)).all(axis=1), "a score is a number from 0 to 1", s)
    totals = s.sum(axis=1)
    _refuse(np.abs(totals - 1) > 1e-4, "the scores of a row add up to 1", totals)
    return y.astype(np.intp), s / totals[:, None]


def _refuse(wrong: Any, rule: str, values: NDArray[Any]) -> None:
    if wrong.any():
        row = np.argmax(wrong)
        raise ValueError(f"{rule}; {wrong.sum()} of {wrong.size} rows break it, the first is row {row}: {values[row]}")


def _auc_from_bins(ones: Floats, zeros: Floats) -> Floats:
    """AUC from rows per bin of each outcome, bins along the last axis; NaN where an outcome does not occur."""
    below = np.cumsum(zeros, axis=-1) - zeros
    pairs = ones.sum(axis=-1) * zeros.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((ones * (below + zeros / 2)).sum(axis=-1) / np.where(pairs > 0, pairs, np.nan))


def _auc_draws(y: Floats, score: Floats, bootstrap: GroupBootstrap) -> Floats:
    bins, count = equal_mass_bins(score, AUC_BINS)
    draws = _auc_from_bins(bootstrap.bin_sums(bins, count, y), bootstrap.bin_sums(bins, count, 1 - y))
    return np.asarray(draws + (auc(y, score) - draws[0]))


def _macro_auc_draws(happened: Floats, scores: Floats, bootstrap: GroupBootstrap) -> Floats:
    occurring = [tier for tier in range(scores.shape[1]) if 0 < happened[:, tier].sum() < len(happened)]
    if not occurring:
        return np.full(len(bootstrap.weights), np.nan)
    draws = np.array([_auc_draws(happened[:, tier], scores[:, tier], bootstrap) for tier in occurring])
    # A resample in which a tier does not occur is averaged over the others.
    counted = np.isfinite(draws).sum(axis=0)
    return np.asarray(np.nansum(draws, axis=0) / np.where(counted > 0, counted, np.nan))


def _kappa_draws(y: Numbers, scores: Floats, bootstrap: GroupBootstrap) -> Floats:
    tiers = scores.shape[1]
    cells = y * tiers + scores.argmax(axis=1)
    seen = bootstrap.bin_sums(cells, tiers * tiers, np.ones(y.size)).reshape(-1, tiers, tiers)
    by_chance = seen.sum(axis=2)[:, :, None] * seen.sum(axis=1)[:, None, :] / seen.sum(axis=(1, 2))[:, None, None]
    weights = (np.arange(tiers)[:, None] - np.arange(tiers)) ** 2
    expected = (weights * by_chance).sum(axis=(1, 2))
    return np.asarray(1 - (weights * seen).sum(axis=(1, 2)) / np.where(expected > 0, expected, np.nan))


def _ece_interval(y: Floats, p: Floats, bootstrap: GroupBootstrap, seed: int) -> Interval:
    """The interval of the calibration error, which needs care because the figure itself is biased upwards.

    Below: chance cannot add more to the sum of absolute gaps than it makes of it where there is no gap at all (the
    triangle inequality), so what a perfectly calibrated model could show is taken off. Above: a resample's ECE
    exceeds the sample's as the sample's exceeds the truth, so the resamples are reflected about the sample's value
    (the basic bootstrap). The interval always holds the sample's value.
    """
    bins, count = ece_bins(p)
    draws = np.abs(bootstrap.bin_sums(bins, count, p - y)).sum(axis=1) / bootstrap.sums(np.ones(y.size))[:, 0]
    plain = bootstrap.interval(draws)
    chance = float(np.quantile(_calibrated_ece_draws(y, p, bootstrap, seed, 1000), 0.975))
    return Interval(plain.value, max(plain.value - chance, 0.0), max(2 * plain.value - plain.low, plain.value))


def _calibrated_ece_draws(y: Floats, p: Floats, bootstrap: GroupBootstrap, seed: int, draws: int) -> Floats:
    bins, count = ece_bins(p)
    deviation = p - y
    deviation = deviation - (np.bincount(bins, deviation) / np.bincount(bins))[bins]
    # Taking the mean off makes the deviations of n groups too small by the root of (n - 1) / n.
    present = bootstrap.by_group_and_bin(bins, count, np.ones(y.size)).getnnz(axis=0)
    deviation *= np.sqrt(present / np.maximum(present - 1, 1))[bins]
    signs = np.random.default_rng((seed, 1)).choice((-1.0, 1.0), size=(draws, bootstrap.count))
    sums = (bootstrap.by_group_and_bin(bins, count, deviation).T @ signs.T).T
    return np.asarray(np.abs(sums).sum(axis=1) / y.size)
