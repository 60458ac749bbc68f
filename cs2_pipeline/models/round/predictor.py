"""Training of the round model: candidates side by side, the choice between them, and the artifact.

Everything is learned from the matches before the test part, which is never read here. Each candidate is judged on
predictions for matches it was not fitted on (`FOLDS` folds of whole matches); the same predictions calibrate it. What
is served, a network that learned what the best of the slow ones says, is then fitted on all of those matches.
"""

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from cs2_pipeline.artifact import artifact
from cs2_pipeline.game.features import MISSING_ROUND_FEATURES, OPTIONAL_ROUND_FEATURES, ROUND_FEATURES
from cs2_pipeline.game.maps import MAPS
from cs2_pipeline.models.calibration import Blend, fit_blend, sigmoid
from cs2_pipeline.models.onnx_export import blind
from cs2_pipeline.models.round import boosting, networks
from cs2_pipeline.models.round.boosting import BoostingParams, RoundTrees
from cs2_pipeline.models.round.graph import RoundModel
from cs2_pipeline.models.round.inputs import LEAST, InputMaker, Inputs, hidden_share, mask, network_reach
from cs2_pipeline.models.round.networks import NetworkParams
from cs2_pipeline.models.round.rows import FOLDS, JUDGED_ROWS, NO_FOLD, Rows
from cs2_pipeline.models.round.teacher import INTERVAL_LEVEL, MAX_REACH, Teacher, Weights
from cs2_pipeline.models.threads import one_thread
from cs2_pipeline.models.training import Candidate, Curve, Progress, Training
from cs2_pipeline.stats.metrics import logit_log_loss

NAME: Final = "round_predictor"
MEMBERS_PER_FOLD: Final = 2
NOT_NOISE: Final = 0.5
"""Share of the variance between answers with and without the optional inputs that is taken for what those inputs say;
the rest is the noise of both. Found together with `teacher.SPREAD_SCALE`."""
STUDENT: Final = NetworkParams(hidden=(64, 32), weight_decay=0.0, context_decay=0.0)
TAUGHT_REACH: Final = 0.87
"""Share of the teacher's reach that the student is taught. It learns the reach without its noise, and an interval whose
width does not vary by chance holds the truth more often. Found on play whose truth is known; docs/round-model.md."""
SHOWN: Final = (0.4, 0.45, 0.15)
"""How often the student is shown a state with all inputs, with the required ones only, with some of the others."""
WHOLE_STATE: Final = 0.5
"""Weight of the price of the whole state in what the student is taught of it with the required inputs only. Averaged
over states that differ in the optional inputs only, both prices are the same, and that of the whole state has less
noise. Half and half was better on matches left out than the price without the optional inputs alone."""
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
    data = Rows.of(dataset, seed)
    say(f"round model: {len(data.outcome):,} snapshots of {data.matches:,} matches to learn from")
    if data.unlearned:
        say(f"learning without {', '.join(data.unlearned)}: the same in all of them, or never known")
    baseline = _fit_logistic(data, seed)
    lessons = _fit_teachers(data, seed, say)
    student, model = _fit_student(data, lessons, seed, say)
    candidates = tuple(_blind(one, data.unlearned) for one in (baseline, *lessons.candidates, student))
    for candidate in candidates:
        say(f"{candidate.name}: log loss {candidate.log_loss:.4f}, required only {candidate.log_loss_required:.4f}")
    probe = data.probe(PROBE_ROWS)
    written = artifact.write(
        folder,
        name=NAME,
        graph=blind(
            model.graph(),
            {ROUND_FEATURES.index(name): MISSING_ROUND_FEATURES[name] for name in data.unlearned},
            len(ROUND_FEATURES),
        ),
        features=ROUND_FEATURES,
        probe=probe,
        expected=model.predict(probe),
        seed=seed,
        candidate=student.name,
        params=student.params,
        matches=data.matches,
        rows=len(data.outcome),
        interval_level=INTERVAL_LEVEL,
        ignored_inputs=["map_name" if name == "map_index" else name for name in data.unlearned],
    )
    return RoundTraining(
        candidates=candidates,
        chosen=candidates[-1],
        baseline=candidates[0],
        artifact=written,
        folder=folder,
        train_seconds=time.perf_counter() - began,
        rows=len(data.outcome),
        matches=data.matches,
    )


def _blind(candidate: Candidate, unlearned: tuple[str, ...]) -> Candidate:
    """The candidate as it is asked: what it learned nothing of is missing."""
    return replace(candidate, predict=lambda features: candidate.predict(mask(features, unlearned)))


@dataclass(frozen=True)
class _Part(Generic[_Estimator]):
    """An estimator fitted on all matches, with what it says, uncalibrated, of matches when they were left out."""

    name: str
    params: dict[str, Any]
    estimator: _Estimator
    left_out: _Views
    seconds: float
    curves: Mapping[str, Curve] = field(default_factory=dict)


@dataclass(frozen=True)
class _Teachers:
    """The teacher of the served network, and those that each left a fold out: the same blend of fewer parts.

    Attributes:
        teacher: learned from all matches.
        trees: of each fold, fitted without it.
        candidates: the parts and their blend, as they were judged.
    """

    teacher: Teacher
    trees: tuple[RoundTrees, ...]
    candidates: tuple[Candidate, ...]

    def say(self, features: Matrix) -> tuple[Array, Array]:
        """What the teacher of each fold says of states, and the teacher of all matches: logits and their reach, shape
        (rows, folds + 1) each.
        """
        members = self.teacher.network.price_logits(InputMaker()(features))
        said = [
            self.teacher.combine(members[:, _leaves(members.shape[1]) == fold], trees.logits(features), features)
            for fold, trees in enumerate(self.trees)
        ]
        said.append(self.teacher.combine(members, self.teacher.trees.logits(features), features))
        logits, reach = (np.column_stack(parts) for parts in zip(*said, strict=True))
        return logits, reach


def _leaves(members: int) -> NDArray[np.int64]:
    """The fold that each member of the networks leaves out."""
    return np.arange(members) % FOLDS


def _fit_teachers(data: Rows, seed: int, say: Progress) -> _Teachers:
    """The networks, the trees, and both with the weights that suit them best."""
    trees, by_fold, next_prices = _fit_boosting(data, seed, say)
    network = _fit_networks(data, next_prices, seed, say)
    blends = _blends(data, [network.left_out, trees.left_out])
    informed, required = (Weights(blend.weights[0], blend.weights[1], blend.offset) for blend in blends)
    change = informed.total * (network.left_out[0] - network.left_out[1])
    optional_variance = NOT_NOISE * float(np.mean(change**2))
    teacher = Teacher(network.estimator, trees.estimator, informed, required, optional_variance)
    params = {
        "all_inputs": informed._asdict(),
        "required_only": required._asdict(),
        "optional_variance": optional_variance,
    }
    pairs = zip(network.left_out, trees.left_out, strict=True)
    views = [blend(*logits) for blend, logits in zip(blends, pairs, strict=True)]
    return _Teachers(
        teacher,
        by_fold,
        (
            _alone(data, network, lambda features: network.estimator.price_logits(InputMaker()(features)).mean(axis=1)),
            _alone(data, trees, trees.estimator.logits),
            _Judged("network and boosting", params, views, network.seconds + trees.seconds).candidate(
                data, lambda features: teacher.say(features)[0]
            ),
        ),
    )


def _blends(data: Rows, parts: list[_Views]) -> list[Blend]:
    """Blend parts on matches they left out, each view for itself."""
    return [fit_blend(view, data.outcome[data.judged]) for view in zip(*parts, strict=True)]


def _alone(data: Rows, part: _Part[Any], logits: Predict) -> Candidate:
    """A part as a candidate of its own."""
    informed, required = _blends(data, [part.left_out])
    views = [informed(part.left_out[0]), required(part.left_out[1])]

    def calibrated(features: Matrix) -> Array:
        logit = logits(features)
        return np.where(hidden_share(features) == 1, required(logit), informed(logit))

    params = {**part.params, "all_inputs": asdict(informed), "required_only": asdict(required)}
    return _Judged(part.name, params, views, part.seconds, part.curves).candidate(data, calibrated)


class _Judged(NamedTuple):
    """What becomes a candidate: calibrated logits of the judged rows, of both views."""

    name: str
    params: dict[str, Any]
    left_out: list[Array]
    seconds: float
    curves: Mapping[str, Curve] = {}

    def candidate(self, data: Rows, logits: Predict) -> Candidate:
        """The candidate whose logits of any states are the given ones."""

        def predict(features: Matrix) -> Array:
            return np.clip(sigmoid(logits(features)), LEAST, 1 - LEAST)

        informed, required = (data.loss_of(view, data.judged) for view in self.left_out)
        return Candidate(self.name, self.params, informed, required, self.seconds, predict, self.curves)


def _watch(data: Rows, leaves: NDArray[np.int64]) -> Callable[[networks.RoundPredictor], float]:
    """The log loss of a network half fitted, each row asked of the members that leave its fold out."""
    rows = data.watched
    inputs, asked = InputMaker()(data.features[rows]), data.fold[rows, None] == leaves

    def loss(network: networks.RoundPredictor) -> float:
        return data.loss_of((network.price_logits(inputs) * asked).sum(axis=1) / asked.sum(axis=1), rows)

    return loss


def _fit_student(data: Rows, teachers: _Teachers, seed: int, say: Progress) -> tuple[Candidate, RoundModel]:
    """The served network: it learns what the teacher says of states, with and without their optional inputs.

    Fitted with it, to be judged, is one for each fold, which sees nothing of that fold and whose teacher did not.
    """
    began = time.perf_counter()
    random = np.random.default_rng((seed, FOLDS))
    some = data.shown(data.taught, random, none=0, some=1)
    views = (*data.taught_views, some)
    inputs = [InputMaker()(view) for view in views]
    said = [teachers.say(view) for view in views]
    prices = taught_prices(np.stack([logits for logits, _ in said]))
    reaches = TAUGHT_REACH * np.stack(
        [network_reach(*teacher, made.clock).clip(max=MAX_REACH) for teacher, made in zip(said, inputs, strict=True)]
    )
    stacked = Inputs(*(np.stack(group) for group in zip(*inputs, strict=True)))
    seen = data.fold[data.taught, None] != np.arange(FOLDS + 1)

    def draw(count: int) -> networks.Drawn:
        rows = random.integers(len(seen), size=count)
        view = random.choice(len(views), size=count, p=SHOWN)
        return networks.Drawn(
            Inputs(*(group[view, rows] for group in stacked)), prices[view, rows], seen[rows], reaches[view, rows]
        )

    leaves = np.arange(FOLDS + 1)
    network, curves = networks.fit(
        draw, len(leaves), len(data.outcome), params=STUDENT, seed=seed + 2, progress=say, left_out=_watch(data, leaves)
    )
    unseen = data.fold[data.judged, None] == leaves
    answers = [network.price_logits(InputMaker()(view)) for view in data.judged_views]
    left_out = [(answer * unseen)[:, :FOLDS].sum(axis=1) for answer in answers]
    model = RoundModel(network, FOLDS)
    judged = _Judged("student network", asdict(STUDENT), left_out, time.perf_counter() - began, curves)
    return judged.candidate(data, lambda features: network.price_logits(InputMaker()(features))[:, FOLDS]), model


def taught_prices(logits: Array) -> Array:
    """What the student is to say of states, shape (views, rows, teachers).

    Args:
        logits: what the teachers say of them: with all inputs, with the required ones only, with some of the others.
    """
    prices = sigmoid(logits)
    prices[1] = WHOLE_STATE * prices[0] + (1 - WHOLE_STATE) * prices[1]
    return prices


def _fit_networks(data: Rows, next_prices: Array, seed: int, say: Progress) -> _Part[networks.RoundPredictor]:
    """The ensemble: each member leaves one fold out, and all of them together are the model.

    It is fitted twice: first, in half the steps, to what the trees say of each row's next moment; then to what the
    networks of the first time say of it.

    Args:
        next_prices: what the trees that left a fold out say of each row's next moment, shape (rows, folds).
    """
    began = time.perf_counter()
    params, random, inputs_of = NetworkParams(), np.random.default_rng(seed), InputMaker()
    members = FOLDS * MEMBERS_PER_FOLD
    leaves = _leaves(members)

    def fit(prices: Array, params: NetworkParams, seed: int) -> tuple[networks.RoundPredictor, Mapping[str, Curve]]:
        def draw(count: int) -> networks.Drawn:
            rows = random.integers(len(data.outcome), size=count)
            inputs = inputs_of(data.shown(rows, random, none=0.25, some=0.125))
            return networks.Drawn(inputs, prices[rows][:, leaves], data.fold[rows, None] != leaves)

        return networks.fit(
            draw, members, len(data.outcome), params=params, seed=seed, progress=say, left_out=_watch(data, leaves)
        )

    first, _ = fit(next_prices, replace(params, steps=params.steps // 2), seed)
    pieces = np.array_split(data.features, math.ceil(len(data.features) / JUDGED_ROWS))
    now = sigmoid(np.concatenate([first.price_logits(inputs_of(piece)) for piece in pieces]))
    taught = [data.next_of(now[:, leaves == fold].mean(axis=1)) for fold in range(FOLDS)]
    network, curves = fit(np.column_stack(taught), params, seed + 1)
    left_out = data.fold[data.judged, None] == leaves
    logits = [
        (network.price_logits(inputs_of(view)) * left_out).sum(axis=1) / MEMBERS_PER_FOLD for view in data.judged_views
    ]
    described = {**asdict(params), "members": members}
    return _Part("monotone network", described, network, (logits[0], logits[1]), time.perf_counter() - began, curves)


def _fit_boosting(data: Rows, seed: int, say: Progress) -> tuple[_Part[RoundTrees], tuple[RoundTrees, ...], Array]:
    """Trees on all rows; those that left a fold of matches out, by which they are judged; and what these say of each
    next moment, shape (rows, folds).
    """
    began = time.perf_counter()
    params = BoostingParams()
    say(f"gradient boosting: {FOLDS} folds of matches, then all")

    def fit(fold: int) -> RoundTrees:
        with threadpool_limits(limits=1, user_api="openmp"):  # counts for this thread alone
            return _grown(data, fold, params, np.random.default_rng((seed, fold)))

    with ThreadPoolExecutor(2) as pool:
        *by_fold, final = pool.map(fit, (*range(FOLDS), NO_FOLD))
    logits = np.full((2, len(data.judged)), np.nan)
    next_prices = np.empty((len(data.outcome), FOLDS))
    for fold, trees in enumerate(by_fold):
        next_prices[:, fold] = data.next_of(sigmoid(trees.logits(data.features)))
        judged = data.fold[data.judged] == fold
        for view, left_out in zip(data.judged_views, logits, strict=True):
            left_out[judged] = trees.logits(view[judged])
    part = _Part("gradient boosting", asdict(params), final, (logits[0], logits[1]), time.perf_counter() - began)
    return part, tuple(by_fold), next_prices


def _grown(data: Rows, fold: int, params: BoostingParams, random: np.random.Generator) -> RoundTrees:
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


def _fit_logistic(data: Rows, seed: int) -> Candidate:
    """The baseline: scaled inputs, a mark for each missing one, maps one by one."""
    began = time.perf_counter()

    random = np.random.default_rng(seed)

    def fit(fold: int) -> Pipeline:
        drawn = data.without(fold, random)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        inputs = np.vstack([data.features[drawn], data.hidden[drawn]])
        return model.fit(_linear_inputs(inputs), np.tile(data.outcome[drawn], 2))

    left_out = np.full((2, len(data.judged)), np.nan)
    for fold in range(FOLDS):
        judged = data.fold[data.judged] == fold
        model = fit(fold)
        for view, logits in zip(data.judged_views, left_out, strict=True):
            logits[judged] = model.decision_function(_linear_inputs(view[judged]))
    final = fit(NO_FOLD)
    outcome = data.outcome[data.judged]
    informed, required = (fit_blend((logits,), outcome) for logits in left_out)
    losses = (logit_log_loss(outcome, informed(left_out[0])), logit_log_loss(outcome, required(left_out[1])))
    params = {"C": 1.0, "all_inputs": asdict(informed), "required_only": asdict(required)}

    def predict(features: Matrix) -> Array:
        logit, plain = final.decision_function(_linear_inputs(features)), hidden_share(features) == 1
        return sigmoid(np.where(plain, required(logit), informed(logit)))

    seconds = time.perf_counter() - began
    return Candidate("logistic regression", params, *losses, seconds, predict)


def _linear_inputs(features: Matrix) -> Array:
    numbers = np.delete(features, ROUND_FEATURES.index("map_index"), axis=1).astype(np.float64)
    is_map = features[:, [ROUND_FEATURES.index("map_index")]] == np.arange(len(MAPS) + 1)
    return np.column_stack([np.nan_to_num(numbers), np.isnan(numbers), is_map])
