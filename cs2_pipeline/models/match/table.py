"""From the rows of a table of contests to what the ratings read. Light, so that datasets can be built without torch."""

import json
from typing import Any

import pandas as pd

from cs2_pipeline.game.teams import nameless
from cs2_pipeline.models.match.contest import UNKNOWN_LENGTH, Contest, LineUp


def contests(matches: pd.DataFrame) -> tuple[list[Contest], list[bool]]:
    """The matches of a table, in its order, as contests with their outcome.

    Args:
        matches: `schema.CONTESTS` in the order of play. A side nobody of whom is known is rated under its name, as if
            five nameless players of that name had played.
    """
    found, won = [], []
    epoch = pd.Timestamp(0, tz="UTC")
    days = (matches["started_at"].dt.normalize() - epoch).dt.days
    for day, match in zip(days.tolist(), matches.to_dict("records"), strict=True):
        first, second = (_line_up(match, side) for side in ("first", "second"))
        best_of = match["best_of"]
        map_name = match["map_name"]
        found.append(
            Contest(
                day,
                first,
                second,
                UNKNOWN_LENGTH if pd.isna(best_of) else int(best_of),
                None if pd.isna(map_name) else str(map_name),
            )
        )
        won.append(bool(match["first_wins"] == 1))
    return found, won


def rounds(matches: pd.DataFrame) -> list[tuple[int, int] | None]:
    """The rounds won by both sides of each match of a table, in its order; None where they are not known."""
    return [
        None if pd.isna(first) or pd.isna(second) else (int(first), int(second))
        for first, second in zip(matches["first_rounds"], matches["second_rounds"], strict=True)
    ]


def _line_up(match: dict[Any, Any], side: str) -> LineUp:
    points = match[f"{side}_points"]
    players = tuple(json.loads(match[f"{side}_players"])) or nameless(str(match[f"{side}_name"]))
    return LineUp(players, None if pd.isna(points) else float(points))
