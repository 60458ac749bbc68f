"""The laws of the game that every promoted model obeys, and the check that it does.

A law is a statement about probabilities that follows from the rules alone, whatever the data say. It is checked on
what is served, so a round model is given here as a function of states (`served` makes one of a function of
features), on states drawn from the whole valid domain and on real ones, each changed in one field.

Armour, helmets and kits are not among the fields whose increase must help: with the value of the equipment held
fixed, more of one of them means less of another, so "all else equal" is not a possible state of play.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cs2_pipeline.evaluation.domain import (
    States,
    generate_players,
    generate_states,
    hide_optional,
    joined,
    state_features,
    states_of,
    subset,
    valid,
    winners,
)
from cs2_pipeline.game.state import MAX_BOMB_TIME, ROUND_FIELDS
from cs2_pipeline.stats.intervals import Floats, GroupBootstrap, Interval

PredictStates = Callable[[States], ArrayLike]
"""P(CT wins) of shape (rows,) for states, as it is served."""
PredictFeatures = Callable[[NDArray[np.float32]], ArrayLike]
"""Outputs for a float32 matrix of shape (rows, features)."""

TOLERANCE: Final = 1e-6
"""Models answer in float32: a step back of less than this is rounding."""
DRIFT_LEVEL: Final = 0.99
"""A level at which one honest model in a hundred, not in twenty, would be refused by chance."""
DRIFT_TOLERANCE: Final = 0.02
"""How far the price may move over a round for no reason, as far as a slice's gap may be from zero: the calibration
was itself measured on a finite number of rounds."""
NO_TIME: Final = 0.001
"""Seconds left on a clock that has all but run out."""
TIME_OUT_TOLERANCE: Final = 0.05
"""How far the price may then be from who wins: a defuse or a kill may still end in that time, if hardly ever."""
LAST_SECONDS: Final = 5.0
REAL_ROWS: Final = 5_000
GENERATED_ROWS: Final = 15_000


@dataclass(frozen=True)
class LawResult:
    """What the check of one law found.

    Attributes:
        name: the law's short name.
        holds: whether no violation was found.
        checked, violations: number of cases.
        worst: size of the worst violation, 0 where there is none; for the drift laws the mean change of the price.
        example: the worst case, or None.
        sentence: the finding in words, with its numbers.
    """

    name: str
    holds: bool
    checked: int
    violations: int
    worst: float
    example: Mapping[str, Any] | None
    sentence: str


@dataclass(frozen=True)
class _Monotone:
    """More of a field, all else equal, moves P(CT) in one direction only (+1 up, -1 down)."""

    name: str
    field: str
    direction: int


_MONOTONE: Final = (
    _Monotone("one more living CT never lowers P(CT)", "ct_alive", 1),
    _Monotone("one more living T never raises P(CT)", "t_alive", -1),
    _Monotone("more CT health never lowers P(CT)", "ct_health", 1),
    _Monotone("more T health never raises P(CT)", "t_health", -1),
    _Monotone("more CT equipment never lowers P(CT)", "ct_equip_value", 1),
    _Monotone("more T equipment never raises P(CT)", "t_equip_value", -1),
    _Monotone("with the bomb down less time never helps CT", "time_remaining", 1),
)


def check(
    predict: PredictStates, *, seed: int = 0, snapshots: pd.DataFrame | None = None, rows: int = GENERATED_ROWS
) -> list[LawResult]:
    """Check every law of the round model.

    Args:
        predict: the model as it is served, decided states included.
        seed: of the generated states.
        snapshots: whole rounds (rows of `round_dataset`) the model has not seen. Some of them are used for the laws
            of single states; all of them for the drift laws, which are left out where there are none.
        rows: number of generated states.
    """
    rng = np.random.default_rng(seed)
    tried = generate_states(rng, rows)
    if snapshots is not None:
        tried = joined(tried, _real_states(rng, snapshots))
    results = [_check_decided(predict, tried), _check_inside(predict, tried)]
    results += [_check_monotone(predict, tried, law, rng) for law in _MONOTONE]
    results += [_check_time_out(predict, tried), _check_last_seconds(predict, tried, rng)]
    if snapshots is not None:
        results += _check_drift(predict, snapshots, seed)
    return results


def check_players(
    predict: PredictFeatures, *, seed: int = 0, features: NDArray[np.float32] | None = None, rows: int = GENERATED_ROWS
) -> list[LawResult]:
    """Check the laws of the player model: a record gets one probability a tier, each inside (0, 1), adding up to 1.

    Args:
        predict: scores of shape (rows, tiers) for float32 features.
        features: real rows, checked beside the generated ones.
    """
    matrix = generate_players(np.random.default_rng(seed), rows)
    if features is not None:
        matrix = np.concatenate([matrix, features])
    scores = np.asarray(predict(matrix), dtype=np.float64)
    with np.errstate(invalid="ignore"):
        outside = np.where((scores > 0) & (scores < 1), 0.0, 1.0).max(axis=1)
        off = np.nan_to_num(np.abs(scores.sum(axis=1) - 1), nan=1.0)

    def example(row: int) -> dict[str, Any]:
        return {"features": matrix[row].tolist(), "scores": scores[row].tolist()}

    return [
        _result("scores are finite and inside (0, 1)", outside, 0.0, "records", example),
        _result("the scores of a player add up to 1", off, 1e-5, "records", example),
    ]


def check_inside(probability: Floats) -> LawResult:
    """Check that every probability, shape (rows,), is a number strictly between 0 and 1."""
    with np.errstate(invalid="ignore"):
        outside = np.where((probability > 0) & (probability < 1), 0.0, 1.0)
    name = "every probability is strictly between 0 and 1"
    return _result(name, outside, 0.0, "rows", lambda row: {"row": float(row), "probability": float(probability[row])})


def served(predict: PredictFeatures) -> PredictStates:
    """The round model as the service gives it: a decided state's winner from the rules, any other from the model.

    Args:
        predict: P(CT wins) for float32 features in the order of `game.features.ROUND_FEATURES`.
    """

    def predict_states(states: States) -> Floats:
        probability = np.array(predict(state_features(states)), dtype=np.float64)
        winner = winners(states)
        probability[winner == "CT"] = 1.0
        probability[winner == "T"] = 0.0
        return probability

    return predict_states


def _check_decided(predict: PredictStates, states: States) -> LawResult:
    winner = winners(states)
    decided = subset(states, winner != "")
    expected = (winner[winner != ""] == "CT").astype(np.float64)
    answer = _answer(predict, decided)
    return _result(
        "decided states are exactly 0 or 1",
        np.nan_to_num(np.abs(answer - expected), nan=1.0),
        0.0,
        "decided states",
        lambda row: {**_row(decided, row), "P(CT)": float(answer[row])},
    )


def _check_inside(predict: PredictStates, states: States) -> LawResult:
    opened = subset(states, winners(states) == "")
    answer = _answer(predict, opened)
    with np.errstate(invalid="ignore"):
        outside = np.where((answer > 0) & (answer < 1), 0.0, 1.0)
    return _result(
        "probabilities are finite and inside (0, 1) while the round is open",
        outside,
        0.0,
        "open states",
        lambda row: {**_row(opened, row), "P(CT)": float(answer[row])},
    )


def _check_monotone(predict: PredictStates, states: States, law: _Monotone, rng: np.random.Generator) -> LawResult:
    less, more = _raised(states, law.field, rng)
    before, after = _answer(predict, less), _answer(predict, more)
    with np.errstate(invalid="ignore"):
        back = np.nan_to_num((before - after) * law.direction, nan=1.0)

    def example(row: int) -> dict[str, Any]:
        change = {f"{law.field} raised to": float(more[law.field][row])}
        return {**_row(less, row), **change, "P(CT) before": float(before[row]), "P(CT) after": float(after[row])}

    return _result(law.name, back, TOLERANCE, "pairs of states", example)


def _check_time_out(predict: PredictStates, states: States) -> LawResult:
    """An open state with next to no time left is priced next to what it will be: CT's without a bomb, T's with it."""
    opened = subset(states, winners(states) == "")
    ending = {**opened, "time_remaining": np.full(opened["ct_alive"].size, NO_TIME)}
    answer, ends = _answer(predict, ending), (ending["bomb_planted"] == 0).astype(np.float64)
    return _result(
        "as the clock runs out the price goes to who wins then",
        np.nan_to_num(np.abs(answer - ends), nan=1.0),
        TIME_OUT_TOLERANCE,
        "open states",
        lambda row: {**_row(ending, row), "P(CT)": float(answer[row])},
    )


def _check_last_seconds(predict: PredictStates, states: States, rng: np.random.Generator) -> LawResult:
    """Without a bomb T cannot gain by the want of time."""
    opened = subset(states, (winners(states) == "") & (states["bomb_planted"] == 0))
    seconds = np.sort(rng.uniform(0, LAST_SECONDS, (opened["ct_alive"].size, 2)), axis=1)
    later, earlier = ({**opened, "time_remaining": column} for column in seconds.T)
    before, after = _answer(predict, earlier), _answer(predict, later)

    def example(row: int) -> dict[str, Any]:
        change = {"time_remaining fallen to": float(later["time_remaining"][row])}
        return {**_row(earlier, row), **change, "P(CT) before": float(before[row]), "P(CT) after": float(after[row])}

    with np.errstate(invalid="ignore"):
        back = np.nan_to_num(before - after, nan=1.0)
    return _result(
        "with no bomb down less time in the last seconds never lowers P(CT)",
        back,
        TOLERANCE,
        "pairs of states",
        example,
    )


def _raised(states: States, field: str, rng: np.random.Generator) -> tuple[States, States]:
    """Pairs of valid states that differ in one field only, the second with more of it."""
    values = states[field]
    definition = next(known for known in ROUND_FIELDS if known.name == field)
    if field.endswith("alive"):
        raised = values + 1
    else:
        # Steps of every size, from a rounding's to the whole range.
        top = MAX_BOMB_TIME if field == "time_remaining" else definition.high
        raised = values + (top - values) * 10 ** rng.uniform(-4, 0, values.size)
    usable = np.isfinite(raised) & (raised > values) & (raised <= definition.high)
    if field == "time_remaining":
        usable &= states["bomb_planted"] == 1
    less = subset(states, usable)
    more = {**less, field: raised[usable]}
    possible = valid(more)
    return subset(less, possible), subset(more, possible)


def _check_drift(predict: PredictStates, snapshots: pd.DataFrame, seed: int) -> Iterator[LawResult]:
    """A fair price has no drift: what is known now already holds what can be expected of the next snapshot.

    The steps of a round are those from each snapshot to the next and from the last to the outcome. Their mean
    over all rounds is one law; that it is as small where the price stands low, middle or high is another, which an
    over-confident model breaks.
    """
    rounds = snapshots.sort_values(["match_id", "round_id", "snapshot"])
    price = pd.Series(_answer(predict, states_of(rounds)), index=rounds.index)
    following = price.groupby(rounds["round_id"]).shift(-1).fillna(rounds["ct_wins"].astype(np.float64))
    start = price.to_numpy(dtype=np.float64)
    change = following.to_numpy(dtype=np.float64) - start
    bootstrap = GroupBootstrap(rounds["match_id"].to_numpy(), seed=seed, resamples=2000)
    steps_a_round = len(rounds) / rounds["round_id"].nunique()
    everywhere = {"": np.full(start.size, True)}
    yield _drift_result("no drift on whole rounds", everywhere, change, bootstrap, DRIFT_TOLERANCE / steps_a_round)
    low, high = start < 1 / 3, start > 2 / 3
    bands = {" from below 1/3": low, " from the middle": ~(low | high), " from above 2/3": high}
    yield _drift_result("no drift at any price", bands, change, bootstrap, DRIFT_TOLERANCE)


def _drift_result(
    name: str, bands: Mapping[str, NDArray[np.bool_]], change: Floats, bootstrap: GroupBootstrap, tolerance: float
) -> LawResult:
    found: dict[str, Interval] = {}
    for band, mask in bands.items():
        if mask.any():
            sums = bootstrap.sums(np.column_stack([np.where(mask, change, 0.0), mask]))
            means = sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan)
            present = np.unique(bootstrap.codes[mask]).size
            found[band] = bootstrap.interval(means, level=DRIFT_LEVEL, groups=present)
    broken = [band for band, mean in found.items() if not (mean.low <= tolerance and mean.high >= -tolerance)]
    described = "; ".join(
        f"mean change a snapshot{band} {mean:+.5f} with zero {'within' if mean.low <= 0 <= mean.high else 'outside'}"
        for band, mean in found.items()
    )
    verdict = f"beyond the tolerance of {tolerance:.4f}" if broken else f"within the tolerance of {tolerance:.4f}"
    sentence = f"{_capital(name)}: {change.size:,} steps of {bootstrap.count:,} matches, {described}; {verdict}."
    worst = max((mean.value for mean in found.values()), key=abs)
    return LawResult(name, not broken, change.size, len(broken), worst, None, sentence)


def _result(
    name: str, excess: Floats, tolerance: float, unit: str, example: Callable[[int], Mapping[str, Any]]
) -> LawResult:
    """The result of a law of single cases from the size of each case's violation."""
    broken = int((excess > tolerance).sum())
    if not broken:
        sentence = f"{_capital(name)}: none of {excess.size:,} {unit} breaks it."
        return LawResult(name, True, excess.size, 0, 0.0, None, sentence)
    worst = excess.argmax().item()
    case = example(worst)
    found = f"{broken:,} of {excess.size:,} {unit} break it, the worst by {excess[worst]:.4g}"
    sentence = f"{_capital(name)}: {found}: {_plain(case)}."
    return LawResult(name, False, excess.size, broken, float(excess[worst]), case, sentence)


def _answer(predict: PredictStates, states: States) -> Floats:
    return np.asarray(predict(states), dtype=np.float64) if states["ct_alive"].size else np.empty(0)


def _real_states(rng: np.random.Generator, snapshots: pd.DataFrame) -> States:
    """Some of the real states, once as they are and once with optional fields hidden."""
    some = snapshots.iloc[rng.permutation(len(snapshots))[: REAL_ROWS // 2]]
    whole, hidden = states_of(some), states_of(some)
    hide_optional(rng, hidden)
    both = joined(whole, hidden)
    return subset(both, valid(both))


def _row(states: States, row: int) -> dict[str, Any]:
    """One state's known fields, for people to read."""
    values = {name: column[row] for name, column in states.items()}
    known = {name: value for name, value in values.items() if value is not None and value == value}  # noqa: PLR0124
    return {name: value if isinstance(value, str) else float(value) for name, value in known.items()}


def _plain(case: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}" for name, value in case.items()
    )


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]
