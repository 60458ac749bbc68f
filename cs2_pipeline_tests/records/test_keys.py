"""Keys of programs: shown once, revoked for good, counted by rate and by day over several services."""

import base64
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert, select, text

from cs2_pipeline.records import accounts, keys
from cs2_pipeline.records.database import Records, RecordsError
from cs2_pipeline.records.keys import ApiKeyError, KeyRing, TooOftenError
from cs2_pipeline.records.tables import API_KEYS, QUOTA_USE


def ring(records):
    made = KeyRing(records)
    made.refresh()
    return made


def test_a_key_is_admitted_until_it_is_revoked(records):
    text_of_it, key = keys.create(records, "a bot", ["forecast", "predict"])
    assert ring(records).admit(keys.digest(text_of_it)) == key
    assert key.scopes == {"forecast", "predict"}
    following = ring(records)
    keys.revoke(records, key.id)
    following.refresh()
    assert following.admit(keys.digest(text_of_it)) is None
    assert following.needed_for == {"forecast", "predict"}  # a revoked key does not open the doors again
    with pytest.raises(ApiKeyError, match="no active key"):
        keys.revoke(records, key.id)


def test_the_key_itself_is_kept_nowhere(records):
    text_of_it, _ = keys.create(records, "a bot", ["forecast"])
    with records.reading() as connection:
        assert text_of_it not in str(connection.execute(select(API_KEYS)).all())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"scopes": ["everything"]}, "unknown scope everything"),
        ({"scopes": []}, "unknown scope"),
        ({"name": " "}, "needs a name"),
        ({"rate": 0}, "above 0"),
        ({"daily_quota": 0}, "above 0"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(records, given, told):
    with pytest.raises(ApiKeyError, match=told):
        keys.create(records, **({"name": "a bot", "scopes": ["forecast"]} | given))
    assert keys.every(records) == []


def test_a_rate_is_kept(records):
    text_of_it, _ = keys.create(records, "a bot", ["forecast"], rate=0.001)
    own = ring(records)
    own.admit(keys.digest(text_of_it))
    with pytest.raises(TooOftenError) as refused:
        own.admit(keys.digest(text_of_it))
    assert not refused.value.daily
    own.refresh()  # reading the keys anew does not fill the bucket
    with pytest.raises(TooOftenError):
        own.admit(keys.digest(text_of_it))


def test_a_daily_quota_is_shared_by_all_services_and_survives_them(url, records):
    text_of_it, key = keys.create(records, "a bot", ["forecast"], daily_quota=5)
    other = Records(url)
    first, second = ring(records), ring(other)
    for _ in range(3):
        first.admit(keys.digest(text_of_it))
    first.refresh()
    second.refresh()
    second.admit(keys.digest(text_of_it))
    second.admit(keys.digest(text_of_it))
    with pytest.raises(TooOftenError) as refused:
        second.admit(keys.digest(text_of_it))
    assert refused.value.daily
    assert 0 < refused.value.wait <= 86_400
    second.refresh()
    with pytest.raises(TooOftenError):
        ring(records).admit(keys.digest(text_of_it))
    with records.reading() as connection:
        row = connection.execute(text("SELECT key_id, day, used FROM quota_use")).one()
    assert tuple(row) == (key.id, datetime.now(UTC).date().isoformat(), 5)
    other.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_two_services_that_count_a_keys_first_use_of_the_day_at_once_both_do(url, records):
    text_of_it, key = keys.create(records, "a bot", ["forecast"], daily_quota=100)
    own = ring(records)
    own.admit(keys.digest(text_of_it))
    first = {"key_id": key.id, "day": datetime.now(UTC).date().isoformat(), "used": 5}
    other = Records(url)
    with ThreadPoolExecutor(1) as thread:
        with other.writing() as connection:
            connection.execute(insert(QUOTA_USE), first)
            refreshed = thread.submit(own.refresh)
            while not refreshed.done() and not _somebody_waits(records):
                pass  # our insert waits for the other's
        refreshed.result()
    with records.reading() as connection:
        assert connection.execute(select(QUOTA_USE.c.used)).scalar_one() == 6
    other.close()


def _somebody_waits(records):
    with records.reading() as connection:
        return connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one()


def test_what_was_saved_is_not_counted_again_when_the_keys_cannot_be_read(records, monkeypatch):
    text_of_it, _ = keys.create(records, "a bot", ["forecast"], daily_quota=100)
    own = ring(records)
    own.admit(keys.digest(text_of_it))

    def broken(_):
        raise RecordsError("away")

    with monkeypatch.context() as patched:
        patched.setattr(keys, "_used_today", broken)
        own.refresh()
    assert own.complaint == "away"
    own.refresh()
    with records.reading() as connection:
        assert connection.execute(select(QUOTA_USE.c.used)).scalar_one() == 1


def test_without_its_database_the_ring_admits_whom_it_knows_and_complains(tmp_path):
    records = Records(f"sqlite:///{tmp_path / 'records.db'}", busy_seconds=0.05)
    records.migrate()
    text_of_it, _ = keys.create(records, "a bot", ["forecast"])
    own = ring(records)
    records.close()
    (tmp_path / "records.db").unlink()
    (tmp_path / "records.db").mkdir()
    own.refresh()
    assert own.complaint
    assert own.admit(keys.digest(text_of_it))


on_a_file = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@on_a_file
def test_a_key_is_named_in_a_hundred_characters_and_says_what_it_is(records):
    text_of_it, key = keys.create(records, f"  {'n' * 98}", ["forecast", "forecast", "admin"])
    assert len(base64.urlsafe_b64decode(text_of_it.removeprefix("cs2_") + "=")) == 32, "256 bits"
    assert text_of_it.startswith("cs2_") and len(key.id) == 8
    assert (key.name, key.scopes, key.rate, key.daily_quota) == ("n" * 98, {"forecast", "admin"}, 100.0, None)
    assert keys.every(records) == [key]
    assert len(keys.create(records, "n" * 100, ["admin"])[1].name) == 100
    with pytest.raises(ApiKeyError, match="at most 100"):
        keys.create(records, "n" * 101, ["admin"])
    assert keys.create(records, "least", ["admin"], rate=0.001, daily_quota=1)[1].daily_quota == 1
    for wrong in ({"rate": -1}, {"daily_quota": -1}):
        with pytest.raises(ApiKeyError, match="above 0"):
            keys.create(records, "a bot", ["admin"], **wrong)


@on_a_file
def test_uploads_need_an_account_and_other_scopes_none(records):
    with pytest.raises(ApiKeyError, match="--user"):
        keys.create(records, "a bot", ["forecast", "upload"])
    anna = accounts.register(records, "anna", "a@example.org", "a long enough password")
    assert keys.create(records, "a bot", ["upload"], user_id=anna.id)[1].user_id == anna.id


@on_a_file
def test_a_quota_is_used_up_to_its_last_and_the_wait_is_until_midnight(records, monkeypatch):
    text_of_it, _ = keys.create(records, "a bot", ["forecast"], daily_quota=2)
    own = ring(records)
    moment = datetime(2026, 3, 1, 23, 59, 30, tzinfo=UTC)

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return moment

    monkeypatch.setattr(keys, "datetime", Clock)
    for _ in range(2):
        own.admit(keys.digest(text_of_it))
    with pytest.raises(TooOftenError) as refused:
        own.admit(keys.digest(text_of_it))
    assert (refused.value.daily, refused.value.wait) == (True, 30.0)
    moment = datetime(2026, 3, 2, tzinfo=UTC)
    assert own.admit(keys.digest(text_of_it)) is not None, "another day has another quota"


@on_a_file
def test_what_a_batch_holds_counts_for_rate_and_quota(records):
    text_of_it, key = keys.create(records, "a bot", ["forecast"], rate=100.0, daily_quota=10)
    own = ring(records)
    own.owe("nobody's", 5)
    own.admit(keys.digest(text_of_it))
    own.owe(keys.digest(text_of_it), 8)
    own.refresh()
    with records.reading() as connection:
        assert connection.execute(select(QUOTA_USE.c.used)).scalar_one() == 9
    assert own.admit(keys.digest(text_of_it)) == key
    with pytest.raises(TooOftenError) as refused:
        own.admit(keys.digest(text_of_it))
    assert refused.value.daily
    slow, _ = keys.create(records, "a slow bot", ["forecast"], rate=1.0)
    own.refresh()
    own.admit(keys.digest(slow))
    own.owe(keys.digest(slow), 100)
    with pytest.raises(TooOftenError) as refused:
        own.admit(keys.digest(slow))
    assert 90 < refused.value.wait <= 101


@on_a_file
def test_a_key_that_is_not_known_is_not_counted(records):
    own = ring(records)
    assert own.admit(keys.digest("cs2_guess")) is None
    own.refresh()
    with records.reading() as connection:
        assert connection.execute(select(QUOTA_USE)).all() == []
    assert own.needed_for == frozenset() and own.complaint is None
    with pytest.raises(ApiKeyError, match="no active key nobody"):
        keys.revoke(records, "nobody")


@on_a_file
def test_the_processes_of_a_service_count_a_keys_rate_together(records, tmp_path):
    text_of_it, _ = keys.create(records, "a bot", ["forecast"], rate=0.001)
    rings = [KeyRing(records, tmp_path / "rates") for _ in range(2)]
    for own in rings:
        own.refresh()
    assert rings[0].admit(keys.digest(text_of_it)) is not None
    with pytest.raises(TooOftenError):
        rings[1].admit(keys.digest(text_of_it))
    assert [file.name for file in (tmp_path / "rates").iterdir()] == [keys.digest(text_of_it)]


def test_a_ring_with_nothing_new_to_write_down_only_reads(tmp_path):
    records = Records(f"sqlite:///{tmp_path / 'records.db'}", busy_seconds=0.01)
    records.migrate()
    text_of_it, _ = keys.create(records, "a bot", ["forecast"])
    own = ring(records)
    own.admit(keys.digest(text_of_it))
    own.refresh()
    other = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    own.refresh()
    assert own.complaint is None
    own.admit(keys.digest(text_of_it))
    own.refresh()
    assert "locked" in own.complaint
    other.execute("ROLLBACK")
    other.close()
    own.refresh()
    assert own.complaint is None
    records.close()


@on_a_file
def test_a_ring_counts_what_was_used_today_alone(records):
    text_of_it, key = keys.create(records, "a bot", ["forecast"], daily_quota=2)
    with records.writing() as connection:
        connection.execute(insert(QUOTA_USE), {"key_id": key.id, "day": "2026-01-01", "used": 2})
    own = ring(records)
    for _ in range(2):
        assert own.admit(keys.digest(text_of_it)) == key
    own.refresh()
    with pytest.raises(TooOftenError):
        own.admit(keys.digest(text_of_it))


@on_a_file
def test_keys_are_listed_the_oldest_first_the_revoked_ones_too(records):
    made = [keys.create(records, name, ["forecast"])[1] for name in ("first", "second", "third")]
    keys.revoke(records, made[1].id)
    found = keys.every(records)
    assert [key.name for key in found] == ["first", "second", "third"]
    assert [key.revoked_at is None for key in found] == [True, False, True]
    assert found[0].created_at < found[1].created_at < found[2].created_at <= found[1].revoked_at
