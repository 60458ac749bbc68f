"""Acting on the verdict on a registered version."""

from collections.abc import Mapping
from typing import Any

from cs2_pipeline.registry import promotion
from cs2_pipeline.registry.versions import Event
from cs2_pipeline.training import provenance
from cs2_pipeline.training.registration import REFUSE, Registry


def settle(document: Mapping[str, Any], registry: Registry, *, by: str) -> Event | None:
    """Act on the verdict on a registered version: make it champion if it earned that. Safe to repeat.

    Args:
        document: of `Release.to_document`.
        registry: where the version is.
        by: who settles it (a Dagster run).

    Returns:
        What was done; None where the version is champion already or was refused before. A version that was rolled
        back, or that learned from another source than the champion, is refused.

    Raises:
        RegistryError: another version became champion in this very moment.
    """
    version = registry.models.version(document["name"], document["version"])
    present = registry.models.champion(version.name)
    number = present.version if present is not None else ""
    if version.version == number or version.tags["decision"] == REFUSE or "refused_reason" in version.tags:
        return None
    withdrawn = [
        event
        for event in promotion.history(registry.tracking_uri, version.name)
        if event.action == "rolled_back" and event.former == version.version
    ]
    if withdrawn:
        why = f"it was rolled back ({withdrawn[-1].reason}): `cs2 models promote --force` brings it back"
        return promotion.refuse(registry.tracking_uri, version, reason=why, by=by)
    sources = [one.tags.get("source", provenance.DATABASE) for one in (version, present or version)]
    if sources[0] != sources[1]:
        why = f"it learned from {sources[0]}, the champion from {sources[1]}"
        return promotion.refuse(registry.tracking_uri, version, reason=f"{why}: replace it by force only", by=by)
    if number != version.tags["compared_with"]:
        changed = (
            f"it was compared with champion {version.tags['compared_with'] or 'none'}, which is now {number or 'none'}"
        )
        return promotion.refuse(registry.tracking_uri, version, reason=f"{changed}: train again", by=by)
    reason = version.tags["decision_reason"]
    return promotion.promote(registry.tracking_uri, version, reason=reason, by=by, expected_former=number)
