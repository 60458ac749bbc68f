"""The records while the gateway is open: opened first, closed last; keys and quotas read anew every few seconds.

It has no routes of its own. Other rooms find the records at `app.state.records`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from fastapi import APIRouter, FastAPI

from cs2_pipeline.records.database import open_records
from cs2_pipeline.records.keys import REFRESH_SECONDS, KeyRing

logger = logging.getLogger("bentoml.gateway")

router: Final = APIRouter()


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Open the records.

    Raises:
        RecordsError: they cannot be used; the gateway does not start without them.
    """
    records = await asyncio.to_thread(open_records, app.state.settings)
    app.state.records = records
    ring = await asyncio.to_thread(app.state.access.use, records)
    # Which database and why is for the log alone.
    app.state.complaints["records"] = lambda: ring.complaint and "keys and quotas could not be read; the log says why"
    following = asyncio.create_task(_follow(ring))
    try:
        yield
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await asyncio.to_thread(ring.refresh)  # the last counts
        records.close()


async def _follow(ring: KeyRing) -> None:
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        try:
            await asyncio.to_thread(ring.refresh)
        except Exception:
            # Whatever is wrong, keys must not stay as they are for good: one may have been revoked.
            logger.exception("reading keys and quotas failed")
