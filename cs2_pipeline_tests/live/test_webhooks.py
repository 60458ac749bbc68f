"""Webhooks: signed, tried so many times, never a private address unless allowed, and nobody waits for them."""

import hashlib
import hmac
import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cs2_pipeline.live import webhooks
from cs2_pipeline.live.hub import Update
from cs2_pipeline.live.runtime import Live
from cs2_pipeline.live.webhooks import SIGNATURE, Webhook, WebhookError, public_address
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.live.made import play

SECRET = b"shared"


class Receiver(ThreadingHTTPServer):
    """Takes posts; the first ones are answered with `refusals`."""

    def __init__(self, *refusals: int) -> None:
        self.posts, self.refusals = [], list(refusals)
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/hook"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait_for(self, count: int) -> None:
        until = time.monotonic() + 600
        while len(self.posts) < count:
            assert time.monotonic() < until, f"{len(self.posts)} posts came"
            time.sleep(0.02)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posts.append((self.headers[SIGNATURE], body))
        self.send_response(self.server.refusals.pop(0) if self.server.refusals else 200)
        self.send_header("location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(webhooks, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(webhooks, "TIMEOUT", 600.0)  # no post is given up because this process had a pause


def update(number: int) -> Update:
    return Update("score", "m", "", {"n": number})


def told(posts) -> list[int]:
    return [one["data"]["n"] for _, body in posts for one in json.loads(body)["updates"]]


def test_what_is_posted_is_signed_by_time_and_body() -> None:
    with Receiver() as receiver:
        hook, began = Webhook(receiver.url, SECRET, private=True), time.time()
        hook.offer([update(1), update(2)])
        receiver.wait_for(1)
        hook.close()
        signed, body = receiver.posts[0]
        at, _, given = signed.removeprefix("t=").partition(",v1=")
        assert hmac.new(SECRET, at.encode() + b"." + body, hashlib.sha256).hexdigest() == given
        assert began <= int(at) + 1 and int(at) <= time.time()
        assert told(receiver.posts)[:1] == [1]
        receiver.shutdown()


def test_a_failing_webhook_is_tried_again_and_given_up_and_then_told_what_it_missed() -> None:
    with Receiver(500, 302, *[503] * webhooks.ATTEMPTS) as receiver:
        hook = Webhook(receiver.url, SECRET, private=True)
        hook.offer([update(1)])
        receiver.wait_for(webhooks.ATTEMPTS)  # a redirect is not followed: it counts as a failure
        hook.offer([update(2)])
        receiver.wait_for(webhooks.ATTEMPTS + 3)
        hook.close()
        assert told(receiver.posts) == [1] * webhooks.ATTEMPTS + [2] * 3
        assert [json.loads(body)["missed"] for _, body in receiver.posts[-3:]] == [1, 1, 1]
        receiver.shutdown()


def test_who_is_too_slow_is_not_waited_for(monkeypatch) -> None:
    monkeypatch.setattr(webhooks, "QUEUE", 10)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the post and never answers
        hook = Webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/hook", SECRET, private=True)
        hook.offer([update(n) for n in range(1000)])
        assert hook._missed >= 1000 - 10 - webhooks.BATCH
    hook.close()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "172.16.9.9", "169.254.169.254", "0.0.0.0", "::1",  # noqa: S104
     "::ffff:127.0.0.1", "fe80::1", "fd00::1", "64:ff9b::7f00:1", "2002:7f00:1::", "100.64.0.1", "224.0.0.1"],
)  # fmt: skip
def test_a_private_address_is_never_reached(host) -> None:
    with pytest.raises(WebhookError, match="private"):
        public_address(host, 80)


def test_a_public_address_may_be_reached() -> None:
    assert public_address("1.1.1.1", 443) == "1.1.1.1"


def test_nothing_is_sent_to_a_private_address_unless_it_is_allowed() -> None:
    with Receiver() as receiver:
        shut, allowed = (Webhook(receiver.url, SECRET, private=private) for private in (False, True))
        shut.offer([update(1)])
        until = time.monotonic() + 600
        while not shut._missed and time.monotonic() < until:
            time.sleep(0.02)
        assert shut._missed == 1 and receiver.posts == []
        allowed.offer([update(2)])
        receiver.wait_for(1)
        assert told(receiver.posts) == [2]
        for hook in (shut, allowed):
            hook.close()
        receiver.shutdown()


@pytest.mark.parametrize("url", ["ftp://example.org/", "file:///etc/passwd", "example.org/hook", "http://"])
def test_only_web_addresses_are_webhooks(url) -> None:
    with pytest.raises(WebhookError):
        Webhook(url, SECRET, private=True)


def test_a_live_feed_tells_its_webhooks_of_prices(tmp_path) -> None:
    with Receiver() as receiver:
        settings = Settings(
            home=tmp_path, live_webhooks=receiver.url, event_secret=SECRET.decode(), webhooks_to_private=True
        )
        live = Live(settings)
        live.start()
        events = play(3, rounds=1)
        live.intake.take([json.dumps(event).encode() for event in events])
        until = time.monotonic() + 600
        wanted = {event["event_id"] for event in events}
        while wanted - (seen := _priced(receiver.posts)):
            assert time.monotonic() < until, f"{len(seen)} of {len(wanted)}"
            time.sleep(0.05)
        live.close()
        receiver.shutdown()
    with pytest.raises(ValueError, match="CS2_EVENT_SECRET"):
        Live(Settings(home=tmp_path, live_webhooks="http://example.org"))


def _priced(posts) -> set[str]:
    updates = [one for _, body in list(posts) for one in json.loads(body)["updates"]]
    return {one["data"]["event_id"] for one in updates if one["kind"] == "prediction"}
