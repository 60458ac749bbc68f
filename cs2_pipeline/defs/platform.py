"""The platform as assets, sensors and the command line use it: settings, and the plain objects they lead to.

It opens nothing when it is made. Assets ask it for the demo database, the tables, MLflow's address; Dagster builds it
from its resources (`defs.resources`).
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cs2_pipeline.settings import Settings

if TYPE_CHECKING:
    from cs2_pipeline.datasets.store import TableStore
    from cs2_pipeline.demodb.connection.connect import DemoDatabase
    from cs2_pipeline.registry.champion import ModelStore


@dataclass(frozen=True)
class Platform:
    """What the platform's parts are, as the settings say."""

    settings: Settings

    # What reads tables or talks to MLflow takes seconds to import, which a list of models does not have: it is imported
    # when asked for.

    def demo_database(self) -> "DemoDatabase":
        """A connection to the demo database, to be closed by the caller (a context manager)."""
        from cs2_pipeline.demodb.connection.connect import DemoDatabase  # noqa: PLC0415

        return DemoDatabase(self.settings.resolved_database_url())

    @property
    def tables(self) -> "TableStore":
        """Where extracted tables and datasets are kept."""
        from cs2_pipeline.datasets.store import TableStore  # noqa: PLC0415

        return TableStore(self.settings.resolved_data_url())

    @property
    def tracking_uri(self) -> str:
        """MLflow's address. May hold a password: never log it."""
        return self.settings.resolved_tracking_uri()

    @property
    def artifact_root(self) -> Path | None:
        """Where an embedded MLflow keeps artifacts; None for a server, which decides itself."""
        return self.settings.home / "mlartifacts" if self.settings.mlflow_tracking_uri is None else None

    @property
    def models(self) -> "ModelStore":
        """Registered versions; the pipeline's own cache, apart from the service's."""
        from cs2_pipeline.registry.champion import ModelStore  # noqa: PLC0415

        return ModelStore(self.tracking_uri, self.settings.home / "cache" / "pipeline")


def git_commit() -> str:
    """The commit the code is at: ``CS2_GIT_COMMIT`` (set in images), else what git says, else ``unknown``.

    Code that differs from its commit is marked: ``-dirty``.
    """
    given = os.environ.get("CS2_GIT_COMMIT")
    if given:
        return given
    here = Path(__file__).parent
    command = [
        "git",
        "-C",
        str(here),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]  # the repository's own git, found as a user finds it
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return "unknown"
