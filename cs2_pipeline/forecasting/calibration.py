"""Is the match model still calibrated on the forecasts that were really given? An alarm that may be looked at daily.

Of each match the first forecast counts, seen from its favourite, whoever that was: *won − price* has mean zero in every
price range while the model is calibrated. The claim that is bet against is that in no range favourites win more or less
often than priced by more than the tolerance that promotion allows a slice. If it is true, the alarm rings over a
version's whole life with a chance of at most `FALSE_ALARM_RATE` (`stats.betting`).

Nothing is recomputed: prices are those in the ledger, so it is what people were told that is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd

from cs2_pipeline.artifact import catalog
from cs2_pipeline.records.settlements import LOST, WON, Settled
from cs2_pipeline.stats import betting
from cs2_pipeline.stats.betting import Bets

FALSE_ALARM_RATE: Final = 0.01
TOLERANCE: Final = catalog.MATCH.requirements.max_gap
EDGES: Final = (0.5, 0.6, 0.7, 0.8, 1.0)
"""Of the price ranges."""
PERIOD: Final = pd.Timedelta(days=7)
"""A share of the gambler's money is first staked in each week since the version's first forecast."""
_RANGES: Final = tuple(pairwise(EDGES))


@dataclass(frozen=True)
class Alarm:
    """What the settled forecasts of a version say of its calibration.

    Attributes:
        version: of the model; empty where nothing is settled.
        matches: that were forecast and played.
        odds: against the claim that it is calibrated.
        richest: the range of prices and the direction in which it is off most.
    """

    version: str
    matches: int
    odds: float
    richest: str

    @property
    def rings(self) -> bool:
        """Whether it is surely not calibrated."""
        return self.odds >= 1 / FALSE_ALARM_RATE

    @property
    def sentence(self) -> str:
        """The finding in words, with numbers."""
        if not self.matches:
            return "no forecast is settled yet"
        found = f"odds {self.odds:.3g} on {self.matches:,} matches; the alarm rings at {1 / FALSE_ALARM_RATE:g}"
        if self.rings:
            return f"forecasts of version {self.version} are off by more than {TOLERANCE:g}: {self.richest}; {found}"
        return f"no departure beyond {TOLERANCE:g} is sure for version {self.version}: {found}"


def watch(history: Sequence[Settled]) -> Alarm:
    """The calibration of the version that gave the newest settled forecast."""
    scored = [one for one in history if one.settlement is not None and one.settlement.status in (WON, LOST)]
    if not scored:
        return Alarm("", 0, 1.0, "")
    version = _version(max(scored, key=lambda one: one.forecast.seq))
    first: dict[str, tuple[pd.Timestamp, float, bool]] = {}
    for one in sorted(scored, key=lambda one: one.forecast.seq):
        if one.settlement is not None and _version(one) == version:
            seen = (pd.Timestamp(one.settlement.at), *_of_favourite(one))
            first.setdefault(f"{one.forecast.kind} {one.settlement.result_id}", seen)
    table = pd.DataFrame(list(first.values()), columns=["at", "price", "won"]).sort_values("at", kind="stable")
    bets = _bets(table)
    weeks = np.asarray((table["at"] - table["at"].iloc[0]) // PERIOD, dtype=np.intp)
    wealth = betting.log_wealth(bets, weeks)
    odds = float(np.exp(betting.together(wealth)[-1]))
    return Alarm(version, len(table), odds, bets.names[int(np.argmax(wealth[-1]))])


def _bets(table: pd.DataFrame) -> Bets:
    price, won = table["price"].to_numpy(), table["won"].to_numpy(dtype=np.float64)
    place = np.clip(np.searchsorted(EDGES, price, side="right") - 1, 0, len(_RANGES) - 1)
    here = place[:, None] == np.arange(len(_RANGES))
    surplus = (won - price)[:, None]
    payoffs = [np.where(here, sign * surplus - TOLERANCE, 0.0) for sign in (1, -1)]
    low, high = (np.array(ends) for ends in zip(*_RANGES, strict=True))
    worst = np.concatenate([high, 1 - low]) + TOLERANCE
    words = ("more", "less")
    names = tuple(
        f"favourites at {low:.1f} to {high:.1f} win {word} often than priced" for word in words for low, high in _RANGES
    )
    return Bets(names, np.concatenate(payoffs, axis=1), worst)


def _of_favourite(one: Settled) -> tuple[float, bool]:
    price = float(one.forecast.content["probability"])
    won = one.settlement is not None and one.settlement.status == WON
    return (price, won) if price >= 0.5 else (1.0 - price, not won)


def _version(one: Settled) -> str:
    return str(one.forecast.content["model_version"])
