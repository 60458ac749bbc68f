"""GraphQL over live matches: the contract's schema, with subscriptions over graphql-transport-ws.

What a query may cost is limited before it runs: its depth, its size, and how many rows its lists can give.
"""

import enum
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Final

import strawberry
from fastapi import Request, WebSocket, WebSocketException
from graphql import FieldNode, FragmentDefinitionNode, GraphQLError, ValidationRule
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, SchemaExtension
from strawberry.fastapi import BaseContext, GraphQLRouter
from strawberry.scalars import JSON
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import Info

from bento.gateway.access import Scope, allow
from bento.gateway.http import paging
from bento.gateway.live import reading, views
from bento.gateway.live.room import ask, last_price, live_of
from bento.gateway.live.views import Row
from bento.http.problems import Problem
from cs2_pipeline.live.history import queries
from cs2_pipeline.live.hub import Hub, Kind, TooManySubscribersError, Update

MAX_DEPTH: Final = 15
"""Ours need 7; what tools ask to learn the schema needs 14."""
MAX_FRAGMENTS: Final = 15
"""Fragments that may stand in each other."""
MAX_TOKENS: Final = 1_000
MAX_ALIASES: Final = 15
MAX_COST: Final = 2_000
"""Of a query: a field costs 1, times the rows of the lists it stands in."""
MAX_ROWS: Final = 200
_WHOLE_MATCH: Final = 100
"""What a list of a match's prices or rounds counts for."""


@strawberry.enum
class MatchStatus(enum.Enum):
    """Where a match stands."""

    SCHEDULED = "SCHEDULED"
    LIVE = "LIVE"
    FINISHED = "FINISHED"
    CANCELLED = "CANCELLED"


@strawberry.enum
class MatchFormat(enum.Enum):
    """Maps of a series."""

    BO1 = "bo1"
    BO3 = "bo3"
    BO5 = "bo5"


@strawberry.type(description="A team, as live matches name it.")
class Team:
    """A team."""

    id: strawberry.ID
    name: str


@strawberry.type(description="One map of a match.")
class MatchMap:
    """One map of a match."""

    id: strawberry.ID
    name: str | None
    number: int | None
    team_a_score: int
    team_b_score: int
    round_no: int
    team_a_side: str | None
    winner: str | None


@strawberry.type(description="P(team A wins) with the bounds of its 90 % interval.")
class Odds:
    """Odds of team A."""

    p_team_a_win: float
    low: float
    high: float


@strawberry.type(description="A price. The plain odds are the map's.")
class Prediction:
    """A price."""

    match_id: strawberry.ID
    map_id: strawberry.ID
    round_no: int
    p_team_a_win: float | None
    p_team_b_win: float | None
    confidence: float | None
    model_version: str
    ts_calc: datetime
    state_version: int
    trigger_event_type: str
    round: Odds | None
    map: Odds | None
    series: Odds | None


@strawberry.type
class PredictionPoint:
    """A price in a history."""

    ts_calc: datetime
    round_no: int
    p_team_a_win: float | None
    p_team_b_win: float | None
    confidence: float | None
    trigger_event_type: str
    state_version: int


@strawberry.type
class PredictionHistory:
    """The prices of a match that stand."""

    match_id: strawberry.ID
    map_id: strawberry.ID | None
    points: list[PredictionPoint]


@strawberry.type(description="A finished round; docs/live.md defines momentum and the clutch index.")
class RoundMetrics:
    """A finished round."""

    map_id: strawberry.ID
    round_no: int
    team_a_kills: int
    team_b_kills: int
    team_a_headshots: int
    team_b_headshots: int
    momentum: float
    clutch_index: float | None
    round_winner: str


@strawberry.type(description="A match that is or was followed live.")
class Match:
    """A match."""

    id: strawberry.ID
    status: MatchStatus
    format: MatchFormat | None
    tournament_id: str | None
    team_a: Team
    team_b: Team
    team_a_maps: int
    team_b_maps: int
    winner: str | None
    state_version: int
    started_at: datetime
    updated_at: datetime
    maps: list[MatchMap]
    prediction: Prediction | None


@strawberry.type
class PageInfo:
    """Where a page ends."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class MatchEdge:
    """A match in a page."""

    node: Match
    cursor: str


@strawberry.type
class MatchConnection:
    """A page of matches."""

    edges: list[MatchEdge]
    page_info: PageInfo
    total_count: int


@strawberry.type
class PredictionUpdate:
    """A new price."""

    match_id: strawberry.ID
    map_id: strawberry.ID
    round_no: int
    team_a_win_probability: float | None
    team_b_win_probability: float | None
    confidence: float | None
    trigger_event_type: str
    timestamp: datetime
    state_version: int


@strawberry.type
class ScoreUpdate:
    """A new score."""

    match_id: strawberry.ID
    map_id: strawberry.ID
    round_no: int
    team_a_score: int
    team_b_score: int
    team_a_maps: int
    team_b_maps: int
    state_version: int


@strawberry.type
class MatchEvent:
    """An event of a match, as it was taken."""

    event_id: strawberry.ID
    match_id: strawberry.ID
    map_id: strawberry.ID
    round_no: int
    type: str
    source: str
    timestamp: datetime
    payload: JSON


@strawberry.type
class MatchLifecycle:
    """A match or map began or ended."""

    match_id: strawberry.ID
    map_id: strawberry.ID
    type: str
    status: MatchStatus


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    async def match(self, info: Info, id: strawberry.ID) -> Match | None:
        """A match."""
        rows = await _ask(info, queries.MATCH, match_id=id)
        return _match(info, rows[0]) if rows else None

    @strawberry.field
    async def matches(
        self, info: Info, status: MatchStatus | None = None, limit: int = 20, after: str | None = None
    ) -> MatchConnection:
        """Matches, the latest first."""
        began, match_id = paging.decode_moment(after) or (1e300, "")
        wanted, count = status.value if status else "", max(1, min(limit, MAX_ROWS))
        rows = await _ask(info, queries.MATCHES, status=wanted, began=began, match_id=match_id, count=count + 1)
        (counted,) = await _ask(info, queries.MATCHES_COUNTED, status=wanted)
        edges = [
            MatchEdge(node=_match(info, r), cursor=paging.encode([r["began"], r["match_id"]])) for r in rows[:count]
        ]
        end = edges[-1].cursor if edges else None
        return MatchConnection(
            edges=edges, page_info=PageInfo(has_next_page=len(rows) > count, end_cursor=end),
            total_count=counted["matches"],
        )  # fmt: skip

    @strawberry.field
    async def team(self, info: Info, id: strawberry.ID) -> Team | None:
        """A team, as its latest match names it."""
        rows = await _ask(info, queries.TEAM, team_id=id)
        if not rows:
            return None
        which = "a" if rows[0]["team_a_id"] == id else "b"
        return Team(id=id, name=rows[0][f"team_{which}_name"])

    @strawberry.field
    async def prediction(self, info: Info, match_id: strawberry.ID) -> Prediction | None:
        """The last price of a match."""
        rows = await _ask(info, queries.MATCH, match_id=match_id)
        return _match(info, rows[0]).prediction if rows else None

    @strawberry.field
    async def prediction_history(
        self, info: Info, match_id: strawberry.ID, map_id: strawberry.ID | None = None
    ) -> PredictionHistory:
        """The prices of a match that stand, in the order they were given."""
        rows = await _ask(info, queries.PRICES, match_id=match_id, map_id=map_id or "")
        found = [reading.prediction(row) for row in reading.standing(rows)]
        points = [
            PredictionPoint(
                ts_calc=_time(one.ts_calc), round_no=one.round_no, p_team_a_win=one.p_team_a_win,
                p_team_b_win=one.p_team_b_win, confidence=one.confidence, trigger_event_type=one.trigger_event_type,
                state_version=one.state_version,
            )
            for one in found
        ]  # fmt: skip
        return PredictionHistory(match_id=match_id, map_id=map_id, points=points)

    @strawberry.field
    async def round_metrics(
        self, info: Info, match_id: strawberry.ID, map_id: strawberry.ID | None = None
    ) -> list[RoundMetrics]:
        """The finished rounds of a match."""
        rows = await _ask(info, queries.ROUNDS, match_id=match_id, map_id=map_id or "")
        names = [field.name for field in RoundMetrics.__strawberry_definition__.fields]  # type: ignore[attr-defined]
        return [RoundMetrics(**{name: row[name] for name in names}) for row in rows]


@strawberry.type
class Subscription:
    """What can be followed, each by match or tournament; without either, of all matches."""

    @strawberry.subscription
    async def prediction_updated(
        self, info: Info, match_id: strawberry.ID | None = None, tournament_id: str | None = None
    ) -> AsyncIterator[PredictionUpdate]:
        """Every new price."""
        async for update in _follow(info, "prediction", match_id, tournament_id):
            data = update.data
            yield PredictionUpdate(
                match_id=data["match_id"], map_id=data["map_id"], round_no=data["round_no"],
                team_a_win_probability=data["p_team_a_win"], team_b_win_probability=data["p_team_b_win"],
                confidence=data["confidence"], trigger_event_type=data["trigger_event_type"],
                timestamp=_time(data["ts_calc"]), state_version=data["state_version"],
            )  # fmt: skip

    @strawberry.subscription
    async def score_updated(
        self, info: Info, match_id: strawberry.ID | None = None, tournament_id: str | None = None
    ) -> AsyncIterator[ScoreUpdate]:
        """Every new score."""
        async for update in _follow(info, "score", match_id, tournament_id):
            yield ScoreUpdate(**update.data)

    @strawberry.subscription
    async def match_events(
        self, info: Info, match_id: strawberry.ID | None = None, tournament_id: str | None = None
    ) -> AsyncIterator[MatchEvent]:
        """Every event."""
        async for update in _follow(info, "event", match_id, tournament_id):
            data = update.data
            names = ("event_id", "match_id", "map_id", "round_no", "type", "source")
            yield MatchEvent(
                **{name: data[name] for name in names}, timestamp=_time(data["ts_event"]), payload=data["payload"]
            )

    @strawberry.subscription
    async def match_lifecycle(
        self, info: Info, match_id: strawberry.ID | None = None, tournament_id: str | None = None
    ) -> AsyncIterator[MatchLifecycle]:
        """Beginnings and ends of matches and maps."""
        async for update in _follow(info, "lifecycle", match_id, tournament_id):
            yield MatchLifecycle(**update.data | {"status": MatchStatus(update.data["status"])})


class Context(BaseContext):
    """Who asks is known, and may read.

    Attributes:
        caller: their name.
    """

    def __init__(self, caller: str) -> None:
        super().__init__()
        self.caller = caller


class Counted(SchemaExtension):
    """Counts what is asked over a socket as a request each: opening the socket was only one."""

    async def on_operation(self) -> AsyncIterator[None]:
        """Admit an operation, or close the socket: the key or person may not ask, or not so often.

        Raises:
            GraphQLError: it was closed.
        """
        socket = self.execution_context.context.request
        if isinstance(socket, WebSocket):
            try:
                await allow(Scope.LIVE_READ)(socket)  # type: ignore[arg-type]  # it has headers, client and app as well
            except Problem as problem:
                await socket.close(4000 + problem.status, problem.detail)
                raise GraphQLError(problem.detail) from problem
        yield


class CostLimit(ValidationRule):
    """Refuses queries whose lists could give too much, or that are nested too deeply."""

    def enter_operation_definition(self, node: Any, *_: Any) -> None:
        """Add up the operation's cost."""
        definitions = self.context.document.definitions
        fragments = {one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)}
        try:
            _Meter(fragments).add(node.selection_set, 1, 0)
        except _TooMuchError as error:
            self.report_error(GraphQLError(str(error), node))


class _TooMuchError(Exception):
    """The query asks for too much; the message says of what."""


class _Meter:
    """Adds up what a query costs, and stops as soon as it is too much.

    Fragments can stand in each other, so that a short query is a very long one: it is never followed to its end.
    (Strawberry's own limit of aliases follows it.)

    Args:
        fragments: of the query, by name.
    """

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._cost = self._aliases = 0

    def add(self, selections: Any, rows: int, depth: int, within: int = 0) -> None:
        """Add what selections cost that are given so many times.

        Args:
            depth: fields in which they stand.
            within: fragments in which they stand.

        Raises:
            _TooMuchError: that is more than may be asked.
        """
        if selections is None:
            return
        if depth > MAX_DEPTH or within > MAX_FRAGMENTS:
            raise _TooMuchError(f"this query has a depth of more than {MAX_DEPTH}")
        for one in selections.selections:
            self._cost += rows
            if self._cost > MAX_COST:
                raise _TooMuchError(f"this query costs more than {MAX_COST}: ask for fewer rows or fields")
            if isinstance(one, FieldNode):
                self._aliases += one.alias is not None
                if self._aliases > MAX_ALIASES:
                    raise _TooMuchError(f"this query has more than {MAX_ALIASES} aliases")
                self.add(one.selection_set, rows * _rows(one), depth + 1, within)
            else:
                inner = self._fragments.get(one.name.value) if hasattr(one, "name") else one
                self.add(getattr(inner, "selection_set", None), rows, depth, within + 1)


def _rows(field: FieldNode) -> int:
    if field.name.value in ("points", "roundMetrics"):
        return _WHOLE_MATCH
    if field.name.value != "matches":
        return 5 if field.name.value == "maps" else 1
    limits = [one.value for one in field.arguments if one.name.value == "limit"]
    literal = getattr(limits[0], "value", None) if limits else "20"
    return min(MAX_ROWS, int(literal)) if literal is not None and str(literal).isdigit() else MAX_ROWS


async def _context(request: Request = None, websocket: WebSocket = None) -> Context:  # type: ignore[assignment]
    """Let readers in; FastAPI gives one of the two."""
    if websocket is None:
        return Context((await allow(Scope.LIVE_READ)(request)).name)
    try:
        caller = await allow(Scope.LIVE_READ)(websocket)  # type: ignore[arg-type]  # it has headers, client and app too
    except Problem as problem:
        raise WebSocketException(4401, problem.detail) from problem
    return Context(caller.name)


async def _ask(info: Info, query: str, **values: Any) -> list[Row]:
    try:
        return await ask(_request(info), query, **values)
    except Problem as problem:
        raise GraphQLError(problem.detail) from problem


def _request(info: Info) -> Request:
    context = info.context
    found: Request = context.request
    return found


async def _follow(info: Info, kind: Kind, match_id: str | None, tournament: str | None) -> AsyncIterator[Update]:
    hub: Hub = live_of(_request(info)).hub
    try:
        async with aclosing(hub.subscribe([kind], match_id, tournament, caller=info.context.caller)) as batches:  # type: ignore[type-var]
            async for updates in batches:
                for update in updates:
                    yield update
    except TooManySubscribersError as error:
        raise GraphQLError(str(error)) from error
    raise GraphQLError("too slow: the subscription was closed; read what was missed from predictionHistory")


def _match(info: Info, row: Row) -> Match:
    view = reading.match_view(row, last_price(_request(info), row["match_id"], row["prediction"]))
    found = view.prediction
    return Match(
        id=strawberry.ID(view.match_id), status=MatchStatus(view.status),
        format=MatchFormat(view.format) if view.format else None, tournament_id=view.tournament or None,
        team_a=Team(id=strawberry.ID(view.team_a.id), name=view.team_a.name),
        team_b=Team(id=strawberry.ID(view.team_b.id), name=view.team_b.name), team_a_maps=view.team_a.maps,
        team_b_maps=view.team_b.maps, winner=view.winner or None, state_version=view.state_version,
        started_at=_time(view.began), updated_at=_time(view.updated),
        maps=[
            MatchMap(
                id=strawberry.ID(one.map_id), name=one.map_name, number=one.map_number, team_a_score=one.team_a_score,
                team_b_score=one.team_b_score, round_no=one.round_no, team_a_side=one.team_a_side, winner=one.winner,
            )
            for one in view.maps
        ],
        prediction=_prediction(found) if found else None,
    )  # fmt: skip


def _prediction(found: Any) -> Prediction:
    plain = found.model_dump(exclude={"round", "map", "series", "event_id", "price_id", "supersedes", "ts_calc"})
    return Prediction(
        **plain, ts_calc=_time(found.ts_calc), round=_odds(found.round), map=_odds(found.map),
        series=_odds(found.series),
    )  # fmt: skip


def _odds(found: views.Odds | None) -> Odds | None:
    return Odds(p_team_a_win=found.p_team_a_win, low=found.interval[0], high=found.interval[1]) if found else None


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


SCHEMA: Final = strawberry.Schema(
    Query,
    subscription=Subscription,
    extensions=[
        Counted,
        lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
        lambda: AddValidationRules([CostLimit]),
    ],
)
router: Final = GraphQLRouter(
    SCHEMA,
    path="/graphql",
    context_getter=_context,
    subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
    graphql_ide=None,
    include_in_schema=False,
)


def exported() -> str:
    """The schema, as it is kept in docs/live.graphql."""
    return SCHEMA.as_str() + "\n"


if __name__ == "__main__":
    print(exported(), end="")
