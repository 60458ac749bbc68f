"""The log in a file: what its limits, clocks and memory of the newest events do, each at its edge."""

import sqlite3
import threading
from concurrent.futures import Future

import pytest

from cs2_pipeline.live.log import (
    CLAIM_KEPT,
    FOREIGN,
    IDS_KEPT,
    SHARDS,
    TOO_MANY,
    Arrival,
    DeadLetter,
    LogUnavailableError,
    Submitted,
    shard_of,
    sqlite,
)
from cs2_pipeline.live.log.sqlite import SqliteLog, insert_rows, with_retry


class Clock:
    """Both clocks, as a test sets them."""

    def __init__(self, now):
        self.now = now
        self.slept = []

    def time(self):
        return self.now

    monotonic = time

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    found = Clock(1_000_000.0)
    monkeypatch.setattr(sqlite, "time", found)
    return found


@pytest.fixture
def log(tmp_path, clock):
    made = SqliteLog(tmp_path / "new folder" / "log.sqlite")
    yield made
    made.close()


def events(count, match="m", begin=0):
    return [Submitted(f"{match}-{begin + n}", match, b"{}") for n in range(count)]


def ids(arrivals):
    return [one.event_id for one in arrivals]


def counted(log, table):
    return log._rows(f"select count(*) from {table}")[0][0]  # noqa: S608


def test_what_is_committed_is_synced(log) -> None:
    assert log._rows("pragma journal_mode") == [("wal",)] and log._rows("pragma synchronous") == [(2,)]


def test_a_key_may_send_five_seconds_worth_at_once_and_then_its_rate(log, clock) -> None:
    assert log.spend("one", 50, 10.0) == 0.0
    assert log.spend("one", 1, 10.0) == pytest.approx(0.1)
    assert log.spend("other", 51, 10.0) == pytest.approx(0.1), "each key has its own"
    clock.now += 0.1
    assert log.spend("one", 1, 10.0) == 0.0
    clock.now += 1_000
    assert log.spend("one", 51, 10.0) == pytest.approx(0.1), "what was not used long ago is no credit"


def test_a_lease_ends_at_its_second_and_counts_until_then(log, clock) -> None:
    log.lease("a", 3, 10.0)
    clock.now += 9.9
    assert log.consumers() == 1 and not log.lease("b", SHARDS, 100.0) & {0, 1, 2}
    clock.now += 0.1
    assert log.consumers() == 1, "only the other is left"
    assert log.lease("b", SHARDS, 100.0) == set(range(SHARDS))
    assert counted(log, "consumers") == 1


def test_who_leases_keeps_its_own_shards_before_free_ones(log) -> None:
    log.lease("a", 4, 100.0)
    log.lease("b", 2, 100.0)
    log.release("a")
    assert log.lease("b", 3, 100.0) == {4, 5, 0}
    assert log.lease("b", 1, 100.0) == {0}, "who gives some up keeps the first"
    assert log.lease("c", SHARDS, 100.0) == set(range(1, SHARDS))


def test_a_tenant_begins_so_many_matches_within_a_day(log, clock) -> None:
    assert log.claim(["a", "b", "c"], "one", 2) == {"c": TOO_MANY}
    assert log.claim(["d", "a"], "other", 2) == {"a": FOREIGN}
    clock.now += 86_399
    assert log.claim(["c"], "one", 2) == {"c": TOO_MANY}
    clock.now += 1
    assert log.claim(["c"], "one", 2) == {}
    assert log.owners(["a", "c", "d"]) == {"a": "one", "c": "one", "d": "other"}


def test_ids_and_claims_are_remembered_for_their_time_and_looked_through_each_hour(log, clock) -> None:
    log.append(events(1))
    log.claim(["m"], "one", 9)
    log.trim()
    clock.now += IDS_KEPT
    log.trim()
    assert (counted(log, "ids"), counted(log, "claims")) == (1, 1)
    clock.now += 3_600
    log.trim()  # not looked through again yet
    assert (counted(log, "ids"), counted(log, "claims")) == (1, 1)
    clock.now += 1
    log.trim()
    assert (counted(log, "ids"), counted(log, "claims")) == (0, 1)
    clock.now += CLAIM_KEPT - IDS_KEPT - 3_601
    log.trim()
    assert counted(log, "claims") == 1
    clock.now += 3_601
    log.trim()
    assert counted(log, "claims") == 0


def test_they_are_looked_through_as_soon_as_a_log_is_opened(log, clock) -> None:
    log.append(events(1))
    clock.now += IDS_KEPT + 1
    log.trim()
    assert counted(log, "ids") == 0


def test_no_more_is_removed_at_once_than_intake_can_wait_for(log, monkeypatch) -> None:
    monkeypatch.setattr(sqlite, "TRIMMED_AT_ONCE", 4)
    log.append(events(10))
    log.done({shard_of("m"): f"{9:020d}"})
    assert [log.trim() for _ in range(4)] == [4, 4, 1, 0]
    assert ids(log.kept("m")) == ["m-9"]


def test_a_position_never_goes_back_and_none_is_none(log) -> None:
    log.done({3: f"{7:020d}", 4: ""})
    log.done({3: f"{5:020d}"})
    assert (log.position(3), log.position(4)) == (f"{7:020d}", "")


def test_what_another_process_wrote_in_between_is_read_from_the_file(log, tmp_path) -> None:
    shard, other = shard_of("m"), SqliteLog(tmp_path / "new folder" / "log.sqlite")
    log.append(events(2))
    other.append(events(2, begin=2))
    log.append(events(2, begin=4))
    assert ids(log.read({shard: ""}, 100)) == [f"m-{n}" for n in range(6)]
    assert ids(log.read({shard: f"{3:020d}"}, 100)) == ["m-3", "m-4", "m-5"]
    assert ids(other.read({shard: f"{4:020d}"}, 1)) == ["m-4"]
    assert log.read({shard: f"{6:020d}"}, 100) == [] == log.read({}, 100)
    other.close()


def test_the_newest_events_are_kept_in_memory_and_no_more_than_twice_as_many(log, monkeypatch) -> None:
    monkeypatch.setattr(sqlite, "RECENT", 10)
    recent, shard = log._recent, shard_of("m")
    for begin in range(0, 20, 5):
        log.append(events(5, begin=begin))
    assert len(recent._arrivals) == 20
    log.append(events(1, begin=20))
    assert len(recent._arrivals) == 10
    assert recent.after(10, 5) is None and ids(recent.after(11, 5)) == [f"m-{n}" for n in range(11, 16)]
    assert recent.after(21, 5) is None
    assert ids(log.read({shard: f"{9:020d}"}, 100)) == [f"m-{n}" for n in range(9, 21)], "the file knows the others"
    log.done({shard: f"{15:020d}"})
    log.trim()
    assert recent.after(16, 5) is None, "what was removed is not told from memory either"
    assert ids(log.read({shard: ""}, 100)) == [f"m-{n}" for n in range(15, 21)]


def test_an_event_read_in_this_process_keeps_what_was_read_of_it(log) -> None:
    told = object()
    log.append([Submitted("one", "m", b"{}", told)])
    assert log.read({shard_of("m"): ""}, 9)[0].event is told


def test_a_reader_is_woken_by_what_comes_and_otherwise_waits(log) -> None:
    log.append(events(1))
    log.wait(3_600.0)  # it has come already
    waiting = threading.Thread(target=log.wait, args=(3_600.0,))
    waiting.start()
    log.append(events(1, begin=1))
    waiting.join()
    log.append(events(1, begin=1))  # a repeat wakes nobody
    assert not log._arrived.is_set()


def test_nothing_appended_is_nothing_to_wait_for(log) -> None:
    assert log.append([]) == []


def test_callers_that_wait_are_committed_together_and_each_has_its_own_answer(log) -> None:
    calls = [(batch, Future()) for batch in (events(2), events(3, begin=1), events(1, "other"))]
    log._commit(calls)
    assert [future.result() for _, future in calls] == [[True, True], [False, True, True], [True]]
    assert len(log.kept("m")) == 4


def test_a_dead_letter_is_kept_once_and_a_hundred_are_shown(log, monkeypatch) -> None:
    letter = DeadLetter("a", 5.0, "why", "m", b"body")
    log.bury([letter, letter])
    log.bury([DeadLetter("a", 9.0, "another reason", "m", b"body")])
    assert log.dead_letters() == [letter] == [log.dead_letter("a")]
    log.bury([DeadLetter(f"n{n}", n, "why", "m", b"") for n in range(120)])
    assert len(log.dead_letters()) == 100
    log.forget("a")
    assert log.dead_letter("a") is None


def test_rows_are_inserted_forty_at_once_and_the_last_id_is_told() -> None:
    connection, asked = sqlite3.connect(":memory:"), []
    connection.execute("create table t (n integer primary key, m integer)")
    connection.set_trace_callback(asked.append)
    assert insert_rows(connection, "insert into t (n, m) values {rows}", [(n, 2 * n) for n in range(1, 82)]) == 81
    assert len([one for one in asked if one.startswith("insert")]) == 3
    assert connection.execute("select sum(n), sum(m), count(*) from t").fetchone() == (3_321, 6_642, 81)
    assert insert_rows(connection, "insert into t values {rows}", []) == 0


def test_a_file_that_another_process_has_locked_is_tried_again_for_ten_seconds(clock) -> None:
    def locked(times, said="database is locked"):
        left = [None] * times

        def work():
            if left:
                left.pop()
                raise sqlite3.OperationalError(said)

        return work

    with_retry(locked(3))
    assert clock.slept == [0.05] * 3
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        with_retry(locked(10_000))
    assert sum(clock.slept) == pytest.approx(10.15, abs=0.1)
    clock.slept.clear()
    with pytest.raises(sqlite3.OperationalError, match="disk"):
        with_retry(locked(1, "disk I/O error"))
    assert clock.slept == []


def test_a_file_that_cannot_be_read_or_changed_is_named(log) -> None:
    log._transact(lambda connection: connection.execute("drop table dead_letters"))
    with pytest.raises(LogUnavailableError, match=r"log\.sqlite cannot be read: no such table"):
        log.dead_letters()
    with pytest.raises(LogUnavailableError, match=r"log\.sqlite cannot be written: no such table"):
        log.forget("a")
    log.done({1: f"{1:020d}"})
    with pytest.raises(ZeroDivisionError):
        log._transact(lambda connection: (connection.execute("delete from positions"), 1 / 0))
    assert log.position(1) == f"{1:020d}", "what failed half-way was not done"


def test_a_closed_log_takes_nothing_and_may_be_closed_again(log) -> None:
    log.close()
    log.close()
    with pytest.raises(LogUnavailableError, match="the event log is closed"):
        log.append(events(1))


def test_callers_that_wait_share_a_commit_up_to_its_size_and_are_answered_before_a_close_ends(log, monkeypatch) -> None:
    monkeypatch.setattr(sqlite, "LARGEST_COMMIT", 4)
    sizes, begun, commit = [], threading.Event(), log._commit

    def noted(calls):
        sizes.append([len(of_call) for of_call, _ in calls])
        begun.set()
        commit(calls)

    monkeypatch.setattr(log, "_commit", noted)
    with log._writing:  # the first commit is under way while the others come
        first = log.append_soon(events(1))
        begun.wait()
        others = [log.append_soon(events(2, begin=2 * n)) for n in range(1, 6)]
        closing = threading.Thread(target=log.close)
        closing.start()
    closing.join()
    assert sizes == [[1], [2, 2], [2, 2], [2]]
    assert first.result() == [True] and [one.result() for one in others] == [[True, True]] * 5
    assert not log._writer.is_alive() and counted(log, "events") == 11


def test_what_was_looked_through_is_not_looked_through_again(tmp_path, log, monkeypatch) -> None:
    mine, others = shard_of("m"), shard_of("one")
    assert mine != others
    log.append(events(1) + events(5, match="one") + events(1, begin=1) + events(3, match="one", begin=5))
    reader, asked = SqliteLog(tmp_path / "new folder" / "log.sqlite"), []
    rows = reader._rows
    monkeypatch.setattr(reader, "_rows", lambda query, values: (asked.append(values[0]), rows(query, values))[1])
    (first,) = reader.read({mine: ""}, 1)
    (second,) = reader.read({mine: first.position}, 1)
    assert (int(first.position), int(second.position)) == (1, 7)
    assert reader.read({mine: second.position}, 1) == [] == reader.read({mine: second.position}, 1)
    assert asked == [0, 1, 7, 7]
    assert ids(reader.read({mine: first.position}, 9)) == ["m-1"], "who goes back is told again"
    assert ids(reader.read({mine: second.position, others: ""}, 2)) == [f"one-{n}" for n in range(3)]
    reader.close()


def test_a_reader_of_one_shard_passes_over_what_is_in_others(log) -> None:
    mine = shard_of("m")
    log.append(events(3, match="one"))
    log.append(events(1))
    log.append(events(3, match="one", begin=3))
    assert ids(log.read({mine: ""}, 1)) == ["m-0"]
    assert log._read_until[mine] == (f"{4:020d}", 4)
    assert log.read({mine: f"{4:020d}"}, 1) == []
    assert log._read_until[mine] == (f"{4:020d}", 7), "nothing up to there is its own"
    log.append(events(1, begin=1))
    assert ids(log.read({mine: f"{4:020d}"}, 1)) == ["m-1"]


def test_an_event_is_in_its_matchs_shard_at_its_place_with_its_bytes(log, clock) -> None:
    log.append([Submitted("a", "m", b"\xff"), Submitted("b", "one", b"{}"), Submitted("a", "m", b"again")])
    assert log.kept("m") == [Arrival(shard_of("m"), f"{1:020d}", clock.now, "a", "m", b"\xff")]
    assert log.kept("one") == [Arrival(shard_of("one"), f"{2:020d}", clock.now, "b", "one", b"{}")]
    assert log.depth() == {shard_of("m"): 1, shard_of("one"): 1}
    assert log.position(shard_of("m")) == ""


def test_dead_letters_of_one_match_leave_those_of_others_and_the_newest_stay(log, monkeypatch) -> None:
    monkeypatch.setattr(sqlite, "MAX_LETTERS", 2)
    monkeypatch.setattr(sqlite, "MAX_ALL_LETTERS", 4)

    def letter(name, at, match):
        return DeadLetter(name, at, "why", match, b"")

    log.bury([letter("a", 5, "m"), letter("b", 3, "m"), letter("c", 4, "m"), letter("x", 1, "o")])
    assert [one.id for one in log.dead_letters()] == ["a", "c", "x"]
    log.bury(letter(f"y{n}", 2, f"match {n}") for n in range(2))
    assert [one.id for one in log.dead_letters()][:2] == ["a", "c"] and len(log.dead_letters()) == 4
    assert log.dead_letter("x") is None, "of all letters the oldest went"
    assert [one.id for one in log.dead_letters(1)] == ["a"]
    log.bury([])
    assert len(log.dead_letters()) == 4


def test_what_is_promised_of_the_embedded_log_in_numbers() -> None:
    assert (sqlite.BUSY_TIMEOUT, sqlite.SWEEP) == (10.0, 3_600.0)
    assert (sqlite.LARGEST_COMMIT, sqlite.RECENT, sqlite.TRIMMED_AT_ONCE, sqlite.ROWS) == (5_000, 10_000, 2_000, 40)
