"""What became of forecasts: each finds its result among what was played, or its time runs out.

A forecast is about the next map or series of its two teams: the first that begins after it was asked (or within a day
of `starts_at`), on the map it named. A team is who has three of its five players, or its id. Results may come late, be
corrected or be taken back: a forecast is looked at again for as long as `REVISED_FOR`, and its newest verdict counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cs2_pipeline.forecasting.questions import MAP
from cs2_pipeline.game import rules
from cs2_pipeline.game.teams import CORE
from cs2_pipeline.records import settlements
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.ledger import Entry
from cs2_pipeline.records.settlements import FORFEITED, LOST, NOT_PLAYED, WON, Settlement, Verdict

WAIT: Final = timedelta(days=7)
"""After so long without a result a forecast counts as never played, until one comes after all."""
SPREAD: Final = timedelta(days=1)
"""A match may begin so much before or after the moment it was announced for."""
UNDER_WAY: Final = timedelta(hours=12)
"""A forecast that names a score may be about a match that began so long before it."""
ONE_SERIES: Final = timedelta(hours=12)
"""Maps of the same two teams that begin within this time are one series."""
REVISED_FOR: Final = timedelta(days=90)
"""Results that change later than this after the forecast change nothing."""


@dataclass(frozen=True)
class Result:
    """A map or series that was played, or given up.

    Attributes:
        id: opaque; the same result corrected keeps it.
        started_at: of a series that is known by its day only, that day's beginning with `whole_day`.
        best_of: 1 for a map.
        map_id: None for a series.
        team_ids, players: of the two sides.
        score: rounds or maps won, where known.
        first_won: whether the first side won.
        whole_day: whether `started_at` is a day.
    """

    id: str
    started_at: datetime
    best_of: int
    map_id: str | None
    team_ids: tuple[str | None, str | None]
    players: tuple[frozenset[str], frozenset[str]]
    score: tuple[int | None, int | None]
    first_won: bool
    whole_day: bool = False

    @property
    def forfeited(self) -> bool:
        """Whether it ended before anybody had won what it takes."""
        won = self.score[0 if self.first_won else 1]
        if won is None:
            return False
        return won < (rules.REGULATION_HALF + 1 if self.map_id is not None else self.best_of // 2 + 1)


def settle(records: Records, results: Sequence[Result], *, now: datetime | None = None) -> list[Settlement]:
    """Look for the results of all forecasts that are open or may still be revised; returns what is new."""
    moment = now or datetime.now(UTC)
    looked_at = settlements.history(records, since=moment - REVISED_FOR)
    by_team = _Index(results)
    verdicts = [
        verdict
        for one in looked_at
        if (verdict := verdict_on(one.forecast, by_team.of(one.forecast), moment)) is not None
    ]
    return settlements.record(records, verdicts)


def verdict_on(forecast: Entry, results: Iterable[Result], now: datetime) -> Verdict | None:
    """What became of a forecast; None while its result may still come."""
    content = forecast.content
    played = sorted(
        (
            (result, swapped)
            for result in results
            if (swapped := _swapped(content, result)) is not None and _in_time(forecast, content, result)
        ),
        key=lambda one: (one[0].started_at, one[0].id),
    )
    found = (
        _map_verdict(forecast, content, played) if forecast.kind == MAP else _series_verdict(forecast, content, played)
    )
    if found is None and now > _expected(forecast, content) + WAIT:
        return Verdict(forecast.id, NOT_PLAYED, None, f"no result within {WAIT.days} days")
    return found


def _map_verdict(forecast: Entry, content: Mapping[str, Any], played: Sequence[tuple[Result, bool]]) -> Verdict | None:
    wanted = content["asked"]["map_ids"]
    for result, swapped in played:
        if result.best_of == 1 and (not wanted or result.map_id == wanted[0]):
            return _verdict(forecast, result, won=result.first_won != swapped)
    return None


def _series_verdict(
    forecast: Entry, content: Mapping[str, Any], played: Sequence[tuple[Result, bool]]
) -> Verdict | None:
    best_of = content["asked"]["best_of"]
    needed = best_of // 2 + 1
    wins, first_map = [0, 0], None
    for result, swapped in played:
        won = result.first_won != swapped
        if result.map_id is None and result.best_of == best_of:
            return _verdict(forecast, result, won=won)
        if result.map_id is None:
            continue
        if first_map is None or result.started_at - first_map.started_at > ONE_SERIES:
            wins, first_map = [0, 0], result
        if result.forfeited:
            return _verdict(forecast, result, won=won)
        wins[0 if won else 1] += 1
        if max(wins) == needed:
            return _verdict(forecast, first_map, won=won, score=(wins[0], wins[1]))
    return None


def _verdict(forecast: Entry, result: Result, *, won: bool, score: tuple[int, int] | None = None) -> Verdict:
    said = f"{result.started_at:%Y-%m-%d}"
    if score is not None:
        said += f", {score[0]}:{score[1]} in maps"
    if result.forfeited:
        return Verdict(forecast.id, FORFEITED, result.id, f"{said}, ended before it was decided: not scored")
    return Verdict(forecast.id, WON if won else LOST, result.id, said)


def _swapped(content: Mapping[str, Any], result: Result) -> bool | None:
    """Whether the result's first side is the forecast's team 2; None when they are not its teams."""
    teams = (content["team1_id"], content["team2_id"])
    players = [frozenset(ids) for ids in content["asked"]["player_ids"]]
    for swapped in (False, True):
        order = (1, 0) if swapped else (0, 1)
        if all(_is(teams[k], players[k], result.team_ids[order[k]], result.players[order[k]]) for k in (0, 1)):
            return swapped
    return None


def _is(team: str, players: frozenset[str], other: str | None, others: frozenset[str]) -> bool:
    return team == other or len(players & others) >= CORE


def _in_time(forecast: Entry, content: Mapping[str, Any], result: Result) -> bool:
    asked = content["asked"]
    begun = asked["map_score"][:2] != [0, 0] or asked["maps_won"] != [0, 0]
    if asked["starts_at"] is not None:
        return abs(result.started_at - datetime.fromisoformat(asked["starts_at"])) <= SPREAD
    earliest = forecast.at - (UNDER_WAY if begun else timedelta())
    if result.whole_day:
        earliest = earliest.replace(hour=0, minute=0, second=0, microsecond=0)
    return earliest <= result.started_at <= forecast.at + WAIT


def _expected(forecast: Entry, content: Mapping[str, Any]) -> datetime:
    starts_at = content["asked"]["starts_at"]
    return datetime.fromisoformat(starts_at) if starts_at else forecast.at


class _Index:
    """Results by who played in them: a forecast looks at those of its own teams and players alone."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._by_name: dict[str, list[Result]] = {}
        for result in results:
            for name in {*result.players[0], *result.players[1], *(f"team {one}" for one in result.team_ids)}:
                self._by_name.setdefault(name, []).append(result)

    def of(self, forecast: Entry) -> list[Result]:
        content = forecast.content
        names = {f"team {content['team1_id']}", *content["asked"]["player_ids"][0]}
        return list({result.id: result for name in names for result in self._by_name.get(name, ())}.values())
