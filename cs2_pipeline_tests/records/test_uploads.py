"""Uploads on both databases: each file once whoever sends it, quotas that hold, nothing left of what was deleted."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, insert
from sqlalchemy.exc import IntegrityError

from cs2_pipeline.records import uploads
from cs2_pipeline.records.tables import USERS
from cs2_pipeline.records.uploads import Quota, QuotaError, Received, State, TooManyWaitingError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLENTY = Quota(account=1000, total=10_000)


def file(content="a", *, size=10, place=None, played_on=None, kind="demo"):
    digest = (content * 64)[:64]
    return Received(f"{content}.dem", digest, kind, size, place or f"{content}-place.dem", played_on)


@pytest.fixture
def people(records):
    """The ids of two accounts."""
    names = ("anna", "ben")
    rows = [
        {"id": name, "username": name, "username_key": name, "is_admin": False, "created_at": NOW} for name in names
    ]
    with records.writing() as connection:
        connection.execute(insert(USERS), rows)
    return names


def add(records, person, sent, *, at=NOW, quota=PLENTY):
    return uploads.add(records, person, sent, at=at, quota=quota)


def test_a_file_waits_is_read_and_told_to_its_sender_alone(records, people):
    anna, ben = people
    upload, kept = add(records, anna, file(played_on=date(2026, 2, 1)))
    assert kept
    assert (upload.name, upload.state, upload.size) == ("a.dem", State.WAITING, 10)
    (waiting,) = uploads.waiting(records)
    assert (waiting.place, waiting.played_on, waiting.tries) == ("a-place.dem", date(2026, 2, 1), 0)
    uploads.begin(records, waiting.digest, at=NOW)
    assert uploads.waiting(records)[0].tries == 1
    uploads.settle(records, waiting.digest, State.ACCEPTED, "one new match", at=NOW)
    assert uploads.waiting(records) == []
    (found,) = uploads.own(records, anna, limit=10)
    assert (found.state, found.reason, found.settled_at) == (State.ACCEPTED, "one new match", NOW)
    assert uploads.own(records, ben, limit=10) == []
    assert uploads.one(records, ben, upload.id) is None
    assert not uploads.forget(records, ben, upload.id)


def test_the_same_file_of_two_people_is_kept_once_and_goes_with_the_last_of_them(records, people):
    anna, ben = people
    first, kept = add(records, anna, file())
    assert kept
    again, kept = add(records, anna, file(place="other-1"))
    assert (again.id, kept) == (first.id, False)
    other, kept = add(records, ben, file(place="other-2"))
    assert not kept
    assert len(uploads.waiting(records)) == 1
    uploads.settle(records, first.digest, State.ACCEPTED, "a match", at=NOW)
    assert uploads.one(records, ben, other.id).state is State.ACCEPTED
    assert uploads.forget(records, anna, first.id)
    assert uploads.orphans(records) == []
    assert uploads.forget(records, ben, other.id)
    assert uploads.orphans(records) == ["a-place.dem"]
    assert uploads.places(records) == set()


def test_the_same_file_twice_at_once_is_one(records, people):
    answers, ready = [], threading.Barrier(6)

    def send(number):
        ready.wait()
        answers.append(add(records, people[number % 2], file(place=f"place-{number}")))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(kept for _, kept in answers) == 1
    assert len({upload.id for upload, _ in answers}) == 2
    assert len(uploads.places(records)) == 1


def test_a_file_in_quarantine_that_is_sent_again_is_read_again(records, people):
    anna, ben = people
    first, _ = add(records, anna, file())
    uploads.settle(records, first.digest, State.QUARANTINED, "no date", at=NOW)
    again, kept = add(records, ben, file(place="new-place", played_on=date(2026, 2, 1)))
    assert (kept, again.state, again.reason) == (True, State.WAITING, "")
    (waiting,) = uploads.waiting(records)
    assert (waiting.place, waiting.played_on, waiting.tries) == ("new-place", date(2026, 2, 1), 0)
    assert uploads.one(records, anna, first.id).state is State.WAITING


def test_a_quota_holds_for_an_account_and_for_all(records, people):
    anna, ben = people
    small = Quota(account=25, total=40)
    assert uploads.room(records, anna, small) == 25
    assert isinstance(uploads.room(records, anna, small), int)
    add(records, anna, file("a"), quota=small)
    first, _ = add(records, anna, file("b"), quota=small)
    with pytest.raises(QuotaError, match="no room for 10 bytes"):
        add(records, anna, file("c"), quota=small)
    assert uploads.room(records, anna, small) == 5
    add(records, ben, file("d", size=20), quota=small)
    with pytest.raises(QuotaError, match="no room left for uploads on this platform"):
        uploads.room(records, anna, small)
    uploads.forget(records, anna, first.id)
    uploads.orphans(records)
    assert uploads.room(records, anna, small) == 10


def test_an_account_keeps_so_many_files(records, people, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_FILES", 1)
    add(records, people[0], file("a"))
    with pytest.raises(QuotaError, match="1 uploads"):
        uploads.room(records, people[0], PLENTY)


def test_uploads_come_in_pages_the_newest_first(records, people):
    for number, content in enumerate("abcde"):
        add(records, people[0], file(content), at=NOW + timedelta(seconds=number // 2))
    first = uploads.own(records, people[0], limit=3)
    rest = uploads.own(records, people[0], limit=3, before=(first[-1].at, first[-1].id))
    assert sorted(one.name[0] for one in first + rest) == list("abcde")
    assert [one.at for one in first + rest] == sorted((one.at for one in first + rest), reverse=True)


def test_an_account_that_goes_takes_its_uploads_along(records, people):
    add(records, people[0], file())
    with records.writing() as connection:
        connection.execute(USERS.delete().where(USERS.c.id == people[0]))
    assert uploads.orphans(records) == ["a-place.dem"]


def test_games_are_kept_with_their_files(records, people):
    assert uploads.newest_game(records, "replay") is None
    sent, _ = add(records, people[0], file(kind="replay"))
    uploads.settle(records, sent.digest, State.ACCEPTED, "a game", at=NOW, body={"id": "x"})
    assert uploads.games(records, "replay") == {sent.digest: {"id": "x"}}
    assert uploads.newest_game(records, "replay") == NOW
    assert uploads.games(records, "demo") == {}


def read_all(records):
    """Reads everything that waits; the names of the files in the order they were read."""
    order = []
    while waiting := uploads.waiting(records):
        order.append(waiting[0].place[0])
        uploads.begin(records, waiting[0].digest, at=NOW + timedelta(hours=1, seconds=len(order)))
        uploads.settle(records, waiting[0].digest, State.ACCEPTED, "a match", at=NOW)
    return "".join(order)


def test_accounts_take_turns_however_many_files_one_of_them_has_sent_before(records, people):
    anna, ben = people
    for number, content in enumerate("abcde"):
        add(records, anna, file(content), at=NOW + timedelta(seconds=number))
    for number, content in enumerate("xy", 10):
        add(records, ben, file(content), at=NOW + timedelta(seconds=number))
    assert read_all(records) == "axbycde"


def test_deleting_what_was_read_does_not_bring_the_next_file_forward(records, people):
    anna, ben = people
    first, _ = add(records, anna, file("a"))
    read_all(records)
    uploads.forget(records, anna, first.id)
    add(records, anna, file("b"), at=NOW)
    add(records, ben, file("x"), at=NOW + timedelta(minutes=5))
    assert read_all(records) == "xb"


def test_a_file_that_several_sent_comes_in_the_first_of_their_turns(records, people):
    anna, ben = people
    for number, content in enumerate("abcz"):
        add(records, anna, file(content), at=NOW + timedelta(seconds=number))
    add(records, ben, file("z", place="other"), at=NOW + timedelta(minutes=1))
    assert read_all(records) == "azbc"


def test_a_file_that_ended_its_reader_comes_after_the_others(records, people):
    add(records, people[0], file("a"))
    add(records, people[0], file("b"), at=NOW + timedelta(seconds=1))
    uploads.begin(records, file("a").digest, at=NOW)
    assert [one.place[0] for one in uploads.waiting(records)] == ["b", "a"]


def test_so_many_files_of_one_account_may_wait_and_those_of_others_go_on(records, people, monkeypatch):
    anna, ben = people
    monkeypatch.setattr(uploads, "MOST_WAITING", 2)
    for content in "ab":
        add(records, anna, file(content))
    with pytest.raises(TooManyWaitingError, match="2 of your uploads wait"):
        uploads.room(records, anna, PLENTY)
    with pytest.raises(TooManyWaitingError):
        add(records, anna, file("c"))
    add(records, ben, file("x"))
    uploads.settle(records, file("a").digest, State.QUARANTINED, "no", at=NOW)
    assert add(records, anna, file("c"))[0].state is State.WAITING


on_a_file = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


@on_a_file
def test_a_file_may_fill_what_is_left_and_not_a_byte_more(records, people):
    anna, ben = people
    full = Quota(account=20, total=30)
    with pytest.raises(QuotaError, match="no room for 21 bytes"):
        add(records, anna, file("a", size=21), quota=full)
    add(records, anna, file("a", size=20), quota=full)
    with pytest.raises(QuotaError, match="take 20 bytes of 20"):
        uploads.room(records, anna, full)
    assert uploads.room(records, ben, full) == 10
    with pytest.raises(QuotaError):
        add(records, ben, file("b", size=11), quota=full)
    add(records, ben, file("b", size=10), quota=full)
    with pytest.raises(QuotaError, match="on this platform"):
        uploads.room(records, ben, full)
    again, kept = add(records, anna, file("a", size=20, place="other"), quota=full)
    assert not kept and again.state is State.WAITING, "what is there already needs no room"


@on_a_file
def test_an_account_may_have_five_hundred_files_and_fifty_that_wait(records, people, monkeypatch):
    assert (uploads.MOST_FILES, uploads.MOST_WAITING) == (500, 50)
    monkeypatch.setattr(uploads, "MOST_FILES", 2)
    for content in "ab":
        add(records, people[0], file(content))
        uploads.settle(records, file(content).digest, State.ACCEPTED, "", at=NOW)
    with pytest.raises(QuotaError, match="you have 2 uploads, and 2 are kept"):
        uploads.room(records, people[0], PLENTY)
    assert uploads.room(records, people[1], PLENTY) == 1000


@on_a_file
def test_a_file_that_was_read_is_not_read_again_when_it_is_sent_again(records, people):
    anna, ben = people
    sent, _ = add(records, anna, file(played_on=date(2026, 2, 1)))
    uploads.settle(records, sent.digest, State.ACCEPTED, "a match", at=NOW, body={"x": 1})
    other, kept = add(records, ben, file(place="other", played_on=date(2026, 3, 1)))
    assert (kept, other.state, other.reason, other.settled_at) == (False, State.ACCEPTED, "a match", NOW)
    assert uploads.waiting(records) == [] and uploads.place_of(records, sent.digest) == "a-place.dem"
    assert uploads.place_of(records, "nobody's") is None


@on_a_file
def test_a_file_in_quarantine_keeps_nothing_of_its_first_reading(records, people):
    sent, _ = add(records, people[0], file())
    uploads.begin(records, sent.digest, at=NOW)
    uploads.settle(records, sent.digest, State.QUARANTINED, "no date", at=NOW, body={"x": 1})
    again, kept = add(records, people[0], file(place="new"), at=NOW + timedelta(days=1))
    assert kept and again.id == sent.id and (again.reason, again.settled_at) == ("", None)
    assert uploads.waiting(records)[0].tries == 0
    uploads.settle(records, sent.digest, State.ACCEPTED, "a match", at=NOW)
    assert uploads.games(records, "demo") == {}, "what it gave before is forgotten"


@on_a_file
def test_pages_of_uploads_of_one_moment_go_by_their_ids_and_are_the_own_alone(records, people):
    for content in "abcd":
        add(records, people[0], file(content))
    add(records, people[1], file("x"))
    whole = uploads.own(records, people[0], limit=9)
    assert [one.id for one in whole] == sorted((one.id for one in whole), reverse=True)
    seen = []
    while page := uploads.own(records, people[0], limit=1, before=(seen[-1].at, seen[-1].id) if seen else None):
        seen += page
    assert seen == whole
    assert uploads.one(records, people[0], whole[0].id) == whole[0]


@on_a_file
def test_only_accepted_files_of_a_kind_are_games_and_the_newest_is_the_one_settled_last(records, people):
    for content, kind, state, at, body in (
        ("a", "replay", State.ACCEPTED, NOW + timedelta(days=2), {"n": 1}),
        ("b", "replay", State.ACCEPTED, NOW, {"n": 2}),
        ("c", "replay", State.QUARANTINED, NOW + timedelta(days=9), {"n": 3}),
        ("d", "demo", State.ACCEPTED, NOW + timedelta(days=9), {"n": 4}),
        ("e", "replay", State.ACCEPTED, NOW, None),
    ):
        add(records, people[0], file(content, kind=kind))
        uploads.settle(records, file(content).digest, state, "", at=at, body=body)
    assert [one["n"] for one in uploads.games(records, "replay").values()] == [1, 2]
    assert uploads.newest_game(records, "replay") == NOW + timedelta(days=2)


def test_the_day_of_a_file_that_waits_without_one_is_taken_from_who_sends_it_again_with_it(records, people):
    anna, ben = people
    add(records, anna, file())
    _, kept = add(records, anna, file(place="again", played_on=date(2026, 2, 1)))
    (waiting,) = uploads.waiting(records)
    assert (waiting.place, waiting.played_on, kept) == ("a-place.dem", date(2026, 2, 1), False)
    add(records, ben, file(place="again", played_on=date(2026, 3, 1)))
    assert uploads.waiting(records)[0].played_on == date(2026, 2, 1), "a day once said stays"


@on_a_file
def test_an_upload_is_told_with_all_that_is_kept_of_it(records, people):
    sent, _ = add(records, people[0], file("a", size=7, kind="replay"))
    told = uploads.Upload(sent.id, "a.dem", NOW, "replay", 7, "a" * 64, State.WAITING, "", None)
    assert sent == told == uploads.one(records, people[0], sent.id)
    assert uploads.waiting(records) == [uploads.Waiting("a" * 64, "replay", "a-place.dem", None, 0)]
    assert uploads.places(records) == {"a-place.dem"}


@on_a_file
def test_a_file_that_cannot_be_kept_is_said_to_be_none_after_five_tries(records, people):
    tried = []

    def note(connection):
        tried.append(connection)

    add(records, people[0], file("a"))
    event.listen(records.engine, "rollback", note)
    with pytest.raises(IntegrityError):
        add(records, people[0], file("b", place="a-place.dem"))  # a place that is taken
    event.remove(records.engine, "rollback", note)
    assert len(tried) == 5


@on_a_file
def test_a_file_in_quarantine_keeps_the_day_that_was_said_once(records, people):
    sent, _ = add(records, people[0], file(played_on=date(2026, 2, 1)))
    uploads.settle(records, sent.digest, State.QUARANTINED, "broken", at=NOW)
    add(records, people[0], file(place="new"))
    assert uploads.waiting(records)[0].played_on == date(2026, 2, 1)
