"""The directories of maps, teams and players, made from the matches that were played.

Pure functions from `schema.CONTESTS` to lists of entries; who serves them filters and pages. A team is what
`game.teams` says; it is called by the name that most of its matches carry, of equals the latest.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from cs2_pipeline.datasets.matches import in_order, players_of, rated_players
from cs2_pipeline.game.teams import Teams


@dataclass(frozen=True)
class MapEntry:
    """A map: how often it was played, and how many of its rounds CT won (None where rounds are not known)."""

    id: str
    name: str
    matches: int
    ct_share: float | None
    last_played: datetime


@dataclass(frozen=True)
class TeamEntry:
    """A team: the name it is called by, all names it had, its latest line-up, and its record."""

    id: str
    name: str
    names: tuple[str, ...]
    player_ids: tuple[str, ...]
    matches: int
    won: int
    last_played: datetime


@dataclass(frozen=True)
class PlayerEntry:
    """A player: the name last carried, the team last played for, and the record."""

    id: str
    name: str
    team_id: str
    matches: int
    won: int
    last_played: datetime


@dataclass(frozen=True)
class Directories:
    """All three, each by id."""

    maps: dict[str, MapEntry]
    teams: dict[str, TeamEntry]
    players: dict[str, PlayerEntry]


@dataclass
class _Team:
    founders: tuple[str, ...]
    last: datetime
    names: Counter[str] = field(default_factory=Counter)
    latest: dict[str, int] = field(default_factory=dict)
    players: tuple[str, ...] = ()
    results: list[bool] = field(default_factory=list)


def build(
    matches: pd.DataFrame, player_names: Mapping[str, str] | None = None, rounds: pd.DataFrame | None = None
) -> Directories:
    """The directories of a table of matches.

    Args:
        matches: `schema.CONTESTS`, in any order.
        player_names: name by player id, of the latest match; an id without one is its own name.
        rounds: `schema.ROUNDS`, for the CT side's share of rounds by map.

    Raises:
        DatasetError: there are no matches.
    """
    frame = in_order(matches)
    teams, found = Teams(), list[_Team]()
    players: dict[str, PlayerEntry] = {}
    for match in frame.to_dict("records"):
        moment = match["started_at"].to_pydatetime()
        for side in ("first", "second"):
            line_up, won = rated_players(match, side), (match["first_wins"] == 1) == (side == "first")
            number = teams.note(line_up)
            if number == len(found):
                found.append(_Team(line_up, moment))
            team = found[number]
            _note(team, line_up, match[f"{side}_name"], won=won, moment=moment)
            for player in players_of(match, side):
                before = players.get(player)
                players[player] = PlayerEntry(
                    player,
                    (player_names or {}).get(player) or player,
                    team_id(team.founders),
                    (before.matches if before else 0) + 1,
                    (before.won if before else 0) + won,
                    moment,
                )
    entries = [_entry(team) for team in found]
    return Directories(_maps(frame, rounds), {entry.id: entry for entry in entries}, players)


def team_id(founders: Iterable[str]) -> str:
    """The id of the team that first played with this line-up: the same in every build, whatever comes later."""
    return hashlib.blake2b("\n".join(sorted(founders)).encode(), digest_size=6).hexdigest()


def _note(team: _Team, line_up: tuple[str, ...], name: object, *, won: bool, moment: datetime) -> None:
    team.players, team.last = line_up, moment
    team.results.append(won)
    if isinstance(name, str) and name:
        team.names.update([name])
        team.latest[name] = len(team.results)


def _entry(team: _Team) -> TeamEntry:
    names = sorted(team.names, key=lambda name: (team.names[name], team.latest[name]), reverse=True)
    identity = team_id(team.founders)
    return TeamEntry(
        identity,
        names[0] if names else f"Team of {', '.join(team.founders)}",
        tuple(names),
        team.players,
        len(team.results),
        sum(team.results),
        team.last,
    )


def _maps(frame: pd.DataFrame, rounds: pd.DataFrame | None) -> dict[str, MapEntry]:
    known = frame[frame["map_name"].notna()]
    share: dict[object, float] = {}
    if rounds is not None:
        share = rounds.groupby("map_name")["ct_wins"].mean().to_dict()
    return {
        str(name): MapEntry(
            str(name),
            str(name),
            len(played),
            share.get(name),
            played["started_at"].max(),
        )
        for name, played in known.groupby("map_name")
    }
