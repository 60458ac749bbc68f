"""When finished live matches become training data: before the night's training."""

from typing import Final

import dagster as dg

from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.live.runtime import folder

BEFORE_TRAINING: Final = "30 3 * * *"


@dg.schedule(
    job_name=jobs.INGEST_LIVE,
    cron_schedule=BEFORE_TRAINING,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Adds finished live matches to the demo database, half an hour before the nightly training.",
)
def nightly_live_matches(platform: dg.ResourceParam[Platform]) -> dg.RunRequest | dg.SkipReason:
    """Fires at 03:30 UTC where matches were followed live."""
    settings = platform.settings
    if settings.event_store_url is None and not (folder(settings) / "history.sqlite").exists():
        return dg.SkipReason("no match was followed live")
    return dg.RunRequest()
