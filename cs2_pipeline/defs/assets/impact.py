"""Win probability added by players, priced by the champion of the round model."""

from datetime import date
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.datasets import win_probability_added as added
from cs2_pipeline.datasets.schema import WIN_PROBABILITY_ADDED
from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.assets.extraction import DATABASE_POOL
from cs2_pipeline.defs.assets.prices import ROUND_MODEL, price_by
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import retried
from cs2_pipeline.defs.verdicts import read_usable
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.extraction.identities import steam_ids

NAME: Final = WIN_PROBABILITY_ADDED.name
JOB: Final = "price_players"
ROUNDS_AT_A_TIME: Final = 20_000
"""Bounds what is in memory at once."""

Stretch = tuple[date, date]
"""The first and the last day."""


def win_probability_added(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[pd.DataFrame]:
    """How much each player's kills, deaths, plants and defusals changed the side's chance of winning, by match.

    Empty while the round model has no champion to price states.
    """
    champion = platform.models.champion(ROUND_MODEL.name)
    if champion is None:
        note = f"there is no champion of {ROUND_MODEL.name} to price states"
        return dg.MaterializeResult(value=WIN_PROBABILITY_ADDED.empty(), metadata={"summary": note})
    rounds, days_left_out, _ = read_usable(platform.tables, "rounds")
    artifact = platform.models.fetch(champion)
    # The database is asked by the days it has matches on; those of `rounds` are the days they were played on.
    stored = platform.tables.read("rounds", columns=["started_at"])
    with platform.demo_database() as database:
        found = [_of_days(database, stretch, rounds, artifact) for stretch in stretches(stored)]
    frame = pd.concat([WIN_PROBABILITY_ADDED.empty(), *(one for one in found if not one.empty)], ignore_index=True)
    described = metadata.of_frame(frame) | metadata.of_days_left_out(days_left_out)
    return dg.MaterializeResult(value=frame, metadata={**described, "version": champion.version})


def stretches(rounds: pd.DataFrame) -> list[Stretch]:
    """All days of the rounds in stretches of about `ROUNDS_AT_A_TIME`: a day costs much the same as ten."""
    played = rounds["started_at"].dt.date.value_counts().sort_index()
    number = (played.cumsum() - played) // ROUNDS_AT_A_TIME
    return [(days.index[0], days.index[-1]) for _, days in played.groupby(number)]


def _of_days(database: DemoDatabase, days: Stretch, rounds: pd.DataFrame, artifact: Artifact) -> pd.DataFrame:
    """The lines of the matches of some days."""
    events, people = event_tables(database, *days), steam_ids(database, *days)
    known = events.rounds[events.rounds["round_id"].isin(rounds["round_id"])]
    found = added.changes(known, events.participants, events.kills, events.damages, events.bombs, price_by(artifact))
    started = rounds.drop_duplicates("match_id").set_index("match_id")["started_at"]
    lines = added.by_match(found.frame)
    lines = lines.assign(steam_id=lines["player_id"].map(people), started_at=lines["match_id"].map(started))
    return WIN_PROBABILITY_ADDED.conform(lines.dropna(subset=["steam_id"]))


def build() -> list[dg.AssetsDefinition]:
    """The asset of the table."""
    made: dg.AssetsDefinition = dg.asset(
        group_name="evaluation",
        owners=metadata.OWNERS,
        pool=DATABASE_POOL,
        kinds={"sql", "onnx", "parquet"},
        metadata={"dagster/column_schema": metadata.column_schema(WIN_PROBABILITY_ADDED)},
        deps=["rounds", ROUND_MODEL.promotion],
    )(retried(win_probability_added))
    return [made]


def job() -> Any:
    """The job that prices what players did."""
    return dg.define_asset_job(
        JOB, dg.AssetSelection.assets(NAME), description="Compute win probability added for all players and matches."
    )


daily_pricing = dg.ScheduleDefinition(
    name="daily_pricing",
    job_name=JOB,
    cron_schedule="40 5 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Computes win probability added at 05:40 UTC, before the directories that show it are made.",
)
