"""Everything that is known of a candidate, gathered on the test part: what promotion and the model card rest on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.artifact.spec import ModelSpec
from cs2_pipeline.evaluation import laws, reliability, slices
from cs2_pipeline.evaluation.domain import state_features, states_of
from cs2_pipeline.evaluation.laws import LawResult, PredictFeatures
from cs2_pipeline.game.features import player_features
from cs2_pipeline.game.player import PLAYER_FIELDS
from cs2_pipeline.game.state import OPTIONAL_ROUND_FIELDS
from cs2_pipeline.models.training import Training
from cs2_pipeline.stats import metrics
from cs2_pipeline.stats.comparison import paired
from cs2_pipeline.stats.intervals import Floats, Interval

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
        reliability: `reliability.table` of what was foretold: CT's win, or the likeliest tier.
        probability: given to it, shape (rows,).
        by_rounds: the player model by rounds observed (`models.player.classifier.by_rounds`), on the whole test part.
        min_rounds: from how many rounds on a player model answers.
        constant_inputs: inputs that had one value alone in training, each with it (NaN: never known), and that the
            model reads all the same.
        ignored_inputs: inputs that never varied in training and that the model was therefore trained without.
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
    reliability: pd.DataFrame | None = None
    probability: Floats | None = None
    by_rounds: pd.DataFrame | None = None
    min_rounds: int | None = None
    constant_inputs: Mapping[str, float] = field(default_factory=dict)
    ignored_inputs: Sequence[str] = ()


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


@dataclass(frozen=True)
class Case:
    """What a judge is handed.

    Attributes:
        spec: the model's entry.
        test: the test part of its training table.
        training: what was fitted on the other parts.
        audit: see `Evidence`.
        champion: the present champion as a rival; None where there is none.
        seed: of all resampling.
    """

    spec: ModelSpec
    test: pd.DataFrame
    training: Training
    audit: Sequence[str] | None
    champion: Rival | None
    seed: int


def answers(spec: ModelSpec, artifact: Artifact) -> Callable[[NDArray[np.float32]], Floats]:
    """What a version answers, as a function of a float32 matrix of shape (rows, features of the entry)."""
    return lambda features: artifact.predict(features, spec.features)[spec.output].astype(np.float64)


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
    rows = _Rows(
        features=state_features(states_of(test)),
        truth=test["ct_wins"].to_numpy(),
        groups=test["match_id"].to_numpy(),
        losses=metrics.log_losses,
        measured=metrics.binary_metrics,
        event=metrics.checked_binary,
        seed=seed,
    )
    probability = rows.answer(predict)
    masked = state_features(states_of(test.drop(columns=list(OPTIONAL_ROUND_FIELDS), errors="ignore")))
    return replace(
        _compared(rows, probability, baseline, champion, model=model, audit=audit),
        laws=laws.check(laws.served(predict), seed=seed, snapshots=test),
        slices=slices.round_slices(test, probability, seed=seed),
        metrics_required_only=rows.metrics(replace(rows, features=masked).answer(predict)),
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
    columns = player_features({field.name: test[field.name].to_numpy(dtype=np.float64) for field in PLAYER_FIELDS})
    rows = _Rows(
        features=np.column_stack(columns).astype(np.float32),
        truth=test["tier"].to_numpy(),
        groups=test["steam_id"].to_numpy(),
        losses=metrics.tier_log_losses,
        measured=metrics.tier_metrics,
        event=lambda tier, scores, _: metrics.top_label(tier, scores),
        seed=seed,
    )
    scores = rows.answer(predict)
    return replace(
        _compared(rows, scores, baseline, champion, model=model, audit=audit),
        laws=laws.check_players(predict, seed=seed, features=rows.features),
        slices=slices.player_slices(test, scores, seed=seed),
    )


def of_outcome(case: Case) -> Evidence:
    """Evidence of any model that gives the probability of a label of 0 or 1; its features are columns of the table.

    Its one law is that every answer lies strictly between 0 and 1. Its slices are the whole test part and its earlier
    and later half.
    """
    spec, test = case.spec, case.test.sort_values(case.spec.time, kind="stable")
    rows = _Rows(
        features=test[list(spec.features)].to_numpy(dtype=np.float32),
        truth=test[spec.label].to_numpy(),
        groups=test[spec.group].to_numpy(),
        losses=metrics.log_losses,
        measured=metrics.binary_metrics,
        event=metrics.checked_binary,
        seed=case.seed,
    )
    predict, baseline = answers(spec, case.training.artifact), case.training.baseline
    probability = rows.answer(predict)
    champion = case.champion
    if champion is not None and champion.unseen is not None:
        champion = replace(champion, unseen=pd.Series(champion.unseen, case.test.index).loc[test.index].to_numpy())
    return replace(
        _compared(
            rows, probability, Rival(baseline.name, baseline.predict), champion, model=spec.name, audit=case.audit
        ),
        laws=[laws.check_inside(probability)],
        slices=slices.halves(rows.groups, rows.truth, probability, unit=spec.requirements.unit, seed=case.seed),
    )


@dataclass(frozen=True)
class _Rows:
    """Test rows, and how a kind of model is measured on them.

    Attributes:
        features: float32, shape (rows, features).
        truth: what came, shape (rows,).
        groups: what is resampled as a whole, shape (rows,).
        losses: log loss of each row, for truth and answers.
        measured: metrics, for truth, answers and groups.
        event: for truth, answers and groups, whether what was foretold came (0 or 1) and the probability it was given.
        seed: of all resampling.
    """

    features: NDArray[np.float32]
    truth: NDArray[Any]
    groups: NDArray[Any]
    losses: Callable[[ArrayLike, ArrayLike], Floats]
    measured: Callable[..., dict[str, Interval]]
    event: Callable[[ArrayLike, ArrayLike, ArrayLike], tuple[Floats, Floats]]
    seed: int

    def answer(self, predict: PredictFeatures) -> Floats:
        return np.asarray(predict(np.asarray(self.features, dtype=np.float32)), dtype=np.float64)

    def metrics(self, answer: Floats) -> dict[str, Interval]:
        return self.measured(self.truth, answer, self.groups, seed=self.seed)

    def difference(self, answer: Floats, rival_answer: Floats, unseen: NDArray[np.bool_] | None) -> Interval:
        """Paired difference of log losses on the unseen rows; NaN where fewer than two groups are left."""
        rows = np.ones(len(answer), dtype=bool) if unseen is None else unseen
        if len(np.unique(self.groups[rows])) < MIN_COMPARED_GROUPS:
            return Interval(np.nan, np.nan, np.nan)
        losses, rival_losses = (self.losses(self.truth, one)[rows] for one in (answer, rival_answer))
        return paired(losses, rival_losses, self.groups[rows], seed=self.seed)


def _compared(
    rows: _Rows, answer: Floats, baseline: Rival, champion: Rival | None, *, model: str, audit: Sequence[str] | None
) -> Evidence:
    """The evidence but for laws, slices and what only one kind of model has."""
    by_baseline = rows.answer(baseline.predict)
    outcome, probability = rows.event(rows.truth, answer, rows.groups)
    return Evidence(
        model=model,
        metrics=rows.metrics(answer),
        baseline_metrics=rows.metrics(by_baseline),
        baseline=baseline.name,
        against_baseline=rows.difference(answer, by_baseline, baseline.unseen),
        audit=audit,
        laws=None,
        ece_floor=metrics.ece_floor(outcome, probability, rows.groups, seed=rows.seed),
        reliability=reliability.table(outcome, probability, rows.groups, seed=rows.seed),
        probability=probability,
        against_champion=rows.difference(answer, rows.answer(champion.predict), champion.unseen) if champion else None,
        champion=champion.name if champion else None,
    )
