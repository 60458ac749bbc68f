"""Matches, prices and streams out, over HTTP."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.http.paging import After, Limit, Page, decode_moment, page
from bento.gateway.http.wire import answer
from bento.gateway.live import reading
from bento.gateway.live.room import ask, last_price, live_of
from bento.gateway.live.stream import HEADERS, events
from bento.gateway.live.views import MatchListed, MatchView, Prediction, RoundView, Row, StatsView, TeamMetrics
from bento.http.problems import Problem
from cs2_pipeline.live.history import queries
from cs2_pipeline.live.hub import TooManySubscribersError

router: Final = APIRouter(prefix="/api/v1", tags=["live matches"])
Reader = Annotated[Caller, Depends(allow(Scope.LIVE_READ))]
_LATEST: Final = 1e300


@router.get("/matches", response_model=Page[MatchListed])
async def matches(
    request: Request, _: Reader, status: Literal["live", "finished"] | None = None, limit: Limit = 50,
    after: After = None,
) -> Response:  # fmt: skip
    """Matches, the latest first."""
    began, match_id = decode_moment(after) or (_LATEST, "")
    wanted = (status or "").upper()
    rows = await ask(request, queries.MATCHES, status=wanted, began=began, match_id=match_id, count=limit + 1)
    shown = page([reading.listed(row) for row in rows], limit, lambda one: [one.began, one.match_id])
    return await answer(request, shown)


@router.get("/matches/{match_id}", response_model=MatchView)
async def match(request: Request, _: Reader, match_id: str) -> Response:
    """A match: teams, maps, players, what is missing, and its last price."""
    return await answer(request, await _view(request, match_id))


@router.get("/matches/{match_id}/stats", response_model=StatsView)
async def stats(request: Request, _: Reader, match_id: str) -> Response:
    """Players by map, and the match's events by type."""
    view = await _view(request, match_id)
    rows = await ask(request, queries.EVENTS_BY_TYPE, match_id=match_id)
    counts = {row["type"]: row["events"] for row in rows}
    return await answer(request, StatsView(match_id=match_id, maps=view.maps, events=counts))


@router.get("/matches/{match_id}/prediction", response_model=Prediction)
async def prediction(request: Request, _: Reader, match_id: str) -> Response:
    """The last price of a match."""
    found = (await _view(request, match_id)).prediction
    if found is None:
        raise Problem(404, "no_price", "No price yet", f"match {match_id} has had no event that can be priced")
    return await answer(request, found)


@router.get("/matches/{match_id}/history", response_model=list[Prediction])
async def history(request: Request, _: Reader, match_id: str, map_id: str = "", superseded: bool = False) -> Response:
    """All prices of a match, in the order they were given; with `superseded` also those that were replaced."""
    await match_row(request, match_id)
    rows = await ask(request, queries.PRICES, match_id=match_id, map_id=map_id)
    shown = rows if superseded else reading.standing(rows)
    return await answer(request, [reading.prediction(row) for row in shown])


@router.get("/matches/{match_id}/rounds", response_model=list[RoundView])
async def rounds(request: Request, _: Reader, match_id: str, map_id: str = "") -> Response:
    """The finished rounds of a match."""
    await match_row(request, match_id)
    rows = await ask(request, queries.ROUNDS, match_id=match_id, map_id=map_id)
    return await answer(request, [reading.round_view(row) for row in rows])


@router.get("/matches/{match_id}/stream", response_class=StreamingResponse)
async def stream(request: Request, caller: Reader, match_id: str) -> Response:
    """Server-sent events: the last price, then `prediction`, `score`, `event`, `lifecycle` and `correction`."""
    live = live_of(request)
    try:
        live.hub.require_room(caller.name)
    except TooManySubscribersError as error:
        raise Problem(
            429, "too_many_subscribers", "Too many subscribers", str(error), headers=[(b"retry-after", b"10")]
        ) from None

    async def last() -> dict[str, Any] | None:
        rows = await ask(request, queries.MATCH, match_id=match_id)
        return last_price(request, match_id, rows[0]["prediction"] if rows else "")

    return StreamingResponse(
        events(live.hub, caller.name, match_id, last), headers=HEADERS, media_type="text/event-stream"
    )


@router.get("/teams/{team_id}/metrics", response_model=TeamMetrics)
async def team_metrics(request: Request, _: Reader, team_id: str) -> Response:
    """What a team did over all matches that were followed live."""
    (row,) = await ask(request, queries.TEAM_METRICS, team_id=team_id)
    if not row["rounds"]:
        raise Problem(404, "unknown_team", "Unknown team", f"team {team_id!r} has played no live round")
    return await answer(request, TeamMetrics(team_id=team_id, **{name: row[name] or 0 for name in row}))


async def _view(request: Request, match_id: str) -> MatchView:
    row = await match_row(request, match_id)
    return reading.match_view(row, last_price(request, match_id, row["prediction"]))


async def match_row(request: Request, match_id: str) -> Row:
    """A match's row.

    Raises:
        Problem: 404 where there is none.
    """
    rows = await ask(request, queries.MATCH, match_id=match_id)
    if not rows:
        raise Problem(404, "unknown_match", "Unknown match", f"no event of match {match_id!r} has been seen")
    return rows[0]
