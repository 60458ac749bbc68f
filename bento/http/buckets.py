"""How often somebody may ask: token buckets."""

import time


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
