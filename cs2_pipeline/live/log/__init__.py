"""The log of events: what is in it will never be lost. One interface, two engines: a SQLite file, Redis Streams."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from zlib import crc32

from cs2_pipeline.live.events import Event

SHARDS: Final = 16
"""Shards of the log. All events of a match are in one; more consumers than shards are idle."""


def shard_of(match_id: str) -> int:
    """The shard of a match."""
    return crc32(match_id.encode()) % SHARDS


class LogUnavailableError(Exception):
    """The log cannot take or give events now; nothing was taken. The message says why."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """An event to be taken: the bytes, and what the log must know of them.

    Attributes:
        event: what the bytes say, where the caller has read them already.
    """

    event_id: str
    match_id: str
    body: bytes
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event in the log.

    Attributes:
        position: its place in the shard; text that sorts in order of arrival.
        received: when it was taken, seconds since 1970.
        event: what the bytes say, where this process has read them already.
    """

    shard: int
    position: str
    received: float
    event_id: str
    match_id: str
    body: bytes
    event: Event | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be understood, with the reason."""

    id: str
    at: float
    reason: str
    match_id: str
    body: bytes


class EventLog(Protocol):
    """What both engines do. Every method may be called from any thread; each may raise `LogUnavailableError`."""

    def append(self, events: Sequence[Submitted]) -> list[bool]:
        """Take events. On return they are durable; False for those whose event_id was there already."""

    def read(self, after: Mapping[int, str], limit: int) -> list[Arrival]:
        """What follows in some shards, each after its position ("" for its beginning), in order within a shard.

        Args:
            after: the position up to which each shard was read.
            limit: how many of a shard on average at most.
        """

    def wait(self, seconds: float) -> None:
        """Return when something may have come, or after so many seconds."""

    def kept(self, match_id: str) -> list[Arrival]:
        """Events of a match that are still in the log, in order of arrival."""

    def position(self, shard: int) -> str:
        """Up to where history has a shard: whoever takes it over reads on from here."""

    def done(self, positions: Mapping[int, str]) -> None:
        """History has these shards up to these positions."""

    def depth(self) -> dict[int, int]:
        """Events in each shard that history does not have yet; shards without any are left out."""

    def trim(self) -> int:
        """Remove some of what history has; returns how many events. What history does not have is never removed."""

    def lease(self, consumer: str, share: int, seconds: float) -> set[int]:
        """Own up to `share` shards for some seconds: first those already owned, then those nobody owns."""

    def release(self, consumer: str) -> None:
        """Give all of a consumer's shards up at once."""

    def consumers(self) -> int:
        """How many consumers own shards or have asked for some lately."""

    def claim(self, matches: Collection[str], tenant: str, most: int) -> dict[str, str]:
        """Note matches that nobody writes to yet as a tenant's; at most `most` new ones a day.

        Returns:
            By match, why the tenant may not write to it.
        """

    def owners(self, matches: Collection[str]) -> dict[str, str]:
        """The tenants of matches, by match; those that are nobody's are left out."""

    def spend(self, tenant: str, events: int, rate: float) -> float:
        """Count events of a tenant that may send `rate` a second, `BURST` seconds' worth at once.

        Returns:
            Seconds until there is room for so many; 0 where there was, and they are counted.
        """

    def bury(self, letters: Iterable[DeadLetter]) -> None:
        """Keep dead letters: at most `MAX_LETTERS` of a match, `MAX_ALL_LETTERS` in all; the oldest go first."""

    def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """The newest dead letters, newest first."""

    def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """One of them."""

    def forget(self, letter_id: str) -> None:
        """Remove a dead letter."""

    def close(self) -> None:
        """Let go of files and connections."""


FOREIGN: Final = "this match is written to by another key"
TOO_MANY: Final = "this key has begun as many matches as it may in a day"
CLAIM_KEPT: Final = 90 * 86_400
"""Seconds for which a match stays its tenant's."""
IDS_KEPT: Final = 7 * 86_400
"""Seconds for which an event's id is remembered, so that a repeat of it is recognised."""
BURST: Final = 5.0
MAX_LETTERS: Final = 1_000
MAX_ALL_LETTERS: Final = 20_000
"""A stranger who makes up match ids must not fill the disk."""
