"""Everything that is known of a candidate, gathered on the test part: what promotion and the model card rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cs2_pipeline.evaluation import laws, metrics, slices
from cs2_pipeline.evaluation.compare import paired
from cs2_pipeline.evaluation.domain import state_features, states_of
from cs2_pipeline.evaluation.intervals import Floats, Interval
from cs2_pipeline.evaluation.laws import LawResult, PredictFeatures
from cs2_pipeline.game.features import player_features
from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.game.state import OPTIONAL_ROUND_FIELDS

MIN_COMPARED_GROUPS: Final = 2
"""With fewer groups there is nothing to resample."""


@dataclass(frozen=True)
class Evidence:
    """All that is known of a candidate.

    Attributes:
        model: the registered model's name.
        metrics, baseline_metrics: test metrics of candidate and baseline on the same rows.
        baseline: the baseline's name in plain words, such as "logistic regression".
        against_baseline: paired difference of log losses, candidate minus baseline.
        against_champion: the same against the champion; None where there is no champion yet.
        champion: the champion's version.
        audit: what the leakage audit found wrong, one sentence each; empty when it passed; None when it did not run.
        laws: results of the laws; None when they were not checked.
        slices: table of `slices`; None when they were not looked at.
        ece_floor: `metrics.ece_floor` on the test part.
        metrics_required_only: test metrics when the optional inputs are missing.
    """

    model: str
    metrics: dict[str, Interval]
    baseline_metrics: dict[str, Interval]
    baseline: str
    against_baseline: Interval
    audit: Sequence[str] | None
    laws: Sequence[LawResult] | None
    slices: pd.DataFrame | None = None
    ece_floor: Interval | None = None
    against_champion: Interval | None = None
    champion: str | None = None
    metrics_required_only: dict[str, Interval] | None = None


@dataclass(frozen=True)
class Rival:
    """A model to compare with.

    Attributes:
        name: what it is called.
        predict: what it answers.
        unseen: which test rows it was not made from, shape (rows,); None for all of them. Late imports of old matches
            can move matches it learned from into the test part.
    """

    name: str
    predict: PredictFeatures
    unseen: NDArray[np.bool_] | None = None


def of_round_model(
    test: pd.DataFrame,
    predict: PredictFeatures,
    baseline: Rival,
    *,
    model: str,
    audit: Sequence[str] | None,
    champion: Rival | None = None,
    seed: int = 0,
) -> Evidence:
    """Evidence of a round model.

    Args:
        test: the test part of a `round_dataset`: whole rounds, none of them seen in training.
        predict: P(CT wins) for float32 features, shape (rows, features).
        baseline, champion: the rivals, asked about the same rows; the champion's name is its version.
        audit: see `Evidence`.
        seed: of all resampling and of the generated states.
    """
    groups, outcome = test["match_id"].to_numpy(), test["ct_wins"].to_numpy()
    features = state_features(states_of(test))
    masked = state_features(states_of(test.drop(columns=list(OPTIONAL_ROUND_FIELDS), errors="ignore")))
    probability = _answer(predict, features)
    losses = metrics.log_losses(outcome, probability)
    rivals = [rival for rival in (baseline, champion) if rival]
    differences = [
        _difference(losses, metrics.log_losses(outcome, _answer(rival.predict, features)), groups, rival, seed)
        for rival in rivals
    ]
    return Evidence(
        model=model,
        metrics=metrics.binary_metrics(outcome, probability, groups, seed=seed),
        baseline_metrics=metrics.binary_metrics(outcome, _answer(baseline.predict, features), groups, seed=seed),
        baseline=baseline.name,
        against_baseline=differences[0],
        audit=audit,
        laws=laws.check(laws.served(predict), seed=seed, snapshots=test),
        slices=slices.round_slices(test, probability, seed=seed),
        ece_floor=metrics.ece_floor(outcome, probability, groups, seed=seed),
        against_champion=differences[1] if champion else None,
        champion=champion.name if champion else None,
        metrics_required_only=metrics.binary_metrics(outcome, _answer(predict, masked), groups, seed=seed),
    )


def of_player_model(
    test: pd.DataFrame,
    predict: PredictFeatures,
    baseline: Rival,
    *,
    model: str,
    audit: Sequence[str] | None,
    champion: Rival | None = None,
    seed: int = 0,
) -> Evidence:
    """Evidence of a player model, as `of_round_model`.

    Args:
        test: the test part of a `player_dataset`.
        predict: scores of shape (rows, 4) for float32 features.
        baseline: gives probabilities of tiers too: the rule "tier of past K/D" as a model.
    """
    groups, tier = test["steam_id"].to_numpy(), test["tier"].to_numpy()
    columns = player_features({field.name: test[field.name].to_numpy(dtype=np.float64) for field in PLAYER_FIELDS})
    features = np.column_stack(columns).astype(np.float32)
    scores = _answer(predict, features)
    against = [
        metrics.tier_log_losses(tier, _answer(rival.predict, features)) for rival in (baseline, champion) if rival
    ]
    differences = [paired(metrics.tier_log_losses(tier, scores), loss, groups, seed=seed) for loss in against]
    return Evidence(
        model=model,
        metrics=metrics.tier_metrics(tier, scores, groups, seed=seed),
        baseline_metrics=metrics.tier_metrics(tier, _answer(baseline.predict, features), groups, seed=seed),
        baseline=baseline.name,
        against_baseline=differences[0],
        audit=audit,
        laws=laws.check_players(predict, seed=seed, features=features),
        slices=slices.player_slices(test, scores, seed=seed),
        ece_floor=metrics.ece_floor(*metrics.top_label(tier, scores), groups, seed=seed),
        against_champion=differences[1] if champion else None,
        champion=champion.name if champion else None,
    )


def _answer(predict: PredictFeatures, features: ArrayLike) -> Floats:
    return np.asarray(predict(np.asarray(features, dtype=np.float32)), dtype=np.float64)


def _difference(losses: Floats, rival_losses: Floats, groups: NDArray[Any], rival: Rival, seed: int) -> Interval:
    """Paired difference on the rows the rival was not made from; NaN where fewer than two groups are left."""
    rows = np.ones(len(losses), dtype=bool) if rival.unseen is None else rival.unseen
    if len(np.unique(groups[rows])) < MIN_COMPARED_GROUPS:
        return Interval(np.nan, np.nan, np.nan)
    return paired(losses[rows], rival_losses[rows], groups[rows], seed=seed)
