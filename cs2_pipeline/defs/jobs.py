"""Jobs: what the command line, the schedules and a person in the UI launch."""

from typing import Final

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

EXTRACT: Final = "extract"
INGEST_SNAPSHOTS: Final = "ingest_snapshots"
TRAIN_ROUND: Final = "train_round"
TRAIN_PLAYER: Final = "train_player"
TRAIN_ALL: Final = "train_all"
TRAININGS: Final = (TRAIN_ROUND, TRAIN_PLAYER, TRAIN_ALL)

_ROUND: Final = ("round_dataset", "round_predictor", "round_predictor_promotion")
_PLAYER: Final = ("players", "player_dataset", "player_classifier", "player_classifier_promotion")


def build() -> list[UnresolvedAssetJobDefinition]:
    """All jobs; extraction runs over the days of its assets."""
    extracted = dg.AssetSelection.assets("rounds", "player_match_stats", "round_snapshots")
    return [
        dg.define_asset_job(EXTRACT, extracted, description="Read the chosen days from the demo database."),
        dg.define_asset_job(
            INGEST_SNAPSHOTS,
            dg.AssetSelection.assets("published_snapshots"),
            description="Read the public snapshot file; the path is the asset's configuration.",
        ),
        dg.define_asset_job(
            TRAIN_ROUND,
            dg.AssetSelection.assets(*_ROUND),
            description="Build the round dataset, train, evaluate and, if it has earned it, promote.",
        ),
        dg.define_asset_job(
            TRAIN_PLAYER,
            dg.AssetSelection.assets(*_PLAYER),
            description="Build careers and the player dataset, train, evaluate and, if it has earned it, promote.",
        ),
        dg.define_asset_job(
            TRAIN_ALL,
            dg.AssetSelection.assets(*_ROUND, *_PLAYER, "data_docs"),
            description="Both models, and the data docs.",
        ),
    ]
