"""People: accounts, passwords, and sessions that are kept alive by refresh tokens.

Passwords are kept as Argon2id hashes. A refresh token is used once and replaced by another; one that is used a second
time was stolen from one of the two who had it, so its whole session ends. What these functions answer, and how long
they take, does not tell whether a name is taken or known.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Connection, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from cs2_pipeline.records.coaching import delete_plans
from cs2_pipeline.records.database import Records
from cs2_pipeline.records.tables import (
    API_KEYS,
    OPENID_NONCES,
    PLAN_SHARES,
    REFRESH_TOKENS,
    SESSIONS,
    STEAM_SIGN_INS,
    USERS,
    WEBHOOKS,
)

SESSION_LIFE: Final = timedelta(days=30)
SIGN_IN_LIFE: Final = timedelta(minutes=10)
"""How long a sign-in through Steam may take from the way there to the way back."""
NONCES_KEPT: Final = timedelta(days=1)
"""Far longer than the few minutes for which a provider's word is believed."""
REUSED: Final = "refresh token used twice"

_HASHER: Final = PasswordHasher()


class SessionEndedError(Exception):
    """A refresh token opens nothing: unknown, out of date, revoked, or used a second time."""


class SteamTakenError(Exception):
    """The SteamID belongs to another account."""


@dataclass(frozen=True)
class User:
    """A person's account."""

    id: str
    username: str
    email: str | None
    steam_id: str | None
    is_admin: bool
    created_at: datetime


@dataclass(frozen=True)
class Session:
    """A session that was just opened or kept alive; the token is known nowhere else."""

    id: str
    user: User
    refresh_token: str


def register(records: Records, username: str, email: str, password: str, *, is_admin: bool = False) -> User | None:
    """Make an account; None when the name or the address is taken, after the same time."""
    hashed = _HASHER.hash(password)
    values = _new_user(username, is_admin=is_admin) | {"email_key": email.casefold(), "password_hash": hashed}
    try:
        with records.writing() as connection:
            connection.execute(insert(USERS), values)
            return _user(connection, USERS.c.id == values["id"])
    except IntegrityError:
        return None


def authenticate(records: Records, name: str, password: str) -> User | None:
    """The account with this name or address, if the password is its own. Takes as long for unknown names."""
    key = name.casefold()
    with records.reading() as connection:
        row = connection.execute(
            select(USERS).where(or_(USERS.c.username_key == key, USERS.c.email_key == key))
        ).first()
    if row is None or row.password_hash is None:
        _is_of(_nobodys_hash(), password)
        return None
    if not _is_of(row.password_hash, password) or row.disabled_at is not None:
        return None
    if _HASHER.check_needs_rehash(row.password_hash):
        with records.writing() as connection:
            changed = update(USERS).where(USERS.c.id == row.id).values(password_hash=_HASHER.hash(password))
            connection.execute(changed)
    return _from(row)


def _is_of(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("nobody's password")


def open_session(records: Records, user: User) -> Session:
    """Begin a session."""
    now = datetime.now(UTC)
    identifier = secrets.token_hex(16)
    values = {"id": identifier, "user_id": user.id, "created_at": now, "expires_at": now + SESSION_LIFE}
    with records.writing() as connection:
        connection.execute(SESSIONS.delete().where(SESSIONS.c.expires_at <= now))  # and their tokens with them
        connection.execute(insert(SESSIONS), values)
        return Session(identifier, user, _new_refresh_token(connection, identifier))


def another_token(records: Records, session_id: str) -> str:
    """One more refresh token of a session: it ends with the session, as all of them do."""
    with records.writing() as connection:
        return _new_refresh_token(connection, session_id)


def keep_alive(records: Records, refresh_token: str) -> Session:
    """Replace a refresh token by another of the same session.

    Raises:
        SessionEndedError: it opens nothing. When it had been used before, its whole session has ended now.
    """
    with records.writing() as connection:
        found = _session_of(connection, refresh_token)
        if found is None:
            raise SessionEndedError
        reused = found.used_at is not None
        if reused:
            _end(connection, found.id, REUSED)
        elif found.revoked_at is None and found.expires_at > datetime.now(UTC):
            user = _user(connection, (USERS.c.id == found.user_id) & USERS.c.disabled_at.is_(None))
            if user is not None:
                used = update(REFRESH_TOKENS).where(REFRESH_TOKENS.c.digest == _digest(refresh_token))
                connection.execute(used.values(used_at=datetime.now(UTC)))
                return Session(found.id, user, _new_refresh_token(connection, found.id))
    raise SessionEndedError


def end_session(records: Records, session_id: str) -> None:
    """End a session: its access tokens and refresh tokens open nothing any more."""
    with records.writing() as connection:
        _end(connection, session_id, "logout")


def session_of(records: Records, refresh_token: str) -> tuple[str, User] | None:
    """The living session of an unused refresh token, and whose it is. Does not use the token."""
    with records.reading() as connection:
        found = _session_of(connection, refresh_token)
        if found is None or found.used_at is not None:
            return None
        user = _living(connection, found.id)
    return None if user is None else (found.id, user)


def session_user(records: Records, session_id: str) -> User | None:
    """Whose a session is; None when it has ended."""
    with records.reading() as connection:
        return _living(connection, session_id)


def user(records: Records, user_id: str) -> User | None:
    """An account that is not disabled; None where there is none."""
    with records.reading() as connection:
        return _user(connection, (USERS.c.id == user_id) & USERS.c.disabled_at.is_(None))


def named(records: Records, username: str) -> User | None:
    """The account of this name; None where there is none, or it is disabled."""
    with records.reading() as connection:
        return _user(connection, (USERS.c.username_key == username.casefold()) & USERS.c.disabled_at.is_(None))


def forget(records: Records, user: User, players: Iterable[tuple[str, str]]) -> None:
    """Delete an account and all that is its own: sessions, uploads, plans, and what others share with it.

    Keys that act for it are revoked. Files that nobody else sent go with the next look at the uploads.

    Args:
        records: the platform's database.
        user: whose account it is.
        players: game and identifier of each player that the account is linked to.
    """
    with records.writing() as connection:
        for game, player in players:
            delete_plans(connection, game, player)
        connection.execute(delete(PLAN_SHARES).where(PLAN_SHARES.c.username_key == user.username.casefold()))
        mine = API_KEYS.c.user_id == user.id
        connection.execute(delete(WEBHOOKS).where(WEBHOOKS.c.key_id.in_(select(API_KEYS.c.id).where(mine))))
        connection.execute(
            update(API_KEYS).where(mine & API_KEYS.c.revoked_at.is_(None)).values(revoked_at=datetime.now(UTC))
        )
        connection.execute(update(API_KEYS).where(mine).values(user_id=None, name="of a deleted account"))
        connection.execute(delete(USERS).where(USERS.c.id == user.id))


def begin_steam(records: Records, user_id: str | None) -> str:
    """Note that somebody is on the way to Steam, to link an account or to sign in; the state to come back with."""
    state = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    with records.writing() as connection:
        connection.execute(STEAM_SIGN_INS.delete().where(STEAM_SIGN_INS.c.created_at < now - SIGN_IN_LIFE))
        values = {"state_digest": _digest(state), "user_id": user_id, "created_at": now}
        connection.execute(insert(STEAM_SIGN_INS), values)
    return state


def finish_steam(records: Records, state: str, nonce: str, steam_id: str) -> User | None:
    """The account of whoever came back from Steam; None for a state or nonce that is unknown, late or used already.

    Raises:
        SteamTakenError: the account is to be linked to a SteamID that another account has.
    """
    now = datetime.now(UTC)
    key = STEAM_SIGN_INS.c.state_digest == _digest(state)
    try:
        with records.writing() as connection:
            begun = connection.execute(select(STEAM_SIGN_INS).where(key)).first()
            if begun is None or begun.created_at < now - SIGN_IN_LIFE:
                return None
            connection.execute(STEAM_SIGN_INS.delete().where(key))
            connection.execute(OPENID_NONCES.delete().where(OPENID_NONCES.c.seen_at < now - NONCES_KEPT))
            connection.execute(insert(OPENID_NONCES), {"nonce": nonce, "seen_at": now})
            return _steam_user(connection, begun.user_id, steam_id)
    except IntegrityError:
        return None


def _steam_user(connection: Connection, user_id: str | None, steam_id: str) -> User | None:
    has_it = _user(connection, (USERS.c.steam_id == steam_id) & USERS.c.disabled_at.is_(None))
    if user_id is None:
        if has_it is None:
            name = f"steam-{steam_id}"
            if _user(connection, USERS.c.username_key == name) is not None:  # somebody registered under it
                name = f"{name}-{secrets.token_hex(4)}"
            connection.execute(insert(USERS), _new_user(name, is_admin=False) | {"steam_id": steam_id})
    elif has_it is not None and has_it.id != user_id:
        raise SteamTakenError
    else:
        connection.execute(update(USERS).where(USERS.c.id == user_id).values(steam_id=steam_id))
    return _user(connection, (USERS.c.steam_id == steam_id) & USERS.c.disabled_at.is_(None))


def _new_user(username: str, *, is_admin: bool) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(16),
        "username": username,
        "username_key": username.casefold(),
        "is_admin": is_admin,
        "created_at": datetime.now(UTC),
    }


def _new_refresh_token(connection: Connection, session_id: str) -> str:
    token = secrets.token_urlsafe(32)
    values = {"digest": _digest(token), "session_id": session_id, "created_at": datetime.now(UTC)}
    connection.execute(insert(REFRESH_TOKENS), values)
    return token


def _session_of(connection: Connection, refresh_token: str) -> Any:
    joined = REFRESH_TOKENS.join(SESSIONS, REFRESH_TOKENS.c.session_id == SESSIONS.c.id)
    asked = select(REFRESH_TOKENS.c.used_at, SESSIONS).select_from(joined)
    return connection.execute(asked.where(REFRESH_TOKENS.c.digest == _digest(refresh_token)).with_for_update()).first()


def _living(connection: Connection, session_id: str) -> User | None:
    joined = USERS.join(SESSIONS, SESSIONS.c.user_id == USERS.c.id)
    lives = (SESSIONS.c.revoked_at.is_(None)) & (SESSIONS.c.expires_at > datetime.now(UTC))
    asked = select(USERS).select_from(joined).where(SESSIONS.c.id == session_id, lives, USERS.c.disabled_at.is_(None))
    row = connection.execute(asked).first()
    return None if row is None else _from(row)


def _end(connection: Connection, session_id: str, reason: str) -> None:
    lives = (SESSIONS.c.id == session_id) & SESSIONS.c.revoked_at.is_(None)
    connection.execute(update(SESSIONS).where(lives).values(revoked_at=datetime.now(UTC), revoked_reason=reason))


def _user(connection: Connection, where: Any) -> User | None:
    row = connection.execute(select(USERS).where(where)).first()
    return None if row is None else _from(row)


def _from(row: Any) -> User:
    return User(row.id, row.username, row.email_key, row.steam_id, row.is_admin, row.created_at)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
