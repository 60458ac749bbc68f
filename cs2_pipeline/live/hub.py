"""Fan-out: from a published update to everybody who subscribed to it.

A subscriber has a queue of its own. Who does not keep up is cut off: nobody is waited for. What they missed is in
history. Several gateways are joined by Redis pub/sub (`relay`).
"""

import asyncio
import threading
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Literal

import msgspec

from cs2_pipeline.live import metrics

Kind = Literal["prediction", "score", "event", "lifecycle", "correction"]
QUEUE: Final = 256
"""Updates a subscriber may be behind."""
MAX_SUBSCRIBERS: Final = 10_000
MAX_OF_ONE: Final = 2_000
"""Subscriptions of one caller: nobody takes all of them."""
MAX_LAST: Final = 5_000
"""Matches of which the last price is remembered; of others the history has it."""


class Update(msgspec.Struct, frozen=True, dict=True):
    """Something that subscribers want to know at once.

    Attributes:
        data: what it says, in the contract's names.
        at: when the event that caused it became durable.
    """

    kind: Kind
    match_id: str
    tournament: str
    data: dict[str, Any]
    at: float = 0.0

    @cached_property
    def json(self) -> bytes:
        """`data` as JSON, written once however many read it."""
        return msgspec.json.encode(self.data)

    @property
    def last_price(self) -> dict[str, Any] | None:
        """The price after the last event, where the update tells it."""
        if self.kind == "correction":
            found: dict[str, Any] | None = self.data["prediction"]
            return found
        return self.data if self.kind == "prediction" and self.data["trigger_event_type"] != "clock" else None


@dataclass(eq=False)
class Subscription:
    """One subscriber's queue.

    Attributes:
        match_id, tournament: what it follows; None for any.
        cut_off: it was too slow; nothing more comes.
    """

    match_id: str | None
    tournament: str | None
    kinds: frozenset[str]
    queue: asyncio.Queue[Update] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    cut_off: bool = False

    def wants(self, update: Update) -> bool:
        """Whether an update is for this subscriber."""
        return update.kind in self.kinds and self.tournament in (None, update.tournament)


class TooManySubscribersError(Exception):
    """No more subscriptions are taken."""


class Hub:
    """All subscribers of this process. `publish` may be called from any thread, the rest from the event loop."""

    def __init__(self) -> None:
        self._by_match: dict[str | None, set[Subscription]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending: list[Update] = []
        self._last: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()
        self._of_one: Counter[str] = Counter()
        self.count = 0

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Deliver in this event loop from now on."""
        self._loop = loop

    def publish(self, updates: Sequence[Update]) -> None:
        """Hand updates to their subscribers; never waits for any."""
        if self._loop is None or self._loop.is_closed():
            return
        with self._lock:
            for update in updates:
                if (price := update.last_price) is not None:
                    self._last[update.match_id] = price
                    self._last.move_to_end(update.match_id)
            while len(self._last) > MAX_LAST:
                self._last.popitem(last=False)
            idle = not self._pending
            self._pending += updates
            wake = idle and bool(self._pending)
        if wake:
            self._loop.call_soon_threadsafe(self._deliver)

    def last_price(self, match_id: str) -> dict[str, Any] | None:
        """The price after a match's last event, if it was published lately; the history has it a little later."""
        with self._lock:
            return self._last.get(match_id)

    def _deliver(self) -> None:
        with self._lock:
            updates, self._pending = self._pending, []
        for update in updates:
            for key in (update.match_id, None):
                for subscription in list(self._by_match.get(key, ())):
                    if subscription.wants(update):
                        self._offer(subscription, update)

    def _offer(self, subscription: Subscription, update: Update) -> None:
        try:
            subscription.queue.put_nowait(update)
        except asyncio.QueueFull:
            subscription.cut_off = True
            metrics.CUT_OFF.inc()
            self._remove(subscription)

    def require_room(self, caller: str) -> None:
        """Let a caller subscribe.

        Raises:
            TooManySubscribersError: there are as many as are served, of this caller or of all.
        """
        if self._of_one[caller] >= MAX_OF_ONE:
            raise TooManySubscribersError(f"you have {MAX_OF_ONE} subscriptions already")
        if self.count >= MAX_SUBSCRIBERS:
            raise TooManySubscribersError(f"{MAX_SUBSCRIBERS} subscribers are served already")

    async def subscribe(
        self, kinds: Iterable[Kind], match_id: str | None = None, tournament: str | None = None,
        *, beat: float | None = None, caller: str = "",
    ) -> AsyncIterator[list[Update]]:  # fmt: skip
        """The updates to come, as many at once as are there; ends when the subscriber was too slow.

        The first list is empty: it says that the subscription stands.

        Args:
            beat: after so many seconds without an update there is an empty list, too.
            caller: who subscribes.

        Raises:
            TooManySubscribersError: as `require_room`.
        """
        self.require_room(caller)
        subscription = Subscription(match_id, tournament, frozenset(kinds))
        self._by_match.setdefault(match_id, set()).add(subscription)
        self.count += 1
        self._of_one[caller] += 1
        metrics.SUBSCRIBERS.inc()
        try:
            yield []
            while not (subscription.cut_off and subscription.queue.empty()):
                yield await _at_once(subscription.queue, beat)
        finally:
            self._remove(subscription)
            self.count -= 1
            self._of_one -= Counter({caller: 1})  # who has none left is forgotten
            metrics.SUBSCRIBERS.dec()

    def _remove(self, subscription: Subscription) -> None:
        of_match = self._by_match.get(subscription.match_id, set())
        of_match.discard(subscription)
        if not of_match:
            self._by_match.pop(subscription.match_id, None)


async def _at_once(queue: asyncio.Queue[Update], seconds: float | None) -> list[Update]:
    """Everything in a queue, once there is something; nothing where nothing comes for so long."""
    found = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            found.append(await queue.get())
    while not queue.empty():
        found.append(queue.get_nowait())
    return found
