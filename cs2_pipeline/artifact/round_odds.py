"""Odds of a round: decided states first, the graph for all others.

Whoever prices a round (the prediction service, the live feed) does it here, so both give the same number.
"""

from collections.abc import Iterator, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, Final

import numpy as np

from cs2_pipeline.artifact.predictors import DIGITS, Predictor, Table
from cs2_pipeline.artifact.spec import Values
from cs2_pipeline.game.features import round_features
from cs2_pipeline.game.maps import map_index
from cs2_pipeline.game.state import ROUND_FIELDS, decided, decided_winner

_ONE: Final = 10**DIGITS
_LEAST, _MOST = 10.0**-DIGITS, 1 - 10.0**-DIGITS
"""An open round's probability stays inside (0, 1) when rounded."""
_DECIDED: Final = {"CT": (1.0, 1.0, 1.0), "T": (0.0, 0.0, 0.0)}

_DECIDING: Final = itemgetter("ct_alive", "t_alive", "bomb_planted", "time_remaining")

Odds = tuple[float, float, float]
"""P(CT wins) and its interval's bounds."""


class RoundPredictor(Predictor[Odds]):
    """P(CT wins) by one version of the round model."""

    def many(self, items: Sequence[Values]) -> list[Odds]:
        """The odds of a few states, in their order, without the arrays of `table`, which cost more than the states."""
        winners = [decided_winner(*_DECIDING(values)) for values in items]
        undecided = [values for values, winner in zip(items, winners, strict=True) if winner is None]
        odds = iter(self._open(undecided) if undecided else ())
        return [next(odds) if winner is None else _DECIDED[winner] for winner in winners]

    def _open(self, items: Sequence[Values]) -> Iterator[Odds]:
        rows = [round_features(values | {"map_index": map_index(values["map_name"])}) for values in items]
        outputs = self._run(self._outputs, {"features": np.array(rows, dtype=np.float32)[:, self._columns]})
        odds = list(zip(*(output.tolist() for output in outputs), strict=True))
        for values, found in zip(items, odds, strict=True):
            if not isfinite(sum(found)):
                raise ArithmeticError(f"{self.version.name} {self.version.version} gave no number for {values}")
        return ((_rounded(probability), _rounded(low), _rounded(high)) for probability, low, high in odds)

    def table(self, table: Table) -> list[Odds]:
        """The odds of the states of a table."""
        maps = np.array([map_index(name) for name in table["map_name"]])
        rows = np.column_stack(round_features({**table, "map_index": maps})).astype(np.float32)[:, self._columns]
        outputs = np.column_stack(self._run(self._outputs, {"features": rows})).astype(float)
        if not np.isfinite(outputs).all():
            raise ArithmeticError(f"{self.version.name} {self.version.version} gave no number for a state")
        odds = np.clip(np.round(outputs, DIGITS), _LEAST, _MOST)
        ct_won, t_won = decided(*_DECIDING(table))
        odds[ct_won], odds[t_won] = _DECIDED["CT"], _DECIDED["T"]
        return list(zip(*odds.T.tolist(), strict=True))

    def word(self, prediction: Odds) -> dict[str, Any]:
        """The odds, the likelier winner and the interval."""
        probability, low, high = prediction
        other = (_ONE - round(probability * _ONE)) / _ONE  # round(1 - probability, DIGITS), several times as fast
        winner, confidence = ("CT", probability) if probability >= other else ("T", other)
        return {
            "ct_win_probability": probability,
            "t_win_probability": other,
            "predicted_winner": winner,
            "confidence": confidence,
            "ct_win_interval": (low, high),
        }

    def row(self, prediction: Odds) -> dict[str, float | None]:
        """The odds and the interval's bounds."""
        probability, low, high = prediction
        return {"ct_win_probability": probability, "ct_win_low": low, "ct_win_high": high}

    def prove(self) -> None:
        """Predict an even round, alone and beside another."""
        self.many([dict(_EVEN_ROUND), dict(_EVEN_ROUND)])
        self.one(dict(_EVEN_ROUND))


_EVEN_ROUND: Final[Values] = dict.fromkeys(field.name for field in ROUND_FIELDS) | {
    "ct_alive": 5, "t_alive": 5, "ct_equip_value": 25_000.0, "t_equip_value": 25_000.0, "ct_money": 10_000.0,
    "t_money": 10_000.0, "bomb_planted": 0, "time_remaining": 115.0, "ct_score": 6, "t_score": 6,
}  # fmt: skip


def _rounded(probability: float) -> float:
    value = round(probability, DIGITS)
    return value if _LEAST < value < _MOST else _MOST if value > 0.5 else _LEAST
