"""Forecasts of maps and series: asked, listed, scored, and proven by the ledger."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StrictInt, StringConstraints

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.http import direct, paging
from bento.gateway.http.paging import After, Limit, Page
from bento.gateway.http.wire import Wire, answer
from bento.gateway.routers.directories import not_there
from cs2_pipeline.forecasting import market, publishing, scores
from cs2_pipeline.forecasting.forecasts import DECIMALS, LEVEL, Forecast, MapPrice
from cs2_pipeline.forecasting.questions import MAP, SERIES, Asked, AskedSide, Fields, MapScore
from cs2_pipeline.forecasting.scores import Score
from cs2_pipeline.records import ledger, settlements
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.ledger import SETTLEMENT, Entry
from cs2_pipeline.records.settlements import Settled

router: Final = APIRouter(tags=["forecasts"])
V1: Final = "/api/v1/forecasts"
OLD: Final = "/forecast/get_team1_win_probability"

_access: Final = allow(Scope.FORECAST)
Forecasting = Annotated[Caller, Depends(_access)]

Text = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Identifier = Annotated[StrictInt | Text, AfterValidator(str)]
LineUp = Annotated[list[Identifier], Field(max_length=50, description="ids of the players known to play")]
NumberOrText = StrictInt | Text
MarketOdds = Annotated[
    list[Annotated[float, Field(gt=1, le=1000)]],
    Field(
        min_length=2,
        max_length=2,
        description="a bookmaker's decimal odds of team 1 and team 2: kept with the forecast, which they do not change",
    ),
]


def written(value: object) -> object:
    """Dates are written as dates: pydantic reads a number as seconds since 1970, which nobody means here."""
    if isinstance(value, int | float) or (isinstance(value, str) and "-" not in value[1:]):
        raise ValueError("must look like 2026-01-18")
    return value


class OldQuestion(Wire):
    """Who wins this map? As an existing forecasting system asks it; ids may be numbers or text."""

    map_id: NumberOrText
    team1_id: NumberOrText
    team2_id: NumberOrText
    team1_player_ids: Annotated[list[NumberOrText], Field(max_length=50)]
    team2_player_ids: Annotated[list[NumberOrText], Field(max_length=50)]


class OldAnswer(Wire):
    """The probabilities; ids as they were asked."""

    team1_id: NumberOrText
    team2_id: NumberOrText
    team1_win_probability: float
    team2_win_probability: float


class Rounds(Wire):
    """Rounds won so far on the map under way, and the side team 1 began it on."""

    team1: Annotated[int, Field(ge=0, le=200)]
    team2: Annotated[int, Field(ge=0, le=200)]
    team1_began_as: Literal["CT", "T"] = "CT"


class Maps(Wire):
    """Maps won so far."""

    team1: Annotated[int, Field(ge=0, le=3)]
    team2: Annotated[int, Field(ge=0, le=3)]


class _Teams(Wire):
    team1_id: Identifier
    team2_id: Identifier
    team1_player_ids: LineUp | None = None
    team2_player_ids: LineUp | None = None
    starts_at: Annotated[AwareDatetime, BeforeValidator(written)] | None = None
    market_odds: MarketOdds | None = None


class MapQuestion(_Teams):
    """Who wins this map? Without players, a team's latest line-up plays; without a map, it is any map."""

    map_id: Identifier | None = None
    score: Rounds | None = None


class SeriesQuestion(_Teams):
    """Who wins this series? The maps known, in the order of play, the one under way first; the others are drawn."""

    best_of: Literal[1, 3, 5]
    map_ids: Annotated[list[Identifier], Field(max_length=20, default_factory=list)]
    banned: Annotated[list[Identifier], Field(max_length=20, default_factory=list)]
    score: Maps | None = None
    map_score: Rounds | None = None


Probability = Annotated[float, Field(ge=0, le=1)]
Interval = Annotated[list[Probability], Field(min_length=2, max_length=2)]


class TeamAnswer(Wire):
    """A side of a forecast."""

    id: str
    name: str
    player_ids: list[str]


class MapAnswer(Wire):
    """What a map is worth; not `known` are those that may still be drawn. No id: any map."""

    map_id: str | None
    known: bool
    team1_win_probability: Probability
    team2_win_probability: Probability
    interval: Interval


class FinalScore(Wire):
    """A score that the map or series may end at."""

    team1: int
    team2: int
    probability: Probability


class Place(Wire):
    """Where an entry stands in the ledger."""

    seq: int
    hash: str


class MarketAnswer(Wire):
    """The odds that were given with a question, and what they say without their margin."""

    odds: list[float]
    margin: float
    team1_win_probability: Probability


class ForecastAnswer(Wire):
    """A forecast. Probabilities and the interval are team 1's; the interval holds the true one in nine cases of ten."""

    id: str
    kind: Literal["map", "series"]
    asked_at: datetime
    best_of: int
    team1: TeamAnswer
    team2: TeamAnswer
    team1_win_probability: Probability
    team2_win_probability: Probability
    interval: Interval
    interval_level: float
    maps: list[MapAnswer]
    final_scores: list[FinalScore]
    model_version: str
    market: MarketAnswer | None
    notes: list[str]
    ledger: Place


class SettlementAnswer(Wire):
    """What became of a forecast, seen from team 1; a revision above 1 corrects an earlier one."""

    status: Literal["won", "lost", "forfeited", "not_played"]
    result_id: str | None
    revision: int
    at: datetime


class ForecastItem(Wire):
    """A forecast as the ledger holds it."""

    id: str
    kind: Literal["map", "series"]
    asked_at: datetime
    best_of: int
    team1_id: str
    team2_id: str
    map_ids: list[str]
    team1_win_probability: Probability
    interval: Interval
    model_version: str
    market: MarketAnswer | None
    settlement: SettlementAnswer | None
    ledger: Place


class Proof(Wire):
    """An entry as it was hashed: `hash` is the SHA-256 of `body`, which holds the hash of the entry before."""

    body: str
    hash: str
    previous: str
    head: Place


class ForecastDetail(ForecastItem):
    """A forecast with its proof."""

    proof: Proof


class BinAnswer(Wire):
    """Forecasts of a range: what they said, and what happened."""

    low: float
    high: float
    weight: float
    mean_probability: float
    share_won: float


class BesideAnswer(Wire):
    """Settled forecasts with a bookmaker's odds beside these odds; a positive difference: the market was better.

    The interval of the difference holds the true one in 95 cases of 100; it is null with fewer than 30 matches.
    """

    matches: int
    log_loss: float
    market_log_loss: float
    difference: float
    interval: list[float] | None
    apart: float


class ScoreAnswer(Wire):
    """How good forecasts were; each match counts once. Null where nothing is settled."""

    name: str
    forecasts: int
    open: int
    won: int
    lost: int
    forfeited: int
    not_played: int
    matches: int
    log_loss: float | None
    brier: float | None
    calibration_error: float | None
    bins: list[BinAnswer]
    market: BesideAnswer | None


class MonthOfVersion(ScoreAnswer):
    """How good the forecasts of one version in one month were."""

    month: str
    version: str


class Scores(Wire):
    """How good the forecasts were."""

    overall: ScoreAnswer
    by_month: list[ScoreAnswer]
    by_version: list[ScoreAnswer]
    by_month_and_version: list[MonthOfVersion]


class PublishedHead(Place):
    """A head that was made known on a day."""

    day: date


class LedgerAnswer(Wire):
    """The newest entry, and the heads that were published before."""

    head: Place
    published: list[PublishedHead]


class FaultAnswer(Wire):
    """What is wrong with the chain, and where."""

    seq: int
    id: str | None
    what: str


class Verified(Wire):
    """Whether nothing was changed, removed or reordered since it was written."""

    holds: bool
    entries: int
    faults: list[FaultAnswer]


@router.post(OLD, response_model=OldAnswer)
async def old(request: Request, body: OldQuestion, _: Forecasting) -> Response:
    """Who wins this map? The contract of an existing forecasting system."""
    sides = (
        AskedSide(str(body.team1_id), tuple(map(str, body.team1_player_ids))),
        AskedSide(str(body.team2_id), tuple(map(str, body.team2_player_ids))),
    )
    request.app.state.champion_asked_for = True
    made, _entry = await request.app.state.forecasting.answer(Asked(MAP, sides, (str(body.map_id),)), Fields())
    first, second = _both(made.price.probability)
    shown = OldAnswer.model_construct(
        team1_id=body.team1_id, team2_id=body.team2_id, team1_win_probability=first, team2_win_probability=second
    )
    return await answer(request, shown)


@router.post(f"{V1}/map", response_model=ForecastAnswer)
async def forecast_map(request: Request, body: MapQuestion, _: Forecasting) -> Response:
    """Who wins this map, from its beginning or from a score?"""
    maps = (str(body.map_id),) if body.map_id is not None else ()
    asked = Asked(
        MAP,
        _sides(body),
        maps,
        score=_rounds(body.score),
        starts_at=body.starts_at,
        market_odds=_odds(body),
    )
    return await _forecast(request, asked, Fields())


@router.post(f"{V1}/series", response_model=ForecastAnswer)
async def forecast_series(request: Request, body: SeriesQuestion, _: Forecasting) -> Response:
    """Who wins this series, from its beginning or from a score?"""
    asked = Asked(
        SERIES,
        _sides(body),
        tuple(map(str, body.map_ids)),
        best_of=body.best_of,
        banned=tuple(map(str, body.banned)),
        maps_won=(body.score.team1, body.score.team2) if body.score else (0, 0),
        score=_rounds(body.map_score),
        starts_at=body.starts_at,
        market_odds=_odds(body),
    )
    return await _forecast(request, asked, Fields(map="map_ids"))


DIRECT: Final = (
    direct.Route(OLD, OldQuestion, _access, old),
    direct.Route(f"{V1}/map", MapQuestion, _access, forecast_map),
    direct.Route(f"{V1}/series", SeriesQuestion, _access, forecast_series),
)


@router.get(V1, response_model=Page[ForecastItem])
async def listed(  # noqa: PLR0917
    request: Request,
    _: Forecasting,
    limit: Limit = 50,
    after: After = None,
    team: Annotated[str | None, Query(max_length=100, description="id of either team")] = None,
    day: Annotated[date | None, BeforeValidator(written), Query(description="on which was asked, UTC")] = None,
    settled: Annotated[bool | None, Query(description="only those with a result, or only those without")] = None,
) -> Response:
    """Forecasts, the newest first."""
    since = datetime.combine(day, datetime.min.time(), UTC) if day else None
    found = await asyncio.to_thread(
        settlements.find,
        request.app.state.records,
        limit=limit + 1,
        before=paging.decode(after, int),
        team=team,
        since=since,
        until=since + timedelta(days=1) if since and day != date.max else None,
        settled=settled,
    )
    page = paging.page(found, limit, lambda one: one.forecast.seq)
    page.items = [ForecastItem(**_item(one)) for one in page.items]
    return await answer(request, page)


@router.get(f"{V1}/scores", response_model=Scores)
async def scored(request: Request, _: Forecasting) -> Response:
    """How good the forecasts were: altogether, by month, by model version."""
    return await answer(request, await asyncio.to_thread(_scores, request.app.state.records))


def _scores(records: Records) -> Scores:
    """Read and work out in one thread: of many forecasts either takes too long for others to wait for it."""
    history = settlements.history(records)
    return Scores(
        overall=ScoreAnswer(**_score("overall", scores.score(history))),
        by_month=[ScoreAnswer(**_score(name, one)) for name, one in scores.by_month(history).items()],
        by_version=[ScoreAnswer(**_score(name, one)) for name, one in scores.by_version(history).items()],
        by_month_and_version=[
            MonthOfVersion(**_score(f"{month} version {version}", one), month=month, version=version)
            for (month, version), one in scores.by_month_and_version(history).items()
        ],
    )


@router.get(f"{V1}/ledger", response_model=LedgerAnswer)
async def ledger_head(request: Request, _: Forecasting) -> Response:
    """The ledger's head now, and those of the days before."""
    head = await asyncio.to_thread(ledger.head, request.app.state.records)
    published = await asyncio.to_thread(publishing.published, request.app.state.settings.home)
    days = [PublishedHead(day=one.day, seq=one.head.seq, hash=one.head.hash) for one in published]
    return await answer(request, LedgerAnswer(head=Place(seq=head.seq, hash=head.hash), published=days))


@router.get(f"{V1}/ledger/export", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def export(
    request: Request, _: Forecasting, after_seq: Annotated[int, Query(ge=0, le=2**62)] = 0
) -> StreamingResponse:
    """The ledger as text, a line an entry: its hash, a blank, and the text whose SHA-256 the hash is."""

    def lines() -> Iterator[str]:
        for entry in ledger.entries(request.app.state.records, after=after_seq):
            yield entry.line()

    return StreamingResponse(lines(), media_type="text/plain; charset=utf-8")


@router.get(f"{V1}/ledger/verify", response_model=Verified)
async def verify(request: Request, _: Forecasting) -> Response:
    """Walk the whole chain and name every entry that was changed, removed or reordered."""
    records = request.app.state.records
    published = await asyncio.to_thread(publishing.published, request.app.state.settings.home)
    faults = await asyncio.to_thread(ledger.verify, records, [one.head for one in published])
    head = await asyncio.to_thread(ledger.head, records)
    shown = [FaultAnswer(seq=one.seq, id=one.id, what=one.what) for one in faults[:1000]]
    return await answer(request, Verified(holds=not faults, entries=head.seq, faults=shown))


@router.get(f"{V1}/{{identifier}}", response_model=ForecastDetail)
async def one(request: Request, _: Forecasting, identifier: str) -> Response:
    """A forecast, what became of it, and its place and proof in the ledger."""
    records = request.app.state.records
    entry = await asyncio.to_thread(ledger.find, records, identifier)
    if entry is None or entry.kind == SETTLEMENT:
        raise not_there("forecast")
    settled = await asyncio.to_thread(settlements.of, records, [entry.id])
    head = await asyncio.to_thread(ledger.head, records)
    previous = entry.content["previous"]
    proof = Proof(body=entry.body, hash=entry.hash, previous=previous, head=Place(seq=head.seq, hash=head.hash))
    return await answer(request, ForecastDetail(**_item(Settled(entry, settled.get(entry.id))), proof=proof))


def _sides(body: _Teams) -> tuple[AskedSide, AskedSide]:
    first, second = body.team1_player_ids, body.team2_player_ids
    return (
        AskedSide(str(body.team1_id), None if first is None else tuple(map(str, first))),
        AskedSide(str(body.team2_id), None if second is None else tuple(map(str, second))),
    )


def _rounds(score: Rounds | None) -> MapScore:
    return MapScore() if score is None else MapScore(score.team1, score.team2, score.team1_began_as == "CT")


def _odds(body: _Teams) -> market.Odds | None:
    return None if body.market_odds is None else (body.market_odds[0], body.market_odds[1])


def _market(odds: Sequence[float] | None) -> MarketAnswer | None:
    if odds is None:
        return None
    pair = (odds[0], odds[1])
    return MarketAnswer(
        odds=list(pair),
        margin=round(market.total(pair) - 1, DECIMALS),
        team1_win_probability=round(market.probability(pair), DECIMALS),
    )


async def _forecast(request: Request, asked: Asked, fields: Fields) -> Response:
    request.app.state.champion_asked_for = True  # from the first forecast on the gateway fetches champions
    made, entry = await request.app.state.forecasting.answer(asked, fields)
    return await answer(request, _answer(made, entry))


def _answer(made: Forecast, entry: Entry) -> ForecastAnswer:
    """Put together from plain values, which pydantic checks at once: model by model takes twice as long."""
    first, second = _both(made.price.probability)
    teams = [
        {"id": side.team.id, "name": side.team.name, "player_ids": list(side.player_ids)}
        for side in made.question.sides
    ]
    final = [
        {"team1": score[0], "team2": score[1], "probability": min(max(chance, 0.0), 1.0)}
        for score, chance in made.final_scores().items()
    ]
    found: dict[str, Any] = {
        "id": entry.id,
        "kind": entry.kind,
        "asked_at": entry.at,
        "best_of": made.question.asked.best_of,
        "team1": teams[0],
        "team2": teams[1],
        "team1_win_probability": first,
        "team2_win_probability": second,
        "interval": _interval(made),
        "interval_level": LEVEL,
        "maps": [_map(one) for one in made.maps],
        "final_scores": final,
        "model_version": made.model_version,
        "market": _market(made.question.asked.market_odds),
        "notes": list(made.question.notes),
        "ledger": {"seq": entry.seq, "hash": entry.hash},
    }
    return ForecastAnswer(**found)


def _map(one: MapPrice) -> dict[str, Any]:
    first, second = _both(one.price.probability)
    return {
        "map_id": one.map.id if one.map else None,
        "known": one.known,
        "team1_win_probability": first,
        "team2_win_probability": second,
        "interval": _interval(one),
    }


def _interval(one: Forecast | MapPrice) -> list[float]:
    return [round(one.price.low, DECIMALS), round(one.price.high, DECIMALS)]


def _both(probability: float) -> tuple[float, float]:
    first = round(probability, DECIMALS)
    return first, round(1 - first, DECIMALS)


def _item(one: Settled) -> dict[str, Any]:
    content, settlement = one.forecast.content, one.settlement
    return {
        "id": one.forecast.id,
        "kind": one.forecast.kind,
        "asked_at": one.forecast.at,
        "best_of": content["asked"]["best_of"],
        "team1_id": content["team1_id"],
        "team2_id": content["team2_id"],
        "map_ids": content["asked"]["map_ids"],
        "team1_win_probability": content["probability"],
        "interval": content["interval"],
        "model_version": content["model_version"],
        "market": _market(content.get("market_odds")),
        "settlement": None
        if settlement is None
        else {
            "status": settlement.status,
            "result_id": settlement.result_id,
            "revision": settlement.revision,
            "at": settlement.at,
        },
        "ledger": {"seq": one.forecast.seq, "hash": one.forecast.hash},
    }


def _score(name: str, one: Score) -> dict[str, Any]:
    counts = {status: one.statuses.get(status, 0) for status in ("won", "lost", "forfeited", "not_played")}
    beside = None if one.market is None else BesideAnswer(**vars(one.market))
    return {
        "name": name,
        "forecasts": one.forecasts,
        "open": one.open,
        "matches": one.matches,
        "log_loss": one.log_loss,
        "brier": one.brier,
        "calibration_error": one.calibration_error,
        "bins": [BinAnswer(**vars(each)) for each in one.bins],
        "market": beside,
        **counts,
    }
