"""The laws of a forecast between two sides, checked on the graph as it is served before it may be promoted.

Exchanging the sides gives exactly the complement, bit for bit. More certain input never widens an interval. More
advantage never lowers the price, nor do more maps to play lower that of the better side.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.evaluation.laws import GENERATED_ROWS, TOLERANCE, LawResult
from cs2_pipeline.game.series import BEST_OF
from cs2_pipeline.stats.intervals import Interval

READ: Final = ("latent", "variance", "best_of")
Matrix = NDArray[np.float32]
Predict = Callable[[Matrix], dict[str, Any]]
"""The outputs ``probability``, ``low`` and ``high`` for rows of `READ`."""


def whole(artifact: Artifact) -> Predict:
    """All outputs of a version, of which the answers of `evidence.answers` are one."""
    return lambda rows: artifact.predict(rows, READ)


def check(
    predict: Predict, *, seed: int = 0, features: Matrix | None = None, rows: int = GENERATED_ROWS
) -> list[LawResult]:
    """Check every law.

    Args:
        predict: the model as it is served.
        seed: of the generated rows.
        features: real rows, checked beside the generated ones.
        rows: number of generated rows.
    """
    rng = np.random.default_rng(seed)
    tried = np.column_stack([rng.normal(0, 1.5, rows), rng.exponential(0.3, rows), rng.choice(BEST_OF, rows)])
    tried = tried.astype(np.float32)
    if features is not None:
        tried = np.concatenate([tried, features])
    answer = {name: np.asarray(values) for name, values in predict(tried).items()}
    return [_swapped(predict, tried, answer), _certain(predict, tried, answer, rng), *_monotone(predict, tried, rng)]


def more_than_a_coin(log_loss: Interval) -> LawResult:
    """Whether the log loss is surely below that of calling every match even."""
    even = math.log(2.0)
    holds = log_loss.high < even
    sentence = f"it says more than a coin: its log loss is {log_loss}, a coin's {even:.4f}."
    return LawResult(
        "it says more than a coin", holds, 1, int(not holds), max(log_loss.high - even, 0.0), None, sentence
    )


def _swapped(predict: Predict, tried: Matrix, answer: dict[str, Any]) -> LawResult:
    mirrored = tried.copy()
    mirrored[:, 0] = -tried[:, 0]
    other = np.asarray(predict(mirrored)["probability"])
    gap = np.abs((np.float32(1) - other) - answer["probability"])
    return _result("exchanging the sides gives exactly 1 - p", gap, tried, allowed=0.0)


def _certain(predict: Predict, tried: Matrix, answer: dict[str, Any], rng: np.random.Generator) -> LawResult:
    surer = tried.copy()
    surer[:, 1] *= rng.random(len(tried)).astype(np.float32)
    other = predict(surer)
    wider = (np.asarray(other["high"]) - other["low"]) - (answer["high"] - answer["low"])
    return _result("more certain input never widens the interval", wider, tried, allowed=TOLERANCE)


def _monotone(predict: Predict, tried: Matrix, rng: np.random.Generator) -> list[LawResult]:
    before = np.asarray(predict(tried)["probability"])
    ahead = tried.copy()
    ahead[:, 0] += rng.exponential(0.2, len(tried)).astype(np.float32)
    after = np.asarray(predict(ahead)["probability"])
    longer = tried.copy()
    longer[:, 2] = (longer[:, 2] + 2).clip(max=max(BEST_OF))
    more_maps = np.asarray(predict(longer)["probability"])
    favourite = np.where(tried[:, 0] >= 0, before - more_maps, more_maps - before)
    return [
        _result("more advantage never lowers the price", before - after, tried, allowed=TOLERANCE),
        _result("a longer series never lowers the better side's price", favourite, tried, allowed=TOLERANCE),
    ]


def _result(name: str, excess: NDArray[Any], tried: Matrix, *, allowed: float) -> LawResult:
    broken = ~(excess <= allowed)
    count, worst = int(broken.sum()), float(np.nanmax(excess, initial=0.0))
    example = dict(zip(READ, tried[np.argmax(broken)].tolist(), strict=True)) if count else None
    sentence = f"{name}: {count:,} of {len(tried):,} cases break it"
    return LawResult(name, count == 0, len(tried), count, worst if count else 0.0, example, sentence + ".")
