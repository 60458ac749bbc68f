"""`cs2 keys` and `cs2 users`: who may use the services, straight from the records, so no key is needed."""

import re
import sys
from collections.abc import Sequence
from contextlib import closing
from getpass import getpass

from rich.table import Table

from cs2_pipeline.cli.console import CliError, UsageError, answer, note, out
from cs2_pipeline.records import accounts, keys
from cs2_pipeline.records.database import open_records
from cs2_pipeline.records.keys import ApiKey, ApiKeyError
from cs2_pipeline.settings import Settings


def create(
    settings: Settings, name: str, scopes: Sequence[str], *, username: str | None, rate: float,
    daily_quota: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Create a key and show it, only this once."""
    with closing(open_records(settings)) as records:
        owner = accounts.named(records, username) if username is not None else None
        if username is not None and owner is None:
            raise CliError(f"there is no account {username}: it is made on the page /sign-in or at /auth/register")
        user_id = owner.id if owner is not None else None
        try:
            text, key = keys.create(records, name, scopes, rate=rate, daily_quota=daily_quota, user_id=user_id)
        except ApiKeyError as error:
            raise UsageError(str(error)) from error
    if as_json:
        answer({"key": text, **_shown(key)})
        return
    out.print(text)
    note("Send it as X-API-Key, or give it to cs2 as CS2_API_KEY. It is not stored: this is the only time it is shown.")
    note("From now on every caller needs a key, including callers on this machine.")


def show(settings: Settings, *, as_json: bool) -> None:
    """List all keys, without their secrets."""
    with closing(open_records(settings)) as records:
        found = keys.every(records)
    if as_json:
        answer({"keys": [_shown(key) for key in found]})
        return
    table = Table("id", "name", "scopes", "rate", "daily quota", "created", "revoked")
    for key in found:
        quota = "–" if key.daily_quota is None else f"{key.daily_quota:,}"
        revoked = f"{key.revoked_at:%Y-%m-%d}" if key.revoked_at else ""
        made = f"{key.created_at:%Y-%m-%d}"
        table.add_row(key.id, key.name, " ".join(sorted(key.scopes)), f"{key.rate:g}/s", quota, made, revoked)
    out.print(table)


def revoke(settings: Settings, identifier: str) -> None:
    """Revoke a key."""
    with closing(open_records(settings)) as records:
        try:
            keys.revoke(records, identifier)
        except ApiKeyError as error:
            raise CliError(str(error)) from error
    note(f"{identifier} is revoked; it stops working within {keys.REFRESH_SECONDS:g} s")


def create_admin(settings: Settings, username: str, email: str) -> None:
    """Make an administrator; the password is asked for, or read from standard input."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{3,32}", username) or not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
        raise UsageError("give a name of 3 to 32 letters, digits, dots, dashes or underscores, and an e-mail address")
    password = getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(password) < 10:
        raise UsageError("the password must have at least 10 characters; it is read from standard input")
    with closing(open_records(settings)) as records:
        if accounts.register(records, username, email, password, is_admin=True) is None:
            raise CliError(f"{username} or {email} already has an account")
    note(f"{username} is an administrator and can sign in now")


def _shown(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "user_id": key.user_id,
        "rate": key.rate,
        "daily_quota": key.daily_quota,
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
