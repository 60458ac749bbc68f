"""Datasets: the training tables, each with a content digest and its split shown."""

from enum import Enum
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.datasets import players, rounds
from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.datasets.schema import PLAYER_DATASET, PLAYER_MATCH_STATS, ROUND_DATASET, ROUND_SNAPSHOTS
from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.platform import Platform

GROUP: Final = "datasets"


class SnapshotSource(Enum):
    """Where the snapshots to train on come from."""

    DATABASE = "round_snapshots"
    PUBLISHED = "published_snapshots"


class RoundDatasetConfig(dg.Config):
    """Which snapshots the round dataset is built from; sources are never mixed."""

    source: SnapshotSource = SnapshotSource.DATABASE


def round_dataset(
    config: RoundDatasetConfig, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[pd.DataFrame]:
    """Open round states, split into train, validate, calibrate and test by whole matches in time order."""
    built = rounds.build(platform.tables.read(config.source.value))
    described = metadata.of_frame(built.frame, built.left_out) | _described(built.frame, "match_id")
    return dg.MaterializeResult(value=built.frame, metadata=described | {"source": config.source.value})


def player_dataset(player_match_stats: pd.DataFrame) -> dg.MaterializeResult[pd.DataFrame]:
    """Past windows of players' matches with the skill tier of the later ones; players are disjoint between parts."""
    frame = players.build(player_match_stats)
    return dg.MaterializeResult(value=frame, metadata=metadata.of_frame(frame) | _described(frame, "steam_id"))


def _described(frame: pd.DataFrame, group: str) -> dict[str, Any]:
    parts = frame.groupby("part", sort=False).agg(rows=(group, "size"), groups=(group, "nunique")).reset_index()
    return {"digest": digest(frame), "split": dg.MetadataValue.md(metadata.markdown(parts))}


def build() -> list[dg.AssetsDefinition]:
    """The dataset assets."""
    common: dict[str, Any] = {"group_name": GROUP, "owners": metadata.OWNERS, "kinds": {"pandas", "parquet"}}
    return [
        dg.asset(
            deps=["round_snapshots", "published_snapshots"],
            metadata={
                "dagster/column_schema": metadata.column_schema(ROUND_DATASET),
                "dagster/column_lineage": metadata.column_lineage(ROUND_DATASET, {"round_snapshots": ROUND_SNAPSHOTS}),
            },
            **common,
        )(round_dataset),
        dg.asset(
            metadata={
                "dagster/column_schema": metadata.column_schema(PLAYER_DATASET),
                "dagster/column_lineage": metadata.column_lineage(
                    PLAYER_DATASET, {"player_match_stats": PLAYER_MATCH_STATS}
                ),
            },
            **common,
        )(player_dataset),
    ]
