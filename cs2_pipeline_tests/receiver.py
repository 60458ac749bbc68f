"""The other end of webhooks: a real HTTP server that keeps what is posted to it."""

import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Post(NamedTuple):
    """What came in."""

    headers: Mapping[str, str]
    body: bytes


class Receiver(ThreadingHTTPServer):
    """Takes posts while it is entered.

    Attributes:
        posts: those that came, however they were answered.
        status: how posts are answered; the first ones are answered with `refusals` instead.
    """

    daemon_threads = True

    def __init__(self, *refusals: int, status: int = 200) -> None:
        self.posts: list[Post] = []
        self.refusals, self.status = list(refusals), status
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/services/secret-token"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        super().__exit__(*error)

    def wait_for(self, count: int) -> None:
        """Return when so many posts have come."""
        until = time.monotonic() + 600
        while len(self.posts) < count:
            assert time.monotonic() < until, f"{len(self.posts)} posts came"
            time.sleep(0.02)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        receiver = self.server
        assert isinstance(receiver, Receiver)
        body = self.rfile.read(int(self.headers["content-length"]))
        status = receiver.refusals.pop(0) if receiver.refusals else receiver.status
        receiver.posts.append(Post(self.headers, body))
        self.send_response(status)
        self.send_header("location", "/elsewhere")
        self.send_header("set-cookie", "tracked=yes")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
