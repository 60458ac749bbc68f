"""How games of Rocket League become observations: documents of ballchasing.com, and tables of professional games.

Each statistic is taken by its name at the source. A player's group is team size, source and mode, and the rank where
the source tells it: the numbers of one team size say nothing of another, and better opponents make every skill look
worse.
A statistic that is absent gives no observation.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import pandas as pd

from cs2_pipeline.coaching.observed import OBSERVATIONS, WITHIN
from cs2_pipeline.coaching.skills import CoachingError

FIVE_MINUTES: Final = 5.0
LEAST_SECONDS: Final = 60.0
"""Who played less of a game than this is not counted in it."""

LONGEST_NAME: Final = 100

Statistics = Mapping[str, Any]
_SHARES: Final = {
    "supersonic": ("movement", "percent_supersonic_speed"),
    "behind_ball": ("positioning", "percent_behind_ball"),
    "boost_empty": ("boost", "percent_zero_boost"),
    "last_man": ("positioning", "percent_most_back"),
    "high_air": ("movement", "percent_high_air"),
}
_AVERAGES: Final = {"speed": ("movement", "avg_speed"), "ball_distance": ("positioning", "avg_distance_to_ball")}
_COUNTS: Final = {
    "powerslides": ("movement", "count_powerslide"),
    "assists": ("core", "assists"),
    "demos_taken": ("demo", "taken"),
    "boost_stolen": ("boost", "amount_stolen"),
    "boost_overfill": ("boost", "amount_overfill"),
    "shots": ("core", "shots"),
    "goals": ("core", "goals"),
    "saves": ("core", "saves"),
}
_RATIOS: Final = {"finishing": ("goals", "shots"), "save_share": ("saves", "shots_against")}
_TEAMS: Final = ("blue", "orange")

_RLCS_SHARES: Final = {
    "supersonic": "SuperSonic (80+)",
    "behind_ball": "Behind Ball",
    "boost_empty": "Empty (0)",
    "last_man": "Last man",
    "high_air": "In High Air",
    "in_air": "In Air",
}
_RLCS_AVERAGES: Final = {"speed": "Average Speed", "ball_distance": "Average Ball Distance"}
_RLCS_COUNTS: Final = {
    "assists": "Assists",
    "demos_taken": "Deaths",
    "shots": "Shots",
    "goals": "Goals",
    "saves": "Saves",
}
_RLCS_OVERFILL: Final = ("Overfill from Small Pads", "Overfill from Big Boosts")
_ALL: Final = "_All Zones"


def player_id(document: Mapping[str, Any]) -> str | None:
    """A player's name over all games, ``steam:7656…``; None for bots and who has none."""
    found = document.get("id") or {}
    return f"{found['platform']}:{found['id']}" if found.get("platform") and found.get("id") else None


def of_ballchasing(games: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Observations of games as ballchasing.com's API returns them; a game that comes twice counts once.

    Raises:
        CoachingError: a document is no game, or was not parsed; the message names it.
    """
    rows: list[dict[str, Any]] = []
    seen: set[str] = set()
    for game in games:
        name = str(game.get("rocket_league_id") or game.get("id") or "without an id")
        if game.get("status", "ok") != "ok" or not all("players" in (game.get(team) or {}) for team in _TEAMS):
            raise CoachingError(f"game {name}: ballchasing.com has not parsed it (status {game.get('status')!r})")
        if name in seen:
            continue
        seen.add(name)
        rows += _game(game, name)
    return pd.DataFrame(rows, columns=list(OBSERVATIONS))


def _game(game: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    at = _played(game)
    size = game.get("team_size") or "?"
    mode = WITHIN.join((f"{size}v{size}", f"ballchasing {game.get('playlist_id') or 'private'}"))
    for team in _TEAMS:
        for player in game[team]["players"]:
            seconds = float(player.get("end_time") or game.get("duration") or 0) - float(player.get("start_time") or 0)
            identifier, stats = player_id(player), player.get("stats")
            if identifier is None or not stats or seconds < LEAST_SECONDS:
                continue
            group = WITHIN.join(filter(None, (mode, _rank(player))))
            for skill, total, exposure in _of_player(stats, seconds / 60):
                yield dict(zip(OBSERVATIONS, (identifier, name, at, group, "", skill, total, exposure), strict=True))


def _rank(player: Mapping[str, Any]) -> str | None:
    """A player's rank in the game's mode without its steps: ``grand champion`` of ``grand-champion-1``."""
    rank = player.get("rank") or {}
    if not rank.get("tier"):
        return None
    return str(rank.get("id") or "").rstrip("-0123456789").replace("-", " ") or None


def names(games: Iterable[Mapping[str, Any]]) -> dict[str, tuple[pd.Timestamp, str]]:
    """By player the newest game that names them, and the name; unprintable letters are replaced."""
    found: dict[str, tuple[pd.Timestamp, str]] = {}
    for game in games:
        at = _played(game)
        for player in (one for team in _TEAMS for one in game[team]["players"]):
            identifier, name = player_id(player), str(player.get("name") or "").strip()
            if identifier is not None and name and (identifier not in found or found[identifier][0] <= at):
                shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
                found[identifier] = at, shown[:LONGEST_NAME]
    return found


def _played(game: Mapping[str, Any]) -> pd.Timestamp:
    return pd.Timestamp(game.get("date") or game["created"]).tz_convert("UTC")


def _of_player(stats: Statistics, minutes: float) -> Iterator[tuple[str, float, float]]:
    def value(place: tuple[str, str]) -> float | None:
        found = (stats.get(place[0]) or {}).get(place[1])
        return None if found is None else float(found)

    for table, scale in ((_SHARES, minutes / 100), (_AVERAGES, minutes), (_COUNTS, FIVE_MINUTES)):
        for skill, place in table.items():
            if (found := value(place)) is not None:
                yield skill, found * scale, minutes
    ground = value(("movement", "percent_ground"))
    if ground is not None:
        yield "in_air", (100 - ground) / 100 * minutes, minutes
    if stats.get("positioning"):
        # The source leaves this one out where it is 0.
        yield (
            "beaten_last",
            FIVE_MINUTES * (value(("positioning", "goals_against_while_last_defender")) or 0.0),
            minutes,
        )
    for skill, (part, whole) in _RATIOS.items():
        total, exposure = value(("core", part)), value(("core", whole))
        if total is not None and exposure:
            yield skill, min(total, exposure), exposure


def _moments(dates: pd.Series) -> pd.Series:
    """Dates as they are written in such tables: some with a full stop between hours and minutes."""
    text = dates.astype("str").str.replace(r"T(\d\d)\.(\d\d)", r"T\1:\2", regex=True)
    found = pd.to_datetime(text, format="mixed", utc=True, errors="coerce")
    if found.isna().any():
        raise CoachingError(f"the table of games has the date {dates[found.isna()].iloc[0]!r}, which is none")
    return found


def of_professionals(table: pd.DataFrame, *, group: str) -> pd.DataFrame:
    """Observations of a table of professional games, a row for each player and game; counts are per five minutes.

    Args:
        table: ``Player ID``, ``Match ID``, ``Date``, ``Extra Time`` (seconds) and the statistics ``… _All Zones``.
        group: name of the peers.

    Raises:
        CoachingError: a column is missing, or a date is none.
    """
    wanted = [*_RLCS_SHARES.values(), *_RLCS_AVERAGES.values(), *_RLCS_COUNTS.values(), *_RLCS_OVERFILL]
    names = ["Player ID", "Match ID", "Date", "Extra Time", *(f"{name}{_ALL}" for name in wanted)]
    if missing := [name for name in names if name not in table.columns]:
        raise CoachingError(f"the table of games has no column {', '.join(missing)}")
    rows = table.drop_duplicates(["Player ID", "Match ID"])
    minutes = FIVE_MINUTES + rows["Extra Time"].astype("float64").fillna(0) / 60
    read: Callable[[str], pd.Series] = lambda name: rows[f"{name}{_ALL}"].astype("float64")  # noqa: E731
    totals = {skill: read(name) / 100 * minutes for skill, name in _RLCS_SHARES.items()}
    totals |= {skill: read(name) * minutes for skill, name in (_RLCS_AVERAGES | _RLCS_COUNTS).items()}
    small, big = map(read, _RLCS_OVERFILL)
    totals["boost_overfill"] = (small + big) * minutes
    common: dict[str, pd.Series] = {"player": rows["Player ID"].astype("str"), "match": rows["Match ID"].astype("str")}
    common["at"] = _moments(rows["Date"])
    frames = [
        pd.DataFrame(common).assign(group=group, context="", skill=skill, total=total, exposure=minutes)
        for skill, total in totals.items()
    ]
    shots = read("Shots")
    finishing = pd.DataFrame(common).assign(
        group=group, context="", skill="finishing", total=read("Goals").clip(upper=shots)
    )
    frames.append(finishing.assign(exposure=shots))
    found = pd.concat(frames, ignore_index=True).dropna(subset=["total"])
    return found[found["exposure"] > 0][list(OBSERVATIONS)].reset_index(drop=True)
