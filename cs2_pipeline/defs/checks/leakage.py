"""The leakage audit as a blocking check on every training table."""

import dagster as dg
import pandas as pd

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import ModelSpec
from cs2_pipeline.datasets.leakage.report import AuditReport
from cs2_pipeline.training import stops


def build() -> list[dg.AssetChecksDefinition]:
    """The audit of each training table."""
    return [_check(spec) for spec in {spec.dataset: spec for spec in reversed(catalog.MODELS)}.values()]


def _check(spec: ModelSpec) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=spec.dataset,
        name="leakage_audit",
        blocking=True,
        description=f"No feature contains what a request could not know, and none of the "
        f"{spec.groups} is in two parts.",
    )
    def check(dataset: pd.DataFrame) -> dg.AssetCheckResult:
        return _result(stops.audit(spec, dataset))

    return check


def _result(report: AuditReport) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=report.passed,
        metadata={"findings": dg.MetadataValue.md(report.to_markdown())},
        description=None if report.passed else "; ".join(report.failures),
    )
