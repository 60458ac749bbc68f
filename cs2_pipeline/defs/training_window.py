"""How far back the round model learns: `CS2_TRAINING_DAYS` match days up to the newest one it has seen."""

from datetime import datetime, timedelta

import pandas as pd


def newest_days(snapshots: pd.DataFrame, days: int | None, until: datetime) -> pd.DataFrame:
    """Snapshots of the last ``days`` days up to the day of ``until``, and all later ones; all where days is None.

    The parts of a dataset are shares of its matches in time order. Without a window the game before a patch stays most
    of what a model learns from until the patch is older than the data before it.
    """
    if days is None:
        return snapshots
    first = pd.Timestamp(until).normalize() - timedelta(days=days - 1)
    return snapshots[snapshots["started_at"] >= first]
