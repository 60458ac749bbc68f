"""What people look at: every model with its champion and its history, and the evidence of a run as text."""

import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cs2_pipeline.artifact import catalog
from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.champion import ModelStore, ModelVersion
from cs2_pipeline.registry.client import connect, translated
from cs2_pipeline.registry.versions import CHAMPION, Event

EVIDENCE: Final = ("model_card.md", "promotion.md", "reliability.csv", "slices.csv")
"""Files of a training's run that are shown."""


@dataclass(frozen=True)
class Overview:
    """A model as it stands.

    Attributes:
        name: of the registered model.
        champion: the promoted version, None where there is none.
        history: all decisions about its versions, newest first.
    """

    name: str
    champion: ModelVersion | None
    history: tuple[Event, ...]


def overviews(tracking_uri: str, cache: Path) -> list[Overview]:
    """All models of the table, in its order.

    Raises:
        RegistryUnavailableError: MLflow does not answer.
    """
    return [overview(tracking_uri, cache, name) for name in catalog.names()]


def overview(tracking_uri: str, cache: Path, name: str) -> Overview:
    """One model.

    Raises:
        RegistryUnavailableError: MLflow does not answer.
    """
    champion = ModelStore(tracking_uri, cache).champion(name)
    return Overview(name, champion, tuple(reversed(promotion.history(tracking_uri, name))))


def versions(tracking_uri: str, name: str, most: int) -> list[tuple[ModelVersion, bool]]:
    """The newest versions of a model, the newest first, each with whether it is the champion.

    Raises:
        RegistryUnavailableError: MLflow does not answer.
    """
    champion = promotion.aliases(tracking_uri, name).get(CHAMPION)
    return [(one, one.version == champion) for one in promotion.versions(tracking_uri, name, most=most)]


def evidence(tracking_uri: str, run_id: str) -> dict[str, str]:
    """The texts of a run's evidence by file name; those it does not have are left out.

    Raises:
        RegistryUnavailableError: MLflow does not answer.
    """
    with translated(tracking_uri), tempfile.TemporaryDirectory() as folder:
        client = connect(tracking_uri)
        there = {file.path for file in client.list_artifacts(run_id)}
        found: dict[str, str] = {}
        for name in EVIDENCE:
            if name in there:
                found[name] = Path(client.download_artifacts(run_id, name, folder)).read_text(encoding="utf-8")
    return found


def rows(text: str) -> list[dict[str, str]]:
    """The rows of a table of evidence."""
    return list(csv.DictReader(text.splitlines()))
