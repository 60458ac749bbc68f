"""Monitoring: the champion on what is played now, every day."""

import base64
import tempfile
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pandas as pd

from cs2_pipeline.artifact import catalog
from cs2_pipeline.datasets.store import MissingTableError
from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.defs.retries import retried
from cs2_pipeline.defs.verdicts import read_usable
from cs2_pipeline.evaluation import monitoring_figure
from cs2_pipeline.training import monitoring
from cs2_pipeline.training.monitoring import Look

GROUP: Final = "monitoring"
ASSET: Final = "round_monitoring"
JOB: Final = "monitor_round_predictor"
DAILY: Final = "30 5 * * *"


def round_monitoring(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[dict]:  # type: ignore[type-arg]  # the IO manager tells documents from tables by this type
    """Is the champion still right on matches it never saw, and is play still like what it learnt?

    Its predictions are made anew on every match after the newest one of its training table. Days in quarantine are
    left out.
    """
    former = latest(platform)
    champion = platform.models.champion(catalog.ROUND.name)
    try:
        snapshots = read_usable(platform.tables, "round_snapshots").frame
    except MissingTableError:
        snapshots = None
    if champion is None or snapshots is None:
        note = "there is no champion yet" if champion is None else "no match day is extracted yet"
        idle = {"version": champion.version if champion else "", "note": note, "alarms": former.get("alarms", {})}
        return dg.MaterializeResult(value={**idle, **dict.fromkeys(monitoring.KINDS)}, metadata={"summary": note})
    found = monitoring.look(champion, platform.models.fetch(champion), snapshots, seed=platform.settings.seed)
    document = monitoring.document(found, former)
    summary = "; ".join(
        filter(None, [*(part.sentence for part in (found.calibration, found.drift) if part), found.note])
    )
    context.log.info(summary)
    return dg.MaterializeResult(value=document, metadata={"summary": summary, **_described(found, document)})


def latest(platform: Platform) -> dict[str, Any]:
    """The document of the latest look; empty where nobody has looked yet."""
    try:
        return platform.tables.read_json(ASSET)
    except MissingTableError:
        return {}


def build() -> list[dg.AssetsDefinition]:
    """The monitoring asset."""
    made = dg.asset(
        deps=["round_snapshots", "round_predictor_promotion"],
        group_name=GROUP,
        owners=metadata.OWNERS,
        kinds={"scipy", "mlflow"},
    )(retried(round_monitoring))
    return [made]


def job() -> Any:
    """The job that looks at the champion."""
    return dg.define_asset_job(
        JOB, dg.AssetSelection.assets(ASSET), description="Look at the champion on matches that it never saw."
    )


daily_monitoring = dg.ScheduleDefinition(
    name="daily_monitoring",
    job_name=JOB,
    cron_schedule=DAILY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks at the champion at 05:30 UTC, after the night's training.",
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
