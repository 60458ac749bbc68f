"""A question's price: of the map, of the series, of every final score, by one forecaster; its entry in the ledger.

The forecaster prices maps; what follows from a map's price is exact arithmetic (`game.series`). Bounds go the same way
as the price itself: what is not known is the strength of the line-ups, which is the same on all maps.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple, Protocol

from cs2_pipeline.forecasting.questions import MAP, Asked, Question
from cs2_pipeline.game import series
from cs2_pipeline.models.match.price import Price
from cs2_pipeline.records.directories import Entry
from cs2_pipeline.records.ledger import Draft, canonical
from cs2_pipeline.records.tables import moment_text

LEVEL: Final = 0.9
"""Share of true probabilities that the intervals are to hold."""
DECIMALS: Final = 6
_LOWEST: Final = 1e-9
"""A map's price is kept this far from 0 and 1: nothing is certain before it is played."""


class Pairing(NamedTuple):
    """What a forecaster prices: two line-ups on each of some maps, or on no map in particular (None), on a day."""

    map_names: Sequence[str | None]
    first: tuple[str, ...]
    second: tuple[str, ...]
    day: date


class Forecaster(Protocol):
    """What prices maps between two line-ups. Exchanging them gives exactly the complement.

    Attributes:
        name, version: of the model, for answers and the ledger.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def version(self) -> str: ...  # noqa: D102

    def prices(self, asked: Sequence[Pairing]) -> list[list[Price]]:
        """Of each pairing the first line-up's price on each map."""


class MapPrice(NamedTuple):
    """The price of one map of a question; `known` unless it is one of the pool."""

    map: Entry | None
    price: Price
    known: bool


@dataclass(frozen=True)
class Forecast:
    """A question's answer, all probabilities being team 1's.

    Attributes:
        price: of the map or of the series.
        maps: what each map is worth; those of a series that are not known come from the pool.
        before: the price of the map under way before its first round.
        at: when it was made.
    """

    question: Question
    price: Price
    maps: tuple[MapPrice, ...]
    before: Price
    model_name: str
    model_version: str
    at: datetime

    @property
    def rounds(self) -> series.RoundOdds | None:
        """What a round of the map under way is worth; None of a map that is decided. Takes longer than the price."""
        asked = self.question.asked
        score = (asked.score.team1, asked.score.team2)
        odds = _rounds_at(self.before.probability, self.question.maps[0] if self.question.maps else None)
        decided = score != series.EVEN_SCORE and series.final_scores(odds, score).keys() == {score}
        return None if decided else odds

    def final_scores(self) -> dict[series.Score, float]:
        """The probability of every score that the map or series may end at; they add up to 1."""
        asked = self.question.asked
        if asked.kind == MAP:
            score = (asked.score.team1, asked.score.team2)
            rounds = self.rounds
            if rounds is None:
                return {score: 1.0}
            return series.final_scores(rounds, score, began_ct=asked.score.team1_began_ct)
        known = [one.price.probability for one in self.maps if one.known]
        pool = [one.price.probability for one in self.maps if not one.known]
        return series.series_scores(asked.best_of, known, pool=pool, score=asked.maps_won)


def forecast(question: Question, forecaster: Forecaster, *, now: datetime | None = None) -> Forecast:
    """Price a question."""
    return forecast_all([question], forecaster, now=now)[0]


def forecast_all(
    questions: Sequence[Question], forecaster: Forecaster, *, now: datetime | None = None
) -> list[Forecast]:
    """Price questions in one call of the forecaster."""
    at = now or datetime.now(UTC)
    found = forecaster.prices([_pairing(question, at) for question in questions])
    return [_forecast(question, prices, forecaster, at) for question, prices in zip(questions, found, strict=True)]


def _pairing(question: Question, at: datetime) -> Pairing:
    """The map under way comes first, or no map in particular; of a series then the maps it may still go on with."""
    asked = question.asked
    later = (*question.maps[1:], *question.pool) if asked.kind != MAP else ()
    names = [question.maps[0].name if question.maps else None, *(entry.name for entry in later)]
    first, second = question.sides
    day = (asked.starts_at or at).astimezone(UTC).date()
    return Pairing(names, first.player_ids, second.player_ids, day)


def _forecast(question: Question, prices: Sequence[Price], forecaster: Forecaster, at: datetime) -> Forecast:
    asked = question.asked
    under_way = question.maps[0] if question.maps else None
    before, *others = prices
    current = _at_score(before, under_way, asked)
    if asked.kind == MAP:
        price, maps = current, [MapPrice(under_way, current, known=True)]
    else:
        later = question.maps[1:]
        priced = list(zip((*later, *question.pool), others, strict=True))
        known = [MapPrice(entry, one, known=True) for entry, one in priced[: len(later)]]
        if under_way is not None:
            known.insert(0, MapPrice(under_way, current, known=True))
        pool = [MapPrice(entry, one, known=False) for entry, one in priced[len(later) :]]
        if len(known) + len(pool) < asked.best_of:  # fewer maps are known here than are played
            pool += [MapPrice(None, before, known=False)] * (asked.best_of - len(known) - len(pool))
        maps = [*known, *pool]
        price = _of_series(maps, asked)
    return Forecast(question, price, tuple(maps), before, forecaster.name, forecaster.version, at)


def _at_score(price: Price, entry: Entry | None, asked: Asked) -> Price:
    """The price of the map under way at its score."""
    score = (asked.score.team1, asked.score.team2)
    if score == series.EVEN_SCORE:
        return price
    odds = [_rounds_at(value, entry) for value in (price.probability, price.low, price.high)]
    there = [series.map_odds(one, score, began_ct=asked.score.team1_began_ct) for one in odds]
    return Price(there[0], there[1], there[2])


def _rounds_at(price: float, entry: Entry | None) -> series.RoundOdds:
    share = min(max(float((entry.about.get("ct_share") if entry else None) or 0.5), 0.3), 0.7)
    return series.round_odds_at_price(min(max(price, _LOWEST), 1 - _LOWEST), ct_share=share)


def _of_series(maps: Sequence[MapPrice], asked: Asked) -> Price:
    known = [one.price for one in maps if one.known]
    pool = [one.price for one in maps if not one.known]

    def odds(bound: int) -> float:
        values, drawn = [one[bound] for one in known], [one[bound] for one in pool]
        return series.series_odds(asked.best_of, values, pool=drawn, score=asked.maps_won)

    return Price(odds(0), odds(1), odds(2))


def draft(made: Forecast, directory_revision: int) -> Draft:
    """The entry of the ledger for a forecast: what was asked, what it was answered from, and the answer."""
    first, second = made.question.sides
    asked = _asked(made.question)
    inputs = canonical(
        {"asked": asked, "directories": directory_revision, "pool": [one.id for one in made.question.pool]}
    )
    probability = round(made.price.probability, DECIMALS)
    content: dict[str, Any] = {
        "asked": asked,
        "inputs_digest": hashlib.sha256(inputs.encode()).hexdigest(),
        "interval": [round(made.price.low, DECIMALS), round(made.price.high, DECIMALS)],
        "maps": [[one.map.id if one.map else None, round(one.price.probability, DECIMALS)] for one in made.maps],
        "model_name": made.model_name,
        "model_version": made.model_version,
        "probability": probability,
        "team1_id": first.team.id,
        "team2_id": second.team.id,
    }
    if made.question.asked.market_odds is not None:
        content["market_odds"] = list(made.question.asked.market_odds)
    return Draft(
        made.question.asked.kind,
        content,
        team1_id=first.team.id,
        team2_id=second.team.id,
        model_version=made.model_version,
        probability=probability,
        at=made.at,
    )


def _asked(question: Question) -> dict[str, Any]:
    asked = question.asked
    return {
        "best_of": asked.best_of,
        "banned": list(asked.banned),
        "map_ids": list(asked.map_ids),
        "map_score": [asked.score.team1, asked.score.team2, asked.score.team1_began_ct],
        "maps_won": list(asked.maps_won),
        "player_ids": [list(side.player_ids) for side in question.sides],
        "starts_at": moment_text(asked.starts_at) if asked.starts_at else None,
    }
