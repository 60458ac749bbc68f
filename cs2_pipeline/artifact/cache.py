"""Champions on disk: what the prediction service loads, also while MLflow is away. Does not import mlflow.

The cache folder holds, for each model, the artifacts of the versions fetched and a note of the last champion.
`champion.ModelStore` fills it; whoever only serves reads it here.
"""

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from cs2_pipeline.artifact.artifact import Artifact, ArtifactError

__all__ = ["Artifact", "ArtifactError", "Cache", "ModelVersion"]

CURRENT_FILE: Final = "champion.json"


@dataclass(frozen=True)
class ModelVersion:
    """A registered version and where it came from.

    Attributes:
        name, version: as MLflow knows it.
        run_id: the training run.
        trained_at, promoted_at: ISO 8601 UTC; `promoted_at` is empty for a version never promoted.
        dataset_digest, source_watermark: the data it was trained on.
        digest: SHA-256 of the artifact's manifest, which in turn holds those of its other files.
        metrics: the run's held-out metrics by name.
        tags: the version's tags.
    """

    name: str
    version: str
    run_id: str
    trained_at: str
    promoted_at: str
    dataset_digest: str
    source_watermark: str
    digest: str
    metrics: dict[str, float]
    tags: dict[str, str]

    @property
    def learned_from(self) -> str:
        """Where its training matches come from, in words; which input they were in where only that was noted."""
        return self.tags.get("learned_from") or self.tags.get("source") or "not recorded"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class Cache:
    """Artifacts of fetched versions, in one folder.

    Args:
        root: the folder; made when something is first noted.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, version: ModelVersion) -> Path:
        """Where a version's artifact is kept."""
        # A store that was wiped counts versions from 1 again: the run tells the two apart.
        return self.root / version.name / f"{version.version}-{version.run_id}"

    def current_file(self, name: str) -> Path:
        """The note of a model's last champion. It is replaced, never rewritten: a new inode is a new note."""
        return self.root / name / CURRENT_FILE

    def current(self, name: str) -> ModelVersion | None:
        """The last champion noted, or None where there is no readable note."""
        try:
            return ModelVersion(**json.loads(self.current_file(name).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def load(self, version: ModelVersion) -> Artifact:
        """A version's artifact, proven.

        Raises:
            ArtifactError: it is not there, not what was registered, or does not reproduce its probe.
        """
        artifact = Artifact.load(self.folder(version))
        if artifact.digest != version.digest:
            raise ArtifactError(f"{version.name} {version.version}: the artifact is not the one that was registered")
        if artifact.name != version.name:
            raise ArtifactError(f"{version.name} {version.version}: the artifact is a {artifact.name}")
        return artifact

    def note(self, version: ModelVersion) -> None:
        """Note a version as its model's last champion."""
        target = self.current_file(version.name)
        with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False) as file:
            json.dump(version.to_dict(), file)
        Path(file.name).replace(target)
