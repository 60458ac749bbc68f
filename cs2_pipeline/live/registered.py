"""Webhooks that owners of keys registered, as a courier needs them: read from the records, and what became of them."""

from datetime import UTC, datetime

from cs2_pipeline.live.webhooks import Target
from cs2_pipeline.records import webhooks
from cs2_pipeline.records.database import Records, open_records
from cs2_pipeline.records.webhooks import Webhook
from cs2_pipeline.settings import Settings


def tenant(key_id: str) -> str:
    """The name under which an owner of a key sends events."""
    return f"key:{key_id}"


def target(webhook: Webhook, *, private: bool) -> Target:
    """Where a registered webhook is posted to: updates of its key's matches only."""
    return Target(
        webhook.url, webhook.secret.encode(), private, frozenset(webhook.kinds), tenant(webhook.key_id), webhook.id
    )


class Registered:
    """The registered webhooks; see `webhooks.Register`. The records are opened when they are asked first.

    Args:
        settings: say where the records are, and whether webhooks may be private addresses.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._records: Records | None = None

    def targets(self) -> list[Target]:
        """Those to post to now."""
        private = self._settings.webhooks_to_private
        return [target(one, private=private) for one in webhooks.active(self._opened())]

    def worked(self, identifier: str) -> None:
        """A post arrived."""
        webhooks.worked(self._opened(), identifier)

    def failed(self, identifier: str, reason: str) -> None:
        """Posts were given up."""
        webhooks.failed(self._opened(), identifier, reason, at=datetime.now(UTC))

    def close(self) -> None:
        """Let go of the records."""
        if self._records is not None:
            self._records.close()

    def _opened(self) -> Records:
        if self._records is None:
            self._records = open_records(self._settings)
        return self._records
