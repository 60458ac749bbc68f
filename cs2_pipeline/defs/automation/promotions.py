"""Decisions about models, announced: read from MLflow's own history, so that none is missed, whoever took it."""

from contextlib import closing
from typing import Final

import dagster as dg

from cs2_pipeline.artifact import catalog
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.records import announcements
from cs2_pipeline.records.database import open_records
from cs2_pipeline.registry import promotion

ANNOUNCED: Final = {"promoted": "model_promoted", "forced": "model_promoted", "rolled_back": "model_rolled_back"}


def announce(platform: Platform) -> int:
    """Announce the promotions and rollbacks that were not announced yet; returns how many."""
    new = 0
    with closing(open_records(platform.settings)) as records:
        for name in catalog.names():
            for event in promotion.history(platform.tracking_uri, name):
                if event.action in ANNOUNCED:
                    what = {"type": ANNOUNCED[event.action], "name": name, "version": event.version, "when": event.at}
                    what |= {"former": event.former or "", "reason": event.reason}
                    key = f"{name}:{event.version}:{event.at}:{event.action}"
                    new += announcements.note(records, announcements.MODELS, key, what)
    return new


@dg.sensor(
    name="announced_promotions",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Announces promotions and rollbacks to subscribers of the gateway.",
)
def announced_promotions(platform: dg.ResourceParam[Platform]) -> dg.SkipReason:
    """Look for decisions that were not announced yet."""
    return dg.SkipReason(f"{announce(platform)} new")
