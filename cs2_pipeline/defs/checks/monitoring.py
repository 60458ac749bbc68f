"""The monitoring alarms as checks: they fail, with numbers, while an alarm has rung for the present champion.

They block nothing: the champion stays until a better one or a rollback replaces it, and only that silences them.
"""

from typing import Any

import dagster as dg

from cs2_pipeline.defs.assets.monitoring import ASSET
from cs2_pipeline.training import monitoring


@dg.asset_check(asset=ASSET, name="live_calibration")
def live_calibration(round_monitoring: dict) -> dg.AssetCheckResult:  # type: ignore[type-arg]
    """In no range of prices is the champion surely off by more than promotion allows. Rings falsely in 1 % of lives."""
    return _result(round_monitoring, monitoring.CALIBRATION)


@dg.asset_check(asset=ASSET, name="input_drift")
def input_drift(round_monitoring: dict) -> dg.AssetCheckResult:  # type: ignore[type-arg]
    """No feature's distribution has surely moved, nor have maps come up that are new. Rings falsely in 1 % of lives."""
    return _result(round_monitoring, monitoring.DRIFT)


def build() -> list[dg.AssetChecksDefinition]:
    """Both checks."""
    return [live_calibration, input_drift]


def _result(looked: dict[str, Any], kind: str) -> dg.AssetCheckResult:
    alarm, part = monitoring.alarms_of(looked).get(kind), looked[kind]
    now = part["sentence"] if part is not None else f"not looked at: {looked['note']}"
    said = now if alarm is None else f"rang at {alarm['at']}: {alarm['sentence']}. Now: {now}"
    numbers = {"odds": part["odds"], "matches": part["matches"], **part["figures"]} if part is not None else {}
    return dg.AssetCheckResult(
        passed=alarm is None, description=said, metadata={"champion": looked["version"], **numbers}
    )
