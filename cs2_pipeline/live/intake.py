"""The door: bytes in, acknowledged events in the log, or a reason. Nothing is acknowledged before it is durable."""

import hashlib
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from cs2_pipeline.live import metrics
from cs2_pipeline.live.events import Event, EventError, canonical, parse
from cs2_pipeline.live.log import DeadLetter, EventLog, Submitted

MAX_PENDING: Final = 20_000
"""Events that may be on their way into the log at once; more are turned away with "try again"."""
MAX_BACKLOG: Final = 200_000
"""Events that may wait for the consumers; more are turned away until they have caught up."""
_BACKLOG_SEEN_FOR: Final = 0.5
_CLAIMS_REMEMBERED: Final = 50_000


@dataclass(frozen=True)
class Tenant:
    """Whoever sends by a key of their own.

    Attributes:
        name: unique.
        rate: events a second that it may send.
        matches: matches that it may begin in a day.
    """

    name: str
    rate: float
    matches: int


class BusyError(Exception):
    """Too much at once: nothing was taken. Try again after `seconds`."""

    def __init__(self, seconds: float, message: str) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(slots=True)
class Taken:
    """What became of an event.

    Attributes:
        event_id: as read, or "" where it could not be.
        duplicate: an event of this id had been taken before; this one has no effect.
        error: why it was not taken; it is among the dead letters under `letter`.
        forbidden: it is not the sender's to send; it is kept nowhere.
    """

    event_id: str
    duplicate: bool = False
    error: EventError | None = None
    letter: str = ""
    forbidden: bool = False


class Intake:
    """Takes events.

    Args:
        log: where to.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._pending = 0
        self._backlog, self._backlog_at = 0, 0.0
        self._claimed: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._claiming = threading.Lock()
        self.pool = ThreadPoolExecutor(4, thread_name_prefix="intake")

    def take(self, bodies: Sequence[bytes], tenant: Tenant | None = None) -> list[Taken]:
        """Take events; those that cannot be understood go to the dead letters, the others into the log.

        Args:
            tenant: who sends; a match is written to by the first tenant that does. None: this machine, administrators.

        Raises:
            BusyError: too much at once.
            LogUnavailableError: the log cannot be written.
        """
        began = time.perf_counter()
        if tenant is not None and (wait := self._log.spend(tenant.name, len(bodies), tenant.rate)):
            raise BusyError(wait, f"this key may send {tenant.rate:g} events a second")
        self._make_room(len(bodies))
        try:
            results = self._taken(bodies, tenant)
        finally:
            self._pending -= len(bodies)
        metrics.INGESTION.observe(time.perf_counter() - began)
        return results

    def _make_room(self, count: int) -> None:
        now = time.monotonic()
        if now - self._backlog_at > _BACKLOG_SEEN_FOR:
            self._backlog_at, self._backlog = now, sum(self._log.depth().values())
        if self._backlog > MAX_BACKLOG:
            raise BusyError(
                2.0, f"{self._backlog} events wait to be priced; send again once the consumers have caught up"
            )
        if self._pending + count > MAX_PENDING:
            raise BusyError(1.0, f"{self._pending} events are being written; send again in a moment")
        self._pending += count

    def _taken(self, bodies: Sequence[bytes], tenant: Tenant | None) -> list[Taken]:
        events: list[tuple[int, Event, bytes]] = []
        results: list[Taken] = [Taken("")] * len(bodies)
        letters: list[DeadLetter] = []
        for place, body in enumerate(bodies):
            try:
                spelled = canonical(body)
                events.append((place, parse(spelled), spelled))
            except EventError as error:
                letter = letter_of(body, error)
                letters.append(letter)
                results[place] = Taken(error.event_id, error=error, letter=letter.id)
                metrics.EVENTS.labels("unknown", "unknown", "refused").inc()
        if tenant is not None:
            events, letters = self._own(tenant, events, letters, results)
        if letters:
            self._log.bury(letters)
            metrics.DEAD.labels("invalid").inc(len(letters))
        new = self._log.append([Submitted(event.event_id, event.match_id, body, event) for _, event, body in events])
        counts: Counter[tuple[str, str, str]] = Counter()
        for (place, event, _), fresh in zip(events, new, strict=True):
            results[place] = Taken(event.event_id, duplicate=not fresh)
            counts[event.type, event.source, "accepted" if fresh else "duplicate"] += 1
        for (kind, source, result), count in counts.items():
            metrics.EVENTS.labels(metrics.type_label(kind), metrics.source_label(source), result).inc(count)
        return results

    def _own(
        self, tenant: Tenant, events: list[tuple[int, Event, bytes]], letters: list[DeadLetter], results: list[Taken]
    ) -> tuple[list[tuple[int, Event, bytes]], list[DeadLetter]]:
        """The events of a tenant's own matches, and the letters: one of another's match must not be counted there."""
        refused = self._not_theirs({event.match_id for _, event, _ in events}, tenant)
        for place, event, _ in events:
            if why := refused.get(event.match_id):
                error = EventError("match_id", why, event.event_id, event.match_id)
                results[place] = Taken(event.event_id, error=error, forbidden=True)
                metrics.EVENTS.labels("unknown", "unknown", "forbidden").inc()
        own = [(tenant.name, letter.match_id) in self._claimed for letter in letters]
        named = [one if known else replace(one, match_id="") for one, known in zip(letters, own, strict=True)]
        return [one for one in events if one[1].match_id not in refused], named

    def _not_theirs(self, asked: set[str], tenant: Tenant) -> dict[str, str]:
        """By match, why a tenant may not write to it."""
        with self._claiming:
            new = {match_id for match_id in asked if (tenant.name, match_id) not in self._claimed}
        refused = self._log.claim(new, tenant.name, tenant.matches) if new else {}
        with self._claiming:
            for match_id in new - refused.keys():
                self._claimed[tenant.name, match_id] = None
            while len(self._claimed) > _CLAIMS_REMEMBERED:
                self._claimed.popitem(last=False)
        return refused


def letter_of(body: bytes, error: EventError) -> DeadLetter:
    """The dead letter of bytes that are no event. Sent again, they are the same letter."""
    name = hashlib.sha256(body).hexdigest()[:24]
    return DeadLetter(name, time.time(), str(error), error.match_id, body[:65_536])
