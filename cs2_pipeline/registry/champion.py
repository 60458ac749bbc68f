"""Which model version is the champion, and its artifact: all that the prediction service needs of MLflow.

Only what the serving installation holds is imported here (mlflow-skinny, numpy, onnxruntime). Fetched artifacts are
kept in a cache folder, so that a service can start while MLflow is away.
"""

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion as MlflowModelVersion
from mlflow.exceptions import MlflowException

from cs2_pipeline.models.artifact import Artifact, ArtifactError
from cs2_pipeline.registry.client import (
    CHAMPION,
    RegistryError,
    RegistryUnavailableError,
    connect,
    is_missing,
    translated,
)

__all__ = ["Artifact", "ArtifactError", "ModelStore", "ModelVersion", "RegistryError", "RegistryUnavailableError"]

MODEL_FOLDER: Final = "model"
"""Where a run keeps the MLflow model that holds the artifact's files."""
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

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class ModelStore:
    """Reads champions from MLflow through a cache.

    Args:
        tracking_uri: MLflow's address.
        cache: folder for fetched artifacts.
    """

    def __init__(self, tracking_uri: str, cache: Path) -> None:
        self._uri = tracking_uri
        self._cache = cache

    def champion(self, name: str) -> ModelVersion | None:
        """The present champion, or None where there is none yet.

        Raises:
            RegistryUnavailableError: MLflow does not answer.
        """
        with translated(self._uri):
            client = connect(self._uri)
            try:
                found = client.get_model_version_by_alias(name, CHAMPION)
            except MlflowException as error:
                if is_missing(error):
                    return None
                raise
            return self._described(found)

    def version(self, name: str, version: str) -> ModelVersion:
        """A version by number.

        Raises:
            RegistryError: there is no such version.
        """
        with translated(self._uri):
            return self._described(connect(self._uri).get_model_version(name, version))

    def fetch(self, version: ModelVersion) -> Artifact:
        """The version's artifact, proven; from the cache when it is there and intact.

        Also notes it as the last champion fetched.

        Raises:
            ArtifactError: what is stored is not what was registered, or does not reproduce its probe.
            RegistryUnavailableError: it had to be downloaded and MLflow does not answer.
        """
        folder = self._folder(version)
        artifact = self._load_cached(folder, version)
        if artifact is None:
            self._download(version, folder)
            artifact = _load(folder, version)
        self._note_current(version)
        return artifact

    def cached(self, name: str) -> tuple[ModelVersion, Artifact] | None:
        """The last champion fetched with its artifact, without asking MLflow; None where there is none intact."""
        try:
            version = ModelVersion(**json.loads((self._cache / name / CURRENT_FILE).read_text()))
            return version, _load(self._folder(version), version)
        except (OSError, ValueError, TypeError, ArtifactError):
            return None

    def _described(self, found: MlflowModelVersion) -> ModelVersion:
        run_id = str(found.run_id)
        run = connect(self._uri).get_run(run_id)
        tags = dict(found.tags)
        metrics = {key: value for key, value in run.data.metrics.items() if key.startswith("test_")}
        return ModelVersion(
            name=found.name,
            version=str(found.version),
            run_id=run_id,
            trained_at=tags.get("trained_at", ""),
            promoted_at=tags.get("promoted_at", ""),
            dataset_digest=tags.get("dataset_digest", ""),
            source_watermark=tags.get("source_watermark", ""),
            digest=tags.get("manifest_sha256", ""),
            metrics=metrics,
            tags=tags,
        )

    def _folder(self, version: ModelVersion) -> Path:
        # A store that was wiped counts versions from 1 again: the run tells the two apart.
        return self._cache / version.name / f"{version.version}-{version.run_id}"

    def _load_cached(self, folder: Path, version: ModelVersion) -> Artifact | None:
        try:
            return _load(folder, version)
        except ArtifactError:
            return None

    def _download(self, version: ModelVersion, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary, translated(self._uri):
            path = download_artifacts(
                artifact_uri=f"runs:/{version.run_id}/{MODEL_FOLDER}", dst_path=temporary, tracking_uri=self._uri
            )
            shutil.rmtree(folder, ignore_errors=True)
            try:
                Path(path).rename(folder)
            except OSError:
                # Another worker of the service put it there first; what counts is checked when it is loaded.
                if not folder.is_dir():
                    raise

    def _note_current(self, version: ModelVersion) -> None:
        target = self._cache / version.name / CURRENT_FILE
        with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False) as file:
            json.dump(version.to_dict(), file)
        Path(file.name).replace(target)


def _load(folder: Path, version: ModelVersion) -> Artifact:
    artifact = Artifact.load(folder)
    if artifact.digest != version.digest:
        raise ArtifactError(f"{version.name} {version.version}: the artifact is not the one that was registered")
    if artifact.name != version.name:
        raise ArtifactError(f"{version.name} {version.version}: the artifact is a {artifact.name}")
    return artifact
