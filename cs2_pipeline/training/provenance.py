"""Where a training table comes from and how far it reaches, as a version's tags keep it; and those tags read back."""

from datetime import UTC, datetime
from typing import Final

import pandas as pd

from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.datasets import origins
from cs2_pipeline.registry.champion import RegistryError

DATABASE: Final = "the demo database"
_NEWEST_MATCH: Final = "match of "


def watermark(dataset: pd.DataFrame, time: str) -> str:
    """The newest source row a training table has seen."""
    newest = dataset[time].max()
    if "round_id" in dataset:
        return f"round {dataset['round_id'].max()}, {_NEWEST_MATCH}{newest.isoformat()}"
    return f"{_NEWEST_MATCH}{newest.isoformat()}"


def seen_until(source_watermark: str) -> datetime:
    """When the newest match in a training table started, from the table's `watermark`.

    Raises:
        RegistryError: it is no such text.
    """
    text = source_watermark.rpartition(_NEWEST_MATCH)[2]
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise RegistryError(
            f"the source watermark {source_watermark!r} names no match time: train the model again"
        ) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def learned_since(version: ModelVersion) -> datetime:
    """When the oldest match started that a version learned from; the beginning of time where it does not say."""
    return datetime.fromisoformat(version.tags.get("learned_since") or datetime.min.replace(tzinfo=UTC).isoformat())


def learned_until(dataset: pd.DataFrame, time: str) -> str:
    """When the newest match outside the test part started."""
    return str(dataset.loc[dataset["part"] != "test", time].max().isoformat())


def source(dataset: pd.DataFrame) -> str:
    """Which input a training table was made from: the demo database, or one of the files read beside it."""
    kinds = list(_shares(dataset))
    return kinds[0] if kinds in ([origins.PUBLISHED], [origins.SERIES]) else DATABASE


def learned_from(dataset: pd.DataFrame) -> str:
    """Where a training table's matches come from, with the shares of its rows where they come from several places."""
    return origins.told(_shares(dataset)) or "matches whose source was not recorded"


def _shares(dataset: pd.DataFrame) -> dict[str, float]:
    return origins.shares(dataset["source"].value_counts().to_dict()) if "source" in dataset else {}
