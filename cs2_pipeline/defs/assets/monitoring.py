"""Monitoring: the champion on what is played now, every day."""

import base64
import tempfile
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import ModelSpec, Monitoring, resolve
from cs2_pipeline.datasets.store import MissingTableError
from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import retried
from cs2_pipeline.defs.verdicts import read_usable
from cs2_pipeline.evaluation import monitoring_figure
from cs2_pipeline.training import monitoring
from cs2_pipeline.training.monitoring import Look

GROUP: Final = "monitoring"
JOB: Final = "monitor_round_predictor"
DAILY: Final = "30 5 * * *"


def watched() -> tuple[ModelSpec, ...]:
    """The models that are monitored."""
    return tuple(spec for spec in catalog.MODELS if spec.monitored is not None)


def _look(
    context: dg.AssetExecutionContext, platform: Platform, spec: ModelSpec, how: Monitoring
) -> dg.MaterializeResult[dict]:  # type: ignore[type-arg]  # the IO manager tells documents from tables by this type
    """Look at the champion; days in quarantine are left out."""
    former = latest(platform, spec)
    champion = platform.models.champion(spec.name)
    table, nothing = _table(platform, spec, how)
    if champion is None or table is None:
        note = "there is no champion yet" if champion is None else nothing
        idle = {"version": champion.version if champion else "", "note": note, "alarms": former.get("alarms", {})}
        return dg.MaterializeResult(value={**idle, **dict.fromkeys(monitoring.KINDS)}, metadata={"summary": note})
    found: Look = resolve(how.look)(champion, platform.models.fetch(champion), table, seed=platform.settings.seed)
    document = monitoring.document(found, former)
    summary = "; ".join(
        filter(None, [*(part.sentence for part in (found.calibration, found.drift) if part), found.note])
    )
    context.log.info(summary)
    if how.dates_changes and monitoring.latest_change(document) != monitoring.latest_change(former):
        changed = {"changed_at": str(monitoring.latest_change(document))}
        context.log_event(dg.AssetMaterialization(spec.changes, description=summary, metadata=changed))
    return dg.MaterializeResult(value=document, metadata={"summary": summary, **_described(found, document)})


def _table(platform: Platform, spec: ModelSpec, how: Monitoring) -> tuple[pd.DataFrame | None, str]:
    """What is looked at, or why it is not there."""
    try:
        if how.table is not None:
            return platform.tables.read(how.table), ""
        return read_usable(platform.tables, spec.extracted).frame, ""
    except MissingTableError:
        return None, f"{how.table} was not made yet" if how.table is not None else "no match day is extracted yet"


def latest(platform: Platform, spec: ModelSpec) -> dict[str, Any]:
    """The document of the latest look at a model; empty where nobody has looked yet."""
    try:
        return platform.tables.read_json(spec.monitoring)
    except MissingTableError:
        return {}


def build() -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """An asset for each monitored model, and one for what alarms say of changes of play, where that is heeded."""
    made: list[dg.AssetsDefinition | dg.AssetSpec] = []
    for spec in watched():
        if spec.monitored is not None:
            made.append(_monitored(spec, spec.monitored))
            made += [_changes(spec)] if spec.monitored.dates_changes else []
    return made


def _monitored(spec: ModelSpec, how: Monitoring) -> dg.AssetsDefinition:
    def compute(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[dict]:  # type: ignore[type-arg]
        return _look(context, platform, spec, how)

    return dg.asset(
        name=spec.monitoring,
        description=_described_as(spec, how),
        deps=[how.table or spec.extracted, spec.promotion],
        group_name=GROUP,
        owners=metadata.OWNERS,
        kinds={"scipy", "mlflow"},
    )(retried(compute))


def _described_as(spec: ModelSpec, how: Monitoring) -> str:
    if how.table is not None:
        return f"Is the champion of {spec.name} calibrated on the forecasts it actually gave? Reads `{how.table}`."
    return (
        f"Is the champion of {spec.name} still calibrated on matches it never saw, and does play still "
        "look like its training data? Its predictions are recomputed for every match after the newest one in its "
        "training table. Days in quarantine are left out."
    )


def _changes(spec: ModelSpec) -> dg.AssetSpec:
    """Where the loop from monitoring to the next training table shows; an asset cannot depend on itself."""
    return dg.AssetSpec(
        spec.changes,
        description=f"When play changed, as estimated by the alarms of `{spec.monitoring}`: written by that asset when "
        f"an alarm is raised, read by `{spec.dataset}`, which then separates the matches from before the change.",
        group_name=GROUP,
        owners=metadata.OWNERS,
        kinds={"json"},
    )


def job() -> Any:
    """The job that looks at the champions on extracted matches; a model with another table is looked at with that."""
    own = [spec.monitoring for spec in watched() if spec.monitored is not None and spec.monitored.table is None]
    return dg.define_asset_job(
        JOB,
        dg.AssetSelection.assets(*own),
        description="Check the champion on matches that it never saw.",
    )


daily_monitoring = dg.ScheduleDefinition(
    name="daily_monitoring",
    job_name=JOB,
    cron_schedule=DAILY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Checks the champion at 05:30 UTC, after the nightly training.",
)


def _described(found: Look, document: dict[str, Any]) -> dict[str, Any]:
    version = found.version
    described: dict[str, Any] = {"version": version.version, "seen_until": document["seen_until"]}
    for kind in monitoring.KINDS:
        part = document[kind]
        if part is not None:
            described |= {f"{kind}_odds": part["odds"], f"{kind}_matches": part["matches"], **part["figures"]}
    tables: dict[str, pd.DataFrame] = {}
    if found.calibration is not None:
        tables["price_ranges"] = found.calibration.gaps
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "monitoring.png"
            title = f"{version.name} {version.version}"
            monitoring_figure.write(path, found.calibration, found.drift, title=title)
            picture = base64.b64encode(path.read_bytes()).decode()
        described["figure"] = dg.MetadataValue.md(f"![monitoring](data:image/png;base64,{picture})")
    if found.drift is not None:
        tables["drift"] = found.drift.psi
    return described | {name: dg.MetadataValue.md(metadata.markdown(table)) for name, table in tables.items()}
