"""Training of the round model: candidates side by side, the choice between them, and the artifact.

Everything is learned from the matches before the test part, which is never read here. Each candidate is judged on
predictions for matches it was not fitted on (`FOLDS` folds of whole matches); the same predictions calibrate it. What
is served is then fitted on all of those matches.
"""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from cs2_pipeline.artifact import artifact
from cs2_pipeline.game.features import OPTIONAL_ROUND_FEATURES, ROUND_FEATURES, round_features
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.game.state import REQUIRED_ROUND_FIELDS
from cs2_pipeline.models.calibration import Blend, fit_blend, sigmoid
from cs2_pipeline.models.round import boosting, networks
from cs2_pipeline.models.round.boosting import BoostingParams, RoundTrees
from cs2_pipeline.models.round.graph import INTERVAL_LEVEL, RoundModel, Weights
from cs2_pipeline.models.round.inputs import InputMaker, hidden_share, mask
from cs2_pipeline.models.round.networks import NetworkParams
from cs2_pipeline.models.threads import one_thread
from cs2_pipeline.models.training import Candidate, Progress, Training, TrainingError
from cs2_pipeline.stats.metrics import logit_log_loss

NAME: Final = "round_predictor"
FOLDS: Final = 5
MEMBERS_PER_FOLD: Final = 2
NO_FOLD: Final = FOLDS
"""Left out by what learns from all matches."""
MIN_MATCHES: Final = 2 * FOLDS
FITTED_ROWS: Final = 100_000
"""Rows that one copy of a table for trees or baseline holds, drawn at random where there are more."""
JUDGED_ROWS: Final = 100_000
"""Rows, spread evenly over the table, that candidates are judged and calibrated on where there are more."""
NOT_NOISE: Final = 0.5
"""Share of the variance between answers with and without the optional inputs that is taken for what those inputs say;
the rest is the noise of both. Found together with `round_graph.SPREAD_SCALE`."""
PROBE_ROWS: Final = 256

Matrix = NDArray[np.float32]
Array = NDArray[np.float64]
Predict = Callable[[Matrix], Array]
_Estimator = TypeVar("_Estimator")
_Views = tuple[Array, Array]
"""Logits of the same rows with all inputs and with the required ones only."""


@dataclass(frozen=True, kw_only=True)
class RoundTraining(Training):
    """A training of the round model; the baseline is logistic regression on the same rows, calibrated the same way.

    Attributes:
        matches: how many matches it learned from.
    """

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
    baseline = _fit_logistic(data, seed)
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
    trees, foreseen = _fit_boosting(data, seed, say)
    network = _fit_network(data, foreseen, seed, say)
    return [
        _weighed(data, network.name, network.params, network, trees, which=(True, False)),
        _weighed(data, trees.name, trees.params, network, trees, which=(False, True)),
        _weighed(data, "network and boosting", {}, network, trees, which=(True, True)),
    ]


@dataclass(frozen=True)
class _Data:
    """The rows to learn from, as they are and with optional inputs hidden.

    `following` is the row of the round's next moment, -1 where there is none; `match` numbers matches from 0;
    `fold` keeps whole matches together; `judged` are the numbers of the rows that candidates are judged on.
    """

    features: Matrix
    hidden: Matrix
    outcome: Array
    following: NDArray[np.int64]
    match: NDArray[np.int64]
    fold: NDArray[np.int64]
    judged: NDArray[np.int64]

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
        rounds = rows["round_id"].to_numpy()
        goes_on = np.append(rounds[:-1] == rounds[1:], False)
        following = np.where(goes_on, np.arange(1, len(rounds) + 1), -1)
        judged = np.linspace(0, len(rows) - 1, min(len(rows), JUDGED_ROWS)).astype(np.int64)
        return cls(features, mask(features), outcome, following, match, fold[match], judged)

    @property
    def judged_views(self) -> tuple[Matrix, Matrix]:
        return self.features[self.judged], self.hidden[self.judged]

    def without(self, fold: int, random: np.random.Generator) -> NDArray[np.int64]:
        """Numbers of the rows outside a fold, at most `FITTED_ROWS` of them."""
        rows = np.flatnonzero(self.fold != fold)
        return rows if len(rows) <= FITTED_ROWS else np.sort(random.choice(rows, FITTED_ROWS, replace=False))

    def shown(self, rows: NDArray[np.int64], random: np.random.Generator, *, none: float, some: float) -> Matrix:
        """Features of rows, in shares of them with none of the optional inputs, or with each at even odds."""
        kind, hide = random.random((len(rows), 1)), random.random((len(rows), len(ROUND_FEATURES))) < 0.5
        hide = (kind < none) | ((kind < none + some) & hide)
        hide[:, : -len(OPTIONAL_ROUND_FEATURES)] = False
        return np.where(hide, self.hidden[rows], self.features[rows])

    def next_of(self, price: Array) -> Array:
        """What the prices of all rows say of each row's next moment: its price, or the outcome where none follows."""
        return np.where(self.following < 0, self.outcome, price[self.following])

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


def _calibrated(data: _Data, parts: list[_Views]) -> tuple[tuple[Blend, Blend], tuple[float, float]]:
    """Blend parts on matches they left out, each view for itself; the blends and their log losses."""
    outcome = data.outcome[data.judged]
    views = list(zip(*parts, strict=True))
    blends = [fit_blend(logits, outcome) for logits in views]
    losses = [logit_log_loss(outcome, blend(*logits)) for blend, logits in zip(blends, views, strict=True)]
    return (blends[0], blends[1]), (losses[0], losses[1])


def _weighed(
    data: _Data,
    name: str,
    params: dict[str, Any],
    network: _Part[networks.RoundPredictor],
    trees: _Part[RoundTrees],
    *,
    which: tuple[bool, bool],
) -> _Fitted:
    """A candidate of the network, the trees, or both. The other still takes part in its interval."""
    parts = [part for part, speaks in ((network, which[0]), (trees, which[1])) if speaks]
    blends, losses = _calibrated(data, [part.left_out for part in parts])

    def weights(blend: Blend) -> Weights:
        left = iter(blend.weights)
        network_weight, trees_weight = (next(left) if speaks else 0.0 for speaks in which)
        return Weights(network_weight, trees_weight, blend.offset)

    informed, required = map(weights, blends)
    change = informed.total * (network.left_out[0] - network.left_out[1])
    unsaid = NOT_NOISE * float(np.mean(change**2))
    model = RoundModel(network.estimator, trees.estimator, informed, required, unsaid)
    described = {**params, "all_inputs": informed._asdict(), "required_only": required._asdict(), "unsaid": unsaid}
    seconds = sum(part.seconds for part in parts)
    return _Fitted(Candidate(name, described, *losses, seconds, model.probability), model)


def _fit_logistic(data: _Data, seed: int) -> Candidate:
    """The baseline: scaled inputs, a mark for each missing one, maps one by one."""
    began = time.perf_counter()

    random = np.random.default_rng(seed)

    def fit(fold: int) -> Pipeline:
        drawn = data.without(fold, random)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        inputs = np.vstack([data.features[drawn], data.hidden[drawn]])
        return model.fit(_linear_inputs(inputs), np.tile(data.outcome[drawn], 2))

    left_out = np.empty((2, len(data.judged)))
    for fold in range(FOLDS):
        judged = data.fold[data.judged] == fold
        model = fit(fold)
        for view, logits in zip(data.judged_views, left_out, strict=True):
            logits[judged] = model.decision_function(_linear_inputs(view[judged]))
    final = fit(NO_FOLD)
    (informed, required), losses = _calibrated(data, [(left_out[0], left_out[1])])
    params = {"C": 1.0, "all_inputs": asdict(informed), "required_only": asdict(required)}

    def predict(features: Matrix) -> Array:
        logit, plain = final.decision_function(_linear_inputs(features)), hidden_share(features) == 1
        return sigmoid(np.where(plain, required(logit), informed(logit)))

    seconds = time.perf_counter() - began
    return Candidate("logistic regression", params, *losses, seconds, predict)


def _linear_inputs(features: Matrix) -> Array:
    numbers = np.delete(features, ROUND_FEATURES.index("map_index"), axis=1).astype(np.float64)
    is_map = features[:, [ROUND_FEATURES.index("map_index")]] == np.arange(len(MAPS) + 1)
    missing = np.isnan(numbers[:, -(len(OPTIONAL_ROUND_FEATURES) - 1) :])
    return np.column_stack([np.nan_to_num(numbers), missing, is_map])


def _fit_network(data: _Data, foreseen: Array, seed: int, say: Progress) -> _Part[networks.RoundPredictor]:
    """The ensemble: each member leaves one fold out, and all of them together are the model.

    It is fitted twice: a teacher, in half the steps, to what the trees say of each row's next moment; then the
    network itself to what the teacher says of it.

    Args:
        foreseen: what the trees that left a fold out say of each row's next moment, shape (rows, folds).
    """
    began = time.perf_counter()
    params, random, inputs_of = NetworkParams(), np.random.default_rng(seed), InputMaker()
    members = FOLDS * MEMBERS_PER_FOLD
    leaves = np.arange(members) % FOLDS

    def fit(prices: Array, params: NetworkParams, seed: int) -> networks.RoundPredictor:
        def draw(count: int) -> networks.Drawn:
            rows = random.integers(len(data.outcome), size=count)
            inputs = inputs_of(data.shown(rows, random, none=0.25, some=0.125))
            return networks.Drawn(*inputs, prices[rows][:, leaves], data.fold[rows, None] != leaves)

        return networks.fit(draw, members, len(data.outcome), params=params, seed=seed, progress=say)

    teacher = fit(foreseen, replace(params, steps=params.steps // 2), seed)
    pieces = np.array_split(data.features, math.ceil(len(data.features) / JUDGED_ROWS))
    now = sigmoid(np.concatenate([teacher.logits(inputs_of(piece)) for piece in pieces]))
    taught = [data.next_of(now[:, leaves == fold].mean(axis=1)) for fold in range(FOLDS)]
    network = fit(np.column_stack(taught), params, seed + 1)
    left_out = data.fold[data.judged, None] == leaves
    logits = [(network.logits(inputs_of(view)) * left_out).sum(axis=1) / MEMBERS_PER_FOLD for view in data.judged_views]
    described = {**asdict(params), "members": members}
    return _Part("monotone network", described, network, (logits[0], logits[1]), time.perf_counter() - began)


def _fit_boosting(data: _Data, seed: int, say: Progress) -> tuple[_Part[RoundTrees], Array]:
    """Trees on all rows, judged by trees that left a fold of matches out; and what those say of each next moment."""
    began = time.perf_counter()
    params = BoostingParams()
    say(f"gradient boosting: {FOLDS} folds of matches, then all")

    def fit(fold: int) -> RoundTrees:
        with threadpool_limits(limits=1, user_api="openmp"):  # counts for this thread alone
            return _grown(data, fold, params, np.random.default_rng((seed, fold)))

    with ThreadPoolExecutor(2) as pool:
        *by_fold, final = pool.map(fit, (*range(FOLDS), NO_FOLD))
    logits = np.empty((2, len(data.judged)))
    foreseen = np.empty((len(data.outcome), FOLDS))
    for fold, trees in enumerate(by_fold):
        foreseen[:, fold] = data.next_of(sigmoid(trees.logits(data.features)))
        judged = data.fold[data.judged] == fold
        for view, left_out in zip(data.judged_views, logits, strict=True):
            left_out[judged] = trees.logits(view[judged])
    part = _Part("gradient boosting", asdict(params), final, (logits[0], logits[1]), time.perf_counter() - began)
    return part, foreseen


def _grown(data: _Data, fold: int, params: BoostingParams, random: np.random.Generator) -> RoundTrees:
    """Trees that leave a fold out: some on rows as they are and with inputs missing, some on required inputs only."""
    whole, partly, plain = (data.without(fold, random) for _ in range(3))
    inputs = np.vstack([data.features[whole], data.shown(partly, random, none=0, some=0.5)])
    outcome = data.outcome[np.concatenate([whole, partly])]
    seed = int(random.integers(2**31))
    return RoundTrees(
        boosting.fit(inputs, outcome, params=params, seed=seed),
        boosting.fit(
            data.hidden[plain, : -len(OPTIONAL_ROUND_FEATURES)], data.outcome[plain], params=params, seed=seed
        ),
    )


def _choose(fits: list[_Fitted]) -> _Fitted:
    """The one with the least loss, the mean of both views."""
    return min(fits, key=lambda fitted: fitted.candidate.log_loss + fitted.candidate.log_loss_required)
