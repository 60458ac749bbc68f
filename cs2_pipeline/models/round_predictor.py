"""Training of the round model: candidates side by side, the choice between them, and the artifact.

Everything is learned from the matches before the test part, which is never read here. Each candidate is judged on
predictions for matches it was not fitted on (`FOLDS` folds of whole matches); the same predictions calibrate it, and
the network stops early on them. What is served is then fitted on all of those matches.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES, ROUND_FEATURES, round_features
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.game.state import REQUIRED_ROUND_FIELDS
from cs2_pipeline.models import artifact, boosting, networks
from cs2_pipeline.models.artifact import Artifact
from cs2_pipeline.models.boosting import BoostingParams
from cs2_pipeline.models.calibration import Platt, fit_platt, log_loss, sigmoid
from cs2_pipeline.models.networks import NetworkParams
from cs2_pipeline.models.round_graph import INTERVAL_LEVEL, RoundModel
from cs2_pipeline.models.round_inputs import InputMaker, mask
from cs2_pipeline.models.threads import one_thread

NAME: Final = "round_predictor"
FOLDS: Final = 5
MEMBERS_PER_FOLD: Final = 2
MIN_MATCHES: Final = 2 * FOLDS
GAIN_FOR_COST: Final = 0.0005
"""Log loss by which a candidate must beat a quicker one to be preferred to it."""
PROBE_ROWS: Final = 256

Matrix = NDArray[np.float32]
Array = NDArray[np.float64]
Predict = Callable[[Matrix], Array]
Progress = Callable[[str], None]


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
    """The candidates that may be served, the quickest to serve first."""
    network = _fit_network(data, seed, say)
    trees = _fit_boosting(data, network, seed, say)
    return [network, trees, _average(data, network, trees)]


@dataclass(frozen=True)
class _Data:
    """The rows to learn from. `match` numbers the matches from 0; `fold` is one per row, whole matches together."""

    features: Matrix
    hidden: Matrix
    outcome: Array
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
        return cls(features, mask(features), outcome, match, fold[match])

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
    for name in (*REQUIRED_ROUND_FIELDS, "map_index", "match_id", "part", "ct_wins"):
        if name not in dataset.columns:
            raise TrainingError(f"the round dataset has no column {name}: build it again with datasets.rounds")
        missing = int(dataset[name].isna().sum())
        if missing:
            raise TrainingError(
                f"the round dataset's column {name} is missing in {missing} row{'s'[: missing != 1]}: "
                "snapshots must carry every required field"
            )


@dataclass(frozen=True)
class _Fitted:
    """A candidate with what is needed to average and to export it.

    `left_out` holds uncalibrated logits for rows of matches not fitted on: with all inputs, with the required only.
    """

    candidate: Candidate
    left_out: tuple[Array, Array]
    model: RoundModel


def _judged(
    data: _Data, name: str, params: dict[str, Any], left_out: tuple[Array, Array], began: float
) -> tuple[Candidate, Platt]:
    """Calibrate on predictions for matches left out, and measure there."""
    calibrator = fit_platt(np.concatenate(left_out), np.concatenate([data.outcome, data.outcome]))
    losses = [log_loss(data.outcome, calibrator(logit)) for logit in left_out]
    params = {**params, "platt_slope": calibrator.slope, "platt_offset": calibrator.offset}
    candidate = Candidate(
        name, params, losses[0], losses[1], time.perf_counter() - began, lawful=True, predict=_not_yet
    )
    return candidate, calibrator


def _not_yet(_: Matrix) -> Array:
    raise AssertionError("a candidate is judged before it is fitted on all matches")


def _fit_logistic(data: _Data) -> Candidate:
    """The baseline: scaled inputs, a mark for each missing one, maps one by one."""
    began = time.perf_counter()

    def fit(rows: NDArray[np.bool_]) -> Pipeline:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        inputs = np.vstack([data.features[rows], data.hidden[rows]])
        return model.fit(_linear_inputs(inputs), np.tile(data.outcome[rows], 2))

    left_out = (np.empty(len(data.outcome)), np.empty(len(data.outcome)))
    for fold in range(FOLDS):
        model, rows = fit(data.fold != fold), data.fold == fold
        for view, logit in zip((data.features, data.hidden), left_out, strict=True):
            logit[rows] = model.decision_function(_linear_inputs(view[rows]))
    final = fit(np.ones(len(data.outcome), bool))
    candidate, calibrator = _judged(data, "logistic regression", {"C": 1.0}, left_out, began)

    def predict(features: Matrix) -> Array:
        return sigmoid(calibrator(final.decision_function(_linear_inputs(features))))

    return replace(candidate, lawful=False, predict=predict)


def _linear_inputs(features: Matrix) -> Array:
    numbers = np.delete(features, ROUND_FEATURES.index("map_index"), axis=1).astype(np.float64)
    is_map = features[:, [ROUND_FEATURES.index("map_index")]] == np.arange(len(MAPS) + 1)
    missing = np.isnan(numbers[:, -(len(OPTIONAL_ROUND_FEATURES) - 1) :])
    return np.column_stack([np.nan_to_num(numbers), missing, is_map])


def _fit_network(data: _Data, seed: int, say: Progress) -> _Fitted:
    """The ensemble: each member leaves one fold out, and all of them together are the model."""
    began = time.perf_counter()
    params, random = NetworkParams(), np.random.default_rng(seed)
    members = FOLDS * MEMBERS_PER_FOLD
    seen = data.fold[:, None] != np.arange(members) % FOLDS
    inputs_of = InputMaker()
    views = inputs_of(data.features), inputs_of(data.hidden)

    def left_out(network: networks.RoundPredictor) -> tuple[Array, Array]:
        logits = [(network.logits(view) * ~seen).sum(axis=1) / MEMBERS_PER_FOLD for view in views]
        return logits[0], logits[1]

    network, epochs = networks.fit(
        lambda _: inputs_of(_mostly_whole(data, random)),
        data.outcome,
        seen.astype(np.float64),
        params=params,
        seed=seed,
        monitor=lambda network: float(np.mean([log_loss(data.outcome, logit) for logit in left_out(network)])),
        progress=say,
    )
    described = {**asdict(params), "members": members, "epochs_used": epochs}
    candidate, calibrator = _judged(data, "monotone network", described, left_out(network), began)
    model = RoundModel(calibrator, network, network_share=1.0)
    return _Fitted(replace(candidate, predict=model.probability), left_out(network), model)


def _mostly_whole(data: _Data, random: np.random.Generator) -> Matrix:
    whole = random.random(len(data.features)) < 0.5
    return np.where(whole[:, None], data.features, data.partly_hidden(random))


def _fit_boosting(data: _Data, network: _Fitted, seed: int, say: Progress) -> _Fitted:
    began = time.perf_counter()
    params = BoostingParams()
    partly = data.partly_hidden(np.random.default_rng(seed))

    def fit(rows: NDArray[np.bool_]) -> Any:
        inputs = np.vstack([data.features[rows], partly[rows]])
        return boosting.fit(inputs, np.tile(data.outcome[rows], 2), params=params, seed=seed)

    left_out = (np.empty(len(data.outcome)), np.empty(len(data.outcome)))
    for fold in range(FOLDS):
        say(f"gradient boosting: fold {fold + 1} of {FOLDS}")
        model, rows = fit(data.fold != fold), data.fold == fold
        for view, logit in zip((data.features, data.hidden), left_out, strict=True):
            logit[rows] = boosting.logits(model, view[rows])
    final = fit(np.ones(len(data.outcome), bool))
    candidate, calibrator = _judged(data, "gradient boosting", asdict(params), left_out, began)
    model = RoundModel(calibrator, network.model.network, network_share=0.0, trees=final)
    return _Fitted(replace(candidate, predict=model.probability), left_out, model)


def _average(data: _Data, network: _Fitted, trees: _Fitted) -> _Fitted:
    """The mean of both logits, calibrated anew."""
    began = time.perf_counter()
    full, required = ((a + b) / 2 for a, b in zip(network.left_out, trees.left_out, strict=True))
    left_out = (full, required)
    candidate, calibrator = _judged(data, "network and boosting", {"network_share": 0.5}, left_out, began)
    seconds = candidate.train_seconds + network.candidate.train_seconds + trees.candidate.train_seconds
    model = RoundModel(calibrator, network.model.network, network_share=0.5, trees=trees.model.trees)
    return _Fitted(replace(candidate, train_seconds=seconds, predict=model.probability), left_out, model)


def _choose(fits: list[_Fitted]) -> _Fitted:
    """The one with the least loss, the mean of both views, unless one that is quicker to serve is about as good."""
    best = min(_loss(fitted.candidate) for fitted in fits)
    return next(fitted for fitted in fits if _loss(fitted.candidate) <= best + GAIN_FOR_COST)


def _loss(candidate: Candidate) -> float:
    return (candidate.log_loss + candidate.log_loss_required) / 2
