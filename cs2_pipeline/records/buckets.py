"""How often somebody may ask: token buckets."""

import time
from collections import OrderedDict


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
        now = time.monotonic()
        self._tokens = min(self._most, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


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
