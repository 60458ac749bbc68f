"""Webhooks of keys on both databases: so many of a key, nobody else's, disabled after a day of failures."""

import base64
import threading
from datetime import UTC, datetime, timedelta

import pytest

from cs2_pipeline.records import keys, webhooks
from cs2_pipeline.records.webhooks import FAILING_FOR, MOST_OF_KEY, WebhookQuotaError

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://example.org/hook"


@pytest.fixture
def key(records):
    return keys.create(records, "feed", ["live:write"])[1].id


def add(records, key_id, url=URL):
    return webhooks.add(records, key_id, url, ["score", "prediction", "score"], at=AT)


def test_a_webhook_is_its_keys_alone(records, key):
    other = keys.create(records, "other", ["live:write"])[1].id
    made = add(records, key)
    assert made.kinds == ("prediction", "score") and made.secret.startswith(webhooks.SECRET_PREFIX)
    assert made.secret not in repr(made)
    assert webhooks.own(records, key) == [made] == webhooks.active(records) and webhooks.own(records, other) == []
    assert webhooks.one(records, key, made.id) == made and webhooks.one(records, other, made.id) is None
    assert not webhooks.remove(records, other, made.id) and webhooks.remove(records, key, made.id)
    assert webhooks.own(records, key) == []


def test_a_key_has_so_many_and_no_more_also_when_it_asks_at_once(records, key):
    refused = []

    def one() -> None:
        try:
            add(records, key)
        except WebhookQuotaError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=one) for _ in range(MOST_OF_KEY + 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(webhooks.own(records, key)) == MOST_OF_KEY
    assert len(refused) == 3 and "delete one first" in refused[0]


def test_nothing_is_posted_for_a_key_that_was_revoked(records, key):
    add(records, key)
    keys.revoke(records, key)
    assert webhooks.active(records) == []
    with pytest.raises(WebhookQuotaError, match="not active"):
        add(records, key)


def test_a_webhook_that_fails_for_a_day_is_disabled_until_a_post_arrives(records, key):
    made = add(records, key)
    for hours in (0, 1, 23):
        webhooks.failed(records, made.id, f"after {hours} hours", at=AT + timedelta(hours=hours))
    (failing,) = webhooks.active(records)
    assert (failing.failing_since, failing.disabled_at, failing.reason) == (AT, None, "after 23 hours")
    webhooks.worked(records, made.id)
    webhooks.failed(records, made.id, "anew", at=AT + FAILING_FOR)
    assert webhooks.active(records), "a success in between begins the day anew"
    ended = AT + 2 * FAILING_FOR
    webhooks.failed(records, made.id, "x" * 10_000, at=ended)
    assert webhooks.active(records) == []
    (disabled,) = webhooks.own(records, key)
    assert disabled.disabled_at == ended and len(disabled.reason) <= 500
    webhooks.failed(records, made.id, "later", at=ended + FAILING_FOR)
    assert webhooks.own(records, key) == [disabled]
    webhooks.worked(records, made.id)
    assert webhooks.active(records) == [made]


def test_what_became_of_a_deleted_webhook_is_of_no_interest(records, key):
    made = add(records, key)
    webhooks.remove(records, key, made.id)
    webhooks.failed(records, made.id, "gone", at=AT)
    webhooks.worked(records, made.id)
    assert webhooks.own(records, key) == []


def test_a_key_has_five_webhooks_and_a_day_to_mend_one():
    assert (5, timedelta(hours=24)) == (MOST_OF_KEY, FAILING_FOR)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_webhook_is_told_with_all_that_is_kept_of_it_the_oldest_first(records, key):
    later = webhooks.add(records, key, URL, ["score"], at=AT + timedelta(hours=1))
    first = add(records, key)
    assert [one.id for one in webhooks.own(records, key)] == [first.id, later.id]
    assert (first.key_id, first.url, first.created_at, first.failing_since, first.disabled_at, first.reason) == (
        key, URL, AT, None, None, ""
    )  # fmt: skip
    assert len(base64.urlsafe_b64decode(first.secret.removeprefix("whsec_") + "=")) == 32
    webhooks.failed(records, first.id, "x" * 501, at=AT)
    assert [len(one.reason) for one in webhooks.own(records, key)] == [500, 0]
