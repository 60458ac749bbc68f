"""A server that answers as it is told, and keeps what it was asked: for answers that a real one seldom gives."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit


class Asked(NamedTuple):
    """A request."""

    what: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


class Desk(ThreadingHTTPServer):
    """Answers each kind of request (``GET /path``) with what was put there: in turn, the last one again and again."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        self.asked: list[Asked] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, what: str, *answers: tuple[int, Any]) -> None:
        self.answers[what] = list(answers)

    def of(self, what: str) -> list[Asked]:
        return [one for one in self.asked if one.what == what]


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        desk = self.server
        assert isinstance(desk, Desk)
        address = urlsplit(self.path)
        what = f"{self.command} {address.path}"
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        desk.asked.append(Asked(what, dict(parse_qsl(address.query)), self.headers, body))
        answers = desk.answers[what] or [(404, {"title": "Not found", "detail": what})]
        status, document = answers.pop(0) if len(answers) > 1 else answers[0]
        content = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815  the names that the server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def open_desk() -> Iterator[Desk]:
    """Take requests until the end of the block."""
    with Desk() as desk:
        threading.Thread(target=desk.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield desk
        desk.shutdown()
