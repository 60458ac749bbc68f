"""Which model version is the champion, and its artifact: all that the prediction service needs of MLflow.

Only what the serving installation holds is imported here (mlflow-skinny, numpy, onnxruntime). Fetched artifacts are
kept in a cache folder, so that a service can start while MLflow is away.
"""

import shutil
import tempfile
from pathlib import Path

from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion as MlflowModelVersion
from mlflow.exceptions import MlflowException

from cs2_pipeline.artifact.cache import Artifact, ArtifactError, Cache, ModelVersion
from cs2_pipeline.registry.client import connect, is_missing, translated
from cs2_pipeline.registry.errors import RegistryError, RegistryUnavailableError
from cs2_pipeline.registry.versions import CHAMPION, described

__all__ = ["Artifact", "ArtifactError", "ModelStore", "ModelVersion", "RegistryError", "RegistryUnavailableError"]


class ModelStore:
    """Reads champions from MLflow through a cache.

    Args:
        tracking_uri: MLflow's address.
        cache: folder for fetched artifacts.
    """

    def __init__(self, tracking_uri: str, cache: Path) -> None:
        self._uri = tracking_uri
        self._cache = Cache(cache)

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
            try:
                return self._described(connect(self._uri).get_model_version(name, version))
            except MlflowException as error:
                if is_missing(error):
                    raise RegistryError(
                        f"{name} has no version {version}; `cs2 models list` shows those there are."
                    ) from None
                raise

    def fetch(self, version: ModelVersion) -> Artifact:
        """The version's artifact, proven; from the cache when it is there and intact.

        Also notes it as the last champion fetched.

        Raises:
            ArtifactError: what is stored is not what was registered, or does not reproduce its probe.
            RegistryUnavailableError: it had to be downloaded and MLflow does not answer.
        """
        artifact = self.artifact(version)
        self._cache.note(version)
        return artifact

    def artifact(self, version: ModelVersion) -> Artifact:
        """The version's artifact, proven, as `fetch` gets it, without taking it for the champion.

        Raises:
            ArtifactError: what is stored is not what was registered, or does not reproduce its probe.
            RegistryUnavailableError: it had to be downloaded and MLflow does not answer.
        """
        try:
            return self._cache.load(version)
        except ArtifactError:
            self._download(version, self._cache.folder(version))
            return self._cache.load(version)

    def cached(self, name: str) -> tuple[ModelVersion, Artifact] | None:
        """The last champion fetched with its artifact, without asking MLflow; None where there is none intact."""
        version = self._cache.current(name)
        try:
            return (version, self._cache.load(version)) if version else None
        except ArtifactError:
            return None

    def _described(self, found: MlflowModelVersion) -> ModelVersion:
        run_id = str(found.run_id)
        run = connect(self._uri).get_run(run_id)
        return described(found.name, str(found.version), run_id, found.tags, run.data.metrics)

    def _download(self, version: ModelVersion, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary, translated(self._uri):
            source = connect(self._uri).get_model_version_download_uri(version.name, version.version)
            target = Path(temporary) / "version"
            target.mkdir()
            path = download_artifacts(artifact_uri=source, dst_path=str(target), tracking_uri=self._uri)
            if self._is_intact(version):
                return  # another process put it there meanwhile, and may be reading it
            shutil.rmtree(folder, ignore_errors=True)
            try:
                Path(path).rename(folder)
            except OSError:
                # Another process put it there first; what counts is checked when it is loaded.
                if not folder.is_dir():
                    raise

    def _is_intact(self, version: ModelVersion) -> bool:
        try:
            self._cache.load(version)
        except ArtifactError:
            return False
        return True
