"""Extraction: the demo database's tables as daily partitions, and careers over all of them.

An asset here reads one range of days, whatever number of partitions a run covers, and hands on what `demodb.extract`
gives. What was refused is kept beside the table with its reasons.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.datasets import players as player_tables
from cs2_pipeline.datasets import public_snapshots, series, snapshots
from cs2_pipeline.datasets.schema import (
    CONTESTS,
    MAPS,
    PLAYER_MATCH_STATS,
    PLAYERS,
    ROUND_SNAPSHOTS,
    ROUNDS,
    WIN_PROBABILITY_ADDED,
    Table,
)
from cs2_pipeline.defs import left_out, metadata
from cs2_pipeline.defs.partitions import run_days
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import retried
from cs2_pipeline.defs.verdicts import read_usable
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import extract, maps
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.extraction.extract import Extracted

GROUP: Final = "extraction"
DATABASE_POOL: Final = "demo_database"
"""Concurrency pool of everything that connects to the demo database."""


def rounds(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[pd.DataFrame]:
    """Finished live rounds with their winner and their state after the end.

    Contains the label. The other columns must never be used as features: they are known only after the round.
    """
    return _extracted(context, platform, extract.rounds)


def player_match_stats(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[pd.DataFrame]:
    """What each player did in each match. Bots and HLTV are left out."""
    return _extracted(context, platform, extract.player_match_stats)


def round_snapshots(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], rounds: pd.DataFrame
) -> dg.MaterializeResult[pd.DataFrame]:
    """Snapshots of each round: at freeze end, every few seconds, after each kill and the plant.

    Rebuilt only from kills, damages and bombs up to that moment, so a snapshot has what a request could have.
    """
    days = run_days(context)
    with platform.demo_database() as database:
        events = event_tables(database, days[0], days[-1])
    known = events.rounds[events.rounds["round_id"].isin(rounds["round_id"])]
    rebuilt = snapshots.rebuild(
        known,
        events.participants,
        events.kills,
        events.damages,
        events.bombs,
        interval=platform.settings.snapshot_interval,
    )
    uncounted = Counter(events.left_out) + Counter(rebuilt.left_out)
    played_at = known.drop_duplicates("match_id").set_index("match_id")["played_at"]
    frame = rebuilt.frame.assign(played_at=played_at.reindex(rebuilt.frame["match_id"]).array)
    return _materialized(context, platform, Extracted(frame, uncounted, events.refused, events.mapped))


def matches(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[pd.DataFrame]:
    """Complete maps: line-ups by SteamID, the side that started as CT, the score by half and overtime, the winner."""
    return _extracted(context, platform, maps.maps)


def players(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[pd.DataFrame]:
    """Careers: one row per player with more than 10 rounds, over all extracted matches that are not in quarantine."""
    lines, days_left_out, _ = read_usable(platform.tables, "player_match_stats")
    priced = WIN_PROBABILITY_ADDED.name
    added = platform.tables.read(priced) if platform.tables.exists(priced) else None
    careers = player_tables.careers(lines, added)
    return dg.MaterializeResult(
        value=careers, metadata=metadata.of_frame(careers) | metadata.of_days_left_out(days_left_out)
    )


class PublishedFile(dg.Config):
    """The file to read; without one nothing is read."""

    path: str | None = None


class SeriesFile(PublishedFile):
    """The series to read, and the maps they were played on; without series nothing is read."""

    maps: str | None = None


def published_snapshots(
    context: dg.AssetExecutionContext, config: PublishedFile, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[None]:
    """Snapshots from the public CS:GO round winner file: matches and rounds recovered, labels repaired.

    The configuration names the file. Without one nothing is read and the existing table is kept.
    """
    return _published(context, platform, config.path, public_snapshots.read)


def published_series(
    context: dg.AssetExecutionContext, config: SeriesFile, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[None]:
    """Series from a file: date, both teams, winner, line-ups if known. Sides are drawn at random; the order is kept.

    The configuration names the file, and a file of maps for the rounds of the series. Without a file of series nothing
    is read and the existing table is kept.
    """
    maps = Path(config.maps) if config.maps else None
    return _published(context, platform, config.path, lambda path: series.read(path, maps))


def _published(
    context: dg.AssetExecutionContext,
    platform: Platform,
    path: str | None,
    read: Callable[[Path], tuple[pd.DataFrame, Any]],
) -> dg.MaterializeResult[None]:
    """The file's table, put into the store. Not by the IO manager: a run that names no file must not replace it."""
    if path is None:
        note = "nothing was read: the configuration names no file (`path`); what was read before stays"
        context.log.info(note)
        return dg.MaterializeResult(metadata={"summary": note})
    frame, report = read(Path(path))
    stored = platform.tables.write(context.asset_key.to_user_string(), frame)
    figures = {f"report/{name}": count for name, count in asdict(report).items()}
    return dg.MaterializeResult(metadata=metadata.of_frame(frame) | {"path": stored} | figures)


def build(days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The extraction assets over the given days."""
    daily: dict[str, Any] = {
        "partitions_def": days,
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "pool": DATABASE_POOL,
        "kinds": {"sql", "arrow", "parquet"},
    }
    return [
        _asset(rounds, ROUNDS, **daily),
        _asset(player_match_stats, PLAYER_MATCH_STATS, **daily),
        _asset(round_snapshots, ROUND_SNAPSHOTS, lineage={"rounds": ROUNDS}, **daily),
        _asset(matches, MAPS, **daily),
        _asset(
            players,
            PLAYERS,
            lineage={"player_match_stats": PLAYER_MATCH_STATS},
            deps=["player_match_stats", WIN_PROBABILITY_ADDED.name],
            kinds={"pandas", "parquet"},
        ),
        _asset(published_snapshots, ROUND_SNAPSHOTS, kinds={"csv", "pandas", "parquet"}),
        _asset(published_series, CONTESTS, kinds={"csv", "pandas", "parquet"}),
    ]


def _asset(
    function: Callable[..., Any], table: Table, lineage: dict[str, Table] | None = None, **settings: Any
) -> dg.AssetsDefinition:
    described: dict[str, Any] = {"dagster/column_schema": metadata.column_schema(table)}
    if lineage:
        described["dagster/column_lineage"] = metadata.column_lineage(table, lineage)
    made: dg.AssetsDefinition = dg.asset(group_name=GROUP, owners=metadata.OWNERS, metadata=described, **settings)(
        retried(function)
    )
    return made


def _extracted(
    context: dg.AssetExecutionContext,
    platform: Platform,
    read: Callable[[DemoDatabase, date, date], Extracted],
) -> dg.MaterializeResult[pd.DataFrame]:
    days = run_days(context)
    with platform.demo_database() as database:
        found = read(database, days[0], days[-1])
    return _materialized(context, platform, found)


def _materialized(
    context: dg.AssetExecutionContext, platform: Platform, found: Extracted
) -> dg.MaterializeResult[pd.DataFrame]:
    """The table with the account of what is not in it; each day's refused rows replace that day's former ones."""
    days, name = run_days(context), context.asset_key.to_user_string()
    _note_days(context, found.frame, days)
    left_out.keep(platform.tables, name, days, found.left_out)
    described = metadata.of_frame(found.frame, found.left_out)
    described["mapped"] = dg.MetadataValue.md(metadata.counts(found.mapped))
    described["mapped_total"] = sum(found.mapped.values())
    refused = found.refused.drop(columns="started_at")
    of_day = found.refused["started_at"].dt.date
    for day in days:
        platform.tables.write(f"refused/{name}", refused[of_day == day], day.isoformat())
    described["refused"] = f"refused/{name}/<day>.parquet"
    described["refused_rows"] = len(refused)
    described["refused_sample"] = dg.MetadataValue.md(metadata.markdown(refused.head(metadata.SAMPLE_ROWS)))
    return dg.MaterializeResult(value=found.frame, metadata=described)


def _note_days(context: dg.AssetExecutionContext, frame: pd.DataFrame, days: list[date]) -> None:
    rows = frame["started_at"].dt.date.value_counts()
    for day in days:
        context.add_asset_metadata(
            {"dagster/partition_row_count": int(rows.get(day, 0))}, partition_key=day.isoformat()
        )
