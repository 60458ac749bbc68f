"""What happened and what was said of it: events, prices, rounds and matches, kept for looking up later.

One interface and one set of queries (`queries`), two engines: a SQLite file, ClickHouse. Writing is idempotent: what
is written twice is there once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

from cs2_pipeline.live.pricing import Price

EVENT_DAYS: Final = 90
PRICE_DAYS: Final = 180
"""Days that raw events (and snapshots of matches) and prices are kept. Rounds and matches are kept for good."""


class HistoryUnavailableError(Exception):
    """The event store cannot be read or written now; the message says why. Nothing that is in the log is lost."""


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as it arrived."""

    match_id: str
    event_id: str
    map_id: str
    round_no: int
    type: str
    source: str
    seq_no: int
    ts_event: float
    received: float
    position: str
    body: bytes


class StoredRound(msgspec.Struct, frozen=True):
    """A finished round's metrics; docs/live.md defines momentum and the clutch index.

    Attributes:
        round_winner: "" says that the round does not count: the map was started anew.
        arrived: as of `StoredMatch`.
    """

    match_id: str
    map_id: str
    round_no: int
    team_a_kills: int
    team_b_kills: int
    team_a_headshots: int
    team_b_headshots: int
    momentum: float
    clutch_index: float | None
    round_winner: str
    win_reason: str
    team_a_side: str
    arrived: int


class StoredMatch(msgspec.Struct, frozen=True):
    """A match as it stands.

    Attributes:
        status: LIVE or FINISHED.
        began, updated: seconds since 1970 by our clock; `updated` is when its last event was taken.
        summary: JSON for the match's page: maps, scores, players, what is missing.
        prediction: JSON of its last price; "" before the first.
        state: digest of the state.
        arrived: events that had arrived by then: of two rows the one with more of them is the newer, then the one
            of which more were applied.
    """

    match_id: str
    status: str
    tournament: str
    format: str
    team_a_id: str
    team_b_id: str
    team_a_name: str
    team_b_name: str
    team_a_maps: int
    team_b_maps: int
    winner: str
    began: float
    updated: float
    state_version: int
    state: str
    arrived: int
    owner: str
    summary: str
    prediction: str


class StoredSnapshot(msgspec.Struct, frozen=True):
    """A match as it stood after some event, for its next owner to go on from; the newest counts.

    Attributes:
        arrived, state_version: as of `StoredMatch`.
        position: of the last event that had arrived, in its shard of the log.
        updated: when that event was taken.
        body: JSON, read by `live.snapshot`.
    """

    match_id: str
    arrived: int
    state_version: int
    position: str
    updated: float
    body: str


@dataclass
class Batch:
    """What is written at once."""

    events: list[StoredEvent] = field(default_factory=list)
    prices: list[Price] = field(default_factory=list)
    rounds: list[StoredRound] = field(default_factory=list)
    matches: list[StoredMatch] = field(default_factory=list)
    snapshots: list[StoredSnapshot] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.events or self.prices or self.rounds or self.matches or self.snapshots)

    def add(self, other: "Batch") -> None:
        """Take what another batch holds, after what is here."""
        self.events += other.events
        self.prices += other.prices
        self.rounds += other.rounds
        self.matches += other.matches
        self.snapshots += other.snapshots


class History(Protocol):
    """What both engines do. Every method may be called from any thread; each may raise `HistoryUnavailableError`."""

    def write(self, batch: Batch) -> None:
        """Keep a batch; it is durable on return."""

    def ask(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of a query of `queries`, by column."""

    def expire(self, now: float) -> int:
        """Remove events and prices that are too old; returns how many rows went (0 where the engine does it itself)."""

    def close(self) -> None:
        """Let go of files and connections."""


def bodies(rows: Iterable[dict[str, Any]]) -> Sequence[bytes]:
    """The stored bytes of events."""
    return [body if isinstance(body := row["body"], bytes) else str(body).encode() for row in rows]
