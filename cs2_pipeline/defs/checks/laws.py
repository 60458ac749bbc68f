"""The laws of the game as a blocking check on the round model just registered, before anything may promote it."""

import dagster as dg
import numpy as np
import pandas as pd

from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.evaluation import laws
from cs2_pipeline.evaluation.laws import LawResult
from cs2_pipeline.game.features import ROUND_FEATURES


@dg.asset_check(
    asset="round_predictor", name="laws", blocking=True, additional_ins={"round_dataset": dg.AssetIn("round_dataset")}
)
def round_predictor_laws(
    platform: dg.ResourceParam[Platform],
    round_predictor: dict,  # type: ignore[type-arg]  # the IO manager tells documents from tables by this type
    round_dataset: pd.DataFrame,
) -> dg.AssetCheckResult:
    """Decided states are exactly 0 or 1; more players, health or equipment never hurt; prices have no drift."""
    version = platform.models.version(round_predictor["name"], round_predictor["version"])
    artifact = platform.models.fetch(version)
    # Another run may have built the table anew: its matches may be ones that this version learned from.
    known = digest(round_dataset) == version.dataset_digest
    snapshots = round_dataset[round_dataset["part"] == "test"] if known else None
    predict = laws.served(lambda features: artifact.predict(features, ROUND_FEATURES)["probability"].astype(np.float64))
    found = laws.check(predict, seed=platform.settings.seed, snapshots=snapshots)
    broken = [law for law in found if not law.holds]
    return dg.AssetCheckResult(
        passed=not broken,
        metadata={
            "version": version.version,
            "laws": len(found),
            "broken": len(broken),
            "findings": dg.MetadataValue.md(_table(found)),
            "drift": "checked" if known else "the dataset was built anew since: as checked in training",
        },
        description="; ".join(law.sentence for law in broken) or None,
    )


def build() -> list[dg.AssetChecksDefinition]:
    """The check of the laws; the player model's few laws are part of its verdict."""
    return [round_predictor_laws]


def _table(found: list[LawResult]) -> str:
    rows = [f"| {law.name} | {'holds' if law.holds else '**broken**'} | {law.sentence} |" for law in found]
    return "\n".join(["| law | | finding |", "|---|---|---|", *rows])
