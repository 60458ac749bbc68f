"""The Dagster code location: `build_definitions`, and the definitions the tools load."""

import dagster as dg

from cs2_pipeline import settings as settings_module
from cs2_pipeline.defs.definitions import assemble
from cs2_pipeline.settings import Settings


def build_definitions(settings: Settings | None = None) -> dg.Definitions:
    """Fresh definitions for the given settings, or for those of the environment."""
    return assemble(settings or settings_module.load())


defs = build_definitions()
