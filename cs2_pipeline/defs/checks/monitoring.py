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
        "In no price range is the champion significantly off by more than promotion allows. At most 1 % of champions "
        "ever raise a false alarm.",
    ),
    monitoring.DRIFT: (
        "input_drift",
        "No feature's distribution has shifted significantly and no new maps have appeared. At most 1 % of champions "
        "ever raise a false alarm.",
    ),
}


def build() -> list[dg.AssetChecksDefinition]:
    """A check for each kind of alarm that a monitored model can raise."""
    return [_check(spec, kind) for spec in watched() if spec.monitored is not None for kind in spec.monitored.alarms]


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
