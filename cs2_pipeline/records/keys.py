"""Keys of programs: made, listed, revoked; and the ring that admits them by rate and daily quota.

A key is random text of 256 bits, of which only the SHA-256 digest is kept: it is shown once, when it is made. The ring
counts in memory and tells the database every `REFRESH_SECONDS`: several services share a daily quota to within what
they let pass in that time, and a killed one forgets at most that much.
"""

import hashlib
import logging
import secrets
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cs2_pipeline.records.buckets import Bucket, SharedBucket, TooOftenError
from cs2_pipeline.records.database import Records, RecordsError
from cs2_pipeline.records.tables import API_KEYS, QUOTA_USE

PREFIX: Final = "cs2_"
"""What every key begins with: secret scanners find it, and a token of a person never looks like it."""
SCOPES: Final = ("predict", "forecast", "live:read", "live:write", "upload", "admin")
UPLOAD: Final = "upload"
REFRESH_SECONDS: Final = 2.0
DEFAULT_RATE: Final = 100.0

logger = logging.getLogger(__name__)


class ApiKeyError(ValueError):
    """A key cannot be made or found; the message says why."""


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key; never the key itself. `user_id` is the account it acts for, if any."""

    id: str
    digest: str
    name: str
    scopes: frozenset[str]
    rate: float
    daily_quota: int | None
    created_at: datetime
    revoked_at: datetime | None
    user_id: str | None = None


def create(
    records: Records,
    name: str,
    scopes: Sequence[str],
    *,
    rate: float = DEFAULT_RATE,
    daily_quota: int | None = None,
    user_id: str | None = None,
) -> tuple[str, ApiKey]:
    """Make a key; the text is shown once and never again. `user_id` is the account it acts for: uploads need one.

    Raises:
        ApiKeyError: an unknown scope, a rate or quota that lets nothing pass, no name, or uploads without an account.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise ApiKeyError(f"unknown scope {', '.join(unknown) or '(none)'}; there are: {', '.join(SCOPES)}")
    if not name.strip() or len(name) > 100:
        raise ApiKeyError("a key needs a name of at most 100 characters, such as the program's")
    if UPLOAD in scopes and user_id is None:
        raise ApiKeyError(
            f"uploads belong to an account: a key with the scope {UPLOAD} needs the account it acts for (--user)"
        )
    if rate <= 0 or (daily_quota is not None and daily_quota <= 0):
        raise ApiKeyError("rate and daily quota must be above 0")
    text = PREFIX + secrets.token_urlsafe(32)
    row: dict[str, Any] = {
        "id": secrets.token_hex(4),
        "digest": digest(text),
        "name": name.strip(),
        "scopes": " ".join(sorted(set(scopes))),
        "rate": rate,
        "daily_quota": daily_quota,
        "created_at": datetime.now(UTC),
        "revoked_at": None,
        "user_id": user_id,
    }
    with records.writing() as connection:
        connection.execute(insert(API_KEYS), row)
    return text, _key(row)


def digest(key: str) -> str:
    """What the database keeps of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def every(records: Records) -> list[ApiKey]:
    """All keys ever made, the oldest first."""
    with records.reading() as connection:
        return [_key(row._mapping) for row in connection.execute(select(API_KEYS).order_by(API_KEYS.c.created_at))]


def revoke(records: Records, identifier: str) -> None:
    """Let a key open nothing any more, from `REFRESH_SECONDS` later at the latest.

    Raises:
        ApiKeyError: there is no such key, or it is revoked already.
    """
    unrevoked = (API_KEYS.c.id == identifier) & API_KEYS.c.revoked_at.is_(None)
    with records.writing() as connection:
        if connection.execute(update(API_KEYS).where(unrevoked).values(revoked_at=datetime.now(UTC))).rowcount == 0:
            raise ApiKeyError(f"there is no active key {identifier}; `cs2 keys list` shows all")


def _key(row: Any) -> ApiKey:
    return ApiKey(**{**row, "scopes": frozenset(row["scopes"].split())})


class KeyRing:
    """The keys as a service holds them. `admit` may run in one thread and `refresh` in another.

    Args:
        records: where the keys are.
        shared: a folder in which the processes of a service count the keys' rates together; one alone needs none.

    Attributes:
        needed_for: scopes that a key was ever made for: from then on whoever asks for them needs one.
        complaint: why keys and quotas could not be read the last time; None when they could.
    """

    def __init__(self, records: Records, shared: Path | None = None) -> None:
        self._records = records
        self._shared = shared
        self._keys: dict[str, tuple[ApiKey, Bucket]] = {}
        self._unsaved: Counter[tuple[str, str]] = Counter()
        self._saved: dict[tuple[str, str], int] = {}
        self._counting = threading.Lock()
        self.needed_for: frozenset[str] = frozenset()
        self.complaint: str | None = None

    def admit(self, key_digest: str) -> ApiKey | None:
        """Count a request of a key; None when the key is not known or not any more.

        Raises:
            TooOftenError: its rate or daily quota is used up.
        """
        if (found := self._keys.get(key_digest)) is None:
            return None
        key, bucket = found
        now = datetime.now(UTC)
        use = (key.id, now.date().isoformat())
        with self._counting:
            if key.daily_quota is not None and self._saved.get(use, 0) + self._unsaved[use] >= key.daily_quota:
                midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC)
                raise TooOftenError((midnight - now).total_seconds(), daily=True)
            if wait := bucket.take():
                raise TooOftenError(wait, daily=False)
            self._unsaved[use] += 1
        return key

    def owe(self, key_digest: str, count: int) -> None:
        """Count more than the one that `admit` counted: what a batch holds beside its first."""
        if (found := self._keys.get(key_digest)) is None:
            return
        key, bucket = found
        with self._counting:
            bucket.owe(count)
            self._unsaved[key.id, datetime.now(UTC).date().isoformat()] += count

    def refresh(self) -> None:
        """Write down what was used, and read keys and quotas anew. With no database, the ring stays as it is."""
        with self._counting:
            uses = {use: count for use, count in self._unsaved.items() if count}
        try:
            # In one transaction: what was saved must not be counted again when the reading fails.
            with self._records.writing() if uses else self._records.reading() as connection:
                _save(connection, uses)
                saved = _used_today(connection)
                keys = [_key(row._mapping) for row in connection.execute(select(API_KEYS))]
        except RecordsError as error:
            self.complaint = str(error)
            logger.warning("keys and quotas could not be read again: %s", error)
            return
        self.complaint = None
        with self._counting:
            self._keys = {key.digest: (key, self._bucket(key)) for key in keys if key.revoked_at is None}
            self._saved = saved
            self._unsaved.subtract(uses)
        self.needed_for = frozenset[str]().union(*(key.scopes for key in keys))

    def _bucket(self, key: ApiKey) -> Bucket:
        before = self._keys.get(key.digest)
        if before is not None:
            return before[1]
        return Bucket(key.rate) if self._shared is None else SharedBucket(self._shared / key.digest, key.rate)


def _save(connection: Connection, uses: dict[tuple[str, str], int]) -> None:
    upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for (key_id, day), used in sorted(uses.items()):  # in one order everywhere, so that two services cannot deadlock
        row = upsert(QUOTA_USE).values(key_id=key_id, day=day, used=used)
        more = {"used": QUOTA_USE.c.used + row.excluded.used}
        connection.execute(row.on_conflict_do_update(index_elements=[QUOTA_USE.c.key_id, QUOTA_USE.c.day], set_=more))


def _used_today(connection: Connection) -> dict[tuple[str, str], int]:
    today = datetime.now(UTC).date().isoformat()
    found = connection.execute(select(QUOTA_USE).where(QUOTA_USE.c.day == today))
    return {(row.key_id, row.day): row.used for row in found}
