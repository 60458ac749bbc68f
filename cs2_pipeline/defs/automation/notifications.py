"""Telling people: a message to a webhook, or to the log where there is none; the same cause at most once an hour."""

import hashlib
import json
import logging
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import Any, Final

from cs2_pipeline.datasets.store import MissingTableError, TableStore
from cs2_pipeline.settings import Settings

QUIET: Final = timedelta(hours=1)
"""How long a cause is not told again."""
TIMEOUT: Final = 10.0
_REMEMBERED: Final = timedelta(days=1)
_TOLD: Final = "notifications"


class Notifier:
    """Sends messages and remembers, beside the tables, which causes it told when.

    Args:
        settings: hold the webhook's address, which is a secret and is never shown.
        tables: where the memory is kept.
        now: the clock.
    """

    def __init__(
        self, settings: Settings, tables: TableStore, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._webhook = settings.webhook_url
        self._tables = tables
        self._now = now

    def tell(self, cause: str, text: str, log: logging.Logger) -> bool:
        """Send a message unless its cause was told within the hour; the next one says how many were held back.

        A webhook that does not take the message is no error: the message goes to the log and the cause counts as
        not told.

        Returns:
            Whether the message went out, to the webhook or, where there is none, to the log.
        """
        now = self._now()
        told = {key: entry for key, entry in self._told().items() if _age(entry, now) < _REMEMBERED}
        key = hashlib.sha256(cause.encode()).hexdigest()[:16]
        entry = told.get(key)
        if entry is not None and _age(entry, now) < QUIET:
            told[key] = entry | {"held_back": entry["held_back"] + 1}
            self._tables.write_json(_TOLD, told)
            log.info(f"not reported again within the hour: {text}")
            return False
        if entry is not None and entry["held_back"]:
            text = f"{text}\n{entry['held_back']} more of these since {entry['at'][:16]} UTC were not reported."
        log.error(text)
        if not self._posted(text, log):
            return False
        self._tables.write_json(_TOLD, told | {key: {"at": now.isoformat(), "held_back": 0}})
        return True

    def _posted(self, text: str, log: logging.Logger) -> bool:
        if self._webhook is None:
            return True
        try:
            request = urllib.request.Request(  # noqa: S310  the address is the operator's
                self._webhook.get_secret_value(),
                data=json.dumps({"text": text}).encode(),
                headers={"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310
                return True
        except (OSError, ValueError, HTTPException) as error:
            # What the error says may quote the address; its class and an HTTP status do not.
            said = f"{type(error).__name__} {getattr(error, 'code', '')}".strip()
            log.warning(f"the webhook of CS2_WEBHOOK_URL did not accept the message ({said}); it is logged above")
            return False

    def _told(self) -> dict[str, Any]:
        try:
            return self._tables.read_json(_TOLD)
        except MissingTableError:
            return {}


def _age(entry: dict[str, Any], now: datetime) -> timedelta:
    return now - datetime.fromisoformat(entry["at"])
