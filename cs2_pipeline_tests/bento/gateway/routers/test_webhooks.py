"""Webhooks over HTTP: a key registers, tests and deletes its own; its matches are posted to them and no others."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from cs2_pipeline.live import webhooks as posting
from cs2_pipeline.records import buckets, keys, webhooks
from cs2_pipeline.records.webhooks import MOST_OF_KEY
from cs2_pipeline_tests.bento.gateway import documented
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, HERE, open_gateway
from cs2_pipeline_tests.bento.gateway.live.conftest import await_that
from cs2_pipeline_tests.live.made import play
from cs2_pipeline_tests.receiver import Receiver

AT = "/api/v1/webhooks"
PUBLIC = "https://hooks.example.org/services/a?b=c"


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(posting, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(posting, "REREAD", 0.01)
    monkeypatch.setattr(posting, "TIMEOUT", 600.0)


@pytest.fixture
def gateway(tmp_path):
    with open_gateway(tmp_path, client=ELSEWHERE, webhooks_to_private=True) as client:
        yield client


def key(gateway, name="feed", scopes=("live:write",)):
    return {"X-API-Key": keys.create(gateway.app.state.records, name, scopes)[0]}


def register(gateway, who, url=PUBLIC, **more):
    return gateway.post(AT, json={"url": url, **more}, headers=who)


def test_a_webhook_is_registered_and_its_secret_shown_once(gateway):
    mine, other = key(gateway), key(gateway, "other")
    made = register(gateway, mine, kinds=["score", "prediction", "score"])
    assert made.status_code == 201, made.text
    item = made.json()
    assert item.pop("secret").startswith("whsec_")
    assert (item["url"], item["kinds"], item["state"]) == (PUBLIC, ["prediction", "score"], "working")
    assert gateway.get(AT, headers=mine).json() == {"items": [item], "next": None}
    assert gateway.get(f"{AT}/{item['id']}", headers=mine).json() == item
    assert gateway.get(AT, headers=other).json()["items"] == []
    for method, at in (("GET", ""), ("DELETE", ""), ("POST", "/test")):
        for who, identifier in ((other, item["id"]), (mine, "nobody"), (mine, "a-b")):
            assert gateway.request(method, f"{AT}/{identifier}{at}", headers=who).status_code == 404
    assert gateway.delete(f"{AT}/{item['id']}", headers=mine).status_code == 204
    assert gateway.get(AT, headers=mine).json()["items"] == []
    assert register(gateway, mine).json()["kinds"] == ["prediction", "score", "event", "lifecycle", "correction"]


def test_what_is_no_webhook_is_refused_by_its_field(gateway):
    who = key(gateway)
    for body, field in (
        ({"url": "ftp://example.org"}, "url"), ({"url": "x" * 501}, "url"), ({"url": "https://u:p@example.org"}, "url"),
        ({"url": "https://example.org/\n"}, "url"), ({"url": "http://["}, "url"), ({}, "url"),
        ({"url": "https://example.org/\u202egpj"}, "url"),
        ({"url": PUBLIC, "kinds": []}, "kinds"), ({"url": PUBLIC, "kinds": ["everything"]}, "kinds[0]"),
        ({"url": PUBLIC, "secret": "mine"}, "secret"),
    ):  # fmt: skip
        answered = gateway.post(AT, json=body, headers=who)
        assert answered.status_code == 422
        assert [one["field"] for one in answered.json()["errors"]] == [field]


def test_a_key_has_so_many_webhooks(gateway):
    who, other = key(gateway), key(gateway, "other")
    assert [register(gateway, who).status_code for _ in range(MOST_OF_KEY + 1)] == [201] * MOST_OF_KEY + [409]
    assert register(gateway, other).status_code == 201


def test_a_webhook_needs_a_key_that_sends_events(gateway, tmp_path):
    assert gateway.get(AT).status_code == 401
    assert register(gateway, key(gateway, "reader", ("live:read",))).status_code == 403
    with open_gateway(tmp_path / "other", client=HERE) as here:
        answered = register(here, {})
        assert answered.status_code == 403 and "cs2 keys create" in answered.json()["detail"]


def test_a_test_is_posted_signed_and_says_what_came_of_it(gateway):
    with Receiver(503) as receiver:
        who = key(gateway)
        made = register(gateway, who, receiver.url).json()
        records, at = gateway.app.state.records, f"{AT}/{made['id']}"
        for days in (0, 1):
            webhooks.failed(records, made["id"], "was away", at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days))
        assert gateway.get(at, headers=who).json()["state"] == "disabled"
        tested = gateway.post(f"{at}/test", headers=who).json()
        assert tested == {"delivered": False, "detail": "127.0.0.1 answers 503"}
        seen = gateway.get(at, headers=who).json()
        assert (seen["state"], seen["reason"]) == ("disabled", "was away")
        assert gateway.post(f"{at}/test", headers=who).json() == {"delivered": True, "detail": ""}
        assert gateway.get(at, headers=who).json()["state"] == "working"
        headers, body = receiver.posts[-1]
        when, _, given = headers["X-CS2-Signature"].removeprefix("t=").partition(",v1=")
        expected = hmac.new(made["secret"].encode(), f"{when}.".encode() + body, hashlib.sha256).hexdigest()
        assert given == expected
        assert json.loads(body)["updates"][0]["kind"] == "test"


def test_a_key_tests_five_times_at_once_and_then_once_in_ten_seconds(gateway, monkeypatch):
    who, other = key(gateway), key(gateway, "other")
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(buckets, "time", clock)
    with Receiver() as receiver:
        at, theirs = (f"{AT}/{register(gateway, one, receiver.url).json()['id']}/test" for one in (who, other))
        assert [gateway.post(at, headers=who).status_code for _ in range(5)] == [200] * 5
        refused = gateway.post(at, headers=who)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "11")
        assert len(receiver.posts) == 5
        assert gateway.post(theirs, headers=other).status_code == 200
        clock.now += 10
        assert gateway.post(at, headers=who).status_code == 200


def test_while_eight_tests_are_under_way_no_other_begins(gateway):
    who = key(gateway)
    with Receiver() as receiver:
        at = f"{AT}/{register(gateway, who, receiver.url).json()['id']}/test"
        under_way = gateway.app.state.webhook_tests_at_once
        for left, status in ((8, 200), (1, 200), (0, 429)):
            while under_way._value > left:
                gateway.portal.call(under_way.acquire)
            assert gateway.post(at, headers=who).status_code == status
        assert len(receiver.posts) == 2


def test_a_test_never_reaches_a_private_address_unless_it_is_allowed(tmp_path):
    with open_gateway(tmp_path, client=ELSEWHERE) as gateway, Receiver() as receiver:
        who = key(gateway)
        made = register(gateway, who, receiver.url).json()
        tested = gateway.post(f"{AT}/{made['id']}/test", headers=who).json()
        assert not tested["delivered"] and "no public address" in tested["detail"]
        assert receiver.posts == []


def test_a_keys_matches_are_posted_to_its_webhooks_and_nobody_elses(gateway):
    with Receiver() as receiver:
        mine, other = key(gateway), key(gateway, "other")
        made = register(gateway, mine, receiver.url, kinds=["event"]).json()
        courier = gateway.app.state.live.courier
        await_that(lambda: courier.webhooks)
        sent = {}
        for who, name in ((other, "theirs"), (mine, "mine")):
            events = play(match=name, rounds=1)
            sent[name] = {event["event_id"] for event in events}
            assert gateway.post("/api/v1/events/batch", json=events, headers=who).status_code == 202
        await_that(lambda: posted(receiver) >= sent["mine"])
        assert posted(receiver) == sent["mine"]
        gateway.delete(f"{AT}/{made['id']}", headers=mine)
        await_that(lambda: not courier.webhooks)


def posted(receiver):
    updates = [one for post in list(receiver.posts) for one in json.loads(post.body)["updates"]]
    assert {one["kind"] for one in updates} <= {"event"}
    return {one["data"]["event_id"] for one in updates}


def test_the_document_names_statuses_and_limits():
    assert documented.statuses("/api/v1/webhooks") == {
        "POST /api/v1/webhooks": "201", "DELETE /api/v1/webhooks/{identifier}": "204",
    }  # fmt: skip
    assert documented.limits("WebhookAsked") == {"url": (500,), "kinds": (20, 1)}
