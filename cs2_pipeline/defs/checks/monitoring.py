"""The monitoring alarms as checks: they fail, with numbers, while an alarm has rung for the present champion.

They block nothing: the champion stays until a better one or a rollback replaces it, and only that silences them.
"""

from typing import Any, Final

import dagster as dg

from cs2_pipeline.artifact.spec import ModelSpec
from cs2_pipeline.defs.assets.monitoring import watched
from cs2_pipeline.training import monitoring

_CHECKS: Final = {
    monitoring.CALIBRATION: (
        "live_calibration",
        "In no range of prices is the champion surely off by more than promotion allows. A false alarm comes in 1 % of "
        "champions' lives.",
    ),
    monitoring.DRIFT: (
        "input_drift",
        "No feature's distribution has surely moved, nor have maps come up that are new. A false alarm comes in 1 % of "
        "champions' lives.",
    ),
}


def build() -> list[dg.AssetChecksDefinition]:
    """Both checks of each monitored model."""
    return [_check(spec, kind) for spec in watched() for kind in _CHECKS]


def _check(spec: ModelSpec, kind: str) -> dg.AssetChecksDefinition:
    name, description = _CHECKS[kind]

    @dg.asset_check(asset=spec.monitoring, name=name, description=description)
    def check(looked: dict) -> dg.AssetCheckResult:  # type: ignore[type-arg]
        return _result(looked, kind)

    return check


def _result(looked: dict[str, Any], kind: str) -> dg.AssetCheckResult:
    alarm, part = monitoring.alarms_of(looked).get(kind), looked[kind]
    now = part["sentence"] if part is not None else f"not looked at: {looked['note']}"
    said = now if alarm is None else f"rang at {alarm['at']}: {alarm['sentence']}. Now: {now}"
    numbers = {"odds": part["odds"], "matches": part["matches"], **part["figures"]} if part is not None else {}
    return dg.AssetCheckResult(
        passed=alarm is None, description=said, metadata={"champion": looked["version"], **numbers}
    )
