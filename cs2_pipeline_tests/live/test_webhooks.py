"""Webhooks: signed, tried so many times, never a private address unless allowed, and nobody waits for them."""

import asyncio
import hashlib
import hmac
import json
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from prometheus_client import REGISTRY

from cs2_pipeline.live import webhooks
from cs2_pipeline.live.hub import Update
from cs2_pipeline.live.runtime import Live
from cs2_pipeline.live.webhooks import SIGNATURE, Courier, Target, WebhookError, post, public_address
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.live.made import play
from cs2_pipeline_tests.receiver import Receiver

SECRET = b"shared"
PROMISED = (webhooks.TIMEOUT, webhooks.FIRST_WAIT, webhooks.LONGEST_WAIT, webhooks.REREAD, webhooks.ATTEMPTS,
            webhooks.BATCH)  # fmt: skip


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(webhooks, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(webhooks, "REREAD", 0.01)
    monkeypatch.setattr(webhooks, "TIMEOUT", 600.0)  # no post is given up because this process had a pause


@contextmanager
def courier(*targets, **others):
    made = Courier(targets, **others)
    try:
        yield made
    finally:
        made.close()


def to(receiver, **how):
    return Target(receiver.url, SECRET, **{"private": True} | how)


def update(number: int, match: str = "m", kind: str = "score") -> Update:
    return Update(kind, match, "", {"n": number})


def told(posts) -> list[int]:
    return [one["data"]["n"] for _, body in list(posts) for one in json.loads(body)["updates"]]


def until(condition) -> None:
    ends = time.monotonic() + 600
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.01)


def test_what_is_posted_is_signed_by_time_and_body() -> None:
    with Receiver() as receiver, courier(to(receiver)) as hooks:
        began = time.time()
        hooks.offer([update(1), update(2)])
        receiver.wait_for(1)
        headers, body = receiver.posts[0]
        at, _, given = headers[SIGNATURE].removeprefix("t=").partition(",v1=")
        assert hmac.new(SECRET, at.encode() + b"." + body, hashlib.sha256).hexdigest() == given
        assert began <= int(at) + 1 and int(at) <= time.time()
        assert told(receiver.posts)[:1] == [1]


def test_a_failing_webhook_is_tried_again_and_given_up_and_then_told_what_it_missed() -> None:
    with Receiver(500, 302, *[503] * webhooks.ATTEMPTS) as receiver, courier(to(receiver)) as hooks:
        hooks.offer([update(1)])
        receiver.wait_for(webhooks.ATTEMPTS)  # a redirect is not followed: it counts as a failure
        hooks.offer([update(2)])
        receiver.wait_for(webhooks.ATTEMPTS + 3)
        assert told(receiver.posts) == [1] * webhooks.ATTEMPTS + [2] * 3
        assert [json.loads(body)["missed"] for _, body in receiver.posts[-3:]] == [1, 1, 1]
        assert all("cookie" not in one.headers for one in receiver.posts), "cookies would fill our memory"


def test_who_is_too_slow_is_not_waited_for(monkeypatch) -> None:
    monkeypatch.setattr(webhooks, "QUEUE", 10)
    with socket.create_server(("127.0.0.1", 0)) as silent, Receiver() as quick:  # takes the post and never answers
        slow = Target(f"http://127.0.0.1:{silent.getsockname()[1]}/hook", SECRET, private=True)
        with courier(slow, to(quick)) as hooks:
            hooks.offer([update(n) for n in range(1000)])
            until(lambda: hooks.webhooks and hooks.webhooks[slow].missed >= 1000 - 10 - webhooks.BATCH)
            quick.wait_for(1)


def test_an_answer_that_only_trickles_in_is_none(monkeypatch) -> None:
    monkeypatch.setattr(webhooks, "TIMEOUT", 0.3)  # the one that trickles needs hours: no pause decides this
    over = threading.Event()

    def trickle(server) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.05):
                connection.sendall(b"x: y\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=trickle, args=(server,))
        thread.start()
        target = Target(f"http://127.0.0.1:{server.getsockname()[1]}/", SECRET, private=True)

        async def sent() -> None:
            async with webhooks.client() as sender:
                await post(sender, target, b"{}")

        with pytest.raises(WebhookError, match="does not answer within"):
            asyncio.run(sent())
        over.set()
        thread.join()


def test_a_webhook_gets_its_kinds_of_its_owners_matches_only() -> None:
    owners = {"hers": "key:a", "his": "key:b"}
    updates = [update(number, match, kind) for number, (match, kind) in enumerate(
        [("hers", "score"), ("hers", "event"), ("his", "score"), ("nobodys", "score"), ("hers", "score")]
    )]  # fmt: skip
    with Receiver() as receiver, Receiver() as whole:
        target = to(receiver, kinds=frozenset({"score"}), owner="key:a")
        with courier(target, to(whole), owners=lambda asked: {m: owners[m] for m in asked if m in owners}) as hooks:
            hooks.offer(updates)
            until(lambda: told(receiver.posts) == [0, 4] and told(whole.posts) == [0, 1, 2, 3, 4])


class Registered:
    """A register that this test writes itself."""

    def __init__(self, *targets: Target) -> None:
        self.known, self.notes = list(targets), []

    def targets(self) -> list[Target]:
        if not self.notes:
            self.notes.append("unread")
            raise OSError("the records are away")
        return self.known

    def worked(self, identifier: str) -> None:
        self.notes.append((identifier, None))

    def failed(self, identifier: str, reason: str) -> None:
        self.notes.append((identifier, reason))

    def close(self) -> None:
        self.notes.append("closed")


def test_registered_webhooks_come_and_go_and_their_failures_are_noted() -> None:
    with Receiver(*[503] * webhooks.ATTEMPTS) as receiver:
        register = Registered(to(receiver, id="w"))
        with courier(register=register) as hooks:
            until(lambda: hooks.webhooks)
            hooks.offer([update(1)])
            until(lambda: ("w", "127.0.0.1 answers 503") in register.notes)
            hooks.offer([update(2)])
            until(lambda: register.notes[-1] == ("w", None))
            register.known = []
            until(lambda: not hooks.webhooks)
            posts = len(receiver.posts)
            hooks.offer([update(3)])
        assert len(receiver.posts) == posts
        assert register.notes[-1] == "closed"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "172.16.9.9", "169.254.169.254", "0.0.0.0", "::1",  # noqa: S104
     "::ffff:127.0.0.1", "fe80::1", "fd00::1", "64:ff9b::7f00:1", "2002:7f00:1::", "100.64.0.1", "224.0.0.1"],
)  # fmt: skip
def test_a_private_address_is_never_reached(host) -> None:
    with pytest.raises(WebhookError, match="no public address"):
        public_address(host, 80)


def test_a_public_address_may_be_reached() -> None:
    assert public_address("1.1.1.1", 443) == "1.1.1.1"


def test_a_name_that_is_nobodys_is_answered_as_a_private_one() -> None:
    """Else a stranger could find out the names of a private network."""
    with pytest.raises(WebhookError, match="no public address"):
        public_address("nobody.invalid", 80)


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch) -> None:
    answers = iter(["1.1.1.1", "10.0.0.1"])  # a name server that changes its mind between two looks

    def looked_up(host, port, *_, **__):
        assert host == "rebinding.example.org"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200)

    async def twice() -> None:
        target = Target("https://rebinding.example.org:8443/hook?x=1", SECRET, private=False)
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as sender:
            await post(sender, target, b"{}")
            await post(sender, target, b"{}")

    with pytest.raises(WebhookError, match="no public address"):
        asyncio.run(twice())
    (request,) = sent
    assert str(request.url) == "https://1.1.1.1:8443/hook?x=1"
    assert request.headers["host"] == "rebinding.example.org:8443"
    assert request.extensions["sni_hostname"] == "rebinding.example.org", "the certificate must be the name's"


def test_nothing_is_sent_to_a_private_address_unless_it_is_allowed() -> None:
    with Receiver() as receiver:
        shut, allowed = (to(receiver, private=private) for private in (False, True))
        with courier(shut) as hooks:
            hooks.offer([update(1)])
            until(lambda: hooks.webhooks and hooks.webhooks[shut].missed == 1)
        assert receiver.posts == []
        with courier(allowed) as hooks:
            hooks.offer([update(2)])
            receiver.wait_for(1)
        assert told(receiver.posts) == [2]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "file:///etc/passwd",
        "example.org/hook",
        "http://",
        "http://[::1",
        "http://h:99999/",
        "",
        "http://h:0/",
        "https:///hook",
        "http://h\x00/",
    ],
)
def test_only_web_addresses_are_webhooks(url) -> None:
    with pytest.raises(WebhookError, match="a webhook is an http:// or https:// address"):
        Target(url, SECRET, private=True)


def test_a_live_feed_tells_its_webhooks_of_prices(tmp_path) -> None:
    with Receiver() as receiver:
        settings = Settings(
            home=tmp_path, live_webhooks=receiver.url, event_secret=SECRET.decode(), webhooks_to_private=True
        )
        live = Live(settings)
        live.start()
        events = play(3, rounds=1)
        live.intake.take([json.dumps(event).encode() for event in events])
        wanted = {event["event_id"] for event in events}
        until(lambda: wanted <= _priced(receiver.posts))
        live.close()
    with pytest.raises(ValueError, match="CS2_EVENT_SECRET"):
        Live(Settings(home=tmp_path, live_webhooks="http://example.org"))


def _priced(posts) -> set[str]:
    updates = [one for _, body in list(posts) for one in json.loads(body)["updates"]]
    return {one["data"]["event_id"] for one in updates if one["kind"] == "prediction"}


def test_a_signature_is_the_hmac_of_time_and_body() -> None:
    expected = hmac.new(b"s", b'1700000000.{"a":1}', hashlib.sha256).hexdigest()
    assert webhooks.signature(b"s", b'{"a":1}', 1_700_000_000) == f"t=1700000000,v1={expected}"
    assert SIGNATURE == "X-CS2-Signature"


def test_a_body_holds_each_update_and_how_many_were_missed() -> None:
    told_ = [("score", "m", {"n": 1}), ("event", "o", {"n": 2})]
    assert json.loads(webhooks.written(told_, 7)) == {
        "missed": 7,
        "updates": [
            {"kind": "score", "match_id": "m", "data": {"n": 1}}, {"kind": "event", "match_id": "o", "data": {"n": 2}}
        ],
    }  # fmt: skip
    assert json.loads(webhooks.written([]))["missed"] == 0


class Scripted:
    """A webhook whose posts end as the script says, and how long it waited in between."""

    def __init__(self, monkeypatch, *, kinds=None, owner=None) -> None:
        self.bodies, self.waits, self.settled, self.script = [], [], [], []
        self.target = Target("http://example.org/hook", SECRET, private=True, kinds=kinds, owner=owner, id="w")
        monkeypatch.setattr(webhooks, "FIRST_WAIT", 0.5)
        monkeypatch.setattr(webhooks, "post", self._post)
        self._sleep = asyncio.sleep
        monkeypatch.setattr(webhooks.asyncio, "sleep", self._slept)

    async def _post(self, _, target, body) -> None:
        assert target is self.target
        self.bodies.append(json.loads(body))
        if not self.script.pop(0):
            raise WebhookError("example.org answers 503")

    async def _slept(self, seconds) -> None:
        self.waits.append(seconds)
        await self._sleep(0)

    async def _settle(self, target, reason) -> None:
        self.settled.append(reason)

    def tell(self, *attempts, updates=1) -> webhooks._Webhook:
        """Post batches until the script is at its end."""

        async def scene() -> webhooks._Webhook:
            made = webhooks._Webhook(self.target, None, self._settle)
            self.script = list(attempts)
            number = 0
            while self.script:
                number += 1
                await made._tell([update(number)] * updates)
            made.task.cancel()
            return made

        return asyncio.run(scene())


def test_each_wait_is_twice_the_one_before_up_to_a_minute_until_an_attempt_succeeds(monkeypatch) -> None:
    hook = Scripted(monkeypatch)
    made = hook.tell(*[False] * 10, True, False, True)
    assert hook.waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 0.5]
    assert webhooks.ATTEMPTS == 5 and made.missed == 2
    assert [body["missed"] for body in hook.bodies] == [0] * 5 + [1] * 5 + [2] * 3
    assert hook.settled == ["example.org answers 503"] * 2 + [None]


def test_the_last_attempt_may_succeed_and_what_works_is_noted_once(monkeypatch) -> None:
    hook = Scripted(monkeypatch)
    made = hook.tell(False, False, False, False, True, True, updates=3)
    assert made.missed == 0 and hook.settled == [None]
    assert [len(body["updates"]) for body in hook.bodies] == [3] * 6
    again = Scripted(monkeypatch)
    again.tell(True, *[False] * 5, True)
    assert again.settled == [None, "example.org answers 503", None]


@pytest.mark.parametrize(
    ("how", "offered", "taken"),
    [({}, ("score", "x"), True), ({"kinds": frozenset({"score"})}, ("score", None), True),
     ({"kinds": frozenset({"score"})}, ("event", None), False), ({"owner": "a"}, ("score", "a"), True),
     ({"owner": "a"}, ("score", "b"), False), ({"owner": "a"}, ("score", None), False)],
)  # fmt: skip
def test_a_webhook_is_offered_what_is_for_it(monkeypatch, how, offered, taken) -> None:
    hook = Scripted(monkeypatch, **how)

    async def scene() -> int:
        made = webhooks._Webhook(hook.target, None, hook._settle)
        made.task.cancel()
        made.offer(update(1, kind=offered[0]), offered[1])
        return made._queue.qsize()

    assert asyncio.run(scene()) == taken


def test_two_hundred_updates_go_in_one_post_and_five_thousand_wait(monkeypatch) -> None:
    hook = Scripted(monkeypatch)
    hook.script = [True] * 26

    async def scene() -> int:
        made = webhooks._Webhook(hook.target, None, hook._settle)
        for number in range(5_001):
            made.offer(update(number), None)
        while len(hook.bodies) < 25:
            await hook._sleep(0)
        made.task.cancel()
        return made.missed

    assert asyncio.run(scene()) == 1
    assert [len(body["updates"]) for body in hook.bodies] == [200] * 25


@pytest.mark.parametrize("host", ["64:ff9b:1::1", "2001::1", "::ffff:10.0.0.1", "fe80::1%eth0"])
def test_addresses_that_stand_for_others_are_private(host, monkeypatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (host, 80))])
    with pytest.raises(WebhookError):
        public_address("example.org", 80)


def test_one_private_address_of_several_is_enough_to_refuse_and_of_public_ones_the_first_is_taken(monkeypatch) -> None:
    found = ["8.8.8.8", "1.1.1.1"]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (one, 80)) for one in found])
    assert public_address("example.org", 80) == "1.1.1.1"
    found.append("10.0.0.1")
    with pytest.raises(WebhookError, match="no public address"):
        public_address("example.org", 80)


HERS = Target("http://example.org", SECRET, private=True, owner="a")


def whose(*asked, owners, targets=(HERS,)):
    """The owners that a courier finds for sets of matches, one look after the other."""
    made = Courier([], owners=owners)
    made.close()
    made.webhooks = dict.fromkeys(targets)
    return [asyncio.run(made._whose(set(matches))) for matches in asked], made


def test_whose_a_match_is_is_asked_once_and_a_match_of_nobody_again_later(monkeypatch) -> None:
    clock = type("Clock", (), {"now": 100.0, "monotonic": lambda self: self.now})()
    monkeypatch.setattr(webhooks, "time", clock)
    asked = []

    def owners(matches):
        asked.append(sorted(matches))
        clock.now += 20.0
        return {"hers": "a"} if "hers" in matches else {}

    found, _ = whose(["hers", "no"], ["hers", "no"], ["hers", "no"], owners=owners)
    assert found == [{"hers": "a", "no": None}] * 3
    assert asked == [["hers", "no"]]
    clock.now = 100.0
    asked.clear()
    made = Courier([], owners=owners)
    made.close()
    made.webhooks = {HERS: None}
    for at in (100.0, 129.9, 130.0, 130.1):
        clock.now = at
        asyncio.run(made._whose({"no"}))
    assert asked == [["no"], ["no"]], "after half a minute somebody may have begun it"


def test_where_owners_cannot_be_asked_those_who_are_known_still_get_theirs() -> None:
    def owners(matches):
        if "new" in matches:
            raise OSError("the log is away")
        return {"hers": "a"}

    found, _ = whose(["hers"], ["hers", "new"], owners=owners)
    assert found == [{"hers": "a"}, {"hers": "a"}]


def test_owners_are_asked_for_only_where_it_matters_and_not_all_are_kept(monkeypatch) -> None:
    everybodys = (Target("http://example.org", SECRET, private=True),)
    asked = []
    assert whose(["m"], owners=asked.append, targets=everybodys)[0] == [{}] and asked == []
    assert whose(["m"], owners=None)[0] == [{}]
    monkeypatch.setattr(webhooks, "OWNERS_KEPT", 2)
    found, made = whose(["a"], ["b"], ["c"], owners=lambda asked: dict.fromkeys(asked, "x"))
    assert found == [{"a": "x"}, {"b": "x"}, {"c": "x"}] and set(made._known) == {"b", "c"}


def test_what_comes_while_too_much_waits_is_counted_as_missed(monkeypatch) -> None:
    monkeypatch.setattr(webhooks, "WAITING", 1)
    with Receiver() as receiver:
        target = to(receiver, owner="a")
        go_on = threading.Event()

        def owners(matches):
            go_on.wait()
            return dict.fromkeys(matches, "a")

        with courier(target, owners=owners) as hooks:
            hooks.offer([update(1)])
            until(lambda: not hooks._inbox)
            hooks.offer([update(2)])
            hooks.offer([update(3), update(4)])
            assert hooks._dropped == 2
            go_on.set()
            until(lambda: told(receiver.posts) == [1, 2])
            assert hooks.webhooks[target].missed == 2
            hooks.offer([])
            assert not hooks._inbox
            hooks.offer([update(5)])
            until(lambda: told(receiver.posts) == [1, 2, 5])
            assert hooks.webhooks[target].missed == 2, "each is counted once"


@pytest.mark.parametrize("url", ["http://example.org", "https://example.org:1/", "http://127.0.0.1:65535/hook?x=1"])
def test_a_web_address_is_taken_as_it_is_and_never_shown(url) -> None:
    target = Target(url, SECRET, private=True)
    assert target.url == url and "example" not in repr(target) and "shared" not in repr(target)
    assert (target.kinds, target.owner, target.id) == (None, None, "")


@pytest.mark.parametrize(
    ("url", "port"), [("http://example.org/", 80), ("https://example.org/", 443), ("https://example.org:80/", 80)]
)
def test_an_address_is_looked_up_for_its_own_port(monkeypatch, url, port) -> None:
    asked = []

    def looked_up(host, port, **how):
        asked.append((host, port, how))
        return [(0, 0, 0, "", ("1.1.1.1", port))]

    async def sent() -> None:
        transport = httpx.MockTransport(lambda request: httpx.Response(204))
        async with httpx.AsyncClient(transport=transport) as sender:
            await post(sender, Target(url, SECRET, private=False), b"{}")

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    asyncio.run(sent())
    assert asked == [("example.org", port, {"type": socket.SOCK_STREAM})]


def test_a_post_is_json_and_says_who_is_meant(monkeypatch) -> None:
    """Also where the address may be private: there nothing is looked up."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: 1 / 0)
    sent = []

    async def told_() -> None:
        transport = httpx.MockTransport(lambda request: (sent.append(request), httpx.Response(200))[1])
        async with httpx.AsyncClient(transport=transport) as sender:
            await post(sender, Target("http://example.org:8080/hook", SECRET, private=True), b'{"a":1}')

    asyncio.run(told_())
    (request,) = sent
    assert (request.method, str(request.url), request.content) == ("POST", "http://example.org:8080/hook", b'{"a":1}')
    assert (request.headers["content-type"], request.headers["host"]) == ("application/json", "example.org:8080")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(httpx.ConnectError("no route to 10.0.0.1"), r"^example\.org cannot be reached \(ConnectError\)$"),
     (ValueError("?"), r"^example\.org cannot be reached \(ValueError\)$"),
     (httpx.Response(404), r"^example\.org answers 404$"), (httpx.Response(199), r"^example\.org answers 199$"),
     (httpx.Response(300), r"^example\.org answers 300$")],
)  # fmt: skip
def test_why_a_post_was_not_taken_is_said_without_what_is_secret(answer, said) -> None:
    def answered(request):
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def sent() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answered)) as sender:
            await post(sender, Target("https://example.org/hook?token=secret", SECRET, private=True), b"{}")

    with pytest.raises(WebhookError, match=said):
        asyncio.run(sent())


def test_posts_are_sent_straight_without_proxies_redirects_and_cookies(monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    async def scene() -> None:
        async with webhooks.client() as sender:
            assert (sender.follow_redirects, sender.trust_env) == (False, False)
            assert sender.timeout == httpx.Timeout(None)
            request = httpx.Request("GET", "http://example.org/")
            sender.cookies.extract_cookies(httpx.Response(200, headers={"set-cookie": "a=b"}, request=request))
            assert not sender.cookies

    asyncio.run(scene())


def told_by_metric() -> dict[str, float]:
    return {name: REGISTRY.get_sample_value("live_webhook_updates_total", {"result": name}) or 0.0
            for name in ("told", "failed", "missed")}  # fmt: skip


def test_updates_told_and_missed_and_attempts_that_failed_are_counted(monkeypatch) -> None:
    before = told_by_metric()
    hook = Scripted(monkeypatch)
    hook.tell(True, False, True, *[False] * 5, updates=3)
    assert {name: value - before[name] for name, value in told_by_metric().items()} == {
        "told": 6, "failed": 6, "missed": 3,
    }  # fmt: skip


def test_with_no_webhook_nothing_waits() -> None:
    register = Registered()
    with courier(register=register) as hooks:
        hooks.offer([update(1)])
        assert not hooks._inbox
    hooks.close()
    assert register.notes[-1] == "closed"


def test_what_is_offered_to_a_closed_courier_disturbs_nobody() -> None:
    with courier(Target("http://127.0.0.1:1/", SECRET, private=True)) as hooks:
        pass
    hooks._thread.join()
    hooks.offer([update(1)])
    assert not hooks._thread.is_alive()


def test_a_register_that_fails_leaves_the_webhooks_as_they_are(monkeypatch) -> None:
    monkeypatch.setattr(webhooks, "REREAD", 0.0)
    kept = Target("http://127.0.0.1:1/", SECRET, private=True)

    class Away(Registered):
        reads = 0

        def targets(self):
            self.reads += 1
            if self.reads % 2:
                raise OSError("the records are away")
            return self.known

    register = Away(Target("http://127.0.0.1:2/", SECRET, private=True, id="w"))
    with courier(kept, register=register) as hooks:
        until(lambda: len(hooks.webhooks) == 2)
        first = dict(hooks.webhooks)
        reads = register.reads
        until(lambda: register.reads > reads + 4)
        assert hooks.webhooks == first, "each goes on as it was: none is begun anew"
    hooks._thread.join()
    assert all(one.task.cancelled() for one in first.values())


@pytest.mark.parametrize(("identifier", "noted"), [("w", [("w", None), ("w", "why")]), ("", [])])
def test_only_of_a_registered_webhook_it_is_noted_whether_it_works(identifier, noted) -> None:
    register = Registered()
    made = Courier([], register)
    made.close()
    register.notes.clear()
    target = Target("http://example.org", SECRET, private=True, id=identifier)
    asyncio.run(made._settle(target, None))
    asyncio.run(made._settle(target, "why"))
    assert register.notes == noted
    register.failed = register.worked = lambda *_: 1 / 0
    asyncio.run(made._settle(target, None))  # what cannot be noted ends nothing
    alone = Courier([])
    alone.close()
    asyncio.run(alone._settle(target, "why"))


def test_what_is_promised_to_receivers_in_numbers() -> None:
    """docs/live.md names them."""
    assert PROMISED == (10.0, 0.5, 60.0, 5.0, 5, 200)
    assert (webhooks.QUEUE, webhooks.WAITING, webhooks.OWNERS_KEPT) == (5_000, 1_000, 50_000)


def test_of_the_owners_that_are_kept_those_asked_for_last_stay(monkeypatch) -> None:
    clock = type("Clock", (), {"now": 100.0, "monotonic": lambda self: self.now})()
    monkeypatch.setattr(webhooks, "time", clock)
    monkeypatch.setattr(webhooks, "OWNERS_KEPT", 2)
    made = Courier([], owners=lambda asked: {})
    made.close()
    made.webhooks = {HERS: None}
    for match in ("a", "b", "a", "c"):
        asyncio.run(made._whose({match}))
        clock.now += 31.0  # nobody's any more: it is asked for again
    assert set(made._known) == {"a", "c"}


def test_records_that_cannot_be_read_are_told_of_once_until_they_can(monkeypatch, caplog) -> None:
    monkeypatch.setattr(webhooks, "REREAD", 0.0)

    class Register(Registered):
        reads = 0

        def targets(self):
            self.reads += 1
            if self.reads <= 3 or self.reads == 5:
                raise OSError("the records are away")
            return []

    register = Register()
    with courier(register=register):
        until(lambda: register.reads > 8)
    assert caplog.text.count("the records are away") == 2
