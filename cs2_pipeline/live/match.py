"""One match's events from arrival to order: what comes next is applied at once, the rest waits or recomputes.

`order.ordered` says what the order is; this is the fast way to the same result. An event whose number follows the last
one of its source changes the state at once. One that leaves a gap waits `GAP_WAIT` seconds for what is missing. One
that belongs further back (late, a correction, another source that tells more) makes the match be computed anew from
all its events, which the log and history have.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cs2_pipeline.live.events import Event
from cs2_pipeline.live.fold import Fold, Moment
from cs2_pipeline.live.order import INFORMING, Ordered, in_numbering, ordered

GAP_WAIT: Final = 2.0
"""Seconds an event waits for those before it."""
MAX_WAITING: Final = 256
"""Events of one source that wait at most; more, and the gap is given up at once."""
_TURNS: Final = frozenset({"match_start", "map_start", "round_start", "round_end", "map_end", "match_end"})
"""Types at which which source is followed may change."""

TAKEN_OVER: Final = "taken over"
RESUMED: Final = "resumed"
"""Why a new owner reports moments that may have their prices already: of the whole match, or those after a snapshot."""

Recall = Callable[[], Iterable[Event]]
"""All events of the match that have arrived so far."""


@dataclass(frozen=True, slots=True)
class Change:
    """What some arrivals did to a match.

    Attributes:
        moments: one after each event that was applied, in order; the whole match's where it was recomputed.
        recomputed: why everything was computed anew; "" where it was not.
    """

    moments: list[Moment]
    recomputed: str = ""

    @property
    def whole(self) -> bool:
        """Whether the moments are those of the whole match."""
        return self.recomputed not in ("", RESUMED)


@dataclass(slots=True)
class _Line:
    """The events of one source on one map.

    Attributes:
        next: the number expected next; None before the first event.
        waiting: events beyond a gap, by number, with the time they began to wait.
        kinds: what it tells, of `order.INFORMING`.
    """

    next: int | None = None
    waiting: dict[int, tuple[Event, float]] = field(default_factory=dict)
    kinds: set[str] = field(default_factory=set)


class Match:
    """A match's state and what it still waits for.

    Args:
        match_id: its id.
        recall: gives all events that have arrived, the newest included.
    """

    def __init__(self, match_id: str, recall: Recall) -> None:
        self.match_id = match_id
        self.fold = Fold(match_id)
        self.arrived = 0
        self.gaps = 0
        self.recomputations = 0
        self.problems: dict[str, str] = {}
        self._recall = recall
        self._lines: dict[tuple[str, str], _Line] = {}
        self._followed: dict[str, str] = {}
        self._source_now: dict[str, str] = {}
        self._borrowed: set[tuple[str, str]] = set()

    @property
    def waiting(self) -> int:
        """Events that wait for others before them."""
        return sum(len(line.waiting) for line in self._lines.values())

    @property
    def followed(self) -> dict[str, str]:
        """By map, the source that is followed."""
        return dict(self._followed)

    def take(self, events: Sequence[Event], now: float) -> Change:
        """Take newly arrived events, in the order of arrival."""
        moments: list[Moment] = []
        self.arrived += len(events)
        for event in events:
            why = self._place(event, now, moments)
            if why:
                return self.recompute(why)
        why = self._give_up_gaps(now, moments)
        return self.recompute(why) if why else Change(moments)

    def release(self, now: float) -> Change:
        """Go on without what has been waited for long enough."""
        moments: list[Moment] = []
        why = self._give_up_gaps(now, moments)
        return self.recompute(why) if why else Change(moments)

    def recompute(self, why: str) -> Change:
        """Compute the match anew from all its events."""
        events = list(self._recall())
        self.arrived = len(events)
        found = ordered(events)
        self.fold = Fold(self.match_id)
        moments = [moment for event in found.events if (moment := self.fold.apply(event))]
        self._number_from(events, found)
        self.problems = found.problems
        self.recomputations += 1
        return Change(moments, why)

    def to_document(self) -> dict[str, Any] | None:
        """The match as JSON can hold it; None while events wait for others before them."""
        if self.waiting:
            return None
        return {
            "match_id": self.match_id, "fold": self.fold.document(), "digest": self.fold.digest(),
            "arrived": self.arrived, "gaps": self.gaps, "recomputations": self.recomputations,
            "problems": self.problems, "followed": self._followed, "source_now": self._source_now,
            "borrowed": sorted(self._borrowed),
            "lines": [[*key, line.next, sorted(line.kinds)] for key, line in self._lines.items()],
        }  # fmt: skip

    @classmethod
    def from_document(cls, document: dict[str, Any], recall: Recall) -> "Match":
        """The match that `to_document` described.

        Raises:
            KeyError, TypeError, ValueError: another version of the program wrote it: compute the match from its events.
        """
        match = cls(document["match_id"], recall)
        match.fold = Fold.from_document(document["fold"])
        if match.fold.digest() != document["digest"]:
            raise ValueError(f"the snapshot of match {match.match_id} does not give the state it was made of")
        for name in ("arrived", "gaps", "recomputations", "problems"):
            setattr(match, name, document[name])
        match._followed, match._source_now = document["followed"], document["source_now"]
        match._borrowed = {(map_id, source) for map_id, source in document["borrowed"]}
        match._lines = {
            (map_id, source): _Line(following, kinds=set(kinds))
            for map_id, source, following, kinds in document["lines"]
        }
        return match

    def _place(self, event: Event, now: float, moments: list[Moment]) -> str:
        """Apply an event, let it wait, or say why the match must be computed anew."""
        line = self._lines.setdefault((event.map_id, event.source), _Line())
        if why := self._out_of_line(event, line):
            return why
        if self._followed[event.map_id] != event.source:
            return ""
        if event.seq_no > 1 and event.seq_no != line.next:
            return self._wait(event, line, now, moments)
        return self._apply(event, line, moments) or self._drain(line, moments)

    def _out_of_line(self, event: Event, line: _Line) -> str:
        """Why an event needs everything to be computed anew; "" where it does not."""
        if event.map_id not in self._followed:
            if self._followed:
                return "a new map"
            self._followed[event.map_id] = event.source
        elif why := self._turn(event, line):
            return why
        if event.type == "correction":
            return "a correction"
        if self._followed[event.map_id] != event.source:
            return "a round of another source" if (event.map_id, event.source) in self._borrowed else ""
        return "a late event" if line.next is not None and event.seq_no < line.next else ""

    def _wait(self, event: Event, line: _Line, now: float, moments: list[Moment]) -> str:
        if event.seq_no in line.waiting:
            return "a number used twice"
        line.waiting[event.seq_no] = (event, now)
        return self._go_on(line, moments) if len(line.waiting) > MAX_WAITING else ""

    def _turn(self, event: Event, line: _Line) -> str:
        """Why an event may change which source is followed; "" where it cannot."""
        new_kind = event.type in INFORMING and event.type not in line.kinds
        line.kinds |= {event.type} & INFORMING
        alone = sum(map_id == event.map_id for map_id, _ in self._lines) == 1
        if alone:
            return ""
        if new_kind or event.type in _TURNS:
            return "another source"
        followed = self._followed[event.map_id]
        return "" if self._source_now.get(event.map_id, followed) == followed else "a round of another source"

    def _apply(self, event: Event, line: _Line, moments: list[Moment]) -> str:
        """Apply the next event of a line; or why that cannot be done."""
        line.next = event.seq_no + 1
        line.kinds |= {event.type} & INFORMING
        if self.fold.current not in (None, event.map_id):
            return "an event of an earlier map"
        if event.type == "map_start" and len(self._followed) > 1:
            return "the number of a map"
        moment = self.fold.apply(event)
        self._source_now[event.map_id] = event.source
        if moment is not None:
            moments.append(moment)
        return ""

    def _drain(self, line: _Line, moments: list[Moment]) -> str:
        """Apply what waited for the event just applied."""
        while line.waiting and line.next in line.waiting:
            event, _ = line.waiting.pop(line.next)
            if why := self._apply(event, line, moments):
                return why
        return ""

    def _give_up_gaps(self, now: float, moments: list[Moment]) -> str:
        for line in self._lines.values():
            while line.waiting and min(since for _, since in line.waiting.values()) <= now - GAP_WAIT:
                if why := self._go_on(line, moments):
                    return why
        return ""

    def _go_on(self, line: _Line, moments: list[Moment]) -> str:
        """Give a gap up."""
        self.gaps += 1
        line.next = min(line.waiting)
        return self._drain(line, moments)

    def _number_from(self, events: Sequence[Event], found: Ordered) -> None:
        """Where each source stands after everything was computed anew."""
        by_line: dict[tuple[str, str], list[Event]] = {}
        for event in {event.event_id: event for event in events}.values():
            by_line.setdefault((event.map_id, event.source), []).append(event)
        self._lines = {
            key: _Line(next=in_numbering(of_line)[-1][-1].seq_no + 1, kinds=found.kinds.get(key, set()))
            for key, of_line in by_line.items()
        }
        self._followed = {map_id: found.followed.get(map_id, source) for map_id, source in by_line}
        self._borrowed = found.borrowed
        self._source_now = {event.map_id: event.source for event in found.events}
