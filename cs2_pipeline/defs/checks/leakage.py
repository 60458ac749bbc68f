"""The leakage audit as a blocking check on every training table."""

import dagster as dg
import pandas as pd

from cs2_pipeline.datasets.leakage import audit
from cs2_pipeline.datasets.leakage.audit import AuditReport


@dg.asset_check(asset="round_dataset", name="leakage_audit", blocking=True)
def round_dataset_leakage(round_dataset: pd.DataFrame) -> dg.AssetCheckResult:
    """Nothing in the round dataset tells the label that a request could not know, and no match is in two parts."""
    return _result(audit.audit_rounds(round_dataset))


@dg.asset_check(asset="player_dataset", name="leakage_audit", blocking=True)
def player_dataset_leakage(player_dataset: pd.DataFrame) -> dg.AssetCheckResult:
    """No label can be computed from the features, and no player is in two parts."""
    return _result(audit.audit_players(player_dataset))


def build() -> list[dg.AssetChecksDefinition]:
    """The audits of both training tables."""
    return [round_dataset_leakage, player_dataset_leakage]


def _result(report: AuditReport) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=report.passed,
        metadata={"findings": dg.MetadataValue.md(report.to_markdown())},
        description=None if report.passed else "; ".join(report.failures),
    )
