"""Both event stores give the same answers to the same queries: SQLite, and ClickHouse's engine (chdb)."""

import time

import msgspec
import pytest

from cs2_pipeline.live.history import EVENT_DAYS, PRICE_DAYS, Batch, HistoryUnavailableError, bodies, queries
from cs2_pipeline.live.history.sqlite import SqliteHistory
from cs2_pipeline_tests.live.conftest import Bench
from cs2_pipeline_tests.live.made import play, uid

QUESTIONS = {
    "events": (queries.EVENTS_OF_MATCH, {"match_id": uid("one")}),
    "events after": (queries.EVENTS_AFTER, {"match_id": uid("one"), "position": f"{9:020d}"}),
    "snapshot": (queries.SNAPSHOT, {"match_id": uid("one")}),
    "standing": (queries.STANDING_PRICES, {"match_id": uid("one")}),
    "prices": (queries.PRICES, {"match_id": uid("one"), "map_id": ""}),
    "prices of a map": (queries.PRICES, {"match_id": uid("one"), "map_id": uid("one", 2)}),
    "match": (queries.MATCH, {"match_id": uid("one")}),
    "matches": (queries.MATCHES, {"status": "", "began": 1e300, "match_id": "", "count": 10}),
    "finished": (queries.MATCHES_FINISHED, {"since": 0.0, "until": 1e12}),
    "counted": (queries.MATCHES_COUNTED, {"status": "FINISHED"}),
    "rounds": (queries.ROUNDS, {"match_id": uid("one"), "map_id": ""}),
    "page": (queries.EVENTS_PAGE, {"match_id": uid("two"), "since": 0.0, "count": 7}),
    "team": (queries.TEAM, {"team_id": "20"}),
    "team metrics": (queries.TEAM_METRICS, {"team_id": "20"}),
    "by type": (queries.EVENTS_BY_TYPE, {"match_id": uid("one")}),
    "all events": (queries.EVENTS_COUNTED, {}),
    "daily": (queries.DAILY, {"since": 0}),
}


TTL = {"events": EVENT_DAYS, "prices": PRICE_DAYS, "snapshots": EVENT_DAYS}


@pytest.fixture(scope="module")
def written(tmp_path_factory, champions):
    """What a consumer wrote of two matches with a correction, batch by batch."""
    bench = Bench(tmp_path_factory.mktemp("written"), champions)
    batches, write = [], bench.history.write
    bench.history.write = lambda batch: (batches.append(batch), write(batch))
    events = play(3, rounds=2, maps=2) + play(4, match="two", rounds=2, finish=False)
    wrong = next(event for event in events if event["type"] == "kill")
    correction = wrong | {
        "event_id": uid("c"), "type": "correction", "seq_no": 10**6,
        "payload": {"event_id": wrong["event_id"], "void": True},
    }  # fmt: skip
    for part in (events[:50], events[50:], [correction]):
        bench.send(part)
        bench.consume()
    bench.consumer._pass_time(time.time() + 10)
    return batches, bench.history


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory, written):
    pytest.importorskip("chdb", reason="ClickHouse's engine is not installed: pip install '.[clickhouse-test]'")
    from cs2_pipeline.live.history.clickhouse import ClickHouseHistory

    history = ClickHouseHistory(f"chdb://{tmp_path_factory.mktemp('clickhouse')}")
    for batch in written[0]:
        history.write(batch)
    for batch in written[0][:2]:
        history.write(batch)  # as after a death between writing and noting it
    yield history
    history.close()


def same(rows):
    """Rows in any order where a query gives none, bytes as text."""
    return sorted(
        ([(key, value.decode() if isinstance(value, bytes) else value) for key, value in row.items()] for row in rows),
        key=str,
    )


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_same_query_gives_the_same_rows(written, clickhouse, name) -> None:
    query, values = QUESTIONS[name]
    expected = written[1].ask(query, **values)
    assert expected
    assert same(clickhouse.ask(query, **values)) == same(expected)


def test_the_order_of_events_and_prices_is_the_same(written, clickhouse) -> None:
    for query in (queries.EVENTS_OF_MATCH, queries.PRICES):
        one, other = (h.ask(query, match_id=uid("one"), map_id="") for h in (written[1], clickhouse))
        assert len(one) == len(other)
        if query is queries.EVENTS_OF_MATCH:
            assert bodies(one) == bodies(other)


def test_clickhouse_partitions_by_day_and_forgets_by_ttl(clickhouse) -> None:
    made = {name: clickhouse.ask(f"show create table {name}")[0]["statement"] for name in TTL}
    for name, days in TTL.items():
        assert f"toIntervalDay({days})" in made[name]
        assert ("PARTITION BY toYYYYMMDD" in made[name]) == (name != "snapshots")


def test_an_event_store_that_is_not_there_is_named_without_its_password() -> None:
    clickhouse = pytest.importorskip("cs2_pipeline.live.history.clickhouse", reason="clickhouse-connect is missing")
    with pytest.raises(HistoryUnavailableError) as caught:
        clickhouse.ClickHouseHistory("clickhouse://me:secret@127.0.0.1:1/live")
    assert "127.0.0.1" in str(caught.value) and "secret" not in str(caught.value)


def test_what_is_too_old_goes_and_the_rest_stays(written, tmp_path) -> None:
    history = SqliteHistory(tmp_path / "history.sqlite")
    day, now = 86_400, time.time()
    event, price = written[0][0].events[0], written[0][0].prices[0]
    history.write(
        Batch(
            events=[msgspec.structs.replace(event, event_id=str(n), received=now - n * day) for n in (0, 89, 91, 200)],
            prices=[msgspec.structs.replace(price, price_id=str(n), ts_calc=now - n * day) for n in (0, 179, 181)],
        )
    )
    assert history.expire(now) == 3
    assert {row["event_id"] for row in history.ask("select event_id from events")} == {"0", "89"}
    assert {row["price_id"] for row in history.ask("select price_id from prices")} == {"0", "179"}


def test_an_older_state_never_takes_the_place_of_a_newer_one(written, tmp_path) -> None:
    history = SqliteHistory(tmp_path / "history.sqlite")
    rows = [match for batch in written[0] for match in batch.matches if match.match_id == uid("one")]
    newest = max(rows, key=lambda row: (row.arrived, row.state_version))
    history.write(Batch(matches=[newest]))
    history.write(Batch(matches=rows[:1]))
    assert history.ask(queries.MATCH, match_id=uid("one"))[0]["state"] == newest.state
