"""Access tokens: JWTs signed with HS256 by keys that replace each other.

The algorithm is ours, never the token's. A signing key signs for `KEY_LIFE` and is believed for as long as a token it
signed may live; then it is deleted.
"""

import secrets
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import jwt
from sqlalchemy import insert, select

from cs2_pipeline.records.database import Records
from cs2_pipeline.records.tables import SIGNING_KEYS

ALGORITHM: Final = "HS256"
ISSUER: Final = "cs2-pipeline"
TOKEN_LIFE: Final = timedelta(minutes=15)
KEY_LIFE: Final = timedelta(days=30)
REREAD_SECONDS: Final = 5.0
"""An unknown key id makes the keys be read anew at most this often: another gateway may have made a new one."""


class TokenError(Exception):
    """A token opens nothing; the message says why, in words that may be answered."""


@dataclass(frozen=True)
class Claims:
    """What a believed token says."""

    user_id: str
    session_id: str


@dataclass(frozen=True)
class _Key:
    id: str
    secret: str
    created_at: datetime


class Signer:
    """Signs and reads access tokens with the keys of the records. Safe to use from several threads."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._lock = threading.Lock()
        self._keys: dict[str, _Key] = {}
        self._read_at = datetime.min.replace(tzinfo=UTC)

    def issue(self, user_id: str, session_id: str) -> str:
        """A token for a session, that lives for `TOKEN_LIFE`."""
        key, now = self._signing_key(), datetime.now(UTC)
        claims = {"iss": ISSUER, "sub": user_id, "sid": session_id, "iat": now, "exp": now + TOKEN_LIFE}
        return jwt.encode(claims, key.secret, ALGORITHM, headers={"kid": key.id})

    def read(self, token: str) -> Claims:
        """What a token says.

        Raises:
            TokenError: it is none of ours, or out of date.
        """
        try:
            key = self._key(jwt.get_unverified_header(token).get("kid", ""))
            if key is None:
                raise TokenError("this token was not signed here, or too long ago")
            claims = jwt.decode(
                token, key.secret, [ALGORITHM], issuer=ISSUER, options={"require": ["exp", "iat", "sub", "sid", "iss"]}
            )
        except jwt.ExpiredSignatureError:
            raise TokenError("this token has expired: get a new one at /auth/refresh") from None
        except jwt.PyJWTError:
            raise TokenError("this is not a token of this platform") from None
        return Claims(str(claims["sub"]), str(claims["sid"]))

    def _key(self, identifier: str) -> _Key | None:
        if identifier not in self._keys and datetime.now(UTC) - self._read_at > timedelta(seconds=REREAD_SECONDS):
            self._read()
        key = self._keys.get(identifier)
        return key if key is not None and datetime.now(UTC) < key.created_at + KEY_LIFE + TOKEN_LIFE else None

    def _signing_key(self) -> _Key:
        with self._lock:
            key = self._newest()
            if key is None:
                self._read()
                key = self._newest()
            if key is None:
                self._replace()
                key = self._newest()
        assert key is not None  # noqa: S101  it was just made
        return key

    def _newest(self) -> _Key | None:
        signing = [key for key in self._keys.values() if datetime.now(UTC) < key.created_at + KEY_LIFE]
        return max(signing, key=lambda key: key.created_at, default=None)

    def _read(self) -> None:
        with self._records.reading() as connection:
            rows = connection.execute(select(SIGNING_KEYS)).all()
        self._keys = {row.id: _Key(row.id, row.secret, row.created_at) for row in rows}
        self._read_at = datetime.now(UTC)

    def _replace(self) -> None:
        now = datetime.now(UTC)
        values = {"id": secrets.token_hex(8), "secret": secrets.token_hex(32), "created_at": now}
        with self._records.writing() as connection:
            connection.execute(SIGNING_KEYS.delete().where(SIGNING_KEYS.c.created_at < now - KEY_LIFE - TOKEN_LIFE))
            connection.execute(insert(SIGNING_KEYS), values)
        self._read()
