"""Matches: running, coming and finished ones, and the page of a match."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from bento.gateway.access import Caller, Scope, allow
from bento.gateway.live import reading
from bento.gateway.live.matches import match_row
from bento.gateway.live.room import ask, last_price
from bento.gateway.live.views import MatchView, Row
from bento.gateway.pages.site import page
from bento.http.problems import WRONG, FieldError, bad_values
from cs2_pipeline.forecasting.directories import Directories
from cs2_pipeline.live.history import queries
from cs2_pipeline.records import settlements

router: Final = APIRouter(include_in_schema=False)
Reader = Annotated[Caller, Depends(allow(Scope.LIVE_READ))]

SHOWN: Final = 60
MOST_OPEN: Final = 500
"""Newest open forecasts among which coming matches are looked for."""
LONGEST_SEARCH: Final = 100


@router.get("/")
@router.get("/matches")
async def matches(request: Request, caller: Reader, q: str = "", day: str = "") -> Response:
    """Running matches first, then coming and finished ones; found by team, player, map and day."""
    text = q.strip()[:LONGEST_SEARCH]
    rows = await _found(request, text, _day(day))
    coming = await _coming(request, text, _day(day)) if Scope.FORECAST in caller.scopes else []
    views = [reading.match_view(row, last_price(request, row["match_id"], row["prediction"])) for row in rows]
    return page(
        request,
        "matches.html",
        running=[one for one in views if one.status == "LIVE" and not one.stale],
        late=[one for one in views if one.status == "LIVE" and one.stale],
        coming=coming,
        finished=[one for one in views if one.status == "FINISHED"],
        searched=q or day,
        q=q,
        day=day,
        more=len(rows) == SHOWN,
    )


@router.get("/matches/{match_id}")
async def match(request: Request, _: Reader, match_id: str) -> Response:
    """A match: its curve, rounds and swings; its script asks for the numbers and follows the stream."""
    row = await match_row(request, match_id)
    view: MatchView = reading.match_view(row, last_price(request, match_id, row["prediction"]))
    rounds: dict[str, list[Row]] = {one.map_id: [] for one in view.maps}
    for of_round in await ask(request, queries.ROUNDS, match_id=match_id, map_id=""):
        rounds.setdefault(of_round["map_id"], []).append(of_round)
    shown = request.query_params.get("map") or view.current_map or (view.maps[-1].map_id if view.maps else "")
    return page(request, "match.html", match=view, rounds=rounds, shown=shown)


@dataclass(frozen=True)
class Coming:
    """A match that was forecast and is still to be played, with its newest forecast: P(first team), its interval."""

    starts_at: datetime
    teams: tuple[str, str]
    team_ids: tuple[str, str]
    best_of: int
    probability: float
    interval: tuple[float, float]
    maps: tuple[str, ...]


async def _coming(request: Request, text: str, day: date | None) -> list[Coming]:
    """Forecast matches that start later than now, the next first; each pair of teams and start once."""
    records, now = request.app.state.records, datetime.now(UTC)
    known: Directories = request.app.state.forecasting.directories
    found: dict[Any, Coming] = {}
    for one in await asyncio.to_thread(settlements.find, records, limit=MOST_OPEN, settled=False):
        content = one.forecast.content
        asked = content["asked"]
        if asked["starts_at"] is None or (starts := datetime.fromisoformat(asked["starts_at"])) <= now:
            continue
        ids = (str(content["team1_id"]), str(content["team2_id"]))
        names = tuple(team.name if (team := known.teams.get(team_id)) else team_id for team_id in ids)
        low, high = content["interval"]
        maps = tuple(str(map_id) for map_id in asked["map_ids"])
        made = Coming(starts, (names[0], names[1]), ids, asked["best_of"], content["probability"], (low, high), maps)
        fits = text.casefold() in " ".join([*made.teams, *made.maps]).casefold() and day in (None, starts.date())
        if fits:
            found.setdefault((frozenset(ids), starts), made)  # the newest forecast comes first
    return sorted(found.values(), key=lambda one: one.starts_at)[:SHOWN]


async def _found(request: Request, text: str, day: date | None) -> list[Row]:
    begin, end = 0.0, 1e300
    if day is not None:
        midnight = datetime.combine(day, time(), UTC)
        begin = midnight.timestamp()
        end = (midnight + timedelta(days=1)).timestamp() if day != date.max else end
    # The summary holds maps and players. A % or _ that was typed matches anything: more is found, nothing is lost.
    pattern = f"%{text.lower()}%"
    return await ask(request, queries.MATCHES_SEARCHED, pattern=pattern, begin=begin, end=end, count=SHOWN)


def _day(text: str) -> date | None:
    """A day from the address.

    Raises:
        Problem: 422, it is none.
    """
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise bad_values([FieldError("day", f"must be a day such as 2026-01-31, not {text}")], WRONG) from None
