"""Moving the aliases: promote, refuse, roll back, and the history of who did it when and why.

The only module that sets an alias. The alias `champion` is what the service follows. In a promotion it moves last: a
process killed in between leaves the former champion in place, and doing the same again completes it. In a rollback it
moves before `previous`, and the history is written before both: that keeps what was rolled back from coming back by
itself.
"""

import getpass
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from cs2_pipeline.registry.champion import ModelStore, ModelVersion
from cs2_pipeline.registry.client import LONGEST_TAG, connect, is_missing, translated
from cs2_pipeline.registry.errors import RegistryError
from cs2_pipeline.registry.versions import CHAMPION, EVENT_PREFIX, PREVIOUS, Action, Event, decisions


def promote(
    tracking_uri: str,
    version: ModelVersion,
    *,
    reason: str,
    by: str | None = None,
    forced: bool = False,
    expected_former: str | None = None,
) -> Event:
    """Make a version the champion; promoting the present champion changes nothing but is recorded.

    Args:
        expected_former: the champion the version was compared with, empty for none; None where that does not matter.

    Raises:
        RegistryError: another version is champion by now.
    """
    with translated(tracking_uri):
        client = connect(tracking_uri)
        former = _alias(client, version.name, CHAMPION)
        if expected_former is not None and (former or "") != expected_former:
            raise RegistryError(f"{version.name}: version {former} became champion in the meantime; train again.")
        event = _event("forced" if forced else "promoted", version.version, former, by, reason)
        begun = _begun(history(tracking_uri, version.name), event)
        event = begun or event
        client.set_model_version_tag(version.name, version.version, "promoted_at", event.at)
        client.set_model_version_tag(version.name, version.version, "promotion_reason", reason[:LONGEST_TAG])
        if begun is None:
            _record(client, version.name, event)
        if former is not None and former != version.version:
            client.set_registered_model_alias(version.name, PREVIOUS, former)
        client.set_registered_model_alias(version.name, CHAMPION, version.version)
    return event


def refuse(tracking_uri: str, version: ModelVersion, *, reason: str, by: str | None = None) -> Event:
    """Note on a version why it did not become champion; it stays registered."""
    with translated(tracking_uri):
        client = connect(tracking_uri)
        former = _alias(client, version.name, CHAMPION)
        event = _event("refused", version.version, former, by, reason)
        client.set_model_version_tag(version.name, version.version, "refused_reason", reason[:LONGEST_TAG])
        _record(client, version.name, event)
    return event


def rollback(tracking_uri: str, name: str, *, reason: str, by: str | None = None) -> Event:
    """Return to the previous champion. Doing it twice returns to where one began.

    Raises:
        RegistryError: there is no previous champion to return to, or no reason is given.
    """
    if not reason.strip():
        raise RegistryError(f"{name}: a rollback needs a reason: it is kept in the history.")
    with translated(tracking_uri):
        client = connect(tracking_uri)
        present, previous = _alias(client, name, CHAMPION), _alias(client, name, PREVIOUS)
        if previous is None or previous == present:
            raise RegistryError(
                f"{name} has no previous champion to roll back to; `cs2 models list` shows its versions."
            )
        event = _event("rolled_back", previous, present, by, reason)
        client.set_model_version_tag(name, previous, "promoted_at", event.at)
        client.set_model_version_tag(name, previous, "promotion_reason", f"rollback: {reason}"[:LONGEST_TAG])
        _record(client, name, event)
        client.set_registered_model_alias(name, CHAMPION, previous)
        if present is not None:
            client.set_registered_model_alias(name, PREVIOUS, present)
    return event


def history(tracking_uri: str, name: str) -> list[Event]:
    """All decisions about a model's versions, oldest first."""
    with translated(tracking_uri):
        try:
            return decisions(connect(tracking_uri).get_registered_model(name).tags)
        except MlflowException as error:
            if is_missing(error):
                return []
            raise


def versions(tracking_uri: str, name: str, *, most: int | None = None) -> list[ModelVersion]:
    """Versions of a model, newest first, all or the newest ``most``; empty where the model is not registered."""
    store = ModelStore(tracking_uri, Path())
    with translated(tracking_uri):
        found = connect(tracking_uri).search_model_versions(f"name = '{name}'")
    numbers = sorted((int(version.version) for version in found), reverse=True)
    return [store.version(name, str(number)) for number in numbers[:most]]


def aliases(tracking_uri: str, name: str) -> dict[str, str]:
    """Version numbers by alias."""
    with translated(tracking_uri):
        client = connect(tracking_uri)
        found = {alias: _alias(client, name, alias) for alias in (CHAMPION, PREVIOUS)}
    return {alias: version for alias, version in found.items() if version is not None}


def _event(action: Action, version: str, former: str | None, by: str | None, reason: str) -> Event:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # tag names take no plus sign
    return Event(at, action, version, former, by or getpass.getuser(), reason)


def _begun(events: Sequence[Event], wanted: Event) -> Event | None:
    """The same promotion, written down by a process that was killed before it moved the alias: it counts once."""
    last = events[-1] if events else None
    if last is None or wanted.version == wanted.former:
        return None
    same = (last.action, last.version, last.former) == (wanted.action, wanted.version, wanted.former)
    return last if same else None


def _record(client: MlflowClient, name: str, event: Event) -> None:
    document = asdict(event) | {"reason": event.reason[: LONGEST_TAG // 2]}
    client.set_registered_model_tag(name, f"{EVENT_PREFIX}{event.at}", json.dumps(document))


def _alias(client: MlflowClient, name: str, alias: str) -> str | None:
    try:
        return str(client.get_model_version_by_alias(name, alias).version)
    except MlflowException as error:
        if is_missing(error):
            return None
        raise
