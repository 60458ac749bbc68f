"""Rounds of series, from a table of the maps they were played on: a CSV with day, two teams and the rounds each won.

Tables of series seldom say how clear a map was, and tables of maps seldom say who played. A series and maps belong
together when they are of the same two names and of one day, and the pair has no other series that day: maps of a later
series must never be learned from before it is predicted. Maps of which the series' loser won more are left out too,
and so are maps that are not those of one whole series of its length: a best of three is not decided by one map, and
has no fourth. A map of which nobody won twelve rounds was given away, or is a series and no map.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cs2_pipeline.datasets import csv_rows
from cs2_pipeline.datasets.csv_rows import Columns, RowError
from cs2_pipeline.game import rules

_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "day": ("date", "day", "played_at", "started_at"),
    "one_name": ("team1", "team1_name", "first_name", "team_a"),
    "two_name": ("team2", "team2_name", "second_name", "team_b"),
    "one_rounds": ("score1_reg", "team1_rounds", "rounds1", "team1_score", "score1"),
    "two_rounds": ("score2_reg", "team2_rounds", "rounds2", "team2_score", "score2"),
}
_WHAT: Final = "A table of maps has a day, two teams, and the rounds each won."
_DECORATION: Final = re.compile(r"\b(?:team|esports?|gaming|clan|club)\b|[\W_]")

_Meeting = tuple[date, str, str]
"""Day and both names."""
_Maps = dict[_Meeting, list[tuple[int, int]]]


def join(series: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Series (`schema.CONTESTS`) with the rounds of those whose maps are in a file; rounds known already stay.

    Raises:
        csv_rows.RowsError: the file cannot be read, lacks a column, or has rows that cannot be; the message says which.
    """
    maps: _Maps = {}
    for meeting, rounds in csv_rows.read(path, _known_columns, _map):
        maps.setdefault(meeting, []).append(rounds)
        maps.setdefault(_swapped(meeting), []).append(rounds[::-1])
    matches = series.to_dict("records")
    meetings = [_meeting(match) for match in matches]
    often = Counter(min(one, _swapped(one)) for one in meetings)
    only = [one if often[min(one, _swapped(one))] == 1 else None for one in meetings]
    names = ["first_rounds", "second_rounds"]
    rows = [
        _rounds(maps.get(one, []) if one else [], won=bool(match["first_wins"]), best_of=match["best_of"])
        for one, match in zip(only, matches, strict=True)
    ]
    found = pd.DataFrame(rows, series.index, names, dtype="Int64")
    return series.assign(**{name: series[name].astype("Int64").fillna(found[name]) for name in names})


def _rounds(
    played: Sequence[tuple[int, int]], *, won: bool, best_of: int | None
) -> tuple[int, int] | tuple[None, None]:
    first, second = sum(one > two for one, two in played), sum(one < two for one, two in played)
    winners, losers = (first, second) if won else (second, first)
    if not played or winners < losers or min(max(scores) for scores in played) < rules.REGULATION_HALF:
        return None, None
    if not pd.isna(best_of) and not _is_whole(winners, losers, len(played), int(best_of)):
        return None, None
    return sum(one for one, _ in played), sum(two for _, two in played)


def _is_whole(winners: int, losers: int, maps: int, best_of: int) -> bool:
    """Whether these can be all maps of a series: some won by either side, the others level after regulation time."""
    needed = best_of // 2 + 1
    return winners <= needed <= maps - losers and maps - needed < needed


def _meeting(match: Mapping[Any, Any]) -> _Meeting:
    return match["started_at"].date(), _plain(match["first_name"]), _plain(match["second_name"])


def _swapped(meeting: _Meeting) -> _Meeting:
    day, one, two = meeting
    return day, two, one


def _known_columns(file: str, header: list[str]) -> dict[str, str]:
    found = csv_rows.known(header, _COLUMNS)
    csv_rows.require(file, header, found, _COLUMNS, _WHAT)
    return found


def _map(columns: Columns, row: dict[str, str], _number: int) -> tuple[_Meeting, tuple[int, int]]:
    value = csv_rows.values(columns, row)
    rounds = []
    for side in ("one", "two"):
        won = csv_rows.whole(columns, value, f"{side}_rounds")
        if won is None or won < 0:
            raise RowError(f"column {columns[f'{side}_rounds']}: {value[f'{side}_rounds']!r} is no number of rounds")
        rounds.append(won)
    day = csv_rows.day(columns, value).date()
    return (day, _plain(value["one_name"]), _plain(value["two_name"])), (rounds[0], rounds[1])


def _plain(name: object) -> str:
    """A team's name without what one table writes and another does not."""
    written = str(name).casefold()
    return _DECORATION.sub("", written) or written
