"""A look at the champion: is it still right, and is play still like what it learnt, on matches it never saw.

What one look finds is a plain document. Alarms that rang are kept in it by version: an alarm that rang once stays for
as long as that version is champion, for the promise about false alarms is about ever ringing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from cs2_pipeline.artifact.artifact import Artifact
from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.datasets.rounds import is_decided
from cs2_pipeline.evaluation import drift, forecast_calibration, live_calibration
from cs2_pipeline.evaluation.domain import state_features, states_of
from cs2_pipeline.evaluation.drift import Drift
from cs2_pipeline.evaluation.live_calibration import Evidence, LiveCalibration
from cs2_pipeline.game.features import ROUND_FEATURES
from cs2_pipeline.stats.intervals import Interval, flatten
from cs2_pipeline.training.provenance import learned_since, seen_until

CALIBRATION: Final = "calibration"
DRIFT: Final = "drift"
KINDS: Final = (CALIBRATION, DRIFT)


@dataclass(frozen=True)
class Look:
    """What was found.

    Attributes:
        version: the champion.
        seen_until: start of the newest match it has seen.
        calibration: on later matches; None where there are none.
        drift: of later matches; None where there are none, or nothing to compare them with.
        note: why something is None; empty where nothing is.
    """

    version: ModelVersion
    seen_until: datetime
    calibration: LiveCalibration | None
    drift: Drift | None
    note: str = ""


def look(version: ModelVersion, artifact: Artifact, snapshots: pd.DataFrame, *, seed: int = 0) -> Look:
    """Look at a champion.

    Args:
        version: the champion.
        artifact: its artifact.
        snapshots: all `round_snapshots` there are. Those of matches that started after the newest match of the
            champion's dataset are new to it; the others, from the oldest it learned from, are what it was made from,
            whatever their part.
        seed: of the resampling.
    """
    since = seen_until(version.source_watermark)
    is_open = snapshots[~is_decided(snapshots)]
    later = is_open["started_at"] > since
    old, new = is_open[~later], is_open[later]
    # What it is compared with is what it learned from, which need not be all that is stored.
    old = old[old["started_at"] >= learned_since(version)]
    if new.empty:
        return Look(version, since, None, None, f"no match after {since:%Y-%m-%d %H:%M} UTC is extracted yet")
    probability = artifact.predict(state_features(states_of(new)), ROUND_FEATURES)["probability"].astype(np.float64)
    calibration = live_calibration.watch(new, probability, since=since)
    if old["match_id"].nunique() < 2:
        return Look(version, since, calibration, None, "no snapshots from the champion's training are stored here")
    return Look(version, since, calibration, drift.compare(old, new, since=since, seed=seed))


def look_at_forecasts(version: ModelVersion, _: Artifact, settled: pd.DataFrame, *, seed: int = 0) -> Look:  # noqa: ARG001
    """Look at a champion through the forecasts that it really gave; nothing is predicted again.

    Args:
        version: the champion.
        settled: `schema.FORECAST_SETTLEMENTS`, of all versions.
        seed: there is no resampling.
    """
    since = seen_until(version.source_watermark)
    given = settled[settled["model_version"] == version.version]
    if given.empty:
        return Look(version, since, None, None, f"no forecast of version {version.version} is settled yet")
    return Look(version, since, forecast_calibration.watch(given), None)


def document(found: Look, former: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A look as JSON, with the alarms of the former look's document.

    Returns:
        ``version``, ``seen_until``, ``note``; ``calibration`` and ``drift``, each None or with ``sentence``, ``rings``
        (now), ``odds`` and numbers; ``alarms``: by version and kind when an alarm first rang, the sentence then, and
        since which match play had changed.
    """
    parts = {CALIBRATION: _calibration(found.calibration), DRIFT: _drift(found.drift)}
    alarms = {version: dict(kinds) for version, kinds in (former or {}).get("alarms", {}).items()}
    for kind, part in parts.items():
        if part is not None and part["rings"]:
            rang = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "sentence": part["sentence"]}
            rang |= {"changed_at": part["changed_at"]}
            alarms.setdefault(found.version.version, {}).setdefault(kind, rang)
    return {
        "version": found.version.version,
        "seen_until": found.seen_until.isoformat(),
        "note": found.note,
        "alarms": alarms,
        **parts,
    }


def latest_change(looked: Mapping[str, Any]) -> datetime | None:
    """When play changed last, as the alarms of all versions have it; None where none rang that says so."""
    alarms = [alarm for kinds in looked.get("alarms", {}).values() for alarm in kinds.values()]
    times = [datetime.fromisoformat(alarm["changed_at"]) for alarm in alarms if alarm.get("changed_at")]
    return max(times, default=None)


def alarms_of(looked: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The alarms that have rung for the version a document is about, by kind: ``at`` and ``sentence``."""
    found: dict[str, dict[str, str]] = looked.get("alarms", {}).get(looked.get("version"), {})
    return found


def _calibration(found: LiveCalibration | None) -> dict[str, Any] | None:
    if found is None:
        return None
    figures = flatten({"live_log_loss": found.log_loss, "live_ece": found.ece})
    return {
        **_evidence(found.sentence, found.evidence),
        "matches": found.matches,
        found.claim.unit: found.outcomes,
        "figures": figures,
    }


def _evidence(sentence: str, found: Evidence) -> dict[str, Any]:
    changed_at = found.changed_at.isoformat() if found.changed_at is not None else None
    return {"sentence": sentence, "rings": found.rings, "odds": found.odds, "changed_at": changed_at}


def _drift(found: Drift | None) -> dict[str, Any] | None:
    if found is None:
        return None
    top = found.psi.iloc[0]
    figures = {
        "unseen_maps": found.unseen_maps,
        "ct_win_rate": found.new_label_rate,
        "ct_win_rate_trained_on": found.old_label_rate,
        "largest_psi": Interval(float(top["psi"]), float(top["psi_low"]), float(top["psi_high"])),
    }
    return {
        **_evidence(found.sentence, found.evidence),
        "matches": found.new_matches,
        "figures": {key: value for key, value in flatten(figures).items() if np.isfinite(value)},
    }
