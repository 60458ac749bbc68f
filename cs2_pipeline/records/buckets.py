"""How often somebody may ask: token buckets, of one process or shared by all processes of a machine."""

import fcntl
import mmap
import struct
import time
from collections import OrderedDict
from pathlib import Path
from typing import Final

_STATE: Final = struct.Struct("dd")
"""What a shared bucket's file holds: tokens, and when they were counted (seconds since the machine's start)."""


class TooOftenError(Exception):
    """A key asks more often than it may.

    Attributes:
        wait: seconds until it may again.
        daily: whether the daily quota is used up, and not only the rate.
    """

    def __init__(self, wait: float, *, daily: bool) -> None:
        super().__init__(f"wait {wait:.0f} s")
        self.wait, self.daily = wait, daily


class Bucket:
    """A token bucket: `rate` a second, as many at once as a second gives (at least one, or `most`)."""

    def __init__(self, rate: float, most: float | None = None) -> None:
        self._rate = rate
        self._most = max(1.0, rate) if most is None else most
        self._tokens = self._most
        self._filled = time.monotonic()

    def take(self) -> float:
        """Take one; 0 when there was one, else the seconds until there will be."""
        self._fill()
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0

    def owe(self, count: int) -> None:
        """Take as many more, whether they are there or not: the next `take` waits until they are paid off."""
        self._fill()
        self._tokens -= count

    def _fill(self) -> None:
        now = time.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._filled) * self._rate)
        self._filled = now


class SharedBucket(Bucket):
    """A bucket that all processes of this machine take from, which give the same file.

    Args:
        file: holds its state; made where it is not there.
        rate: a second, of all processes together.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, file: Path, rate: float) -> None:
        super().__init__(rate)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("a+b", buffering=0)  # open as long as the bucket is used, for its lock
        with _Locked(self._file.fileno()):
            if file.stat().st_size != _STATE.size:
                self._file.truncate(0)
                self._file.write(_STATE.pack(self._tokens, self._filled))
        self._memory = mmap.mmap(self._file.fileno(), _STATE.size)

    def take(self) -> float:
        """As `Bucket.take`."""
        with _Locked(self._file.fileno()):
            self._load()
            wait = super().take()
            self._store()
        return wait

    def owe(self, count: int) -> None:
        """As `Bucket.owe`."""
        with _Locked(self._file.fileno()):
            self._load()
            super().owe(count)
            self._store()

    def _load(self) -> None:
        tokens, filled = _STATE.unpack_from(self._memory)
        if filled <= time.monotonic():  # else it is from before the machine was started again
            self._tokens, self._filled = tokens, filled

    def _store(self) -> None:
        _STATE.pack_into(self._memory, 0, self._tokens, self._filled)


class _Locked:
    """A file that no other process has locked while the block runs; the system unlocks it for whoever dies."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)


class Limits:
    """A bucket each for many callers; those who have not asked for longest are forgotten first.

    Args:
        rate: a second for each.
        most: at once for each; default: what a second gives.
        size: callers remembered. A forgotten one begins with a full bucket.
    """

    def __init__(self, rate: float, most: float | None = None, size: int = 10_000) -> None:
        self._rate, self._most, self._size = rate, most, size
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take one of a caller's; 0 when there was one, else the seconds until there will be."""
        bucket = self._buckets.pop(caller, None) or Bucket(self._rate, self._most)
        self._buckets[caller] = bucket
        if len(self._buckets) > self._size:
            self._buckets.popitem(last=False)
        return bucket.take()
