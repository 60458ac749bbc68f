"""What can be asked: a map or a series between two line-ups, now or under way; and what is wrong with a question.

A question holds ids of the directories only. `resolve` turns what a caller named into one, or lists every mistake at
once: unknown ids with the nearest names, a player twice or on both sides, a sixth player, a score that cannot be.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cs2_pipeline.forecasting import market
from cs2_pipeline.forecasting.directories import Directories, Directory
from cs2_pipeline.game import rules, series
from cs2_pipeline.records.directories import Entry

MAP: Final = "map"
SERIES: Final = "series"


@dataclass(frozen=True)
class Mistake:
    """One wrong part of a question."""

    field: str
    message: str


class QuestionError(ValueError):
    """A question cannot be answered.

    Attributes:
        mistakes: all that is wrong with it.
    """

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(f"{one.field} {one.message}" for one in mistakes))
        self.mistakes = list(mistakes)


@dataclass(frozen=True)
class AskedSide:
    """A side as a caller names it; without players it is the team's latest line-up."""

    team_id: str
    player_ids: tuple[str, ...] | None = None


@dataclass(frozen=True)
class MapScore:
    """Rounds won so far on the map under way, and whether team 1 began it as CT."""

    team1: int = 0
    team2: int = 0
    team1_began_ct: bool = True


@dataclass(frozen=True)
class Asked:
    """What a caller asks.

    Attributes:
        kind: `MAP` or `SERIES`.
        sides: team 1 and team 2.
        map_ids: the map; of a series the maps known, in the order of play, the one under way or to come first.
        best_of: 1, 3 or 5; 1 for a map.
        banned: maps of the pool that will not be played.
        maps_won: by team 1 and team 2.
        score: of the map under way.
        starts_at: when it is played; default: next.
        market_odds: a bookmaker's, to be kept beside the forecast; they do not change it.
    """

    kind: str
    sides: tuple[AskedSide, AskedSide]
    map_ids: tuple[str, ...] = ()
    best_of: int = 1
    banned: tuple[str, ...] = ()
    maps_won: tuple[int, int] = (0, 0)
    score: MapScore = field(default_factory=MapScore)
    starts_at: datetime | None = None
    market_odds: market.Odds | None = None


@dataclass(frozen=True)
class Side:
    """A side with its line-up: at most five players, fewer where not all are known."""

    team: Entry
    player_ids: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """A question without mistakes.

    Attributes:
        pool: maps that those not known yet are drawn from.
        notes: what was assumed.
    """

    asked: Asked
    sides: tuple[Side, Side]
    maps: tuple[Entry, ...]
    pool: tuple[Entry, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Fields:
    """What the parts of a question are called where it was asked, for messages."""

    map: str = "map_id"
    teams: tuple[str, str] = ("team1_id", "team2_id")
    players: tuple[str, str] = ("team1_player_ids", "team2_player_ids")


def resolve(asked: Asked, directories: Directories, fields: Fields) -> Question:
    """The question, with what is known of all whom it names.

    Raises:
        QuestionError: with all its mistakes.
    """
    mistakes: list[Mistake] = []
    notes: list[str] = []
    sides = [_side(number, asked, directories, fields, mistakes, notes) for number in (0, 1)]
    maps = _maps(asked.map_ids, directories.maps, fields.map, mistakes)
    banned = _maps(asked.banned, directories.maps, "banned", mistakes)
    mistakes += _contradictions(asked, fields)
    if mistakes:
        raise QuestionError(mistakes)
    first, second = (side for side in sides if side is not None)
    left_out = {entry.id for entry in (*maps, *banned)}
    pool = tuple(
        entry for name in directories.pool if name not in left_out and (entry := directories.maps.get(name)) is not None
    )
    return Question(asked, (first, second), tuple(maps), pool, tuple(notes))


def _side(  # noqa: PLR0917
    number: int, asked: Asked, directories: Directories, fields: Fields, mistakes: list[Mistake], notes: list[str]
) -> Side | None:
    wanted = asked.sides[number]
    team = directories.teams.get(wanted.team_id)
    if team is None:
        mistakes.append(Mistake(fields.teams[number], unknown(directories.teams, wanted.team_id)))
    name = fields.players[number]
    players = wanted.player_ids
    if players is None:
        players = tuple(team.about.get("player_ids", ())) if team is not None else ()
        notes.append(f"team {number + 1} plays with its latest line-up")
    for place, player in enumerate(players):
        if directories.players.get(player) is None:
            mistakes.append(Mistake(f"{name}[{place}]", unknown(directories.players, player)))
    if len(players) > rules.TEAM_SIZE:
        mistakes.append(Mistake(name, f"holds {len(players)} players; a line-up has at most {rules.TEAM_SIZE}"))
    if twice := sorted({player for player in players if players.count(player) > 1}):
        mistakes.append(Mistake(name, f"holds {', '.join(twice)} twice"))
    if len(players) < rules.TEAM_SIZE:
        notes.append(
            f"of team {number + 1} {len(players)} of {rules.TEAM_SIZE} players are known: the interval is wider"
        )
    return None if team is None else Side(team, players)


def _maps(wanted: Sequence[str], maps: Directory, name: str, mistakes: list[Mistake]) -> list[Entry]:
    found = []
    for place, identifier in enumerate(wanted):
        entry = maps.get(identifier)
        if entry is None:
            where = name if name == "map_id" else f"{name}[{place}]"
            mistakes.append(Mistake(where, unknown(maps, identifier)))
        else:
            found.append(entry)
    return found


def unknown(directory: Directory, identifier: str) -> str:
    """What to say of an id that nobody has."""
    nearest = ", ".join(
        entry.name if entry.name == entry.id else f"{entry.name} ({entry.id})"
        for entry in directory.nearest(identifier)
    )
    if not nearest:
        return f"is not known: there is no {directory.kind} yet; directories are made from matches that were played"
    played = "played on here" if directory.kind == "map" else "seen here"
    return f"{identifier!a} was never {played}; the nearest: {nearest}"


def _contradictions(asked: Asked, fields: Fields) -> list[Mistake]:
    found = []
    first, second = asked.sides
    if first.team_id == second.team_id:
        found.append(Mistake(fields.teams[1], "is team 1: a team cannot play itself"))
    if both := sorted(set(first.player_ids or ()) & set(second.player_ids or ())):
        found.append(Mistake(fields.players[1], f"holds {', '.join(both)} of team 1: nobody plays on both sides"))
    if twice := sorted({one for one in asked.map_ids if asked.map_ids.count(one) > 1}):
        found.append(Mistake(fields.map, f"names {', '.join(twice)} twice: a series plays no map twice"))
    if both := sorted(set(asked.map_ids) & set(asked.banned)):
        found.append(Mistake("banned", f"holds {', '.join(both)}, which is to be played"))
    needed = asked.best_of // 2 + 1
    if max(asked.maps_won) > needed or sum(asked.maps_won) > asked.best_of:
        found.append(Mistake("score", f"cannot be: a best of {asked.best_of} ends with the {needed}. map won"))
    try:
        series.is_final((asked.score.team1, asked.score.team2))
    except series.ScoreError as error:
        found.append(Mistake("map_score" if asked.kind == SERIES else "score", str(error)))
    if asked.market_odds is not None and (wrong := market.mistake(asked.market_odds)):
        found.append(Mistake("market_odds", wrong))
    return found
