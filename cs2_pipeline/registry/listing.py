"""Every version of a model, the aliases and the decisions, for those who only look.

Importing MLflow and opening its store takes three seconds of CPU, far more than a list takes. So an embedded store (a
SQLite file) is read here directly, without changing it. Its tables are MLflow's own and may change with any release:
whatever is not as expected is left to MLflow's client, and tests hold both answers to be the same.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.registry.versions import CHAMPION, PREVIOUS, Event, decisions, described

_DELETED: Final = "Deleted_Internal"
"""The stage in which MLflow keeps the number of a deleted version."""


@dataclass(frozen=True)
class Listing:
    """A model as registered.

    Attributes:
        versions: newest first.
        aliases: version numbers by alias.
        history: all decisions about its versions, oldest first.
    """

    versions: list[ModelVersion]
    aliases: dict[str, str]
    history: list[Event]


def listing(tracking_uri: str, name: str) -> Listing:
    """A model with all its versions; empty where it is not registered.

    Raises:
        RegistryError: MLflow refused.
        RegistryUnavailableError: MLflow does not answer.
    """
    file = _embedded(tracking_uri)
    if file is not None:
        try:
            with _opened(file) as connection:
                return Listing(_versions(connection, name), _aliases(connection, name), _history(connection, name))
        except sqlite3.Error:
            pass  # MLflow says what is wrong, or knows its newer tables
    from cs2_pipeline.registry import promotion  # noqa: PLC0415  imports MLflow

    versions = promotion.versions(tracking_uri, name)
    aliases = promotion.aliases(tracking_uri, name) if versions else {}
    return Listing(versions, aliases, promotion.history(tracking_uri, name))


def champion(tracking_uri: str, name: str) -> str | None:
    """The number of the present champion, or None where there is none yet.

    Raises:
        RegistryUnavailableError: MLflow does not answer.
    """
    file = _embedded(tracking_uri)
    if file is not None:
        try:
            with _opened(file) as connection:
                return _aliases(connection, name).get(CHAMPION)
        except sqlite3.Error:
            pass  # as above
    from cs2_pipeline.registry import promotion  # noqa: PLC0415  imports MLflow

    return promotion.aliases(tracking_uri, name).get(CHAMPION)


def _embedded(tracking_uri: str) -> Path | None:
    """The file of a store in a SQLite file that is there; None for all else."""
    try:
        address = urlsplit(tracking_uri)
    except ValueError:
        return None
    if address.scheme != "sqlite" or address.netloc or address.query:
        return None
    file = Path(address.path[1:])
    return file if file.is_file() else None


def _opened(file: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True))


def _versions(connection: sqlite3.Connection, name: str) -> list[ModelVersion]:
    found = connection.execute(
        "SELECT version, run_id FROM model_versions WHERE workspace = 'default' AND name = ? AND current_stage != ? "
        "ORDER BY version DESC",
        (name, _DELETED),
    ).fetchall()
    return [
        described(name, str(version), str(run_id), _tags(connection, name, version), _metrics(connection, run_id))
        for version, run_id in found
    ]


def _tags(connection: sqlite3.Connection, name: str, version: int) -> dict[str, str]:
    return dict(
        connection.execute(
            "SELECT key, value FROM model_version_tags WHERE workspace = 'default' AND name = ? AND version = ?",
            (name, version),
        )
    )


def _metrics(connection: sqlite3.Connection, run_id: str) -> dict[str, float]:
    rows = connection.execute("SELECT key, value, is_nan FROM latest_metrics WHERE run_uuid = ?", (run_id,))
    return {key: float("nan") if is_nan else value for key, value, is_nan in rows}


def _aliases(connection: sqlite3.Connection, name: str) -> dict[str, str]:
    rows = dict(
        connection.execute(
            "SELECT alias, version FROM registered_model_aliases WHERE workspace = 'default' AND name = ?", (name,)
        )
    )
    return {alias: str(rows[alias]) for alias in (CHAMPION, PREVIOUS) if alias in rows}


def _history(connection: sqlite3.Connection, name: str) -> list[Event]:
    rows = connection.execute(
        "SELECT key, value FROM registered_model_tags WHERE workspace = 'default' AND name = ?", (name,)
    )
    return decisions(dict(rows))
