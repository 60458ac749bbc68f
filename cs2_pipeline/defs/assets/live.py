"""Finished live matches as rows of the demo database: the loop from the live feed back to training, once a match."""

from contextlib import closing

import dagster as dg

from cs2_pipeline.defs import metadata
from cs2_pipeline.defs.assets.extraction import DATABASE_POOL
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.demodb.importers.exports import ingest_exports
from cs2_pipeline.live.finished import export_finished
from cs2_pipeline.live.runtime import folder, open_history


def live_matches(platform: dg.ResourceParam[Platform]) -> dg.MaterializeResult[None]:
    """Finished live matches, added to the embedded demo database.

    A match waits an hour for corrections. Those replayed from a demo database and those whose players have no SteamID
    are left out. The importer's ledger knows each match by its id, so none is added twice.
    """
    settings = platform.settings
    finished = folder(settings) / "finished"
    with closing(open_history(settings)) as history:
        found = export_finished(history, finished)
    added = 0
    if settings.database_url is None and any(finished.glob("*.json")):
        # The whole folder: what an earlier run wrote and could not add is added now.
        added = len(ingest_exports([finished], settings.embedded_database).of("imported"))
    reasons = "\n".join(f"- {match}: {why}" for match, why in found.skipped.items()) or "none"
    return dg.MaterializeResult(
        metadata={
            "matches_added": added,
            "exports_written": len(found.written),
            "folder": str(finished),
            "left_out": dg.MetadataValue.md(reasons),
        }
    )


def build() -> list[dg.AssetsDefinition]:
    """The asset."""
    return [dg.asset(group_name="live", owners=metadata.OWNERS, pool=DATABASE_POOL, kinds={"sqlite"})(live_matches)]
