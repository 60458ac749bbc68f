"""Training of the round model: candidates side by side, the choice between them, and the artifact.

Everything is learned from the matches before the test part, which is never read here. Each candidate is judged on
predictions for matches it was not fitted on (`FOLDS` folds of whole matches); the same predictions calibrate it, and
the network stops early on them. What is served is then fitted on all of those matches.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES, ROUND_FEATURES, round_features
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.game.state import REQUIRED_ROUND_FIELDS
from cs2_pipeline.models import artifact, boosting, networks
from cs2_pipeline.models.artifact import Artifact
from cs2_pipeline.models.boosting import BoostingParams
from cs2_pipeline.models.calibration import Blend, fit_blend, log_loss, sigmoid
from cs2_pipeline.models.networks import NetworkParams
from cs2_pipeline.models.round_graph import INTERVAL_LEVEL, RoundModel
from cs2_pipeline.models.round_inputs import InputMaker, mask
from cs2_pipeline.models.threads import one_thread

NAME: Final = "round_predictor"
FOLDS: Final = 5
MEMBERS_PER_FOLD: Final = 2
MIN_MATCHES: Final = 2 * FOLDS
ROUND_SHARE: Final = 1.0
"""1: the snapshots of a round share one weight while fitting, as they share one outcome; 0: each counts in full.
Calibration and all figures count each snapshot once: that is how often the model is asked."""
PROBE_ROWS: Final = 256

Matrix = NDArray[np.float32]
Array = NDArray[np.float64]
Predict = Callable[[Matrix], Array]
Progress = Callable[[str], None]
_Estimator = TypeVar("_Estimator")
_Views = tuple[Array, Array]
"""Logits of the same rows with all inputs and with the required ones only."""


class TrainingError(ValueError):
    """A dataset no round model can be trained on; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Candidate:
    """A trained model of one kind.

    Attributes:
        name: its kind.
        params: what it was fitted with.
        log_loss: on matches left out, with all inputs.
        log_loss_required: the same with only the ten required inputs.
        train_seconds: wall time of fitting, choosing epochs and calibrating it.
        lawful: whether it keeps the laws of the game by construction; no other can be chosen.
        predict: float32 features (rows, features) -> P(CT), shape (rows,).
    """

    name: str
    params: dict[str, Any]
    log_loss: float
    log_loss_required: float
    train_seconds: float
    lawful: bool
    predict: Predict


@dataclass(frozen=True)
class RoundTraining:
    """What one training run yields.

    Attributes:
        candidates: all that were trained, the baseline among them, in the order of training.
        chosen: the one the artifact holds.
        baseline: logistic regression on the same rows, calibrated the same way.
        artifact: the exported model, loaded from `folder`.
        folder: where it was written.
        train_seconds: wall time of the whole run.
        rows, matches: how much it learned from.
    """

    candidates: tuple[Candidate, ...]
    chosen: Candidate
    baseline: Candidate
    artifact: Artifact
    folder: Path
    train_seconds: float
    rows: int
    matches: int


def feature_matrix(dataset: pd.DataFrame) -> Matrix:
    """Features of the rows of a round dataset, float32 of shape (rows, features)."""
    columns = round_features({name: dataset[name].to_numpy() for name in dataset.columns})
    rows = len(dataset)
    return np.column_stack([np.broadcast_to(np.asarray(column, np.float32), rows) for column in columns])


def train(dataset: pd.DataFrame, *, seed: int, folder: Path, progress: Progress | None = None) -> RoundTraining:
    """Train all candidates, choose one, and write it as an artifact.

    Args:
        dataset: a round dataset; rows whose ``part`` is ``test`` are not read.
        seed: of everything random; same data and seed give the same graph, byte for byte.
        folder: where the artifact is written.
        progress: called with a sentence now and then.

    Raises:
        TrainingError: a column is missing or has holes, too few matches, or only one side ever wins.
    """
    with one_thread():
        return _train(dataset, seed, folder, progress or (lambda _: None))


def _train(dataset: pd.DataFrame, seed: int, folder: Path, say: Progress) -> RoundTraining:
    began = time.perf_counter()
    data = _Data.of(dataset, seed)
    say(f"round model: {len(data.outcome):,} snapshots of {data.matches:,} matches to learn from")
    baseline = _fit_logistic(data)
    fits = _fit_lawful(data, seed, say)
    for candidate in (baseline, *(fitted.candidate for fitted in fits)):
        say(f"{candidate.name}: log loss {candidate.log_loss:.4f}, required only {candidate.log_loss_required:.4f}")
    chosen = _choose(fits)
    say(f"chosen: {chosen.candidate.name}")
    probe = data.probe(PROBE_ROWS)
    written = artifact.write(
        folder,
        name=NAME,
        graph=chosen.model.graph(),
        features=ROUND_FEATURES,
        probe=probe,
        expected=chosen.model.predict(probe),
        seed=seed,
        candidate=chosen.candidate.name,
        params=chosen.candidate.params,
        matches=data.matches,
        rows=len(data.outcome),
        interval_level=INTERVAL_LEVEL,
    )
    return RoundTraining(
        candidates=(baseline, *(fitted.candidate for fitted in fits)),
        chosen=chosen.candidate,
        baseline=baseline,
        artifact=written,
        folder=folder,
        train_seconds=time.perf_counter() - began,
        rows=len(data.outcome),
        matches=data.matches,
    )


def _fit_lawful(data: "_Data", seed: int, say: Progress) -> "list[_Fitted]":
    """The candidates that may be served: the network, the trees, and both with the weights that suit them best."""
    network, trees = _fit_network(data, seed, say), _fit_boosting(data, seed, say)
    return [
        _weighed(data, network.name, network.params, network, trees, which=(True, False)),
        _weighed(data, trees.name, trees.params, network, trees, which=(False, True)),
        _weighed(data, "network and boosting", {}, network, trees, which=(True, True)),
    ]


@dataclass(frozen=True)
class _Data:
    """The rows to learn from, as they are and with optional inputs hidden.

    `weight` is what a row counts while fitting; `match` numbers matches from 0; `fold` keeps whole matches together.
    """

    features: Matrix
    hidden: Matrix
    outcome: Array
    weight: Array
    match: NDArray[np.int64]
    fold: NDArray[np.int64]

    @property
    def matches(self) -> int:
        return int(self.match.max()) + 1

    @classmethod
    def of(cls, dataset: pd.DataFrame, seed: int) -> "_Data":
        _require(dataset)
        rows = dataset[dataset["part"] != "test"]
        ids, match = np.unique(rows["match_id"].to_numpy(), return_inverse=True)
        if len(ids) < MIN_MATCHES:
            raise TrainingError(
                f"the round dataset has {len(ids)} matches before its test part; training needs {MIN_MATCHES}: "
                "extract more days or simulate more matches"
            )
        outcome = rows["ct_wins"].to_numpy().astype(np.float64)
        if outcome.min() == outcome.max():
            side = "CT" if outcome[0] else "T"
            raise TrainingError(f"{side} wins every round of the round dataset: check how its labels were read")
        fold = np.random.default_rng(seed).permutation(len(ids)) % FOLDS
        features = feature_matrix(rows)
        weight = rows.groupby("round_id")["round_id"].transform("size").to_numpy(np.float64) ** -ROUND_SHARE
        return cls(features, mask(features), outcome, weight / weight.mean(), match, fold[match])

    def partly_hidden(self, random: np.random.Generator) -> Matrix:
        """The rows with optional inputs missing: all of them in half the rows, some of them in a quarter."""
        kind, drop = random.random(len(self.features)), random.random((len(self.features), len(ROUND_FEATURES))) < 0.5
        drop[kind < 0.5] = True
        drop[kind > 0.75] = False
        drop[:, : -len(OPTIONAL_ROUND_FEATURES)] = False
        return np.where(drop, self.hidden, self.features)

    def probe(self, rows: int) -> Matrix:
        """Real rows spread over the table, every other one with its optional inputs missing."""
        chosen = np.linspace(0, len(self.features) - 1, min(rows, len(self.features))).astype(np.int64)
        return np.where(np.arange(len(chosen))[:, None] % 2 == 0, self.features[chosen], self.hidden[chosen])


def _require(dataset: pd.DataFrame) -> None:
    """Refuse a dataset without a column training needs, or with holes in one that must be whole."""
    for name in (*REQUIRED_ROUND_FIELDS, "map_index", "match_id", "round_id", "part", "ct_wins"):
        if name not in dataset.columns:
            raise TrainingError(f"the round dataset has no column {name}: build it again with datasets.rounds")
        missing = int(dataset[name].isna().sum())
        if missing:
            raise TrainingError(
                f"the round dataset's column {name} is missing in {missing} row{'s'[: missing != 1]}: "
                "snapshots must carry every required field"
            )


@dataclass(frozen=True)
class _Part(Generic[_Estimator]):
    """An estimator fitted on all matches, with what it says, uncalibrated, of matches when they were left out."""

    name: str
    params: dict[str, Any]
    estimator: _Estimator
    left_out: _Views
    seconds: float


@dataclass(frozen=True)
class _Fitted:
    candidate: Candidate
    model: RoundModel


def _calibrated(data: _Data, parts: list[_Views]) -> tuple[Blend, tuple[float, float]]:
    """Blend parts on matches they left out, both views alike; the blend and its log loss on each view."""
    blend = fit_blend(tuple(np.concatenate(views) for views in parts), np.tile(data.outcome, 2))
    with_all, required = (log_loss(data.outcome, blend(*logits)) for logits in zip(*parts, strict=True))
    return blend, (with_all, required)


def _weighed(
    data: _Data,
    name: str,
    params: dict[str, Any],
    network: _Part[networks.RoundPredictor],
    trees: _Part[HistGradientBoostingClassifier],
    *,
    which: tuple[bool, bool],
) -> _Fitted:
    """A candidate of the network, the trees, or both. The other still takes part in its interval."""
    parts = [part for part, speaks in ((network, which[0]), (trees, which[1])) if speaks]
    blend, losses = _calibrated(data, [part.left_out for part in parts])
    weights = iter(blend.weights)
    network_weight, trees_weight = (next(weights) if speaks else 0.0 for speaks in which)
    model = RoundModel(network.estimator, trees.estimator, network_weight, trees_weight, blend.offset)
    described = {**params, "network_weight": network_weight, "trees_weight": trees_weight, "offset": blend.offset}
    seconds = sum(part.seconds for part in parts)
    return _Fitted(Candidate(name, described, *losses, seconds, lawful=True, predict=model.probability), model)


def _fit_logistic(data: _Data) -> Candidate:
    """The baseline: scaled inputs, a mark for each missing one, maps one by one."""
    began = time.perf_counter()

    def fit(rows: NDArray[np.bool_]) -> Pipeline:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        inputs = np.vstack([data.features[rows], data.hidden[rows]])
        outcome, weight = (np.tile(values[rows], 2) for values in (data.outcome, data.weight))
        return model.fit(_linear_inputs(inputs), outcome, logisticregression__sample_weight=weight)

    left_out = _left_out(data, fit, lambda model, view: model.decision_function(_linear_inputs(view)))
    final = fit(np.ones(len(data.outcome), bool))
    blend, losses = _calibrated(data, [left_out])
    params = {"C": 1.0, "slope": blend.slope, "offset": blend.offset}

    def predict(features: Matrix) -> Array:
        return sigmoid(blend(final.decision_function(_linear_inputs(features))))

    seconds = time.perf_counter() - began
    return Candidate("logistic regression", params, *losses, seconds, lawful=False, predict=predict)


def _left_out(
    data: _Data, fit: Callable[[NDArray[np.bool_]], _Estimator], logits: Callable[[_Estimator, Matrix], Array]
) -> _Views:
    """Logits of every row from a model fitted on the other folds, for both views."""
    views = np.empty(len(data.outcome)), np.empty(len(data.outcome))
    for fold in range(FOLDS):
        rows = data.fold == fold
        model = fit(~rows)
        for view, logit in zip((data.features, data.hidden), views, strict=True):
            logit[rows] = logits(model, view[rows])
    return views


def _linear_inputs(features: Matrix) -> Array:
    numbers = np.delete(features, ROUND_FEATURES.index("map_index"), axis=1).astype(np.float64)
    is_map = features[:, [ROUND_FEATURES.index("map_index")]] == np.arange(len(MAPS) + 1)
    missing = np.isnan(numbers[:, -(len(OPTIONAL_ROUND_FEATURES) - 1) :])
    return np.column_stack([np.nan_to_num(numbers), missing, is_map])


def _fit_network(data: _Data, seed: int, say: Progress) -> _Part[networks.RoundPredictor]:
    """The ensemble: each member leaves one fold out, and all of them together are the model."""
    began = time.perf_counter()
    params, random = NetworkParams(), np.random.default_rng(seed)
    members = FOLDS * MEMBERS_PER_FOLD
    seen = data.fold[:, None] != np.arange(members) % FOLDS
    inputs_of = InputMaker()
    views = inputs_of(data.features), inputs_of(data.hidden)

    def left_out(network: networks.RoundPredictor) -> _Views:
        logits = [(network.logits(view) * ~seen).sum(axis=1) / MEMBERS_PER_FOLD for view in views]
        return logits[0], logits[1]

    network, epochs = networks.fit(
        lambda _: inputs_of(_mostly_whole(data, random)),
        data.outcome,
        seen * data.weight[:, None],
        params=params,
        seed=seed,
        monitor=lambda network: float(np.mean([log_loss(data.outcome, logit) for logit in left_out(network)])),
        progress=say,
    )
    described = {**asdict(params), "members": members, "epochs_used": epochs}
    return _Part("monotone network", described, network, left_out(network), time.perf_counter() - began)


def _mostly_whole(data: _Data, random: np.random.Generator) -> Matrix:
    whole = random.random(len(data.features)) < 0.5
    return np.where(whole[:, None], data.features, data.partly_hidden(random))


def _fit_boosting(data: _Data, seed: int, say: Progress) -> _Part[HistGradientBoostingClassifier]:
    """Trees on each row twice: as it is, and with optional inputs missing."""
    began = time.perf_counter()
    params = BoostingParams()
    partly = data.partly_hidden(np.random.default_rng(seed))

    def fit(rows: NDArray[np.bool_]) -> HistGradientBoostingClassifier:
        inputs = np.vstack([data.features[rows], partly[rows]])
        outcome, weight = (np.tile(values[rows], 2) for values in (data.outcome, data.weight))
        return boosting.fit(inputs, outcome, weight, params=params, seed=seed)

    say(f"gradient boosting: {FOLDS} folds of matches, then all")
    left_out = _left_out(data, fit, boosting.logits)
    final = fit(np.ones(len(data.outcome), bool))
    return _Part("gradient boosting", asdict(params), final, left_out, time.perf_counter() - began)


def _choose(fits: list[_Fitted]) -> _Fitted:
    """The one with the least loss, the mean of both views."""
    return min(fits, key=lambda fitted: fitted.candidate.log_loss + fitted.candidate.log_loss_required)
