"""The event store in a file: whole batches or none, days that are kept, and errors that name it."""

import msgspec
import pytest

from cs2_pipeline.live.history import (
    Batch,
    HistoryUnavailableError,
    StoredEvent,
    StoredMatch,
    StoredRound,
    StoredSnapshot,
    bodies,
    queries,
)
from cs2_pipeline.live.history.sqlite import SqliteHistory
from cs2_pipeline.live.pricing import Price

DAY = 86_400.0
NOW = 20_000 * DAY + 3_600.0
EVENT = StoredEvent("m", "e", "p", 1, "kill", "server", 1, NOW, NOW, "1", b"{}")
ROUND = StoredRound("m", "p", 1, 1, 2, 0, 1, 0.5, None, "A", "elimination", "CT", 5)
SNAPSHOT = StoredSnapshot("m", 5, 4, "1", NOW, "{}")
MATCH = StoredMatch("m", "LIVE", "", "", "", "", "", "", 0, 0, "", NOW, NOW, 4, "s", 5, "", "{}", "")


def price(number, at=NOW):
    nothing = {f"{of}_{name}": None for of in ("round", "map", "series") for name in ("p", "low", "high")}
    return Price(price_id=str(number), match_id="m", map_id="p", event_id="e", round_no=1, trigger="kill",
                 state_version=number, ts_calc=at, model_version="1", basis="b", **nothing)  # fmt: skip


@pytest.fixture
def history(tmp_path):
    made = SqliteHistory(tmp_path / "new folder" / "history.sqlite")
    yield made
    made.close()


def counted(history, table):
    return history.ask(f"select count(*) as n from {table}")[0]["n"]  # noqa: S608


def test_what_is_written_is_synced_and_moved_to_its_place_every_so_often(history):
    names = ("journal_mode", "synchronous", "wal_autocheckpoint")
    assert [history.ask(f"pragma {name}")[0][name] for name in names] == ["wal", 2, 4_000]


def test_a_batch_is_written_whole_or_not_at_all(history):
    broken = msgspec.structs.replace(SNAPSHOT, body=object())
    with pytest.raises(HistoryUnavailableError, match=r"history\.sqlite cannot be written"):
        history.write(Batch([EVENT], [price(1)], [ROUND], [MATCH], [broken]))
    assert [counted(history, table) for table in ("events", "prices", "rounds", "matches", "snapshots")] == [0] * 5
    history.write(Batch([EVENT], [price(1)], [ROUND], [MATCH], [SNAPSHOT]))
    assert [counted(history, table) for table in ("events", "prices", "rounds", "matches", "snapshots")] == [1] * 5


def test_what_is_written_twice_is_there_once_and_a_later_row_of_a_round_takes_its_place(history):
    history.write(Batch([EVENT], [price(1)], [ROUND]))
    again = msgspec.structs.replace(ROUND, momentum=0.7)
    history.write(Batch([EVENT], [price(1)], [again]))
    assert counted(history, "events") == counted(history, "prices") == 1
    (row,) = history.ask(queries.ROUNDS, match_id="m", map_id="")
    assert row["momentum"] == 0.7
    history.write(Batch(rounds=[msgspec.structs.replace(ROUND, arrived=4, momentum=0.1)]))
    assert history.ask(queries.ROUNDS, match_id="m", map_id="")[0]["momentum"] == 0.7


@pytest.mark.parametrize(
    ("arrived", "version", "taken"), [(5, 4, True), (5, 5, True), (6, 0, True), (5, 3, False), (4, 9, False)]
)
def test_of_two_rows_of_a_match_the_one_of_more_events_is_the_newer(history, arrived, version, taken):
    history.write(Batch(matches=[MATCH], snapshots=[SNAPSHOT]))
    history.write(Batch(
        matches=[msgspec.structs.replace(MATCH, arrived=arrived, state_version=version, state="new")],
        snapshots=[msgspec.structs.replace(SNAPSHOT, arrived=arrived, state_version=version, body="new")],
    ))  # fmt: skip
    assert (history.ask(queries.MATCH, match_id="m")[0]["state"] == "new") is taken
    assert (history.ask(queries.SNAPSHOT, match_id="m")[0]["body"] == "new") is taken


def test_events_and_snapshots_go_after_90_days_and_prices_after_180(history):
    history.write(Batch(
        [msgspec.structs.replace(EVENT, event_id=str(n), received=NOW - n * DAY) for n in (90, 91)],
        [price(n, NOW - n * DAY) for n in (180, 181)], [ROUND], [MATCH],
        [msgspec.structs.replace(SNAPSHOT, match_id=str(n), updated=NOW - n * DAY) for n in (90, 90.01)],
    ))  # fmt: skip
    assert history.expire(NOW) == 2
    assert [row["event_id"] for row in history.ask("select event_id from events")] == ["90"]
    assert [row["price_id"] for row in history.ask("select price_id from prices")] == ["180"]
    assert [row["match_id"] for row in history.ask("select match_id from snapshots")] == ["90"]
    assert counted(history, "rounds") == counted(history, "matches") == 1


def test_a_store_that_cannot_be_used_is_named(history):
    with pytest.raises(HistoryUnavailableError, match=r"history\.sqlite cannot be read: no such table"):
        history.ask("select * from not_there")
    history._connection().execute("drop table events")
    with pytest.raises(HistoryUnavailableError, match=r"history\.sqlite cannot be written: no such table"):
        history.expire(NOW)


def test_a_closed_store_opens_again_when_it_is_asked(history):
    first = history._connection()
    assert history._connection() is first
    history.close()
    history.close()
    assert counted(history, "events") == 0 and history._connection() is not first


def test_a_batch_is_empty_until_it_holds_anything():
    assert not Batch()
    for one in (Batch([EVENT]), Batch(prices=[price(1)]), Batch(rounds=[ROUND]), Batch(matches=[MATCH]),
                Batch(snapshots=[SNAPSHOT])):  # fmt: skip
        assert one
        whole = Batch([EVENT], [price(1)], [ROUND], [MATCH], [SNAPSHOT])
        whole.add(one)
        lengths = [len(part) for part in (whole.events, whole.prices, whole.rounds, whole.matches, whole.snapshots)]
        assert sorted(lengths) == [1, 1, 1, 1, 2]


def test_bodies_are_bytes_in_whatever_form_they_were_kept():
    assert bodies([{"body": b"\xff"}, {"body": "ü"}]) == [b"\xff", "ü".encode()]
