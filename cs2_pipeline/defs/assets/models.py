"""Models: training with evaluation and registration, and the promotion of what earned it."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.platform import Platform, git_commit
from cs2_pipeline.defs.retries import retried
from cs2_pipeline.training import release
from cs2_pipeline.training.release import Registry, Release

GROUP: Final = "models"


def round_predictor(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], round_dataset: pd.DataFrame
) -> dg.MaterializeResult[dict]:  # type: ignore[type-arg]  # the IO manager tells documents from tables by this type
    """A round model: candidates compared on matches left out, the chosen one measured once on the test part.

    Registered in MLflow with its evidence and the verdict on it, whichever way that went.
    """
    settings = platform.settings
    released = release.train_round(
        round_dataset, registry(platform), seed=settings.seed, tags=_tags(context), progress=context.log.info
    )
    return _result(released)


def player_classifier(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], player_dataset: pd.DataFrame
) -> dg.MaterializeResult[dict]:  # type: ignore[type-arg]
    """A player model: the skill tier of a player's later matches from the earlier ones."""
    settings = platform.settings
    released = release.train_player(
        player_dataset, registry(platform), seed=settings.seed, tags=_tags(context), progress=context.log.info
    )
    return _result(released)


def round_predictor_promotion(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    round_predictor: dict,  # type: ignore[type-arg]
) -> dg.MaterializeResult[None]:
    """The alias `champion` on the round model just trained, if it earned that; otherwise nothing changes."""
    return _settled(context, platform, round_predictor)


def player_classifier_promotion(
    context: dg.AssetExecutionContext,
    platform: dg.ResourceParam[Platform],
    player_classifier: dict,  # type: ignore[type-arg]
) -> dg.MaterializeResult[None]:
    """The alias `champion` on the player model just trained, if it earned that; otherwise nothing changes."""
    return _settled(context, platform, player_classifier)


def registry(platform: Platform) -> Registry:
    """Where the platform's versions go."""
    return Registry(platform.tracking_uri, platform.artifact_root, platform.models)


def build() -> list[dg.AssetsDefinition]:
    """The model assets and their promotions."""
    common: dict[str, Any] = {"group_name": GROUP, "owners": metadata.OWNERS}
    return [
        dg.asset(kinds={"pytorch", "scikitlearn", "mlflow"}, **common)(retried(round_predictor)),
        dg.asset(kinds={"pytorch", "scikitlearn", "mlflow"}, **common)(retried(player_classifier)),
        dg.asset(kinds={"mlflow"}, **common)(retried(round_predictor_promotion)),
        dg.asset(kinds={"mlflow"}, **common)(retried(player_classifier_promotion)),
    ]


def _tags(context: dg.AssetExecutionContext) -> dict[str, str]:
    return {"dagster_run_id": context.run.run_id, "git_commit": git_commit()}


def _result(released: Release) -> dg.MaterializeResult[Any]:
    pictures = {name: base64.b64encode(figure).decode() for name, figure in released.figures.items()}
    numbers = {key: value for key, value in released.decision.numbers.items() if key.startswith("test_")}
    return dg.MaterializeResult(
        value=released.to_document(),
        metadata={
            "summary": released.summary(),
            "version": released.version.version,
            "mlflow_run_id": released.version.run_id,
            "dataset_digest": released.version.dataset_digest,
            "source_watermark": released.version.source_watermark,
            **{
                name.removesuffix(".png"): dg.MetadataValue.md(f"![{name}](data:image/png;base64,{picture})")
                for name, picture in pictures.items()
            },
            "model_card": dg.MetadataValue.md(released.card),
            "verdict": dg.MetadataValue.md(released.decision.report),
            **{key: value for key, value in numbers.items() if not key.endswith(("_low", "_high"))},
        },
    )


def _settled(
    context: dg.AssetExecutionContext, platform: Platform, document: Mapping[str, Any]
) -> dg.MaterializeResult[None]:
    event = release.settle(document, registry(platform), by=f"Dagster run {context.run.run_id}")
    version = platform.models.version(document["name"], document["version"])
    champion = platform.models.champion(document["name"])
    verdict = event.action if event is not None else ("champion" if champion == version else "refused")
    reason = version.tags.get("promotion_reason") if verdict != "refused" else version.tags.get("refused_reason")
    now = f"champion is version {champion.version}" if champion is not None else "there is no champion yet"
    return dg.MaterializeResult(
        metadata={
            "summary": f"version {version.version} {verdict}; {now}",
            "version": version.version,
            "verdict": verdict,
            "reason": reason or "",
        }
    )
