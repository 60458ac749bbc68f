"""The model artifact: the one form in which a model is registered, evaluated and served.

A folder with three files, four where a model carries a state, and nothing in it is code or pickle:

- ``model.onnx``: preprocessing, network and calibration in one graph. Input ``features``, float32 of shape
  (rows, features). A round model's outputs are ``probability``, ``low`` and ``high`` (float32, shape (rows,)):
  P(CT wins) and the bounds of its interval; a player model's is ``scores`` (float32, shape (rows, 4)).
- ``probe.json``: rows of real features with the outputs of the estimator the graph was exported from.
- ``state.bin``: what the model knows beside its graph, such as everybody's rating; the model itself reads it.
- ``manifest.json``: names, digests of the other files, where the model came from.

Only numpy and onnxruntime are needed to load one, so the service can.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

FORMAT: Final = 1
MODEL_FILE: Final = "model.onnx"
PROBE_FILE: Final = "probe.json"
MANIFEST_FILE: Final = "manifest.json"
STATE_FILE: Final = "state.bin"
EXPORT_TOLERANCE: Final = 1e-6
"""How far an exported graph may be from its original on the probe rows, on the exporting machine."""
LOAD_TOLERANCE: Final = 1e-5
"""The same on any machine: processors differ in the last bits of float32."""

Outputs = dict[str, NDArray[np.float32]]


class ArtifactError(Exception):
    """An artifact that must not be used; the message says which and why."""


@dataclass(frozen=True)
class Artifact:
    """A loaded model.

    Attributes:
        manifest: the content of ``manifest.json``.
        digest: SHA-256 of ``manifest.json``, which holds those of the other files: it stands for the whole.
        session: the ONNX Runtime session of the graph.
        state: what the model knows beside its graph; None for a model without.
    """

    manifest: dict[str, Any]
    digest: str
    session: ort.InferenceSession
    state: bytes | None = None

    @property
    def name(self) -> str:
        """The registered model's name."""
        return str(self.manifest["name"])

    @property
    def features(self) -> tuple[str, ...]:
        """Feature names in the order of the input's columns."""
        return tuple(self.manifest["features"])

    @property
    def ignored_inputs(self) -> tuple[str, ...]:
        """Fields of a request that the model was trained without, because they never varied: it is blind to them."""
        return tuple(self.manifest.get("ignored_inputs", ()))

    def columns(self, known: tuple[str, ...]) -> NDArray[np.intp] | slice:
        """Which of the known features the model reads, as an index into the columns of a matrix of all of them.

        A model may read fewer than are known, or in another order. A slice where it reads them as they are: no copy.

        Raises:
            ArtifactError: the model reads a feature that is not known.
        """
        if unknown := set(self.features) - set(known):
            raise ArtifactError(f"{self.name}: reads features that are not computed here: {sorted(unknown)}")
        if self.features == known:
            return slice(None)
        return np.array([known.index(name) for name in self.features], dtype=np.intp)

    def predict(self, features: NDArray[np.float32], known: tuple[str, ...] | None = None) -> Outputs:
        """Outputs by name.

        Args:
            features: float32 of shape (rows, features).
            known: names of these columns, of which the model's own are taken; without it they are the model's own.

        Raises:
            ArtifactError: the model reads a feature that is not known.
        """
        if known is not None:
            features = features[:, self.columns(known)]
        names = self.manifest["outputs"]
        return dict(zip(names, self.session.run(names, {"features": features}), strict=True))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load and prove an artifact: digests first, then the probe rows.

        Raises:
            ArtifactError: a file is missing or altered, the format is another one, or the graph does not run or
                does not reproduce the probe's outputs.
        """
        manifest = _verified_manifest(folder)
        try:
            state = (folder / STATE_FILE).read_bytes() if STATE_FILE in manifest["sha256"] else None
            session = _session((folder / MODEL_FILE).read_bytes())
            artifact = cls(manifest, _sha256(folder / MANIFEST_FILE), session, state)
            gap = artifact.gap(json.loads((folder / PROBE_FILE).read_text()))
        except Exception as error:  # ONNX Runtime's errors have no base of their own
            raise ArtifactError(f"{folder.name}: the model does not run on its probe: {error!r}") from error
        if not gap <= LOAD_TOLERANCE:
            raise ArtifactError(
                f"{folder.name}: outputs differ from the probe's by {gap:.3g}, more than {LOAD_TOLERANCE:g}"
            )
        return artifact

    def gap(self, probe: dict[str, Any]) -> float:
        """Largest absolute difference between this graph's outputs and a probe's; NaN when either has NaN."""
        outputs = self.predict(_matrix(probe["features"]))
        # Python's max would pass over a NaN behind a number.
        return float(np.max([np.max(np.abs(outputs[name] - np.asarray(probe["outputs"][name]))) for name in outputs]))


def write(
    folder: Path,
    *,
    name: str,
    graph: bytes,
    features: tuple[str, ...],
    probe: NDArray[np.float32],
    expected: Outputs,
    state: bytes | None = None,
    **about: Any,
) -> Artifact:
    """Prove that the graph gives what the original gave, and write the artifact; nothing is written where it does not.

    Args:
        folder: where; made if it is not there.
        name: the registered model's name.
        graph: the serialised ONNX model.
        features: names of the input's columns.
        probe: real rows, shape (rows, features); NaN is allowed.
        expected: the original estimator's outputs on the probe rows, by name.
        state: what the model knows beside its graph.
        about: anything else for the manifest that JSON can hold (seed, dataset digest, interval level, ...).

    Raises:
        ArtifactError: the graph differs from the original by more than `EXPORT_TOLERANCE`.
    """
    rows = [[None if np.isnan(value) else float(value) for value in row] for row in probe]
    probe_document = {"features": rows, "outputs": {key: np.asarray(value).tolist() for key, value in expected.items()}}
    documents = {MODEL_FILE: graph, PROBE_FILE: json.dumps(probe_document).encode()}
    if state is not None:
        documents[STATE_FILE] = state
    manifest = {
        **about,
        "format": FORMAT,
        "name": name,
        "features": list(features),
        "outputs": list(expected),
        "sha256": {file: hashlib.sha256(content).hexdigest() for file, content in documents.items()},
    }
    documents[MANIFEST_FILE] = json.dumps(manifest, indent=2, sort_keys=True).encode()
    artifact = Artifact(manifest, hashlib.sha256(documents[MANIFEST_FILE]).hexdigest(), _session(graph), state)
    gap = artifact.gap(probe_document)
    if not gap <= EXPORT_TOLERANCE:
        raise ArtifactError(
            f"{name}: the exported graph differs from the original by {gap:.3g}, more than {EXPORT_TOLERANCE:g}: "
            "nothing was written; a sum in float32 may need float64"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in documents.items():
        (folder / file).write_bytes(content)
    return artifact


def files(folder: Path) -> tuple[str, ...]:
    """The names of an artifact's files, the manifest last."""
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    return (*manifest["sha256"], MANIFEST_FILE)


def model_digest(folder: Path) -> str:
    """What identifies the model itself: the SHA-256 of its graph. Same data and seed give the same."""
    return _sha256(folder / MODEL_FILE)


def _verified_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST_FILE).read_text())
        if manifest["format"] != FORMAT:
            told = f"format {manifest['format']} is not the {FORMAT} this version reads"
            raise ArtifactError(f"{folder.name}: {told}: train the model again")
        for file, expected in manifest["sha256"].items():
            if _sha256(folder / file) != expected:
                raise ArtifactError(f"{folder.name}: {file} is not the file that was registered (its SHA-256 differs)")
        if not {MODEL_FILE, PROBE_FILE} <= manifest["sha256"].keys():
            raise ArtifactError(f"{folder.name}: the manifest does not name the digests of its files")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{folder.name}: not a readable model artifact: {error!r}") from error
    return manifest


def _session(graph: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def _matrix(rows: list[list[float | None]]) -> NDArray[np.float32]:
    return np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=np.float32)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
