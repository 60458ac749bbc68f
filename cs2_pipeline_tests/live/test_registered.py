"""Registered webhooks as a courier needs them: where to, for whom, and what became of the posts."""

from datetime import UTC, datetime

import pytest

from cs2_pipeline.live.registered import Registered, target, tenant
from cs2_pipeline.records import keys, webhooks
from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def hook(tmp_path):
    """The settings, the records and a webhook of a key."""
    settings = Settings(home=tmp_path, webhooks_to_private=True)
    records = open_records(settings)
    key = keys.create(records, "feed", ["live:write"])[1]
    yield settings, records, webhooks.add(records, key.id, "https://example.org/hook", ["score"], at=AT)
    records.close()


def test_a_target_is_posted_its_keys_updates_of_its_kinds(hook):
    settings, _, made = hook
    register = Registered(settings)
    (found,) = register.targets()
    assert (found.url, found.secret, found.id) == ("https://example.org/hook", made.secret.encode(), made.id)
    assert (found.kinds, found.owner, found.private) == (frozenset({"score"}), f"key:{made.key_id}", True)
    assert found == target(made, private=True) != target(made, private=False)
    assert tenant("k") == "key:k"
    shut = Registered(settings.model_copy(update={"webhooks_to_private": False}))
    assert shut.targets()[0].private is False
    for one in (register, shut):
        one.close()


def test_failures_are_noted_with_their_reason_and_a_success_ends_them(hook):
    settings, records, made = hook
    register = Registered(settings)
    before = datetime.now(UTC)
    register.failed(made.id, "example.org answers 503")
    (failing,) = webhooks.own(records, made.key_id)
    assert failing.reason == "example.org answers 503" and before <= failing.failing_since <= datetime.now(UTC)
    register.worked(made.id)
    (works,) = webhooks.own(records, made.key_id)
    assert works.failing_since is None
    register.close()


def test_records_are_opened_when_they_are_asked_first(tmp_path):
    register = Registered(Settings(home=tmp_path))
    assert not (tmp_path / "records.db").exists()
    register.close()
    assert register.targets() == [] and (tmp_path / "records.db").exists()
    assert register._opened() is register._opened()
    register.close()
