"""Server-sent events: what the hub publishes, as a browser's EventSource reads it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import msgspec

from cs2_pipeline.live.hub import Hub, Kind

HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
KINDS: Final[tuple[Kind, ...]] = ("prediction", "score", "event", "lifecycle", "correction")
BEAT: Final = 15.0
"""Seconds of silence after which a comment shows that the connection lives."""


async def events(
    hub: Hub, caller: str, match_id: str, last: Callable[[], Awaitable[dict[str, Any] | None]]
) -> AsyncIterator[bytes]:
    """The stream of a match. It ends when the reader was too slow: `cut-off` is the last event then.

    Args:
        hub: where updates are published.
        caller: who reads.
        match_id: the match.
        last: gives its last price. It is asked once the subscription stands, so that no price falls in between;
            `subscribed` tells the reader the same.
    """
    async with aclosing(hub.subscribe(KINDS, match_id, beat=BEAT, caller=caller)) as batches:  # type: ignore[type-var]  # a generator
        await anext(batches)  # it stands
        yield b"retry: 2000\n\n"
        yield framed("subscribed", msgspec.json.encode({"match_id": match_id}))
        if (price := await last()) is not None:
            yield framed("prediction", msgspec.json.encode(price))
        async for updates in batches:
            yield b"".join(framed(update.kind, update.json) for update in updates) or b": still here\n\n"
        yield framed("cut-off", b'{"reason":"too slow; connect again, and read what was missed from the history"}')


def framed(kind: str, data: bytes) -> bytes:
    """One event of a stream."""
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), data)
