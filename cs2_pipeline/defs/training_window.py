"""How far back the round model learns: days that are forgotten, and the matches before a change of play.

Forgotten are the days before the newest `CS2_TRAINING_DAYS`, where that is set. A change of play is what a monitoring
alarm says: the matches before it stay in the dataset, in a part of their own, and a training finds out whether it does
better with or without them.
"""

from datetime import datetime, timedelta
from typing import Final

import pandas as pd

LEAST_MATCHES: Final = 100
"""Since a change of play. With fewer the thirty percent that a model is judged on could show nothing surely."""


def newest_days(snapshots: pd.DataFrame, days: int | None) -> pd.DataFrame:
    """Snapshots of the newest ``days`` days up to the newest one there is; all where days is None."""
    if days is None or snapshots.empty:
        return snapshots
    first = snapshots["started_at"].max().normalize() - timedelta(days=days - 1)
    kept: pd.DataFrame = snapshots[snapshots["started_at"] >= first]
    return kept


def change_to_heed(snapshots: pd.DataFrame, changed_at: datetime | None) -> datetime | None:
    """When play changed, if enough matches were played since; None before that, and where nothing is older."""
    if changed_at is None or not (snapshots["started_at"] < changed_at).any():
        return None
    since = snapshots.loc[snapshots["started_at"] >= changed_at, "match_id"].nunique()
    return changed_at if since >= LEAST_MATCHES else None
