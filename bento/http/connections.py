"""Connections that cost without asking anything, and what ends them.

uvicorn's protocol waits for ever for the first request of a connection, for the rest of a request's head, whatever its
size, and for a client that does not read its answer. Such clients would hold the worker's file handles and memory.
"""

import asyncio
from typing import Any, Final

import uvicorn.config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD: Final = 64 * 1024
"""Bytes of a request's first line and headers that are waited for; more may come only if it comes at once."""
TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class ImpatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol with limits on the head of every request and on the sending of every answer."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_due: float | None = None
        self._head_size = 0
        self._sending: asyncio.TimerHandle | None = None
        self._unsent: int | None = None
        self._handed_over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request; while its head is not complete, it must be within the limits."""
        super().data_received(data)
        if self._handed_over:
            return
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._head_due, self._head_size = None, 0
        elif not self.transport.is_closing():
            # What is left of a body whose request is answered already is no head, but has no more time either.
            self._head_size += len(data) if cycle is None or not cycle.more_body else 0
            if self._head_size > LARGEST_HEAD:
                self.transport.write(TOO_LARGE)
                self.transport.close()
            elif self.timeout_keep_alive_task is None:
                self._wait_for_head()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the protocol of sockets, which is idle for as long as it likes."""
        super().handle_websocket_upgrade()
        self._handed_over = True

    def _wait_for_head(self) -> None:
        if self._head_due is None:
            self._head_due = self.loop.time() + self.timeout_keep_alive
        self.timeout_keep_alive_task = self.loop.call_at(self._head_due, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, whether or not the client has read everything."""
        super().timeout_keep_alive_handler()
        self._watch_sending()

    def pause_writing(self) -> None:
        """Watch whether the client reads what is waiting for it."""
        super().pause_writing()
        self._watch_sending()

    def resume_writing(self) -> None:
        """Note that it does."""
        super().resume_writing()
        self._unsent = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch no more."""
        super().connection_lost(exc)
        if self._sending is not None:
            self._sending.cancel()

    def _watch_sending(self) -> None:
        if self._sending is None and (waiting := self.transport.get_write_buffer_size()):
            self._unsent = waiting
            self._sending = self.loop.call_later(self.timeout_keep_alive, self._require_progress)

    def _require_progress(self) -> None:
        self._sending = None
        if self._unsent is not None and self.transport.get_write_buffer_size() >= self._unsent:
            self.transport.abort()
        else:
            self._watch_sending()


def install() -> None:
    """Make it the protocol that uvicorn chooses when it is told nothing, as BentoML's workers do."""
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{ImpatientProtocol.__name__}"
