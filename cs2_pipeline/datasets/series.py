"""Tables of series that somebody recorded: a CSV with day, two sides, the winner, and line-ups where known.

Read without a fetch from anywhere. The columns are known by the names that published tables use (`_COLUMNS`); a
table may name winner and loser, or two sides and the winner. Which side is the first of a match is drawn by lot from
the day and the names, so it knows nothing of the outcome, and the same file always gives the same table. Whatever
cannot be read is named by row and column, all such rows at once, and nothing is taken.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from cs2_pipeline.datasets import csv_rows, series_rounds
from cs2_pipeline.datasets.csv_rows import RowError
from cs2_pipeline.datasets.schema import CONTESTS
from cs2_pipeline.game import rules
from cs2_pipeline.game.series import BEST_OF

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "day": ("date", "day", "played_at", "started_at"),
    "order": ("order", "place"),
    "winner_name": ("team_w", "winner_name", "winner_team"),
    "loser_name": ("team_l", "loser_name", "loser_team"),
    "winner_players": ("roster_w", "winner_players"),
    "loser_players": ("roster_l", "loser_players"),
    "winner_points": ("points_w", "winner_points"),
    "loser_points": ("points_l", "loser_points"),
    "one_name": ("team1_name", "team1", "first_name", "team_a"),
    "two_name": ("team2_name", "team2", "second_name", "team_b"),
    "one_players": ("team1_players", "roster1", "first_players", "players_a"),
    "two_players": ("team2_players", "roster2", "second_players", "players_b"),
    "one_points": ("team1_points", "points1", "first_points", "points_a"),
    "two_points": ("team2_points", "points2", "second_points", "points_b"),
    "one_score": ("team1_score", "score1", "first_score", "score_a"),
    "two_score": ("team2_score", "score2", "second_score", "score_b"),
    "winner_rounds": ("rounds_w", "winner_rounds"),
    "loser_rounds": ("rounds_l", "loser_rounds"),
    "one_rounds": ("team1_rounds", "rounds1", "first_rounds", "rounds_a"),
    "two_rounds": ("team2_rounds", "rounds2", "second_rounds", "rounds_b"),
    "winner": ("winner",),
    "best_of": ("best_of", "format", "bo"),
    "map_name": ("map_name", "map"),
}
"""What is read -> the names a column may have for it; upper or lower case."""
_WHAT: Final = "A table of series has a day and either winner and loser (team_w, team_l) or two teams and the winner."
_BEST_OF: Final = re.compile(r"(?:bo|best of )?\s*([135])", re.IGNORECASE)


@dataclass(frozen=True)
class SeriesReport:
    """What was read.

    Attributes:
        series: how many.
        with_line_ups: of them with both line-ups known.
        with_points: of them with published points of both sides.
        with_rounds: of them with the rounds that each side won.
        first_day, last_day: of the file.
        namesakes: players named on both sides of one series: two people of one name; left out of both line-ups.
    """

    series: int
    with_line_ups: int
    with_points: int
    with_rounds: int
    first_day: str
    last_day: str
    namesakes: int


@dataclass
class _Side:
    name: str | None
    players: tuple[str, ...]
    points: float | None
    score: int | None
    rounds: int | None


def read(path: Path, maps: Path | None = None) -> tuple[pd.DataFrame, SeriesReport]:
    """The series of a file (.csv or .csv.gz) as `schema.CONTESTS`, in the order they were played.

    Rows of a day keep the file's order column, or else the order of the file.

    Args:
        path: the file.
        maps: a file of maps, for the rounds of the series that were played on them (`series_rounds`).

    Raises:
        csv_rows.RowsError: a file cannot be read, lacks a column, or has rows that cannot be; the message says which.
    """
    records = csv_rows.read(path, _known_columns, _record)
    frame = pd.DataFrame(records)
    namesakes = int(frame.pop("namesakes").sum())
    frame["day"] = frame["started_at"].dt.normalize()
    frame = frame.sort_values(["day", "place", "started_at", "row"], ignore_index=True)
    frame["place"] = frame.groupby("day").cumcount() + 1
    frame["match_id"] = _ids(frame)
    frame["source"] = "published_series"
    both = [frame[f"{side}_players"] != "[]" for side in ("first", "second")]
    if maps is not None:
        frame = series_rounds.join(frame, maps)
    points = frame[["first_points", "second_points"]].notna().all(axis=1)
    days = frame["started_at"].dt.date.astype("str")
    report = SeriesReport(
        len(frame),
        int((both[0] & both[1]).sum()),
        int(points.sum()),
        int(frame["first_rounds"].notna().sum()),
        days.iloc[0],
        days.iloc[-1],
        namesakes,
    )
    return CONTESTS.conform(frame), report


def _known_columns(file: str, header: list[str]) -> dict[str, str]:
    found = csv_rows.known(header, _COLUMNS)
    needed = ["day"]
    if not {"winner_name", "loser_name"} <= found.keys():
        needed += ["one_name", "two_name", "winner"]
    csv_rows.require(file, header, found, {name: _COLUMNS[name] for name in needed}, _WHAT)
    return found


def _record(columns: dict[str, str], row: dict[str, str], number: int) -> dict[str, object]:
    """A row as one of the table, but for place and id."""
    value = csv_rows.values(columns, row)
    day = csv_rows.day(columns, value)
    won, lost = _sides(columns, value)
    if won.score is not None and won.score >= rules.ROUNDS_TO_WIN and lost.score is not None:
        won.rounds, lost.rounds = won.score, lost.score  # the score of a map
    shared = set(won.players) & set(lost.players)
    for side in (won, lost):
        side.players = tuple(player for player in side.players if player not in shared)
    first_wins = _lot(day, won, lost)
    first, second = (won, lost) if first_wins else (lost, won)
    record: dict[str, object] = {
        "row": number, "started_at": day, "place": csv_rows.whole(columns, value, "order") or 0,
        "namesakes": len(shared),
        "best_of": _length(columns, value, won.score), "map_name": value.get("map_name") or None,
        "first_wins": first_wins,
    }  # fmt: skip
    for name, side in (("first", first), ("second", second)):
        record |= {
            f"{name}_name": side.name, f"{name}_players": json.dumps(sorted(side.players), ensure_ascii=False),
            f"{name}_points": side.points, f"{name}_score": side.score, f"{name}_rounds": side.rounds,
        }  # fmt: skip
    return record


def _sides(columns: dict[str, str], value: dict[str, str]) -> tuple[_Side, _Side]:
    """Winner and loser."""
    by_outcome = "winner_name" in columns and "loser_name" in columns
    one, two = (_side(columns, value, role) for role in (("winner", "loser") if by_outcome else ("one", "two")))
    if one.name == two.name and not (one.players and two.players and one.players != two.players):
        raise RowError(
            f"both sides are called {one.name!r} (column {columns['winner_name' if by_outcome else 'two_name']})"
        )
    if by_outcome:
        return one, two
    winner, column = value["winner"], columns["winner"]
    wins = {one.name: True, "1": True, "team1": True, two.name: False, "2": False, "team2": False}.get(winner)
    if wins is None:
        raise RowError(f"column {column}: {winner!r} is neither {one.name!r} nor {two.name!r}, 1 nor 2")
    if one.score is not None and two.score is not None and one.score != two.score and (one.score > two.score) != wins:
        raise RowError(f"column {column}: {winner!r} lost by the score {one.score}:{two.score}")
    return (one, two) if wins else (two, one)


def _side(columns: dict[str, str], value: dict[str, str], role: str) -> _Side:
    name = value[f"{role}_name"]
    if not name:
        raise RowError(f"column {columns[f'{role}_name']} is empty")
    players = _line_up(value.get(f"{role}_players", ""), columns.get(f"{role}_players", ""))
    score, rounds = (csv_rows.whole(columns, value, f"{role}_{what}") for what in ("score", "rounds"))
    return _Side(name, players, csv_rows.number(columns, value, f"{role}_points"), score, rounds)


def _line_up(text: str, column: str) -> tuple[str, ...]:
    players = [player.strip() for player in re.split(r"[,;|]", text.strip("[]")) if player.strip()]
    if len(players) > rules.TEAM_SIZE:
        raise RowError(f"column {column} names {len(players)} players, a line-up has at most {rules.TEAM_SIZE}")
    # Two of one name in a line-up cannot be told apart: one of them is rated, the other is not known.
    return tuple(dict.fromkeys(players))


def _length(columns: dict[str, str], value: dict[str, str], won: int | None) -> int | None:
    """Best of what: as recorded, or as the winner's maps tell; None where neither does."""
    text = value.get("best_of", "")
    if text:
        match = _BEST_OF.fullmatch(text.removesuffix(".0"))
        if match is None:
            raise RowError(f"column {columns['best_of']}: {text!r} is none of bo1, bo3, bo5")
        return int(match[1])
    if won is None:
        return None
    return 1 if won >= rules.ROUNDS_TO_WIN else {length // 2 + 1: length for length in BEST_OF}.get(won)


def _lot(day: pd.Timestamp, won: _Side, lost: _Side) -> bool:
    """Whether the winner is the first side: by lot, from what was known before."""
    winner, loser = ("\n".join([str(side.name), *sorted(side.players)]) for side in (won, lost))
    drawn = hashlib.blake2b("\n".join([day.isoformat(), *sorted((winner, loser))]).encode(), digest_size=1)
    return (winner < loser) == bool(drawn.digest()[0] & 1)


def _ids(frame: pd.DataFrame) -> pd.Series:
    """A series is known by its day, its place, and who played."""
    days = frame["started_at"].dt.strftime("%Y%m%d")
    names = frame["first_name"].astype("str") + "\n" + frame["second_name"].astype("str")
    hashed = [hashlib.blake2b(name.encode(), digest_size=4).hexdigest() for name in names]
    ids: pd.Series = days + "-" + frame["place"].astype("str") + "-" + pd.Series(hashed, frame.index, dtype="str")
    return ids
