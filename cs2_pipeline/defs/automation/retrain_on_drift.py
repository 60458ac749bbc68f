"""What follows an alarm of the monitoring: somebody is told, and a training is asked for, once."""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import ModelSpec
from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.assets import monitoring as assets
from cs2_pipeline.defs.automation.notifications import Notifier
from cs2_pipeline.defs.automation.unfinished import under_way
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.registry.champion import RegistryUnavailableError
from cs2_pipeline.training import monitoring

INTERVAL: Final = 60
ALARM_TAG: Final = "cs2/alarm"
"""Run tag: the version and the kinds of alarm that a training was asked for."""


def _sensor(spec: ModelSpec, name: str) -> dg.SensorDefinition:
    """The sensor that acts on the alarms of one model."""

    @dg.sensor(
        name=name,
        job_name=spec.job,
        minimum_interval_seconds=INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Retrains {spec.name} and sends a notification when monitoring raises an alarm for its champion.",
    )
    def sensor(context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]) -> dg.SensorResult:
        return _evaluate(context, platform, spec)

    return sensor


def _evaluate(context: dg.SensorEvaluationContext, platform: Platform, spec: ModelSpec) -> dg.SensorResult:
    """Fires once for each kind of alarm of a champion, when no training is under way.

    What was asked for is in the run key and in the cursor: an alarm stays rung for as long as its version is champion,
    and one training is all it asks for. Should its candidate be refused, the nightly training goes on with every new
    day. The cursor holds the alarms that were acted on.
    """
    looked = assets.latest(platform, spec)
    asked = set(filter(None, (context.cursor or "").split(",")))
    fresh, reason = _to_act_on(looked, asked)
    reason = reason or _why_not_now(context.instance, platform, spec, looked)
    if reason:
        return dg.SensorResult(skip_reason=reason)
    version, keys = looked["version"], sorted(fresh)
    alarm = f"alarm of version {', '.join(keys)}"
    text = "; ".join(f"{key.split()[1]}: {sentence}" for key, sentence in sorted(fresh.items()))
    told = f"cs2_pipeline: the alarm rang for {spec.name} {version}, a training is asked for. {text}"
    Notifier(platform.settings, platform.tables).tell(f"{spec.name}: {alarm}", told, context.log)
    request = dg.RunRequest(run_key=alarm, tags={ALARM_TAG: ", ".join(keys)})
    return dg.SensorResult(run_requests=[request], cursor=",".join(sorted(asked.union(keys))))


retrain_on_drift: Final = _sensor(catalog.ROUND, "retrain_on_drift")
retrain_match_on_alarm: Final = _sensor(catalog.MATCH, "retrain_match_on_alarm")


def _to_act_on(looked: Mapping[str, Any], asked: set[str]) -> tuple[dict[str, str], str]:
    """Sentences of alarms that were not acted on, by "version kind", or why there are none."""
    if not looked:
        return {}, "nobody has looked at the champion yet"
    version, rung = looked["version"], monitoring.alarms_of(looked)
    if not rung:
        return {}, f"no alarm has rung for version {version}" if version else str(looked["note"])
    fresh = {f"{version} {kind}": alarm["sentence"] for kind, alarm in rung.items() if f"{version} {kind}" not in asked}
    said = ", ".join(sorted(rung))
    return fresh, "" if fresh else f"a training was asked for when the alarm rang for version {version}: {said}"


def _why_not_now(instance: dg.DagsterInstance, platform: Platform, spec: ModelSpec, looked: Mapping[str, Any]) -> str:
    """Why a training is not asked for although an alarm rang; empty where it is."""
    rang = f"the alarm rang for version {looked['version']}"
    try:
        champion = platform.models.champion(spec.name)
    except RegistryUnavailableError as error:
        return f"{rang}, but who is champion now? {error}"
    if champion is None or champion.version != looked["version"]:
        return f"{rang}, and the champion is now {champion.version if champion is not None else 'none'}"
    return f"{rang}; a training is under way" if under_way(instance, (spec.job, jobs.TRAIN_ALL)) else ""
