"""Jobs: what the command line, the schedules and a person in the UI launch."""

from typing import Final

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import ModelSpec
from cs2_pipeline.defs.assets import reports
from cs2_pipeline.defs.verdicts import DAILY_TABLES

EXTRACT: Final = "extract"
INGEST_SNAPSHOTS: Final = "ingest_snapshots"
INGEST_SERIES: Final = "ingest_series"
INGEST_LIVE: Final = "ingest_live"
COACH: Final = "coach"
TRAIN_ALL: Final = "train_all"
_TOLD: Final = ("data_docs", reports.NAME)
"""Where a person reads of the tables that the models were trained on."""


def trainings() -> tuple[str, ...]:
    """The names of all jobs that train."""
    return (*(spec.job for spec in catalog.MODELS), TRAIN_ALL)


def build() -> list[UnresolvedAssetJobDefinition]:
    """All jobs; extraction runs over the days of its assets."""
    extracted = dg.AssetSelection.assets(*DAILY_TABLES, "skill_observations")
    return [
        dg.define_asset_job(EXTRACT, extracted, description="Read the chosen days from the demo database."),
        dg.define_asset_job(
            INGEST_SNAPSHOTS,
            dg.AssetSelection.assets("published_snapshots"),
            description="Read the public snapshot file; the path is the asset's configuration.",
        ),
        dg.define_asset_job(
            INGEST_SERIES,
            dg.AssetSelection.assets("published_series"),
            description="Read a table of series; the path is the asset's configuration.",
        ),
        dg.define_asset_job(
            INGEST_LIVE,
            dg.AssetSelection.assets("live_matches"),
            description="Add finished live matches to the embedded demo database.",
        ),
        dg.define_asset_job(
            COACH,
            dg.AssetSelection.assets("priced_observations", "skill_cards", "drill_evidence"),
            description="Update all skill cards and check the plans being followed.",
        ),
        *(_training(spec) for spec in catalog.MODELS),
        dg.define_asset_job(
            TRAIN_ALL,
            dg.AssetSelection.assets(*(name for spec in catalog.MODELS for name in _assets(spec)), *_TOLD),
            description="Train all models, and build the data docs and what the pages say of the data.",
        ),
    ]


def _training(spec: ModelSpec) -> UnresolvedAssetJobDefinition:
    built = " and ".join([*spec.built_first, spec.dataset, *spec.built_too])
    return dg.define_asset_job(
        spec.job,
        dg.AssetSelection.assets(*_assets(spec)),
        description=f"Build {built}, train {spec.name}, evaluate it and promote it if it passes.",
    )


def _assets(spec: ModelSpec) -> tuple[str, ...]:
    return (*spec.built_first, spec.dataset, *spec.built_too, spec.name, spec.promotion)
