"""Webhooks that the owners of API keys register: addresses, secrets, and whether posts arrive."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update

from cs2_pipeline.records.database import Records
from cs2_pipeline.records.tables import API_KEYS, WEBHOOKS

MOST_OF_KEY: Final = 5
"""Webhooks that one key may have."""
FAILING_FOR: Final = timedelta(hours=24)
"""A webhook that fails for so long is disabled."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  what every secret begins with, for secret scanners
_LONGEST_REASON: Final = 500


class WebhookQuotaError(Exception):
    """A key has as many webhooks as it may have, or is no active key; the message says which."""


@dataclass(frozen=True)
class Webhook:
    """A webhook of a key.

    Attributes:
        kinds: of the updates that it gets.
        failing_since: of the first failure after the last success; None while posts arrive.
        disabled_at: since when nothing is posted any more, because it failed for `FAILING_FOR`.
        reason: of the last failure.
    """

    id: str
    key_id: str
    url: str
    secret: str = field(repr=False)
    kinds: tuple[str, ...]
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    reason: str


def add(records: Records, key_id: str, url: str, kinds: Sequence[str], *, at: datetime) -> Webhook:
    """Register a webhook of a key, with a new secret.

    Raises:
        WebhookQuotaError: the key has `MOST_OF_KEY`, or was revoked.
    """
    row: dict[str, Any] = {
        "id": secrets.token_hex(16), "key_id": key_id, "url": url, "secret": SECRET_PREFIX + secrets.token_urlsafe(32),
        "kinds": " ".join(sorted(set(kinds))), "created_at": at, "failing_since": None, "disabled_at": None,
        "reason": "",
    }  # fmt: skip
    active = select(API_KEYS.c.id).where((API_KEYS.c.id == key_id) & API_KEYS.c.revoked_at.is_(None))
    with records.writing() as connection:
        # The lock on the key makes two requests at once count one after the other.
        if connection.execute(active.with_for_update()).first() is None:
            raise WebhookQuotaError("this key is not active any more")
        counted = select(func.count()).select_from(WEBHOOKS).where(WEBHOOKS.c.key_id == key_id)
        if connection.execute(counted).scalar_one() >= MOST_OF_KEY:
            raise WebhookQuotaError(f"a key has {MOST_OF_KEY} webhooks at most: delete one first")
        connection.execute(insert(WEBHOOKS), row)
    return _webhook(row)


def own(records: Records, key_id: str) -> list[Webhook]:
    """The webhooks of a key, the oldest first."""
    asked = select(WEBHOOKS).where(WEBHOOKS.c.key_id == key_id).order_by(WEBHOOKS.c.created_at, WEBHOOKS.c.id)
    with records.reading() as connection:
        return [_webhook(row._mapping) for row in connection.execute(asked)]


def one(records: Records, key_id: str, identifier: str) -> Webhook | None:
    """A webhook of a key; None where it is nobody's, or another key's."""
    asked = select(WEBHOOKS).where((WEBHOOKS.c.id == identifier) & (WEBHOOKS.c.key_id == key_id))
    with records.reading() as connection:
        found = connection.execute(asked).one_or_none()
    return None if found is None else _webhook(found._mapping)


def remove(records: Records, key_id: str, identifier: str) -> bool:
    """Delete a webhook of a key; whether it was there."""
    its = (WEBHOOKS.c.id == identifier) & (WEBHOOKS.c.key_id == key_id)
    with records.writing() as connection:
        return connection.execute(delete(WEBHOOKS).where(its)).rowcount > 0


def active(records: Records) -> list[Webhook]:
    """All webhooks to post to: not disabled, of keys that are not revoked."""
    asked = (
        select(WEBHOOKS)
        .join(API_KEYS, API_KEYS.c.id == WEBHOOKS.c.key_id)
        .where(WEBHOOKS.c.disabled_at.is_(None) & API_KEYS.c.revoked_at.is_(None))
    )
    with records.reading() as connection:
        return [_webhook(row._mapping) for row in connection.execute(asked)]


def worked(records: Records, identifier: str) -> None:
    """Note that a post arrived: a disabled webhook is enabled again."""
    changed = update(WEBHOOKS).where(WEBHOOKS.c.id == identifier)
    with records.writing() as connection:
        connection.execute(changed.values(failing_since=None, disabled_at=None, reason=""))


def failed(records: Records, identifier: str, reason: str, *, at: datetime) -> None:
    """Note that a webhook was given up on; one that fails for `FAILING_FOR` is disabled."""
    its = WEBHOOKS.c.id == identifier
    with records.writing() as connection:
        found = connection.execute(select(WEBHOOKS).where(its).with_for_update()).one_or_none()
        if found is None or found.disabled_at is not None:
            return
        since = found.failing_since or at
        changed: dict[str, Any] = {"failing_since": since, "reason": reason[:_LONGEST_REASON]}
        if at - since >= FAILING_FOR:
            changed["disabled_at"] = at
        connection.execute(update(WEBHOOKS).where(its).values(**changed))


def _webhook(row: Any) -> Webhook:
    return Webhook(**{**row, "kinds": tuple(row["kinds"].split())})
