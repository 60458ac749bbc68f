"""The laws of the game as a blocking check on the round model just registered, before anything may promote it."""

import dagster as dg
import numpy as np

from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.evaluation import laws
from cs2_pipeline.evaluation.laws import LawResult
from cs2_pipeline.game.features import ROUND_FEATURES


@dg.asset_check(asset="round_predictor", name="laws", blocking=True)
def round_predictor_laws(platform: dg.ResourceParam[Platform]) -> dg.AssetCheckResult:
    """Decided states are exactly 0 or 1, more players, health or equipment never hurt, a fair price has no drift."""
    tables, models = platform.tables, platform.models
    document, dataset = tables.read_json("round_predictor"), tables.read("round_dataset")
    artifact = models.fetch(models.version(document["name"], document["version"]))
    predict = laws.served(lambda features: artifact.predict(features, ROUND_FEATURES)["probability"].astype(np.float64))
    found = laws.check(predict, seed=platform.settings.seed, snapshots=dataset[dataset["part"] == "test"])
    broken = [law for law in found if not law.holds]
    return dg.AssetCheckResult(
        passed=not broken,
        metadata={"laws": len(found), "broken": len(broken), "findings": dg.MetadataValue.md(_table(found))},
        description="; ".join(law.sentence for law in broken) or None,
    )


def build() -> list[dg.AssetChecksDefinition]:
    """The check of the laws; the player model's few laws are part of its verdict."""
    return [round_predictor_laws]


def _table(found: list[LawResult]) -> str:
    rows = [f"| {law.name} | {'holds' if law.holds else '**broken**'} | {law.sentence} |" for law in found]
    return "\n".join(["| law | | finding |", "|---|---|---|", *rows])
