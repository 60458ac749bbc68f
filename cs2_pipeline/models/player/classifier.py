"""Training of the player model: candidates side by side, the rule to beat, the choice, and the artifact.

The test part is never read here. Networks are fitted on the training part; the calibration part stops them early and
fits the temperature. What is served is the mean of all networks unless the validation part says surely that one kind
alone is better: with few players the choice between kinds is itself uncertain, and the mean does not depend on it. From
how many rounds on the model says more than the rule is measured on both of these parts together and goes into the
manifest as ``min_rounds``.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cs2_pipeline.artifact import artifact
from cs2_pipeline.game.features import PLAYER_FEATURES, player_features
from cs2_pipeline.game.player import PLAYER_FIELDS, TIERS, UNREACHABLE_ROUNDS, tier_of
from cs2_pipeline.models.onnx_export import Graph
from cs2_pipeline.models.player import network
from cs2_pipeline.models.player.network import NetworkParams, hide_adr
from cs2_pipeline.models.training import Candidate, Curve, Progress, Training, TrainingError, mean_curves
from cs2_pipeline.stats.metrics import tier_log_losses

NAME: Final = "player_classifier"
MEAN: Final = "mean of the networks"
BASELINE: Final = "the tier of the past K/D"
MIN_PLAYERS: Final = 10
"""Players a part needs: fewer say nothing."""
PROBE_ROWS: Final = 128
ROUNDS_EDGES: Final = (0, 20, 40, 80, 160, 320, 640, 1280)
"""Where bins of rounds observed begin; each holds records about twice as long as the one before."""
_SURE: Final = 1.96
"""Standard errors of a 95 % interval."""
_REFUTED: Final = 3.0
"""Standard errors at which a bin of rounds refutes the model: several bins are looked at for several faults, and at
1.96 every tenth honest model or so would be refuted by one of them."""
_TEMPERATURE_SPREAD: Final = 0.2
"""How far the log of the temperature is expected to lie from 0: few players must not move it far."""

Matrix = NDArray[np.float32]
Scores = NDArray[np.float64]
Tiers = NDArray[np.int64]
Predict = Callable[[Matrix], Scores]
_Float = TypeVar("_Float", bound=np.floating[Any])


@dataclass(frozen=True, kw_only=True)
class PlayerTraining(Training):
    """A training of the player model; the baseline is the rule "the tier of the past K/D" as probabilities.

    The chosen candidate is the mean of the networks, or the kind that is surely better than it on the validation part,
    with and without ``adr`` together.

    Attributes:
        prior: share of each tier in the training part: knowing nothing of a player.
        min_rounds: rounds from which on the model is surely better than knowing nothing and not worse than the rule.
        by_rounds: the table `min_rounds` was read from; see `by_rounds`.
        players: how many players it learned from.
    """

    prior: Scores
    min_rounds: int
    by_rounds: pd.DataFrame
    players: int


def feature_matrix(dataset: pd.DataFrame) -> Matrix:
    """Features of the rows of a player dataset, float32 of shape (rows, features)."""
    columns = {field.name: dataset[field.name].to_numpy(dtype=np.float64) for field in PLAYER_FIELDS}
    return np.column_stack(player_features(columns)).astype(np.float32)


def train(dataset: pd.DataFrame, *, seed: int, folder: Path, progress: Progress | None = None) -> PlayerTraining:
    """Train all candidates, choose one, and write it as an artifact.

    Args:
        dataset: a player dataset; rows whose ``part`` is ``test`` are not read.
        seed: of everything random; same data and seed give the same graph, byte for byte.
        folder: where the artifact is written.
        progress: called with a sentence now and then.

    Raises:
        TrainingError: a part has too few players, or only one tier occurs in the training part.
    """
    say = progress or (lambda _: None)
    began = time.perf_counter()
    parts = {name: _Part.of(dataset, name) for name in ("train", "validate", "calibrate")}
    learned, validated, calibrated = parts["train"], parts["validate"], parts["calibrate"]
    if np.unique(learned.tier).size < 2:
        raise TrainingError(f"every player of the training part is {TIERS[learned.tier[0]]}: check how kills are read")
    say(f"player model: {len(learned.tier):,} records of {learned.players:,} players to learn from")
    kinds = [_judged(name, params, fit, validated, say) for name, params, fit in _kinds(learned, calibrated, seed)]
    networks = [(one, one.predict) for one in kinds if isinstance(one.predict, _Ensemble)]
    together = _Ensemble([predict for _, predict in networks])
    mean = _judged(MEAN, {"networks": ", ".join(one.name for one, _ in networks)}, lambda: together, validated, say)
    rule = kinds[0].predict
    chosen = _choose([one for one, _ in networks], mean, validated)
    served = next(predict for one, predict in (*networks, (mean, together)) if one is chosen)
    prior = np.bincount(learned.tier, minlength=len(TIERS)) / len(learned.tier)
    watched = dataset[dataset["part"].isin(("validate", "calibrate"))]
    table = by_rounds(watched, chosen.predict, rule, prior)
    least = least_rounds(table)
    say(chosen_sentence(chosen.name, least))
    written = artifact.write(
        folder,
        name=NAME,
        graph=served.graph(),
        features=PLAYER_FEATURES,
        probe=_probe(learned.features),
        expected={"scores": served.float_scores(_probe(learned.features))},
        seed=seed,
        candidate=chosen.name,
        params=chosen.params,
        min_rounds=least,
        rows=len(learned.tier),
        players=learned.players,
    )
    return PlayerTraining(
        candidates=(*kinds, mean),
        chosen=chosen,
        baseline=replace(kinds[0], name=BASELINE),
        prior=prior,
        artifact=written,
        folder=folder,
        min_rounds=least,
        by_rounds=table,
        train_seconds=time.perf_counter() - began,
        rows=len(learned.tier),
        players=learned.players,
    )


def chosen_sentence(name: str, least: int) -> str:
    """Which candidate is served, and from how many rounds on."""
    answers = f"answers from {least:,} rounds on" if least < UNREACHABLE_ROUNDS else "no better than the rule"
    return f"chosen: {name}; {answers}"


@dataclass(frozen=True)
class _Part:
    """Rows of one part; `player` numbers the players from 0."""

    features: Matrix
    tier: Tiers
    player: NDArray[np.int64]

    @property
    def players(self) -> int:
        return int(self.player.max()) + 1

    @classmethod
    def of(cls, dataset: pd.DataFrame, name: str) -> "_Part":
        rows = dataset[dataset["part"] == name]
        ids, player = np.unique(rows["steam_id"].to_numpy(dtype=str), return_inverse=True)
        if ids.size < MIN_PLAYERS:
            raise TrainingError(
                f"the {name} part of the player dataset has {ids.size} players, training needs "
                f"{MIN_PLAYERS} in each part: extract more days or simulate more matches"
            )
        return cls(feature_matrix(rows), rows["tier"].to_numpy(dtype=np.int64), player)


def _judged(name: str, params: dict[str, Any], fit: Callable[[], Predict], part: _Part, say: Progress) -> Candidate:
    """Fit a candidate and judge it on a part."""
    started = time.perf_counter()
    predict = fit()
    losses = [log_loss(part.tier, predict(view)) for view in (part.features, hide_adr(part.features))]
    say(f"{name}: log loss {losses[0]:.4f}, without adr {losses[1]:.4f} on the validation part")
    found, curves = (predict.found, predict.curves) if isinstance(predict, _Ensemble) else ({}, {})
    return Candidate(name, {**params, **found}, losses[0], losses[1], time.perf_counter() - started, predict, curves)


def _choose(kinds: Sequence[Candidate], mean: Candidate, part: _Part) -> Candidate:
    """The mean, or of the kinds that are surely better than it the one with the least loss."""

    def losses(one: Candidate) -> Scores:
        views = (part.features, hide_adr(part.features))
        return np.asarray(np.mean([tier_log_losses(part.tier, one.predict(view)) for view in views], axis=0))

    usual = losses(mean)
    found = {kind.name: losses(kind) for kind in kinds}
    better = [kind for kind in kinds if _interval(found[kind.name] - usual, part.player)[1] < 0]
    return min(better, key=lambda kind: float(found[kind.name].mean()), default=mean)


def log_loss(tier: Tiers, scores: Scores) -> float:
    """Mean log loss, in nats."""
    return float(np.mean(tier_log_losses(tier, scores)))


def _kinds(learned: _Part, calibrated: _Part, seed: int) -> list[tuple[str, dict[str, Any], Callable[[], Predict]]]:
    """Name, parameters and fit of each candidate; the rule first, then the baseline."""
    networks = {
        "ordinal regression": NetworkParams(hidden=(), members=1),
        "ordinal network": NetworkParams(),
        "softmax network": NetworkParams(head="softmax"),
    }
    return [
        ("tier of the past K/D", {}, lambda: fit_rule(learned.features, learned.tier)),
        ("logistic regression", {"C": 1.0}, lambda: _fit_logistic(learned)),
        *(
            (
                name,
                asdict(params),
                lambda params=params: _fit_ensemble(learned, calibrated, params, seed),
            )
            for name, params in networks.items()
        ),
    ]


def fit_rule(features: Matrix, tier: Tiers) -> Predict:
    """The rule "a player stays in the tier of the past K/D" as probabilities.

    Each tier's probabilities are how often each later tier followed it, with one more player spread like
    all players (so that what never happened is not called impossible).
    """
    kd = PLAYER_FEATURES.index("kd_ratio")

    def past(rows: Matrix) -> Tiers:
        return np.array([tier_of(value) for value in rows[:, kd].tolist()], dtype=np.int64)

    overall = np.bincount(tier, minlength=len(TIERS)) + 1.0
    counts = np.zeros((len(TIERS), len(TIERS)))
    np.add.at(counts, (past(features), tier), 1)
    counts += overall / overall.sum()
    shares = counts / counts.sum(axis=1, keepdims=True)
    return lambda rows: np.asarray(shares[past(rows)])


def _fit_logistic(learned: _Part) -> Predict:
    """Multinomial regression on scaled features, a missing ``adr`` at its mean with a mark."""
    adr = PLAYER_FEATURES.index("adr")
    mean = np.float32(learned.features[:, adr].mean())

    def inputs(features: Matrix) -> Matrix:
        missing = np.isnan(features[:, adr])
        filled = features.copy()
        filled[missing, adr] = mean
        return np.column_stack([filled, missing])

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    views = np.vstack([learned.features, hide_adr(learned.features)])
    model.fit(inputs(views), np.tile(learned.tier, 2))
    seen = model[-1].classes_

    def predict(features: Matrix) -> Scores:
        scores = np.full((len(features), len(TIERS)), 1e-6)
        scores[:, seen] += model.predict_proba(inputs(features))
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))

    return predict


class _Member(Protocol):
    """A network, or several as one."""

    def scores(self, inputs: Matrix) -> Matrix: ...
    def add_to(self, graph: Graph, inputs: str) -> str: ...


@dataclass(frozen=True)
class _Ensemble:
    """Members whose scores are averaged, then sharpened or softened by one temperature. It may itself be a member."""

    members: Sequence[_Member]
    temperature: float = 1.0
    found: dict[str, Any] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)

    def __call__(self, features: Matrix) -> Scores:
        scores = self.float_scores(features).astype(np.float64)
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))

    def float_scores(self, features: Matrix) -> Matrix:
        """Scores in float32, step by step what the graph does."""
        return self.scores(network.InputMaker()(features))

    def scores(self, inputs: Matrix) -> Matrix:
        """Scores for the inputs of `player_network.add_inputs`."""
        return tempered(self.mean_scores(inputs), self.temperature)

    def mean_scores(self, inputs: Matrix) -> Matrix:
        """Scores before the temperature."""
        total = self.members[0].scores(inputs)
        for member in self.members[1:]:
            total = total + member.scores(inputs)
        return np.asarray(total / np.float32(len(self.members)), dtype=np.float32)

    def add_to(self, graph: Graph, inputs: str) -> str:
        """Add the nodes that make the scores from the inputs; returns the name of the scores."""
        total = self.members[0].add_to(graph, inputs)
        for member in self.members[1:]:
            total = graph.add("Add", total, member.add_to(graph, inputs))
        mean = graph.add("Div", total, np.array(len(self.members), np.float32))
        logits = graph.add("Div", graph.add("Log", mean), np.array(self.temperature, np.float32))
        return graph.add("Softmax", logits, axis=1)

    def graph(self) -> bytes:
        graph = Graph(len(PLAYER_FEATURES))
        return graph.serialize({"scores": self.add_to(graph, network.add_inputs(graph))}, {"scores": 2})


def tempered(scores: NDArray[_Float], temperature: float) -> NDArray[_Float]:
    """Scores to the power of 1 / temperature, adding up to 1 again."""
    logits = np.log(scores) / np.float32(temperature)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=scores.dtype)


def fit_temperature(scores: NDArray[_Float], tier: Tiers, players: int) -> float:
    """The temperature of least log loss on rows not fitted on, held near 1 where there are few players."""

    def loss(log_temperature: float) -> float:
        fitted = log_loss(tier, tempered(scores.astype(np.float64), float(np.exp(log_temperature))))
        return players * fitted + 0.5 * (log_temperature / _TEMPERATURE_SPREAD) ** 2

    return float(np.exp(minimize_scalar(loss, bounds=(-1, 1), method="bounded").x))


def _fit_ensemble(learned: _Part, calibrated: _Part, params: NetworkParams, seed: int) -> _Ensemble:
    inputs_of = network.InputMaker()
    views = [inputs_of(view) for view in (calibrated.features, hide_adr(calibrated.features))]

    def monitor(scores: Callable[[Matrix], Matrix]) -> float:
        return float(np.mean([log_loss(calibrated.tier, scores(view).astype(np.float64)) for view in views]))

    fitted = [
        network.fit(
            learned.features,
            learned.tier,
            learned.players,
            params=params,
            seed=seed * params.members + member,
            monitor=monitor,
        )
        for member in range(params.members)
    ]
    networks = tuple(network for network, *_ in fitted)
    both = _Ensemble(networks).mean_scores(np.vstack(views))
    temperature = fit_temperature(both, np.tile(calibrated.tier, 2), calibrated.players)
    found = {"temperature": temperature, "epochs_used": [epochs for _, epochs, _ in fitted]}
    return _Ensemble(networks, temperature, found, mean_curves([curves for *_, curves in fitted]))


def _probe(features: Matrix) -> Matrix:
    """Real rows spread over the table, every other one without ``adr``."""
    chosen = features[np.linspace(0, len(features) - 1, min(PROBE_ROWS, len(features))).astype(np.int64)]
    return np.where(np.arange(len(chosen))[:, None] % 2 == 0, chosen, hide_adr(chosen))


def by_rounds(dataset: pd.DataFrame, predict: Predict, rule: Predict, prior: Scores) -> pd.DataFrame:
    """What the model is worth by how many rounds of a player were seen.

    Args:
        dataset: rows of a player dataset that were not fitted on.
        predict, rule: scores for features.
        prior: share of each tier in the training part.

    Returns:
        One row per bin of `ROUNDS_EDGES` that has rows: from_rounds and to_rounds (the fewest and most rounds in it),
        rows, players, log_loss, rule_log_loss, prior_log_loss, tier_error and rule_tier_error (mean distance in tiers
        of the likeliest tier), accuracy, confidence (mean score of the likeliest tier), and the 95 % bounds by player
        of three differences: against_rule_*, against_prior_* (log loss, the model's less the other's) and
        overconfidence_* (confidence less accuracy).
    """
    features, tier = feature_matrix(dataset), dataset["tier"].to_numpy(dtype=np.int64)
    player = pd.factorize(dataset["steam_id"])[0].astype(np.int64)
    values = _by_row(tier, predict(features), rule(features), prior)
    rounds = features[:, PLAYER_FEATURES.index("total_rounds")]
    bins = np.searchsorted(ROUNDS_EDGES, rounds, side="right")
    table = []
    for number in np.unique(bins):
        chosen = bins == number
        means = {name: float(value[chosen].mean()) for name, value in values.items()}
        bounds: dict[str, float] = {}
        for name, one, other in _DIFFERENCES:
            ends = _interval((values[one] - values[other])[chosen], player[chosen])
            bounds |= dict(zip((f"{name}_low", f"{name}_high"), ends, strict=True))
        spread = {"from_rounds": int(rounds[chosen].min()), "to_rounds": int(rounds[chosen].max())}
        sizes = {"rows": int(chosen.sum()), "players": np.unique(player[chosen]).size}
        table.append(spread | sizes | means | bounds)
    return pd.DataFrame(table)


_DIFFERENCES: Final = (
    ("against_rule", "log_loss", "rule_log_loss"),
    ("against_prior", "log_loss", "prior_log_loss"),
    ("overconfidence", "confidence", "accuracy"),
)


def _by_row(tier: Tiers, scores: Scores, rule: Scores, prior: Scores) -> dict[str, Scores]:
    likeliest, by_rule = scores.argmax(axis=1), rule.argmax(axis=1)
    return {
        "log_loss": tier_log_losses(tier, scores),
        "rule_log_loss": tier_log_losses(tier, rule),
        "prior_log_loss": np.asarray(-np.log(prior + 1e-9)[tier]),
        "tier_error": np.abs(likeliest - tier).astype(np.float64),
        "rule_tier_error": np.abs(by_rule - tier).astype(np.float64),
        "accuracy": (likeliest == tier).astype(np.float64),
        "confidence": scores.max(axis=1),
    }


def _interval(values: Scores, player: NDArray[np.int64]) -> tuple[float, float]:
    """95 % interval of a mean, players being what is independent (the cluster-robust standard error)."""
    mean = float(values.mean())
    residuals = np.bincount(player, weights=values - mean)
    half = _SURE * float(np.sqrt((residuals**2).sum())) / values.size
    return mean - half, mean + half


def least_rounds(table: pd.DataFrame) -> int:
    """From how many rounds on the model may answer.

    The fewest rounds of the first bin where it is surely better than knowing nothing, not worse than the rule and not
    surely overconfident, and after which no bin refutes it: is worse than either, or overconfident, by three standard
    errors. Bins of fewer than `MIN_PLAYERS` players say nothing.

    Args:
        table: of `by_rounds`.

    Returns:
        `UNREACHABLE_ROUNDS` where there is no such bin.
    """
    judged = table[table["players"] >= MIN_PLAYERS]
    proven = (
        (judged["against_prior_high"] < 0)
        & (judged["log_loss"] <= judged["rule_log_loss"])
        & (judged["overconfidence_low"] <= 0)
    )
    refuted = np.zeros(len(judged), dtype=bool)
    for name, *_ in _DIFFERENCES:
        low, high = judged[f"{name}_low"], judged[f"{name}_high"]
        refuted |= ((low + high) / 2 - _REFUTED * (high - low) / (2 * _SURE) > 0).to_numpy()
    last_refuted = judged.loc[refuted, "from_rounds"].max() if refuted.any() else -1
    good = judged.loc[proven & (judged["from_rounds"] > last_refuted), "from_rounds"]
    return int(good.min()) if len(good) else UNREACHABLE_ROUNDS
