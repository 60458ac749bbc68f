"""A client of ballchasing.com's API: games of a player, page by page, within the rate that the site allows."""

import time
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, Self

import httpx

from cs2_pipeline.coaching.skills import CoachingError

ADDRESS: Final = "https://ballchasing.com/api"
CALLS_A_SECOND: Final = 2.0
"""Of a key of the lowest tier."""
PAGE: Final = 200
"""Games on a page; the most the site gives."""
TRIES: Final = 5
PATIENCE: Final = 600.0
"""Seconds waited for one answer altogether; a limit that lasts longer is told."""
_WAITS: Final = (1.0, 2.0, 4.0, 8.0)
_BUSY: Final = 429


class BallchasingError(CoachingError):
    """The site gives no answer; the message says why and what to do."""


class Ballchasing:
    """The site.

    Args:
        key: of ballchasing.com's API; sent in a header and never shown.
        address: of the API.
        rate: calls a second.
        patience: seconds waited for one answer altogether.
        sleep, clock: how waiting is done and time told.
    """

    def __init__(
        self,
        key: str,
        *,
        address: str = ADDRESS,
        rate: float = CALLS_A_SECOND,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not key:
            raise BallchasingError("there is no key for ballchasing.com: set CS2_BALLCHASING_KEY to one")
        self._http = httpx.Client(headers={"Authorization": key}, timeout=30)
        self._address, self._gap, self._patience = address.rstrip("/"), 1 / rate, patience
        self._sleep, self._clock, self._next = sleep, clock, 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def game(self, identifier: str) -> dict[str, Any]:
        """One game.

        Raises:
            BallchasingError: there is none, or the site gives no answer.
        """
        return self._get(f"{self._address}/replays/{identifier}", {})

    def games(
        self, player: str, *, playlist: str | None = None, most: int = 1000, known: Collection[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """A player's games, the newest first; each is asked for once.

        Args:
            player: ``steam:76561…``, ``epic:…``, ``ps4:…``, ``xbox:…``.
            playlist: such as ``ranked-doubles``.
            most: games altogether.
            known: games not to ask for, by the site's or the game's own id.

        Raises:
            BallchasingError: as `game`. A player without games, or with a private profile, has none: that is no error.
        """
        query: dict[str, Any] = {"player-id": player, "count": min(PAGE, most), "sort-by": "replay-date"}
        page = self._get(f"{self._address}/replays", query | ({"playlist": playlist} if playlist else {}))
        seen: set[str] = set()
        while True:
            for listed in page.get("list", []):
                if listed["id"] in seen or listed["id"] in known or listed.get("rocket_league_id") in known:
                    continue
                seen.add(listed["id"])
                yield self.game(listed["id"])
                if len(seen) >= most:
                    return
            following = page.get("next")
            if not following:
                return
            if httpx.URL(following).host != httpx.URL(self._address).host:
                raise BallchasingError(f"the next page is on another host, {httpx.URL(following).host}: not followed")
            page = self._get(following, {})

    def _get(self, address: str, query: dict[str, Any]) -> dict[str, Any]:
        waited = 0.0
        for attempt in range(TRIES):
            self._pace()
            try:
                answered = self._http.get(address, params=query or None)
            except httpx.TransportError as error:
                reason, wait = f"{type(error).__name__}", _WAITS[min(attempt, len(_WAITS) - 1)]
            else:
                if answered.status_code < 500 and answered.status_code != _BUSY:
                    return _document(answered)
                reason, wait = f"status {answered.status_code}", _wait(answered, attempt)
            waited += wait
            if attempt == TRIES - 1 or waited > self._patience:
                break
            self._sleep(wait)
        limit = " (its limit of calls an hour: try again later, or with fewer games)" if reason.endswith("429") else ""
        raise BallchasingError(f"ballchasing.com does not answer: {reason}{limit}")

    def _pace(self) -> None:
        now = self._clock()
        if now < self._next:
            self._sleep(self._next - now)
            now = self._next
        self._next = now + self._gap


def _wait(answered: httpx.Response, attempt: int) -> float:
    try:
        return max(float(answered.headers["retry-after"]), 0.0)
    except (KeyError, ValueError):
        return _WAITS[min(attempt, len(_WAITS) - 1)]


def _document(answered: httpx.Response) -> dict[str, Any]:
    if answered.status_code == 401:
        raise BallchasingError("ballchasing.com does not accept the key: check CS2_BALLCHASING_KEY")
    if answered.status_code == 404:
        raise BallchasingError(f"ballchasing.com has nothing at {answered.url.path}: deleted, or private")
    if answered.status_code != 200:
        raise BallchasingError(f"ballchasing.com refuses {answered.url.path}: status {answered.status_code}")
    try:
        found = answered.json()
    except ValueError as error:
        raise BallchasingError(f"ballchasing.com's answer to {answered.url.path} is not JSON") from error
    if not isinstance(found, dict):
        raise BallchasingError(f"ballchasing.com's answer to {answered.url.path} is not a JSON object")
    return found
