"""Files that people uploaded: read as they come, into the demo database or beside the Rocket League games.

The gateway keeps what is sent and notes it in the records; this job reads what waits there. Rocket League's cards are
made anew when games came this way; Counter-Strike's come with the daily job, as for every match.
"""

from contextlib import closing
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from cs2_pipeline.coaching.uploads.inbox import Inbox
from cs2_pipeline.coaching.uploads.kinds import Kind
from cs2_pipeline.coaching.uploads.reading import read_waiting
from cs2_pipeline.defs.assets import rocket_league
from cs2_pipeline.defs.assets.extraction import DATABASE_POOL
from cs2_pipeline.defs.automation.unfinished import under_way
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.records import uploads
from cs2_pipeline.records.database import open_records

INTERVAL: Final = 30
JOB: Final = "read_uploads"
OP: Final = "read_uploaded_files"
NO_RECORDS: Final = "nothing was uploaded: there are no records yet"


@dg.op(name=OP, pool=DATABASE_POOL, description="Read the files that people uploaded.")
def read_uploaded_files(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> dict[str, int]:
    """Reads what waits; answers how many files came to each end."""
    settings = platform.settings
    database = settings.embedded_database if settings.database_url is None else None
    inbox = Inbox(settings.resolved_uploads_url())
    with closing(open_records(settings)) as records:
        scratch, now = settings.home / "reading", lambda: datetime.now(UTC)
        ends = read_waiting(records, inbox, database, scratch=scratch, now=now, say=context.log.info)
    context.add_output_metadata(dict(ends))
    return ends


@dg.job(name=JOB, description="Read the files that people uploaded, each in a process of its own.")
def read_uploads_job() -> None:
    """The job that the sensor asks for."""
    read_uploaded_files()


@dg.sensor(
    job_name=JOB,
    minimum_interval_seconds=INTERVAL,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads files that people uploaded on the pages or over the API.",
)
def new_uploads(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.RunRequest | dg.SkipReason:
    """Asks for one run for all files that wait."""
    if not platform.settings.has_records():
        return dg.SkipReason(NO_RECORDS)
    if under_way(context.instance, [JOB]):
        return dg.SkipReason("uploaded files are being read")
    with closing(open_records(platform.settings)) as records:
        waiting = uploads.waiting(records)
    return dg.RunRequest() if waiting else dg.SkipReason("no uploaded file waits")


@dg.sensor(
    job_name=rocket_league.JOB,
    minimum_interval_seconds=INTERVAL,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes Rocket League's cards anew once uploaded replays were read.",
)
def new_games(
    context: dg.SensorEvaluationContext, platform: dg.ResourceParam[Platform]
) -> dg.SensorResult | dg.SkipReason:
    """Asks for new cards when games came and no file waits that might bring more."""
    if not platform.settings.has_records():
        return dg.SkipReason(NO_RECORDS)
    with closing(open_records(platform.settings)) as records:
        waiting = uploads.waiting(records)
        newest = uploads.newest_game(records, Kind.REPLAY)
    stamp = newest.isoformat() if newest else ""
    if stamp == (context.cursor or ""):
        return dg.SkipReason("no game came since the last cards")
    if waiting or under_way(context.instance, [rocket_league.JOB]):
        return dg.SkipReason("games came; more may come from files that wait")
    return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=stamp)
