"""Everything Dagster knows of the platform, put together from its parts."""

import dagster as dg

from cs2_pipeline.defs import jobs
from cs2_pipeline.defs.assets import datasets, extraction, models
from cs2_pipeline.defs.checks import expectations, leakage
from cs2_pipeline.defs.io import TableIOManager
from cs2_pipeline.defs.partitions import match_days
from cs2_pipeline.defs.platform import Platform
from cs2_pipeline.settings import Settings


def assemble(settings: Settings) -> dg.Definitions:
    """Definitions for the given settings; nothing is opened or connected yet."""
    days = match_days(settings.first_day)
    platform = Platform(settings)
    return dg.Definitions(
        assets=[*extraction.build(days), expectations.data_docs_asset(), *datasets.build(), *models.build()],
        asset_checks=[*expectations.build(), *leakage.build()],
        jobs=jobs.build(days),
        resources={"platform": platform, "io_manager": TableIOManager(platform.tables)},
    )
