"""Connections that ask nothing: closed after the keep-alive time, before the first request as between two.

uvicorn's protocol waits for ever for the first request of a connection and for the rest of a request's head. A client
that opens connections and says nothing would hold the worker's file handles.
"""

import asyncio
from typing import Any

import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class ImpatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a time limit on the head of every request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request; keep waiting while its head is not complete."""
        super().data_received(data)
        cycle: Any = self.cycle
        if self.timeout_keep_alive_task is None and (cycle is None or cycle.response_complete):
            self._wait_for_head()

    def _wait_for_head(self) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)


def install() -> None:
    """Make it the protocol that uvicorn chooses when it is told nothing, as BentoML's workers do."""
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{ImpatientProtocol.__name__}"
