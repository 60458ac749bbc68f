"""Many forecasts in one transaction: whoever asks while one is being written waits for the next, together.

A forecast is answered when its entry is durable, never before. Entries keep the order in which they were asked.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

from bento.http.problems import overloaded
from cs2_pipeline.records import ledger
from cs2_pipeline.records.database import Records, RecordsError
from cs2_pipeline.records.ledger import Draft, Entry

logger = logging.getLogger("bentoml.gateway")

LARGEST_GROUP: Final = 256
MOST_WAITING: Final = 4096


class GroupCommit:
    """Appends drafts to the ledger, as many at once as have come."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._waiting: list[tuple[Draft, asyncio.Future[Entry]]] = []
        self._come = asyncio.Event()

    async def append(self, draft: Draft) -> Entry:
        """Append a draft; returns once it is durable.

        Raises:
            RecordsError: it could not be written, and is not there.
            Problem: 429 when too many wait already.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise overloaded()
        future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        self._waiting.append((draft, future))
        self._come.set()
        return await asyncio.shield(future)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write what comes until the block ends, and what has come by then."""
        with ThreadPoolExecutor(1, "ledger") as thread:
            writing = asyncio.create_task(self._write_on(thread))
            try:
                yield
            finally:
                while self._waiting:
                    await asyncio.sleep(0.01)
                writing.cancel()

    async def _write_on(self, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._come.wait()
            group = self._waiting[:LARGEST_GROUP]
            try:
                entries = await loop.run_in_executor(thread, self._write, [draft for draft, _ in group])
            except Exception as error:
                for _, future in group:
                    future.set_exception(error)
                    future.exception()  # whoever asked may be gone
            else:
                for (_, future), entry in zip(group, entries, strict=True):
                    future.set_result(entry)
            del self._waiting[: len(group)]
            if not self._waiting:
                self._come.clear()

    def _write(self, drafts: Sequence[Draft]) -> list[Entry]:
        try:
            return self._append(drafts, new=True)
        except RecordsError as error:
            # A connection that broke during the commit does not tell whether it was done: drafts that are there already
            # are not written again.
            logger.warning("writing the ledger again: %s", error)
            return self._append(drafts, new=False)

    def _append(self, drafts: Sequence[Draft], *, new: bool) -> list[Entry]:
        with self._records.writing() as connection:
            return ledger.append(connection, drafts, new=new)
