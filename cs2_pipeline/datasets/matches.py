"""Maps and series with their outcome, in the order of play: the table the match model learns from.

`of_maps` takes what was extracted from demos, `series.read` what somebody recorded without demos; both give
`schema.CONTESTS`. A match's first and second side are told apart by something that knows nothing of the outcome.
"""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from cs2_pipeline.datasets.schema import CONTESTS, DatasetError, TooLittleDataError
from cs2_pipeline.game.teams import nameless


def of_maps(extracted: pd.DataFrame) -> pd.DataFrame:
    """The table of extracted maps (`schema.MAPS`), each a best of one, in the order in which they started.

    Raises:
        DatasetError: a column is missing.
    """
    frame = extracted.sort_values(["started_at", "match_id"], ignore_index=True)
    frame = frame.assign(
        match_id=frame["match_id"].astype("str"),
        place=frame.groupby(frame["started_at"].dt.date).cumcount() + 1,
        best_of=1,
        first_points=float("nan"),
        second_points=float("nan"),
        first_rounds=frame["first_score"],
        second_rounds=frame["second_score"],
    )
    return CONTESTS.conform(frame)


def in_order(matches: pd.DataFrame) -> pd.DataFrame:
    """The matches in the order they were played, each once.

    Raises:
        TooLittleDataError: there are none.
        DatasetError: a match is there twice.
    """
    if matches.empty:
        raise TooLittleDataError(
            "no matches: extract them from demos, or read a table of series with `cs2 ingest series FILE`"
        )
    # A table that was ingested before rounds were kept has none.
    missing = {name: None for name in ("first_rounds", "second_rounds") if name not in matches}
    frame = CONTESTS.conform(matches.assign(**missing))
    day = frame["started_at"].dt.normalize()
    frame = frame.assign(day=day).sort_values(["day", "place", "match_id"], ignore_index=True).drop(columns="day")
    twice = frame["match_id"].duplicated()
    if twice.any():
        raise DatasetError(f"match {frame.loc[twice, 'match_id'].iloc[0]} is in the table twice")
    return frame


def players_of(match: Mapping[Any, Any], side: str) -> tuple[str, ...]:
    """The ids of a side's line-up in a row of the table; none where it is not known."""
    return tuple(json.loads(match[f"{side}_players"]))


def rated_players(match: Mapping[Any, Any], side: str) -> tuple[str, ...]:
    """Whom a result tells about: the line-up, or where nobody is known five nameless players of the named team."""
    return players_of(match, side) or nameless(str(match[f"{side}_name"]))
