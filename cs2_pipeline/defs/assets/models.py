"""Models: training with evaluation and registration, and the promotion of what earned it."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.spec import ModelSpec
from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.platform import Platform, git_commit
from cs2_pipeline.defs.retries import retried
from cs2_pipeline.evaluation.evidence import Evidence
from cs2_pipeline.registry.runs import DAGSTER_ADDRESS_TAG, DAGSTER_RUN_TAG, EXPERIMENT_TAG
from cs2_pipeline.settings import Settings
from cs2_pipeline.training.nothing_new import sentence
from cs2_pipeline.training.registration import Registry, Release
from cs2_pipeline.training.release import train
from cs2_pipeline.training.settling import settle

GROUP: Final = "models"


def registry(platform: Platform) -> Registry:
    """Where the platform's versions go."""
    return Registry(platform.tracking_uri, platform.artifact_root, platform.models)


def build() -> list[dg.AssetsDefinition]:
    """Each model as an asset, and its promotion as another."""
    return [made for spec in catalog.MODELS for made in (_trained(spec), _promoted(spec))]


def _trained(spec: ModelSpec) -> dg.AssetsDefinition:
    def compute(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform], dataset: pd.DataFrame
    ) -> dg.MaterializeResult[dict]:  # type: ignore[type-arg]  # the IO manager tells documents from tables by this type
        released = train(
            spec,
            dataset,
            registry(platform),
            seed=platform.settings.seed,
            tags=_tags(context, platform.settings),
            progress=context.log.info,
        )
        settings = platform.settings
        return _result(released, settings) if isinstance(released, Release) else _known(released, settings)

    return dg.asset(
        name=spec.name,
        description=f"{spec.description}\n\nCandidates are compared on held-out {spec.groups}; the chosen one is "
        "evaluated once on the test part. It is registered in MLflow with its evidence and verdict, whether "
        "promoted or refused.",
        ins={"dataset": dg.AssetIn(spec.dataset)},
        group_name=GROUP,
        owners=metadata.OWNERS,
        kinds=set(spec.kinds),
    )(retried(compute))


def _promoted(spec: ModelSpec) -> dg.AssetsDefinition:
    def compute(
        context: dg.AssetExecutionContext,
        platform: dg.ResourceParam[Platform],
        released: dict,  # type: ignore[type-arg]
    ) -> dg.MaterializeResult[None]:
        return _settled(context, platform, released)

    return dg.asset(
        name=spec.promotion,
        description=f"Sets the alias `champion` on the new {spec.name} if it passed; otherwise changes nothing.",
        ins={"released": dg.AssetIn(spec.name)},
        group_name=GROUP,
        owners=metadata.OWNERS,
        kinds={"mlflow"},
    )(retried(compute))


def _tags(context: dg.AssetExecutionContext, settings: Settings) -> dict[str, str]:
    address = f"{settings.address(settings.dagster_port)}/runs/{context.run.run_id}"
    return {DAGSTER_RUN_TAG: context.run.run_id, DAGSTER_ADDRESS_TAG: address, "git_commit": git_commit()}


def _result(released: Release, settings: Settings) -> dg.MaterializeResult[Any]:
    """What the UI shows of a training: pictures and figures first, then card and verdict, then where it came from."""
    pictures = {name: base64.b64encode(figure).decode() for name, figure in released.figures.items()}
    numbers = {key: value for key, value in released.decision.numbers.items() if key.startswith("test_")}
    return dg.MaterializeResult(
        value=released.to_document(),
        metadata={
            **{
                name.removesuffix(".png"): dg.MetadataValue.md(f"![{name}](data:image/png;base64,{picture})")
                for name, picture in pictures.items()
            },
            "figures": dg.MetadataValue.md(figures(released.evidence)),
            "model_card": dg.MetadataValue.md(released.card),
            "verdict": dg.MetadataValue.md(released.decision.report),
            "summary": released.summary(),
            **_origin(released.version, settings),
            **{key: value for key, value in numbers.items() if not key.endswith(("_low", "_high"))},
        },
    )


def figures(evidence: Evidence) -> str:
    """Each metric of the test part with its 95 % interval, beside the baseline's, as a Markdown table."""
    lines = [f"| Test part | Model [95 %] | {evidence.baseline} |", "|---|---|---|"]
    lines += [f"| {name} | {figure} | {evidence.baseline_metrics[name]} |" for name, figure in evidence.metrics.items()]
    return "\n".join(lines)


def _known(version: ModelVersion, settings: Settings) -> dg.MaterializeResult[Any]:
    """A version that was there already: nothing was trained."""
    document = {"name": version.name, "version": version.version, "run_id": version.run_id}
    return dg.MaterializeResult(value=document, metadata={"summary": sentence(version), **_origin(version, settings)})


def _origin(version: ModelVersion, settings: Settings) -> dict[str, Any]:
    """Where a version came from; the links are those of a browser on this machine."""
    mlflow, experiment = f"{settings.address(settings.mlflow_port)}/#", version.tags.get(EXPERIMENT_TAG)
    run = f"{mlflow}/experiments/{experiment}/runs/{version.run_id}?workflowType=machine_learning"
    return {
        "version": version.version,
        "mlflow_version": dg.MetadataValue.url(f"{mlflow}/models/{version.name}/versions/{version.version}"),
        **({"mlflow_run": dg.MetadataValue.url(run)} if experiment is not None else {}),
        "mlflow_run_id": version.run_id,
        "dataset_digest": version.dataset_digest,
        "learned_from": version.learned_from,
        "source_watermark": version.source_watermark,
    }


def _settled(
    context: dg.AssetExecutionContext, platform: Platform, document: Mapping[str, Any]
) -> dg.MaterializeResult[None]:
    event = settle(document, registry(platform), by=f"Dagster run {context.run.run_id}")
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
