"""The bodies of the live routes, as OpenAPI shows them."""

from typing import Any, Literal

from bento.gateway.http.wire import Wire

Side = Literal["CT", "T"]
Team = Literal["A", "B"]


class Taken(Wire):
    """What became of an event that was taken."""

    success: bool
    event_id: str
    accepted: int
    duplicate: bool


class Refused(Wire):
    """An event of a batch that was not taken; mend it and send it again."""

    index: int
    event_id: str
    field: str
    message: str
    dead_letter: str


class BatchTaken(Wire):
    """What became of a batch: `success` when nothing was refused."""

    success: bool
    accepted: int
    duplicates: int
    refused: list[Refused]


class Odds(Wire):
    """P(team A wins) with a 90 % interval."""

    p_team_a_win: float
    interval: list[float]


class Prediction(Wire):
    """A price: of the map in the plain fields, of round, map and series below."""

    match_id: str
    map_id: str
    round_no: int
    p_team_a_win: float | None
    p_team_b_win: float | None
    confidence: float | None
    model_version: str
    ts_calc: float
    state_version: int
    trigger_event_type: str
    event_id: str
    price_id: str
    supersedes: str | None
    round: Odds | None
    map: Odds | None
    series: Odds | None


class PlayerLine(Wire):
    """A player's line on a map."""

    player_id: str
    team: Team
    kills: int
    deaths: int
    headshots: int
    damage: float


class MapView(Wire):
    """One map of a match."""

    map_id: str
    map_name: str | None
    map_number: int | None
    phase: Literal["round", "between", "over"]
    round_no: int
    team_a_score: int
    team_b_score: int
    team_a_side: Side | None
    winner: Team | None
    players: list[PlayerLine]


class TeamView(Wire):
    """A team of a match."""

    id: str
    name: str
    maps: int


class MatchListed(Wire):
    """A match in a list."""

    match_id: str
    status: Literal["LIVE", "FINISHED"]
    tournament: str
    format: str
    team_a: TeamView
    team_b: TeamView
    winner: str
    began: float
    updated: float
    stale: bool


class MatchView(MatchListed):
    """A match. `ignored` counts by reason what changed nothing; `gaps` what its sources never sent."""

    state_version: int
    state: str
    maps: list[MapView]
    current_map: str | None
    sources: dict[str, str]
    ignored: dict[str, int]
    problems: dict[str, str]
    gaps: int
    waiting: int
    recomputations: int
    prediction: Prediction | None


class RoundView(Wire):
    """A finished round."""

    map_id: str
    round_no: int
    team_a_kills: int
    team_b_kills: int
    team_a_headshots: int
    team_b_headshots: int
    momentum: float
    clutch_index: float | None
    round_winner: Team
    win_reason: str
    team_a_side: Side


class StatsView(Wire):
    """Players of a match by map, and its events by type."""

    match_id: str
    maps: list[MapView]
    events: dict[str, int]


class TeamMetrics(Wire):
    """What a team did over all matches that were followed live."""

    team_id: str
    matches: int
    rounds: int
    rounds_won: int
    ct_rounds: int
    ct_rounds_won: int
    kills: int
    deaths: int
    headshots: int


Row = dict[str, Any]
