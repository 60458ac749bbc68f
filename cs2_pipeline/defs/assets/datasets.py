"""Datasets: the training tables, each with a content digest and its split shown."""

from enum import Enum
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets import matches, origins, players, rounds
from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.datasets.schema import (
    MAPS,
    MATCH_DATASET,
    PLAYER_DATASET,
    PLAYER_MATCH_STATS,
    ROUND_DATASET,
    ROUND_SNAPSHOTS,
)
from cs2_pipeline.defs import left_out, metadata
from cs2_pipeline.defs.assets.monitoring import latest
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import retried
from cs2_pipeline.defs.training_window import change_to_heed, newest_days
from cs2_pipeline.defs.verdicts import read_usable
from cs2_pipeline.training import match_table
from cs2_pipeline.training.monitoring import latest_change

GROUP: Final = "datasets"
DAYS_READ: Final = "days_read"
"""Metadata of a training table: the version of the extracted days it was built from (`verdicts.Usable`)."""
ROUNDS_BY_DAY: Final = "rounds_by_day"
"""Metadata of the round dataset: by match day, how many rounds it holds."""


class SnapshotSource(Enum):
    """The source of the training snapshots."""

    DATABASE = "round_snapshots"
    PUBLISHED = "published_snapshots"


class RoundDatasetConfig(dg.Config):
    """The source of the round dataset."""

    source: SnapshotSource = SnapshotSource.DATABASE


def round_dataset(
    context: dg.AssetExecutionContext, config: RoundDatasetConfig, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[pd.DataFrame]:
    """Open round states, split into train, validate, calibrate and test by whole matches in time order.

    After a monitoring alarm, the matches from before the change of play form a separate part, `former`. Matches of
    another game than CS2, and the public snapshots of CS:GO, are the part `prior`: learned from, never judged on.
    """
    changed_at = None
    described: dict[str, Any] = metadata.of_days_left_out({})
    if config.source is SnapshotSource.DATABASE:
        snapshots, days_left_out, version = read_usable(platform.tables, config.source.value)
        described = metadata.of_days_left_out(days_left_out) | {DAYS_READ: version}
        snapshots = newest_days(snapshots, platform.settings.training_days)
        changed_at = change_to_heed(snapshots, latest_change(latest(platform, catalog.ROUND)))
    else:
        snapshots = platform.tables.read(config.source.value)
    with left_out.told(platform.tables, config.source.value):
        built = rounds.build(snapshots, changed_at=changed_at, prior=_prior(config, platform, snapshots))
    described |= metadata.of_frame(built.frame, built.left_out) | _described(context, built.frame, "match_id")
    described |= {"source": config.source.value} | _counted(built.frame)
    described["play_changed_at"] = changed_at.isoformat() if changed_at is not None else "not known to have changed"
    return dg.MaterializeResult(value=built.frame, metadata=described)


def _counted(frame: pd.DataFrame) -> dict[str, Any]:
    """How many rounds of the judged game there are, and by match day: those of another game are no news of it."""
    own = frame[frame["part"] != rounds.PRIOR].drop_duplicates("round_id")
    by_day = own["started_at"].dt.strftime("%Y-%m-%d").value_counts().sort_index()
    return {"rounds": len(own), ROUNDS_BY_DAY: dg.MetadataValue.json({str(day): int(n) for day, n in by_day.items()})}


def _prior(config: RoundDatasetConfig, platform: Platform, snapshots: pd.DataFrame) -> pd.DataFrame | None:
    """The public snapshots of CS:GO, where they were ingested and the database holds matches of CS2."""
    published = SnapshotSource.PUBLISHED.value
    if config.source is not SnapshotSource.DATABASE or not (snapshots["game"] == "cs2").any():
        return None
    return platform.tables.read(published) if platform.tables.exists(published) else None


def player_dataset(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[pd.DataFrame]:
    """Past windows of players' matches, labelled with the skill tier of later ones; no player is in two parts."""
    lines, days_left_out, version = read_usable(platform.tables, "player_match_stats")
    with left_out.told(platform.tables, "player_match_stats"):
        frame = players.build(lines)
    described = metadata.of_frame(frame) | _described(context, frame, "steam_id") | {DAYS_READ: version}
    return dg.MaterializeResult(value=frame, metadata=described | metadata.of_days_left_out(days_left_out))


class MatchSource(Enum):
    """The source of the training matches."""

    DATABASE = "matches"
    PUBLISHED = "published_series"


class MatchDatasetConfig(dg.Config):
    """The source of the match dataset; sources are never mixed, because they identify players differently."""

    source: MatchSource = MatchSource.DATABASE


def match_dataset(
    context: dg.AssetExecutionContext, config: MatchDatasetConfig, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[pd.DataFrame]:
    """Each match as known just before it was played, in playing order, split by time."""
    described: dict[str, Any] = metadata.of_days_left_out({})
    if config.source is MatchSource.DATABASE:
        extracted, days_left_out, version = read_usable(platform.tables, config.source.value)
        described = metadata.of_days_left_out(days_left_out) | {DAYS_READ: version}
        played = matches.of_maps(extracted)
    else:
        played = platform.tables.read(config.source.value)
    with left_out.told(platform.tables, config.source.value):
        frame = match_table.build(played)
    described |= metadata.of_frame(frame) | _described(context, frame, "match_id")
    return dg.MaterializeResult(value=frame, metadata=described | {"source": config.source.value})


def _described(context: dg.AssetExecutionContext, frame: pd.DataFrame, group: str) -> dict[str, Any]:
    """Digest, split and origin of a training table; simulated matches among real ones are warned of."""
    shares = origins.shares(frame["source"].value_counts().to_dict())
    if mixed := origins.warning(shares):
        context.log.warning(mixed)
    parts = frame.groupby("part", sort=False).agg(rows=(group, "size"), groups=(group, "nunique")).reset_index()
    return {
        "digest": digest(frame),
        "matches_from": origins.told(shares),
        "split": dg.MetadataValue.md(metadata.markdown(parts)),
    }


def build() -> list[dg.AssetsDefinition]:
    """The dataset assets."""
    common: dict[str, Any] = {"group_name": GROUP, "owners": metadata.OWNERS, "kinds": {"pandas", "parquet"}}
    return [
        dg.asset(
            deps=["round_snapshots", "published_snapshots", catalog.ROUND.changes],
            metadata={
                "dagster/column_schema": metadata.column_schema(ROUND_DATASET),
                "dagster/column_lineage": metadata.column_lineage(ROUND_DATASET, {"round_snapshots": ROUND_SNAPSHOTS}),
            },
            **common,
        )(retried(round_dataset)),
        dg.asset(
            deps=["player_match_stats"],
            metadata={
                "dagster/column_schema": metadata.column_schema(PLAYER_DATASET),
                "dagster/column_lineage": metadata.column_lineage(
                    PLAYER_DATASET, {"player_match_stats": PLAYER_MATCH_STATS}
                ),
            },
            **common,
        )(retried(player_dataset)),
        dg.asset(
            deps=["matches", "published_series"],
            metadata={
                "dagster/column_schema": metadata.column_schema(MATCH_DATASET),
                "dagster/column_lineage": metadata.column_lineage(MATCH_DATASET, {"matches": MAPS}),
            },
            **common,
        )(retried(match_dataset)),
    ]
