"""Which exceptions are the user's to mend: their message is shown and nothing else."""

import sys

from pydantic import ValidationError
from rich.markup import escape

from cs2_pipeline.cli.console import CliError

_KNOWN = {
    "cs2_pipeline.demodb.errors": "DemoDatabaseError",
    "cs2_pipeline.datasets.schema": "DatasetError",
    "cs2_pipeline.datasets.store": "MissingTableError",
    "cs2_pipeline.models.artifact": "ArtifactError",
    "cs2_pipeline.models.errors": "TrainingError",
    "cs2_pipeline.registry.client": "RegistryError",
}
"""Error classes by module. Looked up among what is loaded: an error can only come from a module that is."""


def explained(error: Exception) -> str | None:
    """The message of an error a user can mend, escaped for the console; None for a defect of ours."""
    if isinstance(error, ValidationError):
        wrong = (f"CS2_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors(include_input=False))
        return escape("a setting is wrong: " + "; ".join(wrong))
    known = [
        CliError,
        *(getattr(sys.modules[module], name) for module, name in _KNOWN.items() if module in sys.modules),
    ]
    if isinstance(error, tuple(known)):
        text = error.args[0] if isinstance(error, LookupError) else error
        return escape(str(text))
    return None
