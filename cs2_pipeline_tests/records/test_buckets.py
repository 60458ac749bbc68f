"""Token buckets: what a caller may ask at once and over time, by a clock that the test holds."""

import fcntl

import pytest

from cs2_pipeline.records import buckets
from cs2_pipeline.records.buckets import Bucket, Limits, SharedBucket, TooOftenError


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    held = Clock()
    monkeypatch.setattr(buckets, "time", held)
    return held


def taken(bucket, tries=1000):
    return sum(bucket.take() == 0 for _ in range(tries))


def test_a_caller_who_was_idle_for_a_day_may_ask_as_much_at_once_as_a_second_gives_and_no_more(clock):
    bucket = Bucket(50)
    assert taken(bucket) == 50
    clock.now += 86_400
    assert taken(bucket) == 50


def test_what_may_be_asked_at_once_is_one_at_least_and_what_it_was_set_to(clock):
    assert taken(Bucket(0.1)) == 1
    assert taken(Bucket(0.1, most=3)) == 3


def test_the_wait_it_names_is_enough_and_a_little_less_is_not(clock):
    bucket = Bucket(4, most=1)
    assert bucket.take() == 0
    wait = bucket.take()
    assert wait == pytest.approx(0.25)
    clock.now += wait - 0.01
    assert bucket.take() > 0
    clock.now += 0.02
    assert bucket.take() == 0


def test_callers_do_not_use_up_each_others_and_the_longest_silent_is_forgotten(clock):
    limits = Limits(1, size=2)
    assert [limits.take(who) == 0 for who in ("a", "b", "a", "b")] == [True, True, False, False]
    assert limits.take("c") == 0  # "a" has been silent the longest
    assert limits.take("b") > 0
    assert limits.take("a") == 0


def test_a_batch_is_paid_off_before_the_next_is_let_through(clock):
    bucket = Bucket(50)
    assert bucket.take() == 0
    bucket.owe(9_999)
    assert bucket.take() == pytest.approx((10_000 - 50 + 1) / 50)
    clock.now += 199.1
    assert bucket.take() == 0


@pytest.mark.parametrize("shared", [False, True])
def test_who_was_idle_for_long_pays_a_batch_off_from_a_full_bucket_and_no_more(clock, tmp_path, shared):
    bucket = SharedBucket(tmp_path / "key", 50) if shared else Bucket(50)
    assert taken(bucket) == 50
    clock.now += 3_600
    bucket.owe(1_000)
    assert bucket.take() == pytest.approx((1_000 - 50 + 1) / 50)


def test_processes_that_share_a_bucket_have_one_rate_together_whoever_asks(clock, tmp_path):
    first, second = (SharedBucket(tmp_path / "a" / "rates" / "key", 50) for _ in range(2))
    assert taken(first, 30) + taken(second, 30) == 50
    clock.now += 0.5
    assert taken(second) == 25
    assert first.take() > 0
    first.owe(25)
    clock.now += 0.5
    assert second.take() > 0
    late = SharedBucket(tmp_path / "a" / "rates" / "key", 50)  # a worker that was started again
    assert late.take() > 0


def test_a_shared_bucket_of_before_the_machines_restart_is_a_full_one(clock, tmp_path):
    assert taken(SharedBucket(tmp_path / "key", 5)) == 5
    clock.now = 3.0  # the clock starts at 0 again
    assert taken(SharedBucket(tmp_path / "key", 5)) == 5


def test_a_shared_bucket_that_was_cut_off_is_made_anew(clock, tmp_path):
    for left in (b"x", b"x" * 15, b"x" * 17):
        file = tmp_path / f"key{len(left)}"
        file.write_bytes(left)
        assert taken(SharedBucket(file, 5)) == 5
        assert taken(SharedBucket(file, 5)) == 0, "what was made anew is kept"


def test_a_slow_rate_has_one_at_once_and_not_a_part_more(clock):
    bucket = Bucket(0.5)
    assert bucket.take() == 0
    assert bucket.take() == pytest.approx(2.0)


def test_a_shared_bucket_is_locked_while_it_is_used_and_by_nobody_afterwards(tmp_path, monkeypatch):
    """Each look at the clock, which is within the lock, tries to lock the file from outside."""
    file, locked = tmp_path / "key", []
    bucket = SharedBucket(file, 5)
    with file.open("rb") as outside:

        def is_locked():
            try:
                fcntl.flock(outside, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            fcntl.flock(outside, fcntl.LOCK_UN)
            return False

        class Clock:
            @staticmethod
            def monotonic():
                locked.append(is_locked())
                return 100.0

        monkeypatch.setattr(buckets, "time", Clock)
        for use in (bucket.take, lambda: bucket.owe(1)):
            use()
            assert locked and all(locked)
            assert not is_locked()


def test_a_refusal_names_the_wait_in_whole_seconds():
    refused = TooOftenError(2.4, daily=True)
    assert (str(refused), refused.wait, refused.daily) == ("wait 2 s", 2.4, True)


def test_ten_thousand_callers_are_remembered_if_not_said_otherwise(clock):
    limits = Limits(1)
    assert limits.take("first") == 0
    for number in range(9_999):
        limits.take(str(number))
    assert limits.take("first") > 0
    for number in range(10_000):
        limits.take(str(number))
    assert limits.take("first") == 0
