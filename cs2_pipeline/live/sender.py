"""Sends matches to a gateway as if they ran now, at any speed; what is refused for want of room is sent again."""

import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import HTTPError, URLError

from cs2_pipeline.live.events import MAX_BATCH
from cs2_pipeline.live.sources.demo_database import Recorded

TICK: Final = 0.05
"""Seconds between two batches."""
ATTEMPTS: Final = 10


class SendError(Exception):
    """The gateway cannot be reached or refuses; the message says what to do."""


@dataclass
class Sent:
    """What became of the events."""

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0


class Sender:
    """Posts batches to a gateway.

    Args:
        url: the gateway's address.
        key: an API key with the scope live:write, where one is needed.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/events/batch"
        self._headers = {"content-type": "application/json"} | ({"x-api-key": key} if key else {})
        self.sent = Sent()

    def send(self, events: Sequence[dict[str, Any]]) -> None:
        """Send events; returns when they are durable.

        Raises:
            SendError: they are not.
        """
        for start in range(0, len(events), MAX_BATCH):
            answer = self._post(json.dumps(events[start : start + MAX_BATCH]).encode())
            self.sent.accepted += answer["accepted"]
            self.sent.duplicates += answer["duplicates"]
            self.sent.refused += len(answer["refused"])

    def _post(self, body: bytes) -> dict[str, Any]:
        reason = ""
        for attempt in range(ATTEMPTS):
            request = urllib.request.Request(self._url, body, self._headers)  # noqa: S310  the address is the user's
            try:
                with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                    found: dict[str, Any] = json.load(response)
                    return found
            except HTTPError as error:
                reason = error.read().decode(errors="replace")[:300]
                if error.code not in (429, 503):
                    raise SendError(f"{self._url} answers {error.code}: {reason}") from error
                time.sleep(float(error.headers.get("retry-after") or 1))
            except (URLError, OSError) as error:
                # Sent again it is recognised by its ids, whether or not it had arrived.
                reason = str(getattr(error, "reason", error))
                time.sleep(0.2 * 2**attempt if attempt < 5 else 5.0)
        raise SendError(f"no gateway accepts events at {self._url} ({reason}): start it with `cs2 up`")


def paced(
    matches: Sequence[Recorded], *, speed: float, stagger: float = 0.0, began: float | None = None
) -> Iterator[tuple[float, list[dict[str, Any]]]]:
    """The events of matches that run at once, in batches with the time after the start at which each is due.

    Args:
        speed: 1 as played, 10 ten times as fast; 0 as fast as they are taken.
        stagger: seconds between the beginnings of two matches.
    """
    origin = time.time() if began is None else began
    lines = [
        ((event["ts_event"] + number * stagger, number, place), stamped)
        for number, match in enumerate(matches)
        for place, (event, stamped) in enumerate(
            zip(match.events, match.begun_at(origin + number * stagger), strict=True)
        )
    ]
    lines.sort(key=lambda line: line[0])
    batch: list[dict[str, Any]] = []
    due = 0.0
    for (at, *_), event in lines:
        when = at / speed if speed else 0.0
        if batch and (when - due >= TICK or len(batch) == MAX_BATCH):
            yield due, batch
            batch = []
        if not batch:
            due = when
        batch.append(event)
    if batch:
        yield due, batch


def play(
    sender: Sender, matches: Sequence[Recorded], *, speed: float, stagger: float, told: Callable[[Sent], None]
) -> None:
    """Send matches at their pace.

    Args:
        told: is called after every batch.

    Raises:
        SendError: the gateway cannot be reached or refuses.
    """
    start = time.monotonic()
    for due, batch in paced(matches, speed=speed, stagger=stagger):
        time.sleep(max(0.0, start + due - time.monotonic()))
        sender.send(batch)
        told(sender.sent)
